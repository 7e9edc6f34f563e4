//! What an asset can be found by.

use crate::asset::Asset;
use crate::field::Field;
use crate::grouping::{GroupValue, Grouping};
use crate::pubkey::Pubkey;
use crate::search::SearchFacts;

/// The longest key and the longest text value of a group that has a list, in bytes.
pub const MAX_GROUP_BYTES: usize = 128;

/// What a list is by. The codes are stored: they never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListKind {
    /// All assets of a group.
    Group = 1,
    /// All assets that an authority may change.
    Authority = 2,
    /// All assets of a creator.
    Creator = 3,
    /// All assets of an owner.
    Owner = 4,
    /// All assets in a Merkle tree.
    Tree = 5,
    /// All assets that somebody else than their owner may move.
    Delegate = 6,
    /// All assets whose royalties go to one address.
    RoyaltyTarget = 7,
    /// All agents with one token.
    AgentToken = 8,
    /// All assets with something in common that few have: [`Trait`](crate::Trait).
    Trait = 9,
}

/// One list that an asset is in. Ordered by kind, key, value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListKey {
    /// What the list is by.
    pub kind: ListKind,
    /// The group key, up to [`MAX_GROUP_BYTES`], or what a trait is of; empty for the other kinds.
    pub key: String,
    /// The 32 bytes of an address (all kinds but groups of other keys and traits), else up to [`MAX_GROUP_BYTES`]
    /// bytes of UTF-8.
    pub value: Vec<u8>,
    /// Whether the group agrees or the creator signed; true for authorities and owners.
    pub verified: bool,
}

/// What filters and lists need to know of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a filter of its own")]
pub struct Facts {
    /// The asset's `interface`.
    pub interface: String,
    /// Who has it, where that is one.
    pub owner: Option<Pubkey>,
    /// Who else may move it.
    pub delegate: Option<Pubkey>,
    /// Whether it lives in a Merkle tree.
    pub compressed: bool,
    /// Whether it is no more.
    pub burnt: bool,
    /// Whether it cannot be moved now.
    pub frozen: bool,
    /// Whether lists show it at all: assets that are burnt or of supply 0 and not compressed are in none.
    pub listed: bool,
    /// The lists it is in, sorted, each once; none where it is not listed.
    pub lists: Vec<ListKey>,
    /// What only searches ask for.
    pub search: SearchFacts,
}

impl ListKind {
    /// The stored code.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The kind of a stored code.
    pub const fn from_code(code: i16) -> Option<Self> {
        match code {
            1 => Some(Self::Group),
            2 => Some(Self::Authority),
            3 => Some(Self::Creator),
            4 => Some(Self::Owner),
            5 => Some(Self::Tree),
            6 => Some(Self::Delegate),
            7 => Some(Self::RoyaltyTarget),
            8 => Some(Self::AgentToken),
            9 => Some(Self::Trait),
            _ => None,
        }
    }
}

impl Asset {
    /// What the asset can be found by.
    pub fn facts(&self) -> Facts {
        let ownership = self.ownership.get();
        let compressed = self.compression.compressed.get().copied().unwrap_or(false);
        let listed = compressed || !(self.burnt || self.has_no_supply());
        Facts {
            interface: self.interface.clone(),
            owner: ownership.and_then(|own| own.owner.get().copied().flatten()),
            delegate: ownership.and_then(|own| own.delegate.get().copied().flatten()),
            compressed,
            burnt: self.burnt,
            frozen: ownership.and_then(|own| own.frozen.get().copied()).unwrap_or(false),
            listed,
            lists: if listed { self.lists() } else { Vec::new() },
            search: self.search_facts(),
        }
    }

    fn has_no_supply(&self) -> bool {
        self.stated_supply() == Some(0)
    }

    fn lists(&self) -> Vec<ListKey> {
        let of = |kind, key: &Field<Option<Pubkey>>, verified| {
            let value = key.get().copied().flatten()?.as_bytes().to_vec();
            Some(ListKey { kind, key: String::new(), value, verified })
        };
        let mut lists: Vec<_> = self.grouping.iter().filter_map(Grouping::list).collect();
        lists.extend(self.authorities.iter().filter_map(|own| of(ListKind::Authority, &own.address, true)));
        lists.extend(self.creators.iter().filter_map(|own| {
            let verified = own.verified.get().copied().unwrap_or(false);
            of(ListKind::Creator, &own.address, verified)
        }));
        lists.extend(self.ownership.get().and_then(|own| of(ListKind::Owner, &own.owner, true)));
        lists.extend(self.search_lists());
        // The verified one of two equal memberships comes first, and stays.
        lists.sort_unstable_by(|a, b| {
            (a.kind, &a.key, &a.value, b.verified).cmp(&(b.kind, &b.key, &b.value, a.verified))
        });
        lists.dedup_by(|b, a| (a.kind, &a.key, &a.value) == (b.kind, &b.key, &b.value));
        lists
    }
}

impl Grouping {
    /// The list of this group; a group without a value, or with a longer one than a caller can ask for, has none.
    fn list(&self) -> Option<ListKey> {
        let value = match self.group_value.get()? {
            GroupValue::Key(key) => key.as_bytes().as_slice(),
            GroupValue::Text(text) => text.as_bytes(),
        };
        if value.len() > MAX_GROUP_BYTES || self.group_key.len() > MAX_GROUP_BYTES {
            return None;
        }
        let key = self.group_key.clone();
        Some(ListKey { kind: ListKind::Group, key, value: value.to_vec(), verified: self.verified })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "2RtGg6fsFiiF1EQzHqbd66AhW7R5bWeQGpTbv2UMkCdW";
    const B: &str = "5XvhfmRjwXkGp3jHGmaKpqeerNYjkuZZBYLVQYdeVcRv";

    fn facts(members: &str) -> Facts {
        let members = members.replace("$A", A).replace("$B", B);
        let text = format!("{{\"interface\":\"V1_NFT\",\"id\":\"{A}\",{members}}}");
        Asset::from_das(&text).expect("an asset").facts()
    }

    fn bytes(key: &str) -> Vec<u8> {
        key.parse::<Pubkey>().expect("a key").as_bytes().to_vec()
    }

    #[test]
    fn codes_are_stable() {
        let kinds = [
            ListKind::Group,
            ListKind::Authority,
            ListKind::Creator,
            ListKind::Owner,
            ListKind::Tree,
            ListKind::Delegate,
            ListKind::RoyaltyTarget,
            ListKind::AgentToken,
            ListKind::Trait,
        ];
        assert_eq!(kinds.map(ListKind::code), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert!(kinds.iter().all(|kind| ListKind::from_code(kind.code()) == Some(*kind)));
        assert_eq!((ListKind::from_code(0), ListKind::from_code(10)), (None, None));
    }

    #[test]
    fn every_membership_is_listed_once() {
        let facts = facts(
            r#""ownership":{"owner":"$A","delegate":"$B","frozen":true},
               "authorities":[{"address":"$B"},{"address":"$B"}],
               "creators":[{"address":"$A","verified":false},{"address":"$B"},{"address":"$A","verified":true}],
               "grouping":[{"group_key":"season","group_value":"zwei"},
                           {"group_key":"collection","group_value":"$A","verified":true},
                           {"group_key":"collection","group_value":"$A","verified":false},
                           {"group_key":"collection","group_value":"$B","verified":false},
                           {"group_key":"season","group_value":null}]"#,
        );
        let list = |kind, key: &str, value: Vec<u8>, verified| ListKey {
            kind,
            key: key.to_owned(),
            value,
            verified,
        };
        let expected = vec![
            list(ListKind::Group, "collection", bytes(A), true),
            list(ListKind::Group, "collection", bytes(B), false),
            list(ListKind::Group, "season", b"zwei".to_vec(), true),
            list(ListKind::Authority, "", bytes(B), true),
            list(ListKind::Creator, "", bytes(A), true),
            list(ListKind::Creator, "", bytes(B), false),
            list(ListKind::Owner, "", bytes(A), true),
            list(ListKind::Delegate, "", bytes(B), true),
        ];
        assert!(bytes(A) < bytes(B), "the expected order rests on it");
        assert_eq!(facts.lists, expected);
        assert_eq!((facts.owner, facts.delegate), (A.parse().ok(), B.parse().ok()));
        assert!(facts.frozen && facts.listed && !facts.burnt && !facts.compressed);
    }

    #[test]
    fn long_groups_have_no_list() {
        let (fits, long) = ("x".repeat(MAX_GROUP_BYTES), "x".repeat(MAX_GROUP_BYTES + 1));
        for (key, value, lists) in [(&fits, &fits, 1), (&long, &fits, 0), (&fits, &long, 0)] {
            let grouping = format!("\"grouping\":[{{\"group_key\":\"{key}\",\"group_value\":\"{value}\"}}]");
            assert_eq!(facts(&grouping).lists.len(), lists);
        }
    }

    #[test]
    fn burnt_and_void_assets_are_in_no_list_unless_compressed() {
        let owned = r#""ownership":{"owner":"$A"},"#;
        for (members, listed) in [
            (r#""burnt":false"#, true),
            (r#""burnt":true"#, false),
            (r#""burnt":true,"compression":{"compressed":true}"#, true),
            (r#""burnt":true,"compression":{"compressed":null}"#, false),
            (r#""token_info":{"supply":0,"decimals":0}"#, false),
            (r#""token_info":{"supply":1}"#, true),
            (r#""token_info":{"decimals":0}"#, true),
            (r#""token_info":null"#, true),
            (r#""token_info":{"supply":0},"compression":{"compressed":true}"#, true),
        ] {
            let facts = facts(&format!("{owned}{members}"));
            let owners = facts.lists.iter().filter(|list| list.kind == ListKind::Owner).count();
            assert_eq!((facts.listed, owners), (listed, usize::from(listed)), "{members}");
            assert!(listed || facts.lists.is_empty(), "{members}");
        }
    }

    #[test]
    fn empty_addresses_have_no_list() {
        let empty = r#""authorities":[{"address":""},{}],"creators":[{"address":null},{"address":"","verified":true}]"#;
        assert_eq!(facts(empty).lists, []);
        for ownership in [r#"{"owner":"","delegate":""}"#, r#"{"owner":null,"delegate":null}"#, "{}", "null"]
        {
            let facts = facts(&format!("\"ownership\":{ownership}"));
            assert_eq!((facts.owner, facts.delegate, facts.lists.len()), (None, None, 0));
        }
    }
}
