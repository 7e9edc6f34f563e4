//! Sockets: the accept loop, its timeouts and bounds, and the graceful end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustix::net::SocketFlags;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use vitrine_store::Store;

use crate::auth::Keyring;
use crate::layers::Front;
use crate::settings::{ServerSettings, Settings};
use crate::tiers::Tiers;
use crate::upstream::{Upstream, UpstreamError};

/// How long to wait before accepting again when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long a connection stays open at the end for a request that is on its way. It is answered with
/// `connection: close`; closing on it would reset the connection.
const LAST_REQUEST_GRACE: Duration = Duration::from_millis(200);

/// What all requests share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) tiers: Tiers,
    pub(crate) keyring: Keyring,
    pub(crate) upstream: Option<Upstream>,
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

/// Why a server does not come up.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there, or nobody may.
    #[error("cannot listen on {listen} (choose another address with --listen)")]
    Listen {
        /// Where it was to listen.
        listen: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The upstream cannot be used.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
}

impl App {
    /// Whether the server has been told to stop.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

impl Server {
    /// Listens on `settings.server.listen`.
    pub async fn bind(store: Store, settings: Settings, tiers: Tiers) -> Result<Self, BindError> {
        let listen = settings.server.listen;
        let refused = |source| BindError::Listen { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(refused)?;
        let local_addr = listener.local_addr().map_err(refused)?;
        let upstream = Upstream::new(&settings)?;
        let anonymous = tiers.find(&settings.rpc.anonymous_tier);
        let keyring = Keyring::new(store.clone(), tiers.clone(), anonymous, &settings.auth);
        let app = App {
            store,
            settings,
            tiers,
            keyring,
            upstream,
            started: Instant::now(),
            draining: AtomicBool::new(false),
        };
        Ok(Self { local_addr, listener, app: Arc::new(app) })
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
    // From here on nobody may queue; those who did are let in, for closing the socket would reset them.
    if let Err(error) = rustix::net::listen(&listener, 0) {
        tracing::debug!(%error, "the backlog cannot be closed");
    }
    doorman.admit_waiting(&listener);
    drop(listener);
    let limit = Duration::from_millis(settings.shutdown_timeout_ms);
    if tokio::time::timeout(limit, doorman.everybody_gone()).await.is_err() {
        tracing::warn!("calls did not end within {} ms and are cut off", settings.shutdown_timeout_ms);
    }
}

/// Lets connections in.
struct Doorman {
    front: Arc<Front>,
    builder: Arc<Builder<TokioExecutor>>,
    /// Turns true when connections are to end.
    ending: watch::Sender<bool>,
    room: Arc<Semaphore>,
    connections_max: usize,
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
            front: Arc::new(Front::new(Arc::clone(app))),
            builder: Arc::new(builder),
            ending: watch::Sender::new(false),
            room: Arc::new(Semaphore::new(settings.connections_max)),
            connections_max: settings.connections_max,
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
    fn admit_waiting(&self, listener: &TcpListener) {
        while let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
            // Asked of the system itself: the runtime may not have heard yet of who came last.
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let Ok(socket) = rustix::net::accept_with(listener, flags) else { return };
            let Ok(stream) = TcpStream::from_std(socket.into()) else { return };
            self.serve(stream, permit);
        }
    }

    /// Asks all connections to end and waits until they have.
    async fn everybody_gone(&self) {
        self.ending.send_replace(true);
        let everybody = u32::try_from(self.connections_max).unwrap_or(u32::MAX);
        // An error would mean that the semaphore is closed, which nobody does.
        let _ = self.room.acquire_many(everybody).await;
    }

    fn serve(&self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        // Answers are written whole: waiting to fill packets only delays their ends.
        let _ = stream.set_nodelay(true);
        let connection = Connection {
            front: Arc::clone(&self.front),
            builder: Arc::clone(&self.builder),
            ending: self.ending.subscribe(),
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
    front: Arc<Front>,
    builder: Arc<Builder<TokioExecutor>>,
    ending: watch::Receiver<bool>,
    first_request_timeout: Duration,
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        let requested = Arc::new(AtomicBool::new(false));
        let front = self.front;
        let service = service_fn({
            let requested = Arc::clone(&requested);
            move |request| {
                requested.store(true, Ordering::Relaxed);
                let front = Arc::clone(&front);
                async move { Ok::<_, Infallible>(front.answer(request).await) }
            }
        });
        let mut served = pin!(self.builder.serve_connection(TokioIo::new(stream), service));
        // While it finds out which version of HTTP is spoken the builder waits for ever: a client that
        // connects and says nothing, or half a preface, is sent away here.
        let silent = async {
            tokio::time::sleep(self.first_request_timeout).await;
            if requested.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        };
        let mut ending = self.ending;
        let ended = async {
            // An error means that the server is gone altogether.
            let _ = ending.wait_for(|ending| *ending).await;
            tokio::time::sleep(LAST_REQUEST_GRACE).await;
        };
        tokio::select! {
            // A client that goes away in the middle is no event worth a line.
            _ = served.as_mut() => return,
            () = silent => return,
            () = ended => {}
        }
        served.as_mut().graceful_shutdown();
        let _ = served.await;
    }
}
