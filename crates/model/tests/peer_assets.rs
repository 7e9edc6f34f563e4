//! Assets that another server answered, from real accounts: read and rendered, each comes back as it was.
//!
//! They lie outside of this repository, in the folder that `VITRINE_PEER_CASES` names; without it there is nothing
//! to do here.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;
use vitrine_model::{Asset, Display, splice};

#[test]
fn assets_of_another_server_come_back_as_they_were() {
    let Some(folder) = std::env::var_os("VITRINE_PEER_CASES") else {
        eprintln!("skipped: VITRINE_PEER_CASES is not set");
        return;
    };
    let mut assets = Vec::new();
    for entry in std::fs::read_dir(Path::new(&folder)).expect("VITRINE_PEER_CASES is a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let case: Value = serde_json::from_slice(&std::fs::read(path).expect("a readable case"))
                .expect("a case is JSON");
            for call in case["calls"].as_array().into_iter().flatten() {
                collect(&call["result"], &mut assets);
            }
        }
    }
    assert!(assets.len() > 10, "only {} assets", assets.len());
    for asset in assets {
        check(&asset);
    }
}

/// The assets in a result: itself, or those in it.
fn collect(result: &Value, assets: &mut Vec<Value>) {
    match result {
        Value::Object(members) if members.contains_key("interface") && members.contains_key("id") => {
            assets.push(result.clone());
        }
        Value::Object(members) => members.values().for_each(|value| collect(value, assets)),
        Value::Array(values) => values.iter().for_each(|value| collect(value, assets)),
        _ => {}
    }
}

fn check(asset: &Value) {
    let rendered =
        Asset::from_das(&asset.to_string()).unwrap_or_else(|error| panic!("{error}: {asset}")).render();
    let shows_verified =
        asset["grouping"].as_array().into_iter().flatten().any(|group| group.get("verified").is_some());
    let display =
        Display { unverified: shows_verified, fungible: true, inscription: true, ..Display::default() };
    let mut bytes = Vec::new();
    splice(&rendered.body, &rendered.splices, &display, &HashMap::new(), &mut bytes).expect("own splices");
    let shown: Value = serde_json::from_slice(&bytes).expect("a rendered asset is JSON");
    assert_eq!(&shown, asset);
}
