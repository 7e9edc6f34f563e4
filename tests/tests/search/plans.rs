//! Every statement of a search: its text against a golden file, its plan against what it may cost.

use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};
use vitrine_store::{READ_SESSION, search_statements, search_types};
use vitrine_tests::assets::{self, pubkey};
use vitrine_tests::{AssetSpec, Database};

const LIMIT: u32 = 100;

/// How many each page skips.
const SKIP: u32 = 200;

/// How many lists lead together.
const LISTS: u32 = 3;

/// A collection of 9,000 among 1,000 strangers, and a holder of 3,000 tokens; vacuumed, as `import` leaves it.
async fn seed(database: &Database) -> PgConnection {
    let store = database.store();
    let specs: Vec<AssetSpec> = (0..10_000)
        .map(|number| AssetSpec {
            slot_created: number % 977,
            slot_updated: 1_000 + number % 1_013,
            collection: (number < 9_000).then_some((pubkey(1_000_000), true)),
            authority: Some(pubkey(2_000_000 + number % 2)),
            ..AssetSpec::new(pubkey(number))
        })
        .collect();
    assets::write(&store, &specs).await;
    let mut connection = database.connect().await;
    for number in 0..3_000 {
        sqlx::query(
            "INSERT INTO account (address, kind, asset_id, slot, write_version, closed, token_owner, token_amount)
             VALUES ($1, 1, $2, 1, 1, false, $3, 5)",
        )
        .bind(*pubkey(3_000_000 + number).as_bytes())
        .bind(*pubkey(number * 3).as_bytes())
        .bind(*pubkey(4_000_000).as_bytes())
        .execute(&mut connection)
        .await
        .unwrap();
    }
    store.finish_import(None).await.unwrap();
    store.close().await;
    sqlx::raw_sql("VACUUM (ANALYZE) account").execute(&mut connection).await.unwrap();
    sqlx::raw_sql(READ_SESSION).execute(&mut connection).await.unwrap();
    connection
}

#[test]
fn golden_sql() {
    let statements = search_statements();
    assert_eq!(statements.len(), 47, "six drivers in six orders and a count, and five more");
    for (name, sql) in statements {
        insta::assert_snapshot!(name, sql);
    }
}

#[tokio::test]
async fn every_search_reads_what_leads_to_it_and_no_table() {
    let database = Database::new().await;
    let mut connection = seed(&database).await;
    let lists: Vec<i64> =
        sqlx::query_scalar("SELECT list_id FROM asset_list WHERE kind IN (1, 2) ORDER BY kind, list_id")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    assert_eq!(u32::try_from(lists.len()), Ok(LISTS), "the collection, and two authorities");
    for (name, sql) in search_statements() {
        let (types, arguments) = match name.as_str() {
            "search_lists" => {
                (String::new(), format!("ARRAY[1::smallint], ARRAY['collection'], ARRAY[{}]", hex(1_000_000)))
            }
            "search_holdings" => {
                (String::new(), format!("{}, ARRAY[{}, {}]", hex(4_000_000), hex(0), hex(3)))
            }
            "search_named" => {
                let mints = format!("ARRAY[{}, {}]", hex(0), hex(3));
                (String::new(), format!("{}, {mints}, {mints}, {mints}", hex(4_000_000)))
            }
            "search_time" => (String::new(), "'60000'".to_owned()),
            "search_watermark" => (String::new(), String::new()),
            _ => (format!("({})", search_types().join(", ")), arguments(&name, &lists)),
        };
        let plan = explain(&mut connection, sql, &types, &arguments).await;
        check(&name, &plan);
    }
}

/// The values of `$1…` for a page or a count, by its name.
fn arguments(name: &str, lists: &[i64]) -> String {
    let (low, high) = (r"'\x'", format!(r"'\x{}'", "ff".repeat(33)));
    let (slot, low) = if name.contains("_desc") { (i64::MAX, high.as_str()) } else { (-1, low) };
    let low = if name.contains("_id_") { r"'\x'" } else { low };
    let lists = if name.contains("_few_") || name.contains("_all_") || name.contains("_sift_") {
        "'{}'".to_owned()
    } else if name.starts_with("search_lists_") {
        format!("'{{{}}}'", lists.iter().map(i64::to_string).collect::<Vec<_>>().join(","))
    } else {
        format!("'{{{}}}'", lists[0])
    };
    // A third of all assets hold; a sifting search has to look at each of them.
    let conditions = "NULL, NULL, NULL, 'V1_NFT', NULL, NULL, false, 1, NULL, false, false, 1, 500, false, NULL, NULL, false, NULL, false, 0, 9223372036854775807, NULL";
    let few = if name.contains("_few_") {
        let digest = vitrine_model::uri_digest(&format!("https://assets.test/{}.json", pubkey(7)));
        bytes(&digest)
    } else {
        "NULL".to_owned()
    };
    let holder = hex(4_000_000);
    format!(
        "{LIMIT}, {SKIP}, {slot}, {low}, '{}', '{{1,2,3}}', '{{}}', {conditions}, {lists}, {few}, NULL, NULL, {holder}, false, false, false, false",
        high.trim_matches('\'')
    )
}

fn hex(number: u64) -> String {
    bytes(pubkey(number).as_bytes())
}

fn bytes(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("'\\x{}'::bytea", digits.concat())
}

async fn explain(connection: &mut PgConnection, sql: &str, types: &str, arguments: &str) -> Value {
    let prepared = format!("PREPARE page {types} AS {sql}");
    sqlx::raw_sql(AssertSqlSafe(prepared)).execute(&mut *connection).await.unwrap();
    let arguments = if arguments.is_empty() { String::new() } else { format!("({arguments})") };
    let explained =
        format!("EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, FORMAT JSON) EXECUTE page{arguments}");
    let row = sqlx::raw_sql(AssertSqlSafe(explained)).fetch_one(&mut *connection).await.unwrap();
    let text: String = row.try_get_unchecked(0).unwrap();
    sqlx::raw_sql("DEALLOCATE page").execute(connection).await.unwrap();
    serde_json::from_str::<Value>(&text).unwrap()[0]["Plan"].take()
}

/// What a statement may read assets, members and accounts through.
fn indexes(name: &str) -> Vec<&'static str> {
    let by = |id, created, updated| match name {
        name if name.contains("_created_") => created,
        name if name.contains("_updated_") => updated,
        _ => id,
    };
    let member = by("list_member_pkey", "list_member_created", "list_member_updated");
    match name {
        name if name.contains("_few_") => {
            vec!["asset_pkey", "asset_json_uri", "asset_signer", "asset_created", "list_member_created"]
        }
        name if name.contains("_held_") => vec![member, "asset_pkey", "account_token_holding"],
        name if name.contains("_all_") || name.contains("_sift_") => {
            vec![by("asset_pkey", "asset_created", "asset_updated")]
        }
        "search_holdings" | "search_named" => vec!["account_token_holding"],
        "search_lists" | "search_time" | "search_watermark" => vec![],
        _ => vec![member, "asset_pkey"],
    }
}

/// No scan of a table, no index that was not meant, and nothing sorted but what was gathered or is a page.
fn check(name: &str, plan: &Value) {
    let indexes = indexes(name);
    // Several lists put a page of each together; what few share, and a holder's tokens, are gathered; one account of
    // several is chosen.
    let sorts = name == "search_named"
        || name.starts_with("search_lists_")
        || name.starts_with("search_few_")
        || name.starts_with("search_held_created")
        || name.starts_with("search_held_updated");
    let (mut used, mut nodes) = (Vec::new(), vec![plan]);
    while let Some(node) = nodes.pop() {
        let kind = node["Node Type"].as_str().unwrap();
        assert!(
            !matches!(kind, "Seq Scan" | "Bitmap Heap Scan" | "Hash Join" | "Merge Join"),
            "{name}: {plan:#}"
        );
        if matches!(kind, "Sort" | "Incremental Sort") {
            assert!(sorts, "{name}: {plan:#}");
            let sorted = node["Plans"][0]["Actual Rows"].as_f64().unwrap();
            // Of each list no more than the page and what is in front of it.
            let most = if name.starts_with("search_lists_") { LISTS * (LIMIT + SKIP) } else { 3_000 };
            assert!(sorted <= f64::from(most), "{name} sorts {sorted}: {plan:#}");
        }
        if matches!(node["Relation Name"].as_str(), Some("asset" | "list_member" | "account")) {
            let index = node["Index Name"].as_str().unwrap_or("none");
            // What is only counted needs no order.
            let counted = name == "search_lists_count" && index.starts_with("list_member");
            let index = if counted { "list_member_pkey" } else { index };
            assert!(indexes.contains(&index), "{name} reads by {index}: {plan:#}");
            assert!(node["Relation Name"] != "list_member" || kind == "Index Only Scan", "{name}: {plan:#}");
            used.push(index);
        }
        nodes.extend(node["Plans"].as_array().into_iter().flatten());
    }
    assert!(indexes.iter().all(|index| used.contains(index)), "{name} reads by {used:?} alone: {plan:#}");
}

/// Of assets, or members of a list, that were created in few slots no more are read than those.
#[tokio::test]
async fn few_slots_of_creation_are_read_alone() {
    let database = Database::new().await;
    let mut connection = seed(&database).await;
    let list: i64 = sqlx::query_scalar("SELECT list_id FROM asset_list WHERE kind = 1")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let types = format!("({})", search_types().join(", "));
    for (lists, of_all) in [(format!("'{{{list}}}'"), false), ("'{}'".to_owned(), true)] {
        let nothing = vec!["NULL"; 19].join(", ");
        let arguments = format!(
            "{LIMIT}, 0, -1, '\\x', '\\x{}', '{{1,2,3}}', '{{}}', {nothing}, 5, 6, true, {lists}, NULL, NULL, NULL, NULL, false, false, false, {of_all}",
            "ff".repeat(33)
        );
        for (name, sql) in search_statements() {
            // What bounds a page matters to none of these.
            if !name.starts_with("search_few_id_") && name != "search_few_count" {
                continue;
            }
            let plan = explain(&mut connection, sql, &types, &arguments).await;
            let (mut read, mut nodes) = (0.0, vec![&plan]);
            while let Some(node) = nodes.pop() {
                if node["Relation Name"].is_string() {
                    read += node["Actual Rows"].as_f64().unwrap() * node["Actual Loops"].as_f64().unwrap();
                }
                nodes.extend(node["Plans"].as_array().into_iter().flatten());
            }
            // Each slot has ten or eleven of 10,000; each is gathered, and looked up.
            assert!((36.0..=46.0).contains(&read), "{name} of {lists} reads {read}: {plan:#}");
        }
    }
}
