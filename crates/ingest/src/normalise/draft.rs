//! What is known of an asset, in the words of DAS, wherever it is known from: and the one place that writes it down.

use serde::Serialize;
use vitrine_model::{
    Asset, Authority, Compression, Creator, Extra, Field, GroupValue, Grouping, Json, MplCoreInfo, Ownership,
    Pubkey, Royalty, Supply, Uses,
};

use super::content::content;

/// An asset before it is written down. What has no meaning for a kind of asset stays at its default.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Draft {
    /// `V1_NFT` and so on; `Custom` where nothing tells.
    pub(super) interface: Option<&'static str>,
    /// The name; none where nothing on the chain names it. NUL characters are left out by who fills it.
    pub(super) name: Option<String>,
    /// The symbol, likewise.
    pub(super) symbol: Option<String>,
    /// `NonFungible` and so on.
    pub(super) token_standard: Option<&'static str>,
    /// Where the off-chain document is; empty where there is none.
    pub(super) uri: String,
    /// Who may change it: all of it. None is an authority that is not known, shown as an empty text.
    pub(super) authorities: Vec<Option<Pubkey>>,
    /// In the order of the chain.
    pub(super) creators: Vec<DraftCreator>,
    /// Collection first.
    pub(super) groupings: Vec<DraftGrouping>,
    /// What a sale owes.
    pub(super) royalty: DraftRoyalty,
    /// Who has it.
    pub(super) ownership: DraftOwnership,
    /// How often it can be used.
    pub(super) uses: Option<Uses>,
    /// Its prints. Where nothing is known of them answers still have it for interfaces of which [`has_supply`] says so.
    pub(super) supply: Option<Supply>,
    /// Its place in a tree; none where it is in none.
    pub(super) compression: Option<Compression>,
    /// Whether it can never change any more.
    pub(super) immutable: bool,
    /// Whether it is no more.
    pub(super) burnt: bool,
    /// The extensions of its mint.
    pub(super) mint_extensions: Option<Json>,
    /// Its inscription.
    pub(super) inscription: Option<Json>,
    /// What its mint says.
    pub(super) token_info: Option<Json>,
    /// What only assets, collections and groups of MPL Core have.
    pub(super) core: Option<CoreParts>,
    /// What makes it an agent.
    pub(super) agent: Option<Agent>,
}

/// Who made an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DraftCreator {
    pub(super) address: Pubkey,
    /// In percent.
    pub(super) share: u8,
    pub(super) verified: bool,
}

/// A group that an asset is in, or says it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DraftGrouping {
    /// `collection` or `group`.
    pub(super) key: &'static str,
    pub(super) value: Pubkey,
    pub(super) verified: bool,
}

/// What a sale owes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DraftRoyalty {
    /// In hundredths of a percent.
    pub(super) basis_points: u16,
    /// The asset's own, where it inherits another; answers have it only then.
    pub(super) basis_points_raw: Option<u16>,
    /// Whether they come from the collection; none where they cannot.
    pub(super) inherited: Option<bool>,
    pub(super) primary_sale_happened: bool,
}

/// Who has an asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DraftOwnership {
    /// None: nobody that is known, or many.
    pub(super) owner: Option<Pubkey>,
    pub(super) delegate: Option<Pubkey>,
    pub(super) frozen: bool,
    /// None where it is no question: answers then do not have it.
    pub(super) non_transferable: Option<bool>,
    /// Whether there may be many owners.
    pub(super) by_token: bool,
}

/// What only MPL Core has.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CoreParts {
    pub(super) plugins: Option<Json>,
    /// None where there is none.
    pub(super) unknown_plugins: Option<Json>,
    pub(super) external_plugins: Option<Json>,
    /// None where there is none.
    pub(super) unknown_external_plugins: Option<Json>,
    /// Of a collection: assets that were made in it.
    pub(super) num_minted: Option<u32>,
    /// Of a collection: assets that are in it.
    pub(super) current_size: Option<u32>,
}

/// What makes an asset an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Agent {
    pub(super) token: Option<Pubkey>,
    /// The address that signs for it.
    pub(super) signer: Option<Pubkey>,
}

/// The form in which the plugins of MPL Core are written, by the reference's count.
const PLUGINS_JSON_VERSION: u64 = 1;

/// Whether all answers about assets of this interface have `supply`.
fn has_supply(interface: &str) -> bool {
    matches!(interface, "V1_NFT" | "LEGACY_NFT" | "V2_NFT" | "ProgrammableNFT" | "Custom")
}

/// A value as JSON. None where a map has keys that are no text, or numbers JSON has none for: nothing here is like that.
pub(super) fn json(value: &impl Serialize) -> Option<Json> {
    Json::parse(&serde_json::to_string(value).ok()?).ok()
}

impl Draft {
    /// Writes the asset down. `document` is the off-chain document at [`uri`](Self::uri), where it arrived.
    pub(super) fn into_asset(self, id: Pubkey, document: Option<&str>) -> Asset {
        let interface = self.interface.unwrap_or("Custom");
        let mut asset = Asset::new(id, interface.to_owned());
        asset.content = content(&self, document);
        asset.authorities = self.authorities.iter().copied().map(authority).collect();
        asset.compression = self.compression.unwrap_or_else(Compression::uncompressed);
        asset.grouping = self.groupings.iter().map(DraftGrouping::written).collect();
        asset.royalty = Field::Is(self.royalty.written());
        asset.creators = self.creators.iter().map(DraftCreator::written).collect();
        asset.ownership = Field::Is(self.ownership.written());
        asset.uses = self.uses.map_or(Field::Absent, Field::Is);
        let supply = self.supply.or_else(|| has_supply(interface).then(no_prints));
        asset.supply = supply.map_or(Field::Absent, Field::Is);
        asset.mutable = !self.immutable;
        asset.burnt = self.burnt;
        asset.mint_extensions = self.mint_extensions;
        asset.inscription = self.inscription;
        asset.token_info = self.token_info;
        if let Some(core) = self.core {
            asset.mpl_core_info = Field::Is(core.info());
            asset.plugins = core.plugins;
            asset.unknown_plugins = core.unknown_plugins;
            asset.external_plugins = core.external_plugins;
            asset.unknown_external_plugins = core.unknown_external_plugins;
        }
        if let Some(agent) = self.agent {
            asset.is_agent = Field::Is(true);
            asset.agent_token = agent.token.map_or(Field::Absent, |token| Field::Is(token.to_string()));
            asset.asset_signer = agent.signer.map_or(Field::Absent, |signer| Field::Is(signer.to_string()));
        }
        asset
    }
}

/// The supply of an asset of whose prints nothing is known.
pub(super) fn no_prints() -> Supply {
    Supply {
        print_max_supply: Field::Is(0),
        print_current_supply: Field::Is(0),
        edition_nonce: Field::Null,
        ..Supply::default()
    }
}

fn authority(address: Option<Pubkey>) -> Authority {
    let scopes = Field::Is(vec!["full".to_owned()]);
    Authority { address: Field::Is(address), scopes, extra: Extra::new() }
}

impl DraftCreator {
    fn written(&self) -> Creator {
        Creator {
            address: Field::Is(Some(self.address)),
            share: Field::Is(self.share.into()),
            verified: Field::Is(self.verified),
            extra: Extra::new(),
        }
    }
}

impl DraftGrouping {
    fn written(&self) -> Grouping {
        Grouping {
            group_key: self.key.to_owned(),
            group_value: Field::Is(GroupValue::Key(self.value)),
            verified: self.verified,
            extra: Extra::new(),
        }
    }
}

impl DraftRoyalty {
    fn written(self) -> Royalty {
        Royalty {
            royalty_model: Field::Is("creators".to_owned()),
            target: Field::Null,
            percent: share_of_price(self.basis_points),
            basis_points: Field::Is(self.basis_points.into()),
            basis_points_raw: self.basis_points_raw.map_or(Field::Absent, |raw| Field::Is(raw.into())),
            primary_sale_happened: Field::Is(self.primary_sale_happened),
            locked: Field::Is(false),
            sfbp_inherited: self.inherited.map_or(Field::Absent, Field::Is),
            extra: Extra::new(),
        }
    }
}

/// Basis points as a share of the price, with a digit behind the point at least: `0.05`, `0.0`. A float would show where
/// it is not exact.
fn share_of_price(basis_points: u16) -> Option<Json> {
    let text = format!("{}.{:04}", basis_points / 10_000, basis_points % 10_000);
    let short = text.trim_end_matches('0');
    Json::parse(&if short.ends_with('.') { format!("{short}0") } else { short.to_owned() }).ok()
}

impl DraftOwnership {
    fn written(self) -> Ownership {
        Ownership {
            frozen: Field::Is(self.frozen),
            non_transferable: self.non_transferable.map_or(Field::Absent, Field::Is),
            delegated: Field::Is(self.delegate.is_some()),
            delegate: self.delegate.map_or(Field::Null, |delegate| Field::Is(Some(delegate))),
            ownership_model: Field::Is(if self.by_token { "token" } else { "single" }.to_owned()),
            owner: Field::Is(self.owner),
            extra: Extra::new(),
        }
    }
}

impl CoreParts {
    fn info(&self) -> MplCoreInfo {
        let count = |count: Option<u32>| count.map_or(Field::Absent, |count| Field::Is(count.into()));
        MplCoreInfo {
            num_minted: count(self.num_minted),
            current_size: count(self.current_size),
            plugins_json_version: Field::Is(PLUGINS_JSON_VERSION),
            extra: Extra::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact() {
        for (basis_points, text) in [
            (0, "0.0"),
            (1, "0.0001"),
            (5, "0.0005"),
            (555, "0.0555"),
            (500, "0.05"),
            (1000, "0.1"),
            (10_000, "1.0"),
            (12_345, "1.2345"),
            (u16::MAX, "6.5535"),
        ] {
            assert_eq!(share_of_price(basis_points).expect("JSON").as_str(), text);
        }
    }

    #[test]
    fn what_nobody_filled_is_empty() {
        let asset = Draft::default().into_asset(Pubkey::from_bytes([1; 32]), None);
        let expected = concat!(
            r#"{"interface":"Custom","id":"4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi","content":{"#,
            r#""$schema":"https://schema.metaplex.com/nft1.0.json","json_uri":"","files":[],"metadata":{},"#,
            r#""links":{}},"authorities":[],"compression":{"eligible":false,"compressed":false,"data_hash":"","#,
            r#""creator_hash":"","asset_hash":"","tree":"","seq":0,"leaf_id":0},"grouping":[],"royalty":{"#,
            r#""royalty_model":"creators","target":null,"percent":0.0,"basis_points":0,"#,
            r#""primary_sale_happened":false,"locked":false},"creators":[],"ownership":{"frozen":false,"#,
            r#""delegated":false,"delegate":null,"ownership_model":"single","owner":""},"supply":{"#,
            r#""print_max_supply":0,"print_current_supply":0,"edition_nonce":null},"mutable":true,"burnt":false}"#,
        );
        assert_eq!(String::from_utf8(asset.render().body).expect("UTF-8"), expected);
    }
}
