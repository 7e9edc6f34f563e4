//! Token Metadata: each form by hand, then held against the program's own client.

use proptest::prelude::*;
use serde_json::{Value, json};
use vitrine_ingest::decode::Reason;
use vitrine_ingest::decode::token_metadata::{
    Account, Collection, CollectionDetails, Creator, Edition, MasterEdition, Metadata, PROGRAM_ID,
    PaddedText, PrintingMints, ProgrammableConfig, TokenDelegateRole, TokenRecord, TokenStandard, TokenState,
    UseMethod, Uses, decode,
};

use crate::bytes::{Bytes, key};
use crate::mutation::{each_mutated, mutated, mutations};
use crate::peer;
use crate::token_metadata_oracle::{Difference, hold_against};

/// Up to and with `is_mutable`: what the first version had.
fn first_members() -> Bytes {
    let data = Bytes::new().u8(4).key(1).key(2).padded("Name", 32).padded("SYM", 10).padded("https://u", 200);
    data.u16(500).u8(1).u32(2).key(3).u8(1).u8(60).key(4).u8(0).u8(40).u8(1).u8(0)
}

fn standard_collection_uses() -> Bytes {
    Bytes::new().u8(1).u8(4).u8(1).u8(1).key(5).u8(1).u8(2).u64(3).u64(9)
}

fn metadata(data: &[u8]) -> Metadata<'_> {
    match decode(data) {
        Ok(Account::Metadata(metadata)) => *metadata,
        other => panic!("{other:?} is no metadata"),
    }
}

/// What versions after the first one added.
fn later(metadata: &Metadata<'_>) -> (Option<u8>, Option<TokenStandard>, bool, bool, bool, bool) {
    (
        metadata.edition_nonce,
        metadata.token_standard,
        metadata.collection.is_some(),
        metadata.uses.is_some(),
        metadata.collection_details.is_some(),
        metadata.programmable_config.is_some(),
    )
}

#[test]
fn metadata_of_the_newest_version() {
    let data = first_members().u8(1).u8(254).raw(&standard_collection_uses().0);
    let data = data.u8(1).u8(0).u64(77).u8(1).u8(0).u8(1).key(6).0;
    let found = metadata(&data);
    assert_eq!((found.update_authority, found.mint), (key(1), key(2)));
    assert_eq!(
        (&*found.name.text(), &*found.symbol.text(), &*found.uri.text()),
        ("Name", "SYM", "https://u")
    );
    assert_eq!((found.name.raw().len(), found.symbol.raw().len(), found.uri.raw().len()), (32, 10, 200));
    assert_eq!(found.seller_fee_basis_points, 500);
    let creators = vec![
        Creator { address: key(3), verified: true, share: 60 },
        Creator { address: key(4), verified: false, share: 40 },
    ];
    assert_eq!(found.creators, Some(creators));
    assert!(found.primary_sale_happened && !found.is_mutable);
    assert_eq!(found.edition_nonce, Some(254));
    assert_eq!(found.token_standard, Some(TokenStandard::ProgrammableNonFungible));
    assert_eq!(found.collection, Some(Collection { verified: true, key: key(5) }));
    assert_eq!(found.uses, Some(Uses { use_method: UseMethod::Single, remaining: 3, total: 9 }));
    assert_eq!(found.collection_details, Some(CollectionDetails::V1 { size: 77 }));
    assert_eq!(found.programmable_config, Some(ProgrammableConfig::V1 { rule_set: Some(key(6)) }));
    assert_eq!(hold_against(&data), None);
}

#[test]
fn other_forms_of_the_later_members() {
    let standards = [
        TokenStandard::NonFungible,
        TokenStandard::FungibleAsset,
        TokenStandard::Fungible,
        TokenStandard::NonFungibleEdition,
        TokenStandard::ProgrammableNonFungible,
        TokenStandard::ProgrammableNonFungibleEdition,
    ];
    for (tag, standard) in (0..).zip(standards) {
        let data = first_members().u8(0).u8(1).u8(tag).u8(0).u8(0).u8(1).u8(1).u64(7).u8(1).u8(0).u8(0).0;
        let found = metadata(&data);
        assert_eq!(later(&found), (None, Some(standard), false, false, true, true));
        assert_eq!(
            found.collection_details,
            Some(CollectionDetails::V2 { padding: [7, 0, 0, 0, 0, 0, 0, 0] })
        );
        assert_eq!(found.programmable_config, Some(ProgrammableConfig::V1 { rule_set: None }));
        assert_eq!(hold_against(&data), None);
    }
    for (tag, use_method) in (0..).zip([UseMethod::Burn, UseMethod::Multiple, UseMethod::Single]) {
        let data = first_members().u8(0).u8(0).u8(0).u8(1).u8(tag).u64(1).u64(2).u8(0).u8(0).0;
        assert_eq!(metadata(&data).uses, Some(Uses { use_method, remaining: 1, total: 2 }));
        assert_eq!(hold_against(&data), None);
    }
}

/// What each older version's account looks like: it has zeros behind its last member, or ends there.
#[test]
fn metadata_of_older_versions() {
    let without_nonce = first_members();
    let without_standard = first_members().u8(1).u8(255);
    let without_details = without_standard.clone().raw(&standard_collection_uses().0);
    let without_config = without_details.clone().u8(1).u8(0).u64(1);
    let standard = Some(TokenStandard::ProgrammableNonFungible);
    let cases = [
        (without_nonce, (None, None, false, false, false, false), Some(Difference::NoNonce)),
        (without_standard, (Some(255), None, false, false, false, false), None),
        (without_details, (Some(255), standard, true, true, false, false), None),
        (without_config, (Some(255), standard, true, true, true, false), None),
    ];
    for (short, expected, difference) in cases {
        assert_eq!(later(&metadata(&short.0)), expected);
        assert_eq!(hold_against(&short.0), difference);
        for width in [607, 679] {
            let mut padded = short.0.clone();
            padded.resize(width, 0);
            assert_eq!(later(&metadata(&padded)), expected);
            assert_eq!(hold_against(&padded), None);
        }
    }
}

#[test]
fn no_creators_in_two_ways() {
    let base = Bytes::new().u8(4).key(1).key(2).text("").text("").text("").u16(0);
    let none = base.clone().u8(0).u8(0).u8(1).u8(0).0;
    assert_eq!(metadata(&none).creators, None);
    let empty = base.u8(1).u32(0).u8(0).u8(1).u8(0).0;
    assert_eq!(metadata(&empty).creators, Some(vec![]));
    assert_eq!((hold_against(&none), hold_against(&empty)), (None, None));
}

#[test]
fn nuls_are_padding_wherever_they_stand_and_white_space_is_not() {
    let text = |name: &str| {
        let data =
            Bytes::new().u8(4).key(1).key(2).text(name).text("").text("").u16(0).u8(0).u8(0).u8(0).u8(0).0;
        let found = metadata(&data);
        assert_eq!(found.name.raw(), name);
        assert_eq!(hold_against(&data), None);
        found.name.text().into_owned()
    };
    assert_eq!(text("Name\0\0"), "Name");
    assert_eq!(text("Name"), "Name");
    assert_eq!(text("\0Na\0me\0"), "Name");
    assert_eq!(text(" Name \0"), " Name ");
    assert_eq!(text("\0\0"), "");
}

/// Early versions left the end of a longer account behind a shorter one.
#[test]
fn debris_behind_an_old_account_is_not_believed() {
    let all_none = (Some(255), None, false, false, false, false);
    let standard = Some(TokenStandard::ProgrammableNonFungible);
    let start = || first_members().u8(1).u8(255);
    let whole = || start().raw(&standard_collection_uses().0);
    let cases = [
        // A standard that there is not, a collection that is half there, a use that there is not.
        (start().u8(1).u8(6).u8(0).u8(0).u8(0).u8(0), all_none, None),
        (start().u8(1).u8(4).u8(1).u8(1).raw(&[5; 31]), all_none, None),
        (start().u8(1).u8(4).u8(0).u8(1).u8(3).u64(0).u64(0), all_none, None),
        // The client reads on behind a misfit, and may find something.
        (start().u8(9).u8(0).u8(0).u8(1).u8(0).u64(4).u8(0), all_none, Some(Difference::BehindMisfit)),
        (whole().u8(7).u8(1).u8(0).u8(0), (Some(255), standard, true, true, false, false), {
            Some(Difference::BehindMisfit)
        }),
        (whole().u8(1).u8(0).u64(1).u8(1).u8(9), (Some(255), standard, true, true, true, false), None),
    ];
    for (data, expected, difference) in cases {
        assert_eq!(later(&metadata(&data.0)), expected);
        assert_eq!(hold_against(&data.0), difference);
    }
}

#[test]
fn editions_and_their_masters() {
    let edition = Bytes::new().u8(1).key(3).u64(7).raw(&[0; 200]).0;
    assert_eq!(decode(&edition), Ok(Account::Edition(Edition { parent: key(3), edition: 7 })));
    let limited = Bytes::new().u8(6).u64(2).u8(1).u64(10).raw(&[0; 9]).0;
    let expected = MasterEdition { supply: 2, max_supply: Some(10), printing: None };
    assert_eq!(decode(&limited), Ok(Account::MasterEdition(expected)));
    let unlimited = Bytes::new().u8(6).u64(2).u8(0).0;
    let expected = MasterEdition { supply: 2, max_supply: None, printing: None };
    assert_eq!(decode(&unlimited), Ok(Account::MasterEdition(expected)));
    let first = Bytes::new().u8(2).u64(2).u8(0).key(8).key(9).0;
    let printing = PrintingMints { printing_mint: key(8), one_time_printing_authorization_mint: key(9) };
    let expected = MasterEdition { supply: 2, max_supply: None, printing: Some(printing) };
    assert_eq!(decode(&first), Ok(Account::MasterEdition(expected)));
    for data in [edition, limited, unlimited, first] {
        assert_eq!(hold_against(&data), None);
    }
}

#[test]
fn token_records_of_both_lengths() {
    let roles = [
        TokenDelegateRole::Sale,
        TokenDelegateRole::Transfer,
        TokenDelegateRole::Utility,
        TokenDelegateRole::Staking,
        TokenDelegateRole::Standard,
        TokenDelegateRole::LockedTransfer,
        TokenDelegateRole::Migration,
    ];
    let states = [TokenState::Unlocked, TokenState::Locked, TokenState::Listed];
    for (tag, role) in (0..).zip(roles) {
        let state_tag = tag % 3;
        let short = Bytes::new().u8(11).u8(250).u8(state_tag).u8(1).u64(5).u8(1).key(6).u8(1).u8(tag);
        let expected = TokenRecord {
            bump: 250,
            state: states[usize::from(state_tag)],
            rule_set_revision: Some(5),
            delegate: Some(key(6)),
            delegate_role: Some(role),
            locked_transfer: None,
        };
        assert_eq!(decode(&short.0), Ok(Account::TokenRecord(expected.clone())));
        assert_eq!((short.0.len(), hold_against(&short.0)), (47, None));
        let long = short.u8(1).key(7).0;
        let expected = TokenRecord { locked_transfer: Some(key(7)), ..expected };
        assert_eq!(decode(&long), Ok(Account::TokenRecord(expected)));
        assert_eq!((long.len(), hold_against(&long)), (80, None));
    }
    let nothing = |rest: &[u8]| Bytes::new().u8(11).u8(250).u8(0).u8(0).u8(0).u8(0).raw(rest).0;
    let expected = TokenRecord {
        bump: 250,
        state: TokenState::Unlocked,
        rule_set_revision: None,
        delegate: None,
        delegate_role: None,
        locked_transfer: None,
    };
    // What an account of the short length has behind its members is left over.
    for rest in [&[0; 41][..], &[1; 41], &[0; 74]] {
        assert_eq!(decode(&nothing(rest)), Ok(Account::TokenRecord(expected.clone())));
        assert_eq!(hold_against(&nothing(rest)), None);
    }
    assert_eq!(decode(&nothing(&[])), Ok(Account::TokenRecord(expected)));
    assert_eq!(hold_against(&nothing(&[])), Some(Difference::RecordLength));
}

#[test]
fn other_keys() {
    assert_eq!(decode(&[]), Ok(Account::Uninitialized));
    assert_eq!(decode(&[0, 1]), Ok(Account::Uninitialized));
    for other in [3, 5, 7, 8, 9, 10, 12, 13, 14] {
        assert_eq!(decode(&[other]), Ok(Account::Other(other)));
    }
    for unknown in [15, 255] {
        assert_eq!(decode(&[unknown]), Err(Reason::BadTag { field: "key", value: unknown.into() }));
    }
}

#[test]
fn refused_with_the_reason() {
    let truncated = |field, at| Reason::Truncated { field, at };
    let bad = |field, value| Reason::BadTag { field, value };
    let start = || Bytes::new().u8(4).key(1).key(2);
    let with_texts = || start().text("a").text("b").text("c").u16(0);
    let cases = [
        (Bytes::new().u8(4), truncated("update_authority", 1)),
        (Bytes::new().u8(4).key(1).raw(&[0; 31]), truncated("mint", 33)),
        (start(), truncated("name", 65)),
        (start().u32(5).raw(b"four"), Reason::TooLong { field: "name", len: 5, max: 4 }),
        (start().text([0xc3]), Reason::NotUtf8 { field: "name" }),
        (with_texts().u8(2), bad("creators", 2)),
        (with_texts().u8(1).u32(3).raw(&[0; 101]), Reason::TooLong { field: "creators", len: 3, max: 2 }),
        (with_texts().u8(1).u32(1).key(1).u8(2).u8(0), bad("creators.verified", 2)),
        (with_texts().u8(0).u8(3), bad("primary_sale_happened", 3)),
        (with_texts().u8(0).u8(1), truncated("is_mutable", 84)),
        (with_texts().u8(0).u8(1).u8(1).u8(1), truncated("edition_nonce", 86)),
        (with_texts().u8(0).u8(1).u8(1).u8(2), bad("edition_nonce", 2)),
        (Bytes::new().u8(1).key(1).u32(0), truncated("edition", 33)),
        (Bytes::new().u8(6).u64(1).u8(2), bad("max_supply", 2)),
        (Bytes::new().u8(2).u64(1).u8(0).key(1), truncated("one_time_printing_authorization_mint", 42)),
        (Bytes::new().u8(11).u8(1).u8(3), bad("state", 3)),
        (Bytes::new().u8(11).u8(1).u8(0).u8(0).u8(0).u8(1).u8(7), bad("delegate_role", 7)),
    ];
    for (data, reason) in cases {
        assert_eq!(decode(&data.0), Err(reason));
        assert_eq!(hold_against(&data.0), None, "the client refuses it as well: {reason}");
    }
}

#[test]
fn real_accounts_are_read_as_the_client_and_the_peer_read_them() {
    let mut compared = 0;
    let cases = peer::cases(PROGRAM_ID, 11);
    for case in &cases {
        for account in &case.accounts {
            assert_eq!(hold_against(&account.data), None, "{} in {}", account.address, case.name);
        }
        for account in case.newest() {
            let Ok(Account::Metadata(metadata)) = decode(&account.data) else { continue };
            for asset in case.assets().filter(|asset| asset["id"] == *metadata.mint.to_string()) {
                assert_eq!(
                    *asset,
                    with_members(asset.clone(), &metadata),
                    "{} in {}",
                    account.address,
                    case.name
                );
                compared += 1;
            }
        }
    }
    assert!(cases.is_empty() || compared > 10, "only {compared} assets compared");
}

/// The asset with the members that come from its metadata alone.
fn with_members(mut asset: Value, metadata: &Metadata<'_>) -> Value {
    let text = |text: PaddedText<'_>| Value::from(text.text());
    asset["content"]["json_uri"] = text(metadata.uri);
    asset["content"]["metadata"]["name"] = text(metadata.name);
    asset["content"]["metadata"]["symbol"] = text(metadata.symbol);
    if let Some(standard) = metadata.token_standard {
        asset["content"]["metadata"]["token_standard"] = format!("{standard:?}").into();
    }
    asset["authorities"][0]["address"] = metadata.update_authority.to_string().into();
    let collection = metadata.collection.iter().filter(|collection| collection.verified);
    let group = |collection: &Collection| json!({"group_key": "collection", "group_value": collection.key.to_string()});
    asset["grouping"] = collection.map(group).collect();
    asset["royalty"]["basis_points"] = metadata.seller_fee_basis_points.into();
    asset["royalty"]["primary_sale_happened"] = metadata.primary_sale_happened.into();
    let creator = |one: &Creator| json!({"address": one.address.to_string(), "share": one.share, "verified": one.verified});
    asset["creators"] = metadata.creators.iter().flatten().map(creator).collect();
    if let Some(supply) = asset.get_mut("supply") {
        supply["edition_nonce"] = metadata.edition_nonce.into();
    }
    asset["mutable"] = metadata.is_mutable.into();
    asset
}

fn optional(some: impl Strategy<Value = Bytes>) -> impl Strategy<Value = Bytes> {
    let some = some.prop_map(|bytes| Bytes::new().u8(1).raw(&bytes.0));
    prop_oneof![Just(Bytes::new().u8(0)), some]
}

fn any_metadata() -> impl Strategy<Value = Vec<u8>> {
    let creators =
        optional(prop::collection::vec((any::<u8>(), 0..2_u8, 0..101_u8), 0..6).prop_map(|creators| {
            let start = Bytes::new().u32(u32::try_from(creators.len()).unwrap());
            creators.iter().fold(start, |all, &(who, verified, share)| all.key(who).u8(verified).u8(share))
        }));
    let texts = ("[ a-zé\0]{0,15}", "[A-Z]{0,10}", "[a-z:/]{0,60}");
    let nonce = optional(any::<u8>().prop_map(|nonce| Bytes::new().u8(nonce)));
    let standard = optional((0..6_u8).prop_map(|tag| Bytes::new().u8(tag)));
    let collection = optional((0..2_u8, any::<u8>()).prop_map(|(flag, who)| Bytes::new().u8(flag).key(who)));
    let uses =
        (0..3_u8, any::<u64>(), any::<u64>()).prop_map(|(tag, a, b)| Bytes::new().u8(tag).u64(a).u64(b));
    let details = optional((0..2_u8, any::<u64>()).prop_map(|(tag, size)| Bytes::new().u8(tag).u64(size)));
    let rule_set = optional(any::<u8>().prop_map(|who| Bytes::new().key(who)));
    let config = optional(rule_set.prop_map(|rule_set| Bytes::new().u8(0).raw(&rule_set.0)));
    let tail = (nonce, standard, collection, optional(uses), details, config);
    (texts, creators, any::<u16>(), tail, prop::option::of(0..400_usize)).prop_map(
        |((name, symbol, uri), creators, fee, tail, padding)| {
            let data =
                Bytes::new().u8(4).key(1).key(2).padded(&name, 32).padded(&symbol, 10).padded(&uri, 200);
            let data =
                data.u16(fee).raw(&creators.0).u8(1).u8(0).raw(&tail.0.0).raw(&tail.1.0).raw(&tail.2.0);
            let data = data.raw(&tail.3.0).raw(&tail.4.0).raw(&tail.5.0);
            data.raw(&vec![0; padding.unwrap_or_default()]).0
        },
    )
}

fn any_account() -> impl Strategy<Value = Vec<u8>> {
    let edition = Bytes::new().u8(1).key(3).u64(7).raw(&[0; 200]).0;
    let master = Bytes::new().u8(6).u64(2).u8(1).u64(10).raw(&[0; 264]).0;
    let first_master = Bytes::new().u8(2).u64(2).u8(1).u64(10).key(8).key(9).0;
    let record = Bytes::new().u8(11).u8(250).u8(1).u8(1).u64(5).u8(1).key(6).u8(1).u8(5);
    let long_record = record.clone().u8(1).key(7).0;
    let others = vec![edition, master, first_master, record.0, long_record];
    prop_oneof![3 => any_metadata(), 2 => prop::sample::select(others)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whole_accounts_are_read_as_the_client_reads_them(data in any_account()) {
        prop_assert!(decode(&data).is_ok());
        prop_assert_eq!(hold_against(&data), None);
    }

    #[test]
    fn changed_accounts_are_read_as_the_client_reads_them(data in any_account(), mutations in mutations()) {
        hold_against(&mutated(data, &mutations));
    }

    #[test]
    fn any_bytes_are_read_as_the_client_reads_them(
        key in 0..16_u8,
        data in prop::collection::vec(prop_oneof![any::<u8>(), 0..4_u8], 0..300),
    ) {
        hold_against(&[&[key], &data[..]].concat());
        hold_against(&data);
    }
}

#[test]
fn changed_real_accounts_are_read_as_the_client_reads_them() {
    let Some(accounts) = peer::data(PROGRAM_ID, 11) else { return };
    each_mutated(accounts, |data| {
        hold_against(data);
    });
}
