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

use vitrine_model::Pubkey;

use super::pda;

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

/// The id of an asset by its tree and its nonce, for instructions that log no leaf: the address that the program derives
/// from them.
///
/// `None` where there is no such address, of which no case is known.
pub fn asset_id(tree: Pubkey, nonce: u64) -> Option<Pubkey> {
    pda(&[b"asset", tree.as_bytes(), &nonce.to_le_bytes()], &BUBBLEGUM)
}

#[cfg(test)]
mod tests;
