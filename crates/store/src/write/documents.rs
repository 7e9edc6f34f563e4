//! The table `document`: off-chain documents that assets name, and the queue of whoever fetches them.
//!
//! Who takes a document does so for a time, with a number (`attempts`) that no other taker has; only under that number
//! do they write. What they do not bring to an end is due again when their time is over.

use std::collections::HashMap;

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use time::OffsetDateTime;
use url::Url;
use vitrine_model::Pubkey;

use crate::chain::Document;
use crate::{Store, StoreError};

/// The longest uri that is fetched, in bytes. It may be a document itself (`data:`).
const URI_BYTES_MAX: usize = 65_536;

/// The longest name of a host, in bytes (RFC 1035, 2.3.4).
const HOST_BYTES_MAX: usize = 253;

/// How often documents are looked for again that others delete at the same moment.
const ATTEMPTS: u32 = 5;

/// A document that was taken from the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueDocument {
    /// SHA-256 of the uri.
    digest: [u8; 32],
    /// Where it is.
    pub uri: String,
    /// What bounds how many are fetched at once: the host, or the scheme of a uri without one.
    pub host: String,
    /// The number under which it was taken, from 1 on.
    pub attempt: u32,
    /// It is here already: only the assets that name it are to be made anew.
    pub arrived: bool,
}

/// What became of something that was done for a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is stored.
    Stored,
    /// No asset names the document any more: its row is gone.
    Unnamed,
    /// The time was over, and another one took it: nothing is stored.
    Lost,
}

impl Store {
    /// Up to `max` hosts behind `after` (from the first on: an empty text) of which documents wait, in their order.
    pub async fn document_hosts(&self, after: &str, max: u32) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar(
            "WITH RECURSIVE waiting (host, place) AS (
                 (SELECT host, 1 FROM document WHERE next_try IS NOT NULL AND host > $1 ORDER BY host LIMIT 1)
                 UNION ALL
                 SELECT following.host, waiting.place + 1 FROM waiting CROSS JOIN LATERAL (
                     SELECT host FROM document WHERE next_try IS NOT NULL AND host > waiting.host ORDER BY host LIMIT 1
                 ) AS following
                 WHERE waiting.place < $2
             )
             SELECT host FROM waiting",
        )
        .bind(after)
        .bind(i64::from(max))
        .fetch_all(&self.write)
        .await?)
    }

    /// Takes up to `max` documents that are due at `now`, the longest due first, of each host as many as `rooms` says.
    /// They are due again at `until`. Several may take at a time: each document goes to one of them.
    pub async fn take_documents(
        &self,
        rooms: &[(String, u32)],
        max: u32,
        now: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Result<Vec<DueDocument>, StoreError> {
        let rows = sqlx::query(
            "WITH due AS MATERIALIZED (
                 SELECT ready.digest FROM UNNEST($1::text[], $2::bigint[]) AS room (host, documents) CROSS JOIN LATERAL (
                     SELECT digest FROM document
                     WHERE document.host = room.host AND document.next_try IS NOT NULL AND document.next_try <= $3
                     ORDER BY document.next_try, document.digest LIMIT room.documents FOR UPDATE SKIP LOCKED
                 ) AS ready
                 LIMIT $4
             )
             UPDATE document SET next_try = $5, attempts = attempts + 1 FROM due WHERE document.digest = due.digest
             RETURNING document.digest, document.uri, document.host, document.attempts, document.body IS NOT NULL",
        )
        .bind(rooms.iter().map(|(host, _)| host.as_str()).collect::<Vec<_>>())
        .bind(rooms.iter().map(|(_, documents)| i64::from(*documents)).collect::<Vec<_>>())
        .bind(now)
        .bind(i64::from(max))
        .bind(until)
        .fetch_all(&self.write)
        .await?;
        rows.iter().map(due).collect()
    }

    /// When a document is due next, in the past too; none if none waits.
    pub async fn next_document(&self) -> Result<Option<OffsetDateTime>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT next_try FROM document WHERE next_try IS NOT NULL ORDER BY next_try LIMIT 1",
        )
        .fetch_optional(&self.write)
        .await?)
    }

    /// Stores a document that arrived at `now`. The assets that name it are then to be made anew, which is due at
    /// `until` where nobody does it before ([`Store::end_document`]).
    pub async fn keep_document(
        &self,
        due: &DueDocument,
        body: &str,
        now: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Result<Kept, StoreError> {
        let mut transaction = self.write.begin().await?;
        let kept = hold(&mut transaction, due).await?;
        if kept == Kept::Stored {
            sqlx::query(
                "UPDATE document SET body = $2, fetched_at = $3, next_try = $4, reason = NULL WHERE digest = $1",
            )
            .bind(due.digest)
            .bind(body)
            .bind(now)
            .bind(until)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(kept)
    }

    /// Notes why a document did not arrive, and when it is due again; never: it is given up.
    pub async fn fail_document(
        &self,
        due: &DueDocument,
        reason: &str,
        next_try: Option<OffsetDateTime>,
    ) -> Result<Kept, StoreError> {
        let mut transaction = self.write.begin().await?;
        let kept = hold(&mut transaction, due).await?;
        if kept == Kept::Stored {
            sqlx::query("UPDATE document SET next_try = $2, reason = $3 WHERE digest = $1")
                .bind(due.digest)
                .bind(next_try)
                .bind(reason)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(kept)
    }

    /// Up to `max` assets that name a document, in the order of their ids, behind `after`.
    pub async fn assets_naming(
        &self,
        due: &DueDocument,
        after: Option<Pubkey>,
        max: u32,
    ) -> Result<Vec<Pubkey>, StoreError> {
        let ids: Vec<[u8; 32]> = sqlx::query_scalar(
            "SELECT asset_id FROM chain_asset
             WHERE json_uri IS NOT NULL AND md5(json_uri) = md5($1) AND json_uri = $1 AND asset_id > $2
             ORDER BY asset_id LIMIT $3",
        )
        .bind(&due.uri)
        .bind(after.map_or_else(Vec::new, |id| id.as_bytes().to_vec()))
        .bind(i64::from(max))
        .fetch_all(&self.write)
        .await?;
        Ok(ids.into_iter().map(Pubkey::from_bytes).collect())
    }

    /// Moves the time at which a document that was taken is due again; never: nothing is left to be done for it. False
    /// where another one took it.
    pub async fn end_document(
        &self,
        due: &DueDocument,
        until: Option<OffsetDateTime>,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE document SET next_try = $3 WHERE digest = $1 AND attempts = $2")
            .bind(due.digest)
            .bind(i64::from(due.attempt))
            .bind(until)
            .execute(&self.write)
            .await?;
        Ok(done.rows_affected() == 1)
    }
}

/// Puts the documents that assets name into the queue, where they are new, and returns those that have arrived. A uri that
/// is not fetched is left out.
///
/// Until the transaction ends nobody stores one of them: who makes an asset without its document is seen by who
/// stores the document, and has the asset made anew.
pub(super) async fn name(connection: &mut PgConnection, uris: &[&str]) -> Result<Vec<Document>, StoreError> {
    let (uris, hosts): (Vec<&str>, Vec<String>) =
        uris.iter().filter_map(|&uri| Some((uri, host(uri)?))).unzip();
    for _ in 0..ATTEMPTS {
        // In the order of the digests, as everybody locks them.
        sqlx::query(
            "INSERT INTO document (digest, uri, host, next_try)
             SELECT DISTINCT ON (digest) digest, uri, host, now()
             FROM UNNEST($1::text[], $2::text[]) AS named (uri, host),
                  LATERAL (SELECT sha256(convert_to(uri, 'UTF8')) AS digest) AS hashed
             ORDER BY digest
             ON CONFLICT (digest) DO NOTHING",
        )
        .bind(&uris)
        .bind(&hosts)
        .execute(&mut *connection)
        .await?;
        let rows = sqlx::query(
            "SELECT uri, body FROM document
             WHERE digest IN (SELECT sha256(convert_to(uri, 'UTF8')) FROM UNNEST($1::text[]) AS named (uri))
             ORDER BY digest FOR SHARE",
        )
        .bind(&uris)
        .fetch_all(&mut *connection)
        .await?;
        let found: HashMap<String, Option<String>> = rows
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<Result<_, StoreError>>()?;
        if uris.iter().all(|&uri| found.contains_key(uri)) {
            let arrived = |(uri, body): (String, Option<String>)| Some(Document { uri, body: body? });
            return Ok(found.into_iter().filter_map(arrived).collect());
        }
    }
    Err(StoreError::Inconsistent {
        table: "document",
        column: "digest",
        key: uris.join(" "),
        reason: "a row went away as often as it was added".to_owned(),
    })
}

/// Locks a document that was taken, and looks whether it is still taken and still named; where it is not named, it goes.
///
/// Two statements: what has named it before the lock was granted is seen by the second one alone.
async fn hold(connection: &mut PgConnection, due: &DueDocument) -> Result<Kept, StoreError> {
    let held = sqlx::query("SELECT FROM document WHERE digest = $1 AND attempts = $2 FOR UPDATE")
        .bind(due.digest)
        .bind(i64::from(due.attempt))
        .fetch_optional(&mut *connection)
        .await?;
    if held.is_none() {
        return Ok(Kept::Lost);
    }
    let gone = sqlx::query(
        "DELETE FROM document WHERE digest = $1 AND NOT EXISTS (
             SELECT FROM chain_asset WHERE json_uri IS NOT NULL AND md5(json_uri) = md5($2) AND json_uri = $2
         )",
    )
    .bind(due.digest)
    .bind(&due.uri)
    .execute(&mut *connection)
    .await?;
    Ok(if gone.rows_affected() > 0 { Kept::Unnamed } else { Kept::Stored })
}

/// Whether a document is fetched from there.
pub(super) fn is_fetched(uri: &str) -> bool {
    host(uri).is_some()
}

/// What bounds how many documents are fetched at once from where a uri points; none where it is not fetched.
fn host(uri: &str) -> Option<String> {
    if uri.len() > URI_BYTES_MAX || uri.contains('\0') {
        return None;
    }
    let url = Url::parse(uri).ok()?;
    match url.scheme() {
        "http" | "https" => url.host_str().filter(|host| host.len() <= HOST_BYTES_MAX).map(str::to_owned),
        scheme @ ("ipfs" | "ar" | "data") => Some(scheme.to_owned()),
        _ => None,
    }
}

fn due(row: &PgRow) -> Result<DueDocument, StoreError> {
    let (uri, attempts): (String, i32) = (row.try_get(1)?, row.try_get(3)?);
    let attempt = u32::try_from(attempts).map_err(|_| StoreError::Inconsistent {
        table: "document",
        column: "attempts",
        key: uri.clone(),
        reason: format!("{attempts} is negative"),
    })?;
    Ok(DueDocument { digest: row.try_get(0)?, uri, host: row.try_get(2)?, attempt, arrived: row.try_get(4)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_uri_has_a_host_or_is_not_fetched() {
        let cases = [
            ("https://Example.ORG:8443/a.json", Some("example.org")),
            (" http://example.org/a b.json ", Some("example.org")),
            ("https://[2001:db8::1]/a", Some("[2001:db8::1]")),
            ("http://0x7f.1/", Some("127.0.0.1")),
            ("ipfs://QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG/1.json", Some("ipfs")),
            ("IPFS://QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG", Some("ipfs")),
            ("ar://bNbA3TEQVL60xlgCcqdz4ZPHFZ711cZ3hmkpGttDt_U", Some("ar")),
            ("data:application/json,{}", Some("data")),
            ("", None),
            ("metadata.json", None),
            ("file:///etc/passwd", None),
            ("ftp://example.org/a.json", None),
            ("https://", None),
            ("https://example.org/\0", None),
        ];
        for (uri, expected) in cases {
            assert_eq!(host(uri).as_deref(), expected, "{uri}");
        }
        assert_eq!(host(&format!("https://{}/", "a".repeat(254))), None);
        assert_eq!(host(&format!("https://a/{}", "a".repeat(URI_BYTES_MAX))), None);
    }
}
