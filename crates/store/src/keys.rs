//! API keys as the database has them: digests, never keys.

use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use time::OffsetDateTime;

use crate::{Store, StoreError};

/// A key, without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// Names the key in logs and commands.
    pub key_id: i64,
    /// SHA-256 of the key's text.
    pub digest: [u8; 32],
    /// The first characters of the key, for a person to recognise it by.
    pub prefix: String,
    /// The name of its tier, as `tiers.toml` has it.
    pub tier: String,
    /// What its owner calls it.
    pub name: String,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// From when on it is refused, if ever.
    pub expires_at: Option<OffsetDateTime>,
    /// Since when it is refused, if it is.
    pub revoked_at: Option<OffsetDateTime>,
}

/// A key to be stored.
#[derive(Debug, Clone)]
pub struct NewKey<'a> {
    /// SHA-256 of the key's text.
    pub digest: [u8; 32],
    /// The first characters of the key.
    pub prefix: &'a str,
    /// The name of its tier.
    pub tier: &'a str,
    /// What its owner calls it.
    pub name: &'a str,
    /// When it is made.
    pub created_at: OffsetDateTime,
    /// From when on it is refused, if ever.
    pub expires_at: Option<OffsetDateTime>,
}

impl FromRow<'_, PgRow> for KeyRecord {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            key_id: row.try_get("key_id")?,
            digest: row.try_get("digest")?,
            prefix: row.try_get("prefix")?,
            tier: row.try_get("tier")?,
            name: row.try_get("name")?,
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
            revoked_at: row.try_get("revoked_at")?,
        })
    }
}

impl Store {
    /// Stores a key and returns its id.
    pub async fn create_key(&self, key: &NewKey<'_>) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(
            "INSERT INTO api_key (digest, prefix, tier, name, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6) RETURNING key_id",
        )
        .bind(key.digest)
        .bind(key.prefix)
        .bind(key.tier)
        .bind(key.name)
        .bind(key.created_at)
        .bind(key.expires_at)
        .fetch_one(&self.write)
        .await?)
    }

    /// All keys, oldest first.
    pub async fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT key_id, digest, prefix, tier, name, created_at, expires_at, revoked_at FROM api_key
             ORDER BY key_id",
        )
        .fetch_all(&self.write)
        .await?)
    }

    /// Revokes a key. False if there is no such key; a key that is revoked already stays so.
    pub async fn revoke_key(&self, key_id: i64, now: OffsetDateTime) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE api_key SET revoked_at = coalesce(revoked_at, $2) WHERE key_id = $1")
            .bind(key_id)
            .bind(now)
            .execute(&self.write)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Puts a key into another tier. False if there is no such key.
    pub async fn set_key_tier(&self, key_id: i64, tier: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE api_key SET tier = $2 WHERE key_id = $1")
            .bind(key_id)
            .bind(tier)
            .execute(&self.write)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The key with this digest. Tried twice, like every read, when the connection turns out to be broken.
    pub async fn find_key(&self, digest: &[u8; 32]) -> Result<Option<KeyRecord>, StoreError> {
        match self.find_key_once(digest).await {
            Err(StoreError::Unavailable(error)) if !matches!(error, sqlx::Error::PoolTimedOut) => {
                self.note_failure();
                self.find_key_once(digest).await
            }
            other => other,
        }
    }

    async fn find_key_once(&self, digest: &[u8; 32]) -> Result<Option<KeyRecord>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT key_id, digest, prefix, tier, name, created_at, expires_at, revoked_at FROM api_key
             WHERE digest = $1",
        )
        .bind(digest)
        .fetch_optional(&mut *self.for_keys().await?)
        .await?)
    }

    /// These keys, as they are now; one that has been deleted is missing.
    pub async fn keys_by_id(&self, key_ids: &[i64]) -> Result<Vec<KeyRecord>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT key_id, digest, prefix, tier, name, created_at, expires_at, revoked_at FROM api_key
             WHERE key_id = ANY($1)",
        )
        .bind(key_ids)
        .fetch_all(&mut *self.for_keys().await?)
        .await?)
    }

    /// A number that moves whenever any key changes, in the same transaction.
    pub async fn key_epoch(&self) -> Result<i64, StoreError> {
        let mut connection = self.for_keys().await?;
        let epoch = sqlx::query_scalar("SELECT epoch FROM api_key_epoch").fetch_one(&mut *connection).await;
        if epoch.is_err() {
            self.note_failure();
        }
        Ok(epoch?)
    }
}
