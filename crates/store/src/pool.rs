//! The pools, by the promise that each makes: reads never write, writes may wait, keys are never kept waiting.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Postgres};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::cache::BodyCache;
use crate::read::places::Places;
use crate::write::ListIds;
use crate::{CacheSettings, DatabaseSettings, StoreError};

/// What every read session sets once. Plans are pinned: each statement of a read has one plan that is right
/// at any size (golden files and plans: `tests/tests/plans.rs`), and no stale statistic may talk the planner out of it.
pub const READ_SESSION: &str = "SET default_transaction_read_only = on; \
    SET plan_cache_mode = force_generic_plan; \
    SET jit = off; \
    SET max_parallel_workers_per_gather = 0; \
    SET enable_sort = off; \
    SET enable_incremental_sort = off; \
    SET enable_seqscan = off; \
    SET enable_bitmapscan = off; \
    SET enable_hashjoin = off; \
    SET enable_mergejoin = off; \
    SET enable_material = off; \
    SET enable_memoize = off";

/// What every write session sets once. A batch names its rows by their keys, thousands of them: each is found through
/// an index, whatever the planner may guess of a table that was empty a minute ago.
const WRITE_SESSION: &str = "SET jit = off; \
    SET max_parallel_workers_per_gather = 0; \
    SET enable_seqscan = off; \
    SET enable_bitmapscan = off; \
    SET enable_hashjoin = off; \
    SET enable_mergejoin = off";

/// How much longer than a statement may run its connection may take to say that it has ended.
const RELEASE_GRACE: Duration = Duration::from_secs(1);

/// Connections for keys: one to ask whether any has changed, one to look one up.
const KEY_CONNECTIONS: u32 = 2;

/// How long [`Store::close`] waits for connections that are still busy.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The database, to those who need it. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Store {
    read: PgPool,
    /// Keys and the question whether the database answers: however busy the lists are, a revoked key is
    /// refused in time, and a busy server does not look like a dead one.
    keys: PgPool,
    pub(crate) write: PgPool,
    pub(crate) list_ids: Arc<ListIds>,
    pub(crate) bodies: Arc<BodyCache>,
    pub(crate) places: Arc<Places>,
    last_failure: LastFailure,
    release_timeout: Duration,
}

type LastFailure = Arc<Mutex<Option<Instant>>>;

/// A connection of a pool of reads, on loan.
///
/// A pool takes a connection back when its last statement has ended, however long that takes: where a network
/// has swallowed the connection, for ever, and the pool has one less. Here that wait has an end.
pub(crate) struct Lease {
    connection: PoolConnection<Postgres>,
    timeout: Duration,
    last_failure: LastFailure,
}

impl Store {
    /// Makes the pools without connecting: the first call does. `options` come from a URL or a private cluster.
    pub fn new(options: &PgConnectOptions, settings: &DatabaseSettings) -> Self {
        let last_failure = LastFailure::default();
        let acquire_timeout = Duration::from_millis(settings.acquire_timeout_ms);
        let pool = |connections: u32| {
            let last_failure = Arc::clone(&last_failure);
            PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(acquire_timeout)
                // A ping before each use would be a round trip that the caller waits for (the pool makes one
                // anyway when a connection comes back). Instead: a connection that is older than the last
                // failure is not trusted any more, and a read is tried twice.
                .test_before_acquire(false)
                .before_acquire(move |_, connection| {
                    let last: Option<Instant> =
                        *last_failure.lock().expect("nothing panics while it holds this lock");
                    let trusted = last.is_none_or(|failure| failure.elapsed() > connection.age);
                    Box::pin(async move { Ok(trusted) })
                })
        };
        let timeout = |ms: u64| [("statement_timeout", ms.to_string())];
        let session = |pool: PgPoolOptions, set: &'static str| {
            pool.after_connect(move |connection, _| {
                Box::pin(async move { sqlx::raw_sql(set).execute(connection).await.map(drop) })
            })
        };
        let read = session(pool(settings.read_connections_max), READ_SESSION).connect_lazy_with(
            quiet(options)
                .application_name("vitrine read")
                .options(timeout(settings.read_statement_timeout_ms)),
        );
        let keys = pool(KEY_CONNECTIONS).connect_lazy_with(
            quiet(options)
                .application_name("vitrine keys")
                .options(timeout(settings.read_statement_timeout_ms)),
        );
        let write = session(pool(settings.write_connections_max), WRITE_SESSION).connect_lazy_with(
            quiet(options)
                .application_name("vitrine write")
                .options(timeout(settings.write_statement_timeout_ms)),
        );
        let release_timeout = Duration::from_millis(settings.read_statement_timeout_ms) + RELEASE_GRACE;
        Self {
            read,
            keys,
            write,
            list_ids: Arc::default(),
            bodies: Arc::new(BodyCache::new(0)),
            places: Arc::new(Places::new(0)),
            last_failure,
            release_timeout,
        }
    }

    /// The same store with a memory: for who reads the same lists again and again.
    #[must_use]
    pub fn with_cache(self, settings: &CacheSettings) -> Self {
        let bodies = Arc::new(BodyCache::new(settings.body_bytes_max));
        let places = Arc::new(Places::new(settings.places_max));
        Self { bodies, places, ..self }
    }

    /// Like [`Store::new`], from the settings' URL.
    pub fn from_url(settings: &DatabaseSettings) -> Result<Self, StoreError> {
        let options: PgConnectOptions = settings.url.parse()?;
        Ok(Self::new(&options, settings))
    }

    /// Whether the database answers: one round trip.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut connection = self.for_keys().await?;
        match connection.ping().await {
            Ok(()) => Ok(()),
            Err(error) => {
                self.note_failure();
                Err(error.into())
            }
        }
    }

    /// Closes all connections. Those that are still busy after a second are left to their end.
    pub async fn close(&self) {
        let closing = async { tokio::join!(self.read.close(), self.keys.close(), self.write.close()) };
        if timeout(CLOSE_TIMEOUT, closing).await.is_err() {
            tracing::debug!("some connections to the database are still busy and are left");
        }
    }

    /// Connections of the read pool: (open, idle).
    pub fn read_connections(&self) -> (u32, usize) {
        (self.read.size(), self.read.num_idle())
    }

    /// A connection of the read pool.
    pub(crate) async fn read(&self) -> Result<Lease, StoreError> {
        self.lease(&self.read).await
    }

    /// A connection for keys: one that no list can hold.
    pub(crate) async fn for_keys(&self) -> Result<Lease, StoreError> {
        self.lease(&self.keys).await
    }

    async fn lease(&self, pool: &PgPool) -> Result<Lease, StoreError> {
        let connection = pool.acquire().await?;
        let last_failure = Arc::clone(&self.last_failure);
        Ok(Lease { connection, timeout: self.release_timeout, last_failure })
    }

    /// From now on no connection that is open at this moment is used again.
    pub(crate) fn note_failure(&self) {
        note(&self.last_failure);
    }
}

impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Without a runtime there is nobody who could wait.
        let Ok(runtime) = Handle::try_current() else { return };
        let returning = timeout(self.timeout, self.connection.return_to_pool());
        let last_failure = Arc::clone(&self.last_failure);
        runtime.spawn(async move {
            if returning.await.is_err() {
                tracing::warn!("a connection to the database says nothing any more and is given up");
                note(&last_failure);
            }
        });
    }
}

fn note(failure: &LastFailure) {
    *failure.lock().expect("nothing panics while it holds this lock") = Some(Instant::now());
}

/// Statements are not logged one by one: the access log tells what a call cost.
fn quiet(options: &PgConnectOptions) -> PgConnectOptions {
    options.clone().disable_statement_logging().statement_cache_capacity(256)
}
