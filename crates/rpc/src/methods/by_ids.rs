//! What getAsset and getAssets share: from ids and what to show of them to the assets.

use std::time::{Duration, Instant};

use vitrine_model::Pubkey;
use vitrine_store::{Assets, AssetsPlan, Display};

use super::list;
use crate::dispatch::Context;
use crate::door::Dialect;
use crate::error::CallError;

/// Reads the assets; and how long that took.
pub(super) async fn read(
    context: &Context<'_>,
    ids: Vec<Pubkey>,
    display: Display,
) -> Result<(Assets, Duration), CallError> {
    let plan = AssetsPlan {
        ids,
        display,
        // Each asset is a result of its own: decisions.md 2, "first key of each result".
        last_indexed_slot: context.dialect == Dialect::Helius,
        max_bytes: context.bytes_max,
        encoding: context.encoding,
    };
    let asked = Instant::now();
    let assets = context.app.store.assets(&plan).await.map_err(list::too_large)?;
    Ok((assets, asked.elapsed()))
}
