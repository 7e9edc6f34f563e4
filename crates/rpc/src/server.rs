//! Sockets: the accept loop, its timeouts and bounds, and the graceful end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;
use vitrine_store::Store;

use crate::auth::Keyring;
use crate::door::Door;
use crate::settings::{ServerSettings, Settings};
use crate::tiers::Tiers;
use crate::{entry, error, layers, pages};

/// How long to wait before accepting again when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What all requests share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) tiers: Tiers,
    pub(crate) keyring: Keyring,
    pub(crate) started: Instant,
    draining: AtomicBool,
}

/// A server that listens and does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    local_addr: SocketAddr,
    app: Arc<App>,
}

impl App {
    /// Whether the server has been told to stop.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

impl Server {
    /// Listens on `settings.server.listen`.
    pub async fn bind(store: Store, settings: Settings, tiers: Tiers) -> io::Result<Self> {
        let listener = TcpListener::bind(settings.server.listen).await?;
        let anonymous = tiers.find(&settings.rpc.anonymous_tier);
        let keyring = Keyring::new(store.clone(), tiers.clone(), anonymous, &settings.auth);
        let app = App {
            store,
            settings,
            tiers,
            keyring,
            started: Instant::now(),
            draining: AtomicBool::new(false),
        };
        Ok(Self { local_addr: listener.local_addr()?, listener, app: Arc::new(app) })
    }

    /// Where it listens: the port that was found when port 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `shutdown`, then drains: `/ready` says 503, connections are asked to close, and for
    /// `drain_ms` new ones are still taken. Then the socket closes, and calls under way have
    /// `shutdown_timeout_ms` to end. `abort` ends all of that at once.
    pub async fn run(
        self,
        shutdown: impl Future<Output = ()> + Send,
        abort: impl Future<Output = ()> + Send,
    ) {
        let Self { listener, app, .. } = self;
        let keys = tokio::spawn({
            let app = Arc::clone(&app);
            async move { app.keyring.follow(Duration::from_millis(app.settings.auth.key_poll_ms)).await }
        });
        let doorman = Doorman::new(&app);
        tokio::select! {
            () = doorman.admit(&listener) => {}
            () = shutdown => tracing::info!("shutting down: draining"),
        }
        app.draining.store(true, Ordering::Relaxed);
        tokio::select! {
            () = drain(listener, doorman, &app.settings.server) => {}
            () = abort => tracing::warn!("shutting down at once: calls under way are cut off"),
        }
        keys.abort();
    }
}

async fn drain(listener: TcpListener, doorman: Doorman, settings: &ServerSettings) {
    // Clients that are told to go must find somebody to tell them so.
    let _ = tokio::time::timeout(Duration::from_millis(settings.drain_ms), doorman.admit(&listener)).await;
    doorman.admit_waiting(&listener).await;
    drop(listener);
    let limit = Duration::from_millis(settings.shutdown_timeout_ms);
    if tokio::time::timeout(limit, doorman.graceful.shutdown()).await.is_err() {
        tracing::warn!("calls did not end within {} ms and are cut off", settings.shutdown_timeout_ms);
    }
}

/// Lets connections in.
struct Doorman {
    router: Router,
    builder: Arc<Builder<TokioExecutor>>,
    graceful: GracefulShutdown,
    room: Arc<Semaphore>,
    first_request_timeout: Duration,
}

impl Doorman {
    fn new(app: &Arc<App>) -> Self {
        let settings = &app.settings.server;
        let header_timeout = Duration::from_millis(settings.header_timeout_ms);
        let mut builder = Builder::new(TokioExecutor::new());
        // hyper counts it from the end of the last answer on: it is how long a connection may idle.
        let idle_timeout = Duration::from_millis(settings.idle_timeout_ms);
        builder.http1().timer(TokioTimer::new()).header_read_timeout(idle_timeout);
        builder.http2().timer(TokioTimer::new()).keep_alive_interval(header_timeout);
        Self {
            router: layers::around(routes(app), app),
            builder: Arc::new(builder),
            graceful: GracefulShutdown::new(),
            room: Arc::new(Semaphore::new(settings.connections_max)),
            first_request_timeout: header_timeout,
        }
    }

    /// Accepts for ever. Without room it waits: more clients wait in the system's backlog.
    async fn admit(&self, listener: &TcpListener) {
        loop {
            let Ok(permit) = Arc::clone(&self.room).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => self.serve(stream, permit),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Accepts those who have connected already: closing the socket would reset them.
    async fn admit_waiting(&self, listener: &TcpListener) {
        while let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
            let accepted = tokio::select! {
                biased;
                accepted = listener.accept() => accepted,
                () = std::future::ready(()) => return,
            };
            let Ok((stream, _)) = accepted else { return };
            self.serve(stream, permit);
        }
    }

    fn serve(&self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        // Answers are written whole: waiting to fill packets only delays their ends.
        let _ = stream.set_nodelay(true);
        let connection = Connection {
            router: self.router.clone(),
            builder: Arc::clone(&self.builder),
            watcher: self.graceful.watcher(),
            first_request_timeout: self.first_request_timeout,
        };
        tokio::spawn(async move {
            connection.serve(stream).await;
            drop(permit);
        });
    }
}

/// One client's connection.
struct Connection {
    router: Router,
    builder: Arc<Builder<TokioExecutor>>,
    watcher: Watcher,
    first_request_timeout: Duration,
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        let requested = Arc::new(AtomicBool::new(false));
        let router = self.router;
        let service = service_fn({
            let requested = Arc::clone(&requested);
            move |request: Request<Incoming>| {
                requested.store(true, Ordering::Relaxed);
                router.clone().oneshot(request)
            }
        });
        let served =
            self.watcher.watch(self.builder.serve_connection(TokioIo::new(stream), service).into_owned());
        // While it finds out which version of HTTP is spoken the builder waits for ever: a client that
        // connects and says nothing, or half a preface, is sent away here.
        let silent = async {
            tokio::time::sleep(self.first_request_timeout).await;
            if requested.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            // A client that goes away in the middle is no event worth a line.
            _ = served => {}
            () = silent => {}
        }
    }
}

/// Every route. POST anywhere else is a door's, or nobody's.
fn routes(app: &Arc<App>) -> Router {
    Router::new()
        .route("/", get(pages::home).post(entry::post))
        .route("/health", get(pages::health))
        .route("/healthz", get(pages::health))
        .route("/livez", get(pages::health))
        .route("/ready", get(pages::ready))
        .route("/readyz", get(pages::ready))
        .route("/status", get(pages::status))
        .route("/openrpc.json", get(pages::document))
        .fallback(axum::routing::post(entry::post).fallback(elsewhere))
        .with_state(Arc::clone(app))
}

/// Anything but a POST where there is no page.
async fn elsewhere(method: Method, request: Request) -> Response {
    if Door::open(request.uri().path(), None, request.headers()).is_none() {
        return error::http(StatusCode::NOT_FOUND, "There is nothing at this path; see GET /");
    }
    let mut response =
        error::http(StatusCode::METHOD_NOT_ALLOWED, &format!("{method} is not served here: POST JSON-RPC"));
    response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST,OPTIONS"));
    response
}
