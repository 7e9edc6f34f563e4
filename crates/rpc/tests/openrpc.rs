//! The OpenRPC document against the program: the method table, and the names of parameters as the sources have them.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The lists' parameters: fields, options, sorts. They are private to the crate, so their text is read.
const LIST_PARAMS: &str = include_str!("../src/params/list.rs");

/// The methods with parameters of their own before the ones that all lists share.
const LIST_METHODS: [(&str, &str); 5] = [
    ("getAssetsByOwner", include_str!("../src/methods/get_assets_by_owner.rs")),
    ("getAssetsByGroup", include_str!("../src/methods/get_assets_by_group.rs")),
    ("getAssetsByCreator", include_str!("../src/methods/get_assets_by_creator.rs")),
    ("getAssetsByAuthority", include_str!("../src/methods/get_assets_by_authority.rs")),
    ("searchAssets", include_str!("../src/methods/search_assets.rs")),
];

/// The other methods with parameters.
const OTHER_METHODS: [(&str, &str); 3] = [
    ("getAsset", include_str!("../src/methods/get_asset.rs")),
    ("getAssets", GET_ASSETS),
    ("getGrouping", include_str!("../src/methods/get_grouping.rs")),
];

/// Methods whose fields are all their own, each with those that it cannot do without.
const OWN_METHODS: [(&str, &str, &[&str]); 7] = [
    ("getAssetProof", include_str!("../src/methods/get_asset_proof.rs"), &["id"]),
    ("getAssetProofs", include_str!("../src/methods/get_asset_proofs.rs"), &["ids"]),
    ("getAssetSignatures", include_str!("../src/methods/get_asset_signatures.rs"), &[]),
    ("getAssetSignaturesV2", include_str!("../src/methods/get_asset_signatures.rs"), &[]),
    ("getTokenAccounts", include_str!("../src/methods/get_token_accounts.rs"), &[]),
    ("getNftEditions", include_str!("../src/methods/get_nft_editions.rs"), &["mintAddress"]),
    ("getAssetChanges", include_str!("../src/methods/get_asset_changes.rs"), &[]),
];

const GET_ASSETS: &str = include_str!("../src/methods/get_assets.rs");

fn document() -> Value {
    serde_json::from_str(vitrine_rpc::openrpc()).unwrap()
}

/// What a value is, or what it refers to; a reference that leads nowhere fails.
fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    let Some(reference) = value.get("$ref") else { return value };
    let reference = reference.as_str().unwrap();
    let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} is not in the document"));
    let target = document.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"));
    resolved(document, target)
}

fn array<'d>(value: &'d Value, name: &str) -> &'d [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("{name} of {}", value["name"]))
}

fn text<'d>(value: &'d Value, name: &str) -> &'d str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} of {value}"))
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap()).collect()
}

fn method<'d>(document: &'d Value, name: &str) -> &'d Value {
    array(document, "methods").iter().find(|method| method["name"] == name).unwrap()
}

fn params<'d>(document: &'d Value, method: &'d Value) -> Vec<&'d Value> {
    array(method, "params").iter().map(|param| resolved(document, param)).collect()
}

/// Calls `see` with each object of a value.
fn walk<'d>(value: &'d Value, see: &mut dyn FnMut(&'d Value)) {
    match value {
        Value::Object(members) => {
            see(value);
            members.values().for_each(|member| walk(member, see));
        }
        Value::Array(values) => values.iter().for_each(|value| walk(value, see)),
        _ => {}
    }
}

/// What stands between a text and the next one behind it.
fn between<'s>(source: &'s str, from: &str, to: &str) -> &'s str {
    let start = source.find(from).unwrap_or_else(|| panic!("no {from:?}")) + from.len();
    &source[start..start + source[start..].find(to).unwrap_or_else(|| panic!("no {to:?} behind {from:?}"))]
}

/// The string literals of a piece of source.
fn literals(source: &str) -> Vec<&str> {
    source.split('"').skip(1).step_by(2).collect()
}

/// The names of a constant array of fields, aliases too, in order.
fn field_names<'s>(source: &'s str, constant: &str) -> Vec<&'s str> {
    literals(between(source, &format!("const {constant}: "), "];"))
}

/// The names of parameters with their aliases behind each, as a source has them.
fn names_and_aliases<'d>(params: &[&'d Value]) -> Vec<&'d str> {
    params
        .iter()
        .flat_map(|param| std::iter::once(text(param, "name")).chain(texts(&param["x-aliases"])))
        .collect()
}

fn number(source: &str, constant: &str) -> u64 {
    between(source, &format!("const {constant}: "), ";").rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn methods_are_those_of_the_table() {
    let document = document();
    let documented: Vec<_> = array(&document, "methods")
        .iter()
        .map(|method| (text(method, "name"), texts(&method["x-aliases"]), text(method, "x-category")))
        .collect();
    let served: Vec<_> = vitrine_rpc::methods()
        .map(|method| (method.name, method.aliases.to_vec(), method.category))
        .collect();
    assert_eq!(documented, served);
    let mut names = BTreeSet::new();
    for name in served.iter().flat_map(|(name, aliases, _)| aliases.iter().chain([name])) {
        assert!(names.insert(name), "{name} twice");
    }
}

#[test]
fn keys_are_unique() {
    // serde_json keeps the last of two members of one name; the walk counts what is left.
    let document = document();
    let mut members = 0;
    walk(&document, &mut |object| members += object.as_object().unwrap().len());
    // Outside of strings a colon only stands behind a key; in the file's own form it has a space behind it.
    let written = vitrine_rpc::openrpc()
        .lines()
        .filter(|line| line.trim_start().starts_with('"') && line.contains("\": "))
        .count();
    assert_eq!(members, written, "the document is one member a line, each name once in its object");
}

#[test]
fn references_lead_somewhere() {
    let document = document();
    let (mut seen, mut used) = (0, BTreeSet::new());
    walk(&document, &mut |object| {
        if let Some(reference) = object.get("$ref") {
            resolved(&document, object);
            used.insert(reference.as_str().unwrap());
            seen += 1;
        }
    });
    assert!(seen > 20, "{seen} references");
    for (group, components) in document["components"].as_object().unwrap() {
        for name in components.as_object().unwrap().keys() {
            let reference = format!("#/components/{group}/{name}");
            assert!(used.contains(&*reference), "nobody refers to {reference}");
        }
    }
}

#[test]
fn parameters_are_those_of_the_sources_in_their_order() {
    let document = document();
    let tail = field_names(LIST_PARAMS, "TAIL");
    for (name, source) in LIST_METHODS.into_iter().chain(OTHER_METHODS) {
        let own = field_names(source, "FIELDS");
        let mut expected = own.clone();
        let fields = between(source, "const FIELDS: ", "];");
        if fields.contains("TAIL") {
            expected.extend(&tail);
        } else if fields.contains("DISPLAY") {
            expected.extend(["options", "displayOptions"]);
        }
        let params = params(&document, method(&document, name));
        assert_eq!(names_and_aliases(&params), expected, "{name}");
        // Only what stands in front has no default, unless it is a flag. A search may ask for nothing.
        let has_no_default =
            |param: &&str| name != "searchAssets" && !source.contains(&format!("flag(\"{param}\")"));
        let required: Vec<_> = params.iter().filter(|param| param["required"] == true).copied().collect();
        let own: Vec<_> = own.into_iter().filter(has_no_default).collect();
        assert_eq!(names_and_aliases(&required), own, "{name}");
    }
    for (name, source, needed) in OWN_METHODS {
        let fields =
            between(source, "const FIELDS: ", "];").replace("DISPLAY", r#""options" "displayOptions""#);
        let params = params(&document, method(&document, name));
        assert_eq!(names_and_aliases(&params), literals(&fields), "{name}");
        let required = params.iter().filter(|param| param["required"] == true);
        assert_eq!(required.map(|param| text(param, "name")).collect::<Vec<_>>(), needed, "{name}");
    }
    for method in array(&document, "methods") {
        let names = names_and_aliases(&params(&document, method));
        assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len(), "{names:?}");
        assert_eq!(method["paramStructure"], "either");
        let mut known = LIST_METHODS.iter().chain(&OTHER_METHODS).map(|(name, _)| name);
        let is_known = known.any(|name| method["name"] == *name)
            || OWN_METHODS.iter().any(|(name, ..)| method["name"] == *name);
        assert_eq!(is_known, !names.is_empty(), "{}", method["name"]);
    }
}

#[test]
fn options_are_those_of_the_sources() {
    let document = document();
    let options = document["components"]["schemas"]["DisplayOptions"]["properties"].as_object().unwrap();
    let names: BTreeSet<_> = options.keys().map(String::as_str).collect();
    assert_eq!(names, field_names(LIST_PARAMS, "OPTIONS").into_iter().collect());
    assert!(options.values().all(|schema| schema["type"] == "boolean" && schema["default"] == false));
}

#[test]
fn sorts_are_those_of_the_sources() {
    let document = document();
    let properties = &document["components"]["schemas"]["SortBy"]["properties"];
    let names: BTreeSet<_> = properties.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, field_names(LIST_PARAMS, "SORT_BY").into_iter().collect());
    // Each value is a pattern `Some("…")` or `Some("…" | "…")` of one match or the other.
    let source = between(LIST_PARAMS, "fn sort_by(", "\n#[cfg(test)]");
    let patterns = source.split("Some(\"").skip(1).flat_map(|rest| {
        let pattern = rest.split(')').next().unwrap();
        std::iter::once(pattern.split('"').next().unwrap()).chain(pattern.split('"').skip(2).step_by(2))
    });
    let documented =
        |name: &str| -> BTreeSet<&str> { texts(&properties[name]["enum"]).into_iter().collect() };
    let both: BTreeSet<_> = documented("sortBy").union(&documented("sortDirection")).copied().collect();
    assert_eq!(both, patterns.collect());
    assert_eq!(documented("sortDirection"), BTreeSet::from(["asc", "desc"]));
    let aliases = properties["sortBy"]["x-aliases"].as_object().unwrap();
    for name in aliases.iter().flat_map(|(name, aliases)| texts(aliases).into_iter().chain([name.as_str()])) {
        assert!(documented("sortBy").contains(name), "{name}");
    }
}

#[test]
fn bounds_are_those_of_the_sources() {
    let document = document();
    let limit = &document["components"]["contentDescriptors"]["limit"]["schema"];
    let most = number(LIST_PARAMS, "LIMIT_MAX");
    assert_eq!((limit["maximum"].as_u64(), limit["default"].as_u64()), (Some(most), Some(most)));
    assert_eq!(limit["minimum"], 0);
    let list = &document["components"]["schemas"]["AssetList"]["properties"];
    for name in ["limit", "total"] {
        assert_eq!(list[name]["maximum"].as_u64(), Some(most), "{name}");
    }
    for name in ["getAssets", "getAssetProofs"] {
        let ids = &params(&document, method(&document, name))[0]["schema"];
        assert_eq!(ids["maxItems"].as_u64(), Some(number(GET_ASSETS, "IDS_MAX")));
    }
    let bytes = format!("at most {} bytes", vitrine_model::MAX_GROUP_BYTES);
    for param in &params(&document, method(&document, "getAssetsByGroup"))[..2] {
        assert!(text(&param["schema"], "description").contains(&bytes), "{param}");
    }
}

#[test]
fn examples_name_parameters_that_there_are() {
    let document = document();
    let mut examples = 0;
    for method in array(&document, "methods") {
        let params: BTreeMap<_, _> = params(&document, method)
            .into_iter()
            .map(|param| (text(param, "name"), &param["required"]))
            .collect();
        for example in method["examples"].as_array().into_iter().flatten() {
            let given: BTreeSet<_> =
                array(example, "params").iter().map(|param| text(param, "name")).collect();
            assert_eq!(given.len(), array(example, "params").len(), "{}", example["name"]);
            assert!(given.iter().all(|name| params.contains_key(name)), "{}", example["name"]);
            let required = params.iter().filter(|(_, required)| **required == &Value::Bool(true));
            assert!(required.into_iter().all(|(name, _)| given.contains(name)), "{}", example["name"]);
            assert!(example["result"].get("value").is_some(), "{}", example["name"]);
            examples += 1;
        }
    }
    assert!(examples >= 5, "{examples} examples");
}

#[test]
fn results_of_examples_are_as_their_schema_has_them() {
    let document = document();
    for (name, _) in LIST_METHODS {
        let method = method(&document, name);
        for example in array(method, "examples") {
            let schema = resolved(&document, &method["result"]["schema"]);
            let result = &example["result"]["value"];
            assert_members(&document, schema, result, &example["name"]);
            for item in array(result, "items") {
                let schema = resolved(&document, &schema["properties"]["items"]["items"]);
                assert_members(&document, schema, item, &example["name"]);
            }
            assert_eq!(result["total"].as_u64(), Some(array(result, "items").len() as u64));
        }
    }
}

#[test]
fn results_of_the_other_examples_are_as_their_schema_has_them() {
    let document = document();
    for (name, _) in OTHER_METHODS {
        let method = method(&document, name);
        let schema = resolved(&document, &method["result"]["schema"]);
        for example in array(method, "examples") {
            let result = &example["result"]["value"];
            let Some(items) = result.as_array() else {
                assert_members(&document, schema, result, &example["name"]);
                continue;
            };
            let assets: Vec<_> = items.iter().filter(|item| !item.is_null()).collect();
            assert!(!assets.is_empty(), "{name}");
            for asset in assets {
                assert_members(&document, &schema["items"]["oneOf"][0], asset, &example["name"]);
            }
        }
    }
}

#[test]
fn results_of_examples_with_items_of_their_own_are_as_their_schema_has_them() {
    let document = document();
    for (name, ..) in OWN_METHODS {
        let method = method(&document, name);
        let schema = resolved(&document, &method["result"]["schema"]);
        for example in array(method, "examples") {
            let result = &example["result"]["value"];
            if let Some(value) = schema.get("additionalProperties") {
                let values = result.as_object().unwrap().values().filter(|value| !value.is_null());
                values.for_each(|object| {
                    assert_members(&document, &value["oneOf"][0], object, &example["name"]);
                });
                continue;
            }
            assert_members(&document, schema, result, &example["name"]);
            for list in ["items", "token_accounts", "editions"] {
                let items = result[list].as_array().into_iter().flatten();
                for item in items.filter(|item| item.is_object()) {
                    let schema = &schema["properties"][list]["items"];
                    assert_members(&document, schema, item, &example["name"]);
                }
            }
        }
    }
}

/// Asserts that an object has all required members of a schema, and none that the schema does not have.
fn assert_members(document: &Value, schema: &Value, object: &Value, place: &Value) {
    let (schema, object) = (resolved(document, schema), object.as_object().unwrap());
    for name in texts(&schema["required"]) {
        assert!(object.contains_key(name), "{place}: no {name}");
    }
    for name in object.keys() {
        assert!(schema["properties"].get(name).is_some(), "{place}: {name} is not documented");
    }
}

#[test]
fn errors_of_a_method_are_those_of_the_table_of_errors() {
    let document = document();
    let rows = array(&document, "x-errors");
    let codes: BTreeSet<_> = rows.iter().map(|row| row["helius"]["code"].as_i64().unwrap()).collect();
    for row in rows {
        for dialect in ["helius", "infura", "triport"] {
            let status = row[dialect]["http_status"].as_u64();
            assert!(
                status.is_some_and(|status| (200..600).contains(&status)),
                "{} in {dialect}",
                row["case"]
            );
        }
    }
    for method in array(&document, "methods") {
        let errors: Vec<_> = array(method, "errors").iter().map(|error| resolved(&document, error)).collect();
        let unique: BTreeSet<_> = errors.iter().map(|error| error["code"].as_i64().unwrap()).collect();
        assert_eq!(unique.len(), errors.len(), "OpenRPC wants each code once: {}", method["name"]);
        assert!(unique.is_subset(&codes), "{}", method["name"]);
    }
}

#[test]
fn it_is_of_this_version() {
    let document = document();
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["info"]["license"]["name"], "Apache-2.0");
    assert!(text(&document, "openrpc").starts_with("1."));
}
