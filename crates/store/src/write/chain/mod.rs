//! What a batch tells of the chain, and the assets that it makes of it: one transaction.
//!
//! Sources are written first, each under the lock of its row, then the assets that they are parts of are locked in the order
//! of their ids, and only then what these are made of is read: whoever waits for a lock reads what the one before has
//! written. Rows of one table are always locked in the order of their keys, and tables in the order of this file.

mod accounts;
mod due;
mod letters;
mod registers;
mod sources;
mod trees;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::AddAssign;

use sqlx::Row as _;
use sqlx::postgres::PgConnection;
use vitrine_model::{ListKey, Pubkey};

pub use letters::StoredLetter;
pub(crate) use sources::read as read_sources;

use super::{Owned, Written, documents};
use crate::chain::{AssetSources, ChainBatch, Compose, Composed, Document};
use crate::{Store, StoreError};

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

/// Statements with their names, for the tests that hold them against golden files and plans.
pub fn statements() -> Vec<(String, &'static str)> {
    let due = due::statements().map(|(name, sql)| (name.to_owned(), sql));
    sources::statements().into_iter().chain(due).collect()
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

/// A row of `chain_asset`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) single: bool,
    pub(crate) json_uri: Option<String>,
    pub(crate) version: Option<i64>,
}

/// The assets that have to be made anew.
#[derive(Debug, Default)]
struct Touched {
    /// Whatever they are.
    all: BTreeSet<Pubkey>,
    /// Those of which a token account has changed: only where who holds some may be the owner.
    held: BTreeSet<Pubkey>,
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
    /// The watermark of a batch is written behind it, and behind all that was due to be made anew.
    pub async fn write_chain_batch(
        &self,
        batch: &ChainBatch,
        compose: Compose<'_>,
    ) -> Result<ChainWritten, StoreError> {
        let mut written = self.persist(|| self.write_chain_once(batch, compose)).await?;
        if let Some(slot) = batch.watermark {
            written.assets += self.remake_all_due(compose).await?;
            sqlx::query(
                "INSERT INTO watermark (source, slot) VALUES ('ingest', $1)
                 ON CONFLICT (source) DO UPDATE SET slot = greatest(watermark.slot, excluded.slot)",
            )
            .bind(slot.as_i64())
            .execute(&self.write)
            .await?;
        }
        Ok(written)
    }

    /// Makes assets anew of what is stored: for a document that has arrived, or a decoder that reads more than before.
    pub async fn remake(&self, ids: &[Pubkey], compose: Compose<'_>) -> Result<Written, StoreError> {
        self.persist(|| self.remake_once(ids, compose)).await
    }

    async fn write_chain_once(
        &self,
        batch: &ChainBatch,
        compose: Compose<'_>,
    ) -> Result<ChainWritten, StoreError> {
        let mut transaction = self.write.begin().await?;
        let connection: &mut PgConnection = &mut transaction;
        let shared = batch.tree_changes.iter().filter_map(|change| change.inherits).collect();
        let accounts = accounts::write(connection, &batch.accounts, &shared).await?;
        let changed = accounts.inserted.len() + accounts.replaced.len() + accounts.adjusted.len();
        let mut written =
            ChainWritten { accounts: changed as u64, stale: accounts.stale, ..ChainWritten::default() };
        due::add(connection, &accounts.collections).await?;
        let mut touched = Touched { all: accounts.touched, held: accounts.held };
        written.tree_changes = trees::write(connection, &batch.tree_changes, &mut touched.all).await?;
        written.leaf_events = trees::write_events(connection, &batch.leaf_events, &mut touched.all).await?;
        written.dead_letters = letters::write(connection, &batch.dead_letters).await?;
        letters::settle(connection, &batch.settled).await?;
        let (assets, lists) = self.make(connection, &touched, compose).await?;
        written.assets = assets;
        transaction.commit().await?;
        self.list_ids.remember(lists);
        Ok(written)
    }

    async fn remake_once(&self, ids: &[Pubkey], compose: Compose<'_>) -> Result<Written, StoreError> {
        let mut transaction = self.write.begin().await?;
        let touched = Touched { all: ids.iter().copied().collect(), held: BTreeSet::new() };
        let (written, lists) = self.make(&mut transaction, &touched, compose).await?;
        transaction.commit().await?;
        self.list_ids.remember(lists);
        Ok(written)
    }

    /// Makes assets of what is stored of them, and writes them.
    async fn make(
        &self,
        connection: &mut PgConnection,
        touched: &Touched,
        compose: Compose<'_>,
    ) -> Result<(Written, HashMap<ListKey, i64>), StoreError> {
        if touched.all.is_empty() && touched.held.is_empty() {
            return Ok(Default::default());
        }
        let rows = lock(connection, touched).await?;
        let wanted = rows.iter().map(|(&id, row)| (id, row.json_uri.clone())).collect();
        let sources = sources::read(connection, &wanted).await?;
        let made: Vec<_> = sources.into_iter().map(|sources| Made::of(sources, compose)).collect();
        let made = with_new_documents(connection, made, &rows, compose).await?;
        let (mut changes, mut gone, mut new_rows) = (Vec::new(), Vec::new(), Vec::new());
        for Made { sources, composed } in made {
            let old = &rows[&sources.id];
            let new = Row::of(composed.as_ref());
            match composed {
                Some(composed) => changes.push(composed.change),
                None if old.version.is_some() => gone.push(sources.id),
                None => {}
            }
            if new != *old {
                new_rows.push((sources.id, new));
            }
        }
        let versions = rows.iter().filter_map(|(&id, row)| Some((id, row.version?))).collect();
        let done = self.write_in(connection, &changes, &Owned { versions, gone }).await?;
        note(connection, &new_rows).await?;
        Ok(done)
    }
}

/// An asset that is being made.
struct Made {
    sources: AssetSources,
    composed: Option<Composed>,
}

impl Made {
    fn of(sources: AssetSources, compose: Compose<'_>) -> Self {
        let composed = compose(&sources);
        debug_assert!(composed.as_ref().is_none_or(|made| made.change.id == sources.id));
        Self { sources, composed }
    }

    /// Where its document is fetched from.
    fn uri(&self) -> Option<&str> {
        fetched(self.composed.as_ref()?)
    }
}

impl Row {
    /// What is noted of an asset that was made so.
    pub(crate) fn of(composed: Option<&Composed>) -> Self {
        Self {
            single: composed.is_none_or(|composed| composed.single),
            json_uri: composed.and_then(fetched).map(str::to_owned),
            version: composed.map(|composed| composed.change.rendered.version),
        }
    }
}

fn fetched(composed: &Composed) -> Option<&str> {
    composed.json_uri.as_deref().filter(|uri| documents::is_fetched(uri))
}

/// Locks the rows of touched assets, in the order of their ids, and makes those that are new.
async fn lock(connection: &mut PgConnection, touched: &Touched) -> Result<BTreeMap<Pubkey, Row>, StoreError> {
    let both: Vec<[u8; 32]> = touched.all.union(&touched.held).map(|id| *id.as_bytes()).collect();
    sqlx::query(
        "INSERT INTO chain_asset (asset_id, single) SELECT new.asset_id, true FROM UNNEST($1::bytea[]) AS new (asset_id)
         ON CONFLICT DO NOTHING",
    )
    .bind(&both)
    .execute(&mut *connection)
    .await?;
    let rows = sqlx::query(
        "SELECT asset_id, single, json_uri, version FROM chain_asset
         WHERE asset_id = ANY($1) AND (single OR asset_id = ANY($2)) ORDER BY asset_id FOR UPDATE",
    )
    .bind(&both)
    .bind(touched.all.iter().map(|id| *id.as_bytes()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let values = Row { single: row.try_get(1)?, json_uri: row.try_get(2)?, version: row.try_get(3)? };
            Ok((Pubkey::from_bytes(row.try_get(0)?), values))
        })
        .collect()
}

/// Names the documents that assets did not name before, and makes those assets once more whose document is here already.
async fn with_new_documents(
    connection: &mut PgConnection,
    made: Vec<Made>,
    rows: &BTreeMap<Pubkey, Row>,
    compose: Compose<'_>,
) -> Result<Vec<Made>, StoreError> {
    let is_new =
        |made: &Made| made.uri().is_some() && made.uri() != rows[&made.sources.id].json_uri.as_deref();
    let uris: BTreeSet<&str> = made.iter().filter(|made| is_new(made)).filter_map(Made::uri).collect();
    if uris.is_empty() {
        return Ok(made);
    }
    let uris: Vec<&str> = uris.into_iter().collect();
    let arrived = documents::name(connection, &uris).await?;
    let arrived: HashMap<&str, &Document> =
        arrived.iter().map(|document| (document.uri.as_str(), document)).collect();
    let again = |mut made: Made| match made.uri().filter(|_| is_new(&made)).and_then(|uri| arrived.get(uri)) {
        Some(&document) => {
            made.sources.documents = vec![document.clone()];
            Made::of(made.sources, compose)
        }
        None => made,
    };
    Ok(made.into_iter().map(again).collect())
}

/// Writes rows of `chain_asset` that have changed.
async fn note(connection: &mut PgConnection, rows: &[(Pubkey, Row)]) -> Result<(), StoreError> {
    if !rows.is_empty() {
        sqlx::query(
            "UPDATE chain_asset SET single = new.single, json_uri = new.json_uri, version = new.version
             FROM UNNEST($1::bytea[], $2::boolean[], $3::text[], $4::bigint[]) AS new (asset_id, single, json_uri, version)
             WHERE chain_asset.asset_id = new.asset_id",
        )
        .bind(rows.iter().map(|(id, _)| *id.as_bytes()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, row)| row.single).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, row)| row.json_uri.as_deref()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, row)| row.version).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    }
    Ok(())
}
