//! Assets, collections and groups of MPL Core by hand.

use serde_json::{Value, json};
use vitrine_ingest::decode::agent_identity;
use vitrine_ingest::decode::mpl_core::PluginAuthority;
use vitrine_model::Display;

use crate::bytes::{Bytes, key};
use crate::mpl_core_samples::{
    External, Placed, account, asset_base, collection_base, external, group_base, internal,
};
use crate::updates::{Update, chain, core, orders};

/// The asset of all accounts here.
const ID: u8 = 30;

fn answer(updates: &[Update]) -> Value {
    chain(updates).answer(key(ID), &Display { unverified: true, ..Display::default() })
}

fn with(plugins: &[Placed]) -> Value {
    answer(&[core(ID, account(&asset_base(), plugins), 1)])
}

/// An asset of owner 1 with this update authority: nobody (0), key 2 (1), collection 2 (2).
fn asset(authority: u8) -> Vec<u8> {
    let start = Bytes::new().u8(1).key(1).u8(authority);
    let start = if authority == 0 { start } else { start.key(2) };
    start.text("Test").text("https://example.com/1").u8(0).0
}

fn collection(authority: u8) -> Vec<u8> {
    Bytes::new().u8(5).key(authority).text("Collection").text("").u32(7).u32(6).0
}

#[test]
fn an_asset_has_the_authority_of_its_collection_in_any_order() {
    let updates = [core(ID, asset(2), 5), core(2, collection(8), 4), core(2, collection(9), 6)];
    for order in orders(updates.len()) {
        let got = answer(&order.iter().map(|&at| updates[at].clone()).collect::<Vec<_>>());
        assert_eq!(got["authorities"], json!([{ "address": key(9), "scopes": ["full"] }]), "{order:?}");
        let grouping = json!([{ "group_key": "collection", "group_value": key(2), "verified": true }]);
        assert_eq!(got["grouping"], grouping);
    }
    let alone = answer(&updates[..1]);
    assert_eq!((&alone["authorities"][0]["address"], &alone["mutable"]), (&json!(""), &json!(true)));
}

#[test]
fn who_may_change_an_asset() {
    let own = answer(&[core(ID, asset(1), 1), core(2, collection(9), 1)]);
    assert_eq!((&own["authorities"][0]["address"], &own["mutable"]), (&json!(key(2)), &json!(true)));
    let nobody = answer(&[core(ID, asset(0), 1)]);
    assert_eq!((&nobody["authorities"][0]["address"], &nobody["mutable"]), (&json!(""), &json!(false)));
    let blocked = with(&[Placed::internal(12, &[12], PluginAuthority::None)]);
    assert_eq!(blocked["mutable"], false);
}

#[test]
fn a_burnt_asset_shows_what_it_was() {
    let burnt = core(ID, vec![0], 9);
    for updates in [[core(ID, asset(1), 5), burnt.clone()], [burnt.clone(), core(ID, asset(1), 5)]] {
        let got = answer(&updates);
        assert_eq!((&got["burnt"], &got["content"]["metadata"]["name"]), (&json!(true), &json!("Test")));
        assert!(!chain(&updates).compose(key(ID)).unwrap().change.facts.listed);
    }
    assert_eq!(answer(&[burnt]), Value::Null);
}

#[test]
fn collections_and_groups_are_their_authoritys() {
    let collection = answer(&[core(ID, collection_base().0, 1)]);
    assert_eq!(
        (&collection["interface"], &collection["ownership"]["owner"]),
        (&json!("MplCoreCollection"), &json!(key(2)))
    );
    let info = json!({ "num_minted": 7, "current_size": 6, "plugins_json_version": 1 });
    assert_eq!((&collection["mpl_core_info"], &collection["plugins"]), (&info, &json!({})));
    let group = answer(&[core(ID, group_base().0, 1)]);
    assert_eq!((&group["interface"], &group["ownership"]["owner"]), (&json!("MplCoreGroup"), &json!(key(2))));
    let parent = json!([{ "group_key": "group", "group_value": key(12), "verified": true }]);
    assert_eq!(
        (&group["grouping"], &group["mpl_core_info"]),
        (&parent, &json!({ "plugins_json_version": 1 }))
    );
}

#[test]
fn groups_are_groupings() {
    let got = with(&[Placed::internal(18, &Bytes::new().u8(18).keys(&[7, 8]).0, PluginAuthority::None)]);
    let group = |byte| json!({ "group_key": "group", "group_value": key(byte), "verified": true });
    assert_eq!(got["grouping"], json!([group(7), group(8)]));
}

#[test]
fn delegates_are_who_may_transfer() {
    for (authority, expected) in [
        (PluginAuthority::None, Value::Null),
        (PluginAuthority::Owner, json!(key(1))),
        (PluginAuthority::UpdateAuthority, json!(key(2))),
        (PluginAuthority::Address(key(3)), json!(key(3))),
    ] {
        let got = with(&[Placed::internal(3, &[3], authority)]);
        let ownership = &got["ownership"];
        assert_eq!(
            (&ownership["delegate"], &ownership["delegated"]),
            (&expected, &json!(!expected.is_null()))
        );
    }
}

#[test]
fn either_freeze_plugin_freezes() {
    for (kind, frozen) in [(1, 1), (5, 1), (1, 0), (5, 0), (16, 1)] {
        let got = with(&[Placed::internal(kind, &[kind, frozen], PluginAuthority::None)]);
        assert_eq!(got["ownership"]["frozen"], frozen == 1 && kind != 16, "{kind} {frozen}");
    }
}

#[test]
fn every_plugin_of_the_program_is_shown_or_unknown() {
    for (kind, body, plugin) in internal() {
        let got = with(&[Placed::internal(kind, &body, PluginAuthority::Address(key(4)))]);
        let place = json!({ "index": 0, "offset": asset_base().0.len() + 9, "authority": { "type": "Address", "address": key(4) } });
        let (entry, unknown) = if kind > 18 {
            assert_eq!(got["plugins"], json!({}));
            (got["unknown_plugins"][0].clone(), true)
        } else {
            assert_eq!(got.get("unknown_plugins"), None);
            let plugins = got["plugins"].as_object().unwrap();
            assert_eq!(plugins.len(), 1, "{plugin:?}");
            (plugins.values().next().unwrap().clone(), false)
        };
        for name in ["index", "offset", "authority"] {
            assert_eq!(entry[name], place[name], "{plugin:?}");
        }
        assert_eq!(
            (entry["data"].is_string(), entry.get("type").is_some()),
            (unknown, unknown),
            "{plugin:?}"
        );
    }
}

#[test]
fn plugins_are_written_in_their_order() {
    let sample = |kind| internal().into_iter().find(|(own, ..)| *own == kind).unwrap().1;
    let place = |kind| Placed::internal(kind, &sample(kind), PluginAuthority::UpdateAuthority);
    let got = with(&[place(10), place(6), place(255)]);
    let master = json!({ "max_supply": 9, "name": "n", "uri": "u" });
    let attributes = json!([{ "key": "eyes", "value": "two" }, { "key": "", "value": "\0" }]);
    assert_eq!(got["plugins"]["master_edition"]["data"], master);
    assert_eq!(got["plugins"]["attributes"]["data"]["attribute_list"], attributes);
    assert_eq!(
        (&got["plugins"]["attributes"]["index"], &got["unknown_plugins"][0]["index"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(
        (&got["unknown_plugins"][0]["type"], &got["unknown_plugins"][0]["data"]),
        (&json!(255), &json!("/25ldw=="))
    );
}

fn external_entry(kind: u8, body: &[u8], part: External) -> Value {
    let got = with(&[Placed::external(kind, body, PluginAuthority::None, part)]);
    let (known, unknown) = (&got["external_plugins"], got.get("unknown_external_plugins"));
    assert_eq!(known.as_array().unwrap().len() + unknown.map_or(0, |all| all.as_array().unwrap().len()), 1);
    unknown.unwrap_or(known)[0].clone()
}

#[test]
fn every_external_plugin_is_shown_or_unknown() {
    let expected = [
        (
            "LifecycleHook",
            json!({ "hooked_program": key(3), "extra_accounts": null, "data_authority": null, "schema": "Binary" }),
        ),
        ("LifecycleHook", {
            let terms = json!({ "is_signer": true, "is_writable": false });
            let with = |more: Value| {
                let mut terms = terms.clone();
                terms.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                terms
            };
            let seeds = json!(["Collection", "Owner", "Recipient", "Asset", { "address": key(8) }, { "bytes": b"seed" }]);
            let accounts = json!([
                { "preconfigured_program": terms }, { "preconfigured_collection": terms },
                { "preconfigured_owner": terms }, { "preconfigured_recipient": terms },
                { "preconfigured_asset": terms },
                { "custom_pda": with(json!({ "seeds": seeds, "custom_program_id": key(9) })) },
                { "custom_pda": with(json!({ "seeds": [], "custom_program_id": null })) },
                { "address": with(json!({ "address": key(9) })) },
            ]);
            json!({ "hooked_program": key(3), "extra_accounts": accounts, "data_authority": { "type": "Owner", "address": null }, "schema": "Json" })
        }),
        (
            "Oracle",
            json!({ "base_address": key(3), "base_address_config": null, "results_offset": "NoOffset" }),
        ),
        (
            "Oracle",
            json!({ "base_address": key(3), "base_address_config": null, "results_offset": "Anchor" }),
        ),
        (
            "AppData",
            json!({ "data_authority": { "type": "Address", "address": key(5) }, "schema": "MsgPack" }),
        ),
        (
            "LinkedLifecycleHook",
            json!({
                "hooked_program": key(3), "extra_accounts": null,
                "data_authority": { "type": "Address", "address": key(5) }, "schema": "MsgPack",
            }),
        ),
        (
            "LinkedAppData",
            json!({ "data_authority": { "type": "Owner", "address": null }, "schema": "Json" }),
        ),
        ("DataSection", json!({ "parent_key": { "linked_lifecycle_hook": key(3) }, "schema": "Binary" })),
        (
            "DataSection",
            json!({
                "parent_key": { "linked_app_data": { "type": "Address", "address": key(5) } }, "schema": "Json",
            }),
        ),
        ("AgentIdentity", json!({ "uri": "https://agent" })),
    ];
    for ((kind, body, _), (name, config)) in external().into_iter().zip(expected) {
        let entry = external_entry(kind, &body, External::default());
        assert_eq!((&entry["type"], &entry["adapter_config"]), (&json!(name), &config));
        assert!(
            ["lifecycle_checks", "unknown_lifecycle_checks", "data", "data_offset", "data_len"]
                .iter()
                .all(|name| entry.get(name).is_none())
        );
    }
    let entry = external_entry(200, b"\xc8new", External { checks: None, data: Some(b"new".to_vec()) });
    assert_eq!((&entry["type"], &entry["unknown_adapter_config"]), (&json!(200), &json!("yG5ldw==")));
    assert_eq!((&entry["data"], &entry["data_len"]), (&json!("bmV3"), &json!(3)));
}

#[test]
fn lifecycle_checks_are_named() {
    let checks = Some(vec![(0, 7), (1, 1), (2, 0), (3, 4), (4, 2), (9, 6), (3, 2)]);
    let (kind, body, _) = external().remove(2);
    let entry = external_entry(kind, &body, External { checks, data: None });
    let expected = json!({
        "create": ["CanListen", "CanApprove", "CanReject"], "transfer": ["CanListen"], "update": ["CanApprove"],
        "execute": ["CanApprove"],
    });
    assert_eq!(entry["lifecycle_checks"], expected);
    assert_eq!(entry["unknown_lifecycle_checks"], json!([[9, ["CanApprove", "CanReject"]]]));
}

#[test]
fn data_are_shown_by_their_schema() {
    let deep = |levels: usize| [vec![b'['; levels], vec![b']'; levels]].concat();
    let deep_pack = [vec![0x91; 90], vec![0xc0]].concat();
    let base64 = |bytes: &[u8]| base64::Engine::encode(&base64::prelude::BASE64_STANDARD, bytes);
    let cases: [(u8, Vec<u8>, Value); 9] = [
        (0, b"{}".to_vec(), json!("e30=")),
        (1, br#"{"a":[1.5,"b"]}"#.to_vec(), json!({ "a": [1.5, "b"] })),
        (1, b"no json".to_vec(), json!("no json")),
        (1, b"bad \xff".to_vec(), json!("bad \u{fffd}")),
        (1, deep(119), json!(String::from_utf8(deep(119)).unwrap())),
        (2, vec![0x81, 0xa1, b'a', 0x02], json!({ "a": 2 })),
        (2, vec![0xc4, 0x01, 0x00], json!("xAEA")),
        (2, deep_pack.clone(), json!(base64(&deep_pack))),
        (2, vec![0x81], json!("gQ==")),
    ];
    for (schema, data, expected) in cases {
        let body = Bytes::new().u8(2).u8(1).u8(schema).0;
        let entry = external_entry(2, &body, External { checks: None, data: Some(data.clone()) });
        assert_eq!(entry["data"], expected, "{schema} {data:?}");
        assert_eq!(entry["data_len"], data.len());
    }
}

#[test]
fn an_agent_has_a_plugin_or_an_identity() {
    let asset = core(ID, asset(1), 1);
    let identity = Bytes::new().u8(2).u8(250).raw(&[0; 6]).key(ID).key(44).raw(&[0; 32]);
    let identity = Update::new(45, agent_identity::PROGRAM_ID, identity, 2);
    let plain = answer(std::slice::from_ref(&asset));
    assert!(["is_agent", "agent_token", "asset_signer"].iter().all(|name| plain.get(name).is_none()));
    let agent = answer(&[identity.clone(), asset.clone()]);
    assert_eq!((&agent["is_agent"], &agent["agent_token"]), (&json!(true), &json!(key(44))));
    let signer = agent["asset_signer"].as_str().unwrap();
    let (kind, body, _) = external().into_iter().find(|(kind, ..)| *kind == 6).unwrap();
    let by_plugin = with(&[Placed::external(kind, &body, PluginAuthority::None, External::default())]);
    assert_eq!((&by_plugin["is_agent"], &by_plugin["asset_signer"]), (&json!(true), &json!(signer)));
    assert_eq!(by_plugin.get("agent_token"), None);
    assert_eq!(answer(&[identity.clone(), asset, Update::closed(identity.address, 3)]).get("is_agent"), None);
    assert_eq!(answer(&[identity]), Value::Null);
}
