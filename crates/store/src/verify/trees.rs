//! Trees as they are stored: their nodes with those below, and the changes that nobody has seen.

use sqlx::Row;
use vitrine_model::Pubkey;

use super::Snapshot;
use crate::StoreError;
use crate::read::members::pubkey;

/// A page of trees. `$1` the tree behind which it begins, `$2` how many.
pub(super) const TREES: &str = "SELECT tree, depth FROM tree WHERE tree > $1 ORDER BY tree LIMIT $2";

/// Ranges of numbers between changes that were seen, in the order of slots. `$1` the tree, `$2` how many. A tree's making,
/// change 0, leaves it empty: it is not missed. A number that does not grow is one of a tree that was made again: it counts from 0
/// anew. The primary key.
pub(super) const GAPS: &str = "SELECT before + 1, seq - 1
FROM (SELECT slot, seq, CASE WHEN previous < seq THEN previous ELSE 0 END AS before
      FROM (SELECT slot, seq, lag(seq, 1, 0::bigint) OVER (ORDER BY slot, seq) AS previous
            FROM tree_change WHERE tree = $1) AS changes) AS lives
WHERE seq > before + 1 ORDER BY slot, seq LIMIT $2";

/// How many changes of a tree were not seen, and at how many places. `$1` the tree. By `tree_change_missing`.
pub(super) const MISSING: &str = "SELECT coalesce(sum(missing), 0)::bigint, count(*) FROM tree_change
WHERE tree = $1 AND missing > 0";

/// A page of the nodes above the leaves, each with the two below. `$1` the tree, `$2` the node behind which it begins,
/// `$3` the first leaf, `$4` how many, `$5` how deep the tree is.
pub(super) const NODES: &str = "SELECT node.node_index, node.slot, node.seq, node.hash,
       below_left.slot, below_left.seq, below_left.hash, below_right.slot, below_right.seq, below_right.hash
FROM (SELECT node_index, slot, seq, hash FROM tree_node WHERE tree = $1 AND depth = $5 AND node_index > $2 AND node_index < $3
      ORDER BY node_index LIMIT $4) AS node
     LEFT JOIN LATERAL (SELECT slot, seq, hash FROM tree_node
                        WHERE tree = $1 AND depth = $5 AND node_index = 2 * node.node_index LIMIT 1) AS below_left ON true
     LEFT JOIN LATERAL (SELECT slot, seq, hash FROM tree_node
                        WHERE tree = $1 AND depth = $5 AND node_index = 2 * node.node_index + 1 LIMIT 1) AS below_right ON true
ORDER BY node.node_index";

/// A tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredTree {
    /// Its address.
    pub tree: Pubkey,
    /// Levels below the root, 1 to 30.
    pub depth: u8,
}

/// Changes of a tree that nobody has seen, though later ones were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The number of the first.
    pub first: u64,
    /// The number of the last.
    pub last: u64,
}

/// The change that a node is of, by slot and number, and its hash.
type Hashed = ((u64, u64), [u8; 32]);

/// A node above the leaves, with the two below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredNode {
    /// Its place: 1 is the root.
    pub index: u64,
    /// The change that it is of, by slot and number, and its hash.
    pub node: Hashed,
    /// Likewise the node below at the left; none where no change has touched it.
    pub left: Option<Hashed>,
    /// Likewise at the right.
    pub right: Option<Hashed>,
}

impl Snapshot {
    /// The next `limit` trees behind `after`, in the order of their addresses.
    pub async fn trees(&mut self, after: Option<Pubkey>, limit: u32) -> Result<Vec<StoredTree>, StoreError> {
        let rows = sqlx::query(TREES)
            .bind(after.as_ref().map_or(&[][..], |tree| tree.as_bytes()))
            .bind(i64::from(limit))
            .fetch_all(&mut self.connection)
            .await?;
        rows.iter()
            .map(|row| {
                let tree = pubkey(row.try_get(0)?)?;
                let depth: i16 = row.try_get(1)?;
                let depth = u8::try_from(depth).map_err(|error| StoreError::Inconsistent {
                    table: "tree",
                    column: "depth",
                    key: tree.to_string(),
                    reason: error.to_string(),
                })?;
                Ok(StoredTree { tree, depth })
            })
            .collect()
    }

    /// The first `limit` gaps among the changes of a tree. It reads the numbers of all its changes.
    pub async fn gaps(&mut self, tree: Pubkey, limit: u32) -> Result<Vec<Gap>, StoreError> {
        let rows = sqlx::query(GAPS)
            .bind(tree.as_bytes())
            .bind(i64::from(limit))
            .fetch_all(&mut self.connection)
            .await?;
        rows.iter()
            .map(|row| {
                let number = |at| Ok::<_, StoreError>(row.try_get::<i64, _>(at)?.cast_unsigned());
                Ok(Gap { first: number(0)?, last: number(1)? })
            })
            .collect()
    }

    /// How many changes of a tree were not seen, though later ones were, and how many gaps they make.
    pub async fn missing(&mut self, tree: Pubkey) -> Result<(u64, u64), StoreError> {
        let row = sqlx::query(MISSING).bind(tree.as_bytes()).fetch_one(&mut self.connection).await?;
        let number = |at: usize| Ok::<_, StoreError>(row.try_get::<i64, _>(at)?.cast_unsigned());
        Ok((number(0)?, number(1)?))
    }

    /// The next `limit` nodes of a tree behind the node `after` (0 for the first) that are above the leaves.
    pub async fn nodes(
        &mut self,
        tree: StoredTree,
        after: u64,
        limit: u32,
    ) -> Result<Vec<StoredNode>, StoreError> {
        let rows = sqlx::query(NODES)
            .bind(tree.tree.as_bytes())
            .bind(after.cast_signed())
            .bind(1_i64 << tree.depth.min(30))
            .bind(i64::from(limit))
            .bind(i16::from(tree.depth))
            .fetch_all(&mut self.connection)
            .await?;
        rows.iter()
            .map(|row| {
                let number =
                    |at: usize| row.try_get::<Option<i64>, _>(at).map(|value| value.map(i64::cast_unsigned));
                let below = |at: usize| -> Result<Option<Hashed>, StoreError> {
                    let hash: Option<[u8; 32]> = row.try_get(at + 2)?;
                    Ok(number(at)?.zip(number(at + 1)?).zip(hash))
                };
                let index: i64 = row.try_get(0)?;
                let of: (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
                let node = ((of.0.cast_unsigned(), of.1.cast_unsigned()), row.try_get(3)?);
                Ok(StoredNode { index: index.cast_unsigned(), node, left: below(4)?, right: below(7)? })
            })
            .collect()
    }
}
