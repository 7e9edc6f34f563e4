//! Transactions to what is stored of them, and from there to assets; the real ones are those of another server's cases.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use vitrine_model::{Pubkey, Slot};
use vitrine_store::{AssetSources, LeafChange, LeafEventSeen, TreeChange};

use super::*;
use crate::decode::compression::{SPL_ACCOUNT_COMPRESSION, SPL_NOOP};
use crate::decode::transaction::{Instruction, Signature, Transaction};
use crate::normalise::program::{TOKEN, TOKEN_2022};

fn key(byte: u8) -> Pubkey {
    Pubkey::from_bytes([byte; 32])
}

fn call(program: Pubkey, accounts: &[u8], data: Vec<u8>, height: u32) -> Instruction {
    Instruction {
        program,
        accounts: accounts.iter().copied().map(key).collect(),
        data,
        outer: 0,
        height: Some(height),
    }
}

fn of(instructions: Vec<Instruction>) -> Transaction {
    Transaction {
        slot: Slot::new(7).unwrap(),
        signature: Signature::from_bytes([5; 64]),
        block_time: None,
        succeeded: true,
        instructions,
    }
}

/// A change of the leaf 1 of a tree of depth 1, whose leaf has this place by the log.
fn change_log(index: u32) -> Vec<u8> {
    let mut data = vec![0, 0];
    data.extend([9; 32]);
    data.extend(2_u32.to_le_bytes());
    for (hash, place) in [([1; 32], 3_u32), ([2; 32], 1)] {
        data.extend(hash);
        data.extend(place.to_le_bytes());
    }
    data.extend(4_u64.to_le_bytes());
    data.extend(index.to_le_bytes());
    data
}

#[test]
fn a_change_of_any_tree_is_kept() {
    let tx = of(vec![call(SPL_ACCOUNT_COMPRESSION, &[9], vec![], 1), call(SPL_NOOP, &[], change_log(1), 2)]);
    let expected = TreeChange {
        tree: key(9),
        program: SPL_ACCOUNT_COMPRESSION,
        seq: 4,
        leaf_index: 1,
        slot: tx.slot,
        signature: [5; 64],
        asset_id: None,
        instruction: None,
        event: None,
        inherits: None,
        path: vec![[1; 32], [2; 32]],
    };
    assert_eq!(transaction(&tx), TransactionSeen { tree_changes: vec![expected], ..Default::default() });
    // Anybody can log what they like: without a change that logged it, it is nothing.
    let bare = of(vec![call(SPL_NOOP, &[], change_log(1), 1)]);
    assert_eq!(transaction(&bare), TransactionSeen::default());
}

/// A node that does not record who called makes all calls of an instruction look alike.
#[test]
fn nobody_logs_a_change_in_the_name_of_the_compression_program() {
    let verify_leaf = [124, 220, 22, 223, 104, 10, 250, 224];
    let seen = |accounts: &[u8], data: &[u8]| {
        let mut tx = of(vec![
            call(TOKEN, &[], vec![], 1),
            call(SPL_ACCOUNT_COMPRESSION, accounts, data.to_vec(), 2),
            call(SPL_NOOP, &[], change_log(1), 2),
        ]);
        tx.instructions[1..].iter_mut().for_each(|call| call.height = None);
        transaction(&tx)
    };
    assert_eq!(seen(&[9], &[0; 8]).tree_changes.len(), 1);
    assert_eq!(seen(&[9], &verify_leaf), TransactionSeen::default());
    let other = seen(&[8], &[0; 8]);
    assert_eq!((other.tree_changes.len(), other.problems.len()), (0, 1));
}

#[test]
fn what_is_no_path_is_a_problem_and_no_change() {
    for data in [change_log(0), change_log(2), change_log(u32::MAX), change_log(1)[..50].to_vec()] {
        let seen = transaction(&of(vec![
            call(SPL_ACCOUNT_COMPRESSION, &[9], vec![], 1),
            call(SPL_NOOP, &[], data, 2),
        ]));
        assert_eq!((seen.tree_changes.len(), seen.problems.len()), (0, 1));
        assert!(seen.problems[0].starts_with("instruction 0: "), "{:?}", seen.problems);
    }
}

#[test]
fn an_unknown_instruction_is_a_problem_and_its_change_is_kept() {
    let bubblegum = crate::decode::bubblegum::BUBBLEGUM;
    let seen = transaction(&of(vec![
        call(bubblegum, &[], vec![1; 8], 1),
        call(SPL_ACCOUNT_COMPRESSION, &[9], vec![], 2),
        call(SPL_NOOP, &[], change_log(1), 3),
    ]));
    assert_eq!(seen.tree_changes.len(), 1);
    assert_eq!(seen.tree_changes[0].event, None);
    assert!(seen.problems[0].starts_with("instruction 0 of Bubblegum: "), "{:?}", seen.problems);
}

#[test]
fn mints_that_were_closed_are_told_of() {
    let close = |program, data: &[u8]| transaction(&of(vec![call(program, &[3, 4, 4], data.to_vec(), 1)]));
    let seen = close(TOKEN_2022, &[9]);
    assert_eq!(seen.accounts.len(), 1);
    let account = &seen.accounts[0];
    assert_eq!((account.address, account.slot.get(), account.write_version), (key(3), 7, 0));
    assert_eq!(account.content, vitrine_store::AccountContent::Closed);
    for other in [close(TOKEN, &[9]), close(TOKEN_2022, &[8]), close(TOKEN_2022, &[])] {
        assert_eq!(other, TransactionSeen::default());
    }
    let none = transaction(&of(vec![call(TOKEN_2022, &[], vec![9], 1)]));
    assert_eq!(none, TransactionSeen::default());
}

/// The rows that a store keeps of transactions: sets, by what names a row.
#[derive(Default)]
struct Rows {
    changes: BTreeMap<(Pubkey, u64), TreeChange>,
    events: BTreeMap<(Slot, [u8; 64], u32), LeafEventSeen>,
}

impl Rows {
    fn take(&mut self, seen: TransactionSeen) {
        assert_eq!(seen.problems, Vec::<String>::new());
        self.changes.extend(seen.tree_changes.into_iter().map(|change| ((change.tree, change.seq), change)));
        let events = seen.leaf_events.into_iter();
        self.events.extend(events.map(|event| ((event.slot, event.signature, event.position), event)));
    }

    fn sources(&self, id: Pubkey) -> AssetSources {
        let mut sources = empty(id);
        for change in self.changes.values().filter(|change| change.asset_id == Some(id)) {
            sources.leaf.push(LeafChange {
                tree: change.tree,
                seq: change.seq,
                leaf_index: change.leaf_index,
                slot: change.slot,
                instruction: change.instruction.clone().unwrap(),
                event: change.event.clone().unwrap(),
                inherited: None,
            });
        }
        for event in self.events.values().filter(|event| event.asset_id == id) {
            sources.events.push(vitrine_store::LeafEvent {
                slot: event.slot,
                instruction: event.instruction.clone(),
                event: event.event.clone(),
            });
        }
        sources
    }
}

fn empty(id: Pubkey) -> AssetSources {
    AssetSources {
        id,
        slot_created: Slot::default(),
        accounts: Vec::new(),
        holder: None,
        collection_authority: None,
        leaf: Vec::new(),
        events: Vec::new(),
        documents: Vec::new(),
    }
}

fn answer(sources: &AssetSources) -> Option<Value> {
    let asset = fold(sources)?.into_draft().into_asset(sources.id, None);
    Some(serde_json::from_slice(&asset.render().body).unwrap())
}

/// The cases that have transactions. `None` where there is no folder.
fn cases() -> Option<Vec<Value>> {
    let Some(folder) = std::env::var_os("VITRINE_PEER_CASES") else {
        eprintln!("skipped: VITRINE_PEER_CASES is not set");
        return None;
    };
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(Path::new(&folder)).expect("VITRINE_PEER_CASES is a folder") {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let case: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            cases.extend((!transactions(&case).is_empty()).then_some(case));
        }
    }
    Some(cases)
}

fn transactions(case: &Value) -> Vec<Transaction> {
    let events = case["events"].as_array().unwrap().iter().flat_map(|event| event.as_array().unwrap());
    events
        .filter_map(|one| one.get("transaction"))
        .map(|tx| Transaction::from_json(&tx.to_string()).unwrap())
        .collect()
}

/// The assets of all answers that a case expects and that stand in a tree.
fn leaves(case: &Value) -> Vec<&Value> {
    let results = case["calls"].as_array().unwrap().iter().map(|call| &call["result"]);
    results
        .flat_map(|result| result["items"].as_array().map_or(vec![result], |items| items.iter().collect()))
        .filter(|asset| asset["compression"]["compressed"] == true)
        .collect()
}

/// All orders of so many things, for up to 4 of them.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for order in orders(count - 1) {
        for at in 0..count {
            let mut longer = order.clone();
            longer.insert(at, count - 1);
            all.push(longer);
        }
    }
    all
}

#[test]
fn real_leaves_are_the_assets_that_another_server_answers_in_any_order() {
    let Some(cases) = cases() else { return };
    let mut compared = 0;
    for case in &cases {
        let transactions = transactions(case);
        for order in orders(transactions.len()) {
            let mut rows = Rows::default();
            // Each comes twice: the first again at the end.
            for &at in order.iter().chain(order.first()) {
                rows.take(transaction(&transactions[at]));
            }
            for expected in leaves(case) {
                let id = expected["id"].as_str().unwrap().parse().unwrap();
                assert_eq!(answer(&rows.sources(id)).as_ref(), Some(expected), "{} {order:?}", case["name"]);
                compared += 1;
            }
        }
    }
    assert!(compared >= 60, "only {compared} answers");
}

#[test]
fn a_real_decompressed_leaf_is_in_no_tree() {
    let Some(cases) = cases() else { return };
    let case = cases.iter().find(|case| case["name"] == "asset_decompress").unwrap();
    let expected = &case["calls"][0]["result"];
    let id: Pubkey = expected["id"].as_str().unwrap().parse().unwrap();
    let mut rows = Rows::default();
    let mut after = Vec::new();
    for tx in &transactions(case) {
        rows.take(transaction(tx));
        after.push(answer(&rows.sources(id)).unwrap());
    }
    let seqs: Vec<_> = rows.changes.values().filter(|change| change.asset_id == Some(id)).collect();
    let names: Vec<_> = seqs.iter().map(|change| change.instruction.as_deref().unwrap()).collect();
    assert_eq!(names, ["MintToCollectionV1", "Redeem"]);
    assert_eq!(rows.events.values().next().unwrap().instruction, "DecompressV1");
    // The leaf that was redeemed is the one that was minted, by its hash: it was put together from what was handed in.
    assert_eq!(after[0]["compression"]["asset_hash"], after[1]["compression"]["asset_hash"]);
    assert!(after[1]["compression"]["seq"].as_u64() > after[0]["compression"]["seq"].as_u64());
    let mut last = after.pop().unwrap();
    // Of a token's own accounts this is not known from its leaf.
    for member in ["authorities", "supply"] {
        last[member] = expected[member].clone();
    }
    last["royalty"]["primary_sale_happened"] = json!(false);
    assert_eq!(&last, expected);
}

/// An event of the asset `key(1)`, as it is stored.
fn event(sources: &mut AssetSources, seq: u64, event: &Value) {
    let change = LeafChange {
        tree: key(9),
        seq,
        leaf_index: 3,
        slot: Slot::new(seq).unwrap(),
        instruction: "Any".to_owned(),
        event: event.to_string(),
        inherited: None,
    };
    sources.leaf.push(change);
    sources.leaf.sort_by_key(|change| change.seq);
}

fn state(owner: u8, delegate: u8) -> Value {
    json!({
        "owner": key(owner), "delegate": key(delegate), "nonce": 3,
        "data_hash": key(20), "creator_hash": key(21), "hash": key(22 + owner),
    })
}

fn metadata(name: &str) -> Value {
    json!({
        "name": name, "symbol": "S", "uri": "u", "seller_fee_basis_points": 500, "primary_sale_happened": false,
        "is_mutable": true, "creators": [], "collection": null,
        "edition_nonce": null, "uses": null,
    })
}

#[test]
fn the_newest_event_that_says_something_wins() {
    let mut sources = empty(key(1));
    event(&mut sources, 9, &json!({"leaf": state(4, 5), "fate": "in_tree"}));
    assert_eq!(answer(&sources), None, "nobody knows what it is called");
    event(&mut sources, 3, &json!({"leaf": state(2, 2), "metadata": metadata("A"), "authority": key(8)}));
    let seen = answer(&sources).unwrap();
    assert_eq!(seen["content"]["metadata"]["name"], "A");
    assert_eq!(seen["ownership"]["owner"], key(4).to_string());
    assert_eq!(seen["ownership"]["delegate"], key(5).to_string());
    assert_eq!((&seen["compression"]["seq"], &seen["compression"]["leaf_id"]), (&json!(9), &json!(3)));
    assert!(
        seen["compression"].get("flags").is_none() && seen["ownership"].get("non_transferable").is_none()
    );
    event(&mut sources, 7, &json!({"leaf": state(3, 3), "metadata": metadata("B")}));
    let seen = answer(&sources).unwrap();
    assert_eq!(seen["content"]["metadata"]["name"], "B");
    assert_eq!(seen["ownership"]["owner"], key(4).to_string());
    let mut zeros = sources.clone();
    event(&mut zeros, 11, &json!({"leaf": state(4, 0)}));
    assert_eq!(answer(&zeros).unwrap()["ownership"]["delegated"], false);
    // A later version's event, or a damaged one, says nothing.
    event(&mut sources, 10, &json!({"leaf": 5}));
    assert_eq!(answer(&sources).unwrap()["ownership"]["owner"], key(4).to_string());
}

#[test]
fn a_leaf_that_was_taken_out_is_shown_as_it_was() {
    let mut sources = empty(key(1));
    event(&mut sources, 1, &json!({"leaf": state(2, 2), "metadata": metadata("A"), "fate": "in_tree"}));
    let minted = answer(&sources).unwrap();
    event(&mut sources, 2, &json!({"leaf": state(2, 2), "fate": "redeemed"}));
    let redeemed = answer(&sources).unwrap();
    assert_eq!(redeemed["compression"]["compressed"], true);
    assert_eq!(redeemed["compression"]["asset_hash"], minted["compression"]["asset_hash"]);
    event(&mut sources, 3, &json!({"fate": "in_tree"}));
    assert_eq!(answer(&sources).unwrap()["burnt"], false);
    let mut burnt = sources.clone();
    event(&mut burnt, 4, &json!({"leaf": state(2, 2), "fate": "burnt"}));
    let burnt = answer(&burnt).unwrap();
    assert_eq!((&burnt["burnt"], &burnt["compression"]["compressed"]), (&json!(true), &json!(true)));
    sources.events.push(vitrine_store::LeafEvent {
        slot: Slot::new(4).unwrap(),
        instruction: "DecompressV1".to_owned(),
        event: json!({"fate": "decompressed"}).to_string(),
    });
    let token = answer(&sources).unwrap();
    assert_eq!(
        (&token["compression"]["compressed"], &token["compression"]["tree"]),
        (&json!(false), &json!(""))
    );
}

#[test]
fn flags_are_what_they_say() {
    for (flags, frozen, bound) in [(0, false, false), (1, true, false), (2, true, false), (4, false, true)] {
        let mut sources = empty(key(1));
        let mut leaf = state(2, 2);
        leaf["v2"] = json!({"collection_hash": key(30), "asset_data_hash": key(31), "flags": flags});
        let mut metadata = metadata("A");
        metadata["seller_fee_basis_points"] = json!(u16::MAX);
        event(&mut sources, 1, &json!({"leaf": leaf, "metadata": metadata}));
        let asset = answer(&sources).unwrap();
        assert_eq!(asset["ownership"]["frozen"], frozen);
        assert_eq!(asset["ownership"]["non_transferable"], bound);
        assert_eq!(asset["compression"]["flags"], flags);
        assert_eq!(asset["compression"]["collection_hash"], key(30).to_string());
        let royalty = &asset["royalty"];
        assert_eq!(
            (&royalty["sfbp_inherited"], &royalty["basis_points_raw"]),
            (&json!(true), &json!(u16::MAX))
        );
        assert_eq!((&royalty["basis_points"], &royalty["percent"]), (&json!(0), &json!(0.0)));
    }
}

#[test]
fn a_leaf_inherits_only_where_it_says_so() {
    let v2 = json!({"collection_hash": key(30), "asset_data_hash": key(31), "flags": 0});
    let collection = json!({"key": key(12), "verified": true});
    let event = |fee: u16, v2: Value, collection: Value| -> LeafEvent {
        let mut event = json!({"leaf": state(2, 2), "metadata": metadata("A")});
        event["leaf"]["v2"] = v2;
        (event["metadata"]["seller_fee_basis_points"], event["metadata"]["collection"]) =
            (fee.into(), collection);
        serde_json::from_value(event).unwrap()
    };
    assert_eq!(event(10_001, v2.clone(), collection.clone()).inherits(), Some(key(12)));
    assert_eq!(event(u16::MAX, v2.clone(), collection.clone()).inherits(), Some(key(12)));
    for event in [
        event(10_000, v2.clone(), collection.clone()),
        event(10_001, Value::Null, collection),
        event(10_001, v2, Value::Null),
        LeafEvent::default(),
    ] {
        assert_eq!(event.inherits(), None);
    }
}
