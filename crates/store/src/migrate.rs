//! Migrations: applied by one program at a time, refused when pending, never waited for inside Postgres.

use std::time::Duration;

use sqlx::Connection;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnection;

use crate::{Store, StoreError};

/// Every migration there is, with its text and checksum, from `migrations/`.
pub static MIGRATOR: Migrator = Migrator {
    // Locked here by polling; a newer schema is fine (see migrations/README.md, expand and contract).
    locking: false,
    ignore_missing: true,
    ..sqlx::migrate!("../../migrations")
};

/// The advisory lock of everybody who migrates this database ("vitrine" in ASCII, cut to 63 bits).
const LOCK: i64 = 0x0076_6974_7269_6e65;

/// What a `CREATE INDEX CONCURRENTLY` that failed leaves behind: its `IF NOT EXISTS` would take it for done.
const DROP_INVALID_INDEXES: &str = "DO $$
DECLARE
    invalid text;
BEGIN
    FOR invalid IN
        SELECT format('%I.%I', schema.nspname, index.relname)
        FROM pg_index
        JOIN pg_class AS index ON index.oid = pg_index.indexrelid
        JOIN pg_namespace AS schema ON schema.oid = index.relnamespace
        WHERE NOT pg_index.indisvalid AND schema.nspname = current_schema()
    LOOP
        EXECUTE 'DROP INDEX ' || invalid;
    END LOOP;
END $$";

/// How long to sleep between two looks at the lock.
const LOCK_POLL: Duration = Duration::from_millis(250);

/// An error of [`Store::migrate`] or [`Store::pending_migrations`].
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database, not the migrations.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A migration failed, or one that was applied has been edited since.
    #[error("migration failed: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// Somebody else holds the lock for longer than we wait.
    #[error("another program has been migrating this database for over {0:?}")]
    Locked(Duration),
}

/// A migration that this program has and the database has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The version: the leading number of the file's name.
    pub version: i64,
    /// The rest of the file's name.
    pub description: String,
}

impl Store {
    /// Applies what is pending and returns it. Waits up to `patience` for another program that migrates.
    ///
    /// The lock is asked for again and again and never waited for in Postgres: a session that waits holds a
    /// snapshot, and `CREATE INDEX CONCURRENTLY` of the lock's holder would wait for that snapshot: a deadlock.
    pub async fn migrate(&self, patience: Duration) -> Result<Vec<Pending>, MigrateError> {
        // The lock and what is set here belong to the session, which ends with this.
        let mut connection = self.write.acquire().await.map_err(StoreError::from)?.detach();
        let mut waited = Duration::ZERO;
        while !try_lock(&mut connection).await? {
            if waited >= patience {
                return Err(MigrateError::Locked(patience));
            }
            tokio::time::sleep(LOCK_POLL).await;
            waited += LOCK_POLL;
        }
        let applied = apply(&mut connection).await?;
        connection.close().await.map_err(StoreError::from)?;
        Ok(applied)
    }

    /// What [`Store::migrate`] would apply.
    pub async fn pending_migrations(&self) -> Result<Vec<Pending>, MigrateError> {
        let mut connection = self.write.acquire().await.map_err(StoreError::from)?;
        pending(&mut connection).await
    }
}

async fn try_lock(connection: &mut PgConnection) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(LOCK).fetch_one(connection).await?)
}

async fn apply(connection: &mut PgConnection) -> Result<Vec<Pending>, MigrateError> {
    let pending = pending(connection).await?;
    // Building an index takes as long as it takes.
    sqlx::query("SET statement_timeout = 0").execute(&mut *connection).await.map_err(StoreError::from)?;
    if !pending.is_empty() {
        sqlx::raw_sql(DROP_INVALID_INDEXES).execute(&mut *connection).await.map_err(StoreError::from)?;
    }
    MIGRATOR.run(&mut *connection).await?;
    Ok(pending)
}

async fn pending(connection: &mut PgConnection) -> Result<Vec<Pending>, MigrateError> {
    let exists: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await
        .map_err(StoreError::from)?;
    let applied: Vec<i64> = if exists {
        sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success")
            .fetch_all(connection)
            .await
            .map_err(StoreError::from)?
    } else {
        Vec::new()
    };
    Ok(MIGRATOR
        .iter()
        .filter(|migration| !applied.contains(&migration.version))
        .map(|migration| Pending {
            version: migration.version,
            description: migration.description.to_string(),
        })
        .collect())
}
