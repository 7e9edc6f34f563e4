//! A POST at a door: body, envelope, caller, calls, answer.

mod pass_on;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::{self, HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use time::OffsetDateTime;
use tokio::time::Instant;
use vitrine_encoding::Encoding;

use crate::access_log::{ACCESS_LOG, Line};
use crate::answer::{Answer, Payload};
use crate::auth::{Caller, Refused};
use crate::dispatch::{self, Context, Method, Target};
use crate::door::{Dialect, Door};
use crate::envelope::{self, Call, Entry, Request, Unreadable};
use crate::error::{self, CallError};
use crate::limit::{Allowance, Now};
use crate::server::App;
use crate::tiers::Category;
use crate::upstream::Passing;

/// What the log calls methods that there are not, whatever they were called.
const UNKNOWN: &str = "unknown";

/// What calls of one request share.
struct Session<'a> {
    app: &'a Arc<App>,
    dialect: Dialect,
    /// What the answer will be sent in.
    encoding: Encoding,
    request_id: &'a Arc<str>,
    caller: &'a Caller,
    /// When the request has to be answered, whatever it is made of.
    deadline: Instant,
    /// Bytes that its calls may still answer.
    budget: AtomicUsize,
}

/// A call that has passed the gate, or has not.
struct Admitted<'a> {
    id: Option<&'a str>,
    /// What the log calls the method; `unknown` where there is none.
    method: &'static str,
    category: Category,
    notification: bool,
    call: Result<(Target, Call<'a>), CallError>,
}

/// A call that is over.
struct Done<'a> {
    id: Option<&'a str>,
    notification: bool,
    result: Result<Payload, CallError>,
}

/// An entry of a batch that is run: its place, and what came of it.
type Run<'a> = BoxFuture<'a, (usize, Done<'a>)>;

/// What a call comes to.
enum Outcome {
    /// An answer, whole.
    Answer(Answer),
    /// The beginning of one that is passed on in pieces.
    Passing(Box<Passing>),
}

/// Answers a POST at a door: under this request id, and in this encoding.
pub(crate) async fn post(
    app: &Arc<App>,
    door: Door,
    request: http::Request<Incoming>,
    (request_id, encoding): (&Arc<str>, Encoding),
) -> Response {
    let (parts, body) = request.into_parts();
    let body = match read(body, &parts.headers, app).await {
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
            tracing::info!(target: ACCESS_LOG, request_id = &**request_id, dialect = door.dialect.name(), "refused: {refused}");
            return error::refused(&refused, door.dialect, id, request_id, &app.settings);
        }
    };
    let session = Session {
        app,
        dialect: door.dialect,
        encoding,
        request_id,
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
async fn read(mut body: Incoming, headers: &HeaderMap, app: &App) -> Result<Bytes, Response> {
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
fn linger(mut body: Incoming, limit: Duration) {
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

/// Runs entries in their order, so many at a time.
async fn run_lane(runs: Vec<Run<'_>>, side_by_side: usize) -> Vec<(usize, Done<'_>)> {
    stream::iter(runs).buffered(side_by_side).collect().await
}

impl Session<'_> {
    async fn single(&self, entry: Entry<'_>) -> Response {
        let (admitted, allowance) = self.admit(entry);
        let (id, notification) = (admitted.id, admitted.notification);
        let (method, category) = (admitted.method, admitted.category);
        let start = Instant::now();
        let mut response = match self.run(admitted, !notification).await {
            _ if notification => StatusCode::NO_CONTENT.into_response(),
            Ok(Outcome::Answer(answer)) => {
                error::json_response(StatusCode::OK, envelope::success(answer.result, id.unwrap_or("null")))
            }
            Ok(Outcome::Passing(passing)) => self.stream(*passing, id, (method, category), start),
            Err(error) => error::single(&error, self.dialect, id, &self.app.settings),
        };
        rate_headers(&mut response, allowance);
        response
    }

    async fn batch(&self, entries: Vec<Entry<'_>>) -> Response {
        let mut allowance = None;
        let admitted: Vec<_> = entries
            .into_iter()
            .map(|entry| {
                let (admitted, state) = self.admit(entry);
                allowance = state.or(allowance);
                admitted
            })
            .collect();
        // HTTP 429 only when none got through.
        let limited = |admitted: &Admitted<'_>| matches!(&admitted.call, Err(CallError::RateLimited(_)));
        let all_limited = admitted.iter().all(limited);
        // Two lanes: calls that wait for the upstream must not keep ours from being run.
        let mut lanes: [Vec<Run<'_>>; 2] = [Vec::new(), Vec::new()];
        for (place, admitted) in admitted.into_iter().enumerate() {
            let lane = usize::from(matches!(&admitted.call, Ok((Target::Upstream(..), _))));
            lanes[lane].push(Box::pin(async move { (place, self.run_whole(admitted).await) }));
        }
        let side_by_side = self.app.settings.rpc.batch_concurrency;
        let [own, passed_on] = lanes.map(|runs| run_lane(runs, side_by_side));
        let (mut done, passed_on) = tokio::join!(own, passed_on);
        done.extend(passed_on);
        done.sort_unstable_by_key(|(place, _)| *place);
        let mut response = self.batch_response(done.into_iter().map(|(_, done)| done), all_limited);
        rate_headers(&mut response, allowance);
        response
    }

    /// The array of answers, in order; notifications have none.
    fn batch_response<'e>(&self, done: impl Iterator<Item = Done<'e>>, all_limited: bool) -> Response {
        let settings = &self.app.settings;
        let mut answers = Payload::from("[");
        let mut length = 0;
        let mut retry_after = None;
        for done in done.filter(|done| !done.notification) {
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
                    envelope::failure(&wire.object, done.id)
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
        self.log(UNKNOWN, Category::SolDas, error.kind(), &Answer::default(), Duration::ZERO);
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
        let notification = matches!(&entry, Ok(Call { id: None, .. }));
        // What is no call of any method counts too: nobody sends nonsense for free.
        let nonsense = |error: CallError| {
            let (taken, allowance) = dispatch::take(self.app, self.caller, Category::SolDas, now);
            let call = Err(taken.err().unwrap_or(error));
            (Admitted { id, method: UNKNOWN, category: Category::SolDas, notification, call }, allowance)
        };
        let Ok(call) = entry else { return nonsense(CallError::NotARequest) };
        let Some(target) = dispatch::find(&call.method, self.app.upstream.is_some()) else {
            return nonsense(CallError::UnknownMethod);
        };
        let (admitted, allowance) = target.admit(&call.method, self.app, self.caller, now);
        let (method, category) = (target.logged(), target.category());
        let call = admitted.map(|()| (target, call));
        (Admitted { id, method, category, notification, call }, allowance)
    }

    /// As [`Session::run`], without answers in pieces.
    async fn run_whole<'e>(&self, admitted: Admitted<'e>) -> Done<'e> {
        let Admitted { id, notification, .. } = admitted;
        let result = match self.run(admitted, false).await {
            Ok(Outcome::Answer(answer)) => Ok(answer.result),
            // Not asked for.
            Ok(Outcome::Passing(_)) => Err(CallError::response_too_large()),
            Err(error) => Err(error),
        };
        Done { id, notification, result }
    }

    /// Runs an admitted call within its time, turns a panic into an error of ours, and logs either.
    async fn run(&self, admitted: Admitted<'_>, in_pieces: bool) -> Result<Outcome, CallError> {
        let start = Instant::now();
        let Admitted { method: name, category, .. } = admitted;
        let result = match admitted.call {
            Err(error) => Err(error),
            Ok((Target::Own(method), call)) => self.call(method, &call).await.map(Outcome::Answer),
            Ok((Target::Upstream(..), call)) => self.pass_on(name, &call, in_pieces).await,
        };
        let total = start.elapsed();
        match &result {
            Ok(Outcome::Answer(answer)) => self.log(name, category, "ok", answer, total),
            // Logged at its end.
            Ok(Outcome::Passing(_)) => {}
            Err(error) => {
                self.log(name, category, error.kind(), &Answer::default(), total);
                self.explain(name, error);
            }
        }
        result
    }

    async fn call(&self, method: &Method, call: &Call<'_>) -> Result<Answer, CallError> {
        let bytes_max = self.bytes_left()?;
        let context = Context {
            app: self.app,
            request_id: self.request_id,
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
        self.spend(answer.result.len());
        Ok(answer)
    }

    /// Bytes that calls may still answer, at least one.
    fn bytes_left(&self) -> Result<usize, CallError> {
        match self.budget.load(Ordering::Relaxed) {
            0 => Err(CallError::response_too_large()),
            left => Ok(left),
        }
    }

    /// Calls of a batch that run side by side may together go over; those behind them do not run any more.
    fn spend(&self, used: usize) {
        let _ = self
            .budget
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(used)));
    }

    fn log(&self, method: &str, category: Category, outcome: &str, answer: &Answer, total: Duration) {
        let line = Line {
            request_id: self.request_id,
            dialect: self.dialect,
            method,
            category,
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
                tracing::error!(request_id = &**self.request_id, method, "{method} failed: {cause:#}");
            }
            CallError::Unavailable(Some(cause)) => {
                tracing::warn!(request_id = &**self.request_id, method, "{method} had no database: {cause}");
            }
            CallError::Unavailable(None) => {
                tracing::warn!(request_id = &**self.request_id, method, "{method} ran out of time");
            }
            CallError::NoUpstream(trouble) => {
                tracing::warn!(
                    request_id = &**self.request_id,
                    method,
                    "{method} had no upstream: {trouble}"
                );
            }
            CallError::RefusedUpstream(status) => {
                let status = status.as_u16();
                tracing::warn!(
                    request_id = &**self.request_id,
                    method,
                    "{method} was refused by the upstream with HTTP {status} alone: is upstream.rpc_url right?"
                );
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
