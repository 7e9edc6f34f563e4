//! What is asked: random questions about known assets, the same for the same seed. Pure.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Value, json};

use crate::known::{Known, KnownAsset};

/// The methods that questions are asked with.
pub const METHODS: [&str; 13] = [
    "getAsset",
    "getAssets",
    "getAssetProof",
    "getAssetProofs",
    "getAssetsByOwner",
    "getAssetsByGroup",
    "getAssetsByCreator",
    "getAssetsByAuthority",
    "searchAssets",
    "getAssetSignatures",
    "getTokenAccounts",
    "getNftEditions",
    "getGrouping",
];

/// An id that nobody has: what servers say to it is a question too.
const UNKNOWN_ID: &str = "1111111111111111111111111111111d";

/// How often a method is chosen for which nothing is known, until there are no more questions.
const TRIES: usize = 1_000;

/// The largest page that is asked for.
const LIMIT_MAX: u32 = 50;

/// The most ids of one question.
const IDS_MAX: usize = 20;

/// A question to both servers.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The method.
    pub method: &'static str,
    /// Its named parameters.
    pub params: Map<String, Value>,
    /// How many pages are read in all, each after the first by the cursor that the same server gave.
    pub pages: u32,
}

/// Questions without an end, as long as anything is known.
#[derive(Debug)]
pub struct Questions<'a> {
    known: &'a Known,
    methods: Vec<&'static str>,
    rng: StdRng,
}

impl<'a> Questions<'a> {
    /// Questions with these of [`METHODS`].
    pub fn new(known: &'a Known, methods: Vec<&'static str>, seed: u64) -> Self {
        Self { known, methods, rng: StdRng::seed_from_u64(seed) }
    }

    /// A question about an asset, unless it lacks what the method asks about.
    fn ask(&mut self, method: &'static str, asset: &KnownAsset) -> Option<Question> {
        let mut params = Map::new();
        let mut pages = 1;
        match method {
            "getAsset" | "getAssetProof" => drop(params.insert("id".to_owned(), self.id(asset))),
            "getAssets" | "getAssetProofs" => drop(params.insert("ids".to_owned(), self.ids())),
            "getAssetsByGroup" | "getGrouping" => self.group(asset, &mut params)?,
            "getAssetsByOwner" => {
                params.insert("ownerAddress".to_owned(), asset.owner.clone()?.into());
            }
            "getAssetsByCreator" => {
                let creator = asset.creators.choose(&mut self.rng)?;
                params.insert("creatorAddress".to_owned(), creator.clone().into());
                params.insert("onlyVerified".to_owned(), self.rng.random::<bool>().into());
            }
            "getAssetsByAuthority" => {
                let authority = asset.authorities.choose(&mut self.rng)?;
                params.insert("authorityAddress".to_owned(), authority.clone().into());
            }
            "searchAssets" => self.filters(asset, &mut params),
            "getAssetSignatures" => self.leaf(asset, &mut params),
            "getNftEditions" => drop(params.insert("mintAddress".to_owned(), asset.id.clone().into())),
            "getTokenAccounts" => self.holder(asset, &mut params)?,
            other => unreachable!("{other} is not of METHODS"),
        }
        match method {
            "getAsset" | "getAssets" => self.options(&mut params),
            "searchAssets" => pages = self.page(&mut params),
            _ if method.starts_with("getAssetsBy") => pages = self.page(&mut params),
            "getAssetSignatures" | "getNftEditions" | "getTokenAccounts" => self.numbered(&mut params),
            _ => {}
        }
        Some(Question { method, params, pages })
    }

    /// The asset's id, now and then one that nobody has.
    fn id(&mut self, asset: &KnownAsset) -> Value {
        if self.rng.random_ratio(1, 20) { UNKNOWN_ID.into() } else { asset.id.clone().into() }
    }

    /// Some ids in any order, some of them twice.
    fn ids(&mut self) -> Value {
        let count = self.rng.random_range(1..=IDS_MAX);
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            if let Some(asset) = self.known.assets.choose(&mut self.rng) {
                ids.push(self.id(asset));
            }
        }
        ids.into()
    }

    fn group(&mut self, asset: &KnownAsset, params: &mut Map<String, Value>) -> Option<()> {
        let (key, value) = asset.groups.choose(&mut self.rng)?;
        params.insert("groupKey".to_owned(), key.clone().into());
        params.insert("groupValue".to_owned(), value.clone().into());
        Some(())
    }

    /// By id, or by the tree and the leaf.
    fn leaf(&mut self, asset: &KnownAsset, params: &mut Map<String, Value>) {
        match &asset.leaf {
            Some((tree, leaf)) if self.rng.random() => {
                params.insert("tree".to_owned(), tree.clone().into());
                params.insert("leafIndex".to_owned(), (*leaf).into());
            }
            _ => drop(params.insert("id".to_owned(), asset.id.clone().into())),
        }
    }

    fn holder(&mut self, asset: &KnownAsset, params: &mut Map<String, Value>) -> Option<()> {
        if self.rng.random() {
            params.insert("ownerAddress".to_owned(), asset.owner.clone()?.into());
        } else {
            params.insert("mintAddress".to_owned(), asset.id.clone().into());
        }
        if self.rng.random() {
            params.insert("options".to_owned(), json!({ "showZeroBalance": true }));
        }
        Some(())
    }

    /// One to three filters that the asset passes.
    fn filters(&mut self, asset: &KnownAsset, params: &mut Map<String, Value>) {
        let text = |text: &Option<String>| text.clone().map(Value::from);
        let mut filters: Vec<(&str, Value)> = [
            ("ownerAddress", text(&asset.owner)),
            ("delegate", text(&asset.delegate)),
            ("interface", text(&asset.interface)),
            ("jsonUri", text(&asset.json_uri)),
            ("compressed", Some(asset.compressed.into())),
            ("burnt", Some(asset.burnt.into())),
            ("royaltyAmount", asset.royalty.map(Value::from)),
            ("creatorAddress", asset.creators.first().cloned().map(Value::from)),
            ("authorityAddress", asset.authorities.first().cloned().map(Value::from)),
            ("grouping", asset.groups.first().map(|(key, value)| json!([key, value]))),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
        // A name is looked for among the assets of somebody.
        if let (Some(owner), Some(name)) = (&asset.owner, &asset.name)
            && self.rng.random_ratio(1, 10)
        {
            params.insert("ownerAddress".to_owned(), owner.clone().into());
            filters.push(("name", name.clone().into()));
        }
        let count = self.rng.random_range(1..=3);
        for (name, value) in filters.choose_multiple(&mut self.rng, count) {
            params.insert((*name).to_owned(), value.clone());
        }
        if self.rng.random_ratio(1, 8) {
            params.insert("conditionType".to_owned(), "any".into());
        }
    }

    /// What a list takes: options, a sort, a limit, and where the page begins. How many pages are read.
    fn page(&mut self, params: &mut Map<String, Value>) -> u32 {
        self.options(params);
        let mut sort = "id";
        if self.rng.random_ratio(2, 3) {
            sort =
                ["id", "created", "updated", "recent_action"].choose(&mut self.rng).copied().unwrap_or(sort);
            let direction = if self.rng.random() { "asc" } else { "desc" };
            params.insert("sortBy".to_owned(), json!({ "sortBy": sort, "sortDirection": direction }));
        }
        self.limit(params);
        match self.rng.random_range(0..3) {
            0 => drop(params.insert("page".to_owned(), self.rng.random_range(1..=3).into())),
            1 if sort == "id" => {
                for bound in ["before", "after"] {
                    if let Some(asset) = self.known.assets.choose(&mut self.rng)
                        && self.rng.random_ratio(2, 3)
                    {
                        params.insert(bound.to_owned(), asset.id.clone().into());
                    }
                }
            }
            _ => return self.rng.random_range(1..=3),
        }
        1
    }

    fn numbered(&mut self, params: &mut Map<String, Value>) {
        self.limit(params);
        params.insert("page".to_owned(), self.rng.random_range(1..=2).into());
    }

    fn limit(&mut self, params: &mut Map<String, Value>) {
        params.insert("limit".to_owned(), self.rng.random_range(1..=LIMIT_MAX).into());
    }

    fn options(&mut self, params: &mut Map<String, Value>) {
        let mut options = Map::new();
        for name in ["showUnverifiedCollections", "showCollectionMetadata", "showFungible", "showInscription"]
        {
            if self.rng.random_ratio(1, 4) {
                options.insert(name.to_owned(), true.into());
            }
        }
        if !options.is_empty() {
            params.insert("options".to_owned(), options.into());
        }
    }
}

impl Iterator for Questions<'_> {
    type Item = Question;

    fn next(&mut self) -> Option<Question> {
        for _ in 0..TRIES {
            let asset = self.known.assets.choose(&mut self.rng)?;
            let method = *self.methods.choose(&mut self.rng)?;
            if let Some(question) = self.ask(method, asset) {
                return Some(question);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn known() -> Known {
        let asset = json!({
            "id": "a", "interface": "V1_NFT", "content": { "json_uri": "u", "metadata": { "name": "n" } },
            "ownership": { "owner": "o", "delegate": "d" }, "royalty": { "basis_points": 5 },
            "compression": { "compressed": true, "tree": "t", "leaf_id": 3 }, "creators": [{ "address": "c" }],
            "authorities": [{ "address": "x" }], "grouping": [{ "group_key": "collection", "group_value": "g" }],
        });
        Known::of(&[asset, json!({ "id": "b" })])
    }

    #[test]
    fn every_method_is_asked_in_every_way() {
        let known = known();
        let asked: Vec<Question> = Questions::new(&known, METHODS.to_vec(), 7).take(5_000).collect();
        let methods: BTreeSet<&str> = asked.iter().map(|question| question.method).collect();
        assert_eq!(methods, BTreeSet::from(METHODS));
        for name in [
            "id",
            "ids",
            "tree",
            "groupKey",
            "name",
            "conditionType",
            "page",
            "before",
            "after",
            "sortBy",
            "options",
            "onlyVerified",
            "mintAddress",
            "ownerAddress",
            "royaltyAmount",
            "burnt",
            "grouping",
        ] {
            assert!(asked.iter().any(|question| question.params.contains_key(name)), "{name} is never asked");
        }
        for question in &asked {
            let modes =
                ["page", "before", "cursor"].iter().filter(|mode| question.params.contains_key(**mode));
            assert!(modes.count() <= 1, "{question:?}");
            assert!(question.pages == 1 || !question.params.contains_key("page"), "{question:?}");
        }
        assert!(asked.iter().any(|question| question.pages == 3));
    }

    #[test]
    fn a_seed_says_which() {
        let known = known();
        let asked = |seed| Questions::new(&known, METHODS.to_vec(), seed).take(50).collect::<Vec<_>>();
        assert_eq!(asked(1), asked(1));
        assert_ne!(asked(1), asked(2));
    }

    #[test]
    fn nothing_known_is_nothing_asked() {
        assert_eq!(Questions::new(&Known::default(), METHODS.to_vec(), 1).next(), None);
        let bare = Known::of(&[json!({ "id": "b" })]);
        assert_eq!(Questions::new(&bare, vec!["getAssetsByGroup"], 1).next(), None);
    }
}
