//! Assets of the chain, page by page, with all that they are made of.

use std::collections::BTreeMap;

use sqlx::Row as _;
use vitrine_model::Pubkey;

use super::Snapshot;
use crate::StoreError;
use crate::chain::{AssetSources, Composed};
use crate::read::members::pubkey;
use crate::write::{ChainRow, parts, read_sources};

/// A page of assets of the chain, with what is shown of them, and whether they are due to be made anew: what they
/// share with others has changed, or their document has arrived. `$1` the id behind which it begins, `$2` how many.
pub(super) const CHAIN_ASSETS: &str =
    "SELECT made.asset_id, made.single, made.json_uri, made.version, asset.version, asset.slot_updated, asset.slot_created,
    (SELECT octet_length(body) FROM document WHERE digest = sha256(convert_to(made.json_uri, 'UTF8'))),
    EXISTS (SELECT FROM account JOIN remake_due ON remake_due.source = account.core_collection
            WHERE account.address = made.asset_id)
    OR EXISTS (SELECT FROM tree_change JOIN remake_due ON remake_due.source = tree_change.inherits
               WHERE tree_change.asset_id = made.asset_id)
    OR coalesce((SELECT body IS NOT NULL AND next_try IS NOT NULL FROM document
                 WHERE digest = sha256(convert_to(made.json_uri, 'UTF8'))), false) AS due
FROM (SELECT asset_id, single, json_uri, version FROM chain_asset WHERE asset_id > $1 ORDER BY asset_id LIMIT $2) AS made
     LEFT JOIN asset ON asset.asset_id = made.asset_id
ORDER BY made.asset_id";

/// An asset of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredChainAsset {
    /// What it is made of.
    pub sources: AssetSources,
    /// What was noted of it when it was made last.
    row: ChainRow,
    /// What is shown of it.
    shown: Option<Shown>,
    /// Whether it is due to be made anew: until then it is as it was.
    due: bool,
}

/// What is shown of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shown {
    version: i64,
    slot_updated: i64,
    slot_created: i64,
}

impl StoredChainAsset {
    /// What is not as it is when the asset is made again: by columns, each with both values. What an import has written
    /// since is let be, and what is due to be made again.
    pub fn differing(&self, made: Option<&Composed>) -> Vec<String> {
        if self.due {
            return Vec::new();
        }
        let again = ChainRow::of(made);
        let (row, slots) = (&self.row, made.map(|made| (made.change.slot_created, made.change.slot_updated)));
        let mut differing = Vec::new();
        let mut hold = |what: &str, is: String, would: String| {
            if is != would {
                differing.push(format!("{what} is {is}, and made again {would}"));
            }
        };
        let number = |number: Option<i64>| number.map_or("none".to_owned(), |number| number.to_string());
        hold("single", row.single.to_string(), again.single.to_string());
        hold("json_uri", format!("{:?}", row.json_uri), format!("{:?}", again.json_uri));
        hold("version", number(row.version), number(again.version));
        match (row.version, self.shown) {
            (Some(version), None) => differing.push(format!("it is not there in version {version}")),
            (Some(version), Some(shown)) if version == shown.version => {
                let (created, updated) =
                    slots.map(|(created, updated)| (created.as_i64(), updated.as_i64())).unzip();
                hold("slot_updated", number(Some(shown.slot_updated)), number(updated));
                // An import may know of an earlier one.
                if created < Some(shown.slot_created) {
                    hold("slot_created", number(Some(shown.slot_created)), number(created));
                }
            }
            _ => {}
        }
        differing
    }
}

impl Snapshot {
    /// The next `limit` assets of the chain behind `after`, in the order of their ids; fewer where their documents are large,
    /// and none behind the last one.
    pub async fn chain_assets(
        &mut self,
        after: Option<Pubkey>,
        limit: u32,
    ) -> Result<Vec<StoredChainAsset>, StoreError> {
        let rows = sqlx::query(CHAIN_ASSETS)
            .bind(after.as_ref().map_or(&[][..], |id| id.as_bytes()))
            .bind(i64::from(limit))
            .fetch_all(&mut self.connection)
            .await?;
        let read = rows.iter().map(|row| {
            let id = pubkey(row.try_get(0)?)?;
            let made =
                ChainRow { single: row.try_get(1)?, json_uri: row.try_get(2)?, version: row.try_get(3)? };
            let shown = match row.try_get(4)? {
                Some(version) => {
                    Some(Shown { version, slot_updated: row.try_get(5)?, slot_created: row.try_get(6)? })
                }
                None => None,
            };
            let bytes = row.try_get::<Option<i32>, _>(7)?.and_then(|bytes| usize::try_from(bytes).ok());
            Ok((id, (made, shown, row.try_get(8)?), bytes))
        });
        let page = read.collect::<Result<Vec<_>, StoreError>>()?;
        let page =
            parts(page, |(_, (made, ..), bytes)| made.json_uri.as_deref().zip(*bytes)).into_iter().next();
        let mut noted = BTreeMap::new();
        let mut wanted = BTreeMap::new();
        for (id, of, _) in page.unwrap_or_default() {
            wanted.insert(id, of.0.json_uri.clone());
            noted.insert(id, of);
        }
        let sources = read_sources(&mut self.connection, &wanted).await?;
        let with_sources = sources.into_iter().filter_map(|sources| {
            let (row, shown, due) = noted.remove(&sources.id)?;
            Some(StoredChainAsset { sources, row, shown, due })
        });
        Ok(with_sources.collect())
    }
}
