//! What is served without a key: a page for a person, health, readiness, status, the OpenRPC document.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;

use crate::answer::Payload;
use crate::door::Door;
use crate::error;
use crate::server::App;

/// How long `/ready` and `/status` wait for the database.
const PATIENCE: Duration = Duration::from_secs(2);

const OPENRPC: &str = include_str!("../openrpc.json");
const HOME: &str = include_str!("../home.html");

/// Every page. A POST that comes here is at no door.
pub(crate) fn routes(app: &Arc<App>) -> Router {
    Router::new()
        .route("/", get(home).post(nowhere))
        .route("/health", get(health))
        .route("/healthz", get(health))
        .route("/livez", get(health))
        .route("/ready", get(ready))
        .route("/readyz", get(ready))
        .route("/status", get(status))
        .route("/openrpc.json", get(document))
        .fallback(post(nowhere).fallback(elsewhere))
        .with_state(Arc::clone(app))
}

/// There is no such path.
async fn nowhere() -> Response {
    error::http(StatusCode::NOT_FOUND, "There is nothing at this path; see GET /")
}

/// Anything but a POST where there is no page.
async fn elsewhere(method: Method, request: Request) -> Response {
    if Door::open(request.uri().path(), None, request.headers()).is_none() {
        return nowhere().await;
    }
    let mut response =
        error::http(StatusCode::METHOD_NOT_ALLOWED, &format!("{method} is not served here: POST JSON-RPC"));
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST,OPTIONS"));
    response
}

/// The OpenRPC document: what `rpc.discover` and `GET /openrpc.json` answer.
pub fn openrpc() -> &'static str {
    OPENRPC
}

/// `GET /`
pub(crate) async fn home(headers: HeaderMap) -> Response {
    let wants_json = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/json") && !accept.contains("text/html"));
    if wants_json {
        let body = json!({
            "name": "vitrine",
            "version": env!("CARGO_PKG_VERSION"),
            "openrpc": "/openrpc.json", "health": "/health", "ready": "/ready", "status": "/status",
        });
        return error::json_response(StatusCode::OK, body.to_string().into());
    }
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], Payload::from(HOME)).into_response()
}

/// `GET /health`: the process is alive; no question to anybody.
pub(crate) async fn health() -> &'static str {
    "ok"
}

/// `GET /ready`: whether calls can be answered, and if not, why.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Response {
    let mut reasons = Vec::new();
    if app.is_draining() {
        reasons.push("the server is shutting down");
    }
    if !matches!(tokio::time::timeout(PATIENCE, app.store.ping()).await, Ok(Ok(()))) {
        reasons.push("the database does not answer");
    }
    if !app.keyring.is_current() {
        reasons.push("keys cannot be confirmed");
    }
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({ "ready": reasons.is_empty(), "reasons": reasons });
    let mut response = error::json_response(status, body.to_string().into());
    error::retry_after(&mut response, (!reasons.is_empty()).then_some(1));
    response
}

/// `GET /status`: what is indexed, up to where.
pub(crate) async fn status(State(app): State<Arc<App>>) -> Response {
    let (connections, idle) = app.store.read_connections();
    let index = tokio::time::timeout(PATIENCE, app.store.status()).await;
    let index = index.ok().and_then(Result::ok);
    let gaps = tokio::time::timeout(PATIENCE, app.store.gap_totals()).await;
    let gaps = gaps.ok().and_then(Result::ok);
    let body = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": app.started.elapsed().as_secs(),
        "draining": app.is_draining(),
        "database": { "reachable": index.is_some(), "connections": connections, "idle": idle },
        // Nothing of its URL: whether it is asked at all, after what it answered last.
        "upstream": app.upstream.as_ref().map(|upstream| json!({ "paused": upstream.is_paused() })),
        "last_indexed_slot": index.map(|index| index.last_indexed_slot),
        // No live source states the chain's head yet: the lag behind it is not known.
        "lag_slots": null,
        "assets": index.map(|index| index.assets),
        "dead_letters": index.map(|index| index.dead_letters),
        "gaps": gaps.map(|gaps| json!({ "trees": gaps.trees, "places": gaps.places, "changes": gaps.changes })),
        "migrations": index.map(|index| index.migrations),
    });
    error::json_response(StatusCode::OK, body.to_string().into())
}

/// `GET /openrpc.json`
pub(crate) async fn document() -> Response {
    error::json_response(StatusCode::OK, Payload::from(OPENRPC))
}
