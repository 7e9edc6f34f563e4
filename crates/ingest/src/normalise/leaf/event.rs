//! What one instruction says of a leaf, as it is stored beside the change of the tree.

use serde::{Deserialize, Serialize};
use vitrine_model::Pubkey;

use crate::decode::bubblegum::{
    self, Account, Collection, Creator, Event, Flags, Instruction, Kind, LeafSchema, Metadata, UseMethod,
    Uses, V2Members, asset_data_hash, collection_hash,
};

/// What an instruction says of a leaf. What it says nothing of is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeafEvent {
    /// The leaf: the one that it wrote, or the one that it took out of the tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaf: Option<LeafState>,
    /// All metadata that the leaf has behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<LeafMetadata>,
    /// What Bubblegum keeps of the tree: the account that DAS shows as the authority of all assets in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<Pubkey>,
    /// What became of the leaf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fate: Option<Fate>,
}

/// The members of a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafState {
    /// Who the asset belongs to.
    pub owner: Pubkey,
    /// Who may move it besides; the owner where it is nobody else.
    pub delegate: Pubkey,
    /// The number of the leaf in its tree, from 0.
    pub nonce: u64,
    /// The hash of the metadata.
    pub data_hash: Pubkey,
    /// The hash of the creators.
    pub creator_hash: Pubkey,
    /// The hash of all that: what the tree holds.
    pub hash: Pubkey,
    /// What leaves of version 2 have besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v2: Option<LeafStateV2>,
}

/// The members that leaves of version 2 alone have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafStateV2 {
    /// The hash of the collection.
    pub collection_hash: Pubkey,
    /// The hash of the data.
    pub asset_data_hash: Pubkey,
    /// The flags: [`Flags`].
    pub flags: u8,
}

/// The metadata of a leaf. Texts are without NUL characters, with which some programs fill them up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafMetadata {
    /// The name of the asset.
    pub name: String,
    /// Its symbol.
    pub symbol: String,
    /// Where its document is.
    pub uri: String,
    /// Royalties in hundredths of a percent.
    pub seller_fee_basis_points: u16,
    /// Whether the asset was sold before.
    pub primary_sale_happened: bool,
    /// Whether the metadata may be changed.
    pub is_mutable: bool,
    /// The creators, in their order.
    pub creators: Vec<LeafCreator>,
    /// The collection.
    pub collection: Option<LeafCollection>,
    /// A bump seed for editions; only version 1 has one.
    pub edition_nonce: Option<u8>,
    /// How often the asset may be used; only version 1 says it.
    pub uses: Option<LeafUses>,
}

/// A creator of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafCreator {
    /// Who it is.
    pub address: Pubkey,
    /// Their share of royalties, in percent.
    pub share: u8,
    /// Whether they signed for it.
    pub verified: bool,
}

/// The collection of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafCollection {
    /// Its address.
    pub key: Pubkey,
    /// Whether its authority signed for it.
    pub verified: bool,
}

/// How often an asset may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafUses {
    /// What a use does.
    pub use_method: UseMethod,
    /// How many uses are left.
    pub remaining: u64,
    /// How many there were.
    pub total: u64,
}

/// What became of a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It stands in its tree.
    InTree,
    /// It was burnt.
    Burnt,
    /// It was taken out, to be decompressed. It can be put back.
    Redeemed,
    /// It became a token for good.
    Decompressed,
}

/// The most that a sale can owe, in hundredths of a percent. What stands above it is the program's mark of an asset
/// that owes what its collection says.
const BASIS_POINTS_MAX: u16 = 10_000;

impl LeafMetadata {
    /// Whether the asset owes what its collection says; leaves of version 2 alone can.
    pub(super) fn inherits_royalties(&self) -> bool {
        self.seller_fee_basis_points > BASIS_POINTS_MAX
    }
}

impl LeafEvent {
    /// The collection whose royalties it says that the asset has.
    pub(super) fn inherits(&self) -> Option<Pubkey> {
        self.leaf.and_then(|leaf| leaf.v2)?;
        let metadata = self.metadata.as_ref().filter(|metadata| metadata.inherits_royalties())?;
        metadata.collection.map(|collection| collection.key)
    }

    /// What an event says. `None` for one that is of no asset, as the making of a tree.
    ///
    /// The asset is the one of the leaf that was logged, or else of the place that changed in the tree: Bubblegum fills a
    /// tree in the order of minting, so that a leaf's number is its place.
    pub(super) fn read(event: &Event<'_>) -> Option<(Pubkey, Self)> {
        let instruction = &event.instruction;
        let fate = fate(instruction.kind)?;
        let asset_id = match (&event.leaf, &event.change_log) {
            (Some(leaf), _) => leaf.schema.id,
            (None, Some(log)) => bubblegum::asset_id(log.tree, log.index.into())?,
            (None, None) => instruction.accounts.get(Account::Mint)?,
        };
        let leaf = match &event.leaf {
            Some(leaf) => Some(LeafState::new(&leaf.schema, leaf.leaf_hash)),
            None => taken_out(asset_id, instruction).map(|leaf| LeafState::new(&leaf, leaf.hash())),
        };
        let metadata = instruction.metadata().as_ref().map(LeafMetadata::new);
        let authority = instruction.accounts.get(Account::TreeConfig);
        Some((asset_id, Self { leaf, metadata, authority, fate: Some(fate) }))
    }
}

/// What an instruction makes of a leaf; none for those on trees.
fn fate(kind: Kind) -> Option<Fate> {
    match kind {
        Kind::CreateTree
        | Kind::CreateTreeV2
        | Kind::SetTreeDelegate
        | Kind::SetDecompressableState
        | Kind::SetDecompressibleState
        | Kind::CloseTreeV2
        | Kind::CollectV2
        | Kind::Compress => None,
        Kind::Burn | Kind::BurnV2 => Some(Fate::Burnt),
        Kind::Redeem => Some(Fate::Redeemed),
        Kind::DecompressV1 => Some(Fate::Decompressed),
        Kind::MintV1
        | Kind::MintToCollectionV1
        | Kind::MintV2
        | Kind::Transfer
        | Kind::TransferV2
        | Kind::Delegate
        | Kind::DelegateV2
        | Kind::DelegateAndFreezeV2
        | Kind::CancelRedeem
        | Kind::VerifyCreator
        | Kind::UnverifyCreator
        | Kind::VerifyCreatorV2
        | Kind::UnverifyCreatorV2
        | Kind::VerifyCollection
        | Kind::UnverifyCollection
        | Kind::SetAndVerifyCollection
        | Kind::SetCollectionV2
        | Kind::UpdateMetadata
        | Kind::UpdateMetadataV2
        | Kind::FreezeV2
        | Kind::ThawV2
        | Kind::ThawAndRevokeV2
        | Kind::SetNonTransferableV2
        | Kind::UpdateAssetDataV2 => Some(Fate::InTree),
    }
}

/// The leaf that an instruction took out of its tree. It logs none, but the program has held what it was handed against
/// the tree. What is absent has the program's defaults.
fn taken_out(id: Pubkey, instruction: &Instruction<'_>) -> Option<LeafSchema> {
    let v2 = match instruction.kind {
        Kind::Burn | Kind::Redeem => false,
        Kind::BurnV2 => true,
        _ => return None,
    };
    let leaf = instruction.leaf()?;
    let accounts = &instruction.accounts;
    let owner = accounts.get(Account::LeafOwner).or_else(|| accounts.get(Account::Payer))?;
    Some(LeafSchema {
        id,
        owner,
        delegate: accounts.get(Account::LeafDelegate).unwrap_or(owner),
        nonce: leaf.nonce,
        data_hash: leaf.data_hash?,
        creator_hash: leaf.creator_hash?,
        v2: v2.then(|| V2Members {
            collection_hash: collection_hash(accounts.get(Account::CoreCollection)),
            asset_data_hash: leaf.asset_data_hash.unwrap_or_else(|| asset_data_hash(None)),
            flags: Flags(leaf.flags.unwrap_or_default()),
        }),
    })
}

impl LeafState {
    fn new(leaf: &LeafSchema, hash: [u8; 32]) -> Self {
        Self {
            owner: leaf.owner,
            delegate: leaf.delegate,
            nonce: leaf.nonce,
            data_hash: Pubkey::from_bytes(leaf.data_hash),
            creator_hash: Pubkey::from_bytes(leaf.creator_hash),
            hash: Pubkey::from_bytes(hash),
            v2: leaf.v2.as_ref().map(|v2| LeafStateV2 {
                collection_hash: Pubkey::from_bytes(v2.collection_hash),
                asset_data_hash: Pubkey::from_bytes(v2.asset_data_hash),
                flags: v2.flags.0,
            }),
        }
    }
}

impl LeafMetadata {
    fn new(metadata: &Metadata<'_>) -> Self {
        let text = |text: &str| text.replace('\0', "");
        let v1 = metadata.v1.as_ref();
        Self {
            name: text(metadata.name),
            symbol: text(metadata.symbol),
            uri: text(metadata.uri),
            seller_fee_basis_points: metadata.seller_fee_basis_points,
            primary_sale_happened: metadata.primary_sale_happened,
            is_mutable: metadata.is_mutable,
            creators: metadata.creators.iter().map(LeafCreator::new).collect(),
            collection: metadata
                .collection
                .map(|Collection { key, verified }| LeafCollection { key, verified }),
            edition_nonce: v1.and_then(|v1| v1.edition_nonce),
            uses: v1.and_then(|v1| v1.uses).map(|Uses { use_method, remaining, total }| LeafUses {
                use_method,
                remaining,
                total,
            }),
        }
    }
}

impl LeafCreator {
    fn new(&Creator { address, verified, share }: &Creator) -> Self {
        Self { address, share, verified }
    }
}
