//! Tokens of SPL Token and Token-2022, with and without Token Metadata.

use serde::Serialize;
use vitrine_model::{Field, Json, Pubkey, Supply, Uses};
use vitrine_store::AssetSources;

use super::draft::{Draft, DraftCreator, DraftGrouping, DraftOwnership, DraftRoyalty, json, no_prints};
use crate::decode::spl_token::{self, Mint, TokenMetadata};
use crate::decode::token_metadata::{self, Metadata, TokenStandard, UseMethod};

/// The accounts of a token. A flag in front says whether an account was closed; it then shows what it was.
#[derive(Debug, Default)]
pub(super) struct Token<'a> {
    pub(super) mint: Option<(bool, spl_token::Program, Mint<'a>)>,
    pub(super) metadata: Option<(bool, Box<Metadata<'a>>)>,
    /// A master edition or a print.
    pub(super) edition: Option<token_metadata::Account<'a>>,
    /// Where an edition is or would be.
    pub(super) told_of: Vec<Pubkey>,
}

/// What a mint says, as answers have it.
#[derive(Serialize)]
struct TokenInfo {
    supply: u64,
    decimals: u8,
    token_program: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mint_authority: Option<Pubkey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    freeze_authority: Option<Pubkey>,
}

/// A token as far as its accounts tell. `None` where neither its mint nor its metadata is known.
pub(super) fn draft(token: &Token<'_>, sources: &AssetSources) -> Option<Draft> {
    if token.mint.is_none() && token.metadata.is_none() {
        return None;
    }
    let interface = token.interface();
    let mut draft = Draft {
        interface: Some(interface),
        ownership: token.ownership(sources),
        supply: token.prints(interface),
        burnt: token.is_burnt(interface),
        token_info: token.info(),
        ..Draft::default()
    };
    if let Some((_, metadata)) = &token.metadata {
        add_metadata(&mut draft, metadata);
    }
    if let Some(extensions) = token.mint.as_ref().and_then(|(_, _, mint)| mint.extensions.as_deref()) {
        draft.mint_extensions = json(extensions).filter(|json| json.as_str() != "{}");
        draft.ownership.non_transferable = extensions.non_transferable.is_some().then_some(true);
        if let Some(metadata) = &extensions.metadata {
            let pointer = extensions.metadata_pointer.as_ref();
            let points_here = pointer.and_then(|pointer| pointer.metadata_address) == Some(sources.id);
            if token.metadata.is_none() || points_here {
                add_extension(&mut draft, metadata);
            }
        }
    }
    Some(draft)
}

fn add_metadata(draft: &mut Draft, metadata: &Metadata<'_>) {
    draft.name = Some(metadata.name.text().into_owned());
    draft.symbol = Some(metadata.symbol.text().into_owned());
    draft.uri = metadata.uri.text().into_owned();
    draft.token_standard = metadata.token_standard.map(standard_name);
    draft.authorities = vec![Some(metadata.update_authority)];
    let creators = metadata.creators.iter().flatten();
    draft.creators = creators
        .map(|creator| DraftCreator {
            address: creator.address,
            share: creator.share,
            verified: creator.verified,
        })
        .collect();
    let collection = metadata.collection.iter();
    draft.groupings = collection
        .map(|collection| DraftGrouping {
            key: "collection",
            value: collection.key,
            verified: collection.verified,
        })
        .collect();
    draft.royalty = DraftRoyalty {
        basis_points: metadata.seller_fee_basis_points,
        primary_sale_happened: metadata.primary_sale_happened,
        ..DraftRoyalty::default()
    };
    draft.uses = metadata.uses.as_ref().map(|uses| Uses {
        use_method: Field::Is(use_method(uses.use_method).to_owned()),
        remaining: Field::Is(uses.remaining),
        total: Field::Is(uses.total),
        ..Uses::default()
    });
    draft.immutable = !metadata.is_mutable;
}

/// Metadata in the mint itself says how the token is called and who may change that, and nothing else.
fn add_extension(draft: &mut Draft, metadata: &TokenMetadata<'_>) {
    let text = |text: &str| text.replace('\0', "");
    draft.name = Some(text(metadata.name));
    draft.symbol = Some(text(metadata.symbol));
    draft.uri = text(metadata.uri);
    draft.authorities = metadata.update_authority.into_iter().map(Some).collect();
    draft.immutable = metadata.update_authority.is_none();
}

fn standard_name(standard: TokenStandard) -> &'static str {
    match standard {
        TokenStandard::NonFungible => "NonFungible",
        TokenStandard::FungibleAsset => "FungibleAsset",
        TokenStandard::Fungible => "Fungible",
        TokenStandard::NonFungibleEdition => "NonFungibleEdition",
        TokenStandard::ProgrammableNonFungible => "ProgrammableNonFungible",
        TokenStandard::ProgrammableNonFungibleEdition => "ProgrammableNonFungibleEdition",
    }
}

fn use_method(method: UseMethod) -> &'static str {
    match method {
        UseMethod::Burn => "Burn",
        UseMethod::Multiple => "Multiple",
        UseMethod::Single => "Single",
    }
}

fn is_fungible(interface: &str) -> bool {
    matches!(interface, "FungibleToken" | "FungibleAsset")
}

impl Token<'_> {
    /// Whether there is one of it at most, so that whoever holds it owns it.
    pub(super) fn is_single(&self) -> bool {
        let several = self.mint.as_ref().is_some_and(|(_, _, mint)| mint.decimals > 0 || mint.supply > 1);
        !several && !is_fungible(self.interface())
    }

    /// Whether it has decimals, which a mint never loses: then nobody owns it as a whole.
    pub(super) fn is_divisible(&self) -> bool {
        self.mint.as_ref().is_some_and(|(_, _, mint)| mint.decimals > 0)
    }

    /// What the metadata says it is; where it is older than that question, what its edition and its mint make of it.
    fn interface(&self) -> &'static str {
        let of_edition = match &self.edition {
            Some(token_metadata::Account::MasterEdition(_)) => Some(TokenStandard::NonFungible),
            Some(token_metadata::Account::Edition(_)) => Some(TokenStandard::NonFungibleEdition),
            _ => None,
        };
        let metadata = self.metadata.as_ref();
        match metadata.and_then(|(_, metadata)| metadata.token_standard).or(of_edition) {
            Some(TokenStandard::NonFungible) => "V1_NFT",
            Some(TokenStandard::NonFungibleEdition) => "V1_PRINT",
            Some(TokenStandard::FungibleAsset) => "FungibleAsset",
            Some(TokenStandard::Fungible) => "FungibleToken",
            Some(TokenStandard::ProgrammableNonFungible | TokenStandard::ProgrammableNonFungibleEdition) => {
                "ProgrammableNFT"
            }
            None => self.interface_of_mint(),
        }
    }

    /// A mint is one of a single token where nobody can mint another one, or nobody but its edition, which the program of
    /// Token Metadata made its authority when it made one.
    fn interface_of_mint(&self) -> &'static str {
        let Some((_, _, mint)) = &self.mint else { return "Custom" };
        let nobody_mints = match mint.mint_authority {
            Some(authority) => self.told_of.contains(&authority),
            None => mint.supply <= 1,
        };
        match (mint.decimals, nobody_mints) {
            (0, true) => "V1_NFT",
            (0, false) if self.metadata.is_some() => "FungibleAsset",
            _ => "FungibleToken",
        }
    }

    fn ownership(&self, sources: &AssetSources) -> DraftOwnership {
        if !self.is_single() {
            return DraftOwnership { by_token: true, ..DraftOwnership::default() };
        }
        let holder = sources.holder.as_ref().map(|holder| &holder.account);
        DraftOwnership {
            owner: holder.map(|account| account.owner),
            delegate: holder.and_then(|account| account.delegate),
            frozen: holder.is_some_and(|account| account.frozen),
            ..DraftOwnership::default()
        }
    }

    /// A fungible token without supply may get one again, as long as somebody may mint it.
    fn is_burnt(&self, interface: &str) -> bool {
        match (&self.mint, &self.metadata) {
            (Some((closed, _, mint)), _) => {
                let for_good = !is_fungible(interface) || mint.mint_authority.is_none();
                *closed || (mint.supply == 0 && for_good)
            }
            (None, Some((closed, _))) => *closed,
            (None, None) => false,
        }
    }

    /// What is known of prints; none of what can have none.
    fn prints(&self, interface: &str) -> Option<Supply> {
        if is_fungible(interface) {
            return None;
        }
        let bump = self.metadata.as_ref().and_then(|(_, metadata)| metadata.edition_nonce);
        let edition_nonce = bump.map_or(Field::Null, |bump| Field::Is(bump.into()));
        let none = Supply { edition_nonce, ..no_prints() };
        match &self.edition {
            Some(token_metadata::Account::MasterEdition(master)) => Some(Supply {
                // Null: as many as somebody likes.
                print_max_supply: master.max_supply.map_or(Field::Null, Field::Is),
                print_current_supply: Field::Is(master.supply),
                ..none
            }),
            Some(token_metadata::Account::Edition(print)) => {
                Some(Supply { edition_number: Field::Is(print.edition), ..none })
            }
            _ => (interface != "V1_PRINT").then_some(none),
        }
    }

    fn info(&self) -> Option<Json> {
        let (closed, program, mint) = self.mint.as_ref()?;
        json(&TokenInfo {
            // A mint is closed at a supply of 0 only.
            supply: if *closed { 0 } else { mint.supply },
            decimals: mint.decimals,
            token_program: program.id(),
            mint_authority: mint.mint_authority,
            freeze_authority: mint.freeze_authority,
        })
    }
}
