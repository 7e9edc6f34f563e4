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
    let newest = node.left.max(node.right).map(|(moment, _)| moment);
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

/// Changes that were not seen, and are none of those `named`; `changes` in `gaps` gaps were not seen at all.
pub(super) fn further(tree: StoredTree, named: &[Gap], changes: u64, gaps: u64) -> Option<Finding> {
    let more = gaps.checked_sub(named.len() as u64).filter(|more| *more > 0)?;
    let told: u64 = named.iter().map(|gap| gap.last - gap.first + 1).sum();
    let changes = changes.saturating_sub(told);
    let place = format!("tree {}: and {changes} more changes in {more} more gaps", tree.tree);
    Some(Finding { check: Check::Gap, place })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use vitrine_model::Pubkey;
    use vitrine_model::merkle::{Hash, root};

    use super::*;

    /// A change as it is logged: its number, the leaf, and the hashes from there to the root.
    #[derive(Clone, Debug)]
    struct Change {
        seq: u64,
        leaf: u64,
        path: Vec<Hash>,
    }

    /// The nodes as they are stored: by their place, each of the newest change that touched it.
    type Nodes = BTreeMap<u64, (u64, Hash)>;

    fn address(depth: u8) -> StoredTree {
        StoredTree { tree: Pubkey::from_bytes([7; 32]), depth }
    }

    /// A whole tree, changed leaf by leaf as its program does it; the making of it is change 0. Returns the changes and
    /// the last root.
    fn history(depth: u8, leaves: &[(u64, Hash)]) -> (Vec<Change>, Hash) {
        let mut nodes: BTreeMap<u64, Hash> = BTreeMap::new();
        let hash = |nodes: &BTreeMap<u64, Hash>, node: u64| {
            let below = depth - u8::try_from(node.ilog2()).unwrap();
            nodes.get(&node).copied().unwrap_or_else(|| empty(below).unwrap())
        };
        let mut changes = Vec::new();
        for (seq, &(leaf, value)) in std::iter::once(&(0, [0; 32])).chain(leaves).enumerate() {
            let mut node = (1 << depth) + leaf;
            nodes.insert(node, value);
            let mut path = vec![value];
            while node > 1 {
                node /= 2;
                let above = parent(&hash(&nodes, 2 * node), &hash(&nodes, 2 * node + 1));
                nodes.insert(node, above);
                path.push(above);
            }
            changes.push(Change { seq: u64::try_from(seq).unwrap(), leaf, path });
        }
        (changes, hash(&nodes, 1))
    }

    /// What a store makes of changes, in the order in which they come.
    fn stored<'c>(depth: u8, changes: impl IntoIterator<Item = &'c Change>) -> Nodes {
        let mut nodes = Nodes::new();
        for change in changes {
            for (height, hash) in change.path.iter().enumerate() {
                let node = nodes.entry(((1 << depth) + change.leaf) >> height).or_insert((change.seq, *hash));
                if node.0 < change.seq {
                    *node = (change.seq, *hash);
                }
            }
        }
        nodes
    }

    fn findings(depth: u8, has_gaps: bool, nodes: &Nodes) -> Vec<Finding> {
        let above = nodes.iter().filter(|(index, _)| **index < 1 << depth);
        above
            .filter_map(|(&index, &node)| {
                let [left, right] = [2 * index, 2 * index + 1].map(|below| nodes.get(&below).copied());
                let of = |(seq, hash): (u64, Hash)| ((1, seq), hash);
                let node = StoredNode { index, node: of(node), left: left.map(of), right: right.map(of) };
                finding(address(depth), has_gaps, &node)
            })
            .collect()
    }

    /// The root that the proof of a leaf leads to, by the nodes that are stored.
    fn proven(depth: u8, nodes: &Nodes, leaf: u64) -> Hash {
        let node = (1 << depth) + leaf;
        let of = |index: u64, height: u8| nodes.get(&index).map_or(empty(height).unwrap(), |(_, hash)| *hash);
        let siblings: Vec<Hash> = (0..depth).map(|height| of((node >> height) ^ 1, height)).collect();
        root(of(node, 0), leaf, &siblings)
    }

    prop_compose! {
        /// A depth, changes of leaves, and an order in which they come, some of them twice.
        fn histories()(depth in 1_u8..=6)(
            depth in Just(depth),
            leaves in proptest::collection::vec((0..1_u64 << depth, any::<Hash>()), 1..40),
            order in proptest::collection::vec(any::<prop::sample::Index>(), 0..60),
        ) -> (u8, Vec<(u64, Hash)>, Vec<prop::sample::Index>) {
            (depth, leaves, order)
        }
    }

    proptest! {
        #[test]
        fn changes_in_any_order_prove_every_leaf((depth, leaves, order) in histories()) {
            let (changes, top) = history(depth, &leaves);
            // Some come early, or twice; all have come at the end, the newest first.
            let early = order.iter().map(|index| index.get(&changes));
            let nodes = stored(depth, early.chain(changes.iter().rev()));
            prop_assert_eq!(nodes[&1], (u64::try_from(leaves.len()).unwrap(), top));
            prop_assert_eq!(findings(depth, false, &nodes), vec![]);
            for leaf in 0..1 << depth {
                prop_assert_eq!(proven(depth, &nodes, leaf), top, "leaf {}", leaf);
            }
        }

        #[test]
        fn what_a_missed_change_spoils_is_found((depth, leaves, _) in histories(), missed: prop::sample::Index) {
            let (changes, top) = history(depth, &leaves);
            // Without the newest it is an older tree, and whole.
            let missed = missed.index(changes.len());
            let nodes = stored(depth, changes.iter().filter(|change| change.seq != missed as u64));
            let found = findings(depth, true, &nodes);
            prop_assert!(found.iter().all(|finding| finding.check == Check::UnprovenNode), "{:?}", found);
            if found.is_empty() && missed + 1 < changes.len() {
                for leaf in 0..1 << depth {
                    prop_assert_eq!(proven(depth, &nodes, leaf), top, "leaf {}", leaf);
                }
            }
        }

        #[test]
        fn a_node_that_was_damaged_is_found(
            (depth, leaves, _) in histories(), at: prop::sample::Index, bit in 0_usize..256, is_seq: bool,
        ) {
            let (changes, _) = history(depth, &leaves);
            let mut nodes = stored(depth, &changes);
            let index = *at.get(&nodes.keys().copied().collect::<Vec<_>>());
            let node = nodes.get_mut(&index).unwrap();
            if is_seq {
                node.0 += 1000;
            } else {
                node.1[bit / 8] ^= 1 << (bit % 8);
            }
            let found = findings(depth, false, &nodes);
            prop_assert!(!found.is_empty());
            prop_assert!(found.iter().all(|finding| finding.check == Check::Node));
        }
    }

    #[test]
    fn gaps_that_are_not_named_are_counted() {
        let named = [Gap { first: 4, last: 4 }, Gap { first: 6, last: 9 }];
        assert_eq!(further(address(3), &named, 5, 2), None);
        let more = further(address(3), &named, 25, 5).unwrap();
        assert!(more.place.ends_with(": and 20 more changes in 3 more gaps"), "{}", more.place);
    }

    #[test]
    fn gaps_are_told_by_their_numbers() {
        let place = |first, last| gap(address(3), Gap { first, last }).place;
        assert!(place(4, 4).ends_with(": change 4"));
        assert!(place(4, 9).ends_with(": changes 4 to 9"));
    }
}
