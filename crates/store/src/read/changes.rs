//! Assets in the order of their last changes.

use std::collections::HashMap;

use bytes::Bytes;
use futures_util::TryStreamExt;
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use vitrine_model::{Json, Pubkey, Slot};

use super::members::{self, Members};
use super::turns::{Turns, UNPACKED_IN_A_ROW};
use super::walk;
use crate::cache::Body;
use crate::chain_plan::{ChangePlace, ChangesPlan};
use crate::{Store, StoreError};

/// How many changes a call looks at, at most, however few of them are of a later slot than it asks for: some milliseconds of
/// an index-only scan.
const LOOKED_AT_MAX: i64 = 20_000;

/// Greater than any id of an order, or the greatest.
const LAST_ID: Pubkey = Pubkey::from_bytes([0xff; 32]);

/// The changes behind a place. `$1` and `$2` the order and the id of the place, `$3` the slot, `$4` the limit, `$5` how many
/// changes are looked at, `$6` from which order on the slot says nothing: the last that is looked at is a row even where it is
/// not told.
///
/// Behind the horizon there is nobody who could still commit a change in front of one that was answered: those of earlier
/// lives are at an end, and in this one all transactions below the snapshot's oldest.
const CHANGES: &str = concat!(
    "WITH head AS MATERIALIZED (
    SELECT ",
    watermark!(),
    " AS slot, change_origin() AS origin, coalesce(
        (SELECT (life::bigint << 48) + pg_snapshot_xmin(pg_current_snapshot())::text::bigint
         FROM change_life WHERE origin = change_origin()),
        (SELECT (coalesce(max(life), 0)::bigint + 1) << 48 FROM change_life)) AS horizon
)
SELECT head.slot, head.origin, head.horizon, page.asset_id, page.change_order, page.slot_updated, page.is_end,
       asset.version, asset.body, asset.splices
FROM head
LEFT JOIN LATERAL (
    SELECT seen.asset_id, seen.change_order, seen.slot_updated, seen.is_end,
           seen.slot_updated > $3 OR seen.change_order >= $6 AS is_told
    FROM (
        SELECT change.asset_id, change.change_order, change.slot_updated, row_number() OVER walk AS place,
               lead(change.asset_id) OVER walk IS NULL AS is_end
        FROM asset AS change
        WHERE (change.change_order, change.asset_id) > ($1, $2) AND change.change_order < head.horizon
        WINDOW walk AS (ORDER BY change.change_order, change.asset_id)
        ORDER BY change.change_order, change.asset_id LIMIT $5
    ) AS seen
    WHERE seen.slot_updated > $3 OR seen.change_order >= $6 OR seen.place = $5 OR seen.is_end
    LIMIT $4
) AS page ON true
LEFT JOIN asset ON asset.asset_id = page.asset_id AND page.is_told"
);

/// Changed assets, from one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The watermark: up to which slot everything is indexed.
    pub last_indexed_slot: Slot,
    /// In the order of their last changes.
    pub items: Vec<ChangedAsset>,
    /// Where to go on: everything up to here is answered.
    pub last: ChangePlace,
    /// Whether there was nothing behind it, so that there is no sense in going on at once.
    pub caught_up: bool,
}

/// A changed asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedAsset {
    /// The slot of the change.
    pub slot: Slot,
    /// The asset as JSON, as it is now.
    pub asset: Bytes,
}

/// What a statement's answer begins with.
struct Head {
    last_indexed_slot: Slot,
    origin: i64,
    horizon: i64,
}

/// A row of the answer: the change, and the asset if it is told.
struct Change {
    order: i64,
    id: Pubkey,
    slot: Slot,
    /// Whether there is nothing behind it.
    is_end: bool,
    asset: Option<(i64, Body)>,
}

/// Name and text of the statement, for the tests that hold it against a golden file and a plan.
pub(super) fn statements() -> Vec<(String, &'static str)> {
    vec![("changes".to_owned(), CHANGES)]
}

impl Store {
    /// Assets whose last change is behind a place, each once, burnt ones too. `None` where the place is of another database, or
    /// of a future that this one has lost: whoever follows has to begin again.
    ///
    /// Going on from [`Changes::last`] again and again shows every asset that changes, at the latest when all transactions
    /// that ran at the time of its change are over.
    pub async fn changes(&self, plan: &ChangesPlan) -> Result<Option<Changes>, StoreError> {
        self.reading(|| self.read_changes(plan)).await
    }

    async fn read_changes(&self, plan: &ChangesPlan) -> Result<Option<Changes>, StoreError> {
        let mut connection = self.read().await?;
        let (head, changes) = read(&mut connection, plan).await?;
        if plan.after.is_some_and(|after| after.origin != head.origin || after.order >= head.horizon) {
            connection.done();
            return Ok(None);
        }
        let mut members = Members::default();
        for change in &changes {
            if let Some((version, body)) = &change.asset {
                members.push(change.id, *version, body.clone());
            }
        }
        let metadata = if plan.display.collection_metadata {
            members::metadata(&mut connection, &mut members).await?
        } else {
            HashMap::new()
        };
        connection.done();
        render(plan, &head, &changes, &metadata).map(Some)
    }
}

async fn read(connection: &mut PgConnection, plan: &ChangesPlan) -> Result<(Head, Vec<Change>), StoreError> {
    // Places begin at 0: in front of all of them is -1.
    let (order, id) = plan.after.map_or((-1, LAST_ID), |after| (after.order, after.id));
    let mut rows = sqlx::query(CHANGES)
        .bind(order)
        .bind(*id.as_bytes())
        .bind(plan.after_slot.map_or(-1, Slot::as_i64))
        .bind(i64::from(plan.limit))
        .bind(LOOKED_AT_MAX)
        .bind(plan.after.map_or(i64::MAX, |after| after.since))
        .fetch(connection);
    let (mut head, mut changes, mut bytes) = (None, Vec::new(), 0);
    let mut turns = Turns::of(UNPACKED_IN_A_ROW);
    while let Some(row) = rows.try_next().await? {
        head = Some(Head {
            last_indexed_slot: walk::slot(std::slice::from_ref(&row))?,
            origin: row.try_get(1)?,
            horizon: row.try_get(2)?,
        });
        if row.try_get::<Option<i64>, _>(4)?.is_some() {
            let change = change(&row)?;
            let length = change.asset.as_ref().map_or(0, |(_, body)| body.block.plain_len());
            bytes += length;
            members::within(bytes, plan.max_bytes)?;
            changes.push(change);
            turns.after(length).await;
        }
    }
    Ok((head.ok_or(sqlx::Error::RowNotFound)?, changes))
}

fn change(row: &PgRow) -> Result<Change, StoreError> {
    let id = walk::address(row, 3)?;
    let asset = match row.try_get::<Option<i64>, _>(7)? {
        Some(version) => Some((version, Body::plain(id, &row.try_get(8)?, row.try_get(9)?)?)),
        None => None,
    };
    Ok(Change {
        order: row.try_get(4)?,
        id,
        slot: members::slot("asset", row.try_get(5)?)?,
        is_end: row.try_get(6)?,
        asset,
    })
}

fn render(
    plan: &ChangesPlan,
    head: &Head,
    changes: &[Change],
    metadata: &HashMap<Pubkey, Json>,
) -> Result<Changes, StoreError> {
    let (mut items, mut bytes) = (Vec::new(), 0);
    for change in changes {
        let Some((_, body)) = &change.asset else { continue };
        let mut asset = Vec::with_capacity(body.block.plain_len());
        vitrine_model::splice(
            body.block.bytes(),
            &body.splices,
            &plan.display.as_model(),
            metadata,
            &mut asset,
        )
        .map_err(|error| super::body::bad_splices(change.id, error))?;
        bytes += asset.len();
        members::within(bytes, plan.max_bytes)?;
        items.push(ChangedAsset { slot: change.slot, asset: asset.into() });
    }
    // Not the horizon itself, where nothing is behind: a number below it that no commit has used comes again after a crash.
    let since = plan.after.map_or(head.horizon, |after| after.since);
    let (order, id) = match (changes.last(), plan.after) {
        (Some(change), _) => (change.order, change.id),
        (None, Some(after)) => (after.order, after.id),
        (None, None) => (-1, LAST_ID),
    };
    let last = ChangePlace { origin: head.origin, order, id, since };
    let caught_up = plan.limit > 0 && changes.last().is_none_or(|change| change.is_end);
    Ok(Changes { last_indexed_slot: head.last_indexed_slot, items, last, caught_up })
}
