//! What is known of some assets: enough to ask for them, and for the lists that they stand in. Pure.

use std::collections::HashMap;

use serde_json::{Value, json};

/// Assets that questions are about.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub(crate) assets: Vec<KnownAsset>,
}

/// One of them; what it lacks no question is about.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownAsset {
    /// The asset as it was answered.
    asset: Value,
    /// Owners of token accounts of it.
    pub(crate) holders: Vec<Value>,
}

impl Known {
    /// What DAS assets tell of themselves; whatever has no id is left out.
    pub fn of(assets: &[Value]) -> Self {
        let assets = assets.iter().filter(|asset| asset["id"].is_string());
        Self {
            assets: assets.map(|asset| KnownAsset { asset: asset.clone(), holders: Vec::new() }).collect(),
        }
    }

    /// Adds what token accounts tell, as getTokenAccounts shows them: who holds which of the assets.
    pub fn add_holders(&mut self, token_accounts: &[Value]) {
        let places: HashMap<String, usize> =
            (0..).zip(&self.assets).map(|(place, asset)| (asset.id().to_owned(), place)).collect();
        for account in token_accounts {
            let place = account["mint"].as_str().and_then(|mint| places.get(mint));
            if let (Some(place), owner @ Value::String(_)) = (place, &account["owner"]) {
                self.assets[*place].holders.push(owner.clone());
            }
        }
    }

    /// Up to so many ids of assets that somebody may hold some of, without that the asset says who.
    pub(crate) fn without_owner(&self, max: usize) -> Vec<String> {
        let ownerless = self.assets.iter().filter(|asset| asset.at("/ownership/owner").is_none());
        ownerless.take(max).map(|asset| asset.id().to_owned()).collect()
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.assets.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.assets.is_empty()
    }
}

impl KnownAsset {
    /// The asset's id.
    pub(crate) fn id(&self) -> &str {
        self.asset["id"].as_str().unwrap_or_default()
    }

    /// What stands at a JSON pointer; null and empty text are nothing.
    pub(crate) fn at(&self, pointer: &str) -> Option<Value> {
        self.asset.pointer(pointer).filter(|value| !is_nothing(value)).cloned()
    }

    /// A flag, which is false where it is absent.
    pub(crate) fn flag(&self, pointer: &str) -> bool {
        self.asset.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
    }

    /// This member of each element of a list.
    pub(crate) fn each(&self, list: &str, member: &str) -> Vec<Value> {
        let elements = self.asset[list].as_array().into_iter().flatten();
        elements.map(|element| &element[member]).filter(|value| !is_nothing(value)).cloned().collect()
    }

    /// Key and value of each group that it is in.
    pub(crate) fn groups(&self) -> Vec<Value> {
        let elements = self.asset["grouping"].as_array().into_iter().flatten();
        let pairs = elements.map(|group| [&group["group_key"], &group["group_value"]]);
        pairs.filter(|pair| pair.iter().all(|part| part.is_string())).map(|pair| json!(pair)).collect()
    }

    /// Its owner, or else somebody who holds some of it.
    pub(crate) fn owner(&self) -> Option<Value> {
        self.at("/ownership/owner").or_else(|| self.holders.first().cloned())
    }
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value == ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_asset_lacks_is_not_known() {
        let mut known = Known::of(&[
            Value::Null,
            json!({ "id": "a" }),
            json!({
                "id": "b", "content": { "json_uri": "" }, "ownership": { "owner": "o", "frozen": true },
                "grouping": [{ "group_key": "collection", "group_value": "c" }, { "group_key": "group" }],
                "creators": [{ "address": "m" }, { "address": null }],
            }),
        ]);
        assert_eq!(known.len(), 2);
        assert_eq!(known.without_owner(9), ["a"]);
        known.add_holders(&[
            json!({ "mint": "a", "owner": "h" }),
            json!({ "mint": "x", "owner": "h" }),
            json!({}),
        ]);
        let [bare, full] = known.assets.as_slice() else { panic!("{known:?}") };
        assert_eq!((bare.id(), bare.owner(), bare.at("/content/json_uri")), ("a", Some(json!("h")), None));
        assert_eq!((bare.flag("/ownership/frozen"), full.flag("/ownership/frozen")), (false, true));
        assert_eq!((full.at("/content/json_uri"), full.owner()), (None, Some(json!("o"))));
        assert_eq!(full.groups(), [json!(["collection", "c"])]);
        assert_eq!(full.each("creators", "address"), [json!("m")]);
    }
}
