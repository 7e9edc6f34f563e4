//! The nodes of a tree against those below them. Pure.

use vitrine_model::merkle::{empty, parent};
use vitrine_store::{Gap, StoredNode, StoredTree};

use super::{Check, Finding};

/// What is wrong with a node, if anything is.
///
/// The newest change of a node is also the newest of one of the two below, and its hash is theirs, put together. Where
/// all nodes hold, so does every proof. Where a change below was never seen, a hash may be one that nobody can make.
pub(super) fn finding(tree: StoredTree, has_gaps: bool, node: &StoredNode) -> Option<Finding> {
    let StoredTree { tree: address, depth } = tree;
    let of =
        |check, what: &str| Finding { check, place: format!("tree {address}, node {}: {what}", node.index) };
    // The height of those below, counted from the leaves.
    let below = u32::from(depth).checked_sub(node.index.checked_ilog2()? + 1)?;
    let nothing = empty(u8::try_from(below).ok()?)?;
    let newest = node.left.max(node.right).map(|(seq, _)| seq);
    if newest != Some(node.node.0) {
        return Some(of(Check::Node, "it is not as new as the newest of those below it"));
    }
    let [left, right] = [node.left, node.right].map(|below| below.map_or(nothing, |(_, hash)| hash));
    if parent(&left, &right) == node.node.1 {
        return None;
    }
    let check = if has_gaps { Check::UnprovenNode } else { Check::Node };
    Some(of(check, "it is not the hash of those below it"))
}

/// Changes that were not seen.
pub(super) fn gap(tree: StoredTree, Gap { first, last }: Gap) -> Finding {
    let changes =
        if first == last { format!("change {first}") } else { format!("changes {first} to {last}") };
    Finding { check: Check::Gap, place: format!("tree {}: {changes}", tree.tree) }
}
