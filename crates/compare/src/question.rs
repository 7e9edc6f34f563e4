//! What is asked: random questions about known assets, the same for the same seed. Pure.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Value, json};

use crate::filter::FILTERS;
use crate::known::{Known, KnownAsset};
use crate::page::{self, Paging, Walk};

type Params = Map<String, Value>;

/// A method, and what it is asked with.
struct Method {
    name: &'static str,
    /// How often it is asked, compared with the others.
    weight: u32,
    /// Parameters about an asset, unless it lacks what the method asks about.
    about: fn(&mut Questions<'_>, &KnownAsset) -> Option<Params>,
    /// Display options. `showNativeBalance` is none of them: what it shows changes between two questions.
    options: &'static [&'static str],
    paging: Paging,
}

const OF_ASSETS: &[&str] =
    &["showUnverifiedCollections", "showCollectionMetadata", "showFungible", "showInscription"];

const OF_LISTS: &[&str] = &[
    "showUnverifiedCollections",
    "showCollectionMetadata",
    "showFungible",
    "showInscription",
    "showGrandTotal",
];

const OF_HOLDINGS: &[&str] = &[
    "showUnverifiedCollections",
    "showCollectionMetadata",
    "showFungible",
    "showInscription",
    "showGrandTotal",
    "showZeroBalance",
];

const TABLE: [Method; 15] = [
    Method {
        name: "getAsset",
        weight: 3,
        about: |of, asset| Some(of.id(asset)),
        options: OF_ASSETS,
        paging: Paging::Whole,
    },
    Method {
        name: "getAssets",
        weight: 2,
        about: |of, _| of.ids(),
        options: OF_ASSETS,
        paging: Paging::Whole,
    },
    Method {
        name: "getAssetProof",
        weight: 2,
        about: |of, asset| of.leaf_id(asset),
        options: &[],
        paging: Paging::Whole,
    },
    Method {
        name: "getAssetProofs",
        weight: 2,
        about: |of, _| of.ids(),
        options: &[],
        paging: Paging::Whole,
    },
    Method {
        name: "getAssetsByOwner",
        weight: 4,
        about: |_, asset| Some(named("ownerAddress", asset.owner()?)),
        options: OF_HOLDINGS,
        paging: Paging::List,
    },
    Method {
        name: "getAssetsByGroup",
        weight: 4,
        about: |of, asset| of.group(asset),
        options: OF_LISTS,
        paging: Paging::List,
    },
    Method {
        name: "getAssetsByCreator",
        weight: 3,
        about: |of, asset| of.creator(asset),
        options: OF_LISTS,
        paging: Paging::List,
    },
    Method {
        name: "getAssetsByAuthority",
        weight: 3,
        about: |of, asset| of.authority(asset),
        options: OF_LISTS,
        paging: Paging::List,
    },
    Method {
        name: "searchAssets",
        weight: 12,
        about: |of, _| of.search(),
        options: OF_HOLDINGS,
        paging: Paging::List,
    },
    Method {
        name: "getAssetSignatures",
        weight: 2,
        about: |of, asset| Some(of.leaf(asset)),
        options: &[],
        paging: Paging::TwoWays,
    },
    Method {
        name: "getAssetSignaturesV2",
        weight: 1,
        about: |of, asset| Some(of.leaf(asset)),
        options: &[],
        paging: Paging::TwoWays,
    },
    Method {
        name: "getTokenAccounts",
        weight: 3,
        about: |of, asset| of.holding(asset),
        options: &["showZeroBalance"],
        paging: Paging::ByAddress,
    },
    Method {
        name: "getNftEditions",
        weight: 1,
        about: |_, asset| Some(named("mintAddress", asset.id().into())),
        options: &[],
        paging: Paging::Opaque,
    },
    Method {
        name: "getGrouping",
        weight: 2,
        about: |of, asset| of.group(asset),
        options: &[],
        paging: Paging::Whole,
    },
    Method {
        name: "getAssetChanges",
        weight: 1,
        about: |of, _| Some(of.since()),
        options: OF_ASSETS,
        paging: Paging::Changes,
    },
];

/// The methods that questions are asked with.
pub const METHODS: [&str; TABLE.len()] = {
    let mut names = [""; TABLE.len()];
    let mut place = 0;
    while place < names.len() {
        names[place] = TABLE[place].name;
        place += 1;
    }
    names
};

/// An id that nobody has: what servers say to it is a question too.
const UNKNOWN_ID: &str = "1111111111111111111111111111111d";

/// How often a method is chosen for which nothing is known, until there are no more questions.
const TRIES: usize = 1_000;

/// The most ids of one question.
const IDS_MAX: usize = 20;

/// A question to both servers.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The method.
    pub method: &'static str,
    /// The named parameters of its first page.
    pub params: Map<String, Value>,
    /// How each page after the first is asked for.
    pub walk: Walk,
    /// How many pages are read in all, from 1.
    pub pages: u32,
}

/// Questions without an end, as long as anything is known.
#[derive(Debug)]
pub struct Questions<'a> {
    known: &'a Known,
    methods: Vec<&'static str>,
    /// How many filters have led a search: they do so in turn, so that none is left out.
    searches: usize,
    rng: StdRng,
}

fn named(name: &str, value: Value) -> Params {
    Map::from_iter([(name.to_owned(), value)])
}

impl<'a> Questions<'a> {
    /// Questions with these of [`METHODS`].
    pub fn new(known: &'a Known, methods: Vec<&'static str>, seed: u64) -> Self {
        Self { known, methods, searches: 0, rng: StdRng::seed_from_u64(seed) }
    }

    fn ask(&mut self, method: &Method, asset: &KnownAsset) -> Option<Question> {
        let mut params = (method.about)(self, asset)?;
        self.options(method.options, &mut params);
        let (walk, pages) = page::choose(method.paging, self.known, &mut params, &mut self.rng);
        Some(Question { method: method.name, params, walk, pages })
    }

    /// The asset's id, now and then one that nobody has.
    fn id(&mut self, asset: &KnownAsset) -> Params {
        named("id", self.known_or_not(asset))
    }

    /// The id of an asset that may have a proof, now and then of one that has none.
    fn leaf_id(&mut self, asset: &KnownAsset) -> Option<Params> {
        let asked = asset.flag("/compression/compressed") || self.rng.random_ratio(1, 10);
        asked.then(|| self.id(asset))
    }

    fn known_or_not(&mut self, asset: &KnownAsset) -> Value {
        if self.rng.random_ratio(1, 20) { UNKNOWN_ID.into() } else { asset.id().into() }
    }

    /// Some ids in any order, some of them twice.
    fn ids(&mut self) -> Option<Params> {
        let known = self.known;
        let count = self.rng.random_range(1..=IDS_MAX);
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            let asset = known.assets.choose(&mut self.rng)?;
            ids.push(self.known_or_not(asset));
        }
        Some(named("ids", ids.into()))
    }

    fn group(&mut self, asset: &KnownAsset) -> Option<Params> {
        let groups = asset.groups();
        let group = groups.choose(&mut self.rng)?;
        Some(Map::from_iter([
            ("groupKey".to_owned(), group[0].clone()),
            ("groupValue".to_owned(), group[1].clone()),
        ]))
    }

    fn creator(&mut self, asset: &KnownAsset) -> Option<Params> {
        let mut params =
            named("creatorAddress", asset.each("creators", "address").choose(&mut self.rng)?.clone());
        if self.rng.random() {
            params.insert("onlyVerified".to_owned(), self.rng.random::<bool>().into());
        }
        Some(params)
    }

    fn authority(&mut self, asset: &KnownAsset) -> Option<Params> {
        Some(named("authorityAddress", asset.each("authorities", "address").choose(&mut self.rng)?.clone()))
    }

    /// By id, or by the tree and the leaf.
    fn leaf(&mut self, asset: &KnownAsset) -> Params {
        match (asset.at("/compression/tree"), asset.at("/compression/leaf_id")) {
            (Some(tree), Some(leaf)) if self.rng.random() => {
                Map::from_iter([("tree".to_owned(), tree), ("leafIndex".to_owned(), leaf)])
            }
            _ => named("id", asset.id().into()),
        }
    }

    /// What an owner has, who has a token, or what somebody has of it.
    fn holding(&mut self, asset: &KnownAsset) -> Option<Params> {
        let owner = asset.holders.choose(&mut self.rng).cloned().or_else(|| asset.owner());
        let mint = Some(asset.id().into());
        let (owner, mint) = match self.rng.random_range(0..3) {
            0 => (owner, None),
            1 => (None, mint),
            _ => (owner, mint),
        };
        let fields = [("ownerAddress", owner), ("mintAddress", mint)];
        let params: Params =
            fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        (!params.is_empty()).then_some(params)
    }

    /// Changes from the first on, or from a slot on of any magnitude that slots have.
    fn since(&mut self) -> Params {
        if self.rng.random() {
            Params::new()
        } else {
            named("afterSlot", (1_u64 << self.rng.random_range(0..29)).into())
        }
    }

    /// A filter that leads, in turn, about an asset that has something to say of it; and up to two others about the same one.
    fn search(&mut self) -> Option<Params> {
        let known = self.known;
        for _ in 0..FILTERS.len() {
            let lead = &FILTERS[self.searches % FILTERS.len()];
            self.searches += 1;
            let first = self.rng.random_range(0..known.assets.len());
            let (before, behind) = known.assets.split_at(first);
            for asset in behind.iter().chain(before) {
                let mut params = Params::new();
                if lead.add(asset, &mut params, &mut self.rng) {
                    self.narrow(asset, &mut params);
                    return Some(params);
                }
            }
        }
        None
    }

    fn narrow(&mut self, asset: &KnownAsset, params: &mut Params) {
        let more = self.rng.random_range(0..=2);
        for filter in FILTERS.choose_multiple(&mut self.rng, more) {
            filter.add(asset, params, &mut self.rng);
        }
        // Of all that somebody holds, what is not meant cannot be asked for.
        if params.get("tokenType").is_some_and(|kind| kind == "fungible" || kind == "all") {
            return;
        }
        if self.rng.random_ratio(1, 6) {
            params.insert("negate".to_owned(), true.into());
        }
        if self.rng.random_ratio(1, 4) {
            let which = if self.rng.random_ratio(3, 4) { "any" } else { "all" };
            params.insert("conditionType".to_owned(), which.into());
        }
    }

    fn options(&mut self, names: &[&str], params: &mut Params) {
        let chosen: Params = names
            .iter()
            .filter(|_| self.rng.random_ratio(1, 4))
            .map(|name| ((*name).to_owned(), json!(true)))
            .collect();
        if !chosen.is_empty() {
            params.insert("options".to_owned(), chosen.into());
        }
    }
}

impl Iterator for Questions<'_> {
    type Item = Question;

    fn next(&mut self) -> Option<Question> {
        let methods: Vec<&Method> =
            TABLE.iter().filter(|method| self.methods.contains(&method.name)).collect();
        let known = self.known;
        for _ in 0..TRIES {
            let asset = known.assets.choose(&mut self.rng)?;
            let method = methods.choose_weighted(&mut self.rng, |method| method.weight).ok()?;
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
            "ownership": { "owner": "o", "delegate": "d", "ownership_model": "single" },
            "royalty": { "basis_points": 5, "royalty_model": "single", "target": "r" },
            "compression": { "compressed": true, "tree": "t", "leaf_id": 3 },
            "creators": [{ "address": "c", "verified": false }], "authorities": [{ "address": "x" }],
            "grouping": [{ "group_key": "collection", "group_value": "g" }],
            "agent_token": "at", "asset_signer": "as",
        });
        Known::of(&[asset, json!({ "id": "b" })])
    }

    fn asked(methods: &[&'static str], count: usize) -> Vec<Question> {
        Questions::new(&known(), methods.to_vec(), 7).take(count).collect()
    }

    #[test]
    fn every_method_is_asked_in_every_way() {
        let asked = asked(&METHODS, 5_000);
        let methods: BTreeSet<&str> = asked.iter().map(|question| question.method).collect();
        assert_eq!(methods, BTreeSet::from(METHODS));
        let names = FILTERS.iter().map(|filter| filter.name);
        let others = [
            "id",
            "ids",
            "tree",
            "leafIndex",
            "groupKey",
            "conditionType",
            "negate",
            "page",
            "before",
            "after",
            "sortBy",
            "sortDirection",
            "options",
            "onlyVerified",
            "mintAddress",
            "afterSlot",
        ];
        for name in names.chain(others) {
            assert!(asked.iter().any(|question| question.params.contains_key(name)), "{name} is never asked");
        }
        for option in OF_HOLDINGS {
            let is_asked =
                |question: &Question| question.params.get("options").is_some_and(|all| all[*option] == true);
            assert!(asked.iter().any(is_asked), "{option} is never asked");
        }
        for walk in
            [Walk::Once, Walk::Page, Walk::Cursor, Walk::Bound("after"), Walk::Bound("before"), Walk::Changes]
        {
            assert!(asked.iter().any(|question| question.walk == walk), "{walk:?} is never walked");
        }
    }

    #[test]
    fn no_question_chooses_its_page_in_two_ways() {
        for question in asked(&METHODS, 5_000) {
            let has = |name| question.params.contains_key(name);
            let bounded = has("before") || has("after");
            assert!(!has("page") || !bounded, "{question:?}");
            assert!(!has("cursor"), "{question:?}");
            assert_eq!(has("page"), question.walk == Walk::Page, "{question:?}");
            assert_eq!(bounded, matches!(question.walk, Walk::Bound(_)), "{question:?}");
        }
    }

    #[test]
    fn filters_lead_in_turn() {
        let searches = asked(&["searchAssets"], FILTERS.len());
        for (filter, question) in FILTERS.iter().zip(&searches) {
            assert!(question.params.contains_key(filter.name), "{} {question:?}", filter.name);
        }
    }

    #[test]
    fn token_accounts_are_asked_for_by_owner_by_mint_and_by_both() {
        let ways: BTreeSet<(bool, bool)> = asked(&["getTokenAccounts"], 200)
            .iter()
            .map(|question| {
                let has = |name| question.params.contains_key(name);
                (has("ownerAddress"), has("mintAddress"))
            })
            .collect();
        assert_eq!(ways, BTreeSet::from([(true, false), (false, true), (true, true)]));
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
