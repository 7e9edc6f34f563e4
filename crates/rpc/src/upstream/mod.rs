//! The upstream: a Solana node that answers what is not ours. One call of a client is one call to it, made anew from
//! method and parameters: no header, URL or id of a client ever goes there. Of its URL nothing comes back with an error,
//! and no key with a result.

mod balance;
mod breaker;
mod names;
mod passing;
mod reply;
mod scan;
mod secret;

use std::borrow::Cow;
use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use bytes::{Bytes, BytesMut};
use reqwest::{Client, Response, Url};
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use self::breaker::Breaker;
use self::scan::ResultScan;
use self::secret::Secrets;
use crate::settings::Settings;

pub(crate) use self::names::{category, logged};
pub(crate) use self::passing::Passing;
pub(crate) use self::reply::Reply;

/// Up to here an answer is read whole before any of it is sent on, so that what goes wrong can still be told.
const WHOLE_BYTES_MAX: usize = 64 << 10;

/// The longest wait that a client is told of.
const RETRY_AFTER_SECONDS_MAX: u64 = 60;

/// The upstream of this server.
pub(crate) struct Upstream {
    client: Client,
    url: Url,
    secrets: Secrets,
    /// A permit a connection.
    room: Arc<Semaphore>,
    breaker: Breaker,
    timeout: Duration,
    answer_timeout: Duration,
    balance_timeout: Duration,
}

/// Why the upstream cannot be used at all. No message holds its URL.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// Not a URL.
    #[error("upstream.rpc_url is no URL")]
    Url,
    /// The client cannot be made: for want of the system's certificates, most likely.
    #[error("no client for the upstream: {0}")]
    Client(String),
}

/// Why the upstream gave no answer. No text holds its URL: the texts are for the log all the same.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// It failed so often that it is left alone for a while.
    #[error("it is left alone after several failures on end")]
    Paused,
    /// No connection became free.
    #[error("all upstream.connections_max connections were in use")]
    Busy,
    /// No connection, or none that lasted until the answer.
    #[error("it cannot be asked: {0}")]
    Unreachable(String),
    /// Too long a silence.
    #[error("it did not answer in time")]
    Silent,
    /// The answer began and did not end.
    #[error("its answer broke off")]
    BrokeOff,
    /// An answer that is not JSON-RPC's own, and after how many seconds it wants to be asked again, if it said so.
    #[error("it answered HTTP {}", .0.as_u16())]
    Status(StatusCode, Option<u64>),
    /// It will not have this call, whenever it is asked, and says so in no words of JSON-RPC.
    #[error("it refused the call with HTTP {}", .0.as_u16())]
    Refused(StatusCode),
    /// An answer that is none.
    #[error("its answer is no JSON-RPC answer")]
    NoAnswer,
    /// An answer that is not for others.
    #[error("its answer holds a key of its URL")]
    Withheld,
    /// More bytes than the call may answer.
    #[error("its answer is too large")]
    TooLarge,
}

impl Trouble {
    /// After how many seconds the upstream wants to be asked again, where it said so: at most a minute, for it speaks of
    /// the operator's quota, and not of the client's.
    pub(crate) fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Status(_, seconds) => seconds.map(|seconds| seconds.clamp(1, RETRY_AFTER_SECONDS_MAX)),
            _ => None,
        }
    }

    /// What it is of an answer with this status, which is not [`is_ours_to_solve`]: a refusal needs no words, and what
    /// is wrong with them says nothing of the node.
    fn of_answer_with(self, status: StatusCode) -> Self {
        match self {
            Self::NoAnswer | Self::BrokeOff | Self::TooLarge if status.is_client_error() => {
                Self::Refused(status)
            }
            trouble => trouble,
        }
    }
}

/// A call to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a str,
    pub(crate) params: Option<&'a RawValue>,
    /// When the answer has to be here, or to have begun where it may be passed on in pieces.
    pub(crate) deadline: Instant,
    /// The most bytes that are read before any is sent on.
    pub(crate) bytes_max: usize,
    /// Whether a long answer may be passed on in pieces.
    pub(crate) in_pieces: bool,
}

impl fmt::Debug for Upstream {
    /// Without the URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("breaker", &self.breaker).finish_non_exhaustive()
    }
}

impl Upstream {
    /// The configured upstream, if there is one.
    pub(crate) fn new(settings: &Settings) -> Result<Option<Self>, UpstreamError> {
        let upstream = &settings.upstream;
        if upstream.rpc_url.is_empty() {
            return Ok(None);
        }
        let url: Url = upstream.rpc_url.parse().map_err(|_| UpstreamError::Url)?;
        // An error says that somebody was faster, who chose the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            .user_agent(concat!("vitrine/", env!("CARGO_PKG_VERSION")))
            // One call a connection: then `connections_max` bounds both.
            .http1_only()
            .pool_max_idle_per_host(upstream.connections_max)
            .pool_idle_timeout(Duration::from_millis(upstream.idle_timeout_ms))
            .connect_timeout(Duration::from_millis(upstream.connect_timeout_ms))
            .tcp_nodelay(true)
            // The URL may hold a key: it goes where the operator said, by no proxy or redirect of anybody else's.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            // A transaction is not for us to send twice.
            .retry(reqwest::retry::never());
        if url.scheme() == "http" {
            // No certificate is looked at: then none need be installed.
            client = client.tls_certs_only([]);
        }
        let client = client.build().map_err(|error| UpstreamError::Client(root_cause(&error)))?;
        let call_timeout = settings.server.call_timeout_ms;
        Ok(Some(Self {
            client,
            secrets: Secrets::of(&url),
            url,
            room: Arc::new(Semaphore::new(upstream.connections_max)),
            breaker: Breaker::new(Duration::from_millis(upstream.pause_ms)),
            timeout: Duration::from_millis(upstream.timeout_ms),
            answer_timeout: Duration::from_millis(upstream.answer_timeout_ms),
            balance_timeout: Duration::from_millis(upstream.balance_timeout_ms.min(call_timeout / 2)),
        }))
    }

    /// Whether it is left alone for now, after failures on end.
    pub(crate) fn is_paused(&self) -> bool {
        self.breaker.is_open()
    }

    /// Makes a call. The id that goes to the upstream is ours; whoever asked puts the client's own into the answer.
    pub(crate) async fn call(&self, ask: Ask<'_>) -> Result<Reply, Trouble> {
        let began = Instant::now();
        let until = ask.deadline.min(began + self.timeout);
        if !self.breaker.admits(began.into_std()) {
            return Err(Trouble::Paused);
        }
        let permit = self.permit(until).await?;
        let response = self.send(&ask, until).await?;
        let status = response.status();
        if is_ours_to_solve(status) {
            return Err(Trouble::Status(status, retry_after_seconds(response.headers())));
        }
        let ends_at = began + self.answer_timeout;
        let read = self.read(response, permit, &ask, ends_at).await;
        let read = read.map_err(|trouble| trouble.of_answer_with(status));
        self.note(began, &read);
        let reply = read?;
        match reply {
            Reply::Result(_) | Reply::Passing(_) if status.is_client_error() => Err(Trouble::Refused(status)),
            // Nodes and providers do answer errors of JSON-RPC with such statuses; a result with one is odd.
            Reply::Result(_) | Reply::Passing(_) if !status.is_success() => {
                Err(Trouble::Status(status, None))
            }
            Reply::Error(error) => self.without_the_url(error).map(Reply::Error),
            Reply::Result(result) => {
                // Whole: what would be held back is behind it.
                self.secrets.watch().pass(result.clone()).map_err(|_| Trouble::Withheld)?;
                Ok(Reply::Result(result))
            }
            Reply::Passing(_) => Ok(reply),
        }
    }

    /// The error without a part of the URL, and else to the letter.
    fn without_the_url(&self, error: Box<RawValue>) -> Result<Box<RawValue>, Trouble> {
        match self.secrets.hide_in_json(error.get()) {
            None => Err(Trouble::Withheld),
            Some(Cow::Borrowed(_)) => Ok(error),
            Some(Cow::Owned(clean)) => RawValue::from_string(clean).map_err(|_| Trouble::Withheld),
        }
    }

    async fn permit(&self, until: Instant) -> Result<OwnedSemaphorePermit, Trouble> {
        match timeout_at(until, Arc::clone(&self.room).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(Trouble::Busy),
        }
    }

    /// Sends the request and waits for the head of the answer.
    async fn send(&self, ask: &Ask<'_>, until: Instant) -> Result<Response, Trouble> {
        let began = Instant::now();
        let request = self
            .client
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))
            .body(request_body(ask.method, ask.params));
        let sent = timeout_at(until, request.send()).await;
        let now = Instant::now();
        match sent {
            Ok(Ok(response)) => {
                if is_gateway_failure(response.status()) {
                    self.breaker.failed(began.into_std(), now.into_std());
                } else if is_ours_to_solve(response.status()) {
                    self.breaker.answered(now.into_std());
                }
                Ok(response)
            }
            Ok(Err(error)) => {
                self.breaker.failed(began.into_std(), now.into_std());
                Err(Trouble::Unreachable(self.secrets.hide(&root_cause(&error)).into_owned()))
            }
            Err(_) => {
                self.note_silence(began, now);
                Err(Trouble::Silent)
            }
        }
    }

    /// Tells the breaker what became of an answer that began well: a head alone is none.
    fn note(&self, began: Instant, read: &Result<Reply, Trouble>) {
        let now = Instant::now();
        match read {
            Ok(_) | Err(Trouble::TooLarge | Trouble::Withheld | Trouble::Refused(_)) => {
                self.breaker.answered(now.into_std());
            }
            Err(Trouble::Silent) => self.note_silence(began, now),
            Err(_) => self.breaker.failed(began.into_std(), now.into_std()),
        }
    }

    /// A call near the deadline of its client was not given the time to tell.
    fn note_silence(&self, began: Instant, now: Instant) {
        if now - began >= self.timeout.min(self.balance_timeout) / 2 {
            self.breaker.failed(began.into_std(), now.into_std());
        }
    }

    async fn read(
        &self,
        mut response: Response,
        permit: OwnedSemaphorePermit,
        ask: &Ask<'_>,
        ends_at: Instant,
    ) -> Result<Reply, Trouble> {
        let mut in_pieces = ask.in_pieces;
        let mut body = BytesMut::new();
        loop {
            let until = ask.deadline.min(Instant::now() + self.timeout);
            let piece = match timeout_at(until, response.chunk()).await {
                Err(_) => return Err(Trouble::Silent),
                Ok(Err(_)) => return Err(Trouble::BrokeOff),
                Ok(Ok(piece)) => piece,
            };
            let Some(piece) = piece else { break };
            body.extend_from_slice(&piece);
            if in_pieces && body.len() >= WHOLE_BYTES_MAX {
                let mut scan = ResultScan::new();
                let part = scan.feed(&body).map_err(|_| Trouble::NoAnswer)?;
                if scan.has_begun() {
                    let mut watch = self.secrets.watch();
                    let beginning = watch.pass(body.freeze().slice(part)).map_err(|_| Trouble::Withheld)?;
                    let timeout = self.timeout;
                    let passing = Passing { beginning, scan, watch, response, timeout, ends_at, permit };
                    return Ok(Reply::Passing(Box::new(passing)));
                }
                // A long error, or something odd: it has to be read whole to be told.
                in_pieces = false;
            }
            if body.len() > ask.bytes_max {
                return Err(Trouble::TooLarge);
            }
        }
        reply::parse(&body.freeze())
    }
}

/// The request: nothing in it is the client's but method and parameters.
fn request_body(method: &str, params: Option<&RawValue>) -> Bytes {
    let method = serde_json::Value::from(method);
    let params = params.map(|params| format!(r#","params":{}"#, params.get())).unwrap_or_default();
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":{method}{params}}}"#).into()
}

/// Whether a status says something of the way to the upstream rather than of the call: its key, its quota, its health.
fn is_ours_to_solve(status: StatusCode) -> bool {
    let of_the_account = [
        StatusCode::UNAUTHORIZED,
        StatusCode::PAYMENT_REQUIRED,
        StatusCode::FORBIDDEN,
        StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    status.is_server_error() || of_the_account.contains(&status)
}

/// After how many seconds an upstream that refuses wants to be asked again; a date is not read.
fn retry_after_seconds(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

/// Whether somebody in between says that there is nobody behind.
fn is_gateway_failure(status: StatusCode) -> bool {
    [StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT].contains(&status)
}

/// What is at the bottom of an error of the HTTP client. Its upper levels tell the URL.
fn root_cause(error: &reqwest::Error) -> String {
    let Some(mut cause) = error.source() else { return "no reason is known".to_owned() };
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_request_has_our_id_and_the_clients_parameters() {
        let params = RawValue::from_string(r#"[ "a\u0041", 1.50 ]"#.to_owned()).unwrap();
        assert_eq!(
            request_body("get\"B", Some(&params)),
            r#"{"jsonrpc":"2.0","id":1,"method":"get\"B","params":[ "a\u0041", 1.50 ]}"#
        );
        assert_eq!(request_body("getSlot", None), r#"{"jsonrpc":"2.0","id":1,"method":"getSlot"}"#);
    }

    #[test]
    fn nothing_shows_the_url() {
        let mut settings = Settings::default();
        assert!(Upstream::new(&settings).unwrap().is_none());
        settings.upstream.rpc_url = "http://u:s3cr3t@127.0.0.1:1/s3cr3t?api-key=s3cr3t".to_owned();
        let upstream = Upstream::new(&settings).unwrap().unwrap();
        assert!(!format!("{upstream:?}").contains("s3cr3t"));
        settings.upstream.rpc_url = "s3cr3t".to_owned();
        assert!(!Upstream::new(&settings).unwrap_err().to_string().contains("s3cr3t"));
    }
}
