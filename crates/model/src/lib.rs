//! The DAS asset: parsing, rendering, display options, lists. No I/O.
//!
//! One asset goes through this crate in this order: [`Asset::from_das`] reads the JSON that some DAS server
//! answered, [`Asset::facts`] says what to filter by and which lists it belongs to, [`Asset::render`] makes the
//! bytes of its default answer once, [`Rendered::pack`] makes them small for storage, and [`splice()`] adds what a caller's display options ask for to those bytes
//! on each read, without parsing them. [`merkle`] is what proofs of compressed assets are hashed with.

mod asset;
mod collection;
mod content;
mod das;
mod field;
mod grouping;
mod json;
mod list;
pub mod merkle;
mod object;
mod packed;
mod parse;
mod parts;
mod pda;
mod pubkey;
mod render;
mod search;
mod signature;
mod slot;
mod splice;

pub use asset::{Asset, Extra};
pub use collection::collection_metadata;
pub use content::{Content, File};
pub use field::Field;
pub use grouping::{GroupValue, Grouping};
pub use json::{Json, JsonError, MAX_DEPTH};
pub use list::{Facts, ListKey, ListKind, MAX_GROUP_BYTES};
pub use object::{Object, ObjectError};
pub use packed::{Packed, PackedBody, PackedError};
pub use parse::AssetError;
pub use parts::{Authority, Compression, Creator, MplCoreInfo, Ownership, Royalty, Supply, Uses};
pub use pda::{TOKEN, TOKEN_2022, associated_token_addresses, pda};
pub use pubkey::{Pubkey, PubkeyError};
pub use render::{Rendered, version};
pub use search::{FACTS_VERSION, RoyaltyModel, SearchFacts, TokenClass, Trait, uri_digest};
pub use signature::Signature;
pub use slot::Slot;
pub use splice::{Display, Holding, SpliceError, collections, splice};
