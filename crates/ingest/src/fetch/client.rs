//! One document from one place: bounded in time, bytes and redirects, from hosts of the Internet alone, and JSON in the end.

use std::error::Error;
use std::io::Read as _;
use std::str;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode, redirect};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;
use url::Url;
use vitrine_model::Json;
use vitrine_store::host_of;

use super::DocumentSettings;
use super::address::RefusedAddress;
use super::hosts::Hosts;
use super::place::{Gateways, Place};
use super::resolver::{PrivateHosts, Resolver};
use crate::normalise::shown_bytes;

/// Levels of JSON that an asset and an answer put around a document: it has to be readable inside of them.
const LEVELS_AROUND: usize = 20;

/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(30);

/// The longest time for which a host is left alone that does not want more.
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// Fetches documents. Connections are shared; nothing else is kept.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    private_hosts: PrivateHosts,
    hosts: Hosts,
    gateways: Gateways,
    document_bytes_max: usize,
    redirects_max: u32,
    timeout: Duration,
    /// The shortest time for which a host is left alone.
    pause_min: Duration,
}

/// What a server answered.
enum Answer {
    Body(Vec<u8>),
    Redirect(Url),
}

/// Why a document did not come. No text holds a uri or anything of a server's answer but its status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The uri is not one that can be fetched.
    #[error("{0}")]
    Uri(&'static str),
    /// None of its tries came to an end.
    #[error("its tries did not come to an end")]
    Unfinished,
    /// It names an address that is not one of the Internet.
    #[error("the host's address is not one of the Internet")]
    Refused,
    /// The name of its host leads to no address of the Internet, at the moment.
    #[error("the host's name leads to no address of the Internet")]
    RefusedName,
    /// A redirect names an address that is not one of the Internet.
    #[error("it is redirected to an address that is not one of the Internet")]
    RefusedRedirect,
    /// Its host is spoken to by as many as may, or is left alone for a while: it was not tried.
    #[error("its host is left alone for a while")]
    Busy {
        /// How long at least.
        left: Duration,
    },
    /// It is larger than it may be.
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
    /// The server answered with another status than 200.
    #[error("the server answered {status}")]
    Status {
        /// That status.
        status: u16,
        /// After what time the server wants to be asked again, where it says so.
        retry_after: Option<Duration>,
    },
    /// More redirects than are followed.
    #[error("it is redirected more than {0} times")]
    Redirects(u32),
    /// A redirect without a place to go to.
    #[error("it is redirected to no uri of the Web")]
    Location,
    /// The answer is packed in a way that was not asked for, or not packed as it says.
    #[error("its content encoding cannot be read")]
    Encoding,
    /// It took too long.
    #[error("it took longer than {0:?}")]
    Timeout(Duration),
    /// No connection could be made: no such name, nobody there, or no TLS that holds.
    #[error("no connection could be made")]
    Connect,
    /// The connection broke, or what came over it was not HTTP.
    #[error("the connection broke")]
    Broken,
    /// It is not text.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// It is not JSON that every client can read.
    #[error("{0}")]
    NotJson(String),
    /// It is JSON, but no object.
    #[error("it is not a JSON object")]
    NotObject,
    /// An asset would show more of it than it may be large: many short files make long lines.
    #[error("an asset would show more than {0} bytes of it")]
    ShowsTooMuch(usize),
    /// It is here, and the assets that name it could not be made of it.
    #[error("its assets could not be made")]
    NotMade,
}

/// A client that cannot be made: no TLS.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client could be made: {0}")]
pub struct ClientError(#[source] Box<dyn Error + Send + Sync>);

impl Failure {
    /// Whether it will be so at every further try.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Uri(_) | Self::Refused | Self::Unfinished)
    }

    /// For how long its host is to be left alone: one that does not want more at the moment, or is not there.
    fn pause(&self, least: Duration) -> Option<Duration> {
        let is_of_host = matches!(self, Self::Connect | Self::Status { status: 429 | 503, .. });
        is_of_host.then(|| self.retry_after().unwrap_or_default().max(least).min(PAUSE_MAX))
    }

    /// After what time the server wants to be asked again, where it says so.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Of the failures of two places that which says more: what may pass, then that a place was not tried, then what stays.
    fn or(self, other: Self) -> Self {
        let rank = |failure: &Self| match failure {
            Self::Busy { .. } => 1,
            failure if failure.is_final() => 2,
            _ => 0,
        };
        match (self, other) {
            (Self::Busy { left: one }, Self::Busy { left: other }) => Self::Busy { left: one.min(other) },
            (one, other) if rank(&other) < rank(&one) => other,
            (one, _) => one,
        }
    }
}

impl Client {
    /// Makes a client; it connects to nobody yet.
    pub fn new(settings: &DocumentSettings) -> Result<Self, ClientError> {
        let private_hosts = PrivateHosts::new(&settings.private_hosts);
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls()?)
            .user_agent(concat!("vitrine/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Resolver { private_hosts: private_hosts.clone() })
            // A proxy would resolve names for us, and redirects would be followed unseen.
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_gzip()
            .http1_only()
            .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(settings.fetches_per_host_max as usize)
            .build()
            .map_err(|error| ClientError(error.into()))?;
        Ok(Self {
            http,
            private_hosts,
            hosts: Hosts::new(settings.fetches_per_host_max),
            gateways: Gateways {
                ipfs: settings.ipfs_gateways.clone(),
                arweave: settings.arweave_gateways.clone(),
            },
            document_bytes_max: settings.document_bytes_max,
            redirects_max: settings.redirects_max,
            timeout: Duration::from_millis(settings.fetch_timeout_ms),
            pause_min: Duration::from_millis(settings.retry_min_ms),
        })
    }

    /// Whether a host is to be left alone at the moment.
    pub(super) fn leaves_alone(&self, host: &str) -> bool {
        self.hosts.paused(host).is_some()
    }

    /// The document of a uri, at the `attempt`th try (from 1 on): where several gateways lead to it, one after the other is asked
    /// until one has it, and each try begins with another one.
    pub async fn fetch(&self, uri: &str, attempt: u32) -> Result<Json, Failure> {
        let urls = match self.gateways.place(uri, attempt)? {
            Place::Here(bytes) => return self.document(&bytes),
            Place::Web(urls) => urls,
        };
        let mut failed: Option<Failure> = None;
        for url in urls {
            match self.fetch_from(url).await {
                Ok(json) => return Ok(json),
                Err(failure) => {
                    failed = Some(match failed {
                        Some(before) => before.or(failure),
                        None => failure,
                    });
                }
            }
        }
        Err(failed.unwrap_or(Failure::Uri("no gateway is configured for it")))
    }

    /// The document from one place, in its time.
    async fn fetch_from(&self, url: Url) -> Result<Json, Failure> {
        let waits = AtomicBool::new(false);
        match timeout(self.timeout, self.get(url, &waits)).await {
            Ok(bytes) => self.document(&bytes?),
            Err(_) if waits.into_inner() => Err(Failure::Busy { left: self.pause_min }),
            Err(_) => Err(Failure::Timeout(self.timeout)),
        }
    }

    /// Follows redirects until something is there. `waits` says whether others are waited for.
    async fn get(&self, mut url: Url, waits: &AtomicBool) -> Result<Vec<u8>, Failure> {
        for hop in 0..=self.redirects_max {
            let refused = if hop == 0 { Failure::Refused } else { Failure::RefusedRedirect };
            self.private_hosts.admit(&url).map_err(|_| refused)?;
            let host = host_of(&url).ok_or(Failure::Uri("its host is too long"))?.to_owned();
            waits.store(true, Ordering::Relaxed);
            let turn = self.hosts.turn(&host).await.map_err(|left| Failure::Busy { left })?;
            waits.store(false, Ordering::Relaxed);
            let answer = self.ask(&url).await;
            drop(turn);
            match answer {
                Ok(Answer::Body(bytes)) => return Ok(bytes),
                Ok(Answer::Redirect(to)) => url = to,
                Err(failure) => {
                    if let Some(pause) = failure.pause(self.pause_min) {
                        self.hosts.pause(&host, pause);
                    }
                    return Err(failure);
                }
            }
        }
        Err(Failure::Redirects(self.redirects_max))
    }

    /// One request, and its answer.
    async fn ask(&self, url: &Url) -> Result<Answer, Failure> {
        let request = self.http.get(url.clone()).header(ACCEPT, "application/json, */*;q=0.5");
        let response =
            request.header(ACCEPT_ENCODING, "gzip").send().await.map_err(|error| failure(&error))?;
        match response.status() {
            StatusCode::OK => self.read(response).await.map(Answer::Body),
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT => target(url, &response).map(Answer::Redirect),
            status => Err(Failure::Status { status: status.as_u16(), retry_after: retry_after(&response) }),
        }
    }

    /// A document that is neither larger nor shows more than it may.
    fn document(&self, bytes: &[u8]) -> Result<Json, Failure> {
        let most = self.document_bytes_max;
        if bytes.len() > most {
            return Err(Failure::TooLarge(most));
        }
        let json = document(bytes)?;
        if shown_bytes(json.as_str()) > most { Err(Failure::ShowsTooMuch(most)) } else { Ok(json) }
    }

    /// Reads a body, as many bytes as a document may have and no more, whatever its length claims to be.
    async fn read(&self, mut response: Response) -> Result<Vec<u8>, Failure> {
        // Its case means nothing (RFC 9110, section 8.4.1).
        let encoding = response.headers().get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
        let packed = match encoding.map(<[u8]>::to_ascii_lowercase).as_deref() {
            None | Some(b"" | b"identity") => false,
            Some(b"gzip" | b"x-gzip") => true,
            Some(_) => return Err(Failure::Encoding),
        };
        let too_large = Failure::TooLarge(self.document_bytes_max);
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
            if bytes.len() + chunk.len() > self.document_bytes_max {
                return Err(too_large);
            }
            bytes.extend_from_slice(&chunk);
        }
        if !packed {
            return Ok(bytes);
        }
        let mut unpacked = Vec::new();
        let most = self.document_bytes_max as u64 + 1;
        MultiGzDecoder::new(&*bytes).take(most).read_to_end(&mut unpacked).map_err(|_| Failure::Encoding)?;
        if unpacked.len() > self.document_bytes_max { Err(too_large) } else { Ok(unpacked) }
    }
}

/// A JSON object, whatever the server called it.
fn document(bytes: &[u8]) -> Result<Json, Failure> {
    let text = str::from_utf8(bytes).map_err(|_| Failure::NotUtf8)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let json =
        Json::parse_inside(text, LEVELS_AROUND).map_err(|error| Failure::NotJson(error.to_string()))?;
    if json.is_object() { Ok(json) } else { Err(Failure::NotObject) }
}

/// Where a redirect leads.
fn target(from: &Url, response: &Response) -> Result<Url, Failure> {
    let location = response.headers().get(LOCATION).and_then(|value| str::from_utf8(value.as_bytes()).ok());
    let url = location.and_then(|location| from.join(location).ok()).ok_or(Failure::Location)?;
    if matches!(url.scheme(), "http" | "https") { Ok(url) } else { Err(Failure::Location) }
}

/// `Retry-After` in seconds. A date is not read: our own wait then does.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The kind of an error of the HTTP client, whose own text holds the uri.
fn failure(error: &reqwest::Error) -> Failure {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<RefusedAddress>() {
            return Failure::RefusedName;
        }
        cause = error.source();
    }
    if error.is_connect() { Failure::Connect } else { Failure::Broken }
}

/// TLS by rustls with ring, and the roots of Mozilla: a container has none of its own.
fn tls() -> Result<ClientConfig, ClientError> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = rustls::crypto::ring::default_provider();
    Ok(ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientError(error.into()))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_uri_says_itself_is_final() {
        let passes = [Failure::RefusedName, Failure::RefusedRedirect, Failure::Connect, Failure::TooLarge(1)];
        assert!(passes.iter().all(|failure| !failure.is_final()));
        let stays = [Failure::Refused, Failure::Uri("it is no uri"), Failure::Unfinished];
        assert!(stays.iter().all(Failure::is_final));
    }

    #[test]
    fn of_several_places_the_one_that_may_do_better_speaks() {
        let busy = |seconds| Failure::Busy { left: Duration::from_secs(seconds) };
        assert_eq!(busy(5).or(busy(3)), busy(3));
        assert_eq!(busy(5).or(Failure::Broken), Failure::Broken);
        assert_eq!(Failure::Refused.or(busy(5)), busy(5));
        assert_eq!(Failure::Encoding.or(Failure::Refused).or(busy(1)).or(Failure::Broken), Failure::Encoding);
    }

    #[test]
    fn a_document_is_an_object_that_can_stand_in_an_answer() {
        let kept = |bytes: &[u8]| document(bytes).map(|json| json.to_string());
        assert_eq!(kept(b"\xef\xbb\xbf { \"a\" : \"\\u0000\" } \n"), Ok("{\"a\":\"\\u0000\"}".to_owned()));
        assert_eq!(kept(b"{\"a\":\"\xff\"}"), Err(Failure::NotUtf8));
        assert_eq!(kept(b"[1]"), Err(Failure::NotObject));
        assert_eq!(kept(b"null"), Err(Failure::NotObject));
        let not_json: [&[u8]; 6] =
            [b"", b"<html>", b"{\"a\":1", b"{\"a\":\"\0\"}", b"{\"a\":1e999}", b"{\"a\":\"\\ud800\"}"];
        for bytes in not_json {
            assert!(matches!(kept(bytes), Err(Failure::NotJson(_))), "{bytes:?}");
        }
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        let most = vitrine_model::MAX_DEPTH - LEVELS_AROUND - 1;
        assert!(kept(nested(most).as_bytes()).is_ok());
        assert!(matches!(kept(nested(most + 1).as_bytes()), Err(Failure::NotJson(_))));
        assert!(matches!(kept("[".repeat(1_000_000).as_bytes()), Err(Failure::NotJson(_))));
    }
}
