//! What is in a database, row by row, and whether another one has the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row as _};
use vitrine_ingest::verify::{Event, verify};
use vitrine_store::Store;
use vitrine_tests::Database;

/// Every table that inputs decide on, each with a statement that returns its rows as texts, without what the order of
/// arrival decides: numbers that rows got, times, how often something was tried.
pub(crate) const TABLES: [(&str, &str); 13] = [
    ("asset", "SELECT (to_jsonb(asset) - 'list_ids' - 'change_order')::text FROM asset"),
    // Lists without members are left out: they may have had some in between. So is when their members changed.
    (
        "asset_list",
        "SELECT concat_ws(' ', kind, key, value, verified, total) FROM asset_list WHERE total > 0",
    ),
    (
        "list_member",
        "SELECT concat_ws(' ', kind, key, value, verified, slot_created, slot_updated, version, asset_id)
         FROM list_member LEFT JOIN asset_list USING (list_id)",
    ),
    ("account", "SELECT to_jsonb(account)::text FROM account"),
    ("chain_asset", "SELECT to_jsonb(chain_asset)::text FROM chain_asset"),
    ("tree", "SELECT to_jsonb(tree)::text FROM tree"),
    ("tree_change", "SELECT to_jsonb(tree_change)::text FROM tree_change"),
    ("tree_node", "SELECT to_jsonb(tree_node)::text FROM tree_node"),
    ("leaf_event", "SELECT to_jsonb(leaf_event)::text FROM leaf_event"),
    ("dead_letter", "SELECT (to_jsonb(dead_letter) - 'first_seen' - 'attempts')::text FROM dead_letter"),
    // Documents that were named in between may be there as well. One that arrived is shown, and nothing is left to be done.
    (
        "document",
        "SELECT concat_ws(' ', encode(digest, 'hex'), uri, host, body, reason, body IS NOT NULL AND next_try IS NOT NULL)
         FROM document WHERE EXISTS (SELECT FROM chain_asset WHERE json_uri = uri)",
    ),
    // Nothing is left to be made anew.
    ("remake_due", "SELECT encode(source, 'hex') FROM remake_due"),
    ("watermark", "SELECT to_jsonb(watermark)::text FROM watermark"),
];

/// The other tables, each with why it is not compared.
const OTHERS: [(&str, &str); 5] = [
    ("_sqlx_migrations", "the schema itself"),
    ("api_key", "inputs decide nothing of it"),
    ("api_key_epoch", "likewise"),
    ("change_life", "one row of the cluster that the database is in"),
    ("counter", "held against the rows that it counts by verify"),
];

/// Fails where a table is in neither list: whoever adds one says what it is.
pub(crate) async fn every_table_is_known(database: &Database) {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()",
    )
    .fetch_all(&mut database.connect().await)
    .await
    .unwrap();
    let known: BTreeSet<&str> = TABLES.iter().chain(&OTHERS).map(|(table, _)| *table).collect();
    let there: BTreeSet<&str> = tables.iter().map(String::as_str).collect();
    assert_eq!(there, known, "tables of the schema, and those that the simulator knows");
}

/// Compares the tables, and says which of them have rows. The error names the tables that differ, each with rows that only
/// one of the two has.
pub(crate) async fn compare(clean: &Database, other: &Database) -> Result<Vec<&'static str>, String> {
    let (mut clean, mut other) = (clean.connect().await, other.connect().await);
    let (mut filled, mut differing) = (Vec::new(), String::new());
    for (table, statement) in TABLES {
        let (expected, found) = (digest(&mut clean, statement).await, digest(&mut other, statement).await);
        if expected.0 > 0 {
            filled.push(table);
        }
        if expected != found {
            let (expected, found) = (rows(&mut clean, statement).await, rows(&mut other, statement).await);
            let only = |of: &BTreeMap<String, u32>, other: &BTreeMap<String, u32>| {
                of.iter().find(|(row, times)| other.get(*row) != Some(*times)).map(|(row, _)| row.clone())
            };
            writeln!(
                differing,
                "{table} is not what a clean run leaves\nclean: {:?}\nfound: {:?}",
                only(&expected, &found),
                only(&found, &expected),
            )
            .unwrap();
        }
    }
    if differing.is_empty() { Ok(filled) } else { Err(differing) }
}

/// How many rows there are, and a number that tells them apart.
async fn digest(connection: &mut PgConnection, statement: &str) -> (i64, String) {
    let digest = format!(
        "SELECT count(*), coalesce(sum(hashtextextended(line, 0)), 0)::text FROM ({statement}) AS lines (line)"
    );
    let row = sqlx::query(AssertSqlSafe(digest)).fetch_one(connection).await.unwrap();
    (row.get(0), row.get(1))
}

async fn rows(connection: &mut PgConnection, statement: &'static str) -> BTreeMap<String, u32> {
    let mut rows = BTreeMap::new();
    for row in sqlx::query(statement).fetch_all(connection).await.unwrap() {
        *rows.entry(row.get(0)).or_default() += 1;
    }
    rows
}

/// What `vitrine verify` has to say; warnings too, where everything was told.
pub(crate) async fn findings(store: &Store, warnings: bool) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    verify(store, &mut |event| {
        if let Event::Found(finding) = event
            && (warnings || !finding.check.is_warning())
        {
            found.push((finding.check.name(), finding.place.clone()));
        }
    })
    .await
    .unwrap();
    found
}

/// Empties a database for the next histories.
pub(crate) async fn clear(database: &Database) {
    let mut connection = database.connect().await;
    let tables: Vec<&str> = TABLES.iter().map(|(table, _)| *table).collect();
    let clear = format!("TRUNCATE {}; UPDATE counter SET value = 0", tables.join(", "));
    sqlx::raw_sql(AssertSqlSafe(clear)).execute(&mut connection).await.unwrap();
}
