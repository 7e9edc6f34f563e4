//! Real transactions, of the cases of another server. They lie outside of this repository, in the folder that
//! `VITRINE_PEER_CASES` names; without it there is nothing to do here.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use vitrine_ingest::decode::bubblegum::{
    Account, Args, Event, Kind, asset_data_hash, asset_id, collection_hash, creator_hash, data_hash, events,
};
use vitrine_ingest::decode::compression::ChangeLog;
use vitrine_ingest::decode::transaction::Transaction;
use vitrine_model::Pubkey;

use crate::instructions::check_real;

/// A case by its name, with its transactions and the answers that it expects.
struct Case {
    name: String,
    transactions: Vec<Value>,
    calls: Value,
}

/// All cases; `None` where there is no folder.
fn cases() -> Option<Vec<Case>> {
    let Some(folder) = std::env::var_os("VITRINE_PEER_CASES") else {
        eprintln!("skipped: VITRINE_PEER_CASES is not set");
        return None;
    };
    let entries = std::fs::read_dir(Path::new(&folder)).expect("VITRINE_PEER_CASES is a folder");
    let paths = entries.map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let cases: Vec<Case> = files.map(|file| case(&std::fs::read(file).unwrap())).collect();
    assert!(cases.iter().map(|case| case.transactions.len()).sum::<usize>() > 40);
    Some(cases)
}

fn case(text: &[u8]) -> Case {
    let mut case: Value = serde_json::from_slice(text).expect("a case is JSON");
    let mut transactions = Vec::new();
    collect(&mut case["events"], &mut transactions);
    Case { name: case["name"].as_str().unwrap().to_owned(), transactions, calls: case["calls"].take() }
}

/// The transactions of a list of events, and of lists in it.
fn collect(events: &mut Value, transactions: &mut Vec<Value>) {
    for event in events.as_array_mut().into_iter().flatten() {
        match event.get_mut("transaction") {
            Some(transaction) => transactions.push(transaction.take()),
            None => collect(event, transactions),
        }
    }
}

fn read(record: &Value) -> Transaction {
    Transaction::from_json(&record.to_string()).unwrap_or_else(|error| panic!("{error}: {record}"))
}

fn all(transaction: &Transaction) -> Vec<Event<'_>> {
    events(transaction).map(|(at, event)| event.unwrap_or_else(|error| panic!("{at}: {error}"))).collect()
}

/// Every hash that an event states is the one that follows from what else it has.
fn check(event: &Event<'_>) {
    let kind = event.instruction.kind;
    let change_log = event.change_log.as_ref();
    if let Some(log) = change_log {
        check_path(log);
    }
    let Some(leaf) = &event.leaf else { return };
    let log = change_log.unwrap();
    assert_eq!(leaf.schema.hash(), leaf.leaf_hash, "{kind:?}");
    assert_eq!(log.leaf(), Some(leaf.leaf_hash), "{kind:?}");
    assert_eq!(asset_id(log.tree, leaf.schema.nonce), Some(leaf.schema.id), "{kind:?}");
    assert_eq!(u64::from(log.index), leaf.schema.nonce, "{kind:?}");
    let Some(metadata) = event.instruction.metadata() else { return };
    assert_eq!(data_hash(&metadata), leaf.schema.data_hash, "{kind:?}: {metadata:?}");
    assert_eq!(creator_hash(&metadata.creators), leaf.schema.creator_hash, "{kind:?}: {metadata:?}");
    if let Some(v2) = &leaf.schema.v2 {
        let collection = metadata.collection.map(|collection| collection.key);
        assert_eq!(collection_hash(collection), v2.collection_hash, "{kind:?}: {metadata:?}");
        if let Args::Mint { asset_data, .. } = &event.instruction.args {
            assert_eq!(asset_data_hash(asset_data.bytes), v2.asset_data_hash, "{kind:?}");
        }
    }
}

/// A path leads from its leaf to the root.
fn check_path(log: &ChangeLog) {
    let depth = log.path.len() - 1;
    let leaf = (1_u32 << depth) + log.index;
    for (height, node) in log.path.iter().enumerate() {
        assert_eq!(node.index, leaf >> height);
    }
}

#[test]
fn real_transactions_are_understood_to_the_last_hash() {
    let Some(cases) = cases() else { return };
    let mut kinds = BTreeMap::new();
    let mut checked = 0;
    for record in cases.iter().flat_map(|case| &case.transactions) {
        let transaction = read(record);
        for event in all(&transaction) {
            check(&event);
            *kinds.entry(format!("{:?}", event.instruction.kind)).or_insert(0) += 1;
            checked += usize::from(event.leaf.is_some() && event.instruction.metadata().is_some());
        }
    }
    let minted: usize =
        kinds.iter().filter(|(kind, _)| kind.starts_with("Mint")).map(|(_, count)| count).sum();
    assert!(minted >= 16 && checked >= 22 && kinds.len() >= 19, "{checked} with metadata: {kinds:#?}");
}

#[test]
fn the_client_reads_real_instructions_as_we_do() {
    let Some(cases) = cases() else { return };
    let mut taken = 0;
    for record in cases.iter().flat_map(|case| &case.transactions) {
        let transaction = read(record);
        taken += all(&transaction)
            .iter()
            .map(|event| check_real(&transaction.instructions[event.at]))
            .sum::<usize>();
    }
    assert!(taken > 1000, "only {taken} changed instructions were still instructions");
}

/// What another server answers of a leaf, in its words.
fn answer(event: &Event<'_>) -> Value {
    let (log, leaf) = (event.change_log.as_ref().unwrap(), event.leaf.as_ref().unwrap());
    let text = |hash: [u8; 32]| json!(Pubkey::from_bytes(hash).to_string());
    let schema = &leaf.schema;
    let mut answer = json!({
        "eligible": false, "compressed": true, "leaf_id": schema.nonce, "seq": log.seq, "tree": log.tree.to_string(),
        "asset_hash": text(leaf.leaf_hash), "data_hash": text(schema.data_hash),
        "creator_hash": text(schema.creator_hash),
    });
    if let Some(v2) = &schema.v2 {
        answer["collection_hash"] = text(v2.collection_hash);
        answer["asset_data_hash"] = text(v2.asset_data_hash);
        answer["flags"] = json!(v2.flags.0);
    }
    answer
}

/// The assets of all answers that a case expects.
fn assets(calls: &Value) -> Vec<&Value> {
    let results = calls.as_array().unwrap().iter().map(|call| &call["result"]);
    results
        .flat_map(|result| result["items"].as_array().map_or(vec![result], |items| items.iter().collect()))
        .collect()
}

#[test]
fn the_last_leaf_of_an_asset_is_the_one_that_is_answered() {
    let Some(cases) = cases() else { return };
    let mut compared = 0;
    for Case { name, transactions, calls } in &cases {
        let transactions: Vec<Transaction> = transactions.iter().map(read).collect();
        let events: Vec<Event<'_>> = transactions.iter().flat_map(all).collect();
        for asset in assets(calls) {
            let is_leaf = asset["compression"]["compressed"] == true && asset["burnt"] == false;
            let of_asset = |event: &&Event<'_>| {
                event.leaf.as_ref().is_some_and(|leaf| asset["id"] == leaf.schema.id.to_string())
            };
            let seq = |event: &&Event<'_>| event.change_log.as_ref().map(|log| log.seq);
            let last = events.iter().filter(of_asset).max_by_key(seq);
            let Some(last) = last.filter(|_| is_leaf) else { continue };
            assert_eq!(asset["compression"], answer(last), "{name}");
            let schema = &last.leaf.as_ref().unwrap().schema;
            assert_eq!(asset["ownership"]["owner"], schema.owner.to_string(), "{name}");
            let delegate = (schema.delegate != schema.owner).then(|| schema.delegate.to_string());
            assert_eq!(asset["ownership"]["delegate"], json!(delegate), "{name}");
            compared += 1;
        }
    }
    assert!(compared >= 14, "only {compared} assets");
}

#[test]
fn an_asset_that_leaves_its_tree_is_known_by_its_leaf() {
    let Some(cases) = cases() else { return };
    let of_case = |name: &str| -> (Vec<Transaction>, &Value) {
        let case = cases.iter().find(|case| case.name == name).unwrap();
        (case.transactions.iter().map(read).collect(), assets(&case.calls)[0])
    };
    let (transactions, asset) = of_case("mint_transfer_burn");
    let events: Vec<_> = transactions.iter().flat_map(all).collect();
    let burn = events.iter().find(|event| event.instruction.kind == Kind::Burn).unwrap();
    let (log, leaf) = (burn.change_log.as_ref().unwrap(), burn.instruction.leaf().unwrap());
    assert_eq!(asset["id"], asset_id(log.tree, leaf.nonce).unwrap().to_string());
    assert_eq!((asset["compression"]["seq"].as_u64(), log.leaf()), (Some(log.seq), Some([0; 32])));

    let (transactions, asset) = of_case("asset_decompress");
    let events: Vec<_> = transactions.iter().flat_map(all).collect();
    let kinds: Vec<_> = events.iter().map(|event| event.instruction.kind).collect();
    assert_eq!(kinds, [Kind::MintToCollectionV1, Kind::Redeem, Kind::DecompressV1]);
    let heights: Vec<_> =
        events.iter().zip(&transactions).map(|(event, of)| of.instructions[event.at].height).collect();
    assert_eq!(heights, [Some(2), Some(1), Some(1)], "another program mints");
    let redeem = &events[1];
    let (log, leaf) = (redeem.change_log.as_ref().unwrap(), redeem.instruction.leaf().unwrap());
    assert_eq!(asset["id"], asset_id(log.tree, leaf.nonce).unwrap().to_string());
    assert_eq!(leaf.data_hash, events[0].leaf.as_ref().map(|leaf| leaf.schema.data_hash));
    let mint = events[2].instruction.accounts.get(Account::Mint);
    assert_eq!(asset["id"], mint.unwrap().to_string());
}

/// The same transaction as `getTransaction` answers it, in the encoding `json`.
fn as_rpc(flat: &Value) -> Value {
    json!({
        "slot": flat["slot"],
        "version": flat["version"],
        "transaction": {
            "signatures": [flat["signature"]],
            "message": {"accountKeys": flat["accountKeys"], "instructions": flat["instructions"]},
        },
        "meta": {"err": null, "innerInstructions": flat["innerInstructions"]},
    })
}

#[test]
fn real_transactions_are_the_same_in_both_forms() {
    let Some(cases) = cases() else { return };
    for record in cases.iter().flat_map(|case| &case.transactions) {
        assert_eq!(read(record), read(&as_rpc(record)));
    }
}

#[test]
fn the_order_of_calls_says_what_their_heights_say() {
    let Some(cases) = cases() else { return };
    for record in cases.iter().flat_map(|case| &case.transactions) {
        let mut bare = record.clone();
        for inner in bare["innerInstructions"].as_array_mut().unwrap() {
            for call in inner["instructions"].as_array_mut().unwrap() {
                assert!(call.as_object_mut().unwrap().remove("stackHeight").is_some());
            }
        }
        let (whole, bare) = (read(record), read(&bare));
        assert_eq!(all(&whole), all(&bare));
    }
}
