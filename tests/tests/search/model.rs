//! Assets as chance makes them, and what each filter means for one, plainly.

use proptest::prelude::*;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};
use vitrine_model::{Asset, Pubkey, Slot};
use vitrine_store::AssetChange;
use vitrine_tests::assets::pubkey;

pub(crate) const INTERFACES: [&str; 5] =
    ["V1_NFT", "MplCoreAsset", "MplCoreCollection", "FungibleToken", "LEGACY_NFT"];
pub(crate) const NAMES: [&str; 6] =
    ["Fox #1", "100% fox", "under_score", "it's \\ 'quoted'", "é 😀", "nul \0 inside"];
pub(crate) const URIS: [&str; 3] = ["https://a.test/1.json", "https://a.test/'; DROP TABLE asset; --", ""];
const MODELS: [&str; 3] = ["creators", "fanout", "single"];

/// An address of some role: few of each, so that filters meet.
pub(crate) fn key(role: u64, number: u64) -> Pubkey {
    pubkey((role + 1) << 40 | number)
}

pub(crate) const OWNER: u64 = 1;
pub(crate) const AUTHORITY: u64 = 2;
pub(crate) const CREATOR: u64 = 3;
pub(crate) const COLLECTION: u64 = 4;
pub(crate) const DELEGATE: u64 = 5;
pub(crate) const TREE: u64 = 6;
pub(crate) const TARGET: u64 = 7;
pub(crate) const TOKEN: u64 = 8;
pub(crate) const SIGNER: u64 = 9;

#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) id: Pubkey,
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) interface: &'static str,
    pub(crate) owner: u64,
    pub(crate) authority: u64,
    pub(crate) creators: Vec<(u64, bool)>,
    pub(crate) collections: Vec<(u64, bool)>,
    pub(crate) season: Option<u64>,
    pub(crate) delegate: Option<u64>,
    pub(crate) tree: Option<u64>,
    pub(crate) fungible: bool,
    pub(crate) supply: Option<u64>,
    pub(crate) flags: [bool; 4],
    pub(crate) royalty: (usize, Option<u64>, u64),
    pub(crate) uri: &'static str,
    pub(crate) name: &'static str,
    pub(crate) token: Option<u64>,
    pub(crate) signer: Option<u64>,
    /// Token accounts: who, and how much.
    pub(crate) held: Vec<(u64, u64)>,
}

pub(crate) fn spec(random: &mut StdRng, number: u64) -> Spec {
    let some = |random: &mut StdRng, most: u64| random.random_bool(0.4).then(|| random.random_range(0..most));
    let marked = |random: &mut StdRng| {
        let mut all = Vec::new();
        for number in 0..3 {
            if random.random_bool(0.35) {
                all.push((number, random.random()));
            }
        }
        all
    };
    let fungible = random.random_bool(0.25);
    Spec {
        id: pubkey(number),
        created: random.random_range(0..6),
        updated: random.random_range(0..6),
        interface: INTERFACES.choose(random).unwrap(),
        owner: random.random_range(0..3),
        authority: random.random_range(0..3),
        creators: marked(random),
        collections: marked(random),
        season: some(random, 2),
        delegate: some(random, 2),
        tree: some(random, 2).filter(|_| !fungible),
        fungible,
        supply: some(random, 4),
        flags: random.random(),
        royalty: (random.random_range(0..3), some(random, 2), random.random_range(0..3) * 100),
        uri: URIS.choose(random).unwrap(),
        name: NAMES.choose(random).unwrap(),
        token: some(random, 2),
        signer: some(random, 3),
        held: (0..3)
            .map(|owner| (owner, random.random_range(0..6)))
            .filter(|(_, amount)| *amount < 3)
            .flat_map(|one| vec![one; if one.1 == 2 { 2 } else { 1 }])
            .collect(),
    }
}

impl Spec {
    fn compressed(&self) -> bool {
        self.tree.is_some()
    }

    fn frozen(&self) -> bool {
        self.flags[0]
    }

    fn compressible(&self) -> bool {
        self.flags[1]
    }

    fn burnt(&self) -> bool {
        self.flags[2] && self.flags[0]
    }

    fn agent(&self) -> bool {
        self.flags[3]
    }

    /// Whether lists show it.
    pub(crate) fn listed(&self) -> bool {
        self.compressed() || !(self.burnt() || self.supply == Some(0))
    }

    pub(crate) fn json(&self) -> Value {
        let (model, target, points) = self.royalty;
        let mut grouping: Vec<Value> = self
            .collections
            .iter()
            .map(|(number, verified)| {
                json!({ "group_key": "collection", "group_value": key(COLLECTION, *number).to_string(), "verified": verified })
            })
            .collect();
        grouping.extend(
            self.season.map(|season| json!({ "group_key": "season", "group_value": format!("s{season}") })),
        );
        let creators: Vec<Value> = self
            .creators
            .iter()
            .map(|(number, verified)| {
                json!({ "address": key(CREATOR, *number).to_string(), "share": 1, "verified": verified })
            })
            .collect();
        let mut asset = json!({
            "interface": self.interface, "id": self.id.to_string(),
            "content": { "json_uri": self.uri, "metadata": { "name": self.name } },
            "authorities": [{ "address": key(AUTHORITY, self.authority).to_string(), "scopes": ["full"] }],
            "compression": {
                "eligible": self.compressible(), "compressed": self.compressed(),
                "tree": self.tree.map_or_else(String::new, |tree| key(TREE, tree).to_string()),
            },
            "grouping": grouping,
            "royalty": {
                "royalty_model": MODELS[model], "basis_points": points,
                "target": target.map(|target| key(TARGET, target).to_string()),
            },
            "creators": creators,
            "ownership": {
                "frozen": self.frozen(), "ownership_model": if self.fungible { "token" } else { "single" },
                "owner": if self.fungible { String::new() } else { key(OWNER, self.owner).to_string() },
                "delegate": self.delegate.map(|delegate| key(DELEGATE, delegate).to_string()),
            },
            "burnt": self.burnt(), "is_agent": self.agent(),
            "agent_token": self.token.map(|token| key(TOKEN, token).to_string()),
            "asset_signer": self.signer.map(|signer| key(SIGNER, signer).to_string()),
        });
        if let Some(supply) = self.supply {
            asset["token_info"] = json!({ "supply": supply, "decimals": 0 });
        }
        asset
    }

    pub(crate) fn change(&self) -> AssetChange {
        let asset = Asset::from_das(&self.json().to_string()).unwrap();
        AssetChange {
            id: self.id,
            slot_created: Slot::new(self.created).unwrap(),
            slot_updated: Slot::new(self.updated).unwrap(),
            slot_seen: Slot::new(self.updated).unwrap(),
            facts: asset.facts(),
            rendered: asset.render().pack(),
        }
    }

    /// Whether somebody holds it as a fungible token.
    pub(crate) fn is_held(&self, owner: u64, zero: bool) -> bool {
        self.fungible && self.held.iter().any(|(holder, amount)| *holder == owner && (zero || *amount > 0))
    }
}

/// A condition of a search.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    Interface(&'static str),
    Owner(u64),
    OwnerType(bool),
    Creator(u64, Option<bool>),
    AnyCreator(bool),
    Authority(u64),
    Collection(u64),
    Season(u64),
    Collections(Vec<u64>),
    CollectionNft(bool),
    Delegate(u64),
    Frozen(bool),
    Supply(u64),
    SupplyMint(u64),
    Compressed(bool),
    Compressible(bool),
    Model(usize),
    Target(u64),
    Points(u64),
    Burnt(bool),
    Uri(&'static str),
    Agent(bool),
    Token(u64),
    Signer(u64),
    Tree(u64),
    Created(Option<u64>, Option<u64>),
}

pub(crate) fn condition() -> impl Strategy<Value = Condition> {
    use Condition as C;
    let flag = any::<bool>;
    prop_oneof![
        prop::sample::select(INTERFACES.to_vec()).prop_map(C::Interface),
        (0..4_u64).prop_map(C::Owner),
        flag().prop_map(C::OwnerType),
        (0..4_u64, any::<Option<bool>>()).prop_map(|(creator, verified)| C::Creator(creator, verified)),
        flag().prop_map(C::AnyCreator),
        (0..3_u64).prop_map(C::Authority),
        (0..4_u64).prop_map(C::Collection),
        (0..3_u64).prop_map(C::Season),
        prop::collection::vec(0..4_u64, 0..4).prop_map(C::Collections),
        flag().prop_map(C::CollectionNft),
        (0..3_u64).prop_map(C::Delegate),
        flag().prop_map(C::Frozen),
        (0..5_u64).prop_map(C::Supply),
        (0..50_u64).prop_map(C::SupplyMint),
        flag().prop_map(C::Compressed),
        flag().prop_map(C::Compressible),
        (0..3_usize).prop_map(C::Model),
        (0..3_u64).prop_map(C::Target),
        (0..4_u64).prop_map(|number| C::Points(number * 100)),
        flag().prop_map(C::Burnt),
        prop::sample::select(vec![URIS[0], URIS[1], "https://none.test"]).prop_map(C::Uri),
        flag().prop_map(C::Agent),
        (0..3_u64).prop_map(C::Token),
        (0..4_u64).prop_map(C::Signer),
        (0..3_u64).prop_map(C::Tree),
        (prop::option::of(0..6_u64), prop::option::of(0..6_u64))
            .prop_map(|(after, before)| C::Created(after, before)),
    ]
}

impl Condition {
    /// How a caller asks for it.
    pub(crate) fn params(&self) -> Value {
        let text = |role, number: u64| key(role, number).to_string();
        match self {
            Self::Interface(name) => json!({ "interface": name }),
            Self::Owner(number) => json!({ "ownerAddress": text(OWNER, *number) }),
            Self::OwnerType(token) => json!({ "ownerType": if *token { "token" } else { "single" } }),
            Self::Creator(number, verified) => {
                json!({ "creatorAddress": text(CREATOR, *number), "creatorVerified": verified })
            }
            Self::AnyCreator(verified) => json!({ "creatorVerified": verified }),
            Self::Authority(number) => json!({ "authorityAddress": text(AUTHORITY, *number) }),
            Self::Collection(number) => json!({ "grouping": ["collection", text(COLLECTION, *number)] }),
            Self::Season(number) => json!({ "grouping": ["season", format!("s{number}")] }),
            Self::Collections(numbers) => {
                let all: Vec<String> = numbers.iter().map(|number| text(COLLECTION, *number)).collect();
                json!({ "collections": all })
            }
            Self::CollectionNft(is) => json!({ "collectionNft": is }),
            Self::Delegate(number) => json!({ "delegate": text(DELEGATE, *number) }),
            Self::Frozen(is) => json!({ "frozen": is }),
            Self::Supply(number) => json!({ "supply": number }),
            Self::SupplyMint(number) => json!({ "supplyMint": pubkey(*number).to_string() }),
            Self::Compressed(is) => json!({ "compressed": is }),
            Self::Compressible(is) => json!({ "compressible": is }),
            Self::Model(number) => json!({ "royaltyTargetType": MODELS[*number] }),
            Self::Target(number) => json!({ "royaltyTarget": text(TARGET, *number) }),
            Self::Points(points) => json!({ "royaltyAmount": points }),
            Self::Burnt(is) => json!({ "burnt": is }),
            Self::Uri(uri) => json!({ "jsonUri": uri }),
            Self::Agent(is) => json!({ "isAgent": is }),
            Self::Token(number) => json!({ "agentToken": text(TOKEN, *number) }),
            Self::Signer(number) => json!({ "assetSigner": text(SIGNER, *number) }),
            Self::Tree(number) => json!({ "tree": text(TREE, *number) }),
            Self::Created(after, before) => json!({ "createdAt": { "after": after, "before": before } }),
        }
    }

    /// Whether it holds of an asset.
    pub(crate) fn holds(&self, spec: &Spec) -> bool {
        match self {
            Self::Interface(name) => spec.interface == *name,
            Self::Owner(number) => !spec.fungible && spec.owner == *number,
            Self::OwnerType(token) => spec.fungible == *token,
            Self::Creator(number, verified) => {
                let wanted = |verified_is: bool| verified.is_none_or(|verified| verified == verified_is);
                spec.creators.iter().any(|(creator, is)| creator == number && wanted(*is))
            }
            Self::AnyCreator(verified) => spec.creators.iter().any(|(_, is)| is == verified),
            Self::Authority(number) => spec.authority == *number,
            Self::Collection(number) => spec.collections.contains(&(*number, true)),
            Self::Season(number) => spec.season == Some(*number),
            Self::Collections(numbers) => {
                numbers.iter().any(|number| spec.collections.contains(&(*number, true)))
            }
            // No asset here is another one's collection.
            Self::CollectionNft(is) => (spec.interface == "MplCoreCollection") == *is,
            Self::Delegate(number) => spec.delegate == Some(*number),
            Self::Frozen(is) => spec.frozen() == *is,
            Self::Supply(number) => spec.supply.or((!spec.fungible).then_some(1)) == Some(*number),
            Self::SupplyMint(number) => {
                spec.id == pubkey(*number) && !spec.compressed() && !spec.interface.starts_with("MplCore")
            }
            Self::Compressed(is) => spec.compressed() == *is,
            Self::Compressible(is) => spec.compressible() == *is,
            Self::Model(number) => spec.royalty.0 == *number,
            Self::Target(number) => spec.royalty.1 == Some(*number),
            Self::Points(points) => spec.royalty.2 == *points,
            Self::Burnt(is) => spec.burnt() == *is,
            Self::Uri(uri) => spec.uri == *uri,
            Self::Agent(is) => spec.agent() == *is,
            Self::Token(number) => spec.token == Some(*number),
            Self::Signer(number) => spec.signer == Some(*number),
            Self::Tree(number) => spec.tree == Some(*number),
            Self::Created(after, before) => {
                after.is_none_or(|after| spec.created > after)
                    && before.is_none_or(|before| spec.created < before)
            }
        }
    }

    /// Whether fungible tokens may be found without a word about them.
    pub(crate) fn is_of_others(&self) -> bool {
        matches!(self, Self::Interface(_) | Self::OwnerType(_) | Self::Supply(_) | Self::SupplyMint(_))
    }

    /// Whether anything is asked for at all.
    pub(crate) fn asks(&self) -> bool {
        !matches!(self, Self::Created(None, None))
    }

    /// The parameter that two conditions cannot share.
    pub(crate) fn parameter(&self) -> &'static str {
        match self {
            Self::Interface(_) => "interface",
            Self::Owner(_) => "ownerAddress",
            Self::OwnerType(_) => "ownerType",
            Self::Creator(..) | Self::AnyCreator(_) => "creatorVerified",
            Self::Authority(_) => "authorityAddress",
            Self::Collection(_) | Self::Season(_) => "grouping",
            Self::Collections(_) => "collections",
            Self::CollectionNft(_) => "collectionNft",
            Self::Delegate(_) => "delegate",
            Self::Frozen(_) => "frozen",
            Self::Supply(_) => "supply",
            Self::SupplyMint(_) => "supplyMint",
            Self::Compressed(_) => "compressed",
            Self::Compressible(_) => "compressible",
            Self::Model(_) => "royaltyTargetType",
            Self::Target(_) => "royaltyTarget",
            Self::Points(_) => "royaltyAmount",
            Self::Burnt(_) => "burnt",
            Self::Uri(_) => "jsonUri",
            Self::Agent(_) => "isAgent",
            Self::Token(_) => "agentToken",
            Self::Signer(_) => "assetSigner",
            Self::Tree(_) => "tree",
            Self::Created(..) => "createdAt",
        }
    }
}
