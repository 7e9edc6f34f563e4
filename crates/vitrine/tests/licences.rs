//! Every crate in the lock file is under a licence of `deny.toml`, and none is banned there: what `cargo deny` checks,
//! for everybody who has not got it.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

fn deny() -> toml::Table {
    std::fs::read_to_string(root().join("deny.toml")).unwrap().parse().unwrap()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--all-features"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The ids of all packages that a build of the workspace links or runs, tests apart.
fn built(metadata: &Value) -> BTreeSet<&str> {
    let nodes: BTreeMap<&str, &Vec<Value>> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["id"].as_str().unwrap(), node["deps"].as_array().unwrap()))
        .collect();
    let members = metadata["workspace_members"].as_array().unwrap();
    let mut next: Vec<&str> = members.iter().map(|member| member.as_str().unwrap()).collect();
    let mut built = BTreeSet::new();
    while let Some(id) = next.pop() {
        if built.insert(id) {
            let is_built = |kind: &Value| kind["kind"] != "dev";
            let deps =
                nodes[id].iter().filter(|dep| dep["dep_kinds"].as_array().unwrap().iter().any(is_built));
            next.extend(deps.map(|dep| dep["pkg"].as_str().unwrap()));
        }
    }
    built
}

/// Whether an SPDX expression can be kept with these licences. `AND` binds closer than `OR`; crates use no deeper nesting
/// than one pair of parentheses around either.
fn is_allowed(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let expression = expression.replace('/', " OR ");
    if let Some((before, rest)) = expression.split_once('(') {
        let (inner, after) = rest.split_once(')').unwrap();
        let word = if is_allowed(inner, allowed) { "allowed" } else { "refused" };
        return is_allowed(&format!("{before}{word}{after}"), allowed);
    }
    let one = |licence: &str| licence == "allowed" || allowed.contains(licence);
    expression.split(" OR ").any(|choice| choice.split(" AND ").all(|licence| one(licence.trim())))
}

#[test]
fn every_crate_may_be_linked() {
    let deny = deny();
    let allowed: BTreeSet<&str> = deny["licenses"]["allow"]
        .as_array()
        .unwrap()
        .iter()
        .map(|licence| licence.as_str().unwrap())
        .collect();
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100, "only {} crates", packages.len());
    let built = built(&metadata);
    for package in packages {
        let name = package["name"].as_str().unwrap();
        match package["license"].as_str() {
            Some(expression) => assert!(is_allowed(expression, &allowed), "{name} is under {expression}"),
            // Clients of the programs that we decode, under a licence of their own: tests hold our decoders
            // against them, and nothing that we ship has any of them in it.
            None => assert!(name.starts_with("mpl-"), "{name} names no licence"),
        }
        let shipped = built.contains(package["id"].as_str().unwrap());
        assert!(!(shipped && name.starts_with("mpl-")), "{name} is for tests alone");
    }
    for banned in deny["bans"]["deny"].as_array().unwrap() {
        let banned = banned["crate"].as_str().unwrap();
        assert!(!packages.iter().any(|package| package["name"] == banned), "{banned} is banned");
    }
}

#[test]
fn expressions_are_read_as_spdx_has_them() {
    let allowed = BTreeSet::from(["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"]);
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("MIT OR GPL-3.0", true),
        ("MIT AND GPL-3.0", false),
        ("GPL-3.0/MIT", true),
        ("(MIT OR GPL-3.0) AND Apache-2.0", true),
        ("(MIT AND GPL-3.0) OR GPL-2.0", false),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
    ] {
        assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
    }
}
