//! Writes: one transaction a batch, in which assets, memberships, totals and the watermark change together.

mod assets;
mod chain;
mod change_order;
mod copy;
mod diff;
mod documents;
mod facts;
mod lists;
mod transaction;

use std::collections::{BTreeMap, HashMap};
use std::ops::AddAssign;

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use vitrine_model::{Facts, ListKey, Packed, Pubkey, Slot};

pub(crate) use assets::{bits, signed};
pub(crate) use chain::parts::parts;
pub use chain::{ChainWritten, GapTotals, StoredLetter, statements as source_statements};
pub(crate) use chain::{Row as ChainRow, read_sources};
pub use documents::{DueDocument, Kept, host_of, statements as document_statements};
pub(crate) use lists::ListIds;

use crate::verify::damaged;
use crate::{Store, StoreError};
use diff::ListChange;

/// How often a batch is tried when other transactions come between.
const ATTEMPTS: u32 = 5;

/// An asset as it is from some slot on.
#[derive(Debug, Clone)]
pub struct AssetChange {
    /// The asset.
    pub id: Pubkey,
    /// When it was created, as far as the source knows; only ever lowered.
    pub slot_created: Slot,
    /// Since when it is so: the slot of its last change.
    pub slot_updated: Slot,
    /// As of when it was seen so, not below `slot_updated`. A change seen earlier than what is stored is dropped.
    pub slot_seen: Slot,
    /// What filters and lists need.
    pub facts: Facts,
    /// What answers need.
    pub rendered: Packed,
}

/// What became of the changes of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Assets that were not there.
    pub created: u64,
    /// Assets that were there and are different now.
    pub updated: u64,
    /// Assets that were there just so.
    pub unchanged: u64,
    /// Changes older than what is stored.
    pub stale: u64,
    /// Assets that were there and are not any more: what they were made of shows nothing.
    pub removed: u64,
}

/// What the writer of a batch wrote before. Where an asset is still so, what it is now stands, whatever its slots are.
#[derive(Debug, Default)]
struct Owned {
    /// The versions of assets as this writer made them last.
    versions: HashMap<Pubkey, i64>,
    /// Those of them that are no more.
    gone: Vec<Pubkey>,
}

impl Owned {
    /// Whether a stored asset is as this writer made it.
    fn has(&self, id: Pubkey, version: i64) -> bool {
        self.versions.get(&id) == Some(&version)
    }
}

/// What a transaction has written so far. A batch is written in parts where it is large; what others wait for, the totals of lists
/// and the number of assets, is changed once, at the end of the transaction and in one order.
#[derive(Debug, Default)]
struct Progress {
    written: Written,
    /// The lists that it has made. Others do not see them before it is committed.
    entered: HashMap<ListKey, i64>,
    /// How lists change that were there, or that an earlier part has made.
    lists: BTreeMap<i64, ListChange>,
    /// Whether what is stored of assets is looked at to the bytes, and not only by its digest.
    to_the_bytes: bool,
}

impl Progress {
    /// Changes totals and versions of lists, and the number of all assets.
    async fn count(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        lists::count(connection, &self.lists).await?;
        assets::count(connection, self.written.created, self.written.removed).await
    }
}

impl AddAssign for Written {
    fn add_assign(&mut self, other: Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.stale += other.stale;
        self.removed += other.removed;
    }
}

impl Store {
    /// Writes a batch: all of it or nothing. `changes` are sorted by id, each id once.
    ///
    /// `stated` is the slot that the batch's source claims; a lower one than the watermark's lowers it at once.
    /// Where another writer comes between, the batch is tried again from the start.
    pub async fn write_assets(
        &self,
        changes: &[AssetChange],
        stated: Option<Slot>,
    ) -> Result<Written, StoreError> {
        debug_assert!(changes.is_sorted_by(|a, b| a.id < b.id), "a batch is sorted and has each id once");
        self.persist(|| self.write_once(changes, stated)).await
    }

    /// Makes a write, and makes it again where another writer came between.
    async fn persist<T, W>(&self, write: impl Fn() -> W) -> Result<T, StoreError>
    where
        W: Future<Output = Result<T, StoreError>>,
    {
        let mut attempt = 1;
        loop {
            match write().await {
                Err(StoreError::Conflict(_)) if attempt < ATTEMPTS => attempt += 1,
                Err(error @ StoreError::Inconsistent { .. }) => {
                    // What is remembered of lists may be of another database by now.
                    self.list_ids.forget();
                    return Err(error);
                }
                Err(StoreError::Unavailable(error)) => {
                    self.note_failure();
                    return Err(StoreError::Unavailable(error));
                }
                other => return other,
            }
        }
    }

    async fn write_once(&self, changes: &[AssetChange], stated: Option<Slot>) -> Result<Written, StoreError> {
        let mut transaction = self.begin().await?;
        let mut progress = Progress::default();
        self.write_in(&mut transaction, changes, &Owned::default(), &mut progress).await?;
        progress.count(&mut transaction).await?;
        if let Some(slot) = stated {
            sqlx::query("UPDATE watermark SET slot = $1 WHERE source = 'import' AND slot > $1")
                .bind(slot.as_i64())
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(self.note(progress))
    }

    /// Remembers what a transaction has made that is committed now.
    fn note(&self, progress: Progress) -> Written {
        self.list_ids.remember(progress.entered);
        progress.written
    }

    /// Writes a batch, or a part of one, in a transaction of the caller, who counts at its end ([`Progress::count`]) and notes
    /// what it has made once it is committed.
    async fn write_in(
        &self,
        connection: &mut PgConnection,
        changes: &[AssetChange],
        owned: &Owned,
        progress: &mut Progress,
    ) -> Result<(), StoreError> {
        if changes.is_empty() && owned.gone.is_empty() {
            return Ok(());
        }
        let mut stored = assets::lock(connection, changes, &owned.gone).await?;
        if progress.to_the_bytes {
            for id in damaged(connection, changes).await? {
                // A digest that is not that of the bytes beside it says nothing of them.
                stored.entry(id).and_modify(|stored| stored.digest = [0; 16]);
            }
        }
        let known = lists::resolve(connection, &self.list_ids, &progress.entered, changes).await?;
        let (mut diff, written) = diff::diff(changes, &stored, &known, owned);
        let entered = lists::enter(connection, &diff.new_lists).await?;
        diff.settle(&entered);
        assets::write(connection, changes, &diff).await?;
        lists::write(connection, &diff).await?;
        progress.written += written;
        for (&list_id, &change) in &diff.lists {
            *progress.lists.entry(list_id).or_default() += change;
        }
        progress.entered.extend(entered);
        Ok(())
    }

    /// Ends an import of one file: what its responses stated becomes (or lowers) the watermark, and the
    /// planner and index-only scans learn of the new rows.
    pub async fn finish_import(&self, stated: Option<Slot>) -> Result<(), StoreError> {
        if let Some(slot) = stated {
            sqlx::query(
                "INSERT INTO watermark (source, slot) VALUES ('import', $1)
                 ON CONFLICT (source) DO UPDATE SET slot = least(watermark.slot, excluded.slot)",
            )
            .bind(slot.as_i64())
            .execute(&self.write)
            .await?;
        }
        let narrow = ["VACUUM (ANALYZE) list_member", "VACUUM (ANALYZE) asset_list"];
        tokio::try_join!(Box::pin(self.tidy(&["VACUUM (ANALYZE) asset"])), Box::pin(self.tidy(&narrow)))?;
        Ok(())
    }

    /// Runs what may take longer than a statement of a write may.
    async fn tidy(&self, statements: &[&'static str]) -> Result<(), StoreError> {
        // A session without a timeout is none for the pool: it ends with this.
        let mut connection = self.write.acquire().await?.detach();
        sqlx::raw_sql("SET statement_timeout = 0").execute(&mut connection).await?;
        for &statement in statements {
            sqlx::raw_sql(statement).execute(&mut connection).await?;
        }
        Ok(connection.close().await?)
    }
}
