//! Reads for `vitrine verify`: the database against itself, from one snapshot.
//!
//! What Postgres can compare by itself is a statement that returns the places where it is wrong
//! ([`Snapshot::contradictions`]). What has to be parsed, hashed or made again is read in pages.

mod assets;
mod chain;
mod contradictions;
mod trees;

use sqlx::Connection;
use sqlx::postgres::PgConnection;

pub(crate) use assets::damaged;
pub use assets::{Columns, StoredAsset};
pub use chain::StoredChainAsset;
pub use contradictions::Contradiction;
pub use trees::{Gap, StoredNode, StoredTree};

use crate::{Store, StoreError};

/// Name and text of every statement, for the tests that hold them against golden files.
pub fn statements() -> Vec<(String, &'static str)> {
    let pages = [
        ("verify_assets", assets::ASSETS),
        ("verify_lists", assets::LISTS),
        ("verify_stored", assets::STORED),
        ("verify_chain_assets", chain::CHAIN_ASSETS),
        ("verify_trees", trees::TREES),
        ("verify_gaps", trees::GAPS),
        ("verify_missing_changes", trees::MISSING),
        ("verify_nodes", trees::NODES),
    ];
    let pages = pages.map(|(name, sql)| (name.to_owned(), sql)).into_iter();
    let contradictions = contradictions::STATEMENTS.iter();
    pages.chain(contradictions.map(|(kind, sql)| (format!("verify_{}", kind.name()), *sql))).collect()
}

/// One moment of the whole database. It holds a connection of its own, and as long as it is there, Postgres keeps what
/// has been deleted since. Its statements have no time limit.
#[derive(Debug)]
pub struct Snapshot {
    connection: PgConnection,
}

impl Store {
    /// Begins a snapshot.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        // A session without a timeout is none for the pool: it ends with the snapshot.
        let mut connection = self.write.acquire().await?.detach();
        sqlx::raw_sql("SET statement_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            .execute(&mut connection)
            .await?;
        Ok(Snapshot { connection })
    }
}

impl Snapshot {
    /// Ends it.
    pub async fn close(self) -> Result<(), StoreError> {
        Ok(self.connection.close().await?)
    }
}
