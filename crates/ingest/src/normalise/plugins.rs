//! The plugins of MPL Core as JSON, in the form that the program's own client writes.
//!
//! Names are in snake case and types in the program's own; a variant that says nothing but its name is that name, one that
//! says more is an object with its name in snake case.

use base64::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::draft::{self, CoreParts};
use crate::decode::mpl_core::{
    Adapter, ExternalRecord, ExtraAccount, ExtraAddress, HookableEvent, InternalPlugin, LifecycleCheck,
    LifecycleHook, LinkedDataKey, PluginAuthority, Plugins, RuleSet, Schema, Seed, ValidationResultsOffset,
};

/// How deep data in MessagePack may be nested to be shown as JSON; deeper data are shown as bytes.
const MAX_DATA_DEPTH: usize = 64;

/// Puts all plugins into `parts`.
pub(super) fn add(plugins: &Plugins<'_>, parts: &mut CoreParts) {
    let (mut known, mut unknown) = (Map::new(), Vec::new());
    for record in &plugins.internal {
        let mut entry = json!({
            "index": record.index,
            "offset": record.offset,
            "authority": authority(record.authority),
        });
        if let InternalPlugin::Unknown { kind, data } = &record.plugin {
            entry["type"] = json!(kind);
            entry["data"] = json!(BASE64_STANDARD.encode(data));
            unknown.push(entry);
        } else {
            let (name, data) = internal(&record.plugin);
            entry["data"] = data;
            known.insert(name.to_owned(), entry);
        }
    }
    let some = |entries: Vec<Value>| if entries.is_empty() { None } else { draft::json(&entries) };
    // Data that are JSON of their own may be deeper than an answer can carry them: then they are shown as text.
    let external = |unknown, as_text| {
        let records = plugins.external.iter();
        let chosen = records.filter(|record| matches!(record.adapter, Adapter::Unknown { .. }) == unknown);
        chosen.map(|record| external(record, as_text)).collect::<Vec<_>>()
    };
    parts.plugins = draft::json(&known);
    parts.unknown_plugins = some(unknown);
    parts.external_plugins =
        draft::json(&external(false, false)).or_else(|| draft::json(&external(false, true)));
    parts.unknown_external_plugins = some(external(true, true));
}

fn authority(authority: PluginAuthority) -> Value {
    let (kind, address) = match authority {
        PluginAuthority::None => ("None", None),
        PluginAuthority::Owner => ("Owner", None),
        PluginAuthority::UpdateAuthority => ("UpdateAuthority", None),
        PluginAuthority::Address(address) => ("Address", Some(address)),
    };
    json!({ "type": kind, "address": address })
}

/// The name of a plugin of the program, and what it says.
fn internal(plugin: &InternalPlugin<'_>) -> (&'static str, Value) {
    match plugin {
        InternalPlugin::Royalties { basis_points, creators, rule_set } => {
            let creators: Vec<_> = creators
                .iter()
                .map(|creator| json!({ "address": creator.address, "percentage": creator.percentage }))
                .collect();
            let rule_set = match rule_set {
                RuleSet::None => json!("None"),
                RuleSet::ProgramAllowList(programs) => json!({ "program_allow_list": programs }),
                RuleSet::ProgramDenyList(programs) => json!({ "program_deny_list": programs }),
            };
            let data = json!({ "basis_points": basis_points, "creators": creators, "rule_set": rule_set });
            ("royalties", data)
        }
        InternalPlugin::FreezeDelegate { frozen } => ("freeze_delegate", json!({ "frozen": frozen })),
        InternalPlugin::BurnDelegate => ("burn_delegate", json!({})),
        InternalPlugin::TransferDelegate => ("transfer_delegate", json!({})),
        InternalPlugin::UpdateDelegate { additional_delegates } => {
            ("update_delegate", json!({ "additional_delegates": additional_delegates }))
        }
        InternalPlugin::PermanentFreezeDelegate { frozen } => {
            ("permanent_freeze_delegate", json!({ "frozen": frozen }))
        }
        InternalPlugin::Attributes { attribute_list } => {
            let list: Vec<_> = attribute_list
                .iter()
                .map(|attribute| json!({ "key": attribute.key, "value": attribute.value }))
                .collect();
            ("attributes", json!({ "attribute_list": list }))
        }
        InternalPlugin::PermanentTransferDelegate => ("permanent_transfer_delegate", json!({})),
        InternalPlugin::PermanentBurnDelegate => ("permanent_burn_delegate", json!({})),
        InternalPlugin::Edition { number } => ("edition", json!({ "number": number })),
        InternalPlugin::MasterEdition { max_supply, name, uri } => {
            ("master_edition", json!({ "max_supply": max_supply, "name": name, "uri": uri }))
        }
        InternalPlugin::AddBlocker => ("add_blocker", json!({})),
        InternalPlugin::ImmutableMetadata => ("immutable_metadata", json!({})),
        InternalPlugin::VerifiedCreators { signatures } => {
            let list: Vec<_> = signatures
                .iter()
                .map(|creator| json!({ "address": creator.address, "verified": creator.verified }))
                .collect();
            ("verified_creators", json!({ "signatures": list }))
        }
        InternalPlugin::Autograph { signatures } => {
            let list: Vec<_> = signatures
                .iter()
                .map(|signature| json!({ "address": signature.address, "message": signature.message }))
                .collect();
            ("autograph", json!({ "signatures": list }))
        }
        InternalPlugin::BubblegumV2 => ("bubblegum_v2", json!({})),
        InternalPlugin::FreezeExecute { frozen } => ("freeze_execute", json!({ "frozen": frozen })),
        InternalPlugin::PermanentFreezeExecute { frozen } => {
            ("permanent_freeze_execute", json!({ "frozen": frozen }))
        }
        InternalPlugin::Groups { groups } => ("groups", json!({ "groups": groups })),
        InternalPlugin::Unknown { data, .. } => ("unknown", json!(BASE64_STANDARD.encode(data))),
    }
}

/// An external plugin. Its data are shown as text where `as_text` says so, else as their schema has them.
fn external(record: &ExternalRecord<'_>, as_text: bool) -> Value {
    let mut entry = json!({
        "index": record.index,
        "offset": record.offset,
        "authority": authority(record.authority),
    });
    match &record.adapter {
        Adapter::Unknown { kind, config } => {
            entry["type"] = json!(kind);
            entry["unknown_adapter_config"] = json!(BASE64_STANDARD.encode(config));
        }
        known => {
            let (kind, config) = adapter(known);
            entry["type"] = json!(kind);
            entry["adapter_config"] = config;
        }
    }
    let (known, unknown) = checks(&record.lifecycle_checks);
    if !known.is_empty() {
        entry["lifecycle_checks"] = Value::Object(known);
    }
    if !unknown.is_empty() {
        entry["unknown_lifecycle_checks"] = Value::Array(unknown);
    }
    if let Some(data) = record.data {
        entry["data_offset"] = json!(data.offset);
        entry["data_len"] = json!(data.bytes.len());
        entry["data"] = attached(record.adapter.schema(), data.bytes, as_text);
    }
    entry
}

/// Data by their schema; what is not of their schema as text or bytes.
fn attached(schema: Schema, bytes: &[u8], as_text: bool) -> Value {
    let as_bytes = || Value::String(BASE64_STANDARD.encode(bytes));
    match schema {
        Schema::Binary => as_bytes(),
        Schema::Json => {
            let text = String::from_utf8_lossy(bytes);
            let value = if as_text { None } else { serde_json::from_str(&text).ok() };
            value.unwrap_or_else(|| Value::String(text.into_owned()))
        }
        Schema::MsgPack => {
            let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
            reader.set_max_depth(MAX_DATA_DEPTH);
            Value::deserialize(&mut reader).unwrap_or_else(|_| as_bytes())
        }
    }
}

/// The type of an adapter, and its terms.
fn adapter(adapter: &Adapter<'_>) -> (&'static str, Value) {
    match adapter {
        Adapter::LifecycleHook(hook) => ("LifecycleHook", lifecycle_hook(hook)),
        Adapter::Oracle { base_address, base_address_config, results_offset } => {
            let offset = match results_offset {
                ValidationResultsOffset::NoOffset => json!("NoOffset"),
                ValidationResultsOffset::Anchor => json!("Anchor"),
                ValidationResultsOffset::Custom(offset) => json!({ "custom": offset }),
            };
            let config = json!({
                "base_address": base_address,
                "base_address_config": base_address_config.as_ref().map(extra_account),
                "results_offset": offset,
            });
            ("Oracle", config)
        }
        Adapter::AppData { data_authority, schema } => ("AppData", app_data(*data_authority, *schema)),
        Adapter::LinkedLifecycleHook(hook) => ("LinkedLifecycleHook", lifecycle_hook(hook)),
        Adapter::LinkedAppData { data_authority, schema } => {
            ("LinkedAppData", app_data(*data_authority, *schema))
        }
        Adapter::DataSection { parent_key, schema } => {
            let parent_key = match parent_key {
                LinkedDataKey::LinkedLifecycleHook(program) => json!({ "linked_lifecycle_hook": program }),
                LinkedDataKey::LinkedAppData(data) => json!({ "linked_app_data": authority(*data) }),
            };
            ("DataSection", json!({ "parent_key": parent_key, "schema": schema_name(*schema) }))
        }
        Adapter::AgentIdentity { uri } => ("AgentIdentity", json!({ "uri": uri })),
        Adapter::Unknown { config, .. } => ("Unknown", json!(BASE64_STANDARD.encode(config))),
    }
}

fn app_data(data_authority: PluginAuthority, schema: Schema) -> Value {
    json!({ "data_authority": authority(data_authority), "schema": schema_name(schema) })
}

fn lifecycle_hook(hook: &LifecycleHook<'_>) -> Value {
    let accounts = hook.extra_accounts.as_ref();
    json!({
        "hooked_program": hook.hooked_program,
        "extra_accounts": accounts.map(|accounts| accounts.iter().map(extra_account).collect::<Vec<_>>()),
        "data_authority": hook.data_authority.map(authority),
        "schema": schema_name(hook.schema),
    })
}

fn schema_name(schema: Schema) -> &'static str {
    match schema {
        Schema::Binary => "Binary",
        Schema::Json => "Json",
        Schema::MsgPack => "MsgPack",
    }
}

fn extra_account(account: &ExtraAccount<'_>) -> Value {
    let mut terms = json!({ "is_signer": account.is_signer, "is_writable": account.is_writable });
    let name = match &account.address {
        ExtraAddress::PreconfiguredProgram => "preconfigured_program",
        ExtraAddress::PreconfiguredCollection => "preconfigured_collection",
        ExtraAddress::PreconfiguredOwner => "preconfigured_owner",
        ExtraAddress::PreconfiguredRecipient => "preconfigured_recipient",
        ExtraAddress::PreconfiguredAsset => "preconfigured_asset",
        ExtraAddress::CustomPda { seeds, custom_program_id } => {
            terms["seeds"] = seeds.iter().map(seed).collect();
            terms["custom_program_id"] = json!(custom_program_id);
            "custom_pda"
        }
        ExtraAddress::Address(address) => {
            terms["address"] = json!(address);
            "address"
        }
    };
    json!({ name: terms })
}

fn seed(seed: &Seed<'_>) -> Value {
    match seed {
        Seed::Collection => json!("Collection"),
        Seed::Owner => json!("Owner"),
        Seed::Recipient => json!("Recipient"),
        Seed::Asset => json!("Asset"),
        Seed::Address(address) => json!({ "address": address }),
        Seed::Bytes(bytes) => json!({ "bytes": bytes }),
    }
}

/// The checks of known events by their names, and those of others as pairs of number and checks. Of several for one known
/// event the last counts.
fn checks(checks: &[LifecycleCheck]) -> (Map<String, Value>, Vec<Value>) {
    let (mut known, mut unknown) = (Map::new(), Vec::new());
    for check in checks {
        let results = [
            (check.can_listen(), "CanListen"),
            (check.can_approve(), "CanApprove"),
            (check.can_reject(), "CanReject"),
        ];
        let results: Vec<_> = results.into_iter().filter_map(|(may, name)| may.then_some(name)).collect();
        let name = match check.event {
            HookableEvent::Create => "create",
            HookableEvent::Transfer => "transfer",
            HookableEvent::Burn => "burn",
            HookableEvent::Update => "update",
            HookableEvent::Execute => "execute",
            HookableEvent::Unknown(number) => {
                unknown.push(json!([number, results]));
                continue;
            }
        };
        if results.is_empty() {
            known.remove(name);
        } else {
            known.insert(name.to_owned(), json!(results));
        }
    }
    (known, unknown)
}
