//! The tables of trees: changes and events are added, nodes are raised.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use sqlx::Row as _;
use sqlx::postgres::PgConnection;
use vitrine_model::{Pubkey, Slot};

use crate::StoreError;
use crate::chain::{LeafEventSeen, TreeChange};

/// Adds trees, and raises them to newer changes: the newest one says how deep it is, and whose. `$1…` are columns. The rows
/// are held from here on, raised or not: two writers of a tree write one behind the other.
const TREES: &str = "INSERT INTO tree (tree, program, depth, slot, seq)
SELECT * FROM UNNEST($1::bytea[], $2::bytea[], $3::smallint[], $4::bigint[], $5::bigint[])
ON CONFLICT (tree) DO UPDATE
SET program = excluded.program, depth = excluded.depth, slot = excluded.slot, seq = excluded.seq
WHERE (tree.slot, tree.seq) < (excluded.slot, excluded.seq)";

/// Adds changes that are new, and what was not understood before to those that are not. `$1…` are columns.
const CHANGES: &str = "INSERT INTO tree_change (tree, seq, leaf_index, slot, signature, asset_id, instruction, event, inherits)
SELECT * FROM UNNEST($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bytea[], $7::text[], $8::text[],
                     $9::bytea[])
ON CONFLICT (tree, slot, seq) DO UPDATE
SET asset_id = excluded.asset_id, instruction = excluded.instruction, event = excluded.event, inherits = excluded.inherits
WHERE tree_change.event IS NULL AND excluded.event IS NOT NULL AND tree_change.signature = excluded.signature
RETURNING asset_id";

/// Raises nodes to newer hashes. `$1…` are columns.
const NODES: &str = "INSERT INTO tree_node (tree, depth, node_index, slot, seq, hash)
SELECT * FROM UNNEST($1::bytea[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[])
ON CONFLICT (tree, depth, node_index) DO UPDATE SET slot = excluded.slot, seq = excluded.seq, hash = excluded.hash
WHERE (tree_node.slot, tree_node.seq) < (excluded.slot, excluded.seq)";

/// Orders the changes of a tree: slot, then number. A tree that is made again at its address counts from 0 anew.
type Moment = (Slot, u64);

/// A node: its tree, how deep that is in the life that the node is of, and its place.
type Node = (Pubkey, i16, u64);

/// Adds changes of trees; returns how many were new or are understood only now, and adds their assets to `touched`.
pub(super) async fn write(
    connection: &mut PgConnection,
    changes: &[TreeChange],
    touched: &mut BTreeSet<Pubkey>,
) -> Result<u64, StoreError> {
    if changes.is_empty() {
        return Ok(0);
    }
    // In the order of the keys: all writers wait for rows in one order.
    let changes: Vec<&TreeChange> = unique(changes).into_values().collect();
    write_trees(connection, &changes).await?;
    let rows = sqlx::query(CHANGES)
        .bind(changes.iter().map(|change| *change.tree.as_bytes()).collect::<Vec<_>>())
        .bind(changes.iter().map(|change| change.seq.cast_signed()).collect::<Vec<_>>())
        .bind(changes.iter().map(|change| change.leaf_index.cast_signed()).collect::<Vec<_>>())
        .bind(changes.iter().map(|change| change.slot.as_i64()).collect::<Vec<_>>())
        .bind(changes.iter().map(|change| change.signature).collect::<Vec<_>>())
        .bind(changes.iter().map(|change| change.asset_id.map(|id| *id.as_bytes())).collect::<Vec<_>>())
        .bind(changes.iter().map(|change| change.instruction.as_deref()).collect::<Vec<_>>())
        .bind(changes.iter().map(|change| change.event.as_deref()).collect::<Vec<_>>())
        .bind(changes.iter().map(|change| change.inherits.map(|id| *id.as_bytes())).collect::<Vec<_>>())
        .fetch_all(&mut *connection)
        .await?;
    for row in &rows {
        touched.extend(row.try_get::<Option<[u8; 32]>, _>(0)?.map(Pubkey::from_bytes));
    }
    write_nodes(connection, &nodes(&changes)).await?;
    Ok(rows.len() as u64)
}

/// Adds and holds the trees of changes, which are in the order of their keys: the last one of a tree is its newest.
async fn write_trees(connection: &mut PgConnection, changes: &[&TreeChange]) -> Result<(), StoreError> {
    let trees: BTreeMap<Pubkey, &TreeChange> = changes.iter().map(|&change| (change.tree, change)).collect();
    sqlx::query(TREES)
        .bind(trees.keys().map(|tree| *tree.as_bytes()).collect::<Vec<_>>())
        .bind(trees.values().map(|change| *change.program.as_bytes()).collect::<Vec<_>>())
        .bind(trees.values().map(|change| depth(change)).collect::<Vec<_>>())
        .bind(trees.values().map(|change| change.slot.as_i64()).collect::<Vec<_>>())
        .bind(trees.values().map(|change| change.seq.cast_signed()).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_nodes(
    connection: &mut PgConnection,
    nodes: &BTreeMap<Node, (Moment, [u8; 32])>,
) -> Result<(), StoreError> {
    sqlx::query(NODES)
        .bind(nodes.keys().map(|(tree, ..)| *tree.as_bytes()).collect::<Vec<_>>())
        .bind(nodes.keys().map(|(_, depth, _)| *depth).collect::<Vec<_>>())
        .bind(nodes.keys().map(|(.., index)| index.cast_signed()).collect::<Vec<_>>())
        .bind(nodes.values().map(|((slot, _), _)| slot.as_i64()).collect::<Vec<_>>())
        .bind(nodes.values().map(|((_, seq), _)| seq.cast_signed()).collect::<Vec<_>>())
        .bind(nodes.values().map(|(_, hash)| *hash).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// Adds events that changed no tree; as [`write`].
pub(super) async fn write_events(
    connection: &mut PgConnection,
    events: &[LeafEventSeen],
    touched: &mut BTreeSet<Pubkey>,
) -> Result<u64, StoreError> {
    if events.is_empty() {
        return Ok(0);
    }
    let mut events: Vec<&LeafEventSeen> = events.iter().collect();
    events.sort_unstable_by_key(|event| (event.asset_id, event.slot, event.signature, event.position));
    let rows = sqlx::query(
        "INSERT INTO leaf_event (asset_id, slot, signature, position, instruction, event)
         SELECT * FROM UNNEST($1::bytea[], $2::bigint[], $3::bytea[], $4::integer[], $5::text[], $6::text[])
         ON CONFLICT DO NOTHING RETURNING asset_id",
    )
    .bind(events.iter().map(|event| *event.asset_id.as_bytes()).collect::<Vec<_>>())
    .bind(events.iter().map(|event| event.slot.as_i64()).collect::<Vec<_>>())
    .bind(events.iter().map(|event| event.signature).collect::<Vec<_>>())
    .bind(events.iter().map(|event| event.position.cast_signed()).collect::<Vec<_>>())
    .bind(events.iter().map(|event| event.instruction.as_str()).collect::<Vec<_>>())
    .bind(events.iter().map(|event| event.event.as_str()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    for row in &rows {
        touched.insert(Pubkey::from_bytes(row.try_get(0)?));
    }
    Ok(rows.len() as u64)
}

/// Each change once; of two that are understood or not, the one that is.
fn unique(changes: &[TreeChange]) -> BTreeMap<(Pubkey, Moment), &TreeChange> {
    let mut unique = BTreeMap::new();
    for change in changes {
        match unique.entry((change.tree, moment(change))) {
            Entry::Vacant(place) => drop(place.insert(change)),
            Entry::Occupied(mut place) => {
                let kept: &mut &TreeChange = place.get_mut();
                if kept.event.is_none() {
                    *kept = change;
                }
            }
        }
    }
    unique
}

/// The newest hash of each node that the changes touch: 1 is the root, those below n are 2n and 2n + 1.
fn nodes(changes: &[&TreeChange]) -> BTreeMap<Node, (Moment, [u8; 32])> {
    let mut nodes: BTreeMap<Node, (Moment, [u8; 32])> = BTreeMap::new();
    for change in changes {
        let depth = depth(change);
        let leaf = (1_u64 << depth) + change.leaf_index;
        for (level, hash) in change.path.iter().enumerate() {
            let node = nodes.entry((change.tree, depth, leaf >> level)).or_insert((moment(change), *hash));
            if node.0 < moment(change) {
                *node = (moment(change), *hash);
            }
        }
    }
    nodes
}

fn moment(change: &TreeChange) -> Moment {
    (change.slot, change.seq)
}

/// Levels below the root. The table refuses what no tree has.
fn depth(change: &TreeChange) -> i16 {
    i16::try_from(change.path.len()).unwrap_or(i16::MAX).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(seq: u64, leaf_index: u64, event: Option<&str>) -> TreeChange {
        let hash = u8::try_from(seq).expect("a small number");
        TreeChange {
            tree: Pubkey::from_bytes([1; 32]),
            program: Pubkey::from_bytes([2; 32]),
            seq,
            leaf_index,
            slot: Slot::default(),
            signature: [3; 64],
            asset_id: None,
            instruction: None,
            event: event.map(str::to_owned),
            inherits: None,
            path: vec![[hash; 32]; 4],
        }
    }

    #[test]
    fn a_node_has_the_hash_of_its_newest_change() {
        let (older, newer) = (change(1, 5, None), change(2, 4, None));
        let tree = older.tree;
        let expected: BTreeMap<_, _> =
            [(1, 2), (3, 2), (6, 2), (12, 2), (13, 1)].map(|(node, seq)| ((tree, 3, node), seq)).into();
        for order in [[&older, &newer], [&newer, &older]] {
            let found = nodes(&order);
            let seqs: BTreeMap<_, _> = found.iter().map(|(key, ((_, seq), _))| (*key, *seq)).collect();
            assert_eq!(seqs, expected);
            for ((_, seq), hash) in found.into_values() {
                assert_eq!(u64::from(hash[0]), seq);
            }
        }
    }

    #[test]
    fn a_tree_that_is_made_again_counts_anew() {
        let older = change(9, 5, None);
        let newer = TreeChange { slot: Slot::new(4).expect("a slot"), ..change(1, 5, None) };
        assert_eq!(unique(&[newer.clone(), older.clone()]).len(), 2);
        for order in [[&older, &newer], [&newer, &older]] {
            assert!(nodes(&order).into_values().all(|((_, seq), hash)| (seq, hash[0]) == (1, 1)));
        }
    }

    #[test]
    fn what_is_understood_stands_for_what_is_not() {
        let (dark, clear) = (change(1, 5, None), change(1, 5, Some("{}")));
        for order in [[dark.clone(), clear.clone()], [clear.clone(), dark]] {
            let kept = unique(&order);
            assert_eq!(kept.into_values().collect::<Vec<_>>(), [&clear]);
        }
    }
}
