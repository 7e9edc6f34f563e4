//! Real accounts out of the cases of another server.

use base64::prelude::*;
use serde_json::Value;

/// A case: its name, its accounts of one program in the order of their slots, and the results of its calls.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) accounts: Vec<Account>,
    pub(crate) results: Vec<Value>,
}

/// An account as of a slot.
pub(crate) struct Account {
    pub(crate) address: String,
    pub(crate) slot: u64,
    pub(crate) data: Vec<u8>,
}

impl Case {
    /// The newest state of each account: what the results show.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &Account> {
        self.accounts.iter().filter(|account| {
            self.accounts.iter().all(|other| other.address != account.address || other.slot <= account.slot)
        })
    }

    /// The assets in the results, by themselves or in lists.
    pub(crate) fn assets(&self) -> impl Iterator<Item = &Value> {
        fn in_list(result: &Value) -> &[Value] {
            result["items"].as_array().map_or(&[], Vec::as_slice)
        }
        self.results
            .iter()
            .flat_map(in_list)
            .chain(&self.results)
            .filter(|result| result["interface"].is_string())
    }
}

/// The cases with accounts of this program, `at_least` so many; none, with a message, where there are no cases here.
pub(crate) fn cases(program: &str, at_least: usize) -> Vec<Case> {
    let Some(folder) = std::env::var_os("VITRINE_PEER_CASES") else {
        eprintln!("skipped: VITRINE_PEER_CASES is not set");
        return Vec::new();
    };
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder).expect("VITRINE_PEER_CASES is a folder") {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let case: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).expect("a case is JSON");
        let mut accounts = Vec::new();
        collect(&case["events"], program, &mut accounts);
        accounts.sort_by_key(|account| account.slot);
        if !accounts.is_empty() {
            let name = case["name"].as_str().unwrap().to_owned();
            let calls = case["calls"].as_array().unwrap();
            let results = calls.iter().map(|call| call["result"].clone()).collect();
            cases.push(Case { name, accounts, results });
        }
    }
    assert!(cases.len() >= at_least, "only {} cases with accounts of {program}", cases.len());
    cases
}

/// The bytes of all these accounts, in all their states; none where there are no cases here.
pub(crate) fn data(program: &str, at_least: usize) -> Option<Vec<Vec<u8>>> {
    let cases = cases(program, at_least);
    let accounts = cases.into_iter().flat_map(|case| case.accounts).map(|account| account.data).collect();
    std::env::var_os("VITRINE_PEER_CASES").map(|_| accounts)
}

fn collect(events: &Value, program: &str, accounts: &mut Vec<Account>) {
    match events {
        Value::Array(events) => events.iter().for_each(|event| collect(event, program, accounts)),
        Value::Object(event) => {
            let account = event.get("account").unwrap_or(&Value::Null);
            if account["owner"] == program {
                assert_eq!(account["data"][1], "base64", "{account}");
                let data = BASE64_STANDARD.decode(account["data"][0].as_str().unwrap()).unwrap();
                let address = account["pubkey"].as_str().unwrap().to_owned();
                accounts.push(Account { address, slot: account["slot"].as_u64().unwrap(), data });
            }
        }
        _ => {}
    }
}
