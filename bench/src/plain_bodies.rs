//! What Postgres alone has to read: the bodies of all assets as they are sent, in a table of their own.
//!
//! The product packs its bodies, and Postgres cannot unpack them. Its lane is what a server would read that keeps them plain: as many
//! bytes as the product sends, in rows of the order and by the index of the product's.

use anyhow::{Context as _, Result};
use futures_util::TryStreamExt;
use sqlx::Row;
use vitrine_model::PackedBody;

use crate::postgres::Database;

/// The table.
pub(crate) const PLAIN_BODIES: &str = "bench_body";

/// As `asset` is made and stored. Postgres prints bytes in hex, twice their length: so that it sends just what the server sends,
/// bodies are text here.
const TABLE: &str = "CREATE TABLE bench_body (
    asset_id bytea NOT NULL CHECK (octet_length(asset_id) = 32), version bigint NOT NULL, body text NOT NULL,
    PRIMARY KEY (asset_id) INCLUDE (version));
ALTER TABLE bench_body ALTER COLUMN body SET STORAGE EXTERNAL, ALTER COLUMN body SET STATISTICS 0;
ALTER TABLE bench_body SET (toast_tuple_target = 8160)";

/// What begins and what ends binary COPY.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// How much is sent at a time, bytes.
const CHUNK_BYTES: usize = 1 << 20;

/// Makes the table from what the product has stored; false where it is there already.
pub(crate) async fn make(database: &Database) -> Result<bool> {
    let (mut from, mut to) = (database.connect().await?, database.connect().await?);
    let there: bool =
        sqlx::query_scalar("SELECT to_regclass('bench_body') IS NOT NULL").fetch_one(&mut to).await?;
    if there {
        return Ok(false);
    }
    // All or nothing: a run that is cut off leaves no half of it.
    sqlx::raw_sql("BEGIN").execute(&mut to).await?;
    sqlx::raw_sql(TABLE).execute(&mut to).await?;
    let mut copy = to.copy_in_raw("COPY bench_body FROM STDIN (FORMAT binary)").await?;
    let (mut out, mut plain) = (HEADER.to_vec(), Vec::new());
    let mut rows = sqlx::query("SELECT asset_id, version, body FROM asset").fetch(&mut from);
    while let Some(row) = rows.try_next().await? {
        plain.clear();
        PackedBody::stored(row.try_get(2)?).append_to(&mut plain)?;
        out.extend_from_slice(&3_i16.to_be_bytes());
        for value in [row.try_get(0)?, &row.try_get::<i64, _>(1)?.to_be_bytes()[..], &plain] {
            out.extend_from_slice(&i32::try_from(value.len()).context("a field of 2 GiB")?.to_be_bytes());
            out.extend_from_slice(value);
        }
        if out.len() >= CHUNK_BYTES {
            copy.send(out.as_slice()).await?;
            out.clear();
        }
    }
    out.extend_from_slice(&TRAILER);
    copy.send(out.as_slice()).await?;
    copy.finish().await?;
    sqlx::raw_sql("COMMIT").execute(&mut to).await?;
    Ok(true)
}
