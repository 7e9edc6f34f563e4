//! Assets that are due to be made anew because an account changed that they share.
//!
//! How many share an account nobody bounds: a collection may have a million members. So who changes it leaves a row in
//! `remake_due`, in the transaction of the change, and pages of those who share it are made anew behind it, each in a
//! transaction that moves the row on. Whoever writes next goes on where a process ended.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Row as _;
use sqlx::postgres::PgConnection;
use vitrine_model::Pubkey;

use super::make::Touched;
use crate::chain::Compose;
use crate::write::Progress;
use crate::{Store, StoreError, Written};

/// Assets of a page.
const PAGE: usize = 1000;

/// Rows of the queue of a page: an account that few share does not take a transaction of its own.
const ROWS: i64 = 100;

/// Leaves a row for each account that anybody shares. `$1` the accounts. Indexes `remake_due_source`,
/// `account_core_collection` and `tree_change_inherits`.
///
/// A row of the account that has not begun does for this change too, where nobody is at it: it is held until the change is
/// committed, and whoever takes it then sees the change. One that is held may have read what it makes anew already.
///
/// Who comes to share one has to wait for the lock of its row, or has committed: no sharer is missed.
const ADD: &str = "INSERT INTO remake_due (source)
SELECT changed.source FROM UNNEST($1::bytea[]) WITH ORDINALITY AS changed (source, place)
WHERE (EXISTS (SELECT FROM account WHERE account.core_collection = changed.source)
       OR EXISTS (SELECT FROM tree_change WHERE tree_change.inherits = changed.source))
  AND changed.source <> ALL (ARRAY(SELECT source FROM remake_due WHERE source = ANY($1) AND after = ''
                                   FOR UPDATE SKIP LOCKED))
ORDER BY changed.place";

/// The oldest rows that nobody works on. `$1` how many. The primary key.
const TAKE: &str =
    "SELECT remake_id, source, after FROM remake_due ORDER BY remake_id LIMIT $1 FOR UPDATE SKIP LOCKED";

/// The next assets that share an account, in the order of their ids. `$1` the account, `$2` behind which asset it begins, `$3` how
/// many. Indexes `account_core_collection` and `tree_change_inherits`.
const SHARERS: &str = "(SELECT address AS asset_id FROM account
 WHERE account.core_collection = $1 AND account.address > $2 ORDER BY account.address LIMIT $3)
UNION
(SELECT DISTINCT asset_id FROM tree_change
 WHERE tree_change.inherits = $1 AND tree_change.asset_id > $2 ORDER BY asset_id LIMIT $3)
ORDER BY asset_id LIMIT $3";

/// Statements with their names, for the tests that hold them against golden files and plans.
pub(super) fn statements() -> [(&'static str, &'static str); 3] {
    [("due_add", ADD), ("due_take", TAKE), ("due_sharers", SHARERS)]
}

/// A row that was taken.
struct Due {
    source: [u8; 32],
    after: Vec<u8>,
}

/// Notes that whoever shares one of these accounts has to be made anew.
pub(super) async fn add(connection: &mut PgConnection, sources: &BTreeSet<Pubkey>) -> Result<(), StoreError> {
    if !sources.is_empty() {
        let sources: Vec<[u8; 32]> = sources.iter().map(|source| *source.as_bytes()).collect();
        sqlx::query(ADD).bind(sources).execute(connection).await?;
    }
    Ok(())
}

impl Store {
    /// Whether assets are due to be made anew: of a process that ended before it came to them, or that is at it.
    pub async fn is_remake_due(&self) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar("SELECT EXISTS (SELECT FROM remake_due)").fetch_one(&self.write).await?)
    }

    /// Makes the next page of assets anew that are due, in one transaction. None where nothing is due, or others are at all
    /// that is.
    pub async fn remake_due(&self, compose: Compose<'_>) -> Result<Option<Written>, StoreError> {
        // Most of the time nothing is: that costs no transaction.
        if !self.is_remake_due().await? {
            return Ok(None);
        }
        self.persist(|| self.remake_due_once(compose)).await
    }

    /// The last row of what is due now, for [`Store::remake_due_up_to`]; none where nothing is.
    pub async fn last_remake_due(&self) -> Result<Option<i64>, StoreError> {
        Ok(sqlx::query_scalar("SELECT max(remake_id) FROM remake_due").fetch_one(&self.write).await?)
    }

    /// A step towards the end of what is due up to the row `last`: a page in one transaction, or the wait for that of another,
    /// who may end before its work does. None where nothing of it is left; what is added behind it is waited for by nobody.
    pub async fn remake_due_up_to(
        &self,
        last: i64,
        compose: Compose<'_>,
    ) -> Result<Option<Written>, StoreError> {
        let left = "SELECT EXISTS (SELECT FROM remake_due WHERE remake_id <= $1)";
        if !sqlx::query_scalar(left).bind(last).fetch_one(&self.write).await? {
            return Ok(None);
        }
        if let Some(written) = self.persist(|| self.remake_due_once(compose)).await? {
            return Ok(Some(written));
        }
        // The lock is granted when the page of another one is over.
        let wait = "SELECT FROM remake_due WHERE remake_id <= $1 ORDER BY remake_id LIMIT 1 FOR SHARE";
        sqlx::query(wait).bind(last).execute(&self.write).await?;
        Ok(Some(Written::default()))
    }

    /// Makes anew whatever is due now, also what others are at.
    pub(super) async fn remake_all_due(&self, compose: Compose<'_>) -> Result<Written, StoreError> {
        let mut written = Written::default();
        if let Some(last) = self.last_remake_due().await? {
            while let Some(more) = self.remake_due_up_to(last, compose).await? {
                written += more;
            }
        }
        Ok(written)
    }

    async fn remake_due_once(&self, compose: Compose<'_>) -> Result<Option<Written>, StoreError> {
        let mut transaction = self.begin().await?;
        let due = take(&mut transaction).await?;
        if due.is_empty() {
            transaction.commit().await?;
            return Ok(None);
        }
        let sharers = sharers(&mut transaction, &due).await?;
        let all = sharers.iter().map(|(_, asset_id)| *asset_id).collect();
        let mut progress = Progress::default();
        self.make(&mut transaction, &Touched { all, ..Touched::default() }, compose, &mut progress).await?;
        go_on(&mut transaction, &due, &sharers).await?;
        progress.count(&mut transaction).await?;
        transaction.commit().await?;
        Ok(Some(self.note(progress)))
    }
}

async fn take(connection: &mut PgConnection) -> Result<BTreeMap<i64, Due>, StoreError> {
    let rows = sqlx::query(TAKE).bind(ROWS).fetch_all(connection).await?;
    let due =
        rows.iter().map(|row| Ok((row.try_get(0)?, Due { source: row.try_get(1)?, after: row.try_get(2)? })));
    due.collect()
}

/// A page of those who share accounts, each behind the row that it is due by. Row by row until the page is full: no more is
/// read than is made anew.
async fn sharers(
    connection: &mut PgConnection,
    due: &BTreeMap<i64, Due>,
) -> Result<Vec<(i64, Pubkey)>, StoreError> {
    let mut sharers = Vec::new();
    for (remake_id, due) in due {
        let room = i64::try_from(PAGE - sharers.len()).unwrap_or(0);
        if room == 0 {
            break;
        }
        let rows = sqlx::query(SHARERS)
            .bind(due.source)
            .bind(due.after.as_slice())
            .bind(room)
            .fetch_all(&mut *connection)
            .await?;
        for row in &rows {
            sharers.push((*remake_id, Pubkey::from_bytes(row.try_get(0)?)));
        }
    }
    Ok(sharers)
}

/// Moves the queue on by a page: rows before the last asset of a full page are done, its own goes on behind that asset,
/// and those behind it have not begun.
async fn go_on(
    connection: &mut PgConnection,
    due: &BTreeMap<i64, Due>,
    sharers: &[(i64, Pubkey)],
) -> Result<(), StoreError> {
    let last = sharers.last().filter(|_| sharers.len() == PAGE);
    let done: Vec<i64> = due.keys().copied().filter(|id| last.is_none_or(|(last, _)| id < last)).collect();
    sqlx::query("DELETE FROM remake_due WHERE remake_id = ANY($1)")
        .bind(done)
        .execute(&mut *connection)
        .await?;
    if let Some((remake_id, asset_id)) = last {
        sqlx::query("UPDATE remake_due SET after = $2 WHERE remake_id = $1")
            .bind(remake_id)
            .bind(asset_id.as_bytes())
            .execute(connection)
            .await?;
    }
    Ok(())
}
