//! The empty handler: what HTTP alone costs. It reads a request and answers as many spaces as its path says.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::post;
use bytes::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

/// Larger answers are refused.
const BYTES_MAX: usize = 64 << 20;

type Bodies = Arc<Mutex<HashMap<usize, Bytes>>>;

/// Runs the process until it is killed; says where it listens.
pub(crate) fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let router = Router::new().route("/{bytes}", post(answer)).with_state(Bodies::default());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        writeln!(std::io::stderr(), "serving http://{}", listener.local_addr()?)?;
        let builder = Arc::new(Builder::new(TokioExecutor::new()).http1_only());
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (builder, service) = (Arc::clone(&builder), TowerToHyperService::new(router.clone()));
            tokio::spawn(async move {
                // A client that goes away ends its connection.
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}

async fn answer(
    State(bodies): State<Bodies>,
    Path(bytes): Path<usize>,
    _request: Bytes,
) -> impl IntoResponse {
    let bytes = bytes.min(BYTES_MAX);
    let mut bodies = bodies.lock().unwrap_or_else(PoisonError::into_inner);
    let body = bodies.entry(bytes).or_insert_with(|| vec![b' '; bytes].into()).clone();
    ([(header::CONTENT_TYPE, "application/json")], body)
}
