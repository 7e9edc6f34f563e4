//! `vitrine verify`: nothing is wrong with an intact database, and each kind of damage is found and named.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::{Value, json};
use vitrine_ingest::normalise::compose;
use vitrine_ingest::verify::{Check, Event, Report, verify};
use vitrine_model::merkle::{Hash, empty, parent};
use vitrine_model::{Pubkey, Slot};
use vitrine_store::{ChainBatch, GapTotals, Store, TreeChange, verify_statements};
use vitrine_tests::assets::{self, pubkey};
use vitrine_tests::explain::{explain, hex, nodes, rows};
use vitrine_tests::{AssetSpec, Database, Vitrine};

const TREE: Pubkey = Pubkey::from_bytes([7; 32]);
const DEPTH: u32 = 3;
/// The number of the asset that is a leaf of the tree.
const LEAF: u64 = 5000;

/// More assets than are read at once, in lists of all kinds.
fn specs() -> Vec<AssetSpec> {
    let spec = |number: u64| AssetSpec {
        slot_created: number,
        slot_updated: number + 5,
        collection: Some((pubkey(1 << 40), !number.is_multiple_of(7))),
        authority: Some(pubkey((2 << 40) | (number % 3))),
        creator: Some((pubkey(3 << 40), number.is_multiple_of(2))),
        burnt: number.is_multiple_of(11),
        compressed: number.is_multiple_of(5),
        ..AssetSpec::new(pubkey(number))
    };
    (0..600).map(spec).collect()
}

/// Changes of a tree, each of the leaf at this place, each with its number: the first is the tree's making. The leaf 3 is
/// an asset.
fn changes(leaves: &[u64]) -> Vec<TreeChange> {
    let mut nodes: BTreeMap<u64, Hash> = BTreeMap::new();
    let mut changes = Vec::new();
    for (seq, &leaf_index) in (0_u8..).zip(leaves) {
        let mut node = (1 << DEPTH) + leaf_index;
        let leaf = if seq == 0 { [0; 32] } else { [seq; 32] };
        nodes.insert(node, leaf);
        let mut path = vec![leaf];
        while node > 1 {
            node /= 2;
            let below = u8::try_from(DEPTH - node.ilog2() - 1).unwrap();
            let of = |node: u64| nodes.get(&node).copied().unwrap_or_else(|| empty(below).unwrap());
            let above = parent(&of(2 * node), &of(2 * node + 1));
            nodes.insert(node, above);
            path.push(above);
        }
        let asset = (leaf_index == 3).then(|| pubkey(LEAF));
        changes.push(TreeChange {
            tree: TREE,
            program: TREE,
            seq: seq.into(),
            leaf_index,
            slot: Slot::new(1000 + u64::from(seq)).unwrap(),
            signature: [1; 64],
            asset_id: asset,
            instruction: asset.map(|_| "MintV1".to_owned()),
            event: asset.map(|_| minted().to_string()),
            inherits: None,
            path,
        });
    }
    changes
}

/// What a mint says.
fn minted() -> Value {
    let key = |number: u64| pubkey(number).to_string();
    json!({
        "leaf": {
            "owner": key(50), "delegate": key(50), "nonce": 3, "data_hash": key(51), "creator_hash": key(52),
            "hash": Pubkey::from_bytes([2; 32]).to_string(),
        },
        "metadata": {
            "name": "A leaf", "symbol": "", "uri": "https://assets.test/leaf.json", "seller_fee_basis_points": 5,
            "primary_sale_happened": false, "is_mutable": true,
            "creators": [{"address": key(53), "share": 100, "verified": true}],
            "collection": {"key": key(1 << 40), "verified": true}, "edition_nonce": null, "uses": null,
        },
        "authority": key(54), "fate": "in_tree",
    })
}

async fn write_tree(store: &Store, tree_changes: Vec<TreeChange>) {
    let batch = ChainBatch { tree_changes, ..ChainBatch::default() };
    store.write_chain(&batch, &compose).await.unwrap();
}

async fn check(store: &Store) -> (Report, Vec<String>) {
    let mut lines = Vec::new();
    let mut on_event = |event: Event<'_>| {
        if let Event::Found(finding) = event {
            lines.push(format!("{}: {}", finding.check.name(), finding.place));
        }
    };
    let report = verify(store, &mut on_event).await.unwrap();
    (report, lines)
}

/// A statement that damages the database, a word that names the place, and the checks that have to find it.
const DAMAGES: [(&str, &str, &[&str]); 25] = [
    ("UPDATE asset_list SET total = total + 1 WHERE list_id = 1", "list 1:", &["total"]),
    (
        "DELETE FROM list_member WHERE (list_id, asset_id) = (SELECT list_id, asset_id FROM list_member LIMIT 1)",
        "asset ",
        &["total", "missing_member"],
    ),
    (
        "INSERT INTO list_member SELECT 1, $1, 0, 0, 0",
        "list 1,",
        &["total", "stray_member", "member_columns"],
    ),
    (
        "INSERT INTO list_member SELECT 99999, asset_id, slot_created, slot_updated, version FROM asset WHERE asset_id = $1",
        "list 99999,",
        &["stray_member"],
    ),
    ("UPDATE list_member SET version = version + 1 WHERE asset_id = $1", "asset ", &["member_columns"]),
    (
        "UPDATE list_member SET slot_updated = slot_updated + 1 WHERE asset_id = $1",
        "asset ",
        &["member_columns"],
    ),
    ("UPDATE counter SET value = value - 1 WHERE name = 'assets'", "601", &["counter"]),
    ("UPDATE asset SET body = substring(body FROM 2) WHERE asset_id = $1", "asset ", &["body"]),
    (
        "UPDATE asset SET body = convert_to(replace(convert_from(body, 'UTF8'), 'Fur', 'Fun'), 'UTF8') WHERE asset_id = $1",
        "digest",
        &["bytes"],
    ),
    ("UPDATE asset SET splices = '\\x05'::bytea WHERE asset_id = $1", "splice", &["body"]),
    ("UPDATE asset SET digest = substring(sha256(digest) FOR 16) WHERE asset_id = $1", "digest", &["bytes"]),
    ("UPDATE asset SET owner = NULL WHERE asset_id = $1", "owner", &["columns"]),
    ("UPDATE asset SET name = 'other' WHERE asset_id = $1", "name", &["columns"]),
    (
        "UPDATE asset SET list_ids = list_ids[2:] WHERE asset_id = $1",
        "by its row alone: none",
        &["lists", "stray_member"],
    ),
    ("UPDATE tree_node SET hash = sha256(hash) WHERE node_index = 5", "node 2:", &["node"]),
    ("UPDATE tree_node SET seq = seq - 1 WHERE node_index = 2", "node 2:", &["node"]),
    ("UPDATE tree_change SET missing = 3 WHERE seq = 4", "missing 0, said 3", &["missing"]),
    ("DELETE FROM tree_node WHERE node_index = 8", "leaf 0", &["missing_node", "node"]),
    ("UPDATE tree SET depth = depth + 1", "the newest one", &["missing_node"]),
    ("UPDATE tree SET seq = seq - 1", "the newest one", &["missing_node"]),
    (
        "UPDATE tree_change SET event = replace(event, 'A leaf', 'Another') WHERE seq = 2",
        "version",
        &["remade"],
    ),
    (
        "UPDATE asset SET slot_updated = 999, slot_created = 999 WHERE slot_updated = 1002",
        "slot_updated",
        &["remade", "member_columns"],
    ),
    ("UPDATE tree_change SET event = '{' WHERE seq = 2", "change 2 of the tree", &["remade", "unread"]),
    ("UPDATE chain_asset SET version = NULL, json_uri = NULL", "json_uri", &["remade"]),
    ("DELETE FROM chain_asset", "asset", &["unknown_chain_asset"]),
];

#[tokio::test]
async fn every_damage_is_found_and_named() {
    let database = Database::new().await;
    let store = database.store();
    assets::write(&store, &specs()).await;
    let mut connection = database.connect().await;
    write_tree(&store, changes(&[0, 0, 3, 1, 2, 0, 7])).await;
    let (report, lines) = check(&store).await;
    assert_eq!(lines, Vec::<String>::new());
    assert_eq!((report.assets, report.chain_assets, report.trees, report.nodes), (601, 1, 1, 6));
    assert_eq!(report.faults(), 0);
    // Statements write into plain bodies, which are as good as packed ones.
    assets::unpack_bodies(&mut connection).await;
    assert_eq!(check(&store).await.1, Vec::<String>::new());

    let target = pubkey(8);
    for (statement, place, checks) in DAMAGES {
        // The checks have a snapshot of their own, so the damage is committed, and undone from copies.
        let copies = "CREATE TEMP TABLE copy_asset AS TABLE asset; CREATE TEMP TABLE copy_list AS TABLE asset_list;
             CREATE TEMP TABLE copy_member AS TABLE list_member; CREATE TEMP TABLE copy_counter AS TABLE counter;
             CREATE TEMP TABLE copy_tree AS TABLE tree; CREATE TEMP TABLE copy_node AS TABLE tree_node;
             CREATE TEMP TABLE copy_change AS TABLE tree_change; CREATE TEMP TABLE copy_chain AS TABLE chain_asset;";
        sqlx::raw_sql(copies).execute(&mut connection).await.unwrap();
        let query = sqlx::query(statement);
        let query = if statement.contains("$1") { query.bind(target.as_bytes().as_slice()) } else { query };
        query.execute(&mut connection).await.unwrap();
        let (report, lines) = check(&store).await;
        let found: BTreeSet<&str> = report.found.keys().map(|check| check.name()).collect();
        assert_eq!(found, checks.iter().copied().collect(), "{statement}: {lines:#?}");
        assert!(lines.iter().any(|line| line.contains(place)), "{statement}: {lines:#?}");
        let undo = "TRUNCATE asset, list_member, counter, tree, tree_node, tree_change, chain_asset;
             INSERT INTO asset TABLE copy_asset; INSERT INTO list_member TABLE copy_member;
             INSERT INTO counter TABLE copy_counter; INSERT INTO tree TABLE copy_tree;
             INSERT INTO tree_node TABLE copy_node;
             INSERT INTO tree_change TABLE copy_change; INSERT INTO chain_asset TABLE copy_chain;
             UPDATE asset_list SET total = copy_list.total FROM copy_list WHERE copy_list.list_id = asset_list.list_id;
             DROP TABLE copy_asset, copy_list, copy_member, copy_counter, copy_tree, copy_node, copy_change, copy_chain;";
        sqlx::raw_sql(undo).execute(&mut connection).await.unwrap();
    }
    assert_eq!(check(&store).await.1, Vec::<String>::new());
}

#[tokio::test]
async fn changes_that_were_never_seen_are_warnings() {
    let database = Database::new().await;
    let store = database.store();
    // Leaf 3 was changed by 2 alone: what stands above it now has a hash that nobody can make.
    let missed = |change: &TreeChange| change.seq == 0 || change.seq == 2;
    write_tree(
        &store,
        changes(&[0, 0, 3, 1, 2, 0, 7]).into_iter().filter(|change| !missed(change)).collect(),
    )
    .await;
    let (report, lines) = check(&store).await;
    assert_eq!((report.faults(), report.found.get(&Check::Gap)), (0, Some(&1)), "{lines:#?}");
    assert_eq!(report.missing, (1, 1));
    assert!(report.found[&Check::UnprovenNode] > 0, "{lines:#?}");
    assert!(lines.contains(&format!("gap: tree {TREE}: change 2")), "{lines:#?}");
    let output = Vitrine::new(&["verify"]).on(&database).output();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("warning: changes of a tree were not seen")
            && text.ends_with("\n1 changes of 1 trees were not seen\nnothing is wrong\n"),
        "{text}"
    );
}

/// However many there are, and in whatever order the changes came: each is counted, and the first hundred are named.
#[tokio::test]
async fn gaps_are_counted_whole() {
    let database = Database::new().await;
    let store = database.store();
    // Each second change, from the last one on, in batches of one. The first of them follows the tree's making.
    let all = changes(&[0, 5].repeat(120));
    let seen: Vec<TreeChange> = all.into_iter().filter(|change| !change.seq.is_multiple_of(2)).collect();
    assert_eq!(seen.len(), 120);
    for change in seen.iter().rev() {
        write_tree(&store, vec![change.clone()]).await;
    }
    let totals = GapTotals { trees: 1, places: 119, changes: 119 };
    assert_eq!(store.gap_totals().await.unwrap(), totals);
    let (report, lines) = check(&store).await;
    assert_eq!((report.faults(), report.missing), (0, (119, 1)), "{lines:#?}");
    assert_eq!(report.found[&Check::Gap], 101);
    let last = format!("gap: tree {TREE}: and 19 more changes in 19 more gaps");
    assert!(lines.contains(&last), "{lines:#?}");
    // What comes twice changes nothing, and what closes them leaves none.
    write_tree(&store, seen).await;
    assert_eq!(store.gap_totals().await.unwrap(), totals);
    write_tree(&store, changes(&[0, 5].repeat(120))).await;
    assert_eq!(store.gap_totals().await.unwrap(), GapTotals::default());
    store.close().await;
}

#[tokio::test]
async fn the_command_fails_where_anything_is_wrong() {
    let database = Database::new().await;
    let store = database.store();
    assets::write(&store, &specs()).await;
    assert!(Vitrine::new(&["verify"]).on(&database).output().status.success());
    let mut connection = database.connect().await;
    sqlx::query("UPDATE counter SET value = 7 WHERE name = 'assets'").execute(&mut connection).await.unwrap();
    let output = Vitrine::new(&["verify", "--json"]).on(&database).output();
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    assert_eq!(lines.len(), 2, "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(lines[0]["check"], "counter");
    assert_eq!(lines[1]["faults"], 1);
}

/// All inputs of another server's cases, one a line, in an order of no meaning.
fn real_inputs(seed: u64) -> Option<String> {
    let Some(folder) = std::env::var_os("VITRINE_PEER_CASES") else {
        eprintln!("skipped: VITRINE_PEER_CASES is not set");
        return None;
    };
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(folder).expect("VITRINE_PEER_CASES is a folder") {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let case: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            let events =
                case["events"].as_array().unwrap().iter().flat_map(|event| event.as_array().unwrap());
            lines.extend(events.map(|input| format!("{input}\n")));
        }
    }
    lines.sort();
    lines.shuffle(&mut StdRng::seed_from_u64(seed));
    Some(lines.concat())
}

#[tokio::test]
async fn real_inputs_in_any_order_leave_nothing_wrong_and_the_same_assets() {
    let mut answers = BTreeSet::new();
    for seed in 0..3 {
        let Some(inputs) = real_inputs(seed) else { return };
        let database = Database::new().await;
        let output = Vitrine::new(&["ingest", "-"]).on(&database).output_with(inputs.as_bytes());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let (report, lines) = check(&database.store()).await;
        // Their trees are parts of larger ones.
        assert!(report.faults() == 0 && report.found.contains_key(&Check::Gap), "seed {seed}: {lines:#?}");
        assert!(report.chain_assets > 50 && report.trees > 10 && report.nodes > 100, "{report:?}");
        let bodies = "SELECT string_agg(encode(asset_id, 'hex') || slot_created || ' ' || slot_updated || ' ' || version, ','
                                        ORDER BY asset_id) FROM asset";
        let mut connection = database.connect().await;
        let bodies: String = sqlx::query_scalar(bodies).fetch_one(&mut connection).await.unwrap();
        answers.insert(bodies);
    }
    assert_eq!(answers.len(), 1, "the order of arrival shows");
}

/// As in any session that writes.
const BY_KEYS: &str = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off;
     SET enable_mergejoin = off";

#[tokio::test]
async fn a_page_reads_no_more_than_itself() {
    let database = Database::new().await;
    let store = database.store();
    assets::write(&store, &specs()).await;
    write_tree(&store, changes(&[0, 0, 3, 1, 2, 0, 7])).await;
    let mut connection = database.connect().await;
    sqlx::raw_sql(BY_KEYS).execute(&mut connection).await.unwrap();
    let tree = hex(TREE);
    for (name, arguments, rows_max) in [
        ("verify_assets", "''::bytea, 50".to_owned(), 50),
        ("verify_lists", "ARRAY[1, 2, 3]::bigint[]".to_owned(), 3),
        ("verify_chain_assets", "''::bytea, 50".to_owned(), 50),
        ("verify_trees", "''::bytea, 50".to_owned(), 50),
        ("verify_gaps", format!("{tree}, 50"), 7),
        ("verify_nodes", format!("{tree}, 0, 8, 2, 3::smallint"), 2),
    ] {
        let (_, sql) = verify_statements().into_iter().find(|(of, _)| of == name).unwrap();
        let plan = explain(&mut connection, sql, &arguments).await;
        for node in nodes(&plan) {
            let kind = node["Node Type"].as_str().unwrap();
            assert!(!matches!(kind, "Sort" | "Seq Scan" | "Bitmap Heap Scan"), "{name}: {plan:#}");
            if node.get("Relation Name").is_some() {
                assert!(
                    rows(node) <= rows_max && node.get("Rows Removed by Filter").is_none(),
                    "{name}: {plan:#}"
                );
            }
        }
    }
}

#[tokio::test]
async fn an_empty_database_is_sound() {
    let database = Database::new().await;
    let (report, lines) = check(&database.store()).await;
    assert_eq!((report, lines), (Report::default(), Vec::new()));
}
