//! The arguments of the program's instructions.

use vitrine_model::Pubkey;

use super::super::Reason;
use super::super::bytes::Cursor;
use super::super::compression::Hash;
use super::metadata::{Metadata, UpdateArgs};

/// The arguments of an instruction. One shape serves all instructions that it fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Args<'a> {
    /// None.
    None,
    /// Those of `create_tree` and `create_tree_v2`.
    CreateTree {
        /// How deep the tree is: it has room for two to the power of it.
        max_depth: u32,
        /// How many changes may overtake one another.
        max_buffer_size: u32,
        /// Whether anybody may mint; not, where it is absent.
        public: Option<bool>,
    },
    /// Those of `set_decompressible_state`: whether leaves may be decompressed.
    DecompressibleState(bool),
    /// Those of `mint_v1`, `mint_to_collection_v1` and `mint_v2`.
    Mint {
        /// The metadata as handed in: see [`Instruction::metadata`](super::Instruction::metadata).
        metadata: Metadata<'a>,
        /// The data of the asset; none in version 1.
        asset_data: AssetData<'a>,
    },
    /// Those of instructions that hand in the leaf by its hashes alone.
    Leaf(LeafArgs),
    /// Those of `cancel_redeem`: the root that the proof is for.
    CancelRedeem(Hash),
    /// Those of `decompress_v1`: the metadata that the token gets.
    Decompress(Metadata<'a>),
    /// Those of instructions on creators and collections.
    Metadata {
        /// The leaf.
        leaf: LeafArgs,
        /// Its metadata in front of the change.
        metadata: Metadata<'a>,
        /// The collection, in `set_and_verify_collection`.
        collection: Option<Pubkey>,
    },
    /// Those of `update_metadata` and `update_metadata_v2`.
    Update {
        /// The leaf.
        leaf: LeafArgs,
        /// Its metadata in front of the change.
        current: Metadata<'a>,
        /// The change.
        update: UpdateArgs<'a>,
    },
    /// Those of `update_asset_data_v2`.
    AssetData {
        /// The leaf.
        leaf: LeafArgs,
        /// The data from now on.
        data: AssetData<'a>,
    },
}

/// A leaf in front of a change, as it is handed in. A hash is `None` where the instruction does not take it, or where the
/// caller leaves it at the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafArgs {
    /// The root that the proof is for.
    pub root: Hash,
    /// The hash of the metadata.
    pub data_hash: Option<Hash>,
    /// The hash of the creators.
    pub creator_hash: Option<Hash>,
    /// The hash of the collection.
    pub collection_hash: Option<Hash>,
    /// The hash of the data.
    pub asset_data_hash: Option<Hash>,
    /// The flags.
    pub flags: Option<u8>,
    /// Which leaf of its tree it is, counted in the order of minting.
    pub nonce: u64,
    /// Where it is among the leaves.
    pub index: u32,
}

/// The data of an asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AssetData<'a> {
    /// The bytes, if there are any.
    pub bytes: Option<&'a [u8]>,
    /// What they are, where it is said.
    pub schema: Option<AssetDataSchema>,
}

/// What the data of an asset is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssetDataSchema {
    /// Anything.
    Binary,
    /// JSON.
    Json,
    /// MessagePack.
    MsgPack,
}

/// Which members a leaf is handed in with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Of version 1, with the metadata's hashes.
    V1,
    /// Of version 1, where the hashes follow from the metadata.
    V1Metadata,
    /// Of version 2, with the metadata's hashes; the collection is an account.
    V2,
    /// Of version 2, with the metadata's hashes and the collection's.
    V2Collection,
    /// Of version 2, where the hashes follow from the metadata.
    V2Metadata,
}

type Read<'a> = Result<Args<'a>, Reason>;

#[expect(clippy::unnecessary_wraps, reason = "one of the functions of a table")]
pub(super) fn none<'a>(_: &mut Cursor<'a>) -> Read<'a> {
    Ok(Args::None)
}

pub(super) fn create_tree<'a>(cursor: &mut Cursor<'a>) -> Read<'a> {
    Ok(Args::CreateTree {
        max_depth: cursor.u32("max_depth")?,
        max_buffer_size: cursor.u32("max_buffer_size")?,
        public: cursor.option("public", |cursor| cursor.bool("public"))?,
    })
}

pub(super) fn decompressible_state<'a>(cursor: &mut Cursor<'a>) -> Read<'a> {
    cursor.one_of("decompressable_state", &[true, false]).map(Args::DecompressibleState)
}

pub(super) fn mint_v1<'a>(cursor: &mut Cursor<'a>) -> Read<'a> {
    Ok(Args::Mint { metadata: Metadata::read_v1(cursor)?, asset_data: AssetData::default() })
}

pub(super) fn mint_v2<'a>(cursor: &mut Cursor<'a>) -> Read<'a> {
    Ok(Args::Mint { metadata: Metadata::read_v2(cursor)?, asset_data: data(cursor)? })
}

pub(super) fn leaf_v1<'a>(cursor: &mut Cursor<'a>) -> Read<'a> {
    leaf(cursor, Shape::V1).map(Args::Leaf)
}

pub(super) fn leaf_v2<'a>(cursor: &mut Cursor<'a>) -> Read<'a> {
    leaf(cursor, Shape::V2).map(Args::Leaf)
}

pub(super) fn leaf_in_collection<'a>(cursor: &mut Cursor<'a>) -> Read<'a> {
    leaf(cursor, Shape::V2Collection).map(Args::Leaf)
}

pub(super) fn cancel_redeem<'a>(cursor: &mut Cursor<'a>) -> Read<'a> {
    cursor.array("root").map(Args::CancelRedeem)
}

pub(super) fn decompress<'a>(cursor: &mut Cursor<'a>) -> Read<'a> {
    Metadata::read_v1(cursor).map(Args::Decompress)
}

pub(super) fn metadata_v1<'a>(cursor: &mut Cursor<'a>) -> Read<'a> {
    let leaf = leaf(cursor, Shape::V1)?;
    Ok(Args::Metadata { leaf, metadata: Metadata::read_v1(cursor)?, collection: None })
}

pub(super) fn set_and_verify<'a>(cursor: &mut Cursor<'a>) -> Read<'a> {
    let leaf = leaf(cursor, Shape::V1)?;
    let metadata = Metadata::read_v1(cursor)?;
    Ok(Args::Metadata { leaf, metadata, collection: Some(cursor.key("collection")?) })
}

pub(super) fn metadata_v2<'a>(cursor: &mut Cursor<'a>) -> Read<'a> {
    let leaf = leaf(cursor, Shape::V2Metadata)?;
    Ok(Args::Metadata { leaf, metadata: Metadata::read_v2(cursor)?, collection: None })
}

pub(super) fn update_v1<'a>(cursor: &mut Cursor<'a>) -> Read<'a> {
    let leaf = leaf(cursor, Shape::V1Metadata)?;
    let current = Metadata::read_v1(cursor)?;
    Ok(Args::Update { leaf, current, update: UpdateArgs::read(cursor)? })
}

pub(super) fn update_v2<'a>(cursor: &mut Cursor<'a>) -> Read<'a> {
    let leaf = leaf(cursor, Shape::V2Metadata)?;
    let current = Metadata::read_v2(cursor)?;
    Ok(Args::Update { leaf, current, update: UpdateArgs::read(cursor)? })
}

pub(super) fn asset_data<'a>(cursor: &mut Cursor<'a>) -> Read<'a> {
    Ok(Args::AssetData { leaf: leaf(cursor, Shape::V2)?, data: data(cursor)? })
}

fn leaf(cursor: &mut Cursor<'_>, shape: Shape) -> Result<LeafArgs, Reason> {
    let has_hashes = matches!(shape, Shape::V1 | Shape::V2 | Shape::V2Collection);
    let is_v2 = !matches!(shape, Shape::V1 | Shape::V1Metadata);
    let hash =
        |cursor: &mut Cursor<'_>, field, is_there: bool| is_there.then(|| cursor.array(field)).transpose();
    let optional = |cursor: &mut Cursor<'_>, field, is_there: bool| {
        if is_there { cursor.option(field, |cursor| cursor.array(field)) } else { Ok(None) }
    };
    Ok(LeafArgs {
        root: cursor.array("root")?,
        data_hash: hash(cursor, "data_hash", has_hashes)?,
        creator_hash: hash(cursor, "creator_hash", has_hashes)?,
        collection_hash: optional(cursor, "collection_hash", shape == Shape::V2Collection)?,
        asset_data_hash: optional(cursor, "asset_data_hash", is_v2)?,
        flags: if is_v2 { cursor.option("flags", |cursor| cursor.u8("flags"))? } else { None },
        nonce: cursor.u64("nonce")?,
        index: cursor.u32("index")?,
    })
}

fn data<'a>(cursor: &mut Cursor<'a>) -> Result<AssetData<'a>, Reason> {
    let schemas = [AssetDataSchema::Binary, AssetDataSchema::Json, AssetDataSchema::MsgPack];
    Ok(AssetData {
        bytes: cursor.option("asset_data", |cursor| {
            let len = cursor.vec_len("asset_data", 1)?;
            cursor.take("asset_data", len)
        })?,
        schema: cursor.option("asset_data_schema", |cursor| cursor.one_of("asset_data_schema", &schemas))?,
    })
}
