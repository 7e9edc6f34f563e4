//! Random assets, against a plain model of what the crate promises: what comes in is given back, each display option
//! shows what it says, and no input panics.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};
use vitrine_model::{Asset, Display, Json, Pubkey, Rendered, collection_metadata, collections, splice};

const KEYS: [&str; 4] = [
    "11111111111111111111111111111111",
    "2RtGg6fsFiiF1EQzHqbd66AhW7R5bWeQGpTbv2UMkCdW",
    "5XvhfmRjwXkGp3jHGmaKpqeerNYjkuZZBYLVQYdeVcRv",
    "J1S9H3QjnRtBbbuD4HjPV6RpRhwuk4zKbxsnCHuTgh9w",
];
const ALL: Display<'_> = Display {
    unverified: true,
    collection_metadata: false,
    fungible: true,
    inscription: true,
    cdn_base: None,
    holding: None,
};

type Member = (&'static str, BoxedStrategy<Value>);

// ---- Random assets -------------------------------------------------------------------------------------------

fn text() -> BoxedStrategy<Value> {
    let odd =
        select(vec!["", "\"", "\\", "a/b", "\u{0}\u{1f}\n\t", "é😀\u{2028}", "{\"a\": [1, 2]}", " : , "]);
    prop_oneof![odd.prop_map(str::to_owned), ".{0,8}", "[a-z:/.]{0,20}"].prop_map(Value::from).boxed()
}

/// Text that Postgres can hold.
fn stored_text() -> BoxedStrategy<Value> {
    prop_oneof![Just(String::new()), "[^\0]{1,6}", "[a-z\"\\\\]{1,6}"].prop_map(Value::from).boxed()
}

fn key() -> BoxedStrategy<Value> {
    select(&KEYS[..]).prop_map(Value::from).boxed()
}

fn flag() -> BoxedStrategy<Value> {
    any::<bool>().prop_map(Value::from).boxed()
}

fn whole() -> BoxedStrategy<Value> {
    prop_oneof![Just(0), Just(u64::MAX), any::<u64>()].prop_map(Value::from).boxed()
}

fn slot() -> BoxedStrategy<Value> {
    (0..=u64::MAX / 2).prop_map(Value::from).boxed()
}

/// The fractions are exact: what is tested here is not how the test itself reads doubles.
fn number() -> BoxedStrategy<Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|number| json!(f64::from(number) / 64.0))
    ]
    .boxed()
}

fn free() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![Just(Value::Null), flag(), number(), text()];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(".{0,4}", inner, 0..4).prop_map(|members| members.into_iter().collect()),
        ]
    })
    .boxed()
}

fn free_object() -> BoxedStrategy<Value> {
    btree_map("name|symbol|image|.{0,4}", free(), 0..4)
        .prop_map(|members| members.into_iter().collect())
        .boxed()
}

fn list(item: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    vec(item, 0..4).prop_map(Value::from).boxed()
}

/// An object with all of `required`, some of `others` (null now and then) and a few unknown members.
fn object(required: Vec<Member>, others: Vec<Member>) -> BoxedStrategy<Value> {
    fn pairs<S: Strategy>(
        members: Vec<Member>,
        wrap: impl Fn(BoxedStrategy<Value>) -> S,
    ) -> Vec<(Just<String>, S)> {
        members.into_iter().map(|(name, value)| (Just(name.to_owned()), wrap(value))).collect()
    }
    let required = pairs(required, |value| value);
    let others =
        pairs(others, |value| option::weighted(0.7, prop_oneof![5 => value, 1 => Just(Value::Null)]));
    let unknown = btree_map("x_[a-z\"\\\\é]{0,3}", free(), 0..3);
    let members = (required, others, unknown).prop_map(|(required, others, unknown)| {
        let others = others.into_iter().filter_map(|(name, value)| Some((name, value?)));
        required.into_iter().chain(others).chain(unknown).collect::<Value>()
    });
    members.boxed()
}

fn content() -> BoxedStrategy<Value> {
    let file = vec![
        ("uri", text()),
        ("cdn_uri", text()),
        ("mime", text()),
        ("contexts", free()),
        ("quality", free()),
    ];
    let members = vec![
        ("$schema", text()),
        ("json_uri", text()),
        ("files", list(object(vec![], file))),
        ("metadata", free_object()),
        ("links", free_object()),
    ];
    object(vec![], members)
}

fn compression() -> BoxedStrategy<Value> {
    let mut members: Vec<Member> = vec![("eligible", flag()), ("compressed", flag())];
    members.extend(["flags", "seq", "leaf_id"].map(|name| (name, whole())));
    let hashes = ["data_hash", "creator_hash", "collection_hash", "asset_data_hash", "asset_hash", "tree"];
    members.extend(hashes.map(|name| (name, text())));
    object(vec![], members)
}

fn grouping() -> BoxedStrategy<Value> {
    let others = || vec![("verified", flag()), ("collection_metadata", free_object())];
    let keyed = select(vec!["collection", "group"]).prop_map(Value::from).boxed();
    let keyed = object(vec![("group_key", keyed)], [others(), vec![("group_value", key())]].concat());
    let other = stored_text().prop_filter("text only", |key| *key != "group" && *key != "collection").boxed();
    let other = object(vec![("group_key", other)], [others(), vec![("group_value", stored_text())]].concat());
    prop_oneof![keyed, other].boxed()
}

fn parts() -> Vec<Member> {
    let holder = || prop_oneof![4 => key(), 1 => Just(json!(""))].boxed();
    let royalty = vec![
        ("royalty_model", text()),
        ("target", text()),
        ("percent", number()),
        ("basis_points", whole()),
        ("basis_points_raw", whole()),
        ("primary_sale_happened", flag()),
        ("locked", flag()),
        ("sfbp_inherited", flag()),
    ];
    let ownership = vec![
        ("frozen", flag()),
        ("non_transferable", flag()),
        ("delegated", flag()),
        ("delegate", holder()),
        ("ownership_model", text()),
        ("owner", holder()),
    ];
    let supply = vec![
        ("print_max_supply", whole()),
        ("print_current_supply", whole()),
        ("edition_nonce", whole()),
        ("edition_number", whole()),
        ("master_edition_mint", text()),
    ];
    let core = ["num_minted", "current_size", "plugins_json_version"].map(|name| (name, whole()));
    let uses = vec![("use_method", text()), ("remaining", whole()), ("total", whole())];
    let creator = object(vec![], vec![("address", holder()), ("share", whole()), ("verified", flag())]);
    let authority = object(vec![], vec![("address", holder()), ("scopes", list(text()))]);
    vec![
        ("royalty", object(vec![], royalty)),
        ("ownership", object(vec![], ownership)),
        ("supply", object(vec![], supply)),
        ("mpl_core_info", object(vec![], core.to_vec())),
        ("uses", object(vec![], uses)),
        ("creators", list(creator)),
        ("authorities", list(authority)),
    ]
}

fn asset() -> BoxedStrategy<Value> {
    let interface = "[A-Za-z0-9_é\"]{1,12}".prop_map(Value::from).boxed();
    let mut members = parts();
    members.extend([
        ("content", content()),
        ("compression", compression()),
        ("grouping", list(grouping())),
        ("mutable", flag()),
        ("burnt", flag()),
        ("is_agent", flag()),
        ("agent_token", text()),
        ("asset_signer", text()),
        ("slot_created", slot()),
        ("slot_updated", slot()),
        ("last_indexed_slot", slot()),
    ]);
    let free_members = [
        "mint_extensions",
        "inscription",
        "token_info",
        "plugins",
        "unknown_plugins",
        "external_plugins",
        "unknown_external_plugins",
        "spl20",
    ];
    members.extend(free_members.map(|name| (name, free())));
    object(vec![("interface", interface), ("id", key())], members)
}

// ---- Its text, spelled in one of many ways -------------------------------------------------------------------

/// Decides, from a seed, how a text is spelled.
struct Speller(u64);

impl Speller {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn space(&mut self, out: &mut String) {
        let spaces = [" ", "\n", "\t", "\r\n   "];
        if let Some(space) = usize::try_from(self.below(8)).ok().and_then(|at| spaces.get(at)) {
            out.push_str(space);
        }
    }

    fn text(&mut self, text: &str, out: &mut String) {
        out.push('"');
        for character in text.chars() {
            let needs = character < ' ' || character == '"' || character == '\\';
            if needs || self.below(10) == 0 {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").unwrap();
                }
            } else {
                out.push(character);
            }
        }
        out.push('"');
    }

    fn spell(&mut self, value: &Value, out: &mut String) {
        self.space(out);
        match value {
            Value::String(text) => self.text(text, out),
            Value::Array(values) => {
                out.push('[');
                for (at, value) in values.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    self.spell(value, out);
                }
                self.space(out);
                out.push(']');
            }
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                members.sort_by_cached_key(|_| self.below(u64::MAX));
                out.push('{');
                for (at, (name, value)) in members.into_iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    self.space(out);
                    self.text(name, out);
                    self.space(out);
                    out.push(':');
                    self.spell(value, out);
                }
                self.space(out);
                out.push('}');
            }
            plain => out.push_str(&plain.to_string()),
        }
        self.space(out);
    }
}

fn spelled(value: &Value, seed: u64) -> String {
    let mut out = String::new();
    Speller(seed | 1).spell(value, &mut out);
    out
}

// ---- What the crate promises ---------------------------------------------------------------------------------

/// Puts `empty` where a member is absent or null.
fn fill(object: &mut Map<String, Value>, name: &str, empty: Value) {
    let member = object.entry(name).or_insert(Value::Null);
    if member.is_null() {
        *member = empty;
    }
}

/// The answer for an asset under some options, made of the input the slow and plain way.
fn answer(input: &Value, display: &Display<'_>, metadata: &HashMap<Pubkey, Json>) -> Value {
    let mut answer = input.clone();
    let object = answer.as_object_mut().unwrap();
    fill(object, "content", json!({}));
    fill(object["content"].as_object_mut().unwrap(), "metadata", json!({}));
    let uncompressed = json!({"eligible": false, "compressed": false, "data_hash": "", "creator_hash": "",
                              "asset_hash": "", "tree": "", "seq": 0, "leaf_id": 0});
    for (name, empty) in [
        ("grouping", json!([])),
        ("creators", json!([])),
        ("authorities", json!([])),
        ("compression", uncompressed),
        ("mutable", json!(true)),
        ("burnt", json!(false)),
    ] {
        fill(object, name, empty);
    }
    object.remove("last_indexed_slot");
    if !display.fungible {
        object.remove("token_info");
    }
    if !display.inscription {
        object.remove("inscription");
    }
    let files = object["content"].get_mut("files").and_then(Value::as_array_mut);
    for file in files.into_iter().flatten() {
        let file = file.as_object_mut().unwrap();
        file.remove("cdn_uri");
        let uri = file.get("uri").and_then(Value::as_str).filter(|uri| !uri.is_empty());
        if let (Some(base), Some(uri)) = (display.cdn_base, uri) {
            let cdn_uri = format!("{base}{uri}");
            file.insert("cdn_uri".to_owned(), cdn_uri.into());
        }
    }
    let groupings = object["grouping"].as_array_mut().unwrap();
    for grouping in groupings.iter_mut() {
        let grouping = grouping.as_object_mut().unwrap();
        fill(grouping, "verified", json!(true));
        grouping.remove("collection_metadata");
        let key =
            grouping.get("group_value").and_then(Value::as_str).and_then(|key| key.parse::<Pubkey>().ok());
        let keyed = grouping["group_key"] == "collection" || grouping["group_key"] == "group";
        if let (true, true, Some(key)) = (display.collection_metadata, keyed, key) {
            let shown =
                metadata.get(&key).map_or(json!({}), |json| serde_json::from_str(json.as_str()).unwrap());
            grouping.insert("collection_metadata".to_owned(), shown);
        }
    }
    if !display.unverified {
        groupings.retain(|grouping| {
            grouping["verified"] == true && grouping.get("group_value").is_some_and(|value| !value.is_null())
        });
        for grouping in groupings {
            grouping.as_object_mut().unwrap().remove("verified");
        }
    }
    answer
}

fn shown(rendered: &Rendered, display: &Display<'_>, metadata: &HashMap<Pubkey, Json>) -> String {
    let mut out = Vec::new();
    splice(&rendered.body, &rendered.splices, display, metadata, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn display() -> impl Strategy<Value = Display<'static>> {
    let base = select(vec![None, Some("https://cdn.example/image//"), Some("odd \"base\"\\")]);
    (any::<[bool; 4]>(), base).prop_map(
        |([unverified, collection_metadata, fungible, inscription], cdn_base)| Display {
            unverified,
            collection_metadata,
            fungible,
            inscription,
            cdn_base,
            holding: None,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_comes_in_is_given_back(input in asset(), seed: u64) {
        let text = spelled(&input, seed);
        let asset = Asset::from_das(&text).map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
        let full = shown(&asset.render(), &ALL, &HashMap::new());
        prop_assert_eq!(serde_json::from_str::<Value>(&full)?, answer(&input, &ALL, &HashMap::new()));
        prop_assert_eq!(Json::parse(&full).unwrap().to_string(), full, "answers are compact");
        let stated = input.get("last_indexed_slot").and_then(Value::as_u64);
        prop_assert_eq!(asset.stated_slot.map(vitrine_model::Slot::get), stated);
    }

    #[test]
    fn rendering_is_deterministic_and_reading_it_changes_nothing(input in asset(), seed: u64) {
        let mut asset = Asset::from_das(&spelled(&input, seed)).unwrap();
        asset.stated_slot = None;
        let rendered = asset.render();
        prop_assert_eq!(&asset.clone().render(), &rendered);
        let again = Asset::from_das(&shown(&rendered, &ALL, &HashMap::new())).unwrap();
        prop_assert_eq!(&again, &asset);
        prop_assert_eq!(&again.render(), &rendered);
        let everything = Display { collection_metadata: true, cdn_base: Some("https://cdn/"), ..ALL };
        prop_assert_eq!(Asset::from_das(&shown(&rendered, &everything, &HashMap::new())).unwrap(), asset);
        let plain = Asset::from_das(std::str::from_utf8(&rendered.body).unwrap()).unwrap().render();
        prop_assert_eq!(plain.body, rendered.body);
    }

    #[test]
    fn each_option_shows_what_it_says(input in asset(), collection in asset(), seed: u64, display in display()) {
        let rendered = Asset::from_das(&spelled(&input, seed)).unwrap().render();
        let body = Asset::from_das(&spelled(&collection, seed)).unwrap().render().body;
        let own = collection_metadata(&body).unwrap();
        let metadata: HashMap<_, _> = KEYS[..3].iter().map(|key| (key.parse().unwrap(), own.clone())).collect();
        let text = shown(&rendered, &display, &metadata);
        prop_assert_eq!(serde_json::from_str::<Value>(&text)?, answer(&input, &display, &metadata));
        Asset::from_das(&text).expect("no key stands twice");

        let named: HashSet<_> = collections(&rendered.splices).unwrap().collect();
        let full = answer(&input, &Display { unverified: true, collection_metadata: true, ..display }, &metadata);
        let with_metadata = full["grouping"].as_array().unwrap().iter().filter(|own| own.get("collection_metadata").is_some());
        let expected = with_metadata.map(|own| own["group_value"].as_str().unwrap().parse().unwrap()).collect();
        prop_assert_eq!(named, expected);
    }

    #[test]
    fn the_digest_tells_assets_apart_but_not_their_slots(a in asset(), b in asset()) {
        let digest = |value: &Value| Asset::from_das(&value.to_string()).unwrap().render().digest;
        let mut moved = a.clone();
        moved["slot_created"] = json!(1);
        moved.as_object_mut().unwrap().remove("slot_updated");
        prop_assert_eq!(digest(&a), digest(&moved));
        let without_slots = |value: &Value| {
            let mut value = answer(value, &ALL, &HashMap::new());
            value.as_object_mut().unwrap().retain(|name, _| !name.starts_with("slot_"));
            value
        };
        prop_assert_eq!(digest(&a) == digest(&b), without_slots(&a) == without_slots(&b));
    }

    #[test]
    fn damaged_text_is_read_or_refused(
        input in asset(),
        seed: u64,
        damage in vec((any::<Index>(), select(&b"\0 {}[]\",:\\0-u1eE.ntf\xff"[..]), any::<bool>()), 1..4),
    ) {
        let mut bytes = spelled(&input, seed).into_bytes();
        for (at, byte, replace) in damage {
            let at = at.index(bytes.len());
            if replace {
                bytes[at] = byte;
            } else {
                bytes.insert(at, byte);
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        match Asset::from_das(&text) {
            Ok(asset) => {
                let full = shown(&asset.render(), &ALL, &HashMap::new());
                let again = Asset::from_das(&full).expect("what is rendered can be read");
                prop_assert_eq!(again.render(), asset.render());
                prop_assert_eq!(again.facts(), asset.facts());
            }
            Err(error) => prop_assert!(!error.reason.is_empty()),
        }
    }

    #[test]
    fn any_text_is_refused(text in ".{0,60}") {
        prop_assert!(Asset::from_das(&text).is_err());
    }

    #[test]
    fn damaged_tables_are_spliced_or_refused(
        input in asset(),
        display in display(),
        random in option::of(vec(any::<u8>(), 0..40)),
        damage in vec((any::<Index>(), any::<u8>()), 0..4),
        length: Index,
    ) {
        let rendered = Asset::from_das(&spelled(&input, 1)).unwrap().render();
        let mut table = random.unwrap_or_else(|| rendered.splices[..=length.index(rendered.splices.len())].to_vec());
        for (at, byte) in damage {
            if let Some(own) = (!table.is_empty()).then(|| at.index(table.len())) {
                table[own] = byte;
            }
        }
        if let Some(version) = table.first_mut() {
            *version = 1;
        }
        let mut out = vec![7];
        let done = splice(&rendered.body, &table, &display, &HashMap::new(), &mut out);
        if done.is_err() {
            prop_assert_eq!(out, [7]);
        } else {
            prop_assert!(out.len() > rendered.body.len());
        }
        let _ = collections(&table).map(Iterator::count);
        let _ = collection_metadata(&table);
    }
}
