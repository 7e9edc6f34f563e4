//! Dead letters: inputs that could not be decoded, kept until they can.

use sqlx::Row as _;
use sqlx::postgres::PgConnection;
use time::OffsetDateTime;

use crate::chain::{DeadLetter, LetterId};
use crate::{Store, StoreError};

/// A dead letter, to be tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLetter {
    /// Names it.
    pub id: LetterId,
    /// Its place among all: letters are read in this order.
    first_seen: OffsetDateTime,
    /// Why it could not be decoded the last time.
    pub reason: String,
    /// The input as one line of `vitrine ingest`.
    pub input: String,
}

/// A page of letters. `$1` and `$2` the letter behind which it begins, `$3` how many, `$4` their bytes. By
/// `dead_letter_first_seen`; of the letters that do not fit, only the lengths are read.
pub(super) const LETTERS: &str = "SELECT page.digest, page.first_seen, letter.reason, letter.input
FROM (SELECT digest, first_seen, sum(octet_length(input)) OVER (ORDER BY first_seen, digest) - octet_length(input) AS before
      FROM (SELECT digest, first_seen, input FROM dead_letter WHERE (first_seen, digest) > ($1, $2)
            ORDER BY first_seen, digest LIMIT $3) AS next) AS page
     JOIN dead_letter AS letter ON letter.digest = page.digest
WHERE page.before < $4 ORDER BY page.first_seen, page.digest";

impl Store {
    /// Up to `max` dead letters behind `after` (from the first on: none), the oldest first; fewer, where `max_bytes` of
    /// inputs are reached: the letter that reaches them is the last.
    pub async fn dead_letters(
        &self,
        after: Option<&StoredLetter>,
        max: u32,
        max_bytes: u32,
    ) -> Result<Vec<StoredLetter>, StoreError> {
        let rows = sqlx::query(LETTERS)
            .bind(after.map_or(OffsetDateTime::UNIX_EPOCH, |letter| letter.first_seen))
            .bind(after.map_or(&[][..], |letter| &letter.id.0))
            .bind(i64::from(max))
            .bind(i64::from(max_bytes))
            .fetch_all(&self.write)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(StoredLetter {
                    id: LetterId(row.try_get(0)?),
                    first_seen: row.try_get(1)?,
                    reason: row.try_get(2)?,
                    input: row.try_get(3)?,
                })
            })
            .collect()
    }
}

/// Keeps dead letters; one that is there is tried once more often. Returns how many are new.
pub(super) async fn write(connection: &mut PgConnection, letters: &[DeadLetter]) -> Result<u64, StoreError> {
    if letters.is_empty() {
        return Ok(0);
    }
    // A reason may quote what it was about, and a text of Postgres has no zero.
    let reasons: Vec<String> = letters.iter().map(|letter| letter.reason.replace('\0', "\u{fffd}")).collect();
    let rows = sqlx::query(
        "INSERT INTO dead_letter (digest, slot, kind, key, reason, input, first_seen, attempts)
         SELECT DISTINCT ON (digest) digest, slot, kind, key, reason, input, now(), 1
         FROM UNNEST($1::bigint[], $2::text[], $3::bytea[], $4::text[], $5::text[]) AS new (slot, kind, key, reason, input),
              LATERAL (SELECT sha256(convert_to(input, 'UTF8')) AS digest) AS hashed
         ORDER BY digest
         ON CONFLICT (digest) DO UPDATE SET reason = excluded.reason, attempts = dead_letter.attempts + 1
         RETURNING attempts",
    )
    .bind(letters.iter().map(|letter| letter.slot.as_i64()).collect::<Vec<_>>())
    .bind(letters.iter().map(|letter| letter.kind).collect::<Vec<_>>())
    .bind(letters.iter().map(|letter| letter.key.as_slice()).collect::<Vec<_>>())
    .bind(reasons)
    .bind(letters.iter().map(|letter| letter.input.as_str()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    let mut new = 0;
    for row in &rows {
        new += u64::from(row.try_get::<i32, _>(0)? == 1);
    }
    Ok(new)
}

/// Drops those that are decoded now.
pub(super) async fn settle(connection: &mut PgConnection, settled: &[LetterId]) -> Result<(), StoreError> {
    if !settled.is_empty() {
        sqlx::query("DELETE FROM dead_letter WHERE digest = ANY($1)")
            .bind(settled.iter().map(|id| id.0).collect::<Vec<_>>())
            .execute(connection)
            .await?;
    }
    Ok(())
}
