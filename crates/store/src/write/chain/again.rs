//! Making all assets of the chain again, page by page: after an upgrade, or where somebody has written to the tables.

use sqlx::Row as _;
use vitrine_model::Pubkey;

use crate::chain::Compose;
use crate::write::Written;
use crate::{Store, StoreError};

/// A page of the ids of assets of the chain. `$1` the id behind which it begins, `$2` how many. By `chain_asset_pkey`.
pub(super) const IDS: &str =
    "SELECT asset_id FROM chain_asset WHERE asset_id > $1 ORDER BY asset_id LIMIT $2";

impl Store {
    /// The ids of up to `max` assets of the chain behind `after` (from the first on: none), in order.
    pub async fn chain_asset_ids(&self, after: Option<Pubkey>, max: u32) -> Result<Vec<Pubkey>, StoreError> {
        let rows = sqlx::query(IDS)
            .bind(after.as_ref().map_or(&[][..], |id| id.as_bytes()))
            .bind(i64::from(max))
            .fetch_all(&self.write)
            .await?;
        rows.iter().map(|row| Ok(Pubkey::from_bytes(row.try_get(0)?))).collect()
    }

    /// Makes assets anew as [`Store::remake`] does, and does not take the stored digest's word for it that an asset is
    /// unchanged: bytes and columns that are not what the asset is made to are written too. Places in lists are only
    /// compared with what the asset's row says of them.
    pub async fn remake_whole(&self, ids: &[Pubkey], compose: Compose<'_>) -> Result<Written, StoreError> {
        self.persist(|| self.remake_once(ids, compose, true)).await
    }
}
