//! Assets by their ids.

use std::collections::HashMap;

use bytes::Bytes;
use futures_util::TryStreamExt;
use sqlx::Row;
use sqlx::postgres::PgConnection;
use vitrine_encoding::{Block, Encoding, Piece};
use vitrine_model::{Json, Pubkey, Slot};

use super::body::Items;
use super::members::{self, Members};
use super::turns::{Turns, UNPACKED_IN_A_ROW};
use crate::cache::{Body, BodyCache};
use crate::plan::AssetsPlan;
use crate::stored_body::StoredBody;
use crate::{Store, StoreError};

/// What stands for an id that no asset has.
const NULL: &[u8] = b"null";

/// The watermark, and the ids and versions of the assets that there are: always one row. `$1` the ids.
const KEYS: &str = "SELECT (SELECT slot FROM watermark ORDER BY slot LIMIT 1) AS slot,
       string_agg(asset_id, ''::bytea) AS asset_ids, array_agg(version) AS versions
FROM asset WHERE asset_id = ANY($1)";

/// The assets that there are, each with the watermark: a row for each. `$1` the ids.
const ROWS: &str = "SELECT (SELECT slot FROM watermark ORDER BY slot LIMIT 1) AS slot,
       asset_id, version, body, splices
FROM asset WHERE asset_id = ANY($1)";

/// Assets by their ids, from one snapshot.
#[derive(Debug, Clone)]
pub struct Assets {
    /// The assets in the order of the plan's ids, with what separates them; `null` for an id that no asset has.
    pub items: Vec<Piece>,
    /// How many of the ids have an asset; one that stands twice counts twice.
    pub found: u32,
}

/// Name and text of every statement of assets by their ids, for the tests that hold them against golden files and
/// plans.
pub fn statements() -> Vec<(&'static str, &'static str)> {
    vec![("assets_keys", KEYS), ("assets_rows", ROWS), ("assets_bodies", members::BODIES)]
}

impl Store {
    /// Reads assets by their ids, also those that no list shows. One round trip where all bodies are kept or none
    /// are, else two; one more for collection metadata.
    pub async fn assets(&self, plan: &AssetsPlan) -> Result<Assets, StoreError> {
        self.reading(|| self.read_assets(plan)).await
    }

    async fn read_assets(&self, plan: &AssetsPlan) -> Result<Assets, StoreError> {
        let mut connection = self.read().await?;
        let kept =
            if self.bodies.is_on() { by_keys(&mut connection, &self.bodies, plan).await? } else { None };
        let (slot, mut members) = match kept {
            Some(read) => read,
            None => by_rows(&mut connection, plan).await?,
        };
        let metadata = if plan.display.collection_metadata {
            members::metadata(&mut connection, &mut members).await?
        } else {
            HashMap::new()
        };
        // What is left to do needs no database.
        connection.done();
        members.encode(&self.bodies).await;
        in_order(plan, slot, &members, &metadata)
    }
}

impl AssetsPlan {
    /// Whether assets are answered as they are kept, without anything to be added to them.
    fn as_kept(&self) -> bool {
        self.display.as_model().is_plain() && !self.last_indexed_slot
    }
}

/// By keys and what `cache` has; `None` where an asset has changed between the two statements.
async fn by_keys(
    connection: &mut PgConnection,
    cache: &BodyCache,
    plan: &AssetsPlan,
) -> Result<Option<(Slot, Members)>, StoreError> {
    let row = members::by_ids(KEYS, plan.ids.iter().copied()).fetch_one(&mut *connection).await?;
    let slot = members::slot("watermark", row.try_get::<Option<i64>, _>(0)?.unwrap_or(0))?;
    let Some(ids) = row.try_get::<Option<&[u8]>, _>(1)? else { return Ok(Some((slot, Members::default()))) };
    let ids = ids.chunks(32).map(members::pubkey).collect::<Result<Vec<_>, _>>()?;
    let versions: Vec<i64> = row.try_get(2)?;
    // Whatever is added is spliced into plain bytes.
    let encoding = if plan.as_kept() { plan.encoding } else { Encoding::Identity };
    let members = Members::apart(ids.into_iter().zip(versions), encoding);
    let filled = members::fill(connection, cache, plan.max_bytes, members).await?;
    Ok(filled.map(|members| (slot, members)))
}

/// By one statement, with all bodies.
async fn by_rows(connection: &mut PgConnection, plan: &AssetsPlan) -> Result<(Slot, Members), StoreError> {
    // Without a row there is nothing that could show the watermark.
    let (mut slot, mut members, mut bytes) = (Slot::default(), Members::default(), 0);
    let mut turns = Turns::of(UNPACKED_IN_A_ROW);
    let mut rows = members::by_ids(ROWS, plan.ids.iter().copied()).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        slot = members::slot("watermark", row.try_get::<Option<i64>, _>(0)?.unwrap_or(0))?;
        let (id, body): (_, StoredBody<'_>) = (members::pubkey(row.try_get(1)?)?, row.try_get(3)?);
        let length = body.plain_len(id)?;
        bytes += length;
        members::within(bytes, plan.max_bytes)?;
        members.push(id, row.try_get(2)?, Body::plain(id, &body, row.try_get(4)?)?);
        turns.after(length).await;
    }
    Ok((slot, members))
}

/// The assets in the order in which they were asked for.
fn in_order(
    plan: &AssetsPlan,
    slot: Slot,
    members: &Members,
    metadata: &HashMap<Pubkey, Json>,
) -> Result<Assets, StoreError> {
    let (mut items, mut found) = (Items::new(plan.max_bytes), 0);
    if plan.last_indexed_slot {
        items.begin_with(format!("{{\"last_indexed_slot\":{}", slot.get()));
    }
    let null = Block::new(Encoding::Identity, Bytes::from_static(NULL));
    let bodies: HashMap<Pubkey, &Body> = members.bodies().collect();
    for id in &plan.ids {
        let body = bodies.get(id);
        found += u32::from(body.is_some());
        match body {
            Some(body) if plan.as_kept() => items.share(body.block.clone())?,
            Some(body) => {
                items.splice(*id, (body.block.bytes(), &body.splices), &plan.display.as_model(), metadata)?;
            }
            None if plan.as_kept() => items.share(null.clone())?,
            None => items.copy(NULL)?,
        }
    }
    let (items, _) = items.into_parts();
    Ok(Assets { items, found })
}
