//! One document from one place: bounded in time, bytes and redirects, from hosts of the Internet alone, and JSON in the end.

use std::error::Error;
use std::io::Read as _;
use std::str;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode, redirect};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;
use url::Url;
use vitrine_model::Json;

use super::DocumentSettings;
use super::address::RefusedAddress;
use super::place::{Gateways, Place};
use super::resolver::{PrivateHosts, Resolver};

/// Levels of JSON that an asset and an answer put around a document: it has to be readable inside of them.
const LEVELS_AROUND: usize = 20;

/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(30);

/// Fetches documents. Connections are shared; nothing else is kept.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    private_hosts: PrivateHosts,
    gateways: Gateways,
    document_bytes_max: usize,
    redirects_max: u32,
    timeout: Duration,
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
    /// It leads to an address that is not one of the Internet.
    #[error("the host's address is not one of the Internet")]
    Refused,
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

    /// Whether it is the host that does not want more at the moment, or is not there.
    pub(super) fn is_of_host(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 429 | 503),
            Self::Connect => true,
            _ => false,
        }
    }

    /// After what time the server wants to be asked again, where it says so.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl From<RefusedAddress> for Failure {
    fn from(_: RefusedAddress) -> Self {
        Self::Refused
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
            gateways: Gateways {
                ipfs: settings.ipfs_gateways.clone(),
                arweave: settings.arweave_gateways.clone(),
            },
            document_bytes_max: settings.document_bytes_max,
            redirects_max: settings.redirects_max,
            timeout: Duration::from_millis(settings.fetch_timeout_ms),
        })
    }

    /// The document of a uri, at the `attempt`th try (from 1 on): where several gateways lead to it, they take turns.
    pub async fn fetch(&self, uri: &str, attempt: u32) -> Result<Json, Failure> {
        let bytes = match self.gateways.place(uri, attempt)? {
            Place::Here(bytes) if bytes.len() > self.document_bytes_max => {
                return Err(Failure::TooLarge(self.document_bytes_max));
            }
            Place::Here(bytes) => bytes,
            Place::Web(url) => {
                timeout(self.timeout, self.get(url)).await.map_err(|_| Failure::Timeout(self.timeout))??
            }
        };
        document(&bytes)
    }

    /// Follows redirects until something is there.
    async fn get(&self, mut url: Url) -> Result<Vec<u8>, Failure> {
        for _ in 0..=self.redirects_max {
            self.private_hosts.admit(&url)?;
            let request = self.http.get(url.clone()).header(ACCEPT, "application/json, */*;q=0.5");
            let response =
                request.header(ACCEPT_ENCODING, "gzip").send().await.map_err(|error| failure(&error))?;
            match response.status() {
                StatusCode::OK => return self.read(response).await,
                StatusCode::MOVED_PERMANENTLY
                | StatusCode::FOUND
                | StatusCode::SEE_OTHER
                | StatusCode::TEMPORARY_REDIRECT
                | StatusCode::PERMANENT_REDIRECT => url = target(&url, &response)?,
                status => {
                    let retry_after = retry_after(&response);
                    return Err(Failure::Status { status: status.as_u16(), retry_after });
                }
            }
        }
        Err(Failure::Redirects(self.redirects_max))
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
            return Failure::Refused;
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
