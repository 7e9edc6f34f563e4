//! Every crate in the lock file is under a licence of `deny.toml`, and none is banned there: what `cargo deny` checks,
//! for everybody who has not got it.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

fn deny() -> toml::Table {
    std::fs::read_to_string(root().join("deny.toml")).unwrap().parse().unwrap()
}

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--all-features"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    serde_json::from_value(metadata["packages"].take()).unwrap()
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
    let packages = packages();
    assert!(packages.len() > 100, "only {} crates", packages.len());
    for package in &packages {
        let (name, licence) = (&package["name"], &package["license"]);
        let expression = licence.as_str().unwrap_or_else(|| panic!("{name} names no licence"));
        assert!(is_allowed(expression, &allowed), "{name} is under {expression}");
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
