//! Assets are locked, made of what is stored of them, and written, part by part.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::Row as _;
use sqlx::postgres::PgConnection;
use vitrine_model::Pubkey;

use super::parts::{BYTES_MAX, parts};
use super::sources;
use crate::chain::{AssetSources, Compose, Composed};
use crate::write::{Owned, Progress, documents};
use crate::{Store, StoreError};

/// The assets that have to be made anew.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Whatever they are.
    pub(super) all: BTreeSet<Pubkey>,
    /// Those of which a token account has changed: only where who holds some may be the owner.
    pub(super) held: BTreeSet<Pubkey>,
}

/// A row of `chain_asset`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) single: bool,
    pub(crate) json_uri: Option<String>,
    pub(crate) version: Option<i64>,
}

/// A row that is locked, with the bytes of its document, where that has arrived.
struct Locked {
    row: Row,
    document_bytes: Option<usize>,
}

/// An asset that is being made.
struct Made {
    sources: AssetSources,
    composed: Option<Composed>,
    /// What is noted of it.
    row: Row,
}

impl Store {
    /// Makes assets of what is stored of them, and writes them.
    ///
    /// They are locked all at once, so that there is one order of locks; made and written are they in parts, so that the
    /// bodies of one part alone are in memory. What is counted is counted by who ends the transaction.
    pub(super) async fn make(
        &self,
        connection: &mut PgConnection,
        touched: &Touched,
        compose: Compose<'_>,
        progress: &mut Progress,
    ) -> Result<(), StoreError> {
        if touched.all.is_empty() && touched.held.is_empty() {
            return Ok(());
        }
        let rows = lock(connection, touched).await?;
        for part in parts(&rows, |(_, locked)| locked.document()) {
            // A document that arrived since the row was locked is left out: who stored it makes the asset anew behind us.
            let uri = |locked: &Locked| locked.document().map(|(uri, _)| uri.to_owned());
            let wanted = part.iter().map(|&(&id, locked)| (id, uri(locked))).collect();
            let (mut made, mut bytes) = (Vec::new(), 0);
            for sources in sources::read(connection, &wanted).await? {
                let asset = Made::of(sources, compose);
                bytes += asset.bytes();
                made.push(asset);
                if bytes >= BYTES_MAX {
                    let made = std::mem::take(&mut made);
                    self.name_and_write(connection, made, &rows, compose, progress).await?;
                    bytes = 0;
                }
            }
            self.name_and_write(connection, made, &rows, compose, progress).await?;
        }
        Ok(())
    }

    /// Names the documents that assets did not name before, makes those assets once more whose document is here already, and
    /// writes all of them.
    async fn name_and_write(
        &self,
        connection: &mut PgConnection,
        made: Vec<Made>,
        rows: &BTreeMap<Pubkey, Locked>,
        compose: Compose<'_>,
        progress: &mut Progress,
    ) -> Result<(), StoreError> {
        let uris: BTreeSet<String> =
            made.iter().filter_map(|made| made.new_uri(rows)).map(str::to_owned).collect();
        let arrived = documents::name(connection, &uris).await?;
        let (mut ready, mut bytes) = (Vec::new(), 0);
        for part in parts(made, |made| made.new_document(rows, &arrived)) {
            let needed = part.iter().filter_map(|made| Some(made.new_document(rows, &arrived)?.0));
            let uris: BTreeSet<&str> = needed.collect();
            let bodies = sources::documents(connection, &uris.into_iter().collect::<Vec<_>>()).await?;
            for asset in part {
                let uri = asset.new_document(rows, &arrived).map(|(uri, _)| uri);
                let body = uri.and_then(|uri| bodies.get(uri)).cloned();
                let asset = match body {
                    Some(body) => Made::of(AssetSources { documents: vec![body], ..asset.sources }, compose),
                    None => asset,
                };
                bytes += asset.bytes();
                ready.push(asset);
                if bytes >= BYTES_MAX {
                    self.write_made(connection, std::mem::take(&mut ready), rows, progress).await?;
                    bytes = 0;
                }
            }
        }
        self.write_made(connection, ready, rows, progress).await
    }

    async fn write_made(
        &self,
        connection: &mut PgConnection,
        made: Vec<Made>,
        rows: &BTreeMap<Pubkey, Locked>,
        progress: &mut Progress,
    ) -> Result<(), StoreError> {
        let (mut changes, mut owned, mut new_rows) = (Vec::new(), Owned::default(), Vec::new());
        for Made { sources, composed, row: new } in made {
            let old = &rows[&sources.id].row;
            owned.versions.extend(old.version.map(|version| (sources.id, version)));
            match composed {
                Some(composed) => changes.push(composed.change),
                None if old.version.is_some() => owned.gone.push(sources.id),
                None => {}
            }
            if new != *old {
                new_rows.push((sources.id, new));
            }
        }
        self.write_in(connection, &changes, &owned, progress).await?;
        note(connection, &new_rows).await
    }
}

impl Made {
    fn of(sources: AssetSources, compose: Compose<'_>) -> Self {
        let composed = compose(&sources);
        debug_assert!(composed.as_ref().is_none_or(|made| made.change.id == sources.id));
        let row = Row::of(composed.as_ref());
        Self { sources, composed, row }
    }

    /// Where its document is fetched from.
    fn uri(&self) -> Option<&str> {
        self.row.json_uri.as_deref()
    }

    /// The same, where it is not what it was before.
    fn new_uri(&self, rows: &BTreeMap<Pubkey, Locked>) -> Option<&str> {
        self.uri().filter(|uri| rows[&self.sources.id].row.json_uri.as_deref() != Some(*uri))
    }

    /// The document that it names now and did not name before, and its bytes, where it has arrived.
    fn new_document(
        &self,
        rows: &BTreeMap<Pubkey, Locked>,
        arrived: &HashMap<String, usize>,
    ) -> Option<(&str, usize)> {
        let uri = self.new_uri(rows)?;
        Some((uri, *arrived.get(uri)?))
    }

    /// The bytes of what it shows, which is about as much as is in memory of what it is made of: not those that are written of it,
    /// which are packed.
    fn bytes(&self) -> usize {
        let Some(made) = &self.composed else { return 0 };
        let rendered = &made.change.rendered;
        let body = rendered.body.plain_len().unwrap_or(rendered.body.as_bytes().len());
        body + rendered.splices.len()
    }
}

impl Locked {
    /// The document that it is made with, and its bytes.
    fn document(&self) -> Option<(&str, usize)> {
        self.row.json_uri.as_deref().zip(self.document_bytes)
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
async fn lock(
    connection: &mut PgConnection,
    touched: &Touched,
) -> Result<BTreeMap<Pubkey, Locked>, StoreError> {
    let both: Vec<[u8; 32]> = touched.all.union(&touched.held).map(|id| *id.as_bytes()).collect();
    sqlx::query(
        "INSERT INTO chain_asset (asset_id, single) SELECT new.asset_id, true FROM UNNEST($1::bytea[]) AS new (asset_id)
         ON CONFLICT DO NOTHING",
    )
    .bind(&both)
    .execute(&mut *connection)
    .await?;
    let rows = sqlx::query(sources::LOCK)
        .bind(&both)
        .bind(touched.all.iter().map(|id| *id.as_bytes()).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let values = Row { single: row.try_get(1)?, json_uri: row.try_get(2)?, version: row.try_get(3)? };
            let bytes: Option<i32> = row.try_get(4)?;
            let document_bytes = bytes.map(|bytes| usize::try_from(bytes).unwrap_or_default());
            Ok((Pubkey::from_bytes(row.try_get(0)?), Locked { row: values, document_bytes }))
        })
        .collect()
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
