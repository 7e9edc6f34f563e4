//! Assets as chance makes them, with members that nobody knows at every level.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Map, Value, json};
use vitrine_model::Pubkey;

use crate::assets::pubkey;

const TEXTS: [&str; 9] = [
    "",
    "Fox #1",
    "\"quoted\" \\ back/slash",
    "é 😀 \u{2028} ünï",
    "\u{0}\u{1f}\t\n",
    "{\"a\": [1, 2]}",
    "https://assets.test/a?b=c&d=%20",
    "</script>",
    " spaces around ",
];

/// Makes the value of a member.
type Make<'r> = fn(&mut RandomAsset<'r>) -> Value;

/// Makes members one by one; the same seed makes the same ones.
pub struct RandomAsset<'r> {
    random: &'r mut StdRng,
    members: Map<String, Value>,
}

/// An asset, with these groups beside those that chance adds.
pub fn asset(random: &mut StdRng, id: Pubkey, groups: &[Value]) -> Value {
    let mut made = RandomAsset { random, members: Map::new() };
    made.members.insert("id".into(), id.to_string().into());
    let interface =
        *["V1_NFT", "ProgrammableNFT", "MplCoreAsset", "Custom", "\"é\""].choose(made.random).unwrap();
    made.members.insert("interface".into(), interface.into());
    made.put("content", RandomAsset::content);
    made.put("authorities", |made| {
        made.list(|made| {
            made.object(&[("address", RandomAsset::key), ("scopes", |made| made.list(RandomAsset::text))])
        })
    });
    made.put("compression", RandomAsset::compression);
    let mut grouping = made.list(RandomAsset::grouping);
    grouping.as_array_mut().unwrap().extend_from_slice(groups);
    made.members.insert("grouping".into(), grouping);
    made.parts();
    for name in ["mutable", "burnt", "is_agent"] {
        made.put(name, RandomAsset::flag);
    }
    for name in ["agent_token", "asset_signer"] {
        made.put(name, RandomAsset::text);
    }
    for name in
        ["mint_extensions", "inscription", "plugins", "unknown_plugins", "external_plugins", "spl20", "x_new"]
    {
        made.put(name, RandomAsset::anything);
    }
    made.put("token_info", |made| {
        made.object(&[("supply", RandomAsset::whole), ("decimals", RandomAsset::whole)])
    });
    made.put("last_indexed_slot", RandomAsset::slot);
    // Both or none: an asset that was created after its last change would be none.
    if made.random.random() {
        let created = made.random.random_range(0..500_u64);
        made.members.insert("slot_created".into(), created.into());
        let updated = created + made.random.random_range(0..500_u64);
        made.members.insert("slot_updated".into(), updated.into());
    }
    Value::Object(made.members)
}

impl<'r> RandomAsset<'r> {
    /// A member that may be missing, and may be null.
    fn put(&mut self, name: &str, value: impl FnOnce(&mut Self) -> Value) {
        let value = match self.random.random_range(0..10) {
            0..3 => return,
            3 => Value::Null,
            _ => value(self),
        };
        self.members.insert(name.to_owned(), value);
    }

    /// Some of these members, and one or two that nobody knows.
    fn object(&mut self, members: &[(&str, Make<'r>)]) -> Value {
        let mut object = Map::new();
        for (name, value) in members {
            match self.random.random_range(0..10) {
                0..3 => {}
                3 => drop(object.insert((*name).to_owned(), Value::Null)),
                _ => drop(object.insert((*name).to_owned(), value(self))),
            }
        }
        for _ in 0..self.random.random_range(0..3) {
            let name = format!("x_{}", self.random.random_range(0..5));
            object.insert(name, self.anything());
        }
        Value::Object(object)
    }

    fn content(&mut self) -> Value {
        self.object(&[
            ("$schema", Self::text),
            ("json_uri", Self::text),
            ("files", |made| {
                made.list(|made| {
                    made.object(&[
                        ("uri", Self::text),
                        ("cdn_uri", Self::text),
                        ("mime", Self::text),
                        ("contexts", Self::anything),
                        ("quality", Self::anything),
                    ])
                })
            }),
            ("metadata", |made| {
                made.object(&[("name", Self::text), ("symbol", Self::text), ("attributes", Self::anything)])
            }),
            ("links", |made| made.object(&[("image", Self::text), ("external_url", Self::text)])),
        ])
    }

    fn compression(&mut self) -> Value {
        self.object(&[
            ("eligible", Self::flag),
            ("compressed", Self::flag),
            ("data_hash", Self::text),
            ("asset_hash", Self::text),
            ("tree", Self::text),
            ("flags", Self::whole),
            ("seq", Self::whole),
            ("leaf_id", Self::whole),
        ])
    }

    fn grouping(&mut self) -> Value {
        let (key, value) = if self.random.random() {
            ("collection", self.key())
        } else {
            (*["season", "é\"", ""].choose(self.random).unwrap(), json!("text"))
        };
        let mut grouping = json!({ "group_key": key, "group_value": value });
        for (name, value) in
            [("verified", self.flag()), ("collection_metadata", self.anything()), ("x_0", self.anything())]
        {
            if self.random.random() {
                grouping[name] = value;
            }
        }
        grouping
    }

    fn parts(&mut self) {
        self.put("royalty", |made| {
            made.object(&[
                ("royalty_model", Self::text),
                ("target", Self::text),
                ("percent", Self::number),
                ("basis_points", Self::whole),
                ("primary_sale_happened", Self::flag),
                ("locked", Self::flag),
            ])
        });
        self.put("creators", |made| {
            made.list(|made| {
                made.object(&[("address", Self::key), ("share", Self::whole), ("verified", Self::flag)])
            })
        });
        self.put("ownership", |made| {
            made.object(&[
                ("frozen", Self::flag),
                ("delegated", Self::flag),
                ("delegate", Self::key),
                ("ownership_model", Self::text),
                ("owner", Self::key),
            ])
        });
        self.put("supply", |made| {
            made.object(&[("print_max_supply", Self::whole), ("edition_number", Self::whole)])
        });
        self.put("uses", |made| made.object(&[("use_method", Self::text), ("remaining", Self::whole)]));
        self.put("mpl_core_info", |made| made.object(&[("num_minted", Self::whole)]));
    }

    fn list(&mut self, mut item: impl FnMut(&mut Self) -> Value) -> Value {
        let length = self.random.random_range(0..4);
        (0..length).map(|_| item(self)).collect()
    }

    fn text(&mut self) -> Value {
        (*TEXTS.choose(self.random).unwrap()).into()
    }

    fn flag(&mut self) -> Value {
        self.random.random::<bool>().into()
    }

    fn whole(&mut self) -> Value {
        [0, 1, 10_000, u64::MAX].choose(self.random).copied().unwrap().into()
    }

    fn slot(&mut self) -> Value {
        self.random.random_range(1_000..2_000_u64).into()
    }

    fn number(&mut self) -> Value {
        (*[json!(0), json!(0.05), json!(-1.5e300), json!(1.0)].choose(self.random).unwrap()).clone()
    }

    /// One of a few, so that lists have more than one member.
    fn key(&mut self) -> Value {
        pubkey(self.random.random_range(900_000..900_005)).to_string().into()
    }

    fn anything(&mut self) -> Value {
        match self.random.random_range(0..8) {
            0 => Value::Null,
            1 => self.flag(),
            2 => self.number(),
            3 => self.whole(),
            4 => self.list(Self::anything),
            5 => self.object(&[("a", Self::anything), ("b", Self::text)]),
            _ => self.text(),
        }
    }
}
