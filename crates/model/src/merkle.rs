//! The hash trees of the account compression programs: what a proof of a leaf hashes up to.

use std::sync::LazyLock;

use sha3::{Digest, Keccak256};

/// A Keccak-256 hash: of a leaf or of a node.
pub type Hash = [u8; 32];

/// The most levels that a tree has below its root (the programs' `MAX_DEPTH`).
pub const DEPTH_MAX: u8 = 30;

/// The hashes of subtrees without any leaf, by level.
static EMPTY: LazyLock<[Hash; DEPTH_MAX as usize + 1]> = LazyLock::new(|| {
    let mut hashes = [[0; 32]; DEPTH_MAX as usize + 1];
    for level in 1..hashes.len() {
        hashes[level] = parent(&hashes[level - 1], &hashes[level - 1]);
    }
    hashes
});

/// The hash of the node above two nodes.
pub fn parent(left: &Hash, right: &Hash) -> Hash {
    Keccak256::new().chain_update(left).chain_update(right).finalize().into()
}

/// The hash of a subtree that has no leaf yet and whose top is `level` levels above the leaves: for 0, of an empty leaf,
/// all zeros. `None` above [`DEPTH_MAX`].
pub fn empty(level: u8) -> Option<Hash> {
    EMPTY.get(usize::from(level)).copied()
}

/// The root above `leaf`, which stands at `index` among the leaves (from 0), by the siblings of its path, from the
/// leaf's own up. It says nothing of an index that a tree of this depth does not have.
pub fn root<'h>(leaf: Hash, index: u64, siblings: impl IntoIterator<Item = &'h Hash>) -> Hash {
    let climb = |(node, place): (Hash, u64), sibling| {
        let above = if place.is_multiple_of(2) { parent(&node, sibling) } else { parent(sibling, &node) };
        (above, place / 2)
    };
    siblings.into_iter().fold((leaf, index), climb).0
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn hex(hash: Hash) -> String {
        hash.map(|byte| format!("{byte:02x}")).concat()
    }

    /// A whole tree, from the leaves up.
    fn levels(leaves: Vec<Hash>) -> Vec<Vec<Hash>> {
        let mut levels = vec![leaves];
        while levels.last().unwrap().len() > 1 {
            let above = levels.last().unwrap().chunks(2).map(|pair| parent(&pair[0], &pair[1])).collect();
            levels.push(above);
        }
        levels
    }

    #[test]
    fn empty_subtrees_are_those_that_every_keccak_tree_has() {
        assert_eq!(empty(0), Some([0; 32]));
        for (level, hash) in [
            (1, "ad3228b676f7d3cd4284a5443f17f1962b36e491b30a40b2405849e597ba5fb5"),
            (2, "b4c11951957c6f8f642c4af61cd6b24640fec6dc7fc607ee8206a99e92410d30"),
        ] {
            assert_eq!(hex(empty(level).unwrap()), hash, "level {level}");
        }
        assert!(empty(DEPTH_MAX).is_some());
        assert_eq!(empty(DEPTH_MAX + 1), None);
    }

    #[test]
    fn each_leaf_hashes_up_to_the_root_of_the_whole_tree() {
        for depth in 0..=5_u8 {
            let leaves: Vec<Hash> = (0..1_u8 << depth).map(|number| [number + 1; 32]).collect();
            let levels = levels(leaves.clone());
            let top = levels.last().unwrap()[0];
            for (index, leaf) in leaves.iter().enumerate() {
                let siblings: Vec<Hash> =
                    (0..depth).map(|level| levels[usize::from(level)][(index >> level) ^ 1]).collect();
                let index = u64::try_from(index).unwrap();
                assert_eq!(root(*leaf, index, &siblings), top);
                // A hash that is not of the tree, at any place of the path, leads elsewhere.
                for place in 0..siblings.len() {
                    let mut wrong = siblings.clone();
                    wrong[place][31] ^= 1;
                    assert_ne!(root(*leaf, index, &wrong), top);
                }
                if depth > 0 {
                    assert_ne!(root(*leaf, index ^ 1, &siblings), top);
                }
            }
        }
    }

    #[test]
    fn a_tree_of_empty_leaves_is_an_empty_subtree() {
        for depth in 0..=DEPTH_MAX {
            let siblings: Vec<Hash> = (0..depth).map(|level| empty(level).unwrap()).collect();
            assert_eq!(Some(root([0; 32], 0, &siblings)), empty(depth));
        }
    }
}
