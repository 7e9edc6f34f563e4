//! Plans of statements, as Postgres made and ran them.

use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};
use vitrine_model::Pubkey;

/// Prepares a statement, runs it with these arguments, and returns its plan.
pub async fn explain(connection: &mut PgConnection, sql: &str, arguments: &str) -> Value {
    let prepared = format!("PREPARE page AS {sql}");
    sqlx::raw_sql(AssertSqlSafe(prepared)).execute(&mut *connection).await.unwrap();
    let arguments = if arguments.is_empty() { String::new() } else { format!("({arguments})") };
    let explained =
        format!("EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, FORMAT JSON) EXECUTE page{arguments}");
    let row = sqlx::raw_sql(AssertSqlSafe(explained)).fetch_one(&mut *connection).await.unwrap();
    let text: String = row.try_get_unchecked(0).unwrap();
    sqlx::raw_sql("DEALLOCATE page").execute(connection).await.unwrap();
    serde_json::from_str::<Value>(&text).unwrap()[0]["Plan"].take()
}

/// All nodes of a plan.
pub fn nodes(plan: &Value) -> Vec<&Value> {
    let (mut found, mut open) = (Vec::new(), vec![plan]);
    while let Some(node) = open.pop() {
        found.push(node);
        open.extend(node["Plans"].as_array().into_iter().flatten());
    }
    found
}

/// How many rows a node gave in all.
pub fn rows(node: &Value) -> u64 {
    whole(&node["Actual Rows"]) * whole(&node["Actual Loops"])
}

pub fn whole(number: &Value) -> u64 {
    number.as_f64().map(|number| format!("{number:.0}").parse().unwrap()).unwrap()
}

/// An id as a literal of SQL.
pub fn hex(id: Pubkey) -> String {
    let digits: Vec<String> = id.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("'\\x{}'::bytea", digits.concat())
}
