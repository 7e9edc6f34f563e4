//! Reads: a plan in, rows out, of one snapshot.

/// Up to which slot everything is indexed: a subselect, the first column of every answer.
macro_rules! watermark {
    () => {
        "(SELECT slot FROM watermark ORDER BY slot LIMIT 1)"
    };
}

pub(crate) mod assets;
pub(crate) mod body;
pub(crate) mod changes;
pub(crate) mod editions;
mod holdings;
pub(crate) mod lanes;
mod lead;
pub(crate) mod list;
pub(crate) mod list_sql;
pub(crate) mod members;
pub(crate) mod places;
pub(crate) mod proofs;
pub(crate) mod sample;
pub(crate) mod search;
mod search_sql;
pub(crate) mod signatures;
pub(crate) mod token_accounts;
mod turns;
mod walk;

use crate::{Store, StoreError};

/// Name and text of every statement on the tables of the chain and of changes, for the tests that hold them against golden
/// files and plans.
pub fn chain_statements() -> Vec<(String, &'static str)> {
    [
        proofs::statements(),
        signatures::statements(),
        token_accounts::statements(),
        editions::statements(),
        changes::statements(),
    ]
    .concat()
}

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
