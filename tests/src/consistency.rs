//! The database against itself: what every write must leave behind, however it came about.

use futures_util::TryStreamExt;
use serde::Deserialize;
use sqlx::Row;
use sqlx::postgres::PgConnection;
use vitrine_model::Pubkey;

/// A name for what must not be, and a statement that returns each place where it is, as text.
const FAULTS: [(&str, &str); 9] = [
    (
        "a total is not the number of members",
        "SELECT format('list %s: total %s, members %s', list_id, total, members)
         FROM (SELECT list_id, total, (SELECT count(*) FROM list_member WHERE list_member.list_id = l.list_id) AS members
               FROM asset_list AS l) AS counted
         WHERE total <> members",
    ),
    (
        "members of no list, or that are no asset",
        "SELECT format('list %s, asset %s', list_id, asset_id)
         FROM list_member LEFT JOIN asset_list USING (list_id) LEFT JOIN asset USING (asset_id)
         WHERE asset_list.list_id IS NULL OR asset.asset_id IS NULL",
    ),
    (
        "list_ids are not the rows of list_member",
        "SELECT format('asset %s: list_ids %s, member of %s', asset_id, list_ids, lists)
         FROM asset LEFT JOIN (SELECT asset_id, array_agg(list_id ORDER BY list_id) AS lists
                               FROM list_member GROUP BY asset_id) AS members USING (asset_id)
         WHERE list_ids <> coalesce(lists, '{}')",
    ),
    (
        "a member's slots are not the asset's",
        "SELECT format('list %s, asset %s', list_id, asset_id)
         FROM list_member JOIN asset USING (asset_id)
         WHERE (list_member.slot_created, list_member.slot_updated) <> (asset.slot_created, asset.slot_updated)",
    ),
    (
        "a member's version is not the asset's",
        "SELECT format('list %s, asset %s', list_id, asset_id)
         FROM list_member JOIN asset USING (asset_id) WHERE list_member.version <> asset.version",
    ),
    (
        "the counter of assets is not their number",
        "SELECT format('counter %s, assets %s', value, (SELECT count(*) FROM asset))
         FROM counter WHERE name = 'assets' AND value <> (SELECT count(*) FROM asset)",
    ),
    (
        "an asset that was last seen before its last change",
        "SELECT format('asset %s', asset_id) FROM asset WHERE slot_seen < slot_updated",
    ),
    (
        "lists of an asset that is burnt and not compressed",
        "SELECT format('asset %s', asset_id) FROM asset WHERE burnt AND NOT compressed AND list_ids <> '{}'",
    ),
    (
        "an index that is not valid",
        "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid",
    ),
];

/// What a body and its row both tell.
#[derive(Debug, PartialEq, Deserialize)]
struct Told {
    id: String,
    burnt: bool,
    compression: Compression,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Compression {
    compressed: Option<bool>,
}

/// Panics with everything that contradicts itself.
pub async fn check(connection: &mut PgConnection) {
    let problems = problems(connection).await;
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Everything that contradicts itself.
pub async fn problems(connection: &mut PgConnection) -> Vec<String> {
    let mut problems = Vec::new();
    for (fault, statement) in FAULTS {
        let places: Vec<String> = sqlx::query_scalar(statement).fetch_all(&mut *connection).await.unwrap();
        if !places.is_empty() {
            let first: Vec<&str> = places.iter().take(3).map(String::as_str).collect();
            problems.push(format!("{fault}, {} times: {}", places.len(), first.join("; ")));
        }
    }
    // Read here and not in Postgres, whose JSON knows no NUL.
    let mut rows = sqlx::query("SELECT asset_id, burnt, compressed, body, splices, version FROM asset")
        .fetch(connection);
    while let Some(row) = rows.try_next().await.unwrap() {
        let row_says = Told {
            id: Pubkey::from_bytes(row.get(0)).to_string(),
            burnt: row.get(1),
            compression: Compression { compressed: row.get::<bool, _>(2).then_some(true) },
        };
        let mut body: Told = serde_json::from_slice(row.get(3)).unwrap();
        if vitrine_model::version(row.get(3), row.get(4)) != row.get::<i64, _>(5) {
            problems.push(format!("the version of {} is not that of its bytes", row_says.id));
        }
        body.compression.compressed.take_if(|compressed| !*compressed);
        if body != row_says {
            problems.push(format!("{row_says:?} has a body of {body:?}"));
        }
    }
    problems
}
