//! An account of Token Metadata as the program's own client reads it, in the words of our decoder.

use mpl_token_metadata::accounts as theirs;
use mpl_token_metadata::types;
use vitrine_ingest::decode::Reason;
use vitrine_ingest::decode::token_metadata::{
    Account, Collection, CollectionDetails, Creator, Edition, MasterEdition, Metadata, PrintingMints,
    ProgrammableConfig, TokenDelegateRole, TokenRecord, TokenStandard, TokenState, UseMethod, Uses, decode,
};
use vitrine_model::Pubkey;

/// Where we and the client differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// Metadata that ends in front of the edition's nonce: the client refuses what lacks any member of its first
    /// versions, we take the missing one as a none.
    NoNonce,
    /// A member that later versions added does not fit: the client goes on to read the members behind it from wherever
    /// it stopped, for us they are none.
    BehindMisfit,
    /// A token record of another length than the two the program writes: the client refuses it, we read what it has.
    RecordLength,
}

/// Holds our reading of these bytes against the client's. The result is how the two differ, within what is allowed.
pub(crate) fn hold_against(data: &[u8]) -> Option<Difference> {
    let ours = decode(data);
    match data.first() {
        None | Some(0) => {
            assert_eq!(ours, Ok(Account::Uninitialized));
            None
        }
        Some(1) => equal(ours, theirs::Edition::from_bytes(data).as_ref().map(edition)),
        Some(2) => {
            equal(ours, theirs::DeprecatedMasterEditionV1::from_bytes(data).as_ref().map(master_edition_v1))
        }
        Some(6) => equal(ours, theirs::MasterEdition::safe_deserialize(data).as_ref().map(master_edition_v2)),
        Some(4) => metadata(ours, data),
        Some(11) => match (ours, theirs::TokenRecord::safe_deserialize(data)) {
            (Ok(Account::TokenRecord(_)), Err(_)) => {
                assert!(![47, 80].contains(&data.len()), "the client refuses a record of a known length");
                Some(Difference::RecordLength)
            }
            (ours, theirs) => equal(ours, theirs.map(token_record)),
        },
        Some(&key @ 3..15) => {
            assert_eq!(ours, Ok(Account::Other(key)));
            None
        }
        Some(&key) => {
            assert_eq!(ours, Err(Reason::BadTag { field: "key", value: key.into() }));
            None
        }
    }
}

fn equal<E>(ours: Result<Account<'_>, Reason>, theirs: Result<Account<'_>, E>) -> Option<Difference> {
    assert_eq!(ours.ok(), theirs.ok());
    None
}

fn metadata(ours: Result<Account<'_>, Reason>, data: &[u8]) -> Option<Difference> {
    let theirs = theirs::Metadata::safe_deserialize(data);
    match (ours, theirs) {
        (Ok(Account::Metadata(ours)), Ok(theirs)) => {
            first_members(&ours, &theirs);
            later_members(&ours, &theirs, data)
        }
        (Ok(Account::Metadata(ours)), Err(_)) => {
            // With a none for the nonce the client reads it as well.
            let theirs = theirs::Metadata::safe_deserialize(&[data, &[0]].concat())
                .expect("only the nonce is missing");
            first_members(&ours, &theirs);
            assert_eq!(later_members(&ours, &theirs, data), None);
            Some(Difference::NoNonce)
        }
        (Err(_), Err(_)) => None,
        (ours, theirs) => panic!("we read {ours:?}, the client {theirs:?}"),
    }
}

fn first_members(ours: &Metadata<'_>, theirs: &theirs::Metadata) {
    assert_eq!(ours.update_authority, key(theirs.update_authority.to_bytes()));
    assert_eq!(ours.mint, key(theirs.mint.to_bytes()));
    for (ours, theirs) in [(ours.name, &theirs.name), (ours.symbol, &theirs.symbol), (ours.uri, &theirs.uri)]
    {
        assert_eq!(ours.raw(), theirs);
        assert_eq!(ours.text(), mpl_token_metadata::utils::clean(theirs.clone()));
    }
    assert_eq!(ours.seller_fee_basis_points, theirs.seller_fee_basis_points);
    let creator = |one: &types::Creator| Creator {
        address: key(one.address.to_bytes()),
        verified: one.verified,
        share: one.share,
    };
    let creators = theirs.creators.as_ref().map(|all| all.iter().map(creator).collect());
    assert_eq!(ours.creators, creators);
    assert_eq!(ours.primary_sale_happened, theirs.primary_sale_happened);
    assert_eq!(ours.is_mutable, theirs.is_mutable);
    assert_eq!(ours.edition_nonce, theirs.edition_nonce);
    assert_eq!(ours.token_standard, theirs.token_standard.map(token_standard));
    let collection = theirs.collection.as_ref();
    let collection =
        collection.map(|one| Collection { verified: one.verified, key: key(one.key.to_bytes()) });
    assert_eq!(ours.collection, collection);
    assert_eq!(ours.uses, theirs.uses.as_ref().map(uses));
}

/// What the newest versions added. Where the strict reading of the client takes the account, nothing in it is a misfit,
/// and there is no difference.
fn later_members(ours: &Metadata<'_>, theirs: &theirs::Metadata, data: &[u8]) -> Option<Difference> {
    let details = theirs.collection_details.as_ref().map(|details| match details {
        types::CollectionDetails::V1 { size } => CollectionDetails::V1 { size: *size },
        types::CollectionDetails::V2 { padding } => CollectionDetails::V2 { padding: *padding },
    });
    let config = theirs.programmable_config.as_ref().map(|config| {
        let types::ProgrammableConfig::V1 { rule_set } = config;
        ProgrammableConfig::V1 { rule_set: rule_set.map(|address| key(address.to_bytes())) }
    });
    if (ours.collection_details, ours.programmable_config) == (details, config) {
        return None;
    }
    assert!(theirs::Metadata::from_bytes(data).is_err(), "{ours:?} for {theirs:?}");
    assert!(ours.collection_details.is_none() || ours.collection_details == details);
    assert_eq!(ours.programmable_config, None);
    Some(Difference::BehindMisfit)
}

fn key(bytes: [u8; 32]) -> Pubkey {
    Pubkey::from_bytes(bytes)
}

fn token_standard(standard: types::TokenStandard) -> TokenStandard {
    match standard {
        types::TokenStandard::NonFungible => TokenStandard::NonFungible,
        types::TokenStandard::FungibleAsset => TokenStandard::FungibleAsset,
        types::TokenStandard::Fungible => TokenStandard::Fungible,
        types::TokenStandard::NonFungibleEdition => TokenStandard::NonFungibleEdition,
        types::TokenStandard::ProgrammableNonFungible => TokenStandard::ProgrammableNonFungible,
        types::TokenStandard::ProgrammableNonFungibleEdition => TokenStandard::ProgrammableNonFungibleEdition,
    }
}

fn uses(uses: &types::Uses) -> Uses {
    let use_method = match uses.use_method {
        types::UseMethod::Burn => UseMethod::Burn,
        types::UseMethod::Multiple => UseMethod::Multiple,
        types::UseMethod::Single => UseMethod::Single,
    };
    Uses { use_method, remaining: uses.remaining, total: uses.total }
}

fn edition(edition: &theirs::Edition) -> Account<'static> {
    Account::Edition(Edition { parent: key(edition.parent.to_bytes()), edition: edition.edition })
}

fn master_edition_v1(edition: &theirs::DeprecatedMasterEditionV1) -> Account<'static> {
    let printing = PrintingMints {
        printing_mint: key(edition.printing_mint.to_bytes()),
        one_time_printing_authorization_mint: key(edition.one_time_printing_authorization_mint.to_bytes()),
    };
    let (supply, max_supply) = (edition.supply, edition.max_supply);
    Account::MasterEdition(MasterEdition { supply, max_supply, printing: Some(printing) })
}

fn master_edition_v2(edition: &theirs::MasterEdition) -> Account<'static> {
    let (supply, max_supply) = (edition.supply, edition.max_supply);
    Account::MasterEdition(MasterEdition { supply, max_supply, printing: None })
}

fn token_record(record: theirs::TokenRecord) -> Account<'static> {
    let role = |role| match role {
        types::TokenDelegateRole::Sale => TokenDelegateRole::Sale,
        types::TokenDelegateRole::Transfer => TokenDelegateRole::Transfer,
        types::TokenDelegateRole::Utility => TokenDelegateRole::Utility,
        types::TokenDelegateRole::Staking => TokenDelegateRole::Staking,
        types::TokenDelegateRole::Standard => TokenDelegateRole::Standard,
        types::TokenDelegateRole::LockedTransfer => TokenDelegateRole::LockedTransfer,
        types::TokenDelegateRole::Migration => TokenDelegateRole::Migration,
    };
    Account::TokenRecord(TokenRecord {
        bump: record.bump,
        state: match record.state {
            types::TokenState::Unlocked => TokenState::Unlocked,
            types::TokenState::Locked => TokenState::Locked,
            types::TokenState::Listed => TokenState::Listed,
        },
        rule_set_revision: record.rule_set_revision,
        delegate: record.delegate.map(|address| key(address.to_bytes())),
        delegate_role: record.delegate_role.map(role),
        locked_transfer: record.locked_transfer.map(|address| key(address.to_bytes())),
    })
}
