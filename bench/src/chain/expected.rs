//! What is answered about a thing of the chain in the end.

use anyhow::Result;
use serde_json::{Value, json};
use vitrine_model::Pubkey;

use super::names::{PER_COLLECTION, Tag, id, key, name, owner, supply, uri};
use super::things::leaf;
use super::{Age, Kind, World};

/// What a thing's asset must be like in an answer: members by JSON pointer, below the result.
#[derive(Debug)]
pub(crate) struct Expected {
    /// Its id.
    pub(crate) id: Pubkey,
    /// The root of its tree, where it is a leaf of one.
    pub(crate) tree: Option<Pubkey>,
    /// Pointers and values.
    pub(crate) members: Vec<(&'static str, Value)>,
}

impl World {
    /// What a thing's asset is after its change; of one that holds a fungible token, what that token is.
    pub(crate) fn expected(thing: u64) -> Result<Expected> {
        let owner = owner(thing, Age::Changed).to_string();
        let number = thing / PER_COLLECTION;
        let (mut id, mut tree) = (id(thing), None);
        let members = match Self::kind(thing) {
            Kind::Nft => vec![
                ("/content/metadata/name", json!(name("Fox", thing))),
                ("/content/json_uri", json!(uri(Tag::Uri, thing))),
                ("/ownership/owner", json!(owner)),
                ("/grouping/0/group_value", json!(key(Tag::Collection, number).to_string())),
                ("/royalty/basis_points", json!(500)),
            ],
            Kind::Core => vec![
                ("/interface", json!("MplCoreAsset")),
                ("/content/metadata/name", json!(name("Core", thing))),
                ("/ownership/owner", json!(owner)),
                ("/grouping/0/group_value", json!(key(Tag::CoreCollection, number).to_string())),
                ("/plugins/attributes/data/attribute_list/0/value", json!(format!("value {thing}"))),
            ],
            Kind::Token2022 => vec![
                ("/content/metadata/name", json!(name("Token", thing))),
                ("/token_info/supply", json!(supply(thing, Age::Changed))),
                ("/mint_extensions/metadata/symbol", json!("T22")),
            ],
            Kind::Holding => {
                id = key(Tag::Fungible, number);
                vec![("/token_info/supply", json!(1_u64 << 40)), ("/token_info/decimals", json!(6))]
            }
            Kind::Leaf => {
                let (of, leaf) = leaf(thing, Age::Changed)?;
                (id, tree) = (leaf.id(of)?, Some(of));
                vec![
                    ("/content/metadata/name", json!(leaf.name)),
                    ("/ownership/owner", json!(owner)),
                    ("/compression/tree", json!(of.to_string())),
                    ("/compression/leaf_id", json!(leaf.index)),
                ]
            }
        };
        Ok(Expected { id, tree, members })
    }
}
