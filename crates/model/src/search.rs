//! What searches ask of an asset, beside the lists that it stands in.

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::asset::Asset;
use crate::list::{ListKey, ListKind, MAX_GROUP_BYTES};
use crate::object::pick;
use crate::pubkey::Pubkey;

/// Which facts are stored of an asset. It grows whenever an asset of old has to be looked at again.
pub const FACTS_VERSION: i16 = 1;

/// The interfaces that most assets have: whoever walks over assets meets them soon, so they have no list.
const USUAL_INTERFACES: [&str; 5] =
    ["V1_NFT", "ProgrammableNFT", "MplCoreAsset", "FungibleToken", "MplBubblegumV2"];

/// What kind of token an asset is. The codes are stored: they never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum TokenClass {
    /// There is more than one of it: whoever has a token account holds some.
    Fungible = 1,
    /// One of its kind, in accounts of its own.
    RegularNft = 2,
    /// One of its kind, in a Merkle tree.
    CompressedNft = 3,
}

/// Who gets the royalties. The codes are stored: they never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum RoyaltyModel {
    /// The creators, by their shares.
    Creators = 1,
    /// A fanout wallet.
    Fanout = 2,
    /// One address.
    Single = 3,
}

/// What an asset may be marked as: a list of its own for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trait<'a> {
    /// It has this interface.
    Interface(&'a str),
    /// It is no more, and listed all the same.
    Burnt,
    /// It is an agent.
    Agent,
}

/// The facts that only searches ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a filter of its own")]
pub struct SearchFacts {
    /// What kind of token it is.
    pub class: TokenClass,
    /// Whether it may be moved into a tree.
    pub compressible: bool,
    /// How many there are, in base units; 1 where nothing says so of one of its kind.
    pub supply: Option<u64>,
    /// Who gets the royalties.
    pub royalty_model: Option<RoyaltyModel>,
    /// Royalties in hundredths of a percent.
    pub royalty_basis_points: Option<u64>,
    /// The digest of where its document is: [`uri_digest`].
    pub json_uri: Option<[u8; 16]>,
    /// Its name.
    pub name: Option<String>,
    /// Whether a creator has signed.
    pub signed_creator: bool,
    /// Whether a creator has not signed.
    pub unsigned_creator: bool,
    /// Whether it is an agent.
    pub is_agent: bool,
    /// The address that signs for it.
    pub asset_signer: Option<Pubkey>,
}

impl TokenClass {
    /// The stored code.
    pub const fn code(self) -> i16 {
        self as i16
    }
}

impl RoyaltyModel {
    /// The stored code.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The model of this name in an answer.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "creators" => Some(Self::Creators),
            "fanout" => Some(Self::Fanout),
            "single" => Some(Self::Single),
            _ => None,
        }
    }
}

impl Trait<'_> {
    /// The list of all assets with this trait; none where so many have it that there is no list.
    pub fn list(self) -> Option<ListKey> {
        let (key, value) = match self {
            Self::Interface(name) if USUAL_INTERFACES.contains(&name) || name.len() > MAX_GROUP_BYTES => {
                return None;
            }
            Self::Interface(name) => ("interface", name),
            Self::Burnt => ("burnt", ""),
            Self::Agent => ("agent", ""),
        };
        let (kind, key, value) = (ListKind::Trait, key.to_owned(), value.as_bytes().to_vec());
        Some(ListKey { kind, key, value, verified: true })
    }
}

/// What a document's uri is found by: the first 16 bytes of its SHA-256.
pub fn uri_digest(uri: &str) -> [u8; 16] {
    let full = Sha256::digest(uri);
    std::array::from_fn(|at| full[at])
}

impl Asset {
    pub(crate) fn search_facts(&self) -> SearchFacts {
        let (class, royalty) = (self.token_class(), self.royalty.get());
        let signed = |creator: &crate::parts::Creator| creator.verified.get().copied().unwrap_or(false);
        let one = (class != TokenClass::Fungible).then_some(1);
        let json_uri = self.content.json_uri.get().filter(|uri| !uri.is_empty());
        SearchFacts {
            class,
            compressible: self.compression.eligible.get().copied().unwrap_or(false),
            supply: self.stated_supply().or(one),
            royalty_model: royalty
                .and_then(|royalty| royalty.royalty_model.get())
                .and_then(|name| RoyaltyModel::from_name(name)),
            royalty_basis_points: royalty.and_then(|royalty| royalty.basis_points.get().copied()),
            json_uri: json_uri.map(|uri| uri_digest(uri)),
            name: self.name(),
            signed_creator: self.creators.iter().any(signed),
            unsigned_creator: self.creators.iter().any(|creator| !signed(creator)),
            is_agent: self.is_agent.get().copied().unwrap_or(false),
            asset_signer: self.asset_signer.get().and_then(|text| text.parse().ok()),
        }
    }

    /// The lists that only searches read. Text that is no address has none.
    pub(crate) fn search_lists(&self) -> Vec<ListKey> {
        let of = |kind, address: Pubkey| ListKey {
            kind,
            key: String::new(),
            value: address.as_bytes().to_vec(),
            verified: true,
        };
        let address = |text: Option<&String>| text.and_then(|text| text.parse::<Pubkey>().ok());
        let compressed = self.compression.compressed.get().copied().unwrap_or(false);
        let delegate = self.ownership.get().and_then(|own| own.delegate.get().copied().flatten());
        let target = self.royalty.get().and_then(|royalty| royalty.target.get());
        let places = [
            (ListKind::Tree, address(self.compression.tree.get()).filter(|_| compressed)),
            (ListKind::Delegate, delegate),
            (ListKind::RoyaltyTarget, address(target)),
            (ListKind::AgentToken, address(self.agent_token.get())),
        ];
        let mut lists: Vec<_> = places
            .into_iter()
            .filter_map(|(kind, address)| address.map(|address| of(kind, address)))
            .collect();
        lists.extend(Trait::Interface(&self.interface).list());
        if self.burnt {
            lists.extend(Trait::Burnt.list());
        }
        if self.is_agent.get() == Some(&true) {
            lists.extend(Trait::Agent.list());
        }
        lists
    }

    /// What the token account model says decides; where nothing does, the interface.
    fn token_class(&self) -> TokenClass {
        if self.compression.compressed.get() == Some(&true) {
            return TokenClass::CompressedNft;
        }
        let model = self.ownership.get().and_then(|own| own.ownership_model.get()).map(String::as_str);
        let fungible = match model {
            Some("token") => true,
            Some("single") => false,
            _ => matches!(self.interface.as_str(), "FungibleToken" | "FungibleAsset"),
        };
        if fungible { TokenClass::Fungible } else { TokenClass::RegularNft }
    }

    /// The supply that `token_info` states, also as text and as `1.0`.
    pub(crate) fn stated_supply(&self) -> Option<u64> {
        let token_info = self.token_info.as_ref()?;
        let [supply] = pick(token_info.as_str().as_bytes(), ["supply"]).ok()?;
        let text = supply.map(RawValue::get)?.trim_matches('"');
        text.strip_suffix(".0").unwrap_or(text).parse().ok()
    }

    fn name(&self) -> Option<String> {
        let [name] = pick(self.content.metadata.as_str().as_bytes(), ["name"]).ok()?;
        serde_json::from_str(name?.get()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "2RtGg6fsFiiF1EQzHqbd66AhW7R5bWeQGpTbv2UMkCdW";
    const B: &str = "5XvhfmRjwXkGp3jHGmaKpqeerNYjkuZZBYLVQYdeVcRv";

    fn asset(interface: &str, members: &str) -> Asset {
        let members = members.replace("$A", A).replace("$B", B);
        let text = format!("{{\"interface\":\"{interface}\",\"id\":\"{A}\",{members}}}");
        Asset::from_das(&text).expect("an asset")
    }

    #[test]
    fn every_fact_is_read() {
        let facts = asset(
            "MplCoreAsset",
            r#""content":{"json_uri":"https://a","metadata":{"name":"Fox \u0000 #1"}},
               "compression":{"eligible":true},"token_info":{"supply":"18446744073709551615"},
               "royalty":{"royalty_model":"fanout","target":"$B","basis_points":500},
               "creators":[{"address":"$A","verified":true},{"address":"$B"}],
               "is_agent":true,"agent_token":"$A","asset_signer":"$B""#,
        )
        .search_facts();
        let expected = SearchFacts {
            class: TokenClass::RegularNft,
            compressible: true,
            supply: Some(u64::MAX),
            royalty_model: Some(RoyaltyModel::Fanout),
            royalty_basis_points: Some(500),
            json_uri: Some(uri_digest("https://a")),
            name: Some("Fox \0 #1".to_owned()),
            signed_creator: true,
            unsigned_creator: true,
            is_agent: true,
            asset_signer: B.parse().ok(),
        };
        assert_eq!(facts, expected);
    }

    #[test]
    fn little_is_known_of_an_asset_that_says_nothing() {
        let facts = asset("Custom", r#""content":{"json_uri":"","metadata":{"name":7}},"asset_signer":"x""#);
        let facts = facts.search_facts();
        assert_eq!((facts.class, facts.supply), (TokenClass::RegularNft, Some(1)));
        assert_eq!((facts.json_uri, facts.name, facts.asset_signer), (None, None, None));
        assert_eq!((facts.royalty_model, facts.royalty_basis_points), (None, None));
        assert!(!facts.compressible && !facts.is_agent && !facts.signed_creator && !facts.unsigned_creator);
    }

    #[test]
    fn the_class_follows_the_model_and_else_the_interface() {
        use TokenClass::{CompressedNft, Fungible, RegularNft};
        for (interface, members, class) in [
            ("V1_NFT", r#""ownership":{"ownership_model":"single"}"#, RegularNft),
            ("FungibleAsset", r#""ownership":{"ownership_model":"single"}"#, RegularNft),
            ("V1_NFT", r#""ownership":{"ownership_model":"token"}"#, Fungible),
            ("FungibleToken", r#""ownership":null"#, Fungible),
            ("FungibleAsset", r#""mutable":true"#, Fungible),
            ("Custom", r#""mutable":true"#, RegularNft),
            ("V1_NFT", r#""compression":{"compressed":true}"#, CompressedNft),
        ] {
            assert_eq!(asset(interface, members).search_facts().class, class, "{interface} {members}");
        }
    }

    #[test]
    fn lists_that_only_searches_read() {
        let lists = |interface: &str, members: &str| {
            let lists = asset(interface, members).search_lists();
            lists.into_iter().map(|list| (list.kind, list.key)).collect::<Vec<_>>()
        };
        let nobody = r#""ownership":{"delegate":null},"compression":{"compressed":false,"tree":"$A"}"#;
        assert_eq!(lists("V1_NFT", nobody), []);
        let all = r#""ownership":{"delegate":"$A"},"compression":{"compressed":true,"tree":"$A"},
                     "royalty":{"target":"$B"},"agent_token":"$A","is_agent":true,"burnt":true"#;
        let none = String::new;
        let expected = vec![
            (ListKind::Tree, none()),
            (ListKind::Delegate, none()),
            (ListKind::RoyaltyTarget, none()),
            (ListKind::AgentToken, none()),
            (ListKind::Trait, "interface".to_owned()),
            (ListKind::Trait, "burnt".to_owned()),
            (ListKind::Trait, "agent".to_owned()),
        ];
        assert_eq!(lists("MplCoreCollection", all), expected);
        assert_eq!(lists("MplCoreAsset", r#""royalty":{"target":"x"},"agent_token":"y""#), []);
        assert_eq!(lists(&"x".repeat(129), r#""mutable":true"#), []);
    }
}
