//! The two pools, by the promise that each makes: reads never write, writes may wait.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};

use crate::write::ListIds;
use crate::{DatabaseSettings, StoreError};

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

/// The database, to those who need it. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) read: PgPool,
    pub(crate) write: PgPool,
    pub(crate) list_ids: Arc<ListIds>,
    last_failure: Arc<Mutex<Option<Instant>>>,
}

impl Store {
    /// Makes the pools without connecting: the first call does. `options` come from a URL or a private cluster.
    pub fn new(options: &PgConnectOptions, settings: &DatabaseSettings) -> Self {
        let last_failure = Arc::new(Mutex::new(None));
        let acquire_timeout = Duration::from_millis(settings.acquire_timeout_ms);
        let pool = |connections: u32| {
            let last_failure = Arc::clone(&last_failure);
            PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(acquire_timeout)
                // A ping before each use would be a second round trip. Instead: a connection that is older
                // than the last failure is not trusted any more, and a read is tried twice.
                .test_before_acquire(false)
                .before_acquire(move |_, connection| {
                    let last: Option<Instant> =
                        *last_failure.lock().expect("nothing panics while it holds this lock");
                    let trusted = last.is_none_or(|failure| failure.elapsed() > connection.age);
                    Box::pin(async move { Ok(trusted) })
                })
        };
        let timeout = |ms: u64| [("statement_timeout", ms.to_string())];
        let read = pool(settings.read_connections_max)
            .after_connect(|connection, _| {
                Box::pin(async move { sqlx::raw_sql(READ_SESSION).execute(connection).await.map(drop) })
            })
            .connect_lazy_with(
                quiet(options)
                    .application_name("vitrine read")
                    .options(timeout(settings.read_statement_timeout_ms)),
            );
        let write = pool(settings.write_connections_max).connect_lazy_with(
            quiet(options)
                .application_name("vitrine write")
                .options(timeout(settings.write_statement_timeout_ms)),
        );
        Self { read, write, list_ids: Arc::default(), last_failure }
    }

    /// Like [`Store::new`], from the settings' URL.
    pub fn from_url(settings: &DatabaseSettings) -> Result<Self, StoreError> {
        let options: PgConnectOptions = settings.url.parse()?;
        Ok(Self::new(&options, settings))
    }

    /// Whether the database answers: one round trip on a connection of the read pool.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut connection = self.read.acquire().await?;
        match connection.ping().await {
            Ok(()) => Ok(()),
            Err(error) => {
                self.note_failure();
                Err(error.into())
            }
        }
    }

    /// Closes all connections; calls that still run may finish.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }

    /// Connections of the read pool: (open, idle).
    pub fn read_connections(&self) -> (u32, usize) {
        (self.read.size(), self.read.num_idle())
    }

    /// From now on no connection that is open at this moment is used again.
    pub(crate) fn note_failure(&self) {
        *self.last_failure.lock().expect("nothing panics while it holds this lock") = Some(Instant::now());
    }
}

/// Statements are not logged one by one: the access log tells what a call cost.
fn quiet(options: &PgConnectOptions) -> PgConnectOptions {
    options.clone().disable_statement_logging().statement_cache_capacity(256)
}
