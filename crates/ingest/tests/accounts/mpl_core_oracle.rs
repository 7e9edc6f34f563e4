//! An account of MPL Core as the program's own client reads it, in the words of our decoder.

use std::collections::BTreeMap;

use base64::prelude::*;
use mpl_core::accounts::{BaseAssetV1, BaseCollectionV1, GroupV1, HashedAssetV1};
use mpl_core::types as theirs;
use mpl_core::{IndexableAsset, IndexableCheckResult, convert_external_plugin_adapter_data_to_string};
use vitrine_ingest::decode::Reason;
use vitrine_ingest::decode::mpl_core::{
    Account, Adapter, Asset, Attribute, AutographSignature, Collection, Creator, ExternalRecord,
    ExtraAccount, ExtraAddress, Group, HookableEvent, InternalPlugin, LifecycleCheck, LifecycleHook,
    LinkedDataKey, PluginAuthority, Plugins, RuleSet, Schema, Seed, UpdateAuthority, ValidationResultsOffset,
    VerifiedCreator, decode,
};
use vitrine_model::Pubkey;

/// Where we refuse what the client takes, and why. Nothing that the program writes is among it.
///
/// - `plugin_header`: the client does not look at the header's key.
/// - `plugin`, `external_plugin` with a bad tag: the type in the registry and the one in front of the bytes differ; the
///   client keeps what it finds under the type of the registry.
/// - `external_plugin` and its data too long: they reach into the next plugin or the registry; decoding each byte once
///   keeps memory within a multiple of the account.
fn is_stricter(reason: Reason) -> bool {
    match reason {
        Reason::BadTag { field, .. } => ["plugin_header", "plugin", "external_plugin"].contains(&field),
        Reason::TooLong { field, .. } => ["external_plugin", "external_plugin.data"].contains(&field),
        Reason::Truncated { .. } | Reason::NotUtf8 { .. } => false,
    }
}

/// Holds our reading of these bytes against the client's. The result is what we refused and the client did not.
pub(crate) fn hold_against(data: &[u8]) -> Option<Reason> {
    let ours = decode(data);
    if let (Ok(Account::Uninitialized), None | Some(0)) = (&ours, data.first()) {
        return None;
    }
    if let (Ok(Account::HashedAsset { hash }), Ok(theirs)) = (&ours, HashedAssetV1::from_bytes(data)) {
        assert_eq!((*hash, theirs.key), (theirs.hash, theirs::Key::HashedAssetV1));
        return None;
    }
    let fetch = |key| IndexableAsset::fetch(key, data);
    let theirs = match data[0] {
        1 => fetch(theirs::Key::AssetV1),
        5 => fetch(theirs::Key::CollectionV1),
        6 => fetch(theirs::Key::GroupV1),
        _ => {
            assert!(ours.is_err(), "{ours:?}");
            return None;
        }
    };
    match (ours, theirs) {
        (Err(_), Err(_)) => None,
        (Err(reason), Ok(theirs)) => {
            assert!(is_stricter(reason), "we refuse by {reason}, the client reads {theirs:?}");
            Some(reason)
        }
        (Ok(ours), Err(error)) => panic!("the client refuses by {error}, we read {ours:?}"),
        (Ok(ours), Ok(theirs)) => {
            let plugins = base(&ours, data);
            assert_eq!(known_internal(plugins), theirs_known_internal(&theirs));
            assert_eq!(unknown_internal(plugins), theirs_unknown_internal(&theirs));
            assert_eq!(external(plugins), theirs_external(&theirs));
            None
        }
    }
}

/// Compares what stands in front of the plugins, and returns ours.
fn base<'a>(ours: &'a Account<'a>, data: &[u8]) -> &'a Plugins<'a> {
    match ours {
        Account::Asset(ours, plugins) => {
            let theirs = BaseAssetV1::from_bytes(data).unwrap();
            let update_authority = match theirs.update_authority {
                theirs::UpdateAuthority::None => UpdateAuthority::None,
                theirs::UpdateAuthority::Address(address) => {
                    UpdateAuthority::Address(key(address.to_bytes()))
                }
                theirs::UpdateAuthority::Collection(address) => {
                    UpdateAuthority::Collection(key(address.to_bytes()))
                }
            };
            let (name, uri) = (&*theirs.name, &*theirs.uri);
            let owner = key(theirs.owner.to_bytes());
            assert_eq!(*ours, Asset { owner, update_authority, name, uri, seq: theirs.seq });
            plugins
        }
        Account::Collection(ours, plugins) => {
            let theirs = BaseCollectionV1::from_bytes(data).unwrap();
            assert_eq!(
                *ours,
                Collection {
                    update_authority: key(theirs.update_authority.to_bytes()),
                    name: &theirs.name,
                    uri: &theirs.uri,
                    num_minted: theirs.num_minted,
                    current_size: theirs.current_size,
                }
            );
            plugins
        }
        Account::Group(ours, plugins) => {
            let theirs = GroupV1::from_bytes(data).unwrap();
            assert_eq!(
                *ours,
                Group {
                    update_authority: key(theirs.update_authority.to_bytes()),
                    name: &theirs.name,
                    uri: &theirs.uri,
                    collections: theirs.collections.iter().map(|address| key(address.to_bytes())).collect(),
                    groups: theirs.groups.iter().map(|address| key(address.to_bytes())).collect(),
                    parent_groups: theirs
                        .parent_groups
                        .iter()
                        .map(|address| key(address.to_bytes()))
                        .collect(),
                    assets: theirs.assets.iter().map(|address| key(address.to_bytes())).collect(),
                }
            );
            plugins
        }
        Account::Uninitialized | Account::HashedAsset { .. } => panic!("{ours:?} has no base"),
    }
}

type Placed<T> = (u64, u64, PluginAuthority, T);

/// By type: of two plugins of a type, which the program does not allow, the client keeps the last one.
fn known_internal<'a>(plugins: &'a Plugins<'a>) -> BTreeMap<String, Placed<InternalPlugin<'a>>> {
    let known =
        plugins.internal.iter().filter(|record| !matches!(record.plugin, InternalPlugin::Unknown { .. }));
    known
        .map(|record| {
            let plugin = record.plugin.clone();
            (name(&plugin), (record.index as u64, record.offset, record.authority, plugin))
        })
        .collect()
}

fn theirs_known_internal(theirs: &IndexableAsset) -> BTreeMap<String, Placed<InternalPlugin<'_>>> {
    let all = theirs.plugins.values().map(|record| {
        let plugin = internal_plugin(&record.data);
        (name(&plugin), (record.index, record.offset, authority(&record.authority), plugin))
    });
    all.collect()
}

fn name(plugin: &impl std::fmt::Debug) -> String {
    let text = format!("{plugin:?}");
    text.split([' ', '(', '{']).next().unwrap().to_owned()
}

fn unknown_internal(plugins: &Plugins<'_>) -> Vec<Placed<(u8, String)>> {
    let unknown = plugins.internal.iter().filter_map(|record| match record.plugin {
        InternalPlugin::Unknown { kind, data } => {
            Some((record.index as u64, record.offset, record.authority, (kind, BASE64_STANDARD.encode(data))))
        }
        _ => None,
    });
    unknown.collect()
}

fn theirs_unknown_internal(theirs: &IndexableAsset) -> Vec<Placed<(u8, String)>> {
    let all = theirs.unknown_plugins.iter().map(|record| {
        (record.index, record.offset, authority(&record.authority), (record.r#type, record.data.clone()))
    });
    all.collect()
}

/// What the client shows of an external plugin: terms (or type and bytes), checks by event, and data.
#[derive(Debug, PartialEq)]
struct Shown<'a> {
    adapter: Result<Adapter<'a>, (u8, String)>,
    known_checks: [Vec<IndexableCheckResult>; 5],
    unknown_checks: Vec<(u8, Vec<IndexableCheckResult>)>,
    data: Option<(u64, u64, String)>,
}

fn external<'a>(plugins: &'a Plugins<'a>) -> BTreeMap<u64, Placed<Shown<'a>>> {
    let all = plugins.external.iter().map(|record| {
        let index = record.index as u64;
        (index, (index, record.offset, record.authority, shown(record)))
    });
    all.collect()
}

fn shown<'a>(record: &ExternalRecord<'a>) -> Shown<'a> {
    let (mut known_checks, mut unknown_checks) = ([const { Vec::new() }; 5], Vec::new());
    for check in &record.lifecycle_checks {
        match check.event {
            HookableEvent::Create => known_checks[0] = check_results(*check),
            HookableEvent::Transfer => known_checks[1] = check_results(*check),
            HookableEvent::Burn => known_checks[2] = check_results(*check),
            HookableEvent::Update => known_checks[3] = check_results(*check),
            HookableEvent::Execute => known_checks[4] = check_results(*check),
            HookableEvent::Unknown(event) => unknown_checks.push((event, check_results(*check))),
        }
    }
    let schema = match record.adapter.schema() {
        Schema::Binary => theirs::ExternalPluginAdapterSchema::Binary,
        Schema::Json => theirs::ExternalPluginAdapterSchema::Json,
        Schema::MsgPack => theirs::ExternalPluginAdapterSchema::MsgPack,
    };
    let adapter = match record.adapter.clone() {
        Adapter::Unknown { kind, config } => Err((kind, BASE64_STANDARD.encode(config))),
        known => Ok(known),
    };
    let data = record.data.map(|data| {
        let text = convert_external_plugin_adapter_data_to_string(&schema, data.bytes);
        (data.offset, data.bytes.len() as u64, text)
    });
    Shown { adapter, known_checks, unknown_checks, data }
}

fn check_results(check: LifecycleCheck) -> Vec<IndexableCheckResult> {
    let all = [
        (check.can_listen(), IndexableCheckResult::CanListen),
        (check.can_approve(), IndexableCheckResult::CanApprove),
        (check.can_reject(), IndexableCheckResult::CanReject),
    ];
    all.into_iter().filter_map(|(may, result)| may.then_some(result)).collect()
}

fn theirs_external(theirs: &IndexableAsset) -> BTreeMap<u64, Placed<Shown<'_>>> {
    let known_checks = |checks: &Option<mpl_core::LifecycleChecks>| {
        let checks = checks.clone().unwrap_or_default();
        [checks.create, checks.transfer, checks.burn, checks.update, checks.execute]
    };
    let data =
        |offset: Option<u64>, len: Option<u64>, text: &Option<String>| Some((offset?, len?, text.clone()?));
    let known = theirs.external_plugins.iter().map(|record| {
        let shown = Shown {
            adapter: Ok(adapter(&record.adapter_config)),
            known_checks: known_checks(&record.lifecycle_checks),
            unknown_checks: record.unknown_lifecycle_checks.clone().unwrap_or_default(),
            data: data(record.data_offset, record.data_len, &record.data),
        };
        (record.index, (record.index, record.offset, authority(&record.authority), shown))
    });
    let unknown = theirs.unknown_external_plugins.iter().map(|record| {
        let shown = Shown {
            adapter: Err((record.r#type, record.unknown_adapter_config.clone())),
            known_checks: known_checks(&record.lifecycle_checks),
            unknown_checks: record.unknown_lifecycle_checks.clone().unwrap_or_default(),
            data: data(record.data_offset, record.data_len, &record.data),
        };
        (record.index, (record.index, record.offset, authority(&record.authority), shown))
    });
    known.chain(unknown).collect()
}

fn key(bytes: [u8; 32]) -> Pubkey {
    Pubkey::from_bytes(bytes)
}

fn authority(authority: &theirs::PluginAuthority) -> PluginAuthority {
    match authority {
        theirs::PluginAuthority::None => PluginAuthority::None,
        theirs::PluginAuthority::Owner => PluginAuthority::Owner,
        theirs::PluginAuthority::UpdateAuthority => PluginAuthority::UpdateAuthority,
        theirs::PluginAuthority::Address { address } => PluginAuthority::Address(key(address.to_bytes())),
    }
}

fn internal_plugin(plugin: &theirs::Plugin) -> InternalPlugin<'_> {
    match plugin {
        theirs::Plugin::Royalties(theirs) => royalties(theirs),
        theirs::Plugin::FreezeDelegate(theirs) => InternalPlugin::FreezeDelegate { frozen: theirs.frozen },
        theirs::Plugin::BurnDelegate(_) => InternalPlugin::BurnDelegate,
        theirs::Plugin::TransferDelegate(_) => InternalPlugin::TransferDelegate,
        theirs::Plugin::UpdateDelegate(theirs) => InternalPlugin::UpdateDelegate {
            additional_delegates: theirs
                .additional_delegates
                .iter()
                .map(|address| key(address.to_bytes()))
                .collect(),
        },
        theirs::Plugin::PermanentFreezeDelegate(theirs) => {
            InternalPlugin::PermanentFreezeDelegate { frozen: theirs.frozen }
        }
        theirs::Plugin::Attributes(theirs) => {
            let all = theirs.attribute_list.iter();
            let attribute_list = all.map(|one| Attribute { key: &one.key, value: &one.value }).collect();
            InternalPlugin::Attributes { attribute_list }
        }
        theirs::Plugin::PermanentTransferDelegate(_) => InternalPlugin::PermanentTransferDelegate,
        theirs::Plugin::PermanentBurnDelegate(_) => InternalPlugin::PermanentBurnDelegate,
        theirs::Plugin::Edition(theirs) => InternalPlugin::Edition { number: theirs.number },
        theirs::Plugin::MasterEdition(theirs) => InternalPlugin::MasterEdition {
            max_supply: theirs.max_supply,
            name: theirs.name.as_deref(),
            uri: theirs.uri.as_deref(),
        },
        theirs::Plugin::AddBlocker(_) => InternalPlugin::AddBlocker,
        theirs::Plugin::ImmutableMetadata(_) => InternalPlugin::ImmutableMetadata,
        theirs::Plugin::VerifiedCreators(theirs) => {
            let all = theirs.signatures.iter();
            let one = |one: &theirs::VerifiedCreatorsSignature| VerifiedCreator {
                address: key(one.address.to_bytes()),
                verified: one.verified,
            };
            InternalPlugin::VerifiedCreators { signatures: all.map(one).collect() }
        }
        theirs::Plugin::Autograph(theirs) => {
            let all = theirs.signatures.iter();
            let signatures = all.map(|one| AutographSignature {
                address: key(one.address.to_bytes()),
                message: &one.message,
            });
            InternalPlugin::Autograph { signatures: signatures.collect() }
        }
        theirs::Plugin::BubblegumV2(_) => InternalPlugin::BubblegumV2,
        theirs::Plugin::FreezeExecute(theirs) => InternalPlugin::FreezeExecute { frozen: theirs.frozen },
        theirs::Plugin::PermanentFreezeExecute(theirs) => {
            InternalPlugin::PermanentFreezeExecute { frozen: theirs.frozen }
        }
        theirs::Plugin::Groups(theirs) => InternalPlugin::Groups {
            groups: theirs.groups.iter().map(|address| key(address.to_bytes())).collect(),
        },
    }
}

fn royalties(theirs: &theirs::Royalties) -> InternalPlugin<'static> {
    let creator =
        |one: &theirs::Creator| Creator { address: key(one.address.to_bytes()), percentage: one.percentage };
    let rule_set = match &theirs.rule_set {
        theirs::RuleSet::None => RuleSet::None,
        theirs::RuleSet::ProgramAllowList(list) => {
            RuleSet::ProgramAllowList(list.iter().map(|address| key(address.to_bytes())).collect())
        }
        theirs::RuleSet::ProgramDenyList(list) => {
            RuleSet::ProgramDenyList(list.iter().map(|address| key(address.to_bytes())).collect())
        }
    };
    let creators = theirs.creators.iter().map(creator).collect();
    InternalPlugin::Royalties { basis_points: theirs.basis_points, creators, rule_set }
}

fn adapter(adapter: &theirs::ExternalPluginAdapter) -> Adapter<'_> {
    match adapter {
        theirs::ExternalPluginAdapter::LifecycleHook(theirs) => Adapter::LifecycleHook(LifecycleHook {
            hooked_program: key(theirs.hooked_program.to_bytes()),
            extra_accounts: theirs.extra_accounts.as_ref().map(|all| all.iter().map(extra_account).collect()),
            data_authority: theirs.data_authority.as_ref().map(authority),
            schema: schema(&theirs.schema),
        }),
        theirs::ExternalPluginAdapter::Oracle(theirs) => Adapter::Oracle {
            base_address: key(theirs.base_address.to_bytes()),
            base_address_config: theirs.base_address_config.as_ref().map(extra_account),
            results_offset: match theirs.results_offset {
                theirs::ValidationResultsOffset::NoOffset => ValidationResultsOffset::NoOffset,
                theirs::ValidationResultsOffset::Anchor => ValidationResultsOffset::Anchor,
                theirs::ValidationResultsOffset::Custom(offset) => ValidationResultsOffset::Custom(offset),
            },
        },
        theirs::ExternalPluginAdapter::AppData(theirs) => Adapter::AppData {
            data_authority: authority(&theirs.data_authority),
            schema: schema(&theirs.schema),
        },
        theirs::ExternalPluginAdapter::LinkedLifecycleHook(theirs) => {
            Adapter::LinkedLifecycleHook(LifecycleHook {
                hooked_program: key(theirs.hooked_program.to_bytes()),
                extra_accounts: theirs
                    .extra_accounts
                    .as_ref()
                    .map(|all| all.iter().map(extra_account).collect()),
                data_authority: theirs.data_authority.as_ref().map(authority),
                schema: schema(&theirs.schema),
            })
        }
        theirs::ExternalPluginAdapter::LinkedAppData(theirs) => {
            let data_authority = authority(&theirs.data_authority);
            Adapter::LinkedAppData { data_authority, schema: schema(&theirs.schema) }
        }
        theirs::ExternalPluginAdapter::DataSection(theirs) => Adapter::DataSection {
            parent_key: match &theirs.parent_key {
                theirs::LinkedDataKey::LinkedLifecycleHook(program) => {
                    LinkedDataKey::LinkedLifecycleHook(key(program.to_bytes()))
                }
                theirs::LinkedDataKey::LinkedAppData(theirs) => {
                    LinkedDataKey::LinkedAppData(authority(theirs))
                }
            },
            schema: schema(&theirs.schema),
        },
        theirs::ExternalPluginAdapter::AgentIdentity(theirs) => Adapter::AgentIdentity { uri: &theirs.uri },
    }
}

fn schema(schema: &theirs::ExternalPluginAdapterSchema) -> Schema {
    match schema {
        theirs::ExternalPluginAdapterSchema::Binary => Schema::Binary,
        theirs::ExternalPluginAdapterSchema::Json => Schema::Json,
        theirs::ExternalPluginAdapterSchema::MsgPack => Schema::MsgPack,
    }
}

fn extra_account(account: &theirs::ExtraAccount) -> ExtraAccount<'_> {
    let (address, &is_signer, &is_writable) = match account {
        theirs::ExtraAccount::PreconfiguredProgram { is_signer, is_writable } => {
            (ExtraAddress::PreconfiguredProgram, is_signer, is_writable)
        }
        theirs::ExtraAccount::PreconfiguredCollection { is_signer, is_writable } => {
            (ExtraAddress::PreconfiguredCollection, is_signer, is_writable)
        }
        theirs::ExtraAccount::PreconfiguredOwner { is_signer, is_writable } => {
            (ExtraAddress::PreconfiguredOwner, is_signer, is_writable)
        }
        theirs::ExtraAccount::PreconfiguredRecipient { is_signer, is_writable } => {
            (ExtraAddress::PreconfiguredRecipient, is_signer, is_writable)
        }
        theirs::ExtraAccount::PreconfiguredAsset { is_signer, is_writable } => {
            (ExtraAddress::PreconfiguredAsset, is_signer, is_writable)
        }
        theirs::ExtraAccount::CustomPda { seeds, custom_program_id, is_signer, is_writable } => {
            let seeds = seeds.iter().map(seed).collect();
            let custom_program_id = custom_program_id.map(|program| key(program.to_bytes()));
            (ExtraAddress::CustomPda { seeds, custom_program_id }, is_signer, is_writable)
        }
        theirs::ExtraAccount::Address { address, is_signer, is_writable } => {
            (ExtraAddress::Address(key(address.to_bytes())), is_signer, is_writable)
        }
    };
    ExtraAccount { address, is_signer, is_writable }
}

fn seed(seed: &theirs::Seed) -> Seed<'_> {
    match seed {
        theirs::Seed::Collection => Seed::Collection,
        theirs::Seed::Owner => Seed::Owner,
        theirs::Seed::Recipient => Seed::Recipient,
        theirs::Seed::Asset => Seed::Asset,
        theirs::Seed::Address(address) => Seed::Address(key(address.to_bytes())),
        theirs::Seed::Bytes(bytes) => Seed::Bytes(bytes),
    }
}
