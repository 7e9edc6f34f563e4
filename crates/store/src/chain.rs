//! The chain as it was last seen, and what an asset is made of. Plain data.
//!
//! Why an asset is a function of these: [decision 15](../../../docs/decisions/0015-assets-from-sources.md).

use std::collections::BTreeSet;
use std::sync::Arc;

use vitrine_model::{Pubkey, Slot};

use crate::AssetChange;

/// What an account is. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum AccountKind {
    /// Closed before anything was known of it, or only told of by another account.
    Unknown = 0,
    /// A token account of SPL Token or Token-2022.
    Token = 1,
    /// A mint of SPL Token or Token-2022; its asset's id is its own address.
    Mint = 2,
    /// A metadata account of Token Metadata.
    Metadata = 3,
    /// A master edition or an edition of Token Metadata.
    Edition = 4,
    /// An asset of MPL Core.
    CoreAsset = 5,
    /// A collection of MPL Core.
    CoreCollection = 6,
    /// A group of MPL Core.
    CoreGroup = 7,
    /// An inscription's metadata.
    Inscription = 8,
    /// An agent's identity.
    AgentIdentity = 9,
}

impl AccountKind {
    /// The kind that is stored as this number.
    pub(crate) const fn from_code(code: i16) -> Option<Self> {
        Some(match code {
            0 => Self::Unknown,
            1 => Self::Token,
            2 => Self::Mint,
            3 => Self::Metadata,
            4 => Self::Edition,
            5 => Self::CoreAsset,
            6 => Self::CoreCollection,
            7 => Self::CoreGroup,
            8 => Self::Inscription,
            9 => Self::AgentIdentity,
            _ => return None,
        })
    }
}

/// An account, as one update told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSeen {
    /// Its address.
    pub address: Pubkey,
    /// The slot of the update.
    pub slot: Slot,
    /// Orders updates of one slot.
    pub write_version: u64,
    /// What it is; [`AccountKind::Unknown`] for one that was closed, and for one of another program.
    pub kind: AccountKind,
    /// The asset that it is a part of, where the account says so.
    pub asset_id: Option<Pubkey>,
    /// What it holds.
    pub content: AccountContent,
    /// Addresses of accounts of the same asset that do not name it themselves: a mint's editions.
    pub tells_of: Vec<Pubkey>,
}

impl AccountSeen {
    /// Whether nothing of an asset is in it any more.
    pub(crate) fn ends(&self) -> bool {
        matches!(self.content, AccountContent::Closed | AccountContent::Foreign)
    }

    /// The collection of MPL Core that it is a member of.
    pub(crate) fn collection(&self) -> Option<Pubkey> {
        match self.content {
            AccountContent::Data { tie: Some(CoreTie::Member { collection }), .. } => Some(collection),
            _ => None,
        }
    }

    /// What the collection of MPL Core that it is lends to others: its authority, and the share of its royalties.
    pub(crate) fn lends(&self) -> (Option<Pubkey>, Option<u16>) {
        match self.content {
            AccountContent::Data { tie: Some(CoreTie::Collection { authority, basis_points }), .. } => {
                (Some(authority), basis_points)
            }
            _ => (None, None),
        }
    }
}

/// What an account holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountContent {
    /// Nothing: it was closed.
    Closed,
    /// What no asset is made of: it belongs to another program, or is of a kind that nobody keeps. What was known of the
    /// account ended there, as if it had been closed; where nothing was known, nothing is kept.
    Foreign,
    /// A token account's members.
    Token(TokenAccount),
    /// Bytes, of all other kinds.
    Data {
        /// The program that owns it.
        program: Pubkey,
        /// The bytes.
        data: Vec<u8>,
        /// What an edition is; none for all else.
        edition: Option<Edition>,
        /// What ties it to other accounts of MPL Core; none for all else.
        tie: Option<CoreTie>,
    },
}

/// What ties an asset to its collection of MPL Core: the authority of the collection is the asset's, and its royalties are those of
/// leaves that say so ([`TreeChange::inherits`]). Assets are made anew when what the collection's account names of these
/// becomes another, or is seen for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoreTie {
    /// An asset that is in a collection.
    Member {
        /// The collection's address.
        collection: Pubkey,
    },
    /// A collection.
    Collection {
        /// Who may change it and its members.
        authority: Pubkey,
        /// The share of its royalties in hundredths of a percent; none without.
        basis_points: Option<u16>,
    },
}

/// An edition of Token Metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// What prints are made of.
    Master {
        /// How many there are.
        supply: u64,
        /// How many there may be; none: as many as somebody likes.
        max_supply: Option<u64>,
    },
    /// A print.
    Print {
        /// The address of its master edition.
        parent: Pubkey,
        /// Its number, from 1.
        number: u64,
    },
}

/// A token account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenAccount {
    /// SPL Token or Token-2022.
    pub program: Pubkey,
    /// Who holds it.
    pub owner: Pubkey,
    /// In base units.
    pub amount: u64,
    /// Who may move some of it.
    pub delegate: Option<Pubkey>,
    /// How much of it, in base units.
    pub delegated_amount: u64,
    /// Whether it cannot be moved.
    pub frozen: bool,
    /// Who may close it beside its owner.
    pub close_authority: Option<Pubkey>,
    /// Its extensions as JSON.
    pub extensions: Option<String>,
}

/// All that an asset is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetSources {
    /// The asset.
    pub id: Pubkey,
    /// The lowest slot in which anything of it was seen but token accounts and the ends of accounts.
    pub slot_created: Slot,
    /// Its accounts but for token accounts, in the order of their addresses; closed ones too.
    pub accounts: Vec<SourceAccount>,
    /// The token account that holds some of it and was updated last.
    pub holder: Option<Holder>,
    /// Who may change the collection of MPL Core that its account is tied to ([`CoreTie`]); none where that was not seen.
    pub collection_authority: Option<Pubkey>,
    /// The changes of its leaf that are understood, in the order of `slot` and `seq`. A tree that was closed and made again
    /// counts from 0 anew: those of its earlier lives come first.
    pub leaf: Vec<LeafChange>,
    /// Its events that changed no tree, in the order of slot, signature and position.
    pub events: Vec<LeafEvent>,
    /// Off-chain documents that arrived, of the uris that the asset may name.
    pub documents: Vec<Document>,
}

/// An account of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceAccount {
    /// Its address.
    pub address: Pubkey,
    /// What it is.
    pub kind: AccountKind,
    /// The slot of its newest update.
    pub slot: Slot,
    /// Whether that update closed it.
    pub closed: bool,
    /// The program and the bytes of the newest update that had any: of a closed account its last ones. None where no such
    /// update was seen.
    pub data: Option<(Pubkey, Vec<u8>)>,
}

/// Who holds an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The token account's address.
    pub address: Pubkey,
    /// The slot of its newest update.
    pub slot: Slot,
    /// What it holds.
    pub account: TokenAccount,
}

/// A change of an asset's leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafChange {
    /// The tree.
    pub tree: Pubkey,
    /// The number of the change within its tree.
    pub seq: u64,
    /// The place of the leaf, from 0.
    pub leaf_index: u64,
    /// The slot of the transaction.
    pub slot: Slot,
    /// The name of the instruction, as getAssetSignatures shows it.
    pub instruction: String,
    /// What it did, as JSON.
    pub event: String,
    /// The share of royalties, in hundredths of a percent, that the collection has of which it says that the asset inherits
    /// it; none where it says nothing of that, or the collection was not seen.
    pub inherited: Option<u16>,
}

/// An event of a compressed asset that changed no tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafEvent {
    /// The slot of the transaction.
    pub slot: Slot,
    /// The name of the instruction.
    pub instruction: String,
    /// What it did, as JSON.
    pub event: String,
}

/// An off-chain document that arrived. All assets that name it share it: a clone copies no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Where it is from.
    pub uri: Arc<str>,
    /// JSON as it came.
    pub body: Arc<str>,
}

/// An asset, made of its sources.
#[derive(Debug, Clone)]
pub struct Composed {
    /// What is written of it. It stands for what was written before, whatever the slots of the two.
    pub change: AssetChange,
    /// Whether who holds some of it may be its owner: false for a mint with decimals, which never lose them. The token
    /// accounts of such a mint are no part of it, and their updates leave it alone.
    pub single: bool,
    /// Where its off-chain document is.
    pub json_uri: Option<String>,
}

/// Makes an asset of its sources; none where nothing is to be shown of it. Pure, so that whoever does it gets the same.
pub type Compose<'a> = &'a (dyn Fn(&AssetSources) -> Option<Composed> + Sync);

/// A change of a tree, as a transaction logged it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeChange {
    /// The tree.
    pub tree: Pubkey,
    /// The compression program that keeps it.
    pub program: Pubkey,
    /// The number of the change within its tree.
    pub seq: u64,
    /// The place of the leaf, from 0.
    pub leaf_index: u64,
    /// The slot of the transaction.
    pub slot: Slot,
    /// The transaction's signature.
    pub signature: [u8; 64],
    /// The asset of the leaf, where the change is one of an asset.
    pub asset_id: Option<Pubkey>,
    /// The name of the instruction, as getAssetSignatures shows it.
    pub instruction: Option<String>,
    /// What it did to the asset, as JSON; none where nobody understood it.
    pub event: Option<String>,
    /// The collection of MPL Core whose royalties it says that the asset has.
    pub inherits: Option<Pubkey>,
    /// The hashes from the leaf to the root: one more than the tree is deep.
    pub path: Vec<[u8; 32]>,
}

/// An event that changed no tree, as a transaction told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafEventSeen {
    /// The asset.
    pub asset_id: Pubkey,
    /// The slot of the transaction.
    pub slot: Slot,
    /// The transaction's signature.
    pub signature: [u8; 64],
    /// The place of the instruction in its transaction, inner ones counted.
    pub position: u32,
    /// The name of the instruction.
    pub instruction: String,
    /// What it did, as JSON.
    pub event: String,
}

/// An input that could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The slot of the input.
    pub slot: Slot,
    /// `account` or `transaction`.
    pub kind: &'static str,
    /// The account's address, or the transaction's signature.
    pub key: Vec<u8>,
    /// Why.
    pub reason: String,
    /// The input as one line of `vitrine ingest`.
    pub input: String,
}

/// Names a dead letter: SHA-256 of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterId(pub(crate) [u8; 32]);

/// What a batch tells of the chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChainBatch {
    /// Accounts, in any order; several updates of one are allowed.
    pub accounts: Vec<AccountSeen>,
    /// Changes of trees, in any order.
    pub tree_changes: Vec<TreeChange>,
    /// Events that changed no tree, in any order.
    pub leaf_events: Vec<LeafEventSeen>,
    /// What could not be decoded.
    pub dead_letters: Vec<DeadLetter>,
    /// Inputs that were dead letters and are none any more: what they tell is in this batch.
    pub settled: Vec<LetterId>,
    /// Up to where the source is wholly read with this batch.
    pub watermark: Option<Slot>,
}

impl ChainBatch {
    /// The accounts that are known once this is written, whatever was known before.
    pub fn known_accounts(&self) -> BTreeSet<Pubkey> {
        let told =
            self.accounts.iter().filter(|seen| seen.content != AccountContent::Foreign).flat_map(|seen| {
                [seen.address].into_iter().chain(seen.tells_of.iter().copied()).chain(seen.collection())
            });
        told.chain(self.tree_changes.iter().filter_map(|change| change.inherits)).collect()
    }

    /// The accounts of which this says that they belong to others: nothing is kept of it where they are not known
    /// ([`AccountContent::Foreign`]).
    pub fn foreign_accounts(&self) -> impl Iterator<Item = Pubkey> + '_ {
        self.accounts.iter().filter(|seen| seen.content == AccountContent::Foreign).map(|seen| seen.address)
    }
}
