//! Proofs that assets are leaves of their trees.

use std::collections::{BTreeMap, HashMap};

use sqlx::Row;
use sqlx::postgres::PgRow;
use vitrine_model::merkle::{self, Hash};
use vitrine_model::{Pubkey, Slot};

use super::members;
use crate::{Store, StoreError};

/// How many proofs are hashed up in a row before others get a turn: about a millisecond's work.
const PROOFS_IN_A_ROW: usize = 64;

/// For each asset that ever had a leaf: the leaf's place, and of the nodes that a proof needs those that any change has
/// touched: its siblings up to the root, the leaf itself, and the root. `$1` the assets.
const PROOFS: &str = concat!(
    "SELECT ",
    watermark!(),
    " AS slot, asked.asset_id, leaf.tree, tree.depth, leaf.leaf_index,
       path.node_indexes, path.hashes
FROM unnest($1::bytea[]) AS asked (asset_id)
CROSS JOIN LATERAL (
    SELECT change.tree, change.leaf_index FROM tree_change AS change
    WHERE change.asset_id = asked.asset_id
    ORDER BY change.slot DESC, change.seq DESC LIMIT 1
) AS leaf
JOIN tree ON tree.tree = leaf.tree
CROSS JOIN LATERAL (
    SELECT array_agg(node.node_index) AS node_indexes, array_agg(node.hash) AS hashes
    FROM generate_series(0, tree.depth + 1) AS step
    JOIN tree_node AS node ON node.tree = leaf.tree AND node.depth = tree.depth AND node.node_index = CASE
        WHEN step < tree.depth THEN ((1::bigint << tree.depth) + leaf.leaf_index >> step) # 1
        WHEN step = tree.depth THEN (1::bigint << tree.depth) + leaf.leaf_index
        ELSE 1
    END
) AS path"
);

/// Proofs of assets, from one snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proofs {
    /// The watermark: up to which slot everything is indexed.
    pub last_indexed_slot: Slot,
    /// By asset. One that is no leaf, or whose leaf is empty (burnt, redeemed), has none.
    pub proofs: HashMap<Pubkey, Proof>,
    /// Assets whose proof does not hash up to the stored root, as while changes of its tree are missing, and why. They have
    /// no proof, and it cannot be said that they are no leaves.
    pub unsound: BTreeMap<Pubkey, &'static str>,
}

/// A proof that hashes up to its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The tree.
    pub tree: Pubkey,
    /// The root of the tree.
    pub root: Hash,
    /// The siblings of the path, from the leaf's own up.
    pub siblings: Vec<Hash>,
    /// The leaf among all nodes: 2^depth and its place among the leaves.
    pub node_index: u64,
    /// The leaf.
    pub leaf: Hash,
}

/// Name and text of the statement, for the tests that hold it against a golden file and a plan.
pub(super) fn statements() -> Vec<(String, &'static str)> {
    vec![("proofs".to_owned(), PROOFS)]
}

impl Proofs {
    /// What is wrong with the first of those that are unsound, as an error.
    pub fn fault(&self) -> Option<StoreError> {
        self.unsound.first_key_value().map(|(id, reason)| unsound(*id, reason))
    }
}

impl Store {
    /// Proofs of assets, each hashed up to the stored root before it is told.
    pub async fn proofs(&self, ids: &[Pubkey]) -> Result<Proofs, StoreError> {
        self.reading(|| self.read_proofs(ids)).await
    }

    async fn read_proofs(&self, ids: &[Pubkey]) -> Result<Proofs, StoreError> {
        let mut connection = self.read().await?;
        let rows = members::by_ids(PROOFS, ids.iter().copied()).fetch_all(&mut *connection).await?;
        connection.done();
        let mut proofs = Proofs::default();
        for (place, row) in rows.iter().enumerate() {
            proofs.last_indexed_slot =
                members::slot("watermark", row.try_get::<Option<i64>, _>(0)?.unwrap_or(0))?;
            let id = members::pubkey(row.try_get(1)?)?;
            match Path::of(row)?.proof() {
                Ok(Some(proof)) => drop(proofs.proofs.insert(id, proof)),
                Ok(None) => {}
                Err(reason) => drop(proofs.unsound.insert(id, reason)),
            }
            if place % PROOFS_IN_A_ROW == PROOFS_IN_A_ROW - 1 {
                tokio::task::yield_now().await;
            }
        }
        Ok(proofs)
    }
}

/// What is stored of a leaf's path.
struct Path {
    tree: Pubkey,
    depth: u8,
    leaf_index: u64,
    nodes: HashMap<u64, Hash>,
}

impl Path {
    fn of(row: &PgRow) -> Result<Self, StoreError> {
        let tree = members::pubkey(row.try_get(2)?)?;
        let whole = |number: i64| u64::try_from(number).map_err(|_| unsound(tree, "a number is negative"));
        let indexes: Vec<i64> = row.try_get::<Option<_>, _>(5)?.unwrap_or_default();
        let hashes: Vec<[u8; 32]> = row.try_get::<Option<_>, _>(6)?.unwrap_or_default();
        let nodes = indexes.into_iter().map(whole).zip(hashes);
        Ok(Self {
            tree,
            depth: u8::try_from(row.try_get::<i16, _>(3)?).map_err(|_| unsound(tree, "it has no depth"))?,
            leaf_index: whole(row.try_get(4)?)?,
            nodes: nodes.map(|(index, hash)| Ok((index?, hash))).collect::<Result<_, StoreError>>()?,
        })
    }

    /// The proof; none where the leaf is empty. One that is outside of its tree is of an earlier life, in which the tree was
    /// deeper: it was empty when the tree was closed.
    fn proof(&self) -> Result<Option<Proof>, &'static str> {
        let leaves = 1_u64 << self.depth;
        if self.leaf_index >= leaves {
            return Ok(None);
        }
        let node_index = leaves + self.leaf_index;
        let node = |index: u64, level: u8| self.nodes.get(&index).copied().or_else(|| merkle::empty(level));
        let leaf = node(node_index, 0).filter(|hash| Some(*hash) != merkle::empty(0));
        let Some(leaf) = leaf else { return Ok(None) };
        let siblings: Option<Vec<Hash>> =
            (0..self.depth).map(|level| node((node_index >> level) ^ 1, level)).collect();
        let siblings = siblings.ok_or("it is deeper than a tree can be")?;
        let root = merkle::root(leaf, self.leaf_index, &siblings);
        if self.nodes.get(&1) != Some(&root) {
            return Err("its proof does not hash up to the root");
        }
        Ok(Some(Proof { tree: self.tree, root, siblings, node_index, leaf }))
    }
}

fn unsound(key: Pubkey, reason: &str) -> StoreError {
    StoreError::Inconsistent {
        table: "tree_node",
        column: "hash",
        key: key.to_string(),
        reason: reason.to_owned(),
    }
}
