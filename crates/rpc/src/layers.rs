//! What every request gets: an id, CORS, an encoding, and an answer even when something panics.

use std::any::Any;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use axum::response::Response;
use futures_util::FutureExt;
use hyper::body::Incoming;
use rand::Rng;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use vitrine_encoding::Encoding;

use crate::answer::Payload;
use crate::door::Door;
use crate::server::App;
use crate::settings::{CompressionSettings, CorsSettings};
use crate::{entry, error, pages};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A client's own request id is taken if it is no longer than this.
const REQUEST_ID_CHARS_MAX: usize = 64;

/// Headers that scripts in browsers may read.
const EXPOSED: [HeaderName; 5] = [
    header::RETRY_AFTER,
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
    REQUEST_ID,
];

/// The encodings that are offered, the best first.
const ENCODINGS: [Encoding; 2] = [Encoding::Zstd, Encoding::Gzip];

/// What all requests pass, one plain call within the other: a stack of services, cloned and boxed at each request, took a
/// fifth of all instructions of a call of ten items.
#[derive(Debug)]
pub(crate) struct Front {
    app: Arc<App>,
    cors: CorsLayer,
    pages: Router,
}

impl Front {
    /// The layers, and the pages behind them.
    pub(crate) fn new(app: Arc<App>) -> Self {
        let cors = cors(&app.settings.cors);
        Self { cors, pages: pages::routes(&app), app }
    }

    /// Answers a request: the request id, in and out; and, while the server drains, the hint to come back on another
    /// connection.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response {
        let id = request_id(request.headers());
        let cors = self.cors.layer(service_fn(|request| self.encoded(request, &id)));
        let Ok(mut response) = cors.oneshot(request).await;
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        if self.app.is_draining() {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// Chooses the encoding, tells it to whoever makes the answer, and sends the answer's payload in it.
    async fn encoded(&self, request: Request<Incoming>, id: &Arc<str>) -> Result<Response, Infallible> {
        let settings = &self.app.settings.compression;
        let encoding = if settings.enabled { preferred(request.headers()) } else { Encoding::Identity };
        let head = request.method() == Method::HEAD;
        let made = AssertUnwindSafe(self.route(request, id, encoding)).catch_unwind();
        let mut response = made.await.unwrap_or_else(|cause| panicked(&*cause));
        let Some(payload) = response.extensions_mut().remove::<Payload>() else { return Ok(response) };
        // What is in the encoding already is no longer there plain.
        let worth_it = payload.len() >= settings.bytes_min || payload.is_encoded();
        let encoding = if worth_it { encoding } else { Encoding::Identity };
        tell_encoding(&mut response, encoding, settings);
        // The router counted the empty body that the payload came with.
        response.headers_mut().remove(header::CONTENT_LENGTH);
        if !head {
            *response.body_mut() = payload.into_body(encoding);
        } else if encoding == Encoding::Identity {
            // HTTP/2 does not drop the body of such an answer by itself.
            response.headers_mut().insert(header::CONTENT_LENGTH, payload.len().into());
        }
        Ok(response)
    }

    /// A POST at a door is a call; anything else is a page's, or nobody's.
    async fn route(&self, request: Request<Incoming>, id: &Arc<str>, encoding: Encoding) -> Response {
        if request.method() == Method::POST {
            let uri = request.uri();
            if let Some(door) = Door::open(uri.path(), uri.query(), request.headers()) {
                // Boxed once, here: what is around it moves a future as large as all of a call.
                return Box::pin(entry::post(&self.app, door, request, (id, encoding))).await;
            }
        }
        let Ok(response) = self.pages.clone().oneshot(request).await;
        response
    }
}

/// The client's own id where it is one, else a random one. It names a request in logs, in the answer's `x-request-id`, and
/// to whoever asks what went wrong.
fn request_id(headers: &HeaderMap) -> Arc<str> {
    headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| is_request_id(id))
        .map_or_else(|| format!("req_{:016x}", rand::rng().random::<u64>()).into(), Arc::from)
}

fn is_request_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= REQUEST_ID_CHARS_MAX
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn cors(settings: &CorsSettings) -> CorsLayer {
    let origins = if settings.origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(settings.origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::OPTIONS])
        // `*` would not cover `authorization`.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED)
        .max_age(Duration::from_secs(settings.max_age_seconds))
}

/// Says what an answer is sent in, and that another client may get it in something else.
pub(crate) fn tell_encoding(response: &mut Response, encoding: Encoding, settings: &CompressionSettings) {
    if settings.enabled {
        response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if let Some(name) = encoding.name() {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    }
}

/// The encoding that weighs most for the client, then by our order.
fn preferred(headers: &HeaderMap) -> Encoding {
    let accepted: Vec<(String, f32)> = headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(weighted)
        .collect();
    let weight = |name: &str| accepted.iter().find(|(token, _)| token == name).map(|(_, weight)| *weight);
    let any = weight("*").unwrap_or(0.0);
    let identity = weight("identity").unwrap_or(0.0);
    ENCODINGS
        .into_iter()
        .map(|encoding| (encoding, encoding.name().and_then(weight).unwrap_or(any)))
        .filter(|(_, weight)| *weight > 0.0 && *weight >= identity)
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .map_or(Encoding::Identity, |(encoding, _)| encoding)
}

/// An entry of `accept-encoding` and its weight, 1 where none is said.
fn weighted(entry: &str) -> (String, f32) {
    let (name, parameters) = entry.split_once(';').unwrap_or((entry, ""));
    let weight = parameters
        .trim()
        .strip_prefix(['q', 'Q'])
        .and_then(|rest| rest.strip_prefix('='))
        .map_or(1.0, |weight| weight.trim().parse().unwrap_or(0.0));
    (name.trim().to_ascii_lowercase(), weight)
}

/// The last resort: a call's own panic has become an error with its id long before.
fn panicked(cause: &(dyn Any + Send)) -> Response {
    let text = cause.downcast_ref::<&str>().copied().or(cause.downcast_ref::<String>().map(String::as_str));
    tracing::error!("a request panicked: {}", text.unwrap_or("?"));
    error::http(StatusCode::INTERNAL_SERVER_ERROR, "An unexpected error occurred on the server.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_encoding_that_a_client_takes() {
        use Encoding::{Gzip, Identity, Zstd};
        for (accepts, expected) in [
            ("", Identity),
            ("gzip, deflate", Gzip),
            ("gzip, deflate, br, zstd", Zstd),
            ("zstd;q=0.5, gzip", Gzip),
            ("zstd;q=0, gzip;q=0", Identity),
            ("*", Zstd),
            ("*;q=0.1, zstd;q=0", Gzip),
            ("identity", Identity),
            ("identity, gzip;q=0.5", Identity),
            ("br", Identity),
            ("GZIP ; q=0.3", Gzip),
        ] {
            let headers =
                [(header::ACCEPT_ENCODING, HeaderValue::from_static(accepts))].into_iter().collect();
            assert_eq!(preferred(&headers), expected, "{accepts}");
        }
    }

    #[test]
    fn request_ids_are_bounded() {
        assert!(is_request_id("req_1.a-B"));
        for id in ["", "a b", "a\"b", "ä", &"a".repeat(65)] {
            assert!(!is_request_id(id), "{id}");
        }
    }
}
