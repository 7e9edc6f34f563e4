//! A POST at a door: body, envelope, caller, calls, answer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use time::OffsetDateTime;
use tokio::time::Instant;
use vitrine_encoding::Encoding;

use crate::access_log::Line;
use crate::answer::{Answer, Payload};
use crate::auth::{Caller, Refused};
use crate::dispatch::{self, Context, Method};
use crate::door::{Dialect, Door};
use crate::envelope::{self, Call, Entry, Request, Unreadable};
use crate::error::{self, CallError};
use crate::layers::RequestId;
use crate::limit::{Allowance, Now};
use crate::server::App;
use crate::tiers::Category;

/// What the log calls methods that there are not, whatever they were called.
const UNKNOWN: &str = "unknown";

/// What calls of one request share.
struct Session<'a> {
    app: &'a App,
    dialect: Dialect,
    /// What the answer will be sent in.
    encoding: Encoding,
    request_id: &'a str,
    caller: &'a Caller,
    /// When the request has to be answered, whatever it is made of.
    deadline: Instant,
    /// Bytes that its calls may still answer.
    budget: AtomicUsize,
}

/// A call that has passed the gate, or has not.
struct Admitted<'a> {
    id: Option<&'a str>,
    /// The method's canonical name; `unknown` where there is none.
    method: &'static str,
    call: Result<(&'static Method, Call<'a>), CallError>,
}

/// A call that is over.
struct Done<'a> {
    id: Option<&'a str>,
    result: Result<Payload, CallError>,
}

/// Answers a POST.
pub(crate) async fn post(
    State(app): State<Arc<App>>,
    Extension(request_id): Extension<RequestId>,
    Extension(encoding): Extension<Encoding>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(door) = Door::open(uri.path(), uri.query(), &headers) else {
        return error::http(StatusCode::NOT_FOUND, "There is nothing at this path; see GET /");
    };
    let body = match read(body, &headers, &app).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let deadline = Instant::now() + Duration::from_millis(app.settings.server.call_timeout_ms);
    let settings = &app.settings.rpc;
    let request = envelope::parse(&body, settings.json_depth_max, settings.batch_entries_max);
    let id = match &request {
        Ok(Request::Single(entry)) => entry_id(entry),
        _ => None,
    };
    let asked = app.keyring.caller(door.credential.as_deref(), OffsetDateTime::now_utc());
    let caller = tokio::time::timeout_at(deadline, asked).await.unwrap_or(Err(Refused::Unavailable(None)));
    let caller = match caller {
        Ok(caller) => caller,
        Err(refused) => {
            tracing::info!(target: "vitrine::access", request_id = &*request_id.0, dialect = door.dialect.name(), "refused: {refused}");
            return error::refused(&refused, door.dialect, id, &request_id.0, &app.settings);
        }
    };
    let session = Session {
        app: &app,
        dialect: door.dialect,
        encoding,
        request_id: &request_id.0,
        caller: &caller,
        deadline,
        budget: AtomicUsize::new(settings.response_bytes_max),
    };
    match request {
        Ok(Request::Single(entry)) => session.single(entry).await,
        Ok(Request::Batch(entries)) => session.batch(entries).await,
        Err(Unreadable::NotJson) => session.unreadable(&CallError::NotJson),
        Err(Unreadable::BatchSize) => session.unreadable(&CallError::NotARequest),
    }
}

/// The whole body, within its bounds of size and time.
async fn read(mut body: Body, headers: &HeaderMap, app: &App) -> Result<Bytes, Response> {
    let settings = &app.settings.server;
    let limit = Duration::from_millis(settings.body_timeout_ms);
    let too_large = || {
        let message = format!("Request body too large: at most {} bytes", settings.body_bytes_max);
        error::http(StatusCode::PAYLOAD_TOO_LARGE, &message)
    };
    if body.size_hint().lower() > settings.body_bytes_max as u64 {
        // Who expects a word first has sent nothing yet, and will not.
        if !headers.contains_key(header::EXPECT) {
            linger(body, limit);
        }
        return Err(too_large());
    }
    let collected = Limited::new(&mut body, settings.body_bytes_max).collect();
    match tokio::time::timeout(limit, collected).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            linger(body, limit);
            Err(too_large())
        }
        Ok(Err(_)) => Err(error::http(StatusCode::BAD_REQUEST, "The request body broke off")),
        Err(_) => {
            let message = format!("The request body took longer than {} ms", settings.body_timeout_ms);
            Err(error::http(StatusCode::REQUEST_TIMEOUT, &message))
        }
    }
}

/// Takes what a client still sends and drops it, for a time. A connection that is closed on a client that is
/// sending is reset, and the client may never read why.
fn linger(mut body: Body, limit: Duration) {
    tokio::spawn(async move {
        let dropping = async { while let Some(Ok(_)) = body.frame().await {} };
        // What comes later than that is not worth the wait.
        let _ = tokio::time::timeout(limit, dropping).await;
    });
}

fn entry_id<'a>(entry: &Entry<'a>) -> Option<&'a str> {
    match entry {
        Ok(call) => call.id,
        Err(no_request) => no_request.id,
    }
}

impl Session<'_> {
    async fn single(&self, entry: Entry<'_>) -> Response {
        let notification = matches!(&entry, Ok(Call { id: None, .. }));
        let (admitted, allowance) = self.admit(entry);
        let done = self.run(admitted).await;
        let mut response = match done.result {
            _ if notification => StatusCode::NO_CONTENT.into_response(),
            Ok(result) => {
                let id = done.id.unwrap_or("null");
                error::json_response(StatusCode::OK, envelope::success(result, id))
            }
            Err(error) => error::single(&error, self.dialect, done.id, &self.app.settings),
        };
        rate_headers(&mut response, allowance);
        response
    }

    async fn batch(&self, entries: Vec<Entry<'_>>) -> Response {
        let mut allowance = None;
        let admitted: Vec<_> = entries
            .into_iter()
            .map(|entry| {
                let notification = matches!(&entry, Ok(Call { id: None, .. }));
                let (admitted, state) = self.admit(entry);
                allowance = state.or(allowance);
                (admitted, notification)
            })
            .collect();
        // HTTP 429 only when none got through.
        let limited =
            |(admitted, _): &(Admitted<'_>, bool)| matches!(&admitted.call, Err(CallError::RateLimited(_)));
        let all_limited = admitted.iter().all(limited);
        let mut runs: Vec<BoxFuture<'_, (Done<'_>, bool)>> = Vec::with_capacity(admitted.len());
        for (admitted, notification) in admitted {
            runs.push(Box::pin(async move { (self.run(admitted).await, notification) }));
        }
        let done: Vec<_> =
            stream::iter(runs).buffered(self.app.settings.rpc.batch_concurrency).collect().await;
        let mut response = self.batch_response(done, all_limited);
        rate_headers(&mut response, allowance);
        response
    }

    /// The array of answers, in order; notifications have none.
    fn batch_response(&self, done: Vec<(Done<'_>, bool)>, all_limited: bool) -> Response {
        let settings = &self.app.settings;
        let mut answers = Payload::from("[");
        let mut length = 0;
        let mut retry_after = None;
        for (done, _) in done.into_iter().filter(|(_, notification)| !notification) {
            let over =
                matches!(&done.result, Ok(result) if length + result.len() > settings.rpc.response_bytes_max);
            let result = if over { Err(CallError::response_too_large()) } else { done.result };
            if length > 0 {
                answers.push(",");
            }
            let answer = match result {
                Ok(result) => envelope::success(result, done.id.unwrap_or("null")),
                Err(error) => {
                    let wire = error.wire(self.dialect, settings);
                    retry_after = wire.retry_after_seconds.max(retry_after);
                    envelope::failure(&error::object_text(&wire), done.id)
                }
            };
            length += answer.len();
            answers.append(answer);
        }
        if length == 0 {
            return StatusCode::NO_CONTENT.into_response();
        }
        answers.push("]");
        let status = if all_limited { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::OK };
        let mut response = error::json_response(status, answers);
        error::retry_after(&mut response, retry_after.filter(|_| all_limited));
        response
    }

    fn unreadable(&self, error: &CallError) -> Response {
        self.log(UNKNOWN, error.kind(), &Answer::default(), Duration::ZERO);
        let (taken, allowance) = dispatch::take(self.app, self.caller, Category::SolDas, Now::read());
        let error = taken.as_ref().err().unwrap_or(error);
        let mut response = error::single(error, self.dialect, None, &self.app.settings);
        rate_headers(&mut response, allowance);
        response
    }

    /// Is it a request, is there such a method, may the caller, and not too often?
    fn admit<'e>(&self, entry: Entry<'e>) -> (Admitted<'e>, Option<Allowance>) {
        let now = Now::read();
        let id = entry_id(&entry);
        // What is no call of any method counts too: nobody sends nonsense for free.
        let nonsense = |error: CallError| {
            let (taken, allowance) = dispatch::take(self.app, self.caller, Category::SolDas, now);
            (Admitted { id, method: UNKNOWN, call: Err(taken.err().unwrap_or(error)) }, allowance)
        };
        let Ok(call) = entry else { return nonsense(CallError::NotARequest) };
        let Some(method) = dispatch::find(&call.method) else { return nonsense(CallError::UnknownMethod) };
        let (admitted, allowance) = method.admit(self.app, self.caller, now);
        (Admitted { id, method: method.name, call: admitted.map(|()| (method, call)) }, allowance)
    }

    /// Runs an admitted call within its time, turns a panic into an error of ours, and logs either.
    async fn run<'e>(&self, admitted: Admitted<'e>) -> Done<'e> {
        let start = Instant::now();
        let name = admitted.method;
        let result = match admitted.call {
            Err(error) => Err(error),
            Ok((method, call)) => self.call(method, &call).await,
        };
        let total = start.elapsed();
        match &result {
            Ok(answer) => self.log(name, "ok", answer, total),
            Err(error) => {
                self.log(name, error.kind(), &Answer::default(), total);
                self.explain(name, error);
            }
        }
        Done { id: admitted.id, result: result.map(|answer| answer.result) }
    }

    async fn call(&self, method: &Method, call: &Call<'_>) -> Result<Answer, CallError> {
        let bytes_max = self.budget.load(Ordering::Relaxed);
        if bytes_max == 0 {
            return Err(CallError::response_too_large());
        }
        let context = Context {
            app: self.app,
            dialect: self.dialect,
            encoding: self.encoding,
            params: call.params,
            bytes_max,
        };
        let run = AssertUnwindSafe((method.run)(context)).catch_unwind();
        let answer = match tokio::time::timeout_at(self.deadline, run).await {
            Err(_) => return Err(CallError::Unavailable(None)),
            Ok(Err(_)) => return Err(CallError::Internal(anyhow::anyhow!("{} panicked", method.name))),
            Ok(Ok(result)) => result?,
        };
        // Calls of a batch that run side by side may together go over; those behind them do not run any more.
        let used = answer.result.len();
        let _ = self
            .budget
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(used)));
        Ok(answer)
    }

    fn log(&self, method: &str, outcome: &str, answer: &Answer, total: Duration) {
        let line = Line {
            request_id: self.request_id,
            dialect: self.dialect,
            method,
            tier: self.app.tiers.name(self.caller.tier),
            key_id: self.caller.key_id.unwrap_or(0),
            outcome,
            rows: answer.rows,
            bytes: answer.result.len(),
            db: answer.db,
            total,
        };
        line.write();
    }

    /// What the client does not get to read.
    fn explain(&self, method: &str, error: &CallError) {
        match error {
            CallError::Internal(cause) => {
                tracing::error!(request_id = self.request_id, method, "{method} failed: {cause:#}");
            }
            CallError::Unavailable(Some(cause)) => {
                tracing::warn!(request_id = self.request_id, method, "{method} had no database: {cause}");
            }
            CallError::Unavailable(None) => {
                tracing::warn!(request_id = self.request_id, method, "{method} ran out of time");
            }
            _ => {}
        }
    }
}

/// `x-ratelimit-*`, as Helius names them; a caller without a limit has none.
fn rate_headers(response: &mut Response, allowance: Option<Allowance>) {
    let Some(Allowance { limit, remaining, reset_at }) = allowance else { return };
    for (name, value) in [
        ("x-ratelimit-limit", u64::from(limit)),
        ("x-ratelimit-remaining", remaining),
        ("x-ratelimit-reset", reset_at),
    ] {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from(value));
    }
}
