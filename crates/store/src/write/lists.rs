//! The tables `asset_list` and `list_member`: names to ids, members, totals.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use sqlx::Row as _;
use sqlx::postgres::PgConnection;
use std::sync::Mutex;
use vitrine_model::{ListKey, ListKind};

use super::AssetChange;
use super::copy::{self, CopyIn};
use super::diff::{Diff, ListChange, Member};
use crate::StoreError;

/// The most names that are remembered; then it starts anew.
const REMEMBERED_MAX: usize = 100_000;

/// Ids of lists that are committed. Such an id never changes and is never deleted, so nothing here grows stale.
#[derive(Debug, Default)]
pub(crate) struct ListIds(Mutex<HashMap<ListKey, i64>>);

impl ListIds {
    /// Remembers lists once they are committed.
    pub(super) fn remember(&self, lists: HashMap<ListKey, i64>) {
        let mut known = self.0.lock().expect("nothing panics while it holds this lock");
        if known.len() + lists.len() > REMEMBERED_MAX {
            known.clear();
        }
        known.extend(lists.into_iter().take(REMEMBERED_MAX));
    }

    /// Forgets everything.
    pub(super) fn forget(&self) {
        self.0.lock().expect("nothing panics while it holds this lock").clear();
    }

    /// Those that are remembered or among `made`, and the others, sorted.
    fn get_all<'k>(
        &self,
        made: &HashMap<ListKey, i64>,
        keys: impl Iterator<Item = &'k ListKey>,
    ) -> (HashMap<&'k ListKey, i64>, Vec<&'k ListKey>) {
        let known = self.0.lock().expect("nothing panics while it holds this lock");
        let (mut found, mut missing) = (HashMap::new(), HashSet::new());
        for key in keys {
            if let Entry::Vacant(place) = found.entry(key) {
                match made.get(key).or_else(|| known.get(key)) {
                    Some(&list_id) => drop(place.insert(list_id)),
                    None => drop(missing.insert(key)),
                }
            }
        }
        let mut missing: Vec<_> = missing.into_iter().collect();
        missing.sort_unstable();
        (found, missing)
    }
}

/// The ids of those of the batch's lists that exist; `made` are those that this transaction has made before.
pub(super) async fn resolve<'c>(
    connection: &mut PgConnection,
    ids: &ListIds,
    made: &HashMap<ListKey, i64>,
    changes: &'c [AssetChange],
) -> Result<HashMap<&'c ListKey, i64>, StoreError> {
    let (mut known, missing) = ids.get_all(made, changes.iter().flat_map(|change| &change.facts.lists));
    if !missing.is_empty() {
        let rows = sqlx::query(
            "SELECT list.list_id, wanted.place
             FROM UNNEST($1::smallint[], $2::text[], $3::bytea[], $4::boolean[])
                  WITH ORDINALITY AS wanted (kind, key, value, verified, place)
             JOIN asset_list AS list USING (kind, key, value, verified)",
        )
        .bind(missing.iter().map(|key| key.kind.code()).collect::<Vec<_>>())
        .bind(missing.iter().map(|key| key.key.as_str()).collect::<Vec<_>>())
        .bind(missing.iter().map(|key| key.value.as_slice()).collect::<Vec<_>>())
        .bind(missing.iter().map(|key| key.verified).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
        // What this transaction sees and has not made is committed.
        let mut found = HashMap::with_capacity(rows.len());
        for row in &rows {
            let place: i64 = row.try_get(1)?;
            let place = usize::try_from(place).expect("an ordinality is positive");
            found.insert(missing[place - 1], row.try_get(0)?);
        }
        ids.remember(found.iter().map(|(&key, &list_id)| (key.clone(), list_id)).collect());
        known.extend(found);
    }
    Ok(known)
}

/// Makes the lists that nobody has seen before, with their first totals. Where another transaction has made
/// one meanwhile, its total is added to.
pub(super) async fn enter(
    connection: &mut PgConnection,
    lists: &BTreeMap<&ListKey, i64>,
) -> Result<HashMap<ListKey, i64>, StoreError> {
    if lists.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query(
        // A new list has a version of its own too: where two lists are read as one, the sum has to change.
        "INSERT INTO asset_list (kind, key, value, verified, total, members_version, order_version)
         SELECT new.*, now.us, now.us
         FROM UNNEST($1::smallint[], $2::text[], $3::bytea[], $4::boolean[], $5::bigint[]) AS new
              CROSS JOIN (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) AS now (us)
         ON CONFLICT (kind, key, value, verified) DO UPDATE
         SET total = asset_list.total + excluded.total,
             members_version = CASE WHEN excluded.members_version > asset_list.members_version THEN excluded.members_version
                                    ELSE asset_list.members_version + 1 + (random() * 1000000)::bigint END,
             order_version = CASE WHEN excluded.order_version > asset_list.order_version THEN excluded.order_version
                                  ELSE asset_list.order_version + 1 + (random() * 1000000)::bigint END
         RETURNING list_id, kind, key, value, verified",
    )
    .bind(lists.keys().map(|key| key.kind.code()).collect::<Vec<_>>())
    .bind(lists.keys().map(|key| key.key.as_str()).collect::<Vec<_>>())
    .bind(lists.keys().map(|key| key.value.as_slice()).collect::<Vec<_>>())
    .bind(lists.keys().map(|key| key.verified).collect::<Vec<_>>())
    .bind(lists.values().copied().collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let list_id: i64 = row.try_get(0)?;
            let kind = ListKind::from_code(row.try_get(1)?).ok_or_else(|| StoreError::Inconsistent {
                table: "asset_list",
                column: "kind",
                key: list_id.to_string(),
                reason: "no such kind of list".to_owned(),
            })?;
            let key =
                ListKey { kind, key: row.try_get(2)?, value: row.try_get(3)?, verified: row.try_get(4)? };
            Ok((key, list_id))
        })
        .collect()
}

/// Writes the batch's members.
pub(super) async fn write(connection: &mut PgConnection, diff: &Diff<'_>) -> Result<(), StoreError> {
    if !diff.left.is_empty() {
        let done = sqlx::query(
            "DELETE FROM list_member USING UNNEST($1::bigint[], $2::bytea[]) AS gone (list_id, asset_id)
             WHERE list_member.list_id = gone.list_id AND list_member.asset_id = gone.asset_id",
        )
        .bind(diff.left.iter().map(|(list_id, _)| *list_id).collect::<Vec<_>>())
        .bind(diff.left.iter().map(|(_, asset_id)| *asset_id.as_bytes()).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await?;
        all_there("list_member", diff.left.len(), done.rows_affected())?;
    }
    if !diff.moved.is_empty() {
        let done = sqlx::query(
            "UPDATE list_member
             SET slot_created = new.slot_created, slot_updated = new.slot_updated, version = new.version
             FROM UNNEST($1::bigint[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[])
                  AS new (list_id, asset_id, slot_created, slot_updated, version)
             WHERE list_member.list_id = new.list_id AND list_member.asset_id = new.asset_id",
        )
        .bind(diff.moved.iter().map(|member| member.list_id).collect::<Vec<_>>())
        .bind(diff.moved.iter().map(|member| *member.asset_id.as_bytes()).collect::<Vec<_>>())
        .bind(diff.moved.iter().map(|member| member.slot_created.as_i64()).collect::<Vec<_>>())
        .bind(diff.moved.iter().map(|member| member.slot_updated.as_i64()).collect::<Vec<_>>())
        .bind(diff.moved.iter().map(|member| member.version).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await?;
        all_there("list_member", diff.moved.len(), done.rows_affected())?;
    }
    if !diff.entered.is_empty() {
        insert(connection, &diff.entered).await?;
    }
    Ok(())
}

/// Adds to totals and versions, at the end of a transaction: the rows that writers share are held shortest.
///
/// Where the clock is behind a version, the next one is further by chance: a restored database, whose changes are
/// others from there on, does not come by the same ones.
///
/// Writers wait for one another's rows. All take them in one order, so that none waits in a circle, and the oldest
/// lists last: those are the ones that most batches share.
pub(super) async fn count(
    connection: &mut PgConnection,
    changes: &BTreeMap<i64, ListChange>,
) -> Result<(), StoreError> {
    if changes.is_empty() {
        return Ok(());
    }
    let lists = || changes.iter().rev();
    let done = sqlx::query(
        "UPDATE asset_list
         SET total = total + new.change, order_version = CASE WHEN now.us > order_version THEN now.us
                                  ELSE order_version + 1 + (random() * 1000000)::bigint END,
             members_version = CASE WHEN NOT new.members THEN members_version
                                    WHEN now.us > members_version THEN now.us
                                    ELSE members_version + 1 + (random() * 1000000)::bigint END
         FROM UNNEST($1::bigint[], $2::bigint[], $3::boolean[]) AS new (list_id, change, members)
              CROSS JOIN (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) AS now (us)
         WHERE asset_list.list_id = new.list_id",
    )
    .bind(lists().map(|(list_id, _)| *list_id).collect::<Vec<_>>())
    .bind(lists().map(|(_, change)| change.total).collect::<Vec<_>>())
    .bind(lists().map(|(_, change)| change.members).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    all_there("asset_list", changes.len(), done.rows_affected())
}

/// A row that is gone although nobody deletes such rows: the database was restored, or edited, under this program.
fn all_there(table: &'static str, wanted: usize, affected: u64) -> Result<(), StoreError> {
    if usize::try_from(affected) == Ok(wanted) {
        return Ok(());
    }
    let reason = format!("{wanted} rows should have been changed, and {affected} were");
    Err(StoreError::Inconsistent { table, column: "list_id", key: "a batch".to_owned(), reason })
}

async fn insert(connection: &mut PgConnection, members: &[Member]) -> Result<(), StoreError> {
    let mut copy_in = CopyIn::start(
        connection,
        "COPY list_member (list_id, asset_id, slot_created, slot_updated, version) FROM STDIN (FORMAT binary)",
    )
    .await?;
    for member in members {
        let out = copy_in.row(5).await?;
        copy::int8(out, member.list_id);
        copy::bytes(out, member.asset_id.as_bytes());
        copy::int8(out, member.slot_created.as_i64());
        copy::int8(out, member.slot_updated.as_i64());
        copy::int8(out, member.version);
    }
    copy_in.finish().await?;
    Ok(())
}
