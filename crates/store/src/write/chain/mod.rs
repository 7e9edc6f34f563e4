//! What a batch tells of the chain, and the assets that it makes of it: one transaction.
//!
//! Sources are written first, each under the lock of its row, then the assets that they are parts of are locked in the order
//! of their ids, and only then what these are made of is read: whoever waits for a lock reads what the one before has
//! written. Rows of one table are always locked in the order of their keys, and tables in the order of this file. Changes
//! and nodes of a tree are locked by whoever holds the row of the tree, in whatever order.

mod accounts;
mod again;
mod due;
mod gaps;
mod letters;
mod make;
pub(crate) mod parts;
mod registers;
mod sources;
mod tidy;
mod trees;

use std::collections::BTreeSet;
use std::ops::AddAssign;

use sqlx::postgres::PgConnection;
use vitrine_model::{Pubkey, Slot};

pub use gaps::GapTotals;
pub use letters::StoredLetter;
pub(crate) use make::Row;
pub(crate) use sources::read as read_sources;

use make::Touched;

use super::{Progress, Written};
use crate::chain::{ChainBatch, Compose};
use crate::{Store, StoreError};

/// Statements with their names, for the tests that hold them against golden files and plans.
pub fn statements() -> Vec<(String, &'static str)> {
    let mut statements = sources::statements();
    let others = [
        ("remake_ids", again::IDS),
        ("dead_letters", letters::LETTERS),
        ("gaps_note", gaps::NOTE),
        ("gaps_totals", gaps::TOTALS),
    ];
    statements.extend(others.into_iter().chain(due::statements()).map(|(name, sql)| (name.to_owned(), sql)));
    statements
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChainWritten {
    /// Accounts that are newer now than they were, or better known.
    pub accounts: u64,
    /// Updates of accounts that changed nothing: older than what is stored, or the same.
    pub stale: u64,
    /// Changes of trees that were new, or are understood only now.
    pub tree_changes: u64,
    /// Events without a change of a tree that were new.
    pub leaf_events: u64,
    /// Dead letters that were new.
    pub dead_letters: u64,
    /// What became of the assets that were made anew.
    pub assets: Written,
}

impl AddAssign for ChainWritten {
    fn add_assign(&mut self, other: Self) {
        self.accounts += other.accounts;
        self.stale += other.stale;
        self.tree_changes += other.tree_changes;
        self.leaf_events += other.leaf_events;
        self.dead_letters += other.dead_letters;
        self.assets += other.assets;
    }
}

impl Store {
    /// Writes what a batch tells, and the assets that are made of it, and then those that share what it changed
    /// ([`Store::remake_due`]). To write it twice is to write it once, and batches may come in any order.
    pub async fn write_chain(
        &self,
        batch: &ChainBatch,
        compose: Compose<'_>,
    ) -> Result<ChainWritten, StoreError> {
        let mut written = self.write_chain_batch(batch, compose).await?;
        while let Some(more) = self.remake_due(compose).await? {
            written.assets += more;
        }
        Ok(written)
    }

    /// Writes what a batch tells, and the assets that are made of it: all of it or nothing. Those that share what it
    /// changed are left to [`Store::remake_due`]. Where another writer comes between, the batch is tried again from the start.
    ///
    /// The watermark of a batch is written behind it, and behind all that was due to be made anew by then.
    pub async fn write_chain_batch(
        &self,
        batch: &ChainBatch,
        compose: Compose<'_>,
    ) -> Result<ChainWritten, StoreError> {
        let mut written = self.persist(|| self.write_chain_once(batch, compose)).await?;
        if let Some(slot) = batch.watermark {
            written.assets += self.remake_all_due(compose).await?;
            self.raise_watermark(slot).await?;
        }
        Ok(written)
    }

    /// Says that all is in up to this slot. Whoever calls it has made anew what was due before ([`Store::remake_due_up_to`]).
    pub async fn raise_watermark(&self, slot: Slot) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO watermark (source, slot) VALUES ('ingest', $1)
             ON CONFLICT (source) DO UPDATE SET slot = greatest(watermark.slot, excluded.slot)",
        )
        .bind(slot.as_i64())
        .execute(&self.write)
        .await?;
        Ok(())
    }

    /// Makes assets anew of what is stored: for a document that has arrived, or a decoder that reads more than before.
    pub async fn remake(&self, ids: &[Pubkey], compose: Compose<'_>) -> Result<Written, StoreError> {
        self.persist(|| self.remake_once(ids, compose, false)).await
    }

    async fn write_chain_once(
        &self,
        batch: &ChainBatch,
        compose: Compose<'_>,
    ) -> Result<ChainWritten, StoreError> {
        let mut transaction = self.begin().await?;
        let connection: &mut PgConnection = &mut transaction;
        let mut progress = Progress::default();
        let shared = batch.tree_changes.iter().filter_map(|change| change.inherits).collect();
        let accounts = accounts::write(connection, &batch.accounts, &shared).await?;
        let changed = accounts.inserted.len() + accounts.replaced.len() + accounts.adjusted.len();
        let mut written =
            ChainWritten { accounts: changed as u64, stale: accounts.stale, ..ChainWritten::default() };
        due::add(connection, &accounts.collections).await?;
        let mut touched = Touched { all: accounts.touched, held: accounts.held };
        written.tree_changes = trees::write(connection, &batch.tree_changes, &mut touched.all).await?;
        gaps::note(connection, &batch.tree_changes).await?;
        written.leaf_events = trees::write_events(connection, &batch.leaf_events, &mut touched.all).await?;
        written.dead_letters = letters::write(connection, &batch.dead_letters).await?;
        letters::settle(connection, &batch.settled).await?;
        self.make(connection, &touched, compose, &mut progress).await?;
        progress.count(connection).await?;
        transaction.commit().await?;
        written.assets = self.note(progress);
        Ok(written)
    }

    async fn remake_once(
        &self,
        ids: &[Pubkey],
        compose: Compose<'_>,
        to_the_bytes: bool,
    ) -> Result<Written, StoreError> {
        let mut transaction = self.begin().await?;
        let mut progress = Progress { to_the_bytes, ..Progress::default() };
        let touched = Touched { all: ids.iter().copied().collect(), held: BTreeSet::new() };
        self.make(&mut transaction, &touched, compose, &mut progress).await?;
        progress.count(&mut transaction).await?;
        transaction.commit().await?;
        Ok(self.note(progress))
    }
}
