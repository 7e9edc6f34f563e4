//! What `searchAssets` can be asked for: a table from what is known of an asset to a filter. Pure.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Map, Value, json};

use crate::known::KnownAsset;

/// A filter of `searchAssets`.
pub(crate) struct Filter {
    /// The parameter.
    pub(crate) name: &'static str,
    /// A value that is about the asset; none where the asset has nothing to say of it.
    of: fn(&KnownAsset, &mut StdRng) -> Option<Value>,
    /// Whether servers want to know the owner too.
    with_owner: bool,
    /// Parameters that servers refuse beside it.
    not_beside: &'static [&'static str],
}

/// A filter that goes with all others.
const fn filter(name: &'static str, of: fn(&KnownAsset, &mut StdRng) -> Option<Value>) -> Filter {
    Filter { name, of, with_owner: false, not_beside: &[] }
}

/// All of them.
pub(crate) static FILTERS: [Filter; 29] = [
    filter("ownerAddress", |asset, _| asset.owner()),
    filter("ownerType", |asset, _| asset.at("/ownership/ownership_model")),
    filter("delegate", |asset, _| asset.at("/ownership/delegate")),
    filter("frozen", |asset, rng| Some(either(asset.flag("/ownership/frozen"), rng))),
    filter("creatorAddress", |asset, rng| one(&asset.each("creators", "address"), rng)),
    filter("creatorVerified", |asset, rng| one(&asset.each("creators", "verified"), rng)),
    filter("authorityAddress", |asset, rng| one(&asset.each("authorities", "address"), rng)),
    filter("grouping", |asset, rng| one(&asset.groups(), rng)),
    filter("collections", |asset, _| some(collections(asset))),
    filter("not", not),
    filter("interface", |asset, _| asset.at("/interface")),
    filter("supply", |asset, _| asset.at("/token_info/supply").or(Some(1.into()))),
    filter("supplyMint", |asset, _| asset.at("/id")),
    filter("compressed", |asset, rng| Some(either(asset.flag("/compression/compressed"), rng))),
    filter("compressible", |asset, rng| Some(either(asset.flag("/compression/eligible"), rng))),
    filter("tree", |asset, _| asset.at("/compression/tree")),
    filter("royaltyTargetType", |asset, _| asset.at("/royalty/royalty_model")),
    filter("royaltyTarget", |asset, _| asset.at("/royalty/target")),
    filter("royaltyAmount", |asset, _| asset.at("/royalty/basis_points")),
    filter("burnt", |asset, rng| Some(either(asset.flag("/burnt"), rng))),
    filter("jsonUri", |asset, _| asset.at("/content/json_uri")),
    filter("isAgent", |asset, rng| Some(either(asset.flag("/is_agent"), rng))),
    filter("agentToken", |asset, _| asset.at("/agent_token")),
    filter("assetSigner", |asset, _| asset.at("/asset_signer")),
    filter("collectionNft", |asset, rng| Some(either(is_collection(asset), rng))),
    filter("createdAt", created_at),
    Filter { with_owner: true, ..filter("name", part_of_the_name) },
    Filter { with_owner: true, not_beside: &["ownerType", "interface"], ..filter("tokenType", token_type) },
    // What a fungible token is asked for by: its holders have it, and no list has.
    Filter {
        with_owner: true,
        not_beside: &["ownerType", "interface", "negate", "conditionType"],
        ..filter("tokenType", held)
    },
];

impl Filter {
    /// Adds the filter, unless the asset has nothing to say of it or what is there already excludes it. Whether it did.
    pub(crate) fn add(&self, asset: &KnownAsset, params: &mut Map<String, Value>, rng: &mut StdRng) -> bool {
        let excluded = |params: &Map<String, Value>| {
            params.contains_key(self.name)
                || self.not_beside.iter().any(|name| params.contains_key(*name))
                || FILTERS
                    .iter()
                    .any(|other| other.not_beside.contains(&self.name) && params.contains_key(other.name))
        };
        let (Some(value), false) = ((self.of)(asset, rng), excluded(params)) else { return false };
        if self.with_owner {
            let Some(owner) = asset.owner() else { return false };
            params.insert("ownerAddress".to_owned(), owner);
        }
        params.insert(self.name.to_owned(), value);
        true
    }
}

/// What it is, now and then the opposite: of most flags hardly any asset has the one that is of interest.
fn either(is: bool, rng: &mut StdRng) -> Value {
    (is ^ rng.random_ratio(1, 3)).into()
}

fn one(values: &[Value], rng: &mut StdRng) -> Option<Value> {
    values.choose(rng).cloned()
}

fn some(values: Vec<Value>) -> Option<Value> {
    (!values.is_empty()).then(|| values.into())
}

fn collections(asset: &KnownAsset) -> Vec<Value> {
    let pairs = asset.groups();
    pairs.into_iter().filter(|pair| pair[0] == "collection").map(|mut pair| pair[1].take()).collect()
}

fn is_collection(asset: &KnownAsset) -> bool {
    asset.at("/interface").is_some_and(|interface| interface == "MplCoreCollection")
}

/// Something that the asset is, and that is not wanted.
fn not(asset: &KnownAsset, rng: &mut StdRng) -> Option<Value> {
    let kinds = [
        ("collections", collections(asset)),
        ("owners", asset.owner().into_iter().collect()),
        ("creators", asset.each("creators", "address")),
        ("authorities", asset.each("authorities", "address")),
    ];
    let known: Vec<_> = kinds.into_iter().filter(|(_, values)| !values.is_empty()).collect();
    known.choose(rng).map(|(kind, values)| json!({ *kind: values }))
}

/// Bounds around its slot where the asset tells it; else of any magnitude that slots have.
fn created_at(asset: &KnownAsset, rng: &mut StdRng) -> Option<Value> {
    let slot = asset.at("/slot_created").and_then(|slot| slot.as_u64());
    let slot = slot.unwrap_or_else(|| (1_u64 << rng.random_range(0..29)) + rng.random_range(0..100));
    let (after, before) = (slot.saturating_sub(rng.random_range(0..=2)), slot + rng.random_range(0..=2));
    [json!({ "after": after }), json!({ "before": before }), json!({ "after": after, "before": before })]
        .choose(rng)
        .cloned()
}

/// The name, or its beginning.
fn part_of_the_name(asset: &KnownAsset, rng: &mut StdRng) -> Option<Value> {
    let name = asset.at("/content/metadata/name")?;
    let length = name.as_str()?.chars().count();
    let kept = if rng.random() { length } else { rng.random_range(1..=length) };
    Some(name.as_str()?.chars().take(kept).collect::<String>().into())
}

/// A type of which the asset is one, in a spelling that every server knows.
fn token_type(asset: &KnownAsset, rng: &mut StdRng) -> Option<Value> {
    let own = if asset.flag("/compression/compressed") { "compressedNft" } else { "regularNft" };
    [own, "nonFungible"].choose(rng).map(|name| (*name).into())
}

/// Everything that somebody has, or the fungible part of it.
fn held(_: &KnownAsset, rng: &mut StdRng) -> Option<Value> {
    ["fungible", "all"].choose(rng).map(|name| (*name).into())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::known::Known;

    fn added(name: &str, asset: &Value, beside: &Value) -> Vec<Option<Map<String, Value>>> {
        let known = Known::of(std::slice::from_ref(asset));
        let filters = FILTERS.iter().filter(|filter| filter.name == name);
        filters
            .map(|filter| {
                let mut params = beside.as_object().cloned().unwrap_or_default();
                let rng = &mut StdRng::seed_from_u64(1);
                filter.add(&known.assets[0], &mut params, rng).then_some(params)
            })
            .collect()
    }

    #[test]
    fn what_an_asset_says_nothing_of_is_no_filter() {
        let bare = json!({ "id": "a" });
        for filter in &FILTERS {
            let adds = added(filter.name, &bare, &json!({}));
            let told = ["frozen", "supply", "supplyMint", "compressed", "compressible", "burnt", "isAgent"];
            let always = told.contains(&filter.name) || ["collectionNft", "createdAt"].contains(&filter.name);
            assert!(adds.iter().all(|added| added.is_some() == always), "{}", filter.name);
        }
    }

    #[test]
    fn what_servers_refuse_together_is_not_asked_together() {
        let asset = json!({ "id": "a", "interface": "V1_NFT", "ownership": { "owner": "o" } });
        let [of_one, of_all] = &added("tokenType", &asset, &json!({}))[..] else { panic!("two rows") };
        for params in [of_one, of_all] {
            assert_eq!(params.as_ref().map(|params| &params["ownerAddress"]), Some(&json!("o")));
        }
        assert_eq!(added("tokenType", &asset, &json!({ "interface": "V1_NFT" })), [None, None]);
        assert_eq!(added("interface", &asset, &json!({ "tokenType": "all" })), [None]);
        let negated = added("tokenType", &asset, &json!({ "negate": true }));
        assert!(negated[0].is_some() && negated[1].is_none(), "{negated:?}");
    }
}
