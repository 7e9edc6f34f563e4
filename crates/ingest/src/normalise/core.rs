//! Assets, collections and groups of MPL Core.

use vitrine_model::Pubkey;
use vitrine_store::AssetSources;

use super::compose::Accounts;
use super::draft::{Agent, CoreParts, Draft, DraftCreator, DraftGrouping, DraftOwnership, DraftRoyalty};
use super::plugins;
use super::program::asset_signer_of;
use crate::decode::mpl_core::{
    Account, Adapter, Asset, Collection, Group, InternalPlugin, PluginAuthority, Plugins, UpdateAuthority,
};

/// What an asset, a collection or a group is, as far as its account tells. `None` where the account is of none of them.
pub(super) fn draft(accounts: &Accounts<'_>, sources: &AssetSources) -> Option<Draft> {
    let (closed, account) = accounts.core.as_ref()?;
    let (mut draft, plugins) = match account {
        Account::Asset(asset, plugins) => (of_asset(asset, plugins, sources.collection_authority), plugins),
        Account::Collection(collection, plugins) => (of_collection(collection), plugins),
        Account::Group(group, plugins) => (of_group(group), plugins),
        Account::Uninitialized | Account::HashedAsset { .. } => return None,
    };
    draft.burnt = *closed;
    // The program has symbols for none of them.
    draft.symbol = Some(String::new());
    for record in &plugins.internal {
        add_plugin(&mut draft, &record.plugin);
    }
    plugins::add(plugins, draft.core.get_or_insert_default());
    let has_plugin =
        plugins.external.iter().any(|record| matches!(record.adapter, Adapter::AgentIdentity { .. }));
    if has_plugin || accounts.agent.is_some() {
        let token = accounts.agent.and_then(|identity| identity.agent_token);
        draft.agent = Some(Agent { token, signer: asset_signer_of(sources.id) });
    }
    Some(draft)
}

/// An asset in a collection has the collection's authority.
fn of_asset(asset: &Asset<'_>, plugins: &Plugins<'_>, of_collection: Option<Pubkey>) -> Draft {
    let (authority, collection) = match asset.update_authority {
        UpdateAuthority::None => (None, None),
        UpdateAuthority::Address(address) => (Some(address), None),
        UpdateAuthority::Collection(collection) => (of_collection, Some(collection)),
    };
    // Nobody is in a collection without its authority's consent.
    let grouping = |value| DraftGrouping { key: "collection", value, verified: true };
    Draft {
        interface: Some("MplCoreAsset"),
        authorities: vec![authority],
        groupings: collection.map(grouping).into_iter().collect(),
        ownership: DraftOwnership {
            owner: Some(asset.owner),
            delegate: delegate(plugins, asset.owner, authority),
            frozen: plugins.internal.iter().any(|record| freezes(&record.plugin)),
            ..DraftOwnership::default()
        },
        immutable: asset.update_authority == UpdateAuthority::None,
        ..named(asset.name, asset.uri)
    }
}

fn of_collection(collection: &Collection<'_>) -> Draft {
    let counts = CoreParts {
        num_minted: Some(collection.num_minted),
        current_size: Some(collection.current_size),
        ..CoreParts::default()
    };
    Draft {
        interface: Some("MplCoreCollection"),
        core: Some(counts),
        ..owned_by_authority(collection.update_authority, named(collection.name, collection.uri))
    }
}

fn of_group(group: &Group<'_>) -> Draft {
    Draft {
        interface: Some("MplCoreGroup"),
        groupings: group.parent_groups.iter().copied().map(in_group).collect(),
        ..owned_by_authority(group.update_authority, named(group.name, group.uri))
    }
}

fn named(name: &str, uri: &str) -> Draft {
    let text = |text: &str| text.replace('\0', "");
    Draft { name: Some(text(name)), uri: text(uri), ..Draft::default() }
}

/// What has no owner of its own is shown as its authority's.
fn owned_by_authority(authority: Pubkey, draft: Draft) -> Draft {
    let ownership = DraftOwnership { owner: Some(authority), ..DraftOwnership::default() };
    Draft { authorities: vec![Some(authority)], ownership, ..draft }
}

fn in_group(value: Pubkey) -> DraftGrouping {
    DraftGrouping { key: "group", value, verified: true }
}

fn add_plugin(draft: &mut Draft, plugin: &InternalPlugin<'_>) {
    match plugin {
        InternalPlugin::Royalties { basis_points, creators, .. } => {
            draft.royalty = DraftRoyalty { basis_points: *basis_points, ..DraftRoyalty::default() };
            // Who gets a share needs no signature for it; the reference has them as verified.
            let creators = creators.iter().map(|creator| DraftCreator {
                address: creator.address,
                share: creator.percentage,
                verified: true,
            });
            draft.creators = creators.collect();
        }
        InternalPlugin::ImmutableMetadata => draft.immutable = true,
        InternalPlugin::Groups { groups } => draft.groupings.extend(groups.iter().copied().map(in_group)),
        _ => {}
    }
}

fn freezes(plugin: &InternalPlugin<'_>) -> bool {
    matches!(
        plugin,
        InternalPlugin::FreezeDelegate { frozen: true }
            | InternalPlugin::PermanentFreezeDelegate { frozen: true }
    )
}

/// Who may transfer for the owner.
fn delegate(plugins: &Plugins<'_>, owner: Pubkey, authority: Option<Pubkey>) -> Option<Pubkey> {
    let plugin = plugins.internal.iter().find(|record| record.plugin == InternalPlugin::TransferDelegate)?;
    match plugin.authority {
        PluginAuthority::None => None,
        PluginAuthority::Owner => Some(owner),
        PluginAuthority::UpdateAuthority => authority,
        PluginAuthority::Address(address) => Some(address),
    }
}
