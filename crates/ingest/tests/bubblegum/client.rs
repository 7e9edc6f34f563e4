//! Our values in the client's types: what the client compares, it compares whole.

use mpl_bubblegum::types as theirs;
use solana_program::pubkey::Pubkey as TheirPubkey;
use vitrine_ingest::decode::bubblegum::{
    Args, AssetData, AssetDataSchema, Creator, LeafArgs, LeafSchema, Metadata, TokenProgramVersion,
    TokenStandard, UpdateArgs, UseMethod, V1Members,
};
use vitrine_ingest::decode::compression::Hash;
use vitrine_model::Pubkey;

/// All arguments that there are, by the client's names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members<'a> {
    pub(crate) root: Option<Hash>,
    pub(crate) leaf: Option<LeafArgs>,
    pub(crate) metadata: Option<Metadata<'a>>,
    pub(crate) update_args: Option<UpdateArgs<'a>>,
    pub(crate) collection: Option<Pubkey>,
    pub(crate) asset_data: AssetData<'a>,
    pub(crate) max_depth: Option<u32>,
    pub(crate) max_buffer_size: Option<u32>,
    pub(crate) public: Option<bool>,
    pub(crate) decompressable_state: Option<bool>,
}

impl<'a> Members<'a> {
    pub(crate) fn of(args: &Args<'a>) -> Self {
        let none = Self::default();
        match args.clone() {
            Args::None => none,
            Args::CreateTree { max_depth, max_buffer_size, public } => {
                let (max_depth, max_buffer_size) = (Some(max_depth), Some(max_buffer_size));
                Self { max_depth, max_buffer_size, public, ..none }
            }
            Args::DecompressibleState(state) => Self { decompressable_state: Some(state), ..none },
            Args::Mint { metadata, asset_data } => Self { metadata: Some(metadata), asset_data, ..none },
            Args::Decompress(metadata) => Self { metadata: Some(metadata), ..none },
            Args::CancelRedeem(root) => Self { root: Some(root), ..none },
            Args::Leaf(leaf) => none.with(leaf),
            Args::Metadata { leaf, metadata, collection } => {
                Self { metadata: Some(metadata), collection, ..none }.with(leaf)
            }
            Args::Update { leaf, current, update } => {
                Self { metadata: Some(current), update_args: Some(update), ..none }.with(leaf)
            }
            Args::AssetData { leaf, data } => Self { asset_data: data, ..none }.with(leaf),
        }
    }

    fn with(self, leaf: LeafArgs) -> Self {
        Self { root: Some(leaf.root), leaf: Some(leaf), ..self }
    }
}

/// A value of ours as one of the client's.
pub(crate) trait Theirs<Ours> {
    fn theirs(ours: &Ours) -> Self;
}

impl Theirs<Metadata<'_>> for theirs::MetadataArgs {
    fn theirs(ours: &Metadata<'_>) -> Self {
        let V1Members { edition_nonce, uses, token_program_version } = ours.v1.expect("version 1");
        let uses = uses.map(|uses| theirs::Uses {
            use_method: match uses.use_method {
                UseMethod::Burn => theirs::UseMethod::Burn,
                UseMethod::Multiple => theirs::UseMethod::Multiple,
                UseMethod::Single => theirs::UseMethod::Single,
            },
            remaining: uses.remaining,
            total: uses.total,
        });
        let token_program_version = match token_program_version {
            TokenProgramVersion::Original => theirs::TokenProgramVersion::Original,
            TokenProgramVersion::Token2022 => theirs::TokenProgramVersion::Token2022,
        };
        let collection = ours.collection.map(|collection| theirs::Collection {
            verified: collection.verified,
            key: TheirPubkey::theirs(&collection.key),
        });
        Self {
            name: ours.name.to_owned(),
            symbol: ours.symbol.to_owned(),
            uri: ours.uri.to_owned(),
            seller_fee_basis_points: ours.seller_fee_basis_points,
            primary_sale_happened: ours.primary_sale_happened,
            is_mutable: ours.is_mutable,
            edition_nonce,
            token_standard: ours.token_standard.map(|standard| Theirs::theirs(&standard)),
            collection,
            uses,
            token_program_version,
            creators: Theirs::theirs(&ours.creators),
        }
    }
}

impl Theirs<Metadata<'_>> for theirs::MetadataArgsV2 {
    fn theirs(ours: &Metadata<'_>) -> Self {
        assert!(ours.v1.is_none() && ours.collection.is_none_or(|collection| collection.verified));
        Self {
            name: ours.name.to_owned(),
            symbol: ours.symbol.to_owned(),
            uri: ours.uri.to_owned(),
            seller_fee_basis_points: ours.seller_fee_basis_points,
            primary_sale_happened: ours.primary_sale_happened,
            is_mutable: ours.is_mutable,
            token_standard: ours.token_standard.map(|standard| Theirs::theirs(&standard)),
            creators: Theirs::theirs(&ours.creators),
            collection: ours.collection.map(|collection| Theirs::theirs(&collection.key)),
        }
    }
}

impl Theirs<UpdateArgs<'_>> for theirs::UpdateArgs {
    fn theirs(ours: &UpdateArgs<'_>) -> Self {
        Self {
            name: ours.name.map(str::to_owned),
            symbol: ours.symbol.map(str::to_owned),
            uri: ours.uri.map(str::to_owned),
            creators: ours.creators.as_ref().map(Theirs::theirs),
            seller_fee_basis_points: ours.seller_fee_basis_points,
            primary_sale_happened: ours.primary_sale_happened,
            is_mutable: ours.is_mutable,
        }
    }
}

impl Theirs<LeafSchema> for theirs::LeafSchema {
    fn theirs(ours: &LeafSchema) -> Self {
        let [id, owner, delegate] = [&ours.id, &ours.owner, &ours.delegate].map(TheirPubkey::theirs);
        let LeafSchema { nonce, data_hash, creator_hash, .. } = *ours;
        match ours.v2 {
            None => Self::V1 { id, owner, delegate, nonce, data_hash, creator_hash },
            Some(v2) => Self::V2 {
                id,
                owner,
                delegate,
                nonce,
                data_hash,
                creator_hash,
                collection_hash: v2.collection_hash,
                asset_data_hash: v2.asset_data_hash,
                flags: v2.flags.0,
            },
        }
    }
}

impl Theirs<Vec<Creator>> for Vec<theirs::Creator> {
    fn theirs(ours: &Vec<Creator>) -> Self {
        let theirs = |ours: &Creator| theirs::Creator {
            address: Theirs::theirs(&ours.address),
            verified: ours.verified,
            share: ours.share,
        };
        ours.iter().map(theirs).collect()
    }
}

impl Theirs<TokenStandard> for theirs::TokenStandard {
    fn theirs(ours: &TokenStandard) -> Self {
        match ours {
            TokenStandard::NonFungible => Self::NonFungible,
            TokenStandard::FungibleAsset => Self::FungibleAsset,
            TokenStandard::Fungible => Self::Fungible,
            TokenStandard::NonFungibleEdition => Self::NonFungibleEdition,
        }
    }
}

impl Theirs<AssetDataSchema> for theirs::AssetDataSchema {
    fn theirs(ours: &AssetDataSchema) -> Self {
        match ours {
            AssetDataSchema::Binary => Self::Binary,
            AssetDataSchema::Json => Self::Json,
            AssetDataSchema::MsgPack => Self::MsgPack,
        }
    }
}

impl Theirs<Pubkey> for TheirPubkey {
    fn theirs(ours: &Pubkey) -> Self {
        Self::new_from_array(*ours.as_bytes())
    }
}
