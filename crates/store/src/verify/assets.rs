//! Assets as they are stored, page by page.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::postgres::PgRow;
use vitrine_model::{ListKey, ListKind, Pubkey};

use super::Snapshot;
use crate::StoreError;
use crate::read::members::pubkey;

/// A page of assets. `$1` the id behind which it begins, `$2` how many.
const ASSETS: &str =
    "SELECT asset_id, slot_created, slot_updated, slot_seen, interface, owner, delegate, compressed,
       burnt, frozen, list_ids, digest, version, splices, body
FROM asset WHERE asset_id > $1 ORDER BY asset_id LIMIT $2";

/// The names of lists. `$1` their ids.
const LISTS: &str = "SELECT list_id, kind, key, value, verified FROM asset_list WHERE list_id = ANY($1)";

/// A row of `asset`, and the names of the lists that it says it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAsset {
    /// The asset.
    pub id: Pubkey,
    /// The slot of its creation.
    pub slot_created: i64,
    /// The slot of its last change.
    pub slot_updated: i64,
    /// The slot as of which it was last seen.
    pub slot_seen: i64,
    /// What filters need, with the lists.
    pub facts: StoredFacts,
    /// Of all that is rendered but the slots.
    pub digest: [u8; 16],
    /// Names the bytes.
    pub version: i64,
    /// What display options add.
    pub splices: Vec<u8>,
    /// The default answer.
    pub body: Vec<u8>,
}

/// The columns of an asset that its body decides.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column")]
pub struct StoredFacts {
    /// What kind of asset.
    pub interface: String,
    /// Who has it.
    pub owner: Option<Pubkey>,
    /// Who else may move it.
    pub delegate: Option<Pubkey>,
    /// Whether it lives in a tree.
    pub compressed: bool,
    /// Whether it is no more.
    pub burnt: bool,
    /// Whether it cannot be moved.
    pub frozen: bool,
    /// The lists it is in, sorted; a list that there is not is left out.
    pub lists: Vec<ListKey>,
}

impl Snapshot {
    /// The next `limit` assets behind `after`, in the order of their ids.
    pub async fn assets(
        &mut self,
        after: Option<Pubkey>,
        limit: u32,
    ) -> Result<Vec<StoredAsset>, StoreError> {
        let rows = sqlx::query(ASSETS)
            .bind(after.as_ref().map_or(&[][..], |id| id.as_bytes()))
            .bind(i64::from(limit))
            .fetch_all(&mut self.connection)
            .await?;
        let mut list_ids = Vec::with_capacity(rows.len());
        for row in &rows {
            list_ids.push(row.try_get::<Vec<i64>, _>("list_ids")?);
        }
        let names = self.lists(list_ids.concat()).await?;
        rows.iter().zip(&list_ids).map(|(row, list_ids)| stored(row, list_ids, &names)).collect()
    }

    async fn lists(&mut self, mut list_ids: Vec<i64>) -> Result<HashMap<i64, ListKey>, StoreError> {
        list_ids.sort_unstable();
        list_ids.dedup();
        let rows = sqlx::query(LISTS).bind(list_ids).fetch_all(&mut self.connection).await?;
        rows.iter()
            .map(|row| {
                let list_id: i64 = row.try_get(0)?;
                let kind = ListKind::from_code(row.try_get(1)?).ok_or_else(|| StoreError::Inconsistent {
                    table: "asset_list",
                    column: "kind",
                    key: list_id.to_string(),
                    reason: "no such kind of list".to_owned(),
                })?;
                let key =
                    ListKey { kind, key: row.try_get(2)?, value: row.try_get(3)?, verified: row.try_get(4)? };
                Ok((list_id, key))
            })
            .collect()
    }
}

fn stored(row: &PgRow, list_ids: &[i64], names: &HashMap<i64, ListKey>) -> Result<StoredAsset, StoreError> {
    let key = |name| -> Result<Option<Pubkey>, StoreError> {
        row.try_get::<Option<&[u8]>, _>(name)?.map(pubkey).transpose()
    };
    let mut lists: Vec<ListKey> = list_ids.iter().filter_map(|id| names.get(id).cloned()).collect();
    lists.sort_unstable();
    Ok(StoredAsset {
        id: pubkey(row.try_get("asset_id")?)?,
        slot_created: row.try_get("slot_created")?,
        slot_updated: row.try_get("slot_updated")?,
        slot_seen: row.try_get("slot_seen")?,
        facts: StoredFacts {
            interface: row.try_get("interface")?,
            owner: key("owner")?,
            delegate: key("delegate")?,
            compressed: row.try_get("compressed")?,
            burnt: row.try_get("burnt")?,
            frozen: row.try_get("frozen")?,
            lists,
        },
        digest: row.try_get("digest")?,
        version: row.try_get("version")?,
        splices: row.try_get("splices")?,
        body: row.try_get("body")?,
    })
}
