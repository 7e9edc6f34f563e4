//! The plans of proofs, signatures, token accounts, editions and changes: by their index, in its order, and no more than the
//! page. Their texts are held by `plans.rs`.

#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use sqlx::postgres::PgConnection;
use vitrine_store::{READ_SESSION, WRITE_SESSION, chain_statements, document_statements, source_statements};
use vitrine_tests::assets::{self, pubkey};
use vitrine_tests::explain::{explain, hex, nodes, rows};
use vitrine_tests::{AssetSpec, Database};

const LIMIT: u64 = 100;

/// An address made of a text and a number: the first 32 digits of a digest, twice.
const SEED: &str = "
CREATE FUNCTION pg_temp.address(what text, number bigint) RETURNS bytea IMMUTABLE LANGUAGE sql AS
    $$ SELECT decode(md5(what || number) || md5(what || number), 'hex') $$;
-- An owner and a mint with 5,000 accounts that hold something and 5,000 that do not, one of both with some; and strangers.
INSERT INTO account (address, kind, asset_id, slot, write_version, closed, token_owner, token_amount, token_delegated_amount, token_frozen)
SELECT pg_temp.address('account', n), 1,
       CASE WHEN n % 3 = 1 OR n <= 30 THEN pg_temp.address('mint', 0) ELSE pg_temp.address('mint', n) END, 1, 0, false,
       CASE WHEN n % 3 = 0 OR n <= 30 THEN pg_temp.address('owner', 0) ELSE pg_temp.address('owner', n) END, n % 2, 0, false
FROM generate_series(1, 30000) AS n;
-- A master edition with 5,000 prints, and other accounts of its mint.
INSERT INTO account (address, kind, asset_id, slot, write_version, closed, edition_supply)
SELECT pg_temp.address('master', n), 4, pg_temp.address('master mint', n), 1, 0, false, 5000 FROM generate_series(0, 2000) AS n;
INSERT INTO account (address, kind, asset_id, slot, write_version, closed)
SELECT pg_temp.address('metadata', n), 3, pg_temp.address('master mint', 0), 1, 0, false FROM generate_series(0, 2) AS n;
INSERT INTO account (address, kind, asset_id, slot, write_version, closed, edition_parent, edition_number)
SELECT pg_temp.address('print', n), 4, pg_temp.address('print mint', n), 1, 0, false, pg_temp.address('master', n % 2), n
FROM generate_series(1, 10000) AS n;
-- A tree of which each of 2,000 leaves has changed, one of them 3,000 times.
INSERT INTO tree (tree, program, depth, slot, seq) SELECT pg_temp.address('tree', n), pg_temp.address('program', 0), 14, 1, 1 FROM generate_series(0, 500) AS n;
INSERT INTO tree_change (tree, seq, leaf_index, slot, signature, asset_id)
SELECT pg_temp.address('tree', 0), n, CASE WHEN n % 2 = 0 THEN 0 ELSE n / 2 END, 1,
       pg_temp.address('tx', n) || pg_temp.address('tx', n), pg_temp.address('leaf', CASE WHEN n % 2 = 0 THEN 0 ELSE n / 2 END)
FROM generate_series(1, 6000) AS n;
-- A collection of MPL Core with 5,000 members, and 5,000 collections with one.
INSERT INTO account (address, kind, asset_id, slot, write_version, closed, core_collection)
SELECT pg_temp.address('member', n), 5, pg_temp.address('member', n), 1, 0, false,
       pg_temp.address('collection', CASE WHEN n % 2 = 0 THEN 0 ELSE n END)
FROM generate_series(1, 10000) AS n;
INSERT INTO remake_due (source) SELECT pg_temp.address('collection', n) FROM generate_series(1, 20000) AS n;
INSERT INTO tree_node (tree, depth, node_index, slot, seq, hash) SELECT pg_temp.address('tree', 0), 14, n, 1, 1, pg_temp.address('node', n) FROM generate_series(1, 20000) AS n;
";

async fn seed(database: &Database, connection: &mut PgConnection) {
    let store = database.store();
    for part in 0..10_u64 {
        let specs: Vec<AssetSpec> = (part * 1_000..(part + 1) * 1_000)
            .map(|number| AssetSpec { slot_updated: 1_000 + part, ..AssetSpec::new(pubkey(number)) })
            .collect();
        assets::write(&store, &specs).await;
    }
    store.close().await;
    sqlx::raw_sql(SEED).execute(&mut *connection).await.unwrap();
    for table in ["VACUUM (ANALYZE) account", "VACUUM (ANALYZE) tree_change", "VACUUM (ANALYZE) tree_node"] {
        sqlx::raw_sql(table).execute(&mut *connection).await.unwrap();
    }
    sqlx::raw_sql("VACUUM (ANALYZE) tree").execute(&mut *connection).await.unwrap();
    sqlx::raw_sql("VACUUM (ANALYZE) asset").execute(&mut *connection).await.unwrap();
}

/// The values of `$1…` for a statement, by its name; `skip` members are skipped.
fn arguments(name: &str, skip: u64) -> String {
    let of = |what: &str| format!("pg_temp.address('{what}', 0)");
    let (least, beyond) = ("''::bytea", format!("'\\x{}'::bytea", "ff".repeat(33)));
    let page = format!("{LIMIT}, {skip}");
    if name.starts_with("token_accounts_both") {
        return format!("{}, {least}, {beyond}, {page}, {}", of("owner"), of("mint"));
    }
    match name {
        "proofs" => {
            let ids: Vec<String> =
                (0..1_000).map(|number| format!("pg_temp.address('leaf', {number})")).collect();
            format!("ARRAY[{}]", ids.join(", "))
        }
        "changes" => format!("0, {}, -1, {LIMIT}, 20000, 9223372036854775807", hex(pubkey(0))),
        _ if name.starts_with("signatures_by_asset") => {
            format!("-1, 9223372036854775807, {page}, {}", of("leaf"))
        }
        _ if name.starts_with("signatures_by_place") => {
            format!("-1, 9223372036854775807, {page}, {}, 0", of("tree"))
        }
        _ if name.starts_with("token_accounts_owner") => {
            format!("{}, {least}, {beyond}, {page}", of("owner"))
        }
        _ if name.starts_with("token_accounts_mint") => format!("{}, {least}, {beyond}, {page}", of("mint")),
        _ if name.starts_with("editions") => {
            format!("{}, '-1', {least}, '18446744073709551616', {least}, {page}", of("master mint"))
        }
        other => panic!("{other} has no arguments"),
    }
}

/// Tables with an index each that a statement reads, and the most rows that it reads through it.
fn reads(name: &str, skip: u64) -> Vec<(&'static str, &'static str, u64)> {
    let page = LIMIT + skip;
    match name {
        "proofs" => vec![
            ("tree_change", "tree_change_asset", 1_000),
            ("tree", "tree_pkey", 1_000),
            ("tree_node", "tree_node_pkey", 16_000),
        ],
        // Those of a page, and again with their bodies.
        "changes" => vec![
            ("asset", "asset_change_order", LIMIT + 1),
            ("asset", "asset_pkey", LIMIT),
            ("change_life", "change_life_origin_key", 1),
            ("change_life", "change_life_pkey", 1),
        ],
        _ if name.starts_with("signatures_by_asset") => {
            vec![("tree_change", "tree_change_asset", 1), ("tree_change", "tree_change_leaf", page)]
        }
        _ if name.starts_with("signatures_by_place") => vec![("tree_change", "tree_change_leaf", page)],
        // A merge reads one more of each of its ranges.
        "token_accounts_owner_with_empty_asc" | "token_accounts_owner_with_empty_desc" => {
            vec![("account", "account_token_owner", page), ("account", "account_token_owner_empty", page)]
        }
        "token_accounts_mint_with_empty_asc" | "token_accounts_mint_with_empty_desc" => {
            vec![("account", "account_token_mint", page), ("account", "account_token_mint_empty", page)]
        }
        _ if name.starts_with("token_accounts_owner") => vec![("account", "account_token_owner", page)],
        _ if name.starts_with("token_accounts_mint") => vec![("account", "account_token_mint", page)],
        _ if name.starts_with("token_accounts_both") => vec![("account", "account_token_holding", page)],
        _ if name.starts_with("editions") => {
            vec![("account", "account_asset", 1), ("account", "account_edition", page)]
        }
        other => panic!("{other} is not known"),
    }
}

fn check(name: &str, plan: &Value, skip: u64) {
    let expected = reads(name, skip);
    let mut seen = Vec::new();
    for node in nodes(plan) {
        let kind = node["Node Type"].as_str().unwrap();
        assert!(
            !matches!(kind, "Sort" | "Incremental Sort" | "Seq Scan" | "Bitmap Heap Scan" | "Hash Join"),
            "{name}: {plan:#}"
        );
        let Some(table) = node["Relation Name"].as_str().filter(|table| *table != "watermark") else {
            continue;
        };
        let index = node["Index Name"].as_str().unwrap();
        let known = expected.iter().find(|(on, by, _)| (*on, *by) == (table, index));
        let (.., most) = known.unwrap_or_else(|| panic!("{name} reads {table} by {index}: {plan:#}"));
        assert!(rows(node) <= *most, "{name} reads {} rows of {table}: {plan:#}", rows(node));
        // A master edition is one of a handful of accounts of its mint, and holdings of both are few.
        if !matches!(index, "account_asset" | "account_token_holding") {
            assert!(node.get("Rows Removed by Filter").is_none(), "{name}: {plan:#}");
        }
        seen.push((table, index));
    }
    for (table, index, _) in expected.iter().filter(|(table, ..)| *table != "change_life") {
        assert!(seen.contains(&(*table, *index)), "{name} does not read {table} by {index}: {plan:#}");
    }
}

#[tokio::test]
async fn every_plan_reads_its_page_and_nothing_else() {
    let database = Database::new().await;
    let mut connection = database.connect().await;
    seed(&database, &mut connection).await;
    sqlx::raw_sql(READ_SESSION).execute(&mut connection).await.unwrap();
    // What writers read of sources runs in another kind of session.
    for (name, sql) in chain_statements().into_iter().filter(|(name, _)| !name.starts_with("sources_")) {
        for skip in [0, 1_000] {
            let plan = explain(&mut connection, sql, &arguments(&name, skip)).await;
            check(&name, &plan, skip);
        }
    }
}

/// What assets are made of: for each the rows of its own, by index.
#[tokio::test]
async fn sources_are_read_by_index() {
    let database = Database::new().await;
    let mut connection = database.connect().await;
    seed(&database, &mut connection).await;
    let documents = "INSERT INTO document (digest, uri, host, body)
                     SELECT sha256(convert_to(n::text, 'UTF8')), n::text, '', '{}' FROM generate_series(1, 20000) AS n";
    let as_writers = [
        documents,
        "VACUUM (ANALYZE) document",
        "VACUUM (ANALYZE) leaf_event",
        "VACUUM (ANALYZE) remake_due",
        WRITE_SESSION,
    ];
    for statement in as_writers {
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    }
    let ids = |what: &str| {
        let ids: Vec<String> =
            (100..200).map(|number| format!("pg_temp.address('{what}', {number})")).collect();
        format!("ARRAY[{}]", ids.join(", "))
    };
    let chain_assets = "INSERT INTO chain_asset (asset_id, single, json_uri)
                        SELECT pg_temp.address('leaf', n), true, n::text FROM generate_series(0, 2000) AS n";
    sqlx::raw_sql(chain_assets).execute(&mut connection).await.unwrap();
    let sharers = "pg_temp.address('collection', 0), pg_temp.address('member', 2), 1000".to_owned();
    let expected = [
        ("sources_lock", format!("{0}, {0}", ids("leaf")), vec!["chain_asset_pkey", "document_pkey"], 100),
        // Each with its collection.
        ("sources_accounts", ids("master mint"), vec!["account_asset", "account_pkey"], 200),
        ("sources_holders", ids("mint"), vec!["account_holder"], 100),
        ("sources_changes", ids("leaf"), vec!["tree_change_asset", "account_pkey"], 300),
        ("sources_events", ids("leaf"), vec!["leaf_event_pkey"], 0),
        // Three are asked for, and two are there.
        ("sources_documents", "ARRAY['7', '8', 'x']".to_owned(), vec!["document_pkey"], 3),
        (
            "due_add",
            ids("collection"),
            vec!["account_core_collection", "tree_change_inherits", "remake_due_source"],
            100,
        ),
        ("due_take", "100".to_owned(), vec!["remake_due_pkey"], 100),
        ("due_sharers", sharers, vec!["account_core_collection", "tree_change_inherits"], 1_000),
    ];
    let is_source = |name: &str| name.starts_with("sources_") || name.starts_with("due_");
    let statements: Vec<_> = source_statements().into_iter().filter(|(name, _)| is_source(name)).collect();
    assert_eq!(statements.len(), expected.len());
    for ((name, sql), (of, arguments, indexes, most)) in statements.into_iter().zip(expected) {
        assert_eq!(name, of);
        let plan = explain(&mut connection, sql, &arguments).await;
        for node in nodes(&plan) {
            if let Some(index) = node.get("Index Name").and_then(Value::as_str) {
                assert!(indexes.contains(&index), "{name}: {plan:#}");
            }
            let scanned = node["Node Type"] == "Seq Scan";
            assert!(!scanned && rows(node) <= most, "{name} reads {} rows: {plan:#}", rows(node));
        }
    }
}

/// The queue of documents: each statement reads by index what it is about, however many wait or have come.
#[tokio::test]
async fn the_queue_of_documents_is_read_by_index() {
    const DIGEST: &str = "sha256(convert_to('uri 777', 'UTF8'))";
    let database = Database::new().await;
    let mut connection = database.connect().await;
    // Of each of 200 hosts 100 documents: one half waits, the other has come.
    let seeds = [
        "INSERT INTO document (digest, uri, host, body, fetched_at, next_try, attempts, tries)
         SELECT sha256(convert_to('uri ' || n, 'UTF8')), 'uri ' || n, 'host ' || n % 200,
                CASE WHEN n % 400 < 200 THEN '{}' END, CASE WHEN n % 400 < 200 THEN now() - n * interval '1 minute' END,
                CASE WHEN n % 400 >= 200 THEN now() - n * interval '1 second' END, 1, 0
         FROM generate_series(1, 20000) AS n",
        "INSERT INTO chain_asset (asset_id, single, json_uri)
         SELECT sha256(convert_to(n::text, 'UTF8')), true, 'uri ' || n % 1000 FROM generate_series(1, 20000) AS n",
        "VACUUM (ANALYZE) document",
        "VACUUM (ANALYZE) chain_asset",
        WRITE_SESSION,
    ];
    for statement in seeds {
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    }
    let of_one = |more: &str| format!("{DIGEST}, {more}");
    let (key, due, naming) = ("document_pkey", "document_due", "chain_asset_json_uri");
    let expected = [
        ("documents_hosts", "'host 1', 10".to_owned(), vec![due], 10),
        (
            "documents_take",
            "ARRAY['host 1', 'host 2'], ARRAY[3, 4]::bigint[], now(), 100, now()".to_owned(),
            vec![due, key],
            // Three and four, of which the plan tells the rounded mean.
            8,
        ),
        ("documents_next", String::new(), vec!["document_next_try"], 1),
        ("documents_keep", of_one("'{}', now(), now()"), vec![key], 1),
        ("documents_fail", of_one("now(), 'why'"), vec![key], 1),
        ("documents_release", of_one("1, now()"), vec![key], 1),
        ("documents_made", of_one("1, NULL, now()"), vec![key], 1),
        ("documents_refetch", "now(), now(), 10".to_owned(), vec!["document_fetched", key], 10),
        ("documents_naming", "'uri 777', ''::bytea, 10".to_owned(), vec![naming], 10),
        ("documents_name", "ARRAY['uri 1', 'new'], ARRAY['a', 'b']".to_owned(), vec![], 0),
        ("documents_named", "ARRAY['uri 1', 'uri 2', 'x']".to_owned(), vec![key], 3),
        ("documents_hold", of_one("1"), vec![key], 1),
        ("documents_drop", of_one("'uri 777'"), vec![key, naming], 1),
    ];
    let statements = document_statements();
    assert_eq!(statements.len(), expected.len());
    for ((name, sql), (of, arguments, indexes, most)) in statements.into_iter().zip(expected) {
        assert_eq!(name, of);
        let plan = explain(&mut connection, sql, &arguments).await;
        let mut seen = Vec::new();
        for node in nodes(&plan) {
            assert_ne!(node["Node Type"], "Seq Scan", "{name}: {plan:#}");
            if let Some(index) = node.get("Index Name").and_then(Value::as_str) {
                assert!(rows(node) <= most, "{name} reads {} rows: {plan:#}", rows(node));
                seen.push(index);
            }
        }
        assert!(indexes.iter().all(|index| seen.contains(index)), "{name}: {plan:#}");
        assert!(seen.iter().all(|index| indexes.contains(index)), "{name}: {plan:#}");
    }
}

/// What an ingest reads and notes beside what assets are made of: by index, and no more than it asks for.
#[tokio::test]
async fn what_an_ingest_walks_over_is_read_by_index() {
    let database = Database::new().await;
    let mut connection = database.connect().await;
    seed(&database, &mut connection).await;
    let others = "INSERT INTO chain_asset (asset_id, single) SELECT pg_temp.address('asset', n), true FROM generate_series(1, 20000) AS n;
                  INSERT INTO dead_letter SELECT pg_temp.address('letter', n), 1, 'account', '', '', repeat('x', 500), now(), 1
                  FROM generate_series(1, 20000) AS n;
                  UPDATE tree_change SET missing = 1 WHERE seq % 5 = 0";
    sqlx::raw_sql(others).execute(&mut connection).await.unwrap();
    for statement in [
        "VACUUM (ANALYZE) chain_asset",
        "VACUUM (ANALYZE) dead_letter",
        "VACUUM (ANALYZE) tree_change",
        WRITE_SESSION,
    ] {
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    }
    let assets: Vec<String> =
        (100..200).map(|number| format!("pg_temp.address('asset', {number})")).collect();
    let assets = format!("ARRAY[{}]", assets.join(", "));
    let changes = format!(
        "ARRAY[{}], ARRAY[{}], ARRAY[{}]",
        ["pg_temp.address('tree', 0)"; 100].join(", "),
        ["1"; 100].join(", "),
        (2_000..2_100).map(|seq| seq.to_string()).collect::<Vec<_>>().join(", "),
    );
    let expected = [
        ("remake_ids", "''::bytea, 100".to_owned(), vec!["chain_asset_pkey"], 100),
        ("sources_lock", format!("{assets}, {assets}"), vec!["chain_asset_pkey", "document_pkey"], 100),
        // A page of 100, of which 21 fit the bytes.
        (
            "dead_letters",
            "to_timestamp(0), ''::bytea, 100, 10001".to_owned(),
            vec!["dead_letter_first_seen", "dead_letter_pkey"],
            100,
        ),
        // Each with the one behind it, and those in front of these.
        ("gaps_note", changes, vec!["tree_change_pkey"], 200),
        ("gaps_totals", "1000".to_owned(), vec!["tree_change_missing"], 1_000),
    ];
    for (of, arguments, indexes, most) in expected {
        let (name, sql) = source_statements().into_iter().find(|(name, _)| name == of).unwrap();
        let plan = explain(&mut connection, sql, &arguments).await;
        for node in nodes(&plan) {
            if let Some(index) = node.get("Index Name").and_then(Value::as_str) {
                assert!(indexes.contains(&index), "{name}: {plan:#}");
                assert!(rows(node) <= most, "{name} reads {} rows: {plan:#}", rows(node));
            }
            assert!(node["Node Type"] != "Seq Scan", "{name}: {plan:#}");
        }
    }
}
