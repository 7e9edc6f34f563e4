//! Facts of assets that were written before searches asked for them.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use vitrine_model::{Asset, Display, Pubkey, Slot, splice};

use super::{AssetChange, Owned, Progress};
use crate::stored_body::StoredBody;
use crate::{Store, StoreError};

/// Assets that lack facts, locked until the transaction ends. `$1` how many. The number is FACTS_VERSION, and stands in the
/// index's condition too (migration `asset_facts`).
const WITHOUT_FACTS: &str = "SELECT asset_id, slot_created, slot_updated, slot_seen, splices, body FROM asset
WHERE facts_version < 1 ORDER BY asset_id LIMIT $1 FOR UPDATE";

/// How many are filled in by one transaction.
const BATCH: i64 = 1_000;

impl Store {
    /// Makes the facts of all assets that lack some, from their bodies; returns how many those were. What is done is
    /// committed in batches: it can be cut off and begun again. Without such assets it is one look at an empty index.
    pub async fn fill_in_facts(&self) -> Result<u64, StoreError> {
        let mut all = 0;
        loop {
            let mut transaction = self.begin().await?;
            let connection: &mut PgConnection = &mut transaction;
            let rows = sqlx::query(WITHOUT_FACTS).bind(BATCH).fetch_all(&mut *connection).await?;
            if rows.is_empty() {
                transaction.commit().await?;
                return Ok(all);
            }
            let changes = rows.iter().map(change).collect::<Result<Vec<_>, _>>()?;
            let mut progress = Progress::default();
            self.write_in(connection, &changes, &Owned::default(), &mut progress).await?;
            progress.count(connection).await?;
            transaction.commit().await?;
            self.note(progress);
            all += changes.len() as u64;
        }
    }
}

/// The asset as it is stored, read anew.
fn change(row: &PgRow) -> Result<AssetChange, StoreError> {
    let id = Pubkey::from_bytes(row.try_get(0)?);
    let damaged = |reason: String| StoreError::Inconsistent {
        table: "asset",
        column: "body, splices",
        key: id.to_string(),
        reason,
    };
    // All that is stored, which is more than answers show.
    let display = Display { unverified: true, fungible: true, inscription: true, ..Display::default() };
    let mut text = Vec::new();
    let body: StoredBody<'_> = row.try_get(5)?;
    let body = body.unpack().map_err(|error| damaged(error.to_string()))?;
    splice(&body, row.try_get(4)?, &display, &HashMap::new(), &mut text)
        .map_err(|error| damaged(error.to_string()))?;
    let text = String::from_utf8(text).map_err(|error| damaged(error.to_string()))?;
    let asset = Asset::from_das(&text).map_err(|error| damaged(error.to_string()))?;
    let slot = |value: i64| Slot::from_i64(value).ok_or_else(|| damaged(format!("slot {value}")));
    Ok(AssetChange {
        id,
        slot_created: slot(row.try_get(1)?)?,
        slot_updated: slot(row.try_get(2)?)?,
        slot_seen: slot(row.try_get(3)?)?,
        facts: asset.facts(),
        rendered: asset.render().pack(),
    })
}
