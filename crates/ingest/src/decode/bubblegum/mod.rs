//! Bubblegum, the program of compressed assets, versions 1 and 2, by its transactions.
//!
//! An asset is a leaf in a tree that the compression programs keep. The chain holds hashes alone; what they stand for is
//! in the transactions: [`events`] finds the program's instructions in one, wherever they were called from, and puts with
//! each the leaf and the change of the tree that it logged.
//!
//! Layouts: <https://github.com/metaplex-foundation/mpl-bubblegum>, the program's interface (IDL).

mod args;
mod event;
mod instruction;
mod kind;
mod layout;
mod leaf;
mod metadata;

use curve25519_dalek::edwards::CompressedEdwardsY;
use sha2::{Digest, Sha256};
use vitrine_model::Pubkey;

pub use args::{Args, AssetData, AssetDataSchema, LeafArgs};
pub use event::{Event, EventError, events};
pub use instruction::{Accounts, Instruction};
pub use kind::{Account, Kind};
pub use leaf::{
    Flags, LeafSchema, LeafSchemaEvent, V2Members, asset_data_hash, collection_hash, creator_hash, data_hash,
};
pub use metadata::{
    Collection, Creator, Metadata, TokenProgramVersion, TokenStandard, UpdateArgs, UseMethod, Uses, V1Members,
};

/// The program, `BGUMAp9Gq7iTEuizy4pqaxsTyUCBK68MDfK752saRPUY`.
pub const BUBBLEGUM: Pubkey = Pubkey::from_bytes([
    152, 139, 128, 235, 121, 53, 40, 105, 178, 36, 116, 95, 89, 221, 191, 138, 38, 88, 202, 19, 220, 104,
    129, 33, 38, 53, 28, 174, 7, 193, 165, 165,
]);

/// The id of an asset by its tree and its nonce, for instructions that log no leaf: the first address derived from them
/// that is not a point of the curve, so that nobody can have a key for it.
/// <https://solana.com/docs/core/pda>
///
/// `None` where each of the 256 candidates is a point, of which no case is known.
pub fn asset_id(tree: Pubkey, nonce: u64) -> Option<Pubkey> {
    let seeds =
        Sha256::new().chain_update(b"asset").chain_update(tree.as_bytes()).chain_update(nonce.to_le_bytes());
    (0..=u8::MAX).rev().find_map(|bump| {
        let seeds = seeds.clone().chain_update([bump]).chain_update(BUBBLEGUM.as_bytes());
        let address: [u8; 32] = seeds.chain_update(b"ProgramDerivedAddress").finalize().into();
        let is_point = CompressedEdwardsY(address).decompress().is_some();
        (!is_point).then(|| Pubkey::from_bytes(address))
    })
}

#[cfg(test)]
mod tests;
