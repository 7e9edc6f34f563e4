//! Every statement of a list page and of assets by their ids: its text against a golden file, its plan against what a page may cost.

#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use vitrine_model::Pubkey;
use vitrine_store::{
    READ_SESSION, asset_statements, chain_statements, document_statements, sample_statement,
    source_statements, statements, verify_statements,
};
use vitrine_tests::assets::{self, pubkey};
use vitrine_tests::explain::{explain, hex, whole};
use vitrine_tests::{AssetSpec, Database};

const LIMIT: u64 = 100;
const MEMBERS: u64 = 9_000;

/// A collection of 9,000, every third member unverified, among 1,000 strangers; vacuumed, as `import` leaves it.
async fn seed(database: &Database) -> Pubkey {
    let store = database.store();
    let collection = pubkey(1_000_000);
    let specs: Vec<AssetSpec> = (0..10_000)
        .map(|number| AssetSpec {
            slot_created: number % 977,
            slot_updated: 1_000 + number % 1_013,
            collection: (number < 9_000).then_some((collection, !number.is_multiple_of(3))),
            authority: Some(pubkey(2_000_000 + number % 2)),
            ..AssetSpec::new(pubkey(number))
        })
        .collect();
    assets::write(&store, &specs).await;
    store.finish_import(None).await.unwrap();
    store.close().await;
    collection
}

#[test]
fn golden_sql() {
    let names: Vec<String> = statements().into_iter().map(|(name, _)| name).collect();
    let mut unique = names.clone();
    unique.sort();
    unique.dedup();
    assert_eq!((names.len(), unique.len()), (184, 184), "each shape has a statement and a name of its own");
    for (name, sql) in statements() {
        insta::assert_snapshot!(name, sql);
    }
    for (name, sql) in asset_statements() {
        insta::assert_snapshot!(name, sql);
    }
    let (name, sql) = sample_statement();
    insta::assert_snapshot!(name, sql);
    let others = [verify_statements(), chain_statements(), source_statements(), document_statements()];
    for (name, sql) in others.into_iter().flatten() {
        insta::assert_snapshot!(name, sql);
    }
}

#[tokio::test]
async fn assets_are_read_by_their_primary_key_and_no_others() {
    let database = Database::new().await;
    seed(&database).await;
    let mut connection = database.connect().await;
    sqlx::raw_sql(READ_SESSION).execute(&mut connection).await.unwrap();
    // The second half is of nobody.
    let ids: Vec<String> = (9_500..10_500).map(|number| hex(pubkey(number))).collect();
    let arguments = format!("ARRAY[{}]", ids.join(", "));
    for (name, sql) in asset_statements() {
        let plan = explain(&mut connection, sql, &arguments).await;
        let (mut rows, mut nodes) = (0, vec![&plan]);
        while let Some(node) = nodes.pop() {
            let kind = node["Node Type"].as_str().unwrap();
            assert!(!matches!(kind, "Sort" | "Seq Scan" | "Bitmap Heap Scan"), "{name}: {plan:#}");
            if node["Relation Name"] == "asset" {
                // Ids and versions are in the index; bodies are not.
                let scan = if name == "assets_keys" { "Index Only Scan" } else { "Index Scan" };
                assert_eq!((kind, &node["Index Name"]), (scan, &Value::from("asset_pkey")), "{name}");
                assert!(node.get("Rows Removed by Filter").is_none(), "{name}: {plan:#}");
                rows += whole(&node["Actual Rows"]) * whole(&node["Actual Loops"]);
            }
            nodes.extend(node["Plans"].as_array().into_iter().flatten());
        }
        assert_eq!(rows, 500, "{name}: {plan:#}");
    }
}

#[tokio::test]
async fn a_sample_reads_a_key_for_each_place() {
    let database = Database::new().await;
    seed(&database).await;
    let mut connection = database.connect().await;
    sqlx::raw_sql(READ_SESSION).execute(&mut connection).await.unwrap();
    let (name, sql) = sample_statement();
    let places: Vec<String> = (20_000..20_100).map(|number| hex(pubkey(number))).collect();
    let plan = explain(&mut connection, sql, &format!("ARRAY[{}]", places.join(", "))).await;
    let (mut rows, mut nodes) = (0, vec![&plan]);
    while let Some(node) = nodes.pop() {
        if node["Relation Name"] == "asset" {
            let kind = (node["Node Type"].as_str().unwrap(), node["Index Name"].as_str().unwrap());
            assert_eq!(kind, ("Index Only Scan", "asset_pkey"), "{name}: {plan:#}");
            rows += whole(&node["Actual Rows"]) * whole(&node["Actual Loops"]);
        }
        nodes.extend(node["Plans"].as_array().into_iter().flatten());
    }
    // Behind the last id there is nothing.
    assert!((90..=100).contains(&rows), "{rows} rows: {plan:#}");
}

#[tokio::test]
async fn every_plan_reads_its_page_and_nothing_else() {
    let database = Database::new().await;
    let collection = seed(&database).await;
    let mut connection = database.connect().await;
    sqlx::raw_sql(READ_SESSION).execute(&mut connection).await.unwrap();
    for (name, sql) in statements() {
        let plan = explain(&mut connection, sql, &arguments(&name, collection, 0, None)).await;
        let keys_max = match &name {
            name if name.starts_with("survey") => MEMBERS,
            name if name.starts_with("head") => 0,
            // The first one is looked for, and read again with the page.
            name if is_led_to(name) => LIMIT + 3,
            _ => LIMIT + 1,
        };
        check(&name, &plan, keys_max);
    }
}

/// Whether a statement looks for the first member of its page, by another range than the page itself.
fn is_led_to(name: &str) -> bool {
    name.contains("_nearer") || name.contains("_ahead")
}

#[tokio::test]
async fn a_place_that_no_longer_holds_reads_nothing() {
    let database = Database::new().await;
    let collection = seed(&database).await;
    let mut connection = database.connect().await;
    sqlx::raw_sql(READ_SESSION).execute(&mut connection).await.unwrap();
    for (name, sql) in statements().into_iter().filter(|(name, _)| name.starts_with("list")) {
        let plan = explain(&mut connection, sql, &arguments(&name, collection, 0, Some(-1))).await;
        check(&name, &plan, 0);
    }
}

#[tokio::test]
async fn a_numbered_page_skips_keys_index_only() {
    let database = Database::new().await;
    let collection = seed(&database).await;
    let mut connection = database.connect().await;
    sqlx::raw_sql(READ_SESSION).execute(&mut connection).await.unwrap();
    for (name, sql) in statements().into_iter().filter(|(name, _)| name.starts_with("list")) {
        let skip = 2_000;
        let plan = explain(&mut connection, sql, &arguments(&name, collection, skip, None)).await;
        check(&name, &plan, skip + LIMIT + 3);
        // A page past the end skips nothing at all.
        let plan = explain(&mut connection, sql, &arguments(&name, collection, 1_000_000, None)).await;
        check(&name, &plan, 1);
    }
}

#[tokio::test]
async fn a_far_page_is_looked_for_from_the_nearer_end() {
    let database = Database::new().await;
    let collection = seed(&database).await;
    let mut connection = database.connect().await;
    sqlx::raw_sql(READ_SESSION).execute(&mut connection).await.unwrap();
    for (name, sql) in statements().into_iter().filter(|(name, _)| name.contains("_nearer")) {
        // A third of the members is unverified.
        let total = if name.contains("unverified") { MEMBERS } else { 2 * MEMBERS / 3 };
        for (skip, skipped) in [
            (total / 2 - 1, total / 2 - 1),
            (total / 2, total / 2 - 1),
            (total - LIMIT, LIMIT),
            (total - 1, 0),
            (total, 0),
        ] {
            let plan = explain(&mut connection, sql, &arguments(&name, collection, skip, None)).await;
            let shown = LIMIT.min(total - skip);
            // One more in each range that is merged, of the end and of the page.
            check(&name, &plan, skipped + shown + 3);
            let keys = keys_of(&plan);
            assert!(keys >= skipped + shown, "{name} reads {keys} keys for {shown} behind {skip}: {plan:#}");
        }
    }
}

/// How many keys of members a plan has read.
fn keys_of(plan: &Value) -> u64 {
    let own = if plan["Relation Name"] == "list_member" {
        whole(&plan["Actual Rows"]) * whole(&plan["Actual Loops"])
    } else {
        0
    };
    own + plan["Plans"].as_array().into_iter().flatten().map(keys_of).sum::<u64>()
}

/// The values of `$1…` for a statement, by its name.
fn arguments(name: &str, collection: Pubkey, skip: u64, version: Option<i64>) -> String {
    let middle = |share: u8| {
        let mut bytes = [0; 32];
        bytes[0] = share;
        hex(Pubkey::from_bytes(bytes))
    };
    let bound = if name.contains("_none") || name.contains("_nearer") {
        String::new()
    } else if name.contains("_between") {
        format!(", {}, {}", middle(0x20), middle(0xe0))
    } else if name.contains("_behind") || (name.contains("_ahead") && !name.contains("_id_")) {
        let slot = if name.contains("created") { 500 } else { 1_500 };
        format!(", {slot}, {}", middle(0x80))
    } else {
        format!(", {}", middle(0x80))
    };
    let list = format!("1, 'collection', {}", hex(collection));
    if name.starts_with("survey") {
        return format!("{list}, {LIMIT}");
    }
    if name.starts_with("head") {
        return list;
    }
    let version = version.map_or("NULL".to_owned(), |version| version.to_string());
    format!("{list}, {LIMIT}, {skip}, {version}{bound}")
}

/// No sort, no scan of a table, keys from the right index in order and alone, and no more than are needed.
fn check(name: &str, plan: &Value, keys_max: u64) {
    let index = match name {
        name if name.contains("created") => "list_member_created",
        name if name.contains("updated") => "list_member_updated",
        _ => "list_member_pkey",
    };
    let along = if name.contains("_desc_") { "Backward" } else { "Forward" };
    let mut scans = Vec::new();
    let mut nodes = vec![plan];
    while let Some(node) = nodes.pop() {
        let kind = node["Node Type"].as_str().unwrap();
        assert!(
            !matches!(kind, "Sort" | "Incremental Sort" | "Seq Scan" | "Bitmap Heap Scan"),
            "{name}: {plan:#}"
        );
        if node["Relation Name"] == "list_member" {
            scans.push(node["Scan Direction"].as_str().unwrap());
            assert_eq!(
                (kind, &node["Index Name"]),
                ("Index Only Scan", &Value::from(index)),
                "{name}: {plan:#}"
            );
            assert_eq!(node["Heap Fetches"], 0, "{name}: {plan:#}");
            assert!(node.get("Rows Removed by Filter").is_none(), "{name}: {plan:#}");
        }
        if node["Relation Name"] == "asset" {
            assert!(!name.ends_with("_keys"), "{name}: {plan:#}");
            assert_eq!(
                (kind, &node["Index Name"]),
                ("Index Scan", &Value::from("asset_pkey")),
                "{name}: {plan:#}"
            );
        }
        nodes.extend(node["Plans"].as_array().into_iter().flatten());
    }
    // The page, what leads to its first member from the beginning, and what leads there from behind.
    let (with, against) = match name {
        name if name.contains("_nearer") => (2, 1),
        name if name.contains("_ahead") => (1, 1),
        name if name.starts_with("head") => (0, 0),
        _ => (1, 0),
    };
    let lists = if name.contains("unverified") { 2 } else { 1 };
    let along = scans.iter().filter(|direction| **direction == along).count();
    assert_eq!((along, scans.len() - along), (lists * with, lists * against), "{name}: {plan:#}");
    let keys = keys_of(plan);
    assert!(keys <= keys_max, "{name} reads {keys} keys, not {keys_max}: {plan:#}");
}
