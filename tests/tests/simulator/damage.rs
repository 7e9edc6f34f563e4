//! Rows are damaged one by one: each damage is found, by `vitrine verify` or by the comparison with a clean run. A simulator
//! that compares nothing would pass all else.

use sqlx::AssertSqlSafe;
use vitrine_tests::{Database, assets};

use crate::compare::{TABLES, compare, findings};
use crate::interleaved;
use crate::run::in_order;

/// What is done to a database, and who has to find it: checks of `vitrine verify`, besides the comparison, which finds
/// all that is done to a table that it compares.
const DAMAGES: [(&str, &[&str]); 42] = [
    // A total that is off by one, either way; a list that forgot what it had.
    ("UPDATE asset_list SET total = total + 1 WHERE list_id = (SELECT min(list_id) FROM list_member)", &["total"]),
    ("UPDATE asset_list SET total = total - 1 WHERE list_id = (SELECT min(list_id) FROM list_member)", &["total"]),
    ("UPDATE asset_list SET total = 0", &["total"]),
    // A member that is missing, or stray, with the total and without; one of an older state.
    (
        "DELETE FROM list_member WHERE ctid = (SELECT min(ctid) FROM list_member)",
        &["total", "missing_member"],
    ),
    (
        "WITH gone AS (DELETE FROM list_member WHERE ctid = (SELECT min(ctid) FROM list_member) RETURNING list_id)
         UPDATE asset_list SET total = total - 1 FROM gone WHERE asset_list.list_id = gone.list_id",
        &["missing_member"],
    ),
    (
        "WITH stray AS (INSERT INTO list_member SELECT list.list_id, asset.asset_id, slot_created, slot_updated, version
             FROM asset_list AS list CROSS JOIN asset WHERE NOT list.list_id = ANY(asset.list_ids) LIMIT 1 RETURNING list_id)
         UPDATE asset_list SET total = total + 1 FROM stray WHERE asset_list.list_id = stray.list_id",
        &["stray_member"],
    ),
    (
        "UPDATE list_member SET slot_updated = slot_updated - 1 WHERE ctid = (SELECT min(ctid) FROM list_member)",
        &["member_columns"],
    ),
    (
        "UPDATE list_member SET slot_created = slot_created + 1 WHERE ctid = (SELECT min(ctid) FROM list_member)",
        &["member_columns"],
    ),
    (
        "UPDATE list_member SET version = version + 1 WHERE ctid = (SELECT min(ctid) FROM list_member)",
        &["member_columns"],
    ),
    // A list that an asset forgot it is in, as its member did.
    (
        "WITH one AS (SELECT asset_id, list_ids[1] AS list_id FROM asset WHERE list_ids <> '{}' LIMIT 1),
              gone AS (DELETE FROM list_member USING one WHERE list_member.asset_id = one.asset_id
                       AND list_member.list_id = one.list_id),
              less AS (UPDATE asset_list SET total = total - 1 FROM one WHERE asset_list.list_id = one.list_id)
         UPDATE asset SET list_ids = list_ids[2:] FROM one WHERE asset.asset_id = one.asset_id",
        &["lists"],
    ),
    // An asset: body, version, columns, slots, or all of it.
    (
        "UPDATE asset SET body = overlay(body PLACING convert_to('X', 'UTF8') FROM octet_length(body) / 2 FOR 1) WHERE TRUE",
        &["body", "bytes"],
    ),
    ("UPDATE asset SET splices = '\\x' WHERE octet_length(splices) > 0", &["body"]),
    ("UPDATE asset SET digest = substring(sha256(digest) FOR 16)", &["bytes"]),
    ("UPDATE asset SET version = version + 1", &["bytes", "member_columns"]),
    ("UPDATE asset SET owner = sha256(owner) WHERE owner IS NOT NULL", &["columns"]),
    ("UPDATE asset SET burnt = NOT burnt", &["columns"]),
    ("UPDATE asset SET slot_updated = slot_updated - 1", &["remade", "member_columns"]),
    ("UPDATE asset SET slot_created = slot_created + 1 WHERE slot_created < slot_updated", &["member_columns"]),
    ("UPDATE asset SET slot_seen = slot_seen + 1", &[]),
    ("DELETE FROM asset WHERE ctid = (SELECT min(ctid) FROM asset)", &["counter", "stray_member"]),
    ("UPDATE counter SET value = value + 1 WHERE name = 'assets'", &["counter"]),
    // What assets of the chain are made of: a holder of an older state, other bytes, an account that nobody closed.
    ("UPDATE account SET token_owner = sha256(token_owner) WHERE kind = 1 AND token_amount = 1", &["remade"]),
    ("UPDATE account SET token_frozen = NOT token_frozen WHERE kind = 1 AND token_amount = 1", &["remade"]),
    ("UPDATE account SET closed = NOT closed WHERE kind = 2", &["remade"]),
    ("UPDATE account SET slot = slot + 1000 WHERE kind = 5", &["remade"]),
    ("UPDATE account SET slot_first = slot_first - 50", &["remade"]),
    ("UPDATE account SET core_authority = sha256(core_authority) WHERE core_authority IS NOT NULL", &["remade"]),
    ("UPDATE account SET edition_number = edition_number + 1 WHERE edition_number IS NOT NULL", &[]),
    ("UPDATE account SET write_version = write_version + 1", &[]),
    ("DELETE FROM account WHERE kind = 3", &["remade"]),
    // What is noted of assets of the chain.
    ("UPDATE chain_asset SET json_uri = 'https://example.org/' WHERE json_uri IS NOT NULL", &["remade", "unqueued_document"]),
    ("UPDATE chain_asset SET single = NOT single", &["remade"]),
    ("DELETE FROM chain_asset WHERE version IS NOT NULL", &["unknown_chain_asset"]),
    // Trees: a node of an older state, one that is missing, a signature that is, a leaf in another place.
    ("UPDATE tree_node SET hash = sha256(hash) WHERE node_index = 1", &["node"]),
    ("UPDATE tree_node SET hash = sha256(hash) WHERE node_index >= 8", &["node"]),
    ("DELETE FROM tree_node WHERE node_index >= 8", &["node", "missing_node"]),
    ("DELETE FROM tree_change WHERE seq = 1", &["gap"]),
    ("UPDATE tree_change SET leaf_index = leaf_index + 1 WHERE leaf_index < 7 AND seq > 0", &["missing_node"]),
    ("UPDATE tree_change SET event = NULL WHERE event IS NOT NULL", &["remade"]),
    // What waits: a document that nobody would fetch, a letter that nobody would find, a watermark that is ahead.
    ("DELETE FROM document", &["unqueued_document"]),
    ("UPDATE dead_letter SET input = input || ' '", &["digest"]),
    ("UPDATE watermark SET slot = slot + 1", &[]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_damage_is_found() {
    let (clean, database) = (Database::new().await, Database::new().await);
    let told = interleaved(1..13);
    for database in [&clean, &database] {
        let store = database.store();
        in_order(&store, &told).await;
        assert_eq!(findings(&store, true).await, Vec::new());
        store.close().await;
        // Damage is written into plain bodies.
        assets::unpack_bodies(&mut database.connect().await).await;
    }
    compare(&clean, &database).await.unwrap();
    let mut missed = Vec::new();
    for (damage, checks) in DAMAGES {
        let damaged = database.copy().await;
        let done = sqlx::query(AssertSqlSafe(damage)).execute(&mut damaged.connect().await).await.unwrap();
        assert!(done.rows_affected() > 0, "{damage}: nothing was damaged");
        let store = damaged.store();
        let found = findings(&store, true).await;
        store.close().await;
        for check in checks {
            if !found.iter().any(|(name, _)| name == check) {
                missed.push(format!("{damage}: {check} finds nothing, only {found:?}"));
            }
        }
        let is_compared = TABLES.iter().any(|(table, _)| {
            damage.contains(&format!("UPDATE {table} ")) || damage.contains(&format!("DELETE FROM {table} "))
        });
        if (is_compared || checks.is_empty()) && compare(&clean, &damaged).await.is_ok() {
            missed.push(format!("{damage}: the comparison finds nothing"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
