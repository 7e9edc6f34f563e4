//! The asset.

use serde_json::value::RawValue;

use crate::content::Content;
use crate::das::{FromDas, Members, filled, keep};
use crate::field::Field;
use crate::grouping::{Grouping, write_groupings};
use crate::json::Json;
use crate::parse::AssetError;
use crate::parts::{Authority, Compression, Creator, MplCoreInfo, Ownership, Royalty, Supply, Uses};
use crate::pubkey::Pubkey;
use crate::render::Output;
use crate::slot::Slot;

/// The members of an object that this crate does not know, in input order.
pub type Extra = Vec<(String, Json)>;

/// One DAS asset. Members stand in the order in which they are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// What kind of asset: `V1_NFT`, `MplCoreAsset`, or any other text that is not empty and has no NUL.
    pub interface: String,
    /// The asset's own key.
    pub id: Pubkey,
    /// What it shows.
    pub content: Content,
    /// Who may change it.
    pub authorities: Vec<Authority>,
    /// Whether it lives in a Merkle tree.
    pub compression: Compression,
    /// The groups it is in, those that default answers do not show included.
    pub grouping: Vec<Grouping>,
    /// What a sale owes.
    pub royalty: Field<Royalty>,
    /// Who made it.
    pub creators: Vec<Creator>,
    /// Who has it.
    pub ownership: Field<Ownership>,
    /// How often it can be used.
    pub uses: Field<Uses>,
    /// Its prints.
    pub supply: Field<Supply>,
    /// Whether it can still change.
    pub mutable: bool,
    /// Whether it is no more.
    pub burnt: bool,
    /// The Token-2022 extensions of its mint.
    pub mint_extensions: Option<Json>,
    /// Its inscription; answers show it only where asked.
    pub inscription: Option<Json>,
    /// Its supply, decimals and program; answers show it only where asked.
    pub token_info: Option<Json>,
    /// MPL Core plugins.
    pub plugins: Option<Json>,
    /// MPL Core plugins that could not be read.
    pub unknown_plugins: Option<Json>,
    /// What only MPL Core assets have.
    pub mpl_core_info: Field<MplCoreInfo>,
    /// MPL Core external plugins.
    pub external_plugins: Option<Json>,
    /// MPL Core external plugins that could not be read.
    pub unknown_external_plugins: Option<Json>,
    /// Whether it is an agent.
    pub is_agent: Field<bool>,
    /// The agent's token.
    pub agent_token: Field<String>,
    /// The address that signs for the asset.
    pub asset_signer: Field<String>,
    /// SPL-20 data.
    pub spl20: Option<Json>,
    /// Every other member.
    pub extra: Extra,
    /// The slot of its creation, where stated.
    pub slot_created: Field<Slot>,
    /// The slot of its last change, where stated.
    pub slot_updated: Field<Slot>,
    /// The `last_indexed_slot` that stood in the input: how fresh the answer was that the asset came from. It is
    /// never given back.
    pub stated_slot: Option<Slot>,
}

impl Asset {
    /// An asset of which nothing else is known: uncompressed, mutable, not burnt, everything else empty or absent.
    pub fn new(id: Pubkey, interface: String) -> Self {
        Self {
            interface,
            id,
            content: Content::default(),
            authorities: Vec::new(),
            compression: Compression::uncompressed(),
            grouping: Vec::new(),
            royalty: Field::Absent,
            creators: Vec::new(),
            ownership: Field::Absent,
            uses: Field::Absent,
            supply: Field::Absent,
            mutable: true,
            burnt: false,
            mint_extensions: None,
            inscription: None,
            token_info: None,
            plugins: None,
            unknown_plugins: None,
            mpl_core_info: Field::Absent,
            external_plugins: None,
            unknown_external_plugins: None,
            is_agent: Field::Absent,
            agent_token: Field::Absent,
            asset_signer: Field::Absent,
            spl20: None,
            extra: Extra::new(),
            slot_created: Field::Absent,
            slot_updated: Field::Absent,
            stated_slot: None,
        }
    }

    /// Takes in one member other than `interface` and `id`.
    pub(crate) fn set(&mut self, name: &str, raw: &RawValue) -> Result<(), AssetError> {
        match name {
            "content" => self.content = filled(raw)?.unwrap_or_default(),
            "authorities" => self.authorities = filled(raw)?.unwrap_or_default(),
            "compression" => self.compression = filled(raw)?.unwrap_or_else(Compression::uncompressed),
            "grouping" => self.grouping = filled(raw)?.unwrap_or_default(),
            "royalty" => self.royalty = FromDas::from_das(raw)?,
            "creators" => self.creators = filled(raw)?.unwrap_or_default(),
            "ownership" => self.ownership = FromDas::from_das(raw)?,
            "uses" => self.uses = FromDas::from_das(raw)?,
            "supply" => self.supply = FromDas::from_das(raw)?,
            "mutable" => self.mutable = filled(raw)?.unwrap_or(true),
            "burnt" => self.burnt = filled(raw)?.unwrap_or(false),
            "mint_extensions" => self.mint_extensions = FromDas::from_das(raw).map(Some)?,
            "inscription" => self.inscription = FromDas::from_das(raw).map(Some)?,
            "token_info" => self.token_info = FromDas::from_das(raw).map(Some)?,
            "plugins" => self.plugins = FromDas::from_das(raw).map(Some)?,
            "unknown_plugins" => self.unknown_plugins = FromDas::from_das(raw).map(Some)?,
            "mpl_core_info" => self.mpl_core_info = FromDas::from_das(raw)?,
            "external_plugins" => self.external_plugins = FromDas::from_das(raw).map(Some)?,
            "unknown_external_plugins" => {
                self.unknown_external_plugins = FromDas::from_das(raw).map(Some)?;
            }
            "is_agent" => self.is_agent = FromDas::from_das(raw)?,
            "agent_token" => self.agent_token = FromDas::from_das(raw)?,
            "asset_signer" => self.asset_signer = FromDas::from_das(raw)?,
            "spl20" => self.spl20 = FromDas::from_das(raw).map(Some)?,
            "slot_created" => self.slot_created = FromDas::from_das(raw)?,
            "slot_updated" => self.slot_updated = FromDas::from_das(raw)?,
            "last_indexed_slot" => self.stated_slot = filled(raw)?,
            _ => keep(&mut self.extra, name, raw),
        }
        Ok(())
    }

    /// Writes the default answer, and into the table what options add. Returns how long the answer is without the
    /// slots, which stand last.
    pub(crate) fn write(&self, out: &mut Output) -> usize {
        let mut members = Members::open(out);
        members.put(out, "interface", &self.interface);
        members.put(out, "id", &self.id);
        members.put(out, "content", &self.content);
        members.put(out, "authorities", &self.authorities);
        members.put(out, "compression", &self.compression);
        members.name(out, "grouping");
        write_groupings(&self.grouping, out);
        members.put(out, "royalty", &self.royalty);
        members.put(out, "creators", &self.creators);
        members.put(out, "ownership", &self.ownership);
        members.put(out, "uses", &self.uses);
        members.put(out, "supply", &self.supply);
        members.put(out, "mutable", &self.mutable);
        members.put(out, "burnt", &self.burnt);
        members.put(out, "mint_extensions", &self.mint_extensions);
        if let Some(inscription) = &self.inscription {
            out.table.inscription(out.body.len(), inscription);
        }
        if let Some(token_info) = &self.token_info {
            out.table.token_info(out.body.len(), token_info);
        }
        members.put(out, "plugins", &self.plugins);
        members.put(out, "unknown_plugins", &self.unknown_plugins);
        members.put(out, "mpl_core_info", &self.mpl_core_info);
        members.put(out, "external_plugins", &self.external_plugins);
        members.put(out, "unknown_external_plugins", &self.unknown_external_plugins);
        members.put(out, "is_agent", &self.is_agent);
        members.put(out, "agent_token", &self.agent_token);
        members.put(out, "asset_signer", &self.asset_signer);
        members.put(out, "spl20", &self.spl20);
        members.extra(out, &self.extra);
        let without_slots = out.body.len();
        members.put(out, "slot_created", &self.slot_created);
        members.put(out, "slot_updated", &self.slot_updated);
        out.body.push(b'}');
        without_slots
    }
}
