//! The table `document`: off-chain documents that assets name, and the queue of whoever fetches them.
//!
//! Who takes a document does so for a time, with a number (`attempts`) that no other taker has; only under that number
//! do they write. What they do not bring to an end is due again when their time is over.

use std::collections::{BTreeSet, HashMap};

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use time::OffsetDateTime;
use url::Url;
use vitrine_model::Pubkey;

use crate::{Store, StoreError};

/// The longest uri that is fetched, in bytes. It may be a document itself (`data:`).
const URI_BYTES_MAX: usize = 65_536;

/// The longest name of a host, in bytes (RFC 1035, 2.3.4).
const HOST_BYTES_MAX: usize = 253;

/// From so many bytes on, the first name of a host is that of some content: a CID has 46 and more (59 in lower case), a name of Arweave's
/// gateways 52.
const CONTENT_BYTES_MIN: usize = 46;

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
    /// The number under which it was taken.
    number: i32,
    /// How often it was taken since something was last achieved, this time included: from 1 on.
    pub tries: u32,
    /// It is here already: only the assets that name it are to be made anew.
    pub arrived: bool,
    /// The bytes of what is here; 0 where nothing is.
    pub body_bytes: usize,
    /// The assets up to this id are made anew already.
    pub made_to: Option<Pubkey>,
}

/// What became of something that was done for a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is stored.
    Stored,
    /// It is stored as it was before: its assets show it already.
    Same,
    /// No asset names the document any more: its row is gone.
    Unnamed,
    /// The time was over, and another one took it: nothing is stored.
    Lost,
}

/// Hosts of which documents wait. `$1` the one behind which to begin, `$2` how many. Index `document_due`.
const HOSTS: &str = "WITH RECURSIVE waiting (host, place) AS (
    (SELECT host, 1 FROM document WHERE next_try IS NOT NULL AND host > $1 ORDER BY host LIMIT 1)
    UNION ALL
    SELECT following.host, waiting.place + 1 FROM waiting CROSS JOIN LATERAL (
        SELECT host FROM document WHERE next_try IS NOT NULL AND host > waiting.host ORDER BY host LIMIT 1
    ) AS following
    WHERE waiting.place < $2
)
SELECT host FROM waiting";

/// Takes documents that are due. `$1` hosts, `$2` how many of each, `$3` now, `$4` how many in all, `$5` when they are due again.
/// Index `document_due`, and the primary key.
const TAKE: &str = "WITH due AS MATERIALIZED (
    SELECT ready.digest FROM UNNEST($1::text[], $2::bigint[]) AS room (host, documents) CROSS JOIN LATERAL (
        SELECT digest FROM document
        WHERE document.host = room.host AND document.next_try IS NOT NULL AND document.next_try <= $3
        ORDER BY document.next_try, document.digest LIMIT room.documents FOR UPDATE SKIP LOCKED
    ) AS ready
    LIMIT $4
)
UPDATE document SET next_try = $5, attempts = attempts + 1, tries = tries + 1
FROM due WHERE document.digest = due.digest
RETURNING document.digest, document.uri, document.host, document.attempts, document.tries,
          document.body IS NOT NULL AND NOT document.stale, octet_length(document.body), document.made_to";

/// When a document is due next. Index `document_next_try`.
const NEXT: &str = "SELECT next_try FROM document WHERE next_try IS NOT NULL ORDER BY next_try LIMIT 1";

/// Stores a document. `$1` its digest, `$2` what came, `$3` now, `$4` when its assets are due. What came again as it was is
/// shown already, unless its assets could not be made the last time. The primary key.
const KEEP: &str =
    "UPDATE document SET body = $2, fetched_at = $3, stale = false, made_to = NULL, tries = 0, reason = NULL,
    next_try = CASE WHEN stale AND body = $2 AND reason IS NULL THEN NULL ELSE $4::timestamptz END
WHERE digest = $1
RETURNING next_try IS NULL";

/// Notes why a try failed. `$1` the digest, `$2` when the next one is due, `$3` why. The primary key.
const FAIL: &str = "UPDATE document SET next_try = $2, reason = $3 WHERE digest = $1";

/// Gives a document back, as if it had not been taken. `$1` the digest, `$2` the number under which it was taken, `$3` when it is
/// due. The primary key.
const RELEASE: &str =
    "UPDATE document SET next_try = $3, tries = greatest(tries - 1, 0) WHERE digest = $1 AND attempts = $2";

/// Notes up to where assets are made anew. `$1` the digest, `$2` the number under which it was taken, `$3` up to where, `$4` when
/// the rest is due. The primary key.
const MADE: &str = "UPDATE document SET made_to = $3, next_try = $4, tries = 0, reason = NULL
WHERE digest = $1 AND attempts = $2";

/// Has documents fetched again. `$1` those that arrived before, `$2` now, `$3` how many. Index `document_fetched`, and the primary
/// key.
const REFETCH: &str = "WITH old AS MATERIALIZED (
    SELECT digest FROM document
    WHERE body IS NOT NULL AND next_try IS NULL AND host <> 'data' AND fetched_at < $1
    ORDER BY fetched_at LIMIT $3 FOR UPDATE SKIP LOCKED
)
UPDATE document SET stale = true, next_try = $2, tries = 0 FROM old WHERE document.digest = old.digest";

/// The assets that name a document. `$1` its uri, `$2` the id behind which to begin, `$3` how many. Index `chain_asset_json_uri`.
const NAMING: &str = "SELECT asset_id FROM chain_asset
WHERE json_uri IS NOT NULL AND md5(json_uri) = md5($1) AND json_uri = $1 AND asset_id > $2
ORDER BY asset_id LIMIT $3";

/// Adds documents to the queue, in the order of the digests, as everybody locks them. `$1` their uris, `$2` their hosts. The
/// primary key.
const NAME: &str = "INSERT INTO document (digest, uri, host, next_try)
SELECT DISTINCT ON (digest) digest, uri, host, now()
FROM UNNEST($1::text[], $2::text[]) AS named (uri, host),
     LATERAL (SELECT sha256(convert_to(uri, 'UTF8')) AS digest) AS hashed
ORDER BY digest
ON CONFLICT (digest) DO NOTHING";

/// Holds documents, and says how many bytes those have that have arrived. `$1` their uris. The primary key.
const NAMED: &str = "SELECT uri, octet_length(body) FROM document
WHERE digest IN (SELECT sha256(convert_to(uri, 'UTF8')) FROM UNNEST($1::text[]) AS named (uri))
ORDER BY digest FOR SHARE";

/// Holds a document that was taken. `$1` its digest, `$2` the number under which it was taken. The primary key.
const HOLD: &str = "SELECT FROM document WHERE digest = $1 AND attempts = $2 FOR UPDATE";

/// Drops a document that no asset names. `$1` its digest, `$2` its uri. The primary key, and index `chain_asset_json_uri`.
const DROP: &str = "DELETE FROM document WHERE digest = $1 AND NOT EXISTS (
    SELECT FROM chain_asset WHERE json_uri IS NOT NULL AND md5(json_uri) = md5($2) AND json_uri = $2
)";

/// Statements with their names, for the tests that hold them against golden files and plans.
pub fn statements() -> Vec<(String, &'static str)> {
    [
        ("documents_hosts", HOSTS),
        ("documents_take", TAKE),
        ("documents_next", NEXT),
        ("documents_keep", KEEP),
        ("documents_fail", FAIL),
        ("documents_release", RELEASE),
        ("documents_made", MADE),
        ("documents_refetch", REFETCH),
        ("documents_naming", NAMING),
        ("documents_name", NAME),
        ("documents_named", NAMED),
        ("documents_hold", HOLD),
        ("documents_drop", DROP),
    ]
    .map(|(name, sql)| (name.to_owned(), sql))
    .to_vec()
}

impl Store {
    /// Up to `max` hosts behind `after` (from the first on: an empty text) of which documents wait, in their order.
    pub async fn document_hosts(&self, after: &str, max: u32) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar(HOSTS).bind(after).bind(i64::from(max)).fetch_all(&self.write).await?)
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
        let rows = sqlx::query(TAKE)
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
        Ok(sqlx::query_scalar(NEXT).fetch_optional(&self.write).await?)
    }

    /// Stores a document that arrived at `now`. The assets that name it are then to be made anew, which is due at
    /// `until` where nobody does it before ([`Store::note_remade`]).
    pub async fn keep_document(
        &self,
        due: &DueDocument,
        body: &str,
        now: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Result<Kept, StoreError> {
        let mut transaction = self.begin().await?;
        let mut kept = hold(&mut transaction, due).await?;
        if kept == Kept::Stored {
            let same: bool = sqlx::query_scalar(KEEP)
                .bind(due.digest)
                .bind(body)
                .bind(now)
                .bind(until)
                .fetch_one(&mut *transaction)
                .await?;
            if same {
                kept = Kept::Same;
            }
        }
        transaction.commit().await?;
        Ok(kept)
    }

    /// Notes why a document did not arrive, or its assets could not be made, and when it is due again; never: it is given up.
    pub async fn fail_document(
        &self,
        due: &DueDocument,
        reason: &str,
        next_try: Option<OffsetDateTime>,
    ) -> Result<Kept, StoreError> {
        let mut transaction = self.begin().await?;
        let kept = hold(&mut transaction, due).await?;
        if kept == Kept::Stored {
            sqlx::query(FAIL).bind(due.digest).bind(next_try).bind(reason).execute(&mut *transaction).await?;
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
        let ids: Vec<[u8; 32]> = sqlx::query_scalar(NAMING)
            .bind(&due.uri)
            .bind(after.map_or_else(Vec::new, |id| id.as_bytes().to_vec()))
            .bind(i64::from(max))
            .fetch_all(&self.write)
            .await?;
        Ok(ids.into_iter().map(Pubkey::from_bytes).collect())
    }

    /// Gives back a document that was taken, as if it had not been: it is due at `next_try`. False where another one took it.
    pub async fn release_document(
        &self,
        due: &DueDocument,
        next_try: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(RELEASE)
            .bind(due.digest)
            .bind(due.number)
            .bind(next_try)
            .execute(&self.write)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Notes that the assets up to this id are made anew, and until when whoever took the document makes more of them; none:
    /// all of them are made. False where another one took it.
    pub async fn note_remade(
        &self,
        due: &DueDocument,
        part: Option<(Pubkey, OffsetDateTime)>,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(MADE)
            .bind(due.digest)
            .bind(due.number)
            .bind(part.map(|(to, _)| *to.as_bytes()))
            .bind(part.map(|(_, until)| until))
            .execute(&self.write)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Has up to `max` documents fetched again that arrived before `before`, the oldest first; returns how many. What has arrived
    /// is shown until it comes anew, and stays where it does not.
    pub async fn refetch_documents(
        &self,
        before: OffsetDateTime,
        now: OffsetDateTime,
        max: u32,
    ) -> Result<u64, StoreError> {
        let done =
            sqlx::query(REFETCH).bind(before).bind(now).bind(i64::from(max)).execute(&self.write).await?;
        Ok(done.rows_affected())
    }
}

/// Puts the documents that assets name into the queue, where they are new, and returns the bytes of those that have arrived. A
/// uri that is not fetched is left out.
///
/// Until the transaction ends nobody stores one of them: who makes an asset without its document is seen by who
/// stores the document, and has the asset made anew.
pub(super) async fn name(
    connection: &mut PgConnection,
    uris: &BTreeSet<String>,
) -> Result<HashMap<String, usize>, StoreError> {
    let (uris, hosts): (Vec<&str>, Vec<String>) =
        uris.iter().filter_map(|uri| Some((uri.as_str(), host(uri)?))).unzip();
    if uris.is_empty() {
        return Ok(HashMap::new());
    }
    for _ in 0..ATTEMPTS {
        sqlx::query(NAME).bind(&uris).bind(&hosts).execute(&mut *connection).await?;
        let rows = sqlx::query(NAMED).bind(&uris).fetch_all(&mut *connection).await?;
        let found: HashMap<String, Option<i32>> = rows
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<Result<_, StoreError>>()?;
        if uris.iter().all(|&uri| found.contains_key(uri)) {
            let arrived = |(uri, bytes): (String, Option<i32>)| Some((uri, usize::try_from(bytes?).ok()?));
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
    let held = sqlx::query(HOLD).bind(due.digest).bind(due.number).fetch_optional(&mut *connection).await?;
    if held.is_none() {
        return Ok(Kept::Lost);
    }
    let gone = sqlx::query(DROP).bind(due.digest).bind(&due.uri).execute(&mut *connection).await?;
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
        "http" | "https" => host_of(&url).map(str::to_owned),
        scheme @ ("ipfs" | "ar" | "data") => Some(scheme.to_owned()),
        _ => None,
    }
}

/// Who is spoken to at a uri of the Web: its host. A gateway that gives each content a name of its own below the gateway's
/// (`<cid>.ipfs.example.org`, `<id>.example.org`) is one host; so is what it has at its own name.
pub fn host_of(url: &Url) -> Option<&str> {
    let host = url.host_str().filter(|host| host.len() <= HOST_BYTES_MAX)?;
    let Some((content, gateway)) = host.split_once('.') else { return Some(host) };
    let gateway = match gateway.split_once('.') {
        Some(("ipfs" | "ipns", gateway)) => gateway,
        _ if content.len() >= CONTENT_BYTES_MIN => gateway,
        _ => return Some(host),
    };
    Some(gateway)
}

fn due(row: &PgRow) -> Result<DueDocument, StoreError> {
    let (uri, tries, bytes): (String, i32, Option<i32>) = (row.try_get(1)?, row.try_get(4)?, row.try_get(6)?);
    let tries = u32::try_from(tries).map_err(|_| StoreError::Inconsistent {
        table: "document",
        column: "tries",
        key: uri.clone(),
        reason: format!("{tries} is negative"),
    })?;
    Ok(DueDocument {
        digest: row.try_get(0)?,
        uri,
        host: row.try_get(2)?,
        number: row.try_get(3)?,
        tries,
        arrived: row.try_get(5)?,
        body_bytes: bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or_default(),
        made_to: row.try_get::<Option<[u8; 32]>, _>(7)?.map(Pubkey::from_bytes),
    })
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
        let (cid, id) = ("bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi", "a".repeat(52));
        for name in [format!("{cid}.ipfs.gateway.example.org"), "k51.ipns.gateway.example.org".to_owned()] {
            assert_eq!(host(&format!("https://{name}/a")).as_deref(), Some("gateway.example.org"), "{name}");
        }
        for name in [format!("{id}.arweave.net"), "arweave.net".to_owned()] {
            assert_eq!(host(&format!("https://{name}/a")).as_deref(), Some("arweave.net"), "{name}");
        }
        assert_eq!(host(&format!("https://{cid}/")).as_deref(), Some(cid));
        assert_eq!(host("https://ipfs.example.org/ipfs/x").as_deref(), Some("ipfs.example.org"));
        assert_eq!(host(&format!("https://{}/", "a".repeat(254))), None);
        assert_eq!(host(&format!("https://a/{}", "a".repeat(URI_BYTES_MAX))), None);
    }
}
