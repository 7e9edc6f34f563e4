//! The database of a command: the one that is configured, else the private cluster.

use std::future::Future;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use vitrine_cluster::{Cluster, ClusterOptions, default_data_dir};
use vitrine_store::{DatabaseSettings, MigrateError, Pending, Store, StoreError};

use crate::commands::Context;

/// How long another program may be migrating until we give up.
const MIGRATE_PATIENCE: Duration = Duration::from_mins(10);

/// An open database. It is to be closed, also after an error.
#[derive(Debug)]
pub(crate) struct Database {
    /// What commands work with.
    pub(crate) store: Store,
    cluster: Option<Cluster>,
}

impl Database {
    /// Opens the configured database, else the private cluster: makes, starts or adopts it.
    pub(crate) async fn open(context: &Context) -> Result<Self> {
        let settings = &context.config.database;
        if !settings.url.is_empty() {
            return Ok(Self { store: Store::from_url(settings)?, cluster: None });
        }
        let options =
            ClusterOptions { download: context.download, ..ClusterOptions::from_env(context.data_dir()?) };
        let opening = tokio::task::spawn_blocking(move || Cluster::open(&options));
        let cluster = tokio::select! {
            // A start is not abandoned half way, but whoever insists is let go.
            opened = opening => opened.context("the start of Postgres was cut off")??,
            () = context.signals.second() => bail!("interrupted"),
        };
        let settings = DatabaseSettings { url: cluster.url(), ..settings.clone() };
        Ok(Self { store: Store::from_url(&settings)?, cluster: Some(cluster) })
    }

    /// Whether this is the private cluster, which nobody but us looks after.
    pub(crate) fn is_private(&self) -> bool {
        self.cluster.is_some()
    }

    /// Closes the connections, and the cluster where nobody else uses it.
    pub(crate) async fn close(self) -> Result<()> {
        self.store.close().await;
        if let Some(cluster) = self.cluster {
            let closed = tokio::task::spawn_blocking(move || cluster.close());
            let closed = closed.await.context("the stop of Postgres was cut off")??;
            tracing::debug!("private Postgres: {closed:?}");
        }
        Ok(())
    }

    /// Closes, and gives the work's own error where there is one.
    pub(crate) async fn close_after<T>(self, result: Result<T>) -> Result<T> {
        let closed = self.close().await;
        let value = result?;
        closed?;
        Ok(value)
    }
}

impl Context {
    /// The data dir that was named, else the platform's.
    pub(crate) fn data_dir(&self) -> Result<PathBuf> {
        match &self.data_dir {
            Some(path) => Ok(path.clone()),
            None => Ok(default_data_dir()?),
        }
    }
}

/// Does a short work on the database, which is then closed. A signal ends the work.
pub(crate) async fn with_database<T>(
    context: &Context,
    work: impl AsyncFnOnce(&Database) -> Result<T>,
) -> Result<T> {
    let database = Database::open(context).await?;
    let result = tokio::select! {
        result = work(&database) => result,
        () = context.signals.first() => Err(anyhow::anyhow!("interrupted")),
    };
    database.close_after(result).await
}

/// Applies what is pending, and fills in what it has added to the assets that were there.
pub(crate) async fn migrate(store: &Store) -> Result<Vec<Pending>> {
    let applied = store.migrate(MIGRATE_PATIENCE).await.map_err(unreachable_database)?;
    for migration in &applied {
        let (version, description) = (migration.version, &migration.description);
        tracing::debug!(version, "migration {version} ({description}) applied");
    }
    let assets = store.fill_in_facts().await?;
    if assets > 0 {
        tracing::info!(assets, "facts for searches of {assets} assets from before were filled in");
    }
    Ok(applied)
}

/// Refuses a database that lacks a migration. Without `api_key` and the rest no command has anything to ask.
pub(crate) async fn require_migrated(store: &Store) -> Result<()> {
    let pending = store.pending_migrations().await.map_err(unreachable_database)?;
    match pending.as_slice() {
        [] => Ok(()),
        [one] => bail!("migration {} is pending: run `vitrine migrate` first", one.version),
        many => bail!("{} migrations are pending: run `vitrine migrate` first", many.len()),
    }
}

/// Says how long a stage took.
pub(crate) async fn stage<T>(name: &'static str, work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let result = work.await;
    let elapsed_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(stage = name, elapsed_ms, "{name} took {elapsed_ms} ms");
    result
}

/// A timeout of the pool means that nobody answers: say what to look at.
fn unreachable_database(error: MigrateError) -> anyhow::Error {
    let away = matches!(&error, MigrateError::Store(StoreError::Unavailable(_)));
    let error = anyhow::Error::from(error);
    if away {
        error.context("cannot reach the database that DATABASE_URL or database.url names")
    } else {
        error
    }
}
