//! What the index holds, for `/status`.

use sqlx::Row;

use crate::{Store, StoreError};

/// The index at a glance, from one snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Up to which slot everything is indexed; 0 when nobody stated one.
    pub last_indexed_slot: i64,
    /// The number of assets, burnt ones too.
    pub assets: i64,
    /// The number of migrations applied to the database.
    pub migrations: i64,
}

impl Store {
    /// Reads the status: three single rows, one round trip.
    pub async fn status(&self) -> Result<Status, StoreError> {
        let mut connection = self.read().await?;
        let row = sqlx::query(
            "SELECT coalesce((SELECT slot FROM watermark ORDER BY slot LIMIT 1), 0),
                    coalesce((SELECT value FROM counter WHERE name = 'assets'), 0),
                    (SELECT count(*) FROM _sqlx_migrations WHERE success)",
        )
        .fetch_one(&mut *connection)
        .await?;
        connection.done();
        Ok(Status {
            last_indexed_slot: row.try_get(0)?,
            assets: row.try_get(1)?,
            migrations: row.try_get(2)?,
        })
    }
}
