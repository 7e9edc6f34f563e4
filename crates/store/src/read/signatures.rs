//! The transactions that changed a leaf.

use sqlx::Row;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use vitrine_model::{Signature, Slot};

use super::{members, walk};
use crate::chain_plan::{LeafRef, SignaturesPlan};
use crate::plan::Direction;
use crate::{Store, StoreError};

/// The changes of a leaf within bounds. `$1` less than their numbers, `$2` greater, `$3` the limit, `$4` how many to skip,
/// then the leaf: `$5` its asset, or `$5` its tree and `$6` its index.
macro_rules! signatures {
    ($leaf:literal, $is_leaf:literal, $order:literal) => {
        concat!(
            "SELECT head.slot, page.seq, page.signature, page.instruction, page.slot
FROM (SELECT ",
            watermark!(),
            " AS slot) AS head",
            $leaf,
            "
LEFT JOIN LATERAL (
    SELECT change.seq, change.signature, change.instruction, change.slot
    FROM tree_change AS change
    WHERE ",
            $is_leaf,
            " AND change.seq > $1 AND change.seq < $2
    ORDER BY ",
            $order,
            "
    LIMIT $3 OFFSET $4
) AS page ON true"
        )
    };
}

/// An asset is in one leaf all its life; a change that nobody understood is of the leaf all the same.
macro_rules! by_asset {
    ($order:literal) => {
        signatures!(
            "
LEFT JOIN LATERAL (
    SELECT tree, leaf_index FROM tree_change WHERE asset_id = $5 ORDER BY slot DESC, seq DESC LIMIT 1
) AS leaf ON true",
            "change.tree = leaf.tree AND change.leaf_index = leaf.leaf_index",
            $order
        )
    };
}

macro_rules! by_place {
    ($order:literal) => {
        signatures!("", "change.tree = $5 AND change.leaf_index = $6", $order)
    };
}

const BY_ASSET_ASC: &str = by_asset!("change.seq");
const BY_ASSET_DESC: &str = by_asset!("change.seq DESC");
const BY_PLACE_ASC: &str = by_place!("change.seq");
const BY_PLACE_DESC: &str = by_place!("change.seq DESC");

/// Changes of a leaf, from one snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signatures {
    /// The watermark: up to which slot everything is indexed.
    pub last_indexed_slot: Slot,
    /// In the plan's order.
    pub items: Vec<LeafSignature>,
}

/// A transaction that changed a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafSignature {
    /// The number of the change within its tree.
    pub seq: u64,
    /// The transaction.
    pub signature: Signature,
    /// The name of the instruction; none for one that is not known.
    pub instruction: Option<String>,
    /// The slot of the transaction.
    pub slot: Slot,
}

/// Name and text of every statement, for the tests that hold them against golden files and plans.
pub(super) fn statements() -> Vec<(String, &'static str)> {
    [
        ("signatures_by_asset_asc", BY_ASSET_ASC),
        ("signatures_by_asset_desc", BY_ASSET_DESC),
        ("signatures_by_place_asc", BY_PLACE_ASC),
        ("signatures_by_place_desc", BY_PLACE_DESC),
    ]
    .map(|(name, sql)| (name.to_owned(), sql))
    .into()
}

impl Store {
    /// The transactions that changed a leaf. There are none of an asset that never was one.
    pub async fn signatures(&self, plan: &SignaturesPlan) -> Result<Signatures, StoreError> {
        self.reading(|| async {
            let mut connection = self.read().await?;
            let rows = query(plan).fetch_all(&mut *connection).await?;
            connection.done();
            let last_indexed_slot = walk::slot(&rows)?;
            let items = walk::items(&rows, 1).map(item).collect::<Result<_, _>>()?;
            Ok(Signatures { last_indexed_slot, items })
        })
        .await
    }
}

fn query(plan: &SignaturesPlan) -> Query<'static, sqlx::Postgres, PgArguments> {
    let sql = match (plan.leaf, plan.walk.direction) {
        (LeafRef::Asset(_), Direction::Asc) => BY_ASSET_ASC,
        (LeafRef::Asset(_), Direction::Desc) => BY_ASSET_DESC,
        (LeafRef::Place { .. }, Direction::Asc) => BY_PLACE_ASC,
        (LeafRef::Place { .. }, Direction::Desc) => BY_PLACE_DESC,
    };
    // A number beyond i64 is beyond every one that there is.
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let query = sqlx::query(sql)
        .bind(plan.walk.after.map_or(-1, number))
        .bind(plan.walk.before.map_or(i64::MAX, number))
        .bind(i64::from(plan.walk.limit))
        .bind(number(plan.walk.skip));
    match plan.leaf {
        LeafRef::Asset(id) => query.bind(*id.as_bytes()),
        LeafRef::Place { tree, leaf_index } => query.bind(*tree.as_bytes()).bind(number(leaf_index)),
    }
}

fn item(row: &PgRow) -> Result<LeafSignature, StoreError> {
    let seq: i64 = row.try_get(1)?;
    let signature: &[u8] = row.try_get(2)?;
    let unsound = |column, reason: &str| StoreError::Inconsistent {
        table: "tree_change",
        column,
        key: seq.to_string(),
        reason: reason.to_owned(),
    };
    Ok(LeafSignature {
        seq: u64::try_from(seq).map_err(|_| unsound("seq", "it is negative"))?,
        signature: signature
            .try_into()
            .map(Signature::from_bytes)
            .map_err(|_| unsound("signature", "it does not have 64 bytes"))?,
        instruction: row.try_get(3)?,
        slot: members::slot("tree_change", row.try_get(4)?)?,
    })
}
