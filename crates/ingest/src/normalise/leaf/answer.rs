//! A leaf in the words of DAS.

use vitrine_model::{Compression, Extra, Field, Pubkey, Supply, Uses};

use super::super::draft::{Draft, DraftCreator, DraftGrouping, DraftOwnership, DraftRoyalty};
use super::{Fate, Leaf, LeafMetadata, LeafState, LeafUses};
use crate::decode::bubblegum::Flags;

/// Leaves of both versions. Of version 2 the contract's documents also know `MplBubblegumV2`, which the peer's answers
/// do not have and which clients refuse.
const INTERFACE: &str = "V1_NFT";

impl Leaf {
    /// The asset of the leaf. One that was burnt or redeemed shows the leaf that was; one that was decompressed is in no
    /// tree any more, and is shown so until its token's accounts tell more.
    pub(in super::super) fn into_draft(self) -> Draft {
        let compression = (self.fate != Fate::Decompressed).then(|| self.compression());
        let royalty = royalty(&self.metadata, self.state.v2.is_some(), self.inherited);
        let LeafMetadata { name, symbol, uri, creators, collection, .. } = self.metadata;
        Draft {
            interface: Some(INTERFACE),
            name: Some(name),
            symbol: Some(symbol),
            // What its metadata says of that is not looked at by anybody: a leaf is one of its kind.
            token_standard: Some("NonFungible"),
            uri,
            authorities: self.authority.map(Some).into_iter().collect(),
            creators: creators
                .iter()
                .map(|creator| DraftCreator {
                    address: creator.address,
                    share: creator.share,
                    verified: creator.verified,
                })
                .collect(),
            groupings: collection
                .map(|collection| DraftGrouping {
                    key: "collection",
                    value: collection.key,
                    verified: collection.verified,
                })
                .into_iter()
                .collect(),
            royalty,
            ownership: ownership(&self.state, self.fate),
            uses: self.metadata.uses.map(uses),
            supply: Some(supply(self.metadata.edition_nonce)),
            compression,
            immutable: !self.metadata.is_mutable,
            burnt: self.fate == Fate::Burnt,
            ..Draft::default()
        }
    }

    fn compression(&self) -> Compression {
        let LeafState { nonce, data_hash, creator_hash, hash, v2, .. } = self.state;
        let v2 = v2.as_ref();
        Compression {
            eligible: Field::Is(false),
            compressed: Field::Is(true),
            data_hash: Field::Is(data_hash.to_string()),
            creator_hash: Field::Is(creator_hash.to_string()),
            collection_hash: v2.map_or(Field::Absent, |v2| Field::Is(v2.collection_hash.to_string())),
            asset_data_hash: v2.map_or(Field::Absent, |v2| Field::Is(v2.asset_data_hash.to_string())),
            flags: v2.map_or(Field::Absent, |v2| Field::Is(v2.flags.into())),
            asset_hash: Field::Is(hash.to_string()),
            tree: Field::Is(self.tree.to_string()),
            seq: Field::Is(self.seq),
            leaf_id: Field::Is(nonce),
            extra: Extra::new(),
        }
    }
}

/// What a sale owes; where the collection says so, as far as its account is known.
fn royalty(metadata: &LeafMetadata, is_v2: bool, inherited: Option<u16>) -> DraftRoyalty {
    let LeafMetadata { seller_fee_basis_points: basis_points, primary_sale_happened, .. } = *metadata;
    if is_v2 && metadata.inherits_royalties() {
        return DraftRoyalty {
            basis_points: inherited.unwrap_or(0),
            basis_points_raw: Some(basis_points),
            inherited: Some(true),
            primary_sale_happened,
        };
    }
    DraftRoyalty { basis_points, primary_sale_happened, ..DraftRoyalty::default() }
}

/// The owner stands for nobody else where there is no delegate, and so does the address of zeros. A token that a leaf has
/// become begins without one.
fn ownership(leaf: &LeafState, fate: Fate) -> DraftOwnership {
    let nobody = [leaf.owner, Pubkey::from_bytes([0; 32])];
    let flags = leaf.v2.as_ref().map(|v2| Flags(v2.flags));
    DraftOwnership {
        owner: Some(leaf.owner),
        delegate: Some(leaf.delegate).filter(|key| !nobody.contains(key) && fate != Fate::Decompressed),
        frozen: flags.is_some_and(|flags| flags.is_frozen() || flags.is_permanently_frozen()),
        non_transferable: flags.map(Flags::is_non_transferable),
        by_token: false,
    }
}

fn uses(uses: LeafUses) -> Uses {
    Uses {
        use_method: Field::Is(uses.use_method.name().to_owned()),
        remaining: Field::Is(uses.remaining),
        total: Field::Is(uses.total),
        extra: Extra::new(),
    }
}

/// A leaf has no prints.
fn supply(edition_nonce: Option<u8>) -> Supply {
    Supply {
        print_max_supply: Field::Is(0),
        print_current_supply: Field::Is(0),
        edition_nonce: edition_nonce.map_or(Field::Null, |nonce| Field::Is(nonce.into())),
        ..Supply::default()
    }
}
