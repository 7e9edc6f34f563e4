//! Leaves, the events in which Bubblegum logs them, and the hashes that a leaf is made of.

use sha3::{Digest, Keccak256};
use vitrine_model::Pubkey;

use super::super::Reason;
use super::super::bytes::Cursor;
use super::super::compression::Hash;
use super::metadata::{Creator, Metadata};

/// What Bubblegum logs of a leaf that it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafSchemaEvent {
    /// The leaf as it is now.
    pub schema: LeafSchema,
    /// Its hash by the program's account: the one in the tree.
    pub leaf_hash: Hash,
}

/// The members of a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafSchema {
    /// The id of the asset: [`asset_id`](super::asset_id) of tree and nonce.
    pub id: Pubkey,
    /// Who it belongs to.
    pub owner: Pubkey,
    /// Who may move it besides; the owner where it is nobody else.
    pub delegate: Pubkey,
    /// Which leaf of its tree it is, counted from 0 in the order of minting.
    pub nonce: u64,
    /// [`data_hash`] of its metadata.
    pub data_hash: Hash,
    /// [`creator_hash`] of its creators.
    pub creator_hash: Hash,
    /// What version 2 has besides. None means version 1.
    pub v2: Option<V2Members>,
}

/// The members of a leaf that version 1 has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct V2Members {
    /// [`collection_hash`] of its collection.
    pub collection_hash: Hash,
    /// [`asset_data_hash`] of its data.
    pub asset_data_hash: Hash,
    /// Flags of the asset.
    pub flags: Flags,
}

/// The flags of an asset of version 2. Bits without a name are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(pub u8);

impl LeafSchemaEvent {
    /// Reads the application data of a log event. Bytes behind the event are not looked at.
    pub fn decode(data: &[u8]) -> Result<Self, Reason> {
        let mut cursor = Cursor::new(data);
        let event_type = cursor.u8("event_type")?;
        if event_type != 1 {
            return Err(Reason::BadTag { field: "event_type", value: event_type.into() });
        }
        let is_v2 = cursor.bool("version")?;
        let schema = LeafSchema::read(&mut cursor)?;
        if schema.v2.is_some() != is_v2 {
            return Err(Reason::BadTag { field: "version", value: is_v2.into() });
        }
        Ok(Self { schema, leaf_hash: cursor.array("leaf_hash")? })
    }
}

impl LeafSchema {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Reason> {
        let is_v2 = cursor.bool("schema")?;
        Ok(Self {
            id: cursor.key("id")?,
            owner: cursor.key("owner")?,
            delegate: cursor.key("delegate")?,
            nonce: cursor.u64("nonce")?,
            data_hash: cursor.array("data_hash")?,
            creator_hash: cursor.array("creator_hash")?,
            v2: is_v2.then(|| V2Members::read(cursor)).transpose()?,
        })
    }

    /// The hash of the leaf: what the tree holds of it.
    pub fn hash(&self) -> Hash {
        let mut keccak = Keccak256::new();
        keccak.update([if self.v2.is_some() { 2 } else { 1 }]);
        for key in [self.id, self.owner, self.delegate] {
            keccak.update(key.as_bytes());
        }
        keccak.update(self.nonce.to_le_bytes());
        keccak.update(self.data_hash);
        keccak.update(self.creator_hash);
        if let Some(v2) = &self.v2 {
            keccak.update(v2.collection_hash);
            keccak.update(v2.asset_data_hash);
            keccak.update([v2.flags.0]);
        }
        keccak.finalize().into()
    }
}

impl V2Members {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Reason> {
        Ok(Self {
            collection_hash: cursor.array("collection_hash")?,
            asset_data_hash: cursor.array("asset_data_hash")?,
            flags: Flags(cursor.u8("flags")?),
        })
    }
}

impl Flags {
    /// Frozen by the leaf's delegate.
    pub const fn is_frozen(self) -> bool {
        self.0 & 1 != 0
    }

    /// Frozen by the collection's permanent freeze delegate.
    pub const fn is_permanently_frozen(self) -> bool {
        self.0 & 2 != 0
    }

    /// Bound to its owner for good.
    pub const fn is_non_transferable(self) -> bool {
        self.0 & 4 != 0
    }
}

/// The data hash of a leaf with this metadata.
pub fn data_hash(metadata: &Metadata<'_>) -> Hash {
    let args = keccak(&metadata.to_bytes());
    let fee = metadata.seller_fee_basis_points.to_le_bytes();
    Keccak256::new().chain_update(args).chain_update(fee).finalize().into()
}

/// The creator hash of a leaf with these creators.
pub fn creator_hash(creators: &[Creator]) -> Hash {
    let mut keccak = Keccak256::new();
    for creator in creators {
        keccak.update(creator.to_bytes());
    }
    keccak.finalize().into()
}

/// The collection hash of a leaf of version 2. One without a collection has that of the address of zeros.
pub fn collection_hash(collection: Option<Pubkey>) -> Hash {
    keccak(collection.unwrap_or(Pubkey::from_bytes([0; 32])).as_bytes())
}

/// The asset data hash of a leaf of version 2. One without data has that of no bytes.
pub fn asset_data_hash(data: Option<&[u8]>) -> Hash {
    keccak(data.unwrap_or_default())
}

fn keccak(bytes: &[u8]) -> Hash {
    Keccak256::digest(bytes).into()
}
