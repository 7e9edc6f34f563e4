//! The pools, by the promise that each makes: reads never write, writes may wait, keys are never kept waiting.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};
use tokio::time::timeout;

use crate::cache::BodyCache;
use crate::pages::Pages;
use crate::read::lanes::Lanes;
use crate::read::places::Places;
use crate::reads::{Canceller, LastFailure, Lease, ReadOptions, Reads};
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
pub const WRITE_SESSION: &str = "SET jit = off; \
    SET max_parallel_workers_per_gather = 0; \
    SET enable_seqscan = off; \
    SET enable_bitmapscan = off; \
    SET enable_hashjoin = off; \
    SET enable_mergejoin = off";

/// How much longer than a statement may run its connection may take to say that it has ended.
const RELEASE_GRACE: Duration = Duration::from_secs(1);

/// Connections for keys: one to ask whether any has changed, one to look one up, and one to end reads that nobody waits for.
const KEY_CONNECTIONS: u32 = 3;

/// How long [`Store::close`] waits for connections that are still busy.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The database, to those who need it. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Store {
    read: Reads,
    /// Keys and the question whether the database answers: however busy the lists are, a revoked key is
    /// refused in time, and a busy server does not look like a dead one.
    keys: Reads,
    pub(crate) write: PgPool,
    pub(crate) list_ids: Arc<ListIds>,
    pub(crate) bodies: Arc<BodyCache>,
    pub(crate) pages: Arc<Pages>,
    pub(crate) places: Arc<Places>,
    /// How many searches run at a time of which nobody can tell how long they take.
    pub(crate) lanes: Arc<Lanes>,
    /// How long a call waits for a connection.
    pub(crate) acquire_timeout: Duration,
    /// How long a statement of a read may run.
    pub(crate) read_timeout: Duration,
    last_failure: LastFailure,
}

impl Store {
    /// Makes the pools without connecting: the first call does. `options` come from a URL or a private cluster.
    pub fn new(options: &PgConnectOptions, settings: &DatabaseSettings) -> Self {
        let last_failure = LastFailure::default();
        let acquire_timeout = Duration::from_millis(settings.acquire_timeout_ms);
        let statement_timeout = |ms: u64| [("statement_timeout", ms.to_string())];
        let reads = |name: &str, session, connections_max, canceller| {
            let options = ReadOptions {
                connect: quiet(options)
                    .application_name(name)
                    .options(statement_timeout(settings.read_statement_timeout_ms)),
                session,
                connections_max,
                acquire_timeout,
                release_timeout: Duration::from_millis(settings.read_statement_timeout_ms) + RELEASE_GRACE,
                canceller,
            };
            Reads::new(options, last_failure.clone())
        };
        let keys = reads("vitrine keys", "", KEY_CONNECTIONS, None);
        let canceller = Some(Arc::new(Canceller::new(keys.clone())));
        let read = reads("vitrine read", READ_SESSION, settings.read_connections_max, canceller);
        let write_failure = last_failure.clone();
        let write = PgPoolOptions::new()
            .max_connections(settings.write_connections_max)
            .acquire_timeout(acquire_timeout)
            // The pool asks a connection that comes back whether it still answers: not again, unless any has failed
            // since it was made.
            .test_before_acquire(false)
            .before_acquire(move |_, connection| {
                let trusted = write_failure.is_older_than(connection.age);
                Box::pin(async move { Ok(trusted) })
            })
            .after_connect(|connection, _| {
                Box::pin(async move { sqlx::raw_sql(WRITE_SESSION).execute(connection).await.map(drop) })
            })
            .connect_lazy_with(
                quiet(options)
                    .application_name("vitrine write")
                    .options(statement_timeout(settings.write_statement_timeout_ms)),
            );
        Self {
            read,
            keys,
            write,
            list_ids: Arc::default(),
            bodies: Arc::new(BodyCache::new(0)),
            pages: Arc::new(Pages::new(0)),
            places: Arc::new(Places::new(0)),
            lanes: Arc::new(Lanes::new(settings.read_connections_max)),
            acquire_timeout,
            read_timeout: Duration::from_millis(settings.read_statement_timeout_ms),
            last_failure,
        }
    }

    /// The same store with a memory: for who reads the same lists again and again.
    #[must_use]
    pub fn with_cache(self, settings: &CacheSettings) -> Self {
        let bodies = Arc::new(BodyCache::new(settings.body_bytes_max));
        let pages = Arc::new(Pages::new(settings.page_bytes_max));
        let places = Arc::new(Places::new(settings.places_max));
        Self { bodies, pages, places, ..self }
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
        self.read.close();
        self.keys.close();
        if timeout(CLOSE_TIMEOUT, self.write.close()).await.is_err() {
            tracing::debug!("some connections to the database are still busy and are left");
        }
    }

    /// Connections of the read pool: (open, idle).
    pub fn read_connections(&self) -> (usize, usize) {
        self.read.connections()
    }

    /// Connections of the read pool, at most.
    pub(crate) fn read_connections_max(&self) -> usize {
        self.read.connections_max()
    }

    /// A connection of the read pool.
    pub(crate) async fn read(&self) -> Result<Lease, StoreError> {
        self.read.lease().await
    }

    /// A connection for keys: one that no list can hold.
    pub(crate) async fn for_keys(&self) -> Result<Lease, StoreError> {
        self.keys.lease().await
    }

    /// From now on no connection that is open at this moment is used again.
    pub(crate) fn note_failure(&self) {
        self.last_failure.note();
    }
}

/// Statements are not logged one by one: the access log tells what a call cost.
fn quiet(options: &PgConnectOptions) -> PgConnectOptions {
    options.clone().disable_statement_logging().statement_cache_capacity(256)
}
