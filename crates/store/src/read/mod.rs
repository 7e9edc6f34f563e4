//! Reads: a plan in, rows out, of one snapshot.

pub(crate) mod assets;
pub(crate) mod body;
mod lead;
pub(crate) mod list;
pub(crate) mod list_sql;
mod members;
pub(crate) mod places;
pub(crate) mod search;
mod search_sql;

use crate::{Store, StoreError};

impl Store {
    /// Makes a read, and once more where its connection turned out to be broken: a read can be made twice.
    async fn reading<T, R>(&self, read: impl Fn() -> R) -> Result<T, StoreError>
    where
        R: Future<Output = Result<T, StoreError>>,
    {
        match read().await {
            Err(StoreError::Unavailable(error)) if !matches!(error, sqlx::Error::PoolTimedOut) => {
                self.note_failure();
                read().await
            }
            other => other,
        }
    }
}
