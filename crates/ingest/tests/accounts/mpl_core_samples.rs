//! Accounts of MPL Core, put together by hand: a sample of each plugin in each of its forms, and the layout around them.

use vitrine_ingest::decode::mpl_core::{
    Adapter, Attribute, AutographSignature, Creator, ExtraAccount, ExtraAddress, InternalPlugin,
    LifecycleHook, LinkedDataKey, PluginAuthority, RuleSet, Schema, Seed, ValidationResultsOffset,
    VerifiedCreator,
};

use crate::bytes::{Bytes, key};

/// A plugin as it stands in an account, and its record.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) kind: u8,
    pub(crate) authority: PluginAuthority,
    /// With the type in front.
    pub(crate) body: Vec<u8>,
    pub(crate) external: Option<External>,
}

/// What an external plugin has besides.
#[derive(Clone, Debug, Default)]
pub(crate) struct External {
    pub(crate) checks: Option<Vec<(u8, u32)>>,
    pub(crate) data: Option<Vec<u8>>,
}

impl Placed {
    pub(crate) fn internal(kind: u8, body: &[u8], authority: PluginAuthority) -> Self {
        Self { kind, authority, body: body.to_vec(), external: None }
    }

    pub(crate) fn external(kind: u8, body: &[u8], authority: PluginAuthority, external: External) -> Self {
        Self { kind, authority, body: body.to_vec(), external: Some(external) }
    }
}

pub(crate) fn asset_base() -> Bytes {
    Bytes::new().u8(1).key(1).u8(1).key(2).text("Test").text("https://example.com/1").u8(0)
}

pub(crate) fn collection_base() -> Bytes {
    Bytes::new().u8(5).key(2).text("Collection").text("").u32(7).u32(6)
}

pub(crate) fn group_base() -> Bytes {
    let base = Bytes::new().u8(6).key(2).text("Group").text("https://example.com/g");
    base.keys(&[10, 11]).keys(&[]).keys(&[12]).keys(&[13, 14, 15])
}

/// The base with the plugins behind it in this order, and the registry behind them. Without plugins: with an empty one.
pub(crate) fn account(base: &Bytes, plugins: &[Placed]) -> Vec<u8> {
    let mut at = base.0.len() as u64 + 9;
    let (mut bodies, mut internal, mut external) = (Bytes::new(), Bytes::new(), Bytes::new());
    let mut counts = [0, 0];
    for plugin in plugins {
        bodies = bodies.raw(&plugin.body);
        let record = Bytes::new().u8(plugin.kind).raw(&authority(plugin.authority));
        match &plugin.external {
            None => {
                counts[0] += 1;
                internal = internal.raw(&record.u64(at).0);
                at += plugin.body.len() as u64;
            }
            Some(part) => {
                counts[1] += 1;
                let checked = match &part.checks {
                    None => record.u8(0),
                    Some(checks) => checks.iter().fold(
                        record.u8(1).u32(u32::try_from(checks.len()).unwrap()),
                        |record, &(event, flags)| record.u8(event).u32(flags),
                    ),
                };
                let data_at = at + plugin.body.len() as u64;
                let data = part.data.as_deref().unwrap_or_default();
                let record = match part.data {
                    None => checked.u64(at).u8(0).u8(0),
                    Some(_) => checked.u64(at).u8(1).u64(data_at).u8(1).u64(data.len() as u64),
                };
                bodies = bodies.raw(data);
                external = external.raw(&record.0);
                at = data_at + data.len() as u64;
            }
        }
    }
    let header = base.clone().u8(3).u64(at).raw(&bodies.0);
    header.u8(4).u32(counts[0]).raw(&internal.0).u32(counts[1]).raw(&external.0).0
}

pub(crate) fn authority(authority: PluginAuthority) -> Vec<u8> {
    match authority {
        PluginAuthority::None => vec![0],
        PluginAuthority::Owner => vec![1],
        PluginAuthority::UpdateAuthority => vec![2],
        PluginAuthority::Address(address) => Bytes::new().u8(3).raw(address.as_bytes()).0,
    }
}

/// Each plugin of the program: type, bytes with the type in front, and what they say.
pub(crate) fn internal() -> Vec<(u8, Vec<u8>, InternalPlugin<'static>)> {
    let creator = |byte, percentage| Creator { address: key(byte), percentage };
    let royalties = |rule_set, creators| InternalPlugin::Royalties { basis_points: 500, creators, rule_set };
    let two = Bytes::new().u16(500).u32(2).key(3).u8(60).key(4).u8(40);
    let samples = [
        (0, Bytes::new().u16(500).u32(0).u8(0), royalties(RuleSet::None, vec![])),
        (0, two.clone().u8(1).keys(&[5]), {
            royalties(RuleSet::ProgramAllowList(vec![key(5)]), vec![creator(3, 60), creator(4, 40)])
        }),
        (0, two.u8(2).keys(&[5, 6]), {
            royalties(RuleSet::ProgramDenyList(vec![key(5), key(6)]), vec![creator(3, 60), creator(4, 40)])
        }),
        (1, Bytes::new().u8(1), InternalPlugin::FreezeDelegate { frozen: true }),
        (2, Bytes::new(), InternalPlugin::BurnDelegate),
        (3, Bytes::new(), InternalPlugin::TransferDelegate),
        (4, Bytes::new().keys(&[9]), InternalPlugin::UpdateDelegate { additional_delegates: vec![key(9)] }),
        (5, Bytes::new().u8(0), InternalPlugin::PermanentFreezeDelegate { frozen: false }),
        (
            6,
            Bytes::new().u32(2).text("eyes").text("two").text("").text("\0"),
            InternalPlugin::Attributes {
                attribute_list: vec![
                    Attribute { key: "eyes", value: "two" },
                    Attribute { key: "", value: "\0" },
                ],
            },
        ),
        (7, Bytes::new(), InternalPlugin::PermanentTransferDelegate),
        (8, Bytes::new(), InternalPlugin::PermanentBurnDelegate),
        (9, Bytes::new().u32(4), InternalPlugin::Edition { number: 4 }),
        (10, Bytes::new().u8(1).u32(9).u8(1).text("n").u8(1).text("u"), {
            InternalPlugin::MasterEdition { max_supply: Some(9), name: Some("n"), uri: Some("u") }
        }),
        (10, Bytes::new().u8(0).u8(0).u8(0), {
            InternalPlugin::MasterEdition { max_supply: None, name: None, uri: None }
        }),
        (11, Bytes::new(), InternalPlugin::AddBlocker),
        (12, Bytes::new(), InternalPlugin::ImmutableMetadata),
        (
            13,
            Bytes::new().u32(2).key(3).u8(1).key(4).u8(0),
            InternalPlugin::VerifiedCreators {
                signatures: vec![
                    VerifiedCreator { address: key(3), verified: true },
                    VerifiedCreator { address: key(4), verified: false },
                ],
            },
        ),
        (
            14,
            Bytes::new().u32(1).key(3).text("hi"),
            InternalPlugin::Autograph {
                signatures: vec![AutographSignature { address: key(3), message: "hi" }],
            },
        ),
        (15, Bytes::new(), InternalPlugin::BubblegumV2),
        (16, Bytes::new().u8(1), InternalPlugin::FreezeExecute { frozen: true }),
        (17, Bytes::new().u8(1), InternalPlugin::PermanentFreezeExecute { frozen: true }),
        (18, Bytes::new().keys(&[7, 8]), InternalPlugin::Groups { groups: vec![key(7), key(8)] }),
        (19, Bytes::new(), InternalPlugin::Unknown { kind: 19, data: &[19] }),
        (255, Bytes::new().raw(b"new"), InternalPlugin::Unknown { kind: 255, data: b"\xffnew" }),
    ];
    samples
        .into_iter()
        .map(|(kind, body, plugin)| (kind, Bytes::new().u8(kind).raw(&body.0).0, plugin))
        .collect()
}

/// Each adapter: type, bytes with the type in front, and what they say.
pub(crate) fn external() -> Vec<(u8, Vec<u8>, Adapter<'static>)> {
    let hook = |extra_accounts, data_authority, schema| LifecycleHook {
        hooked_program: key(3),
        extra_accounts,
        data_authority,
        schema,
    };
    let oracle = |base_address_config, results_offset| Adapter::Oracle {
        base_address: key(3),
        base_address_config,
        results_offset,
    };
    let (owner, authority) = (PluginAuthority::Owner, PluginAuthority::Address(key(5)));
    let extra_bytes =
        all_extra_accounts().into_iter().fold(Bytes::new().u32(8), |all, (bytes, _)| all.raw(&bytes.0));
    let extra = all_extra_accounts().into_iter().map(|(_, account)| account).collect::<Vec<_>>();
    let data_section = |parent_key, schema| Adapter::DataSection { parent_key, schema };
    let mut samples = vec![
        (0, Bytes::new().key(3).u8(0).u8(0).u8(0), Adapter::LifecycleHook(hook(None, None, Schema::Binary))),
        (0, Bytes::new().key(3).u8(1).raw(&extra_bytes.0).u8(1).u8(1).u8(1), {
            Adapter::LifecycleHook(hook(Some(extra), Some(owner), Schema::Json))
        }),
        (1, Bytes::new().key(3).u8(0).u8(0), oracle(None, ValidationResultsOffset::NoOffset)),
        (1, Bytes::new().key(3).u8(0).u8(1), oracle(None, ValidationResultsOffset::Anchor)),
        (
            2,
            Bytes::new().u8(3).key(5).u8(2),
            Adapter::AppData { data_authority: authority, schema: Schema::MsgPack },
        ),
        (3, Bytes::new().key(3).u8(0).u8(1).u8(3).key(5).u8(2), {
            Adapter::LinkedLifecycleHook(hook(None, Some(authority), Schema::MsgPack))
        }),
        (4, Bytes::new().u8(1).u8(1), Adapter::LinkedAppData { data_authority: owner, schema: Schema::Json }),
        (5, Bytes::new().u8(0).key(3).u8(0), {
            data_section(LinkedDataKey::LinkedLifecycleHook(key(3)), Schema::Binary)
        }),
        (5, Bytes::new().u8(1).u8(3).key(5).u8(1), {
            data_section(LinkedDataKey::LinkedAppData(authority), Schema::Json)
        }),
        (6, Bytes::new().text("https://agent"), Adapter::AgentIdentity { uri: "https://agent" }),
        (7, Bytes::new(), Adapter::Unknown { kind: 7, config: &[7] }),
        (200, Bytes::new().raw(b"new"), Adapter::Unknown { kind: 200, config: b"\xc8new" }),
    ];
    for (bytes, extra) in all_extra_accounts() {
        let body = Bytes::new().key(3).u8(1).raw(&bytes.0).u8(2).u64(48);
        samples.push((1, body, oracle(Some(extra), ValidationResultsOffset::Custom(48))));
    }
    samples
        .into_iter()
        .map(|(kind, body, adapter)| (kind, Bytes::new().u8(kind).raw(&body.0).0, adapter))
        .collect()
}

/// Each way to name an account; eight.
fn all_extra_accounts() -> Vec<(Bytes, ExtraAccount<'static>)> {
    let seeds = Bytes::new().u32(6).u8(0).u8(1).u8(2).u8(3).u8(4).key(8).u8(5).text("seed");
    let seed_list = vec![
        Seed::Collection,
        Seed::Owner,
        Seed::Recipient,
        Seed::Asset,
        Seed::Address(key(8)),
        Seed::Bytes(b"seed"),
    ];
    let addresses = [
        (Bytes::new().u8(0), ExtraAddress::PreconfiguredProgram),
        (Bytes::new().u8(1), ExtraAddress::PreconfiguredCollection),
        (Bytes::new().u8(2), ExtraAddress::PreconfiguredOwner),
        (Bytes::new().u8(3), ExtraAddress::PreconfiguredRecipient),
        (Bytes::new().u8(4), ExtraAddress::PreconfiguredAsset),
        (Bytes::new().u8(5).raw(&seeds.0).u8(1).key(9), {
            ExtraAddress::CustomPda { seeds: seed_list, custom_program_id: Some(key(9)) }
        }),
        (Bytes::new().u8(5).u32(0).u8(0), ExtraAddress::CustomPda { seeds: vec![], custom_program_id: None }),
        (Bytes::new().u8(6).key(9), ExtraAddress::Address(key(9))),
    ];
    let with_flags = |(bytes, address): (Bytes, ExtraAddress<'static>)| {
        (bytes.u8(1).u8(0), ExtraAccount { address, is_signer: true, is_writable: false })
    };
    addresses.into_iter().map(with_flags).collect()
}
