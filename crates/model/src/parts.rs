//! The smaller objects of an asset, each with its members in the order of the contract.

use serde_json::value::RawValue;

use crate::asset::Extra;
use crate::das::{FromDas, Members, Part, ToDas, keep, number_or_null};
use crate::field::Field;
use crate::json::Json;
use crate::parse::AssetError;
use crate::pubkey::Pubkey;
use crate::render::Output;

/// Who may change an asset, and what of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Authority {
    /// The authority's key; `Is(None)` is the empty text, which MPL Core assets without an authority have.
    pub address: Field<Option<Pubkey>>,
    /// `full`, `royalty`, `metadata`, `extension`.
    pub scopes: Field<Vec<String>>,
    /// Every other member.
    pub extra: Extra,
}

/// Whether an asset lives in a Merkle tree, and where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compression {
    /// Whether it could be compressed.
    pub eligible: Field<bool>,
    /// Whether it is.
    pub compressed: Field<bool>,
    /// Base58, or empty.
    pub data_hash: Field<String>,
    /// Base58, or empty.
    pub creator_hash: Field<String>,
    /// Base58; only leaves of version 2 have it.
    pub collection_hash: Field<String>,
    /// Base58; only leaves of version 2 have it.
    pub asset_data_hash: Field<String>,
    /// A bit set; only leaves of version 2 have it.
    pub flags: Field<u64>,
    /// The leaf: base58, or empty.
    pub asset_hash: Field<String>,
    /// The tree's key: base58, or empty.
    pub tree: Field<String>,
    /// The tree's sequence number at the leaf's last change.
    pub seq: Field<u64>,
    /// The leaf's index in the tree.
    pub leaf_id: Field<u64>,
    /// Every other member.
    pub extra: Extra,
}

/// What a sale owes, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Royalty {
    /// `creators`, `fanout` or `single`.
    pub royalty_model: Field<String>,
    /// Who gets it, where the model names one.
    pub target: Field<String>,
    /// The share of the price, 0 to 1: a number with its own text, or null.
    pub percent: Option<Json>,
    /// The share of the price in 1/10000.
    pub basis_points: Field<u64>,
    /// The asset's own share where it inherits another.
    pub basis_points_raw: Field<u64>,
    /// Whether it was ever sold.
    pub primary_sale_happened: Field<bool>,
    /// Whether it is fixed for good.
    pub locked: Field<bool>,
    /// Whether the share comes from the collection.
    pub sfbp_inherited: Field<bool>,
    /// Every other member.
    pub extra: Extra,
}

/// Who made an asset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Creator {
    /// The creator's key; `Is(None)` is the empty text.
    pub address: Field<Option<Pubkey>>,
    /// The creator's part of the royalty in percent.
    pub share: Field<u64>,
    /// Whether the creator signed.
    pub verified: Field<bool>,
    /// Every other member.
    pub extra: Extra,
}

/// Who has an asset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ownership {
    /// Whether it cannot be moved now.
    pub frozen: Field<bool>,
    /// Whether it can never be moved.
    pub non_transferable: Field<bool>,
    /// Whether somebody else may move it.
    pub delegated: Field<bool>,
    /// Who may; `Is(None)` is the empty text.
    pub delegate: Field<Option<Pubkey>>,
    /// `single` or `token`.
    pub ownership_model: Field<String>,
    /// Who has it; `Is(None)` is the empty text, which assets of many owners have.
    pub owner: Field<Option<Pubkey>>,
    /// Every other member.
    pub extra: Extra,
}

/// How often an asset can be used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Uses {
    /// `Burn`, `Multiple` or `Single`.
    pub use_method: Field<String>,
    /// How often it still can.
    pub remaining: Field<u64>,
    /// How often it could at first.
    pub total: Field<u64>,
    /// Every other member.
    pub extra: Extra,
}

/// The prints of an asset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Supply {
    /// The most prints there can be.
    pub print_max_supply: Field<u64>,
    /// The prints there are.
    pub print_current_supply: Field<u64>,
    /// The bump of the edition's address.
    pub edition_nonce: Field<u64>,
    /// Which print it is.
    pub edition_number: Field<u64>,
    /// Of which mint it is a print.
    pub master_edition_mint: Field<String>,
    /// Every other member.
    pub extra: Extra,
}

/// What only MPL Core collections and assets have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MplCoreInfo {
    /// How many assets the collection ever had.
    pub num_minted: Field<u64>,
    /// How many it has.
    pub current_size: Field<u64>,
    /// The form of the plugins' JSON.
    pub plugins_json_version: Field<u64>,
    /// Every other member.
    pub extra: Extra,
}

impl Compression {
    /// The form of an asset in no tree.
    pub fn uncompressed() -> Self {
        let none = || Field::Is(String::new());
        Self {
            eligible: Field::Is(false),
            compressed: Field::Is(false),
            data_hash: none(),
            creator_hash: none(),
            asset_hash: none(),
            tree: none(),
            seq: Field::Is(0),
            leaf_id: Field::Is(0),
            ..Self::default()
        }
    }
}

impl Part for Authority {
    fn set(&mut self, name: &str, raw: &RawValue) -> Result<(), AssetError> {
        match name {
            "address" => self.address = FromDas::from_das(raw)?,
            "scopes" => self.scopes = FromDas::from_das(raw)?,
            _ => keep(&mut self.extra, name, raw),
        }
        Ok(())
    }
}

impl ToDas for Authority {
    fn to_das(&self, out: &mut Output) {
        let mut members = Members::open(out);
        members.put(out, "address", &self.address);
        members.put(out, "scopes", &self.scopes);
        members.close(out, &self.extra);
    }
}

impl Part for Compression {
    fn set(&mut self, name: &str, raw: &RawValue) -> Result<(), AssetError> {
        match name {
            "eligible" => self.eligible = FromDas::from_das(raw)?,
            "compressed" => self.compressed = FromDas::from_das(raw)?,
            "data_hash" => self.data_hash = FromDas::from_das(raw)?,
            "creator_hash" => self.creator_hash = FromDas::from_das(raw)?,
            "collection_hash" => self.collection_hash = FromDas::from_das(raw)?,
            "asset_data_hash" => self.asset_data_hash = FromDas::from_das(raw)?,
            "flags" => self.flags = FromDas::from_das(raw)?,
            "asset_hash" => self.asset_hash = FromDas::from_das(raw)?,
            "tree" => self.tree = FromDas::from_das(raw)?,
            "seq" => self.seq = FromDas::from_das(raw)?,
            "leaf_id" => self.leaf_id = FromDas::from_das(raw)?,
            _ => keep(&mut self.extra, name, raw),
        }
        Ok(())
    }
}

impl ToDas for Compression {
    fn to_das(&self, out: &mut Output) {
        let mut members = Members::open(out);
        members.put(out, "eligible", &self.eligible);
        members.put(out, "compressed", &self.compressed);
        members.put(out, "data_hash", &self.data_hash);
        members.put(out, "creator_hash", &self.creator_hash);
        members.put(out, "collection_hash", &self.collection_hash);
        members.put(out, "asset_data_hash", &self.asset_data_hash);
        members.put(out, "flags", &self.flags);
        members.put(out, "asset_hash", &self.asset_hash);
        members.put(out, "tree", &self.tree);
        members.put(out, "seq", &self.seq);
        members.put(out, "leaf_id", &self.leaf_id);
        members.close(out, &self.extra);
    }
}

impl Part for Royalty {
    fn set(&mut self, name: &str, raw: &RawValue) -> Result<(), AssetError> {
        match name {
            "royalty_model" => self.royalty_model = FromDas::from_das(raw)?,
            "target" => self.target = FromDas::from_das(raw)?,
            "percent" => self.percent = number_or_null(raw)?,
            "basis_points" => self.basis_points = FromDas::from_das(raw)?,
            "basis_points_raw" => self.basis_points_raw = FromDas::from_das(raw)?,
            "primary_sale_happened" => self.primary_sale_happened = FromDas::from_das(raw)?,
            "locked" => self.locked = FromDas::from_das(raw)?,
            "sfbp_inherited" => self.sfbp_inherited = FromDas::from_das(raw)?,
            _ => keep(&mut self.extra, name, raw),
        }
        Ok(())
    }
}

impl ToDas for Royalty {
    fn to_das(&self, out: &mut Output) {
        let mut members = Members::open(out);
        members.put(out, "royalty_model", &self.royalty_model);
        members.put(out, "target", &self.target);
        members.put(out, "percent", &self.percent);
        members.put(out, "basis_points", &self.basis_points);
        members.put(out, "basis_points_raw", &self.basis_points_raw);
        members.put(out, "primary_sale_happened", &self.primary_sale_happened);
        members.put(out, "locked", &self.locked);
        members.put(out, "sfbp_inherited", &self.sfbp_inherited);
        members.close(out, &self.extra);
    }
}

impl Part for Creator {
    fn set(&mut self, name: &str, raw: &RawValue) -> Result<(), AssetError> {
        match name {
            "address" => self.address = FromDas::from_das(raw)?,
            "share" => self.share = FromDas::from_das(raw)?,
            "verified" => self.verified = FromDas::from_das(raw)?,
            _ => keep(&mut self.extra, name, raw),
        }
        Ok(())
    }
}

impl ToDas for Creator {
    fn to_das(&self, out: &mut Output) {
        let mut members = Members::open(out);
        members.put(out, "address", &self.address);
        members.put(out, "share", &self.share);
        members.put(out, "verified", &self.verified);
        members.close(out, &self.extra);
    }
}

impl Part for Ownership {
    fn set(&mut self, name: &str, raw: &RawValue) -> Result<(), AssetError> {
        match name {
            "frozen" => self.frozen = FromDas::from_das(raw)?,
            "non_transferable" => self.non_transferable = FromDas::from_das(raw)?,
            "delegated" => self.delegated = FromDas::from_das(raw)?,
            "delegate" => self.delegate = FromDas::from_das(raw)?,
            "ownership_model" => self.ownership_model = FromDas::from_das(raw)?,
            "owner" => self.owner = FromDas::from_das(raw)?,
            _ => keep(&mut self.extra, name, raw),
        }
        Ok(())
    }
}

impl ToDas for Ownership {
    fn to_das(&self, out: &mut Output) {
        let mut members = Members::open(out);
        members.put(out, "frozen", &self.frozen);
        members.put(out, "non_transferable", &self.non_transferable);
        members.put(out, "delegated", &self.delegated);
        members.put(out, "delegate", &self.delegate);
        members.put(out, "ownership_model", &self.ownership_model);
        members.put(out, "owner", &self.owner);
        members.close(out, &self.extra);
    }
}

impl Part for Uses {
    fn set(&mut self, name: &str, raw: &RawValue) -> Result<(), AssetError> {
        match name {
            "use_method" => self.use_method = FromDas::from_das(raw)?,
            "remaining" => self.remaining = FromDas::from_das(raw)?,
            "total" => self.total = FromDas::from_das(raw)?,
            _ => keep(&mut self.extra, name, raw),
        }
        Ok(())
    }
}

impl ToDas for Uses {
    fn to_das(&self, out: &mut Output) {
        let mut members = Members::open(out);
        members.put(out, "use_method", &self.use_method);
        members.put(out, "remaining", &self.remaining);
        members.put(out, "total", &self.total);
        members.close(out, &self.extra);
    }
}

impl Part for Supply {
    fn set(&mut self, name: &str, raw: &RawValue) -> Result<(), AssetError> {
        match name {
            "print_max_supply" => self.print_max_supply = FromDas::from_das(raw)?,
            "print_current_supply" => self.print_current_supply = FromDas::from_das(raw)?,
            "edition_nonce" => self.edition_nonce = FromDas::from_das(raw)?,
            "edition_number" => self.edition_number = FromDas::from_das(raw)?,
            "master_edition_mint" => self.master_edition_mint = FromDas::from_das(raw)?,
            _ => keep(&mut self.extra, name, raw),
        }
        Ok(())
    }
}

impl ToDas for Supply {
    fn to_das(&self, out: &mut Output) {
        let mut members = Members::open(out);
        members.put(out, "print_max_supply", &self.print_max_supply);
        members.put(out, "print_current_supply", &self.print_current_supply);
        members.put(out, "edition_nonce", &self.edition_nonce);
        members.put(out, "edition_number", &self.edition_number);
        members.put(out, "master_edition_mint", &self.master_edition_mint);
        members.close(out, &self.extra);
    }
}

impl Part for MplCoreInfo {
    fn set(&mut self, name: &str, raw: &RawValue) -> Result<(), AssetError> {
        match name {
            "num_minted" => self.num_minted = FromDas::from_das(raw)?,
            "current_size" => self.current_size = FromDas::from_das(raw)?,
            "plugins_json_version" => self.plugins_json_version = FromDas::from_das(raw)?,
            _ => keep(&mut self.extra, name, raw),
        }
        Ok(())
    }
}

impl ToDas for MplCoreInfo {
    fn to_das(&self, out: &mut Output) {
        let mut members = Members::open(out);
        members.put(out, "num_minted", &self.num_minted);
        members.put(out, "current_size", &self.current_size);
        members.put(out, "plugins_json_version", &self.plugins_json_version);
        members.close(out, &self.extra);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "3F21SJs4FMpsakrxmd8GjgfQZG6BN6MVsvXcm5Yc6Jcf";

    fn again<T: FromDas + ToDas>(text: &str) -> Result<String, AssetError> {
        let raw: &RawValue = serde_json::from_str(text).expect("JSON");
        let mut out = Output::default();
        T::from_das(raw)?.to_das(&mut out);
        Ok(String::from_utf8(out.body).expect("JSON is UTF-8"))
    }

    /// Text in the order of the contract comes back as it is, and so it does from the opposite order.
    fn stays<T: FromDas + ToDas>(members: &[&str]) {
        let text = format!("{{{}}}", members.join(","));
        assert_eq!(again::<T>(&text), Ok(text.clone()));
        let known = members.len() - 1;
        let mut backwards: Vec<_> = members[..known].iter().rev().copied().collect();
        backwards.push(members[known]);
        assert_eq!(again::<T>(&format!("{{{}}}", backwards.join(","))), Ok(text));
    }

    #[test]
    fn members_have_one_order_and_nulls_stay() {
        let address = format!("\"address\":\"{KEY}\"");
        stays::<Authority>(&[&address, r#""scopes":["full","a\"b"]"#, r#""since":1.0"#]);
        stays::<Creator>(&[&address, r#""share":100"#, r#""verified":null"#, r#""x":null"#]);
        stays::<Royalty>(&[
            r#""royalty_model":"creators""#,
            r#""target":null"#,
            r#""percent":0.0420"#,
            r#""basis_points":420"#,
            r#""basis_points_raw":7"#,
            r#""primary_sale_happened":true"#,
            r#""locked":false"#,
            r#""sfbp_inherited":null"#,
            r#""z":{"b":1,"a":2}"#,
        ]);
        let (owner, delegate) = (format!("\"owner\":\"{KEY}\""), r#""delegate":"""#);
        let model = r#""ownership_model":"single""#;
        let (frozen, fixed) = (r#""frozen":true"#, r#""non_transferable":false"#);
        stays::<Ownership>(&[frozen, fixed, r#""delegated":false"#, delegate, model, &owner, r#""é\n":0"#]);
        stays::<Uses>(&[
            r#""use_method":"Burn""#,
            r#""remaining":0"#,
            r#""total":18446744073709551615"#,
            "\"_\":1",
        ]);
        let max = r#""print_max_supply":null"#;
        let nonce = r#""edition_nonce":254"#;
        let mint = r#""master_edition_mint":"m""#;
        let number = r#""edition_number":3"#;
        stays::<Supply>(&[max, r#""print_current_supply":0"#, nonce, number, mint, "\"_\":1"]);
        let version = r#""plugins_json_version":1"#;
        stays::<MplCoreInfo>(&[r#""num_minted":5"#, r#""current_size":null"#, version, "\"_\":[]"]);
        stays::<Compression>(&[
            r#""eligible":true"#,
            r#""compressed":true"#,
            r#""data_hash":"d""#,
            r#""creator_hash":"c""#,
            r#""collection_hash":"l""#,
            r#""asset_data_hash":"s""#,
            r#""flags":0"#,
            r#""asset_hash":"a""#,
            r#""tree":"t""#,
            r#""seq":9"#,
            r#""leaf_id":8"#,
            r#""_":"_""#,
        ]);
    }

    #[test]
    fn an_address_may_be_empty() {
        for text in [r#"{"address":"","scopes":["full"]}"#, r#"{"address":null}"#, "{}"] {
            assert_eq!(again::<Authority>(text).as_deref(), Ok(text));
        }
        for text in [r#"{"address":"","share":1}"#, r#"{"address":null}"#, "{}"] {
            assert_eq!(again::<Creator>(text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn wrong_values_are_named() {
        let refusal = |result: Result<String, AssetError>| result.expect_err("wrong").to_string();
        assert_eq!(refusal(again::<Authority>(r#"{"address":1}"#)), "address: must be text, not a number");
        let reason = "address: not a public key: it is not 32 bytes long";
        assert_eq!(refusal(again::<Creator>(r#"{"address":"abc"}"#)), reason);
        let whole = "a whole number from 0 to 18446744073709551615";
        for number in ["-1", "1.5", "1e2", "18446744073709551616"] {
            let text = format!("{{\"address\":\"{KEY}\",\"share\":{number}}}");
            assert_eq!(
                refusal(again::<Creator>(&text)),
                format!("share: must be {whole}, not another number")
            );
        }
        let reason = "scopes[1]: must be text, not a number";
        let text = format!("{{\"address\":\"{KEY}\",\"scopes\":[\"full\",1]}}");
        assert_eq!(refusal(again::<Authority>(&text)), reason);
        assert_eq!(refusal(again::<Royalty>(r#"{"percent":"5"}"#)), "percent: must be a number, not text");
        assert_eq!(
            refusal(again::<Royalty>(r#"{"locked":0}"#)),
            "locked: must be true or false, not a number"
        );
        let reason = "owner: not a public key: it has a character that is not base58";
        assert_eq!(refusal(again::<Ownership>(r#"{"owner":"0"}"#)), reason);
        assert_eq!(refusal(again::<Uses>("[]")), "must be an object");
        assert_eq!(refusal(again::<Uses>(r#"{"total":1,"total":1}"#)), "duplicate key \"total\"");
    }
}
