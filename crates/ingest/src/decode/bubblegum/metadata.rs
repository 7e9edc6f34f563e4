//! The metadata of a leaf: `MetadataArgs` of version 1, `MetadataArgsV2` of version 2, and `UpdateArgs`.

use serde::{Deserialize, Serialize};
use vitrine_model::Pubkey;

use super::super::Reason;
use super::super::bytes::Cursor;

/// The metadata that a leaf's data hash is made of. The chain keeps the hash alone: who changes a leaf hands its metadata
/// in again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata<'a> {
    /// The name of the asset.
    pub name: &'a str,
    /// Its symbol.
    pub symbol: &'a str,
    /// Where its JSON is.
    pub uri: &'a str,
    /// Royalties in hundredths of a percent.
    pub seller_fee_basis_points: u16,
    /// Whether the asset was sold before.
    pub primary_sale_happened: bool,
    /// Whether the metadata may be changed.
    pub is_mutable: bool,
    /// What kind of token it is; the program takes [`TokenStandard::NonFungible`] alone.
    pub token_standard: Option<TokenStandard>,
    /// The creators, in their order.
    pub creators: Vec<Creator>,
    /// The collection. Version 2 names verified ones only and has no flag for it.
    pub collection: Option<Collection>,
    /// What version 1 has besides. None means version 2.
    pub v1: Option<V1Members>,
}

/// The members of metadata that version 2 has no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct V1Members {
    /// A bump seed for editions.
    pub edition_nonce: Option<u8>,
    /// How often the asset may be used.
    pub uses: Option<Uses>,
    /// The token program that the asset would be decompressed with.
    pub token_program_version: TokenProgramVersion,
}

/// A creator of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Creator {
    /// Who it is.
    pub address: Pubkey,
    /// Whether they signed for it.
    pub verified: bool,
    /// Their share of royalties, in percent.
    pub share: u8,
}

/// The collection of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Whether the collection's authority signed for it.
    pub verified: bool,
    /// The mint of the collection; in version 2 its MPL Core account.
    pub key: Pubkey,
}

/// How often an asset may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uses {
    /// What a use does.
    pub use_method: UseMethod,
    /// How many uses are left.
    pub remaining: u64,
    /// How many there were.
    pub total: u64,
}

/// What a use of an asset does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UseMethod {
    /// It burns the asset.
    Burn,
    /// It may be repeated.
    Multiple,
    /// It is the only one.
    Single,
}

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenStandard {
    /// One of its kind.
    NonFungible,
    /// One of many, with metadata of its own.
    FungibleAsset,
    /// A currency.
    Fungible,
    /// A print.
    NonFungibleEdition,
}

/// The program of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenProgramVersion {
    /// SPL Token.
    Original,
    /// Token-2022.
    Token2022,
}

/// What an update replaces. A member that is absent stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateArgs<'a> {
    /// The name.
    pub name: Option<&'a str>,
    /// The symbol.
    pub symbol: Option<&'a str>,
    /// Where the JSON is.
    pub uri: Option<&'a str>,
    /// All creators.
    pub creators: Option<Vec<Creator>>,
    /// Royalties in hundredths of a percent.
    pub seller_fee_basis_points: Option<u16>,
    /// Whether the asset was sold before.
    pub primary_sale_happened: Option<bool>,
    /// Whether the metadata may be changed.
    pub is_mutable: Option<bool>,
}

/// What both versions begin with.
struct Head<'a> {
    name: &'a str,
    symbol: &'a str,
    uri: &'a str,
    seller_fee_basis_points: u16,
    primary_sale_happened: bool,
    is_mutable: bool,
}

impl<'a> Metadata<'a> {
    /// Reads `MetadataArgs`.
    pub fn read_v1(cursor: &mut Cursor<'a>) -> Result<Self, Reason> {
        let head = Head::read(cursor)?;
        let edition_nonce = cursor.option("edition_nonce", |cursor| cursor.u8("edition_nonce"))?;
        let token_standard = cursor.option("token_standard", TokenStandard::read)?;
        let collection = cursor.option("collection", |cursor| {
            Ok(Collection {
                verified: cursor.bool("collection.verified")?,
                key: cursor.key("collection.key")?,
            })
        })?;
        let uses = cursor.option("uses", Uses::read)?;
        let versions = [TokenProgramVersion::Original, TokenProgramVersion::Token2022];
        let token_program_version = cursor.one_of("token_program_version", &versions)?;
        let creators = Creator::read_all(cursor)?;
        let v1 = Some(V1Members { edition_nonce, uses, token_program_version });
        Ok(head.with(token_standard, creators, collection, v1))
    }

    /// Reads `MetadataArgsV2`.
    pub fn read_v2(cursor: &mut Cursor<'a>) -> Result<Self, Reason> {
        let head = Head::read(cursor)?;
        let token_standard = cursor.option("token_standard", TokenStandard::read)?;
        let creators = Creator::read_all(cursor)?;
        let key = cursor.option("collection", |cursor| cursor.key("collection"))?;
        let collection = key.map(|key| Collection { verified: true, key });
        Ok(head.with(token_standard, creators, collection, None))
    }

    /// The bytes that the program hashes: those of the arguments.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for text in [self.name, self.symbol, self.uri] {
            put_len(&mut bytes, text.len());
            bytes.extend(text.as_bytes());
        }
        bytes.extend(self.seller_fee_basis_points.to_le_bytes());
        bytes.extend([u8::from(self.primary_sale_happened), u8::from(self.is_mutable)]);
        if let Some(v1) = &self.v1 {
            put_option(&mut bytes, v1.edition_nonce, Vec::push);
            put_option(&mut bytes, self.token_standard, |bytes, standard| bytes.push(standard as u8));
            put_option(&mut bytes, self.collection, |bytes, collection| {
                bytes.push(collection.verified.into());
                bytes.extend(collection.key.as_bytes());
            });
            put_option(&mut bytes, v1.uses, |bytes, uses| {
                bytes.push(uses.use_method as u8);
                bytes.extend([uses.remaining.to_le_bytes(), uses.total.to_le_bytes()].as_flattened());
            });
            bytes.push(v1.token_program_version as u8);
            self.put_creators(&mut bytes);
        } else {
            put_option(&mut bytes, self.token_standard, |bytes, standard| bytes.push(standard as u8));
            self.put_creators(&mut bytes);
            put_option(&mut bytes, self.collection, |bytes, collection| {
                bytes.extend(collection.key.as_bytes());
            });
        }
        bytes
    }

    fn put_creators(&self, bytes: &mut Vec<u8>) {
        put_len(bytes, self.creators.len());
        bytes.extend(self.creators.iter().flat_map(Creator::to_bytes));
    }

    /// Replaces what the update has.
    pub fn update(&mut self, update: &UpdateArgs<'a>) {
        self.name = update.name.unwrap_or(self.name);
        self.symbol = update.symbol.unwrap_or(self.symbol);
        self.uri = update.uri.unwrap_or(self.uri);
        if let Some(creators) = &update.creators {
            self.creators.clone_from(creators);
        }
        self.seller_fee_basis_points = update.seller_fee_basis_points.unwrap_or(self.seller_fee_basis_points);
        self.primary_sale_happened = update.primary_sale_happened.unwrap_or(self.primary_sale_happened);
        self.is_mutable = update.is_mutable.unwrap_or(self.is_mutable);
    }
}

impl<'a> Head<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Reason> {
        Ok(Self {
            name: cursor.string("name")?,
            symbol: cursor.string("symbol")?,
            uri: cursor.string("uri")?,
            seller_fee_basis_points: cursor.u16("seller_fee_basis_points")?,
            primary_sale_happened: cursor.bool("primary_sale_happened")?,
            is_mutable: cursor.bool("is_mutable")?,
        })
    }

    fn with(
        self,
        token_standard: Option<TokenStandard>,
        creators: Vec<Creator>,
        collection: Option<Collection>,
        v1: Option<V1Members>,
    ) -> Metadata<'a> {
        let Self { name, symbol, uri, seller_fee_basis_points, primary_sale_happened, is_mutable } = self;
        Metadata {
            name,
            symbol,
            uri,
            seller_fee_basis_points,
            primary_sale_happened,
            is_mutable,
            token_standard,
            creators,
            collection,
            v1,
        }
    }
}

impl<'a> UpdateArgs<'a> {
    /// Reads `UpdateArgs`, which both versions share.
    pub fn read(cursor: &mut Cursor<'a>) -> Result<Self, Reason> {
        Ok(Self {
            name: cursor.option("name", |cursor| cursor.string("name"))?,
            symbol: cursor.option("symbol", |cursor| cursor.string("symbol"))?,
            uri: cursor.option("uri", |cursor| cursor.string("uri"))?,
            creators: cursor.option("creators", Creator::read_all)?,
            seller_fee_basis_points: cursor
                .option("seller_fee_basis_points", |cursor| cursor.u16("seller_fee_basis_points"))?,
            primary_sale_happened: cursor
                .option("primary_sale_happened", |cursor| cursor.bool("primary_sale_happened"))?,
            is_mutable: cursor.option("is_mutable", |cursor| cursor.bool("is_mutable"))?,
        })
    }
}

impl Creator {
    /// How many bytes a creator takes.
    const LEN: usize = 34;

    fn read_all(cursor: &mut Cursor<'_>) -> Result<Vec<Self>, Reason> {
        cursor.vec("creators", Self::LEN, |cursor| {
            Ok(Self {
                address: cursor.key("creator.address")?,
                verified: cursor.bool("creator.verified")?,
                share: cursor.u8("creator.share")?,
            })
        })
    }

    /// As the program writes a creator.
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..32].copy_from_slice(self.address.as_bytes());
        bytes[32..].copy_from_slice(&[self.verified.into(), self.share]);
        bytes
    }
}

impl UseMethod {
    /// Its name in the program.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Burn => "Burn",
            Self::Multiple => "Multiple",
            Self::Single => "Single",
        }
    }
}

impl TokenStandard {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Reason> {
        let all = [Self::NonFungible, Self::FungibleAsset, Self::Fungible, Self::NonFungibleEdition];
        cursor.one_of("token_standard", &all)
    }
}

impl Uses {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Reason> {
        let methods = [UseMethod::Burn, UseMethod::Multiple, UseMethod::Single];
        Ok(Self {
            use_method: cursor.one_of("uses.use_method", &methods)?,
            remaining: cursor.u64("uses.remaining")?,
            total: cursor.u64("uses.total")?,
        })
    }
}

/// Lengths here were read from, or are bounded by, an instruction: four bytes hold them.
fn put_len(bytes: &mut Vec<u8>, len: usize) {
    bytes.extend(u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
}

fn put_option<T>(bytes: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    bytes.push(value.is_some().into());
    if let Some(value) = value {
        put(bytes, value);
    }
}
