//! The metadata of a mint, of every version of the program.

use std::borrow::Cow;

use vitrine_model::Pubkey;

use crate::decode::Reason;
use crate::decode::bytes::Cursor;

/// The metadata of a mint.
///
/// Versions of the program have only ever added members at the end, so an older account has zeros there (a zero is a
/// none), or ends earlier. What may be missing is an `Option`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata<'a> {
    /// Who may change it.
    pub update_authority: Pubkey,
    /// The mint: the id of the asset.
    pub mint: Pubkey,
    /// At most 32 bytes by the program's rules.
    pub name: PaddedText<'a>,
    /// At most 10 bytes by the program's rules.
    pub symbol: PaddedText<'a>,
    /// Where the off-chain JSON is. At most 200 bytes by the program's rules.
    pub uri: PaddedText<'a>,
    /// The royalty, in hundredths of a percent.
    pub seller_fee_basis_points: u16,
    /// In the program's order; at most 5 by its rules. None and an empty list are two ways to say that there are none.
    pub creators: Option<Vec<Creator>>,
    /// Whether it was sold for the first time.
    pub primary_sale_happened: bool,
    /// Whether the update authority may still change it.
    pub is_mutable: bool,
    /// The bump seed of the address of the edition.
    pub edition_nonce: Option<u8>,
    /// What kind of token the mint is of.
    pub token_standard: Option<TokenStandard>,
    /// The collection it says it is in.
    pub collection: Option<Collection>,
    /// How often it can be used.
    pub uses: Option<Uses>,
    /// Set where it is a collection itself.
    pub collection_details: Option<CollectionDetails>,
    /// Set where it is a programmable NFT.
    pub programmable_config: Option<ProgrammableConfig>,
}

/// Text that the program pads with NULs to its full width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaddedText<'a>(&'a str);

impl<'a> PaddedText<'a> {
    /// The text as it stands in the account, with its NULs.
    pub const fn raw(&self) -> &'a str {
        self.0
    }

    /// The text without any NUL: those at the end are padding, and no text of a token has a use for others. White space
    /// is left alone.
    pub fn text(&self) -> Cow<'a, str> {
        let trimmed = self.0.trim_end_matches('\0');
        if trimmed.contains('\0') { Cow::Owned(trimmed.replace('\0', "")) } else { Cow::Borrowed(trimmed) }
    }
}

/// Somebody who has a share in the royalties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creator {
    /// Who.
    pub address: Pubkey,
    /// Whether they signed.
    pub verified: bool,
    /// In percent.
    pub share: u8,
}

/// What kind of token a mint is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the program's names, which are DAS's `token_standard` as well")]
pub enum TokenStandard {
    NonFungible,
    FungibleAsset,
    Fungible,
    NonFungibleEdition,
    ProgrammableNonFungible,
    ProgrammableNonFungibleEdition,
}

/// The collection that an asset says it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Whether the collection's authority agreed.
    pub verified: bool,
    /// The mint of the collection.
    pub key: Pubkey,
}

/// How often something can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uses {
    /// What a use does.
    pub use_method: UseMethod,
    /// How many uses are left.
    pub remaining: u64,
    /// How many there were.
    pub total: u64,
}

/// What a use does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the program's names")]
pub enum UseMethod {
    Burn,
    Multiple,
    Single,
}

/// The mark of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollectionDetails {
    /// A collection that counts its members.
    V1 {
        /// How many members were verified.
        size: u64,
    },
    /// A collection that does not.
    V2 {
        /// Kept for the program's use.
        padding: [u8; 8],
    },
}

/// The rules of a programmable NFT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgrammableConfig {
    /// The only version there is.
    V1 {
        /// The account of the rules that a transfer has to follow.
        rule_set: Option<Pubkey>,
    },
}

const TOKEN_STANDARDS: [TokenStandard; 6] = [
    TokenStandard::NonFungible,
    TokenStandard::FungibleAsset,
    TokenStandard::Fungible,
    TokenStandard::NonFungibleEdition,
    TokenStandard::ProgrammableNonFungible,
    TokenStandard::ProgrammableNonFungibleEdition,
];

const USE_METHODS: [UseMethod; 3] = [UseMethod::Burn, UseMethod::Multiple, UseMethod::Single];

/// Bytes of a creator.
const CREATOR_LEN: usize = 34;

/// Key 4, from behind the key.
pub(super) fn metadata<'a>(cursor: &mut Cursor<'a>) -> Result<Metadata<'a>, Reason> {
    let mut metadata = Metadata {
        update_authority: cursor.key("update_authority")?,
        mint: cursor.key("mint")?,
        name: cursor.string("name").map(PaddedText)?,
        symbol: cursor.string("symbol").map(PaddedText)?,
        uri: cursor.string("uri").map(PaddedText)?,
        seller_fee_basis_points: cursor.u16("seller_fee_basis_points")?,
        creators: cursor.option("creators", |cursor| cursor.vec("creators", CREATOR_LEN, creator))?,
        primary_sale_happened: cursor.bool("primary_sale_happened")?,
        is_mutable: cursor.bool("is_mutable")?,
        edition_nonce: None,
        token_standard: None,
        collection: None,
        uses: None,
        collection_details: None,
        programmable_config: None,
    };
    if !cursor.rest().is_empty() {
        metadata.edition_nonce = cursor.option("edition_nonce", |cursor| cursor.u8("edition_nonce"))?;
        later_members(&mut metadata, cursor);
    }
    Ok(metadata)
}

/// Reads what versions after the first one added, as far as it can be read.
///
/// Early versions rewrote an account without clearing what a longer one had left behind, so these members may be debris
/// of creators. The program takes the three that came together all or none for that reason, and each later one as a
/// none where it does not fit. Here nothing behind a misfit is believed either: it would be read from the wrong place.
fn later_members(metadata: &mut Metadata<'_>, cursor: &mut Cursor<'_>) {
    let Ok((token_standard, collection, uses)) = standard_collection_uses(cursor) else { return };
    metadata.token_standard = token_standard;
    metadata.collection = collection;
    metadata.uses = uses;
    let Ok(details) = cursor.option("collection_details", collection_details) else { return };
    metadata.collection_details = details;
    metadata.programmable_config =
        cursor.option("programmable_config", programmable_config).unwrap_or_default();
}

type StandardCollectionUses = (Option<TokenStandard>, Option<Collection>, Option<Uses>);

fn standard_collection_uses(cursor: &mut Cursor<'_>) -> Result<StandardCollectionUses, Reason> {
    let standard =
        cursor.option("token_standard", |cursor| cursor.one_of("token_standard", &TOKEN_STANDARDS))?;
    let collection = cursor.option("collection", |cursor| {
        Ok(Collection { verified: cursor.bool("collection.verified")?, key: cursor.key("collection.key")? })
    })?;
    let uses = cursor.option("uses", |cursor| {
        Ok(Uses {
            use_method: cursor.one_of("uses.use_method", &USE_METHODS)?,
            remaining: cursor.u64("uses.remaining")?,
            total: cursor.u64("uses.total")?,
        })
    })?;
    Ok((standard, collection, uses))
}

fn creator(cursor: &mut Cursor<'_>) -> Result<Creator, Reason> {
    Ok(Creator {
        address: cursor.key("creators.address")?,
        verified: cursor.bool("creators.verified")?,
        share: cursor.u8("creators.share")?,
    })
}

fn collection_details(cursor: &mut Cursor<'_>) -> Result<CollectionDetails, Reason> {
    match cursor.u8("collection_details")? {
        0 => Ok(CollectionDetails::V1 { size: cursor.u64("collection_details.size")? }),
        1 => Ok(CollectionDetails::V2 { padding: cursor.array("collection_details.padding")? }),
        tag => Err(Reason::BadTag { field: "collection_details", value: tag.into() }),
    }
}

fn programmable_config(cursor: &mut Cursor<'_>) -> Result<ProgrammableConfig, Reason> {
    match cursor.u8("programmable_config")? {
        0 => {
            let rule_set = cursor.option("programmable_config.rule_set", |cursor| cursor.key("rule_set"))?;
            Ok(ProgrammableConfig::V1 { rule_set })
        }
        tag => Err(Reason::BadTag { field: "programmable_config", value: tag.into() }),
    }
}
