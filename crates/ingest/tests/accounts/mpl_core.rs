//! MPL Core: each form by hand, then held against the program's own client.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;
use vitrine_ingest::decode::Reason;
use vitrine_ingest::decode::mpl_core::{
    Account, Adapter, Asset, AttachedData, Collection, ExternalRecord, Group, HookableEvent, InternalPlugin,
    InternalRecord, LifecycleCheck, PROGRAM_ID, PluginAuthority, Plugins, Schema, UpdateAuthority, decode,
};
use vitrine_model::Pubkey;

use crate::bytes::{Bytes, key};
use crate::mpl_core_oracle::hold_against;
use crate::mpl_core_samples::{
    External, Placed, account, asset_base, collection_base, external, group_base, internal,
};
use crate::mutation::{each_mutated, mutated, mutations};
use crate::peer;

const AUTHORITIES: [PluginAuthority; 4] = [
    PluginAuthority::None,
    PluginAuthority::Owner,
    PluginAuthority::UpdateAuthority,
    PluginAuthority::Address(Pubkey::from_bytes([21; 32])),
];

fn plugins_of(data: &[u8]) -> Plugins<'_> {
    match decode(data) {
        Ok(Account::Asset(_, plugins) | Account::Collection(_, plugins) | Account::Group(_, plugins)) => {
            plugins
        }
        other => panic!("{other:?} has no plugins"),
    }
}

#[test]
fn bases_without_plugins() {
    let asset = Asset {
        owner: key(1),
        update_authority: UpdateAuthority::Address(key(2)),
        name: "Test",
        uri: "https://example.com/1",
        seq: None,
    };
    assert_eq!(decode(&asset_base().0), Ok(Account::Asset(asset.clone(), Plugins::default())));
    let in_collection = Bytes::new().u8(1).key(1).u8(2).key(3).text("").text("").u8(1).u64(9).0;
    let expected = Asset {
        update_authority: UpdateAuthority::Collection(key(3)),
        name: "",
        uri: "",
        seq: Some(9),
        ..asset.clone()
    };
    assert_eq!(decode(&in_collection), Ok(Account::Asset(expected, Plugins::default())));
    let of_nobody = Bytes::new().u8(1).key(1).u8(0).text("Test").text("https://example.com/1").u8(0).0;
    let expected = Asset { update_authority: UpdateAuthority::None, ..asset };
    assert_eq!(decode(&of_nobody), Ok(Account::Asset(expected, Plugins::default())));
    let collection =
        Collection { update_authority: key(2), name: "Collection", uri: "", num_minted: 7, current_size: 6 };
    assert_eq!(decode(&collection_base().0), Ok(Account::Collection(collection, Plugins::default())));
    let group = Group {
        update_authority: key(2),
        name: "Group",
        uri: "https://example.com/g",
        collections: vec![key(10), key(11)],
        groups: vec![],
        parent_groups: vec![key(12)],
        assets: vec![key(13), key(14), key(15)],
    };
    assert_eq!(decode(&group_base().0), Ok(Account::Group(group, Plugins::default())));
    for data in [asset_base().0, in_collection, of_nobody, collection_base().0, group_base().0] {
        assert_eq!(hold_against(&data), None);
    }
}

#[test]
fn other_keys() {
    assert_eq!(decode(&[]), Ok(Account::Uninitialized));
    assert_eq!(decode(&[0]), Ok(Account::Uninitialized));
    let hashed = Bytes::new().u8(2).key(5).0;
    assert_eq!(decode(&hashed), Ok(Account::HashedAsset { hash: [5; 32] }));
    assert_eq!(hold_against(&hashed), None);
    for tag in [3, 4, 7, 255] {
        assert_eq!(decode(&[tag; 40]), Err(Reason::BadTag { field: "key", value: tag.into() }));
        assert_eq!(hold_against(&[tag; 40]), None);
    }
}

#[test]
fn each_internal_plugin_on_each_base() {
    for base in [asset_base(), collection_base(), group_base()] {
        for (at, (kind, body, plugin)) in internal().into_iter().enumerate() {
            let authority = AUTHORITIES[at % 4];
            let data = account(&base, &[Placed::internal(kind, &body, authority)]);
            let offset = base.0.len() as u64 + 9;
            let expected = Plugins {
                internal: vec![InternalRecord { index: 0, offset, authority, plugin }],
                external: vec![],
            };
            assert_eq!(plugins_of(&data), expected);
            assert_eq!(hold_against(&data), None);
        }
    }
}

#[test]
fn each_adapter_with_and_without_data() {
    for (at, (kind, body, adapter)) in external().into_iter().enumerate() {
        for attached in [None, Some(&b""[..]), Some(b"{\"a\":1}"), Some(b"\x81\xa1a\x01"), Some(b"\xff")] {
            let authority = AUTHORITIES[at % 4];
            let part = External {
                checks: Some(vec![(0, 1), (3, 6), (1, 2), (2, 0), (4, 4), (9, 0xffff_ffff)]),
                data: attached.map(<[u8]>::to_vec),
            };
            let data = account(&asset_base(), &[Placed::external(kind, &body, authority, part)]);
            let offset = asset_base().0.len() as u64 + 9;
            let check = |event, flags| LifecycleCheck { event, flags };
            let expected = ExternalRecord {
                index: 0,
                offset,
                authority,
                lifecycle_checks: vec![
                    check(HookableEvent::Create, 1),
                    check(HookableEvent::Update, 6),
                    check(HookableEvent::Transfer, 2),
                    check(HookableEvent::Burn, 0),
                    check(HookableEvent::Execute, 4),
                    check(HookableEvent::Unknown(9), 0xffff_ffff),
                ],
                adapter: adapter.clone(),
                data: attached.map(|bytes| AttachedData { offset: offset + body.len() as u64, bytes }),
            };
            assert_eq!(plugins_of(&data), Plugins { internal: vec![], external: vec![expected] });
            assert_eq!(hold_against(&data), None);
        }
    }
}

#[test]
fn data_is_read_by_the_schema_of_its_terms() {
    let mut schemas =
        external().into_iter().map(|(kind, _, adapter)| (kind, adapter.schema())).collect::<Vec<_>>();
    schemas.sort_by_key(|(kind, _)| *kind);
    schemas.dedup();
    let expected = [
        (0, Schema::Binary),
        (0, Schema::Json),
        (1, Schema::Binary),
        (2, Schema::MsgPack),
        (3, Schema::MsgPack),
        (4, Schema::Json),
        (5, Schema::Binary),
        (5, Schema::Json),
        (6, Schema::Binary),
        (7, Schema::Binary),
        (200, Schema::Binary),
    ];
    assert_eq!(schemas, expected);
}

#[test]
fn flags_of_a_check() {
    let may = |flags| {
        let check = LifecycleCheck { event: HookableEvent::Update, flags };
        (check.can_listen(), check.can_approve(), check.can_reject())
    };
    assert_eq!(may(0), (false, false, false));
    assert_eq!(may(1), (true, false, false));
    assert_eq!(may(2), (false, true, false));
    assert_eq!(may(4), (false, false, true));
    assert_eq!(may(!7), (false, false, false));
}

#[test]
fn the_place_of_a_plugin_is_that_of_its_bytes() {
    // The registry has internal plugins first, whatever their bytes' order.
    let edition = Bytes::new().u8(9).u32(1).0;
    let plugins = [
        Placed::external(6, &Bytes::new().u8(6).text("u").0, PluginAuthority::None, External::default()),
        Placed::internal(9, &edition, PluginAuthority::Owner),
        Placed::external(
            99,
            b"\x63ab",
            PluginAuthority::None,
            External { data: Some(b"xyz".to_vec()), checks: None },
        ),
        Placed::internal(99, b"\x63new", PluginAuthority::None),
    ];
    let data = account(&asset_base(), &plugins);
    let found = plugins_of(&data);
    let start = asset_base().0.len() as u64 + 9;
    let internal = found.internal.iter().map(|record| (record.index, record.offset)).collect::<Vec<_>>();
    let external = found.external.iter().map(|record| (record.index, record.offset)).collect::<Vec<_>>();
    assert_eq!(internal, [(1, start + 6), (3, start + 17)]);
    assert_eq!(external, [(0, start), (2, start + 11)]);
    assert_eq!(found.external[1].adapter, Adapter::Unknown { kind: 99, config: b"\x63ab" });
    assert_eq!(found.external[1].data, Some(AttachedData { offset: start + 14, bytes: b"xyz" }));
    assert_eq!(found.internal[1].plugin, InternalPlugin::Unknown { kind: 99, data: b"\x63new" });
    assert_eq!(hold_against(&data), None);
}

/// The documented differences: what we refuse and the client takes.
#[test]
fn refused_by_us_alone() {
    let base = asset_base();
    let start = base.0.len() + 9;
    let edition = Placed::internal(9, &Bytes::new().u8(9).u32(1).0, PluginAuthority::None);
    let mut header = account(&base, std::slice::from_ref(&edition));
    header[base.0.len()] = 4;
    assert_eq!(hold_against(&header), Some(Reason::BadTag { field: "plugin_header", value: 4 }));

    let mut differing = account(&base, &[edition]);
    differing[start] = 11;
    assert_eq!(hold_against(&differing), Some(Reason::BadTag { field: "plugin", value: 11 }));

    let app_data = |data: &[u8]| {
        let part = External { checks: None, data: Some(data.to_vec()) };
        Placed::external(2, &[2, 1, 0], PluginAuthority::None, part)
    };
    let mut differing = account(&base, &[app_data(b"")]);
    differing[start] = 4;
    assert_eq!(hold_against(&differing), Some(Reason::BadTag { field: "external_plugin", value: 4 }));

    // The last eight bytes are the length of the data, the nine in front of a flag its offset.
    let whole = account(&base, &[app_data(b"data")]);
    let mut long = whole.clone();
    let len_at = long.len() - 8;
    long[len_at] = 5;
    let expected = Reason::TooLong { field: "external_plugin.data", len: 5, max: 4 };
    assert_eq!(hold_against(&long), Some(expected));

    let mut far = whole;
    let offset_at = len_at - 9;
    far[offset_at] += 5;
    far[len_at] = 0;
    let expected = Reason::TooLong { field: "external_plugin", len: 8, max: 7 };
    assert_eq!(hold_against(&far), Some(expected));
}

#[test]
fn refused_with_the_reason() {
    let base = asset_base();
    let start = base.0.len() as u64 + 9;
    let at = usize::try_from(start).unwrap();
    let one = |kind: u8, body: &[u8]| account(&base, &[Placed::internal(kind, body, PluginAuthority::None)]);
    let truncated = |field, at| Reason::Truncated { field, at };
    let bad = |field, value| Reason::BadTag { field, value };
    let header = |offset| base.clone().u8(3).u64(offset).0;
    let cases = [
        (Bytes::new().u8(1).key(1).u8(3).0, bad("update_authority", 3)),
        (Bytes::new().u8(1).key(1).u8(0).text([0xff]).0, Reason::NotUtf8 { field: "name" }),
        (Bytes::new().u8(1).key(1).u8(0).u32(9).u8(1).0, Reason::TooLong { field: "name", len: 9, max: 1 }),
        (base.clone().u8(3).u32(0).0, truncated("plugin_registry_offset", at - 8)),
        (header(start + 1), truncated("plugin_registry", at + 1)),
        (header(u64::MAX), truncated("plugin_registry", usize::MAX)),
        (header(start), truncated("plugin_registry", at)),
        (base.clone().u8(3).u64(start).u8(3).0, bad("plugin_registry", 3)),
        (base.clone().u8(3).u64(start).u8(4).u32(2).u64(0).0, {
            Reason::TooLong { field: "plugin_registry.registry", len: 2, max: 0 }
        }),
        (one(9, &[9, 0, 0]), truncated("edition.number", at + 1)),
        (one(9, &[]), truncated("plugin", at)),
        (one(1, &[1, 2]), bad("freeze_delegate.frozen", 2)),
        (one(0, &[0, 0, 0, 0, 0, 0, 0, 3]), bad("royalties.rule_set", 3)),
        (one(13, &[13, 9, 0, 0, 0]), Reason::TooLong { field: "verified_creators", len: 9, max: 0 }),
    ];
    for (data, reason) in cases {
        assert_eq!(decode(&data), Err(reason));
        assert_eq!(hold_against(&data), None, "the client refuses it as well: {reason}");
    }
}

#[test]
fn refused_adapters_with_the_reason() {
    let bad = |field, value| Reason::BadTag { field, value };
    let bodies = [
        (0, Bytes::new().key(1).u8(1).u32(1).u8(7).u8(0).u8(0), bad("extra_account", 7)),
        (1, Bytes::new().key(1).u8(0).u8(3), bad("oracle.results_offset", 3)),
        (1, Bytes::new().key(1).u8(1).u8(5).u32(1).u8(6), bad("extra_account.seeds", 6)),
        (2, Bytes::new().u8(4).u8(0), bad("data_authority", 4)),
        (2, Bytes::new().u8(0).u8(3), bad("schema", 3)),
        (5, Bytes::new().u8(2).u8(0), bad("data_section.parent_key", 2)),
    ];
    for (kind, body, reason) in bodies {
        let body = Bytes::new().u8(kind).raw(&body.0).0;
        let data = account(
            &asset_base(),
            &[Placed::external(kind, &body, PluginAuthority::None, External::default())],
        );
        assert_eq!(decode(&data), Err(reason));
        assert_eq!(hold_against(&data), None, "the client refuses it as well: {reason}");
    }
}

/// Many records of the same bytes would be decoded as often; it takes none of the account's size to notice.
#[test]
fn records_of_the_same_bytes_are_refused() {
    let attributes = Bytes::new().u8(6).u32(0).0;
    let base = asset_base();
    let start = base.0.len() as u64 + 9;
    let record = Bytes::new().u8(6).u8(0).u64(start);
    let registry = Bytes::new().u8(4).u32(2).raw(&record.0).raw(&record.0).u32(0);
    let data = base.u8(3).u64(start + 5).raw(&attributes).raw(&registry.0).0;
    let at = usize::try_from(start).unwrap();
    assert_eq!(decode(&data), Err(Reason::Truncated { field: "plugin", at }));
    assert_eq!(hold_against(&data), None);
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
            for asset in case.assets().filter(|asset| asset["id"] == *account.address) {
                let plugins = plugins_of(&account.data);
                let internal =
                    plugins.internal.iter().map(|record| (record.index as u64, record.offset, None));
                let external = plugins.external.iter().map(|record| {
                    let data = record.data.map(|data| (data.offset, data.bytes.len() as u64));
                    (record.index as u64, record.offset, data)
                });
                let ours = internal.chain(external).collect::<BTreeSet<_>>();
                assert_eq!(ours, shown(asset), "{} in {}", account.address, case.name);
                compared += 1;
            }
        }
    }
    assert!(cases.is_empty() || compared > 10, "only {compared} assets compared");
}

/// Index and offset of a plugin, and offset and length of its data.
type Place = (u64, u64, Option<(u64, u64)>);

/// The places of all plugins in the asset that the peer shows.
fn shown(asset: &Value) -> BTreeSet<Place> {
    let internal = asset["plugins"].as_object().unwrap().values();
    let external = asset["external_plugins"].as_array().unwrap().iter();
    let number = |value: &Value| value.as_u64().unwrap();
    let all = internal.chain(external).map(|plugin| {
        let data = plugin.get("data_offset").map(|offset| (number(offset), number(&plugin["data_len"])));
        (number(&plugin["index"]), number(&plugin["offset"]), data)
    });
    all.collect()
}

fn placed() -> impl Strategy<Value = Placed> {
    let authority = prop::sample::select(AUTHORITIES.to_vec());
    let checks = prop::option::of(prop::collection::vec((0..7_u8, 0..9_u32), 0..4));
    let data = prop::option::of(prop::collection::vec(any::<u8>(), 0..30));
    let adapter = (prop::sample::select(external()), authority.clone(), checks, data).prop_map(
        |((kind, body, _), authority, checks, data)| {
            Placed::external(kind, &body, authority, External { checks, data })
        },
    );
    let plugin = (prop::sample::select(internal()), authority)
        .prop_map(|((kind, body, _), authority)| Placed::internal(kind, &body, authority));
    prop_oneof![plugin, adapter]
}

fn any_account() -> impl Strategy<Value = Vec<u8>> {
    let base = prop::sample::select(vec![asset_base(), collection_base(), group_base()]);
    let placed = prop::option::of(prop::collection::vec(placed(), 0..5));
    (base, placed).prop_map(|(base, placed)| match placed {
        None => base.0,
        Some(placed) => account(&base, &placed),
    })
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
        key in 0..8_u8,
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
