//! All assets that another server's cases expect, made of the same inputs. The cases lie outside of this repository, in the
//! folder that `VITRINE_PEER_CASES` names; without it this test says so and passes.

use base64::prelude::*;
use serde_json::Value;
use vitrine_ingest::decode::transaction::Transaction;
use vitrine_ingest::normalise::AccountUpdate;
use vitrine_ingest::normalise::leaf::transaction;
use vitrine_model::{Display, Pubkey, Slot};

use crate::chain::Chain;
use crate::compare::difference;
use crate::updates::orders;

#[test]
fn assets_are_those_of_the_peer() {
    let Some(folder) = std::env::var_os("VITRINE_PEER_CASES") else {
        eprintln!("skipped: VITRINE_PEER_CASES is not set");
        return;
    };
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let (mut passed, mut assets, mut faults) = (0, 0, Vec::new());
    for file in files {
        let case: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).expect("a case is JSON");
        let (compared, fault) = run(&case);
        assets += compared;
        match fault {
            Some(fault) => faults.push(format!("{}: {fault}", case["name"].as_str().unwrap())),
            None if compared > 0 => passed += 1,
            None => {}
        }
    }
    println!("{assets} assets of {passed} cases passed, {} failed", faults.len());
    assert!(assets > 40 && faults.is_empty(), "{assets} assets compared; {}", faults.join("\n"));
}

/// How many assets were compared, and the first difference.
fn run(case: &Value) -> (usize, Option<String>) {
    let events: Vec<_> = case["events"].as_array().unwrap().iter().collect();
    let mut compared = 0;
    let given = vec![(0..events.len()).collect()];
    for order in if case["order"] == "any" { orders(events.len()) } else { given } {
        let mut chain = Chain::default();
        for input in order.iter().flat_map(|&at| events[at].as_array().unwrap()) {
            take(&mut chain, input);
        }
        compared = 0;
        for call in case["calls"].as_array().unwrap() {
            for (asset, path) in expected(&call["result"]) {
                compared += 1;
                let fault = compare(&chain, call, asset, &path);
                if fault.is_some() {
                    return (compared, fault.map(|fault| format!("{fault} (order {order:?})")));
                }
            }
        }
    }
    (compared, None)
}

fn compare(chain: &Chain, call: &Value, asset: &Value, path: &str) -> Option<String> {
    let options = &call["params"]["options"];
    let options = if options.is_object() { options } else { &call["params"]["displayOptions"] };
    let display = Display {
        unverified: options["showUnverifiedCollections"] == true,
        fungible: options["showFungible"] == true,
        inscription: options["showInscription"] == true,
        ..Display::default()
    };
    let id: Pubkey = asset["id"].as_str().unwrap().parse().unwrap();
    let skipped = call["incidental"].as_array().into_iter().flatten();
    let skipped: Vec<_> = skipped.map(|path| path.as_str().unwrap().to_owned()).collect();
    difference(asset, &chain.answer(id, &display), path, &skipped, call["match"] == "subset")
}

/// The assets of an expected answer, each with its path.
fn expected(result: &Value) -> Vec<(&Value, String)> {
    match result["items"].as_array() {
        Some(items) => items.iter().enumerate().map(|(at, item)| (item, format!("$.items[{at}]"))).collect(),
        None if result["id"].is_string() => vec![(result, "$".to_owned())],
        None => Vec::new(),
    }
}

fn take(chain: &mut Chain, input: &Value) {
    if input["transaction"].is_object() {
        let tx = Transaction::from_json(&input["transaction"].to_string()).unwrap();
        chain.transaction(transaction(&tx));
        return;
    }
    let account = &input["account"];
    let key = |name: &str| account[name].as_str().unwrap().parse().unwrap();
    assert_eq!(account["data"][1], "base64", "{account}");
    chain.update(&AccountUpdate {
        address: key("pubkey"),
        owner: key("owner"),
        lamports: account["lamports"].as_u64().unwrap(),
        data: &BASE64_STANDARD.decode(account["data"][0].as_str().unwrap()).unwrap(),
        slot: Slot::new(account["slot"].as_u64().unwrap()).unwrap(),
        write_version: account["write_version"].as_u64().unwrap(),
    });
}
