//! What getAssetProof and getAssetProofs share: how a proof is shown.

use serde::{Serialize, Serializer};
use vitrine_model::merkle::Hash;
use vitrine_model::{Pubkey, Slot};
use vitrine_store::Proof;

use crate::door::Dialect;

/// A proof (reference.md 2.1, `AssetProof`).
#[derive(Debug, Serialize)]
pub(super) struct Shown<'p> {
    #[serde(skip_serializing_if = "Option::is_none")]
    last_indexed_slot: Option<u64>,
    #[serde(serialize_with = "hash")]
    root: Hash,
    #[serde(serialize_with = "hashes")]
    proof: &'p [Hash],
    node_index: u64,
    #[serde(serialize_with = "hash")]
    leaf: Hash,
    tree_id: Pubkey,
}

impl<'p> Shown<'p> {
    /// The proof as a dialect shows it.
    pub(super) fn of(proof: &'p Proof, slot: Slot, dialect: Dialect) -> Self {
        Self {
            last_indexed_slot: (dialect == Dialect::Helius).then(|| slot.get()),
            root: proof.root,
            proof: &proof.siblings,
            node_index: proof.node_index,
            leaf: proof.leaf,
            tree_id: proof.tree,
        }
    }
}

/// Hashes are shown like addresses: 32 bytes in base58.
fn hash<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
    Pubkey::from_bytes(*hash).serialize(serializer)
}

fn hashes<S: Serializer>(hashes: &[Hash], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(hashes.iter().map(|hash| Pubkey::from_bytes(*hash)))
}
