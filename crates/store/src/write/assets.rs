//! The table `asset`: locked, inserted into, replaced in.

use std::collections::HashMap;

use sqlx::Row as _;
use sqlx::postgres::PgConnection;
use vitrine_model::{FACTS_VERSION, Pubkey, RoyaltyModel, SearchFacts, Slot};

use super::AssetChange;
use super::change_order;
use super::copy::{self, CopyIn};
use super::diff::{Diff, Row, Stored};
use crate::StoreError;

/// Replaces rows; `$1…` are columns of them.
const REPLACE: &str = "UPDATE asset
SET slot_created = new.slot_created, slot_updated = new.slot_updated, slot_seen = new.slot_seen,
    interface = new.interface, owner = new.owner, delegate = new.delegate, compressed = new.compressed,
    burnt = new.burnt, frozen = new.frozen, list_ids = new.list_ids::bigint[], digest = new.digest,
    version = new.version, splices = new.splices, body = new.body, facts_version = $16, listed = new.listed,
    token_class = new.token_class, compressible = new.compressible, supply = new.supply,
    royalty_model = new.royalty_model, royalty_basis_points = new.royalty_basis_points,
    json_uri_digest = new.json_uri_digest, name = new.name, creators_signed = new.creators_signed,
    is_agent = new.is_agent, asset_signer = new.asset_signer, change_order = $28
FROM UNNEST($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bytea[], $7::bytea[], $8::boolean[],
            $9::boolean[], $10::boolean[], $11::text[], $12::bytea[], $13::bigint[], $14::bytea[], $15::bytea[],
            $17::boolean[], $18::smallint[], $19::boolean[], $20::bigint[], $21::smallint[], $22::bigint[],
            $23::bytea[], $24::bytea[], $25::smallint[], $26::boolean[], $27::bytea[])
     AS new (asset_id, slot_created, slot_updated, slot_seen, interface, owner, delegate, compressed,
             burnt, frozen, list_ids, digest, version, splices, body,
             listed, token_class, compressible, supply, royalty_model, royalty_basis_points,
             json_uri_digest, name, creators_signed, is_agent, asset_signer)
WHERE asset.asset_id = new.asset_id";

/// Bytes of bodies that one statement replaces, but for the one that reaches it: values are bound as a whole, and a message of
/// Postgres ends at 1 GiB.
const REPLACED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The stored ones among the batch's assets, locked in order of id until the transaction ends.
pub(super) async fn lock(
    connection: &mut PgConnection,
    changes: &[AssetChange],
    gone: &[Pubkey],
) -> Result<HashMap<Pubkey, Stored>, StoreError> {
    let ids = changes.iter().map(|change| &change.id).chain(gone);
    let ids: Vec<[u8; 32]> = ids.map(|id| *id.as_bytes()).collect();
    let rows = sqlx::query(
        "SELECT asset_id, slot_created, slot_updated, slot_seen, digest, list_ids, version, facts_version FROM asset
         WHERE asset_id = ANY($1) ORDER BY asset_id FOR UPDATE",
    )
    .bind(ids)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let id = Pubkey::from_bytes(row.try_get(0)?);
            let stored = Stored {
                slot_created: slot(id, row.try_get(1)?)?,
                slot_updated: slot(id, row.try_get(2)?)?,
                slot_seen: slot(id, row.try_get(3)?)?,
                digest: row.try_get(4)?,
                list_ids: row.try_get(5)?,
                version: row.try_get(6)?,
                facts_version: row.try_get(7)?,
            };
            Ok((id, stored))
        })
        .collect()
}

/// Writes the batch's rows of `asset`.
pub(super) async fn write(
    connection: &mut PgConnection,
    changes: &[AssetChange],
    diff: &Diff<'_>,
) -> Result<(), StoreError> {
    debug_assert!(diff.created.len() + diff.replaced.len() <= changes.len());
    if !diff.created.is_empty() || !diff.replaced.is_empty() {
        let order = change_order::of_transaction(connection).await?;
        if !diff.created.is_empty() {
            insert(connection, &diff.created, order).await?;
        }
        for rows in by_bytes(&diff.replaced, Row::bytes, REPLACED_BYTES_MAX) {
            replace(connection, rows, order).await?;
        }
    }
    if !diff.removed.is_empty() {
        sqlx::query("DELETE FROM asset WHERE asset_id = ANY($1)")
            .bind(diff.removed.iter().map(|id| *id.as_bytes()).collect::<Vec<_>>())
            .execute(&mut *connection)
            .await?;
    }
    if !diff.adjusted.is_empty() {
        sqlx::query(
            "UPDATE asset SET slot_created = new.slot_created, slot_seen = new.slot_seen
             FROM UNNEST($1::bytea[], $2::bigint[], $3::bigint[]) AS new (asset_id, slot_created, slot_seen)
             WHERE asset.asset_id = new.asset_id",
        )
        .bind(diff.adjusted.iter().map(|row| *row.id.as_bytes()).collect::<Vec<_>>())
        .bind(diff.adjusted.iter().map(|row| row.slot_created.as_i64()).collect::<Vec<_>>())
        .bind(diff.adjusted.iter().map(|row| row.slot_seen.as_i64()).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    }
    Ok(())
}

async fn insert(connection: &mut PgConnection, rows: &[Row<'_>], order: i64) -> Result<(), StoreError> {
    let mut copy_in = CopyIn::start(
        &mut *connection,
        "COPY asset (asset_id, slot_created, slot_updated, slot_seen, interface, owner, delegate, compressed, burnt, frozen,
                     list_ids, digest, version, splices, body, facts_version, listed, token_class, compressible, supply,
                     royalty_model, royalty_basis_points, json_uri_digest, name, creators_signed, is_agent, asset_signer,
                     change_order)
         FROM STDIN (FORMAT binary)",
    )
    .await?;
    for row in rows {
        let AssetChange { id, slot_updated, slot_seen, facts, rendered, .. } = row.change;
        let out = copy_in.row(28).await?;
        copy::bytes(out, id.as_bytes());
        copy::int8(out, row.slot_created.as_i64());
        copy::int8(out, slot_updated.as_i64());
        copy::int8(out, slot_seen.as_i64());
        copy::bytes(out, facts.interface.as_bytes());
        copy::optional_bytes(out, facts.owner.as_ref().map(|owner| owner.as_bytes().as_slice()));
        copy::optional_bytes(out, facts.delegate.as_ref().map(|delegate| delegate.as_bytes().as_slice()));
        copy::boolean(out, facts.compressed);
        copy::boolean(out, facts.burnt);
        copy::boolean(out, facts.frozen);
        copy::int8_array(out, &row.list_ids);
        copy::bytes(out, &rendered.digest);
        copy::int8(out, rendered.version);
        copy::bytes(out, &rendered.splices);
        copy::bytes(out, rendered.body.as_bytes());
        copy_facts(out, facts.listed, &facts.search);
        copy::int8(out, order);
    }
    copy_in.finish().await?;
    Ok(())
}

/// The columns that only searches read, in the order of `insert`.
fn copy_facts(out: &mut Vec<u8>, listed: bool, facts: &SearchFacts) {
    copy::int2(out, FACTS_VERSION);
    copy::boolean(out, listed);
    copy::int2(out, facts.class.code());
    copy::boolean(out, facts.compressible);
    copy::optional(out, facts.supply.map(bits), copy::int8);
    copy::optional(out, facts.royalty_model.map(RoyaltyModel::code), copy::int2);
    copy::optional(out, facts.royalty_basis_points.map(bits), copy::int8);
    copy::optional_bytes(out, facts.json_uri.as_ref().map(<[u8; 16]>::as_slice));
    copy::optional_bytes(out, facts.name.as_ref().map(String::as_bytes));
    copy::int2(out, signed(facts));
    copy::boolean(out, facts.is_agent);
    copy::optional_bytes(out, facts.asset_signer.as_ref().map(|signer| signer.as_bytes().as_slice()));
}

/// A u64 as a column has it that is compared for equality only.
pub(crate) fn bits(number: u64) -> i64 {
    number.cast_signed()
}

/// `creators_signed`: bit 0 for a creator who has signed, bit 1 for one who has not.
pub(crate) fn signed(facts: &SearchFacts) -> i16 {
    i16::from(facts.signed_creator) | i16::from(facts.unsigned_creator) << 1
}

/// Changes the number of all assets. Every writer waits for this row: it comes last in a transaction.
pub(super) async fn count(
    connection: &mut PgConnection,
    created: u64,
    removed: u64,
) -> Result<(), StoreError> {
    let change = created.cast_signed() - removed.cast_signed();
    if change != 0 {
        sqlx::query("UPDATE counter SET value = value + $1 WHERE name = 'assets'")
            .bind(change)
            .execute(connection)
            .await?;
    }
    Ok(())
}

async fn replace(connection: &mut PgConnection, rows: &[Row<'_>], order: i64) -> Result<(), StoreError> {
    // An array of arrays must be rectangular in Postgres, so list ids travel flat, as text of an array each.
    let list_ids = |row: &Row<'_>| {
        let ids: Vec<String> = row.list_ids.iter().map(i64::to_string).collect();
        format!("{{{}}}", ids.join(","))
    };
    sqlx::query(REPLACE)
        .bind(column(rows, |row| *row.change.id.as_bytes()))
        .bind(column(rows, |row| row.slot_created.as_i64()))
        .bind(column(rows, |row| row.change.slot_updated.as_i64()))
        .bind(column(rows, |row| row.change.slot_seen.as_i64()))
        .bind(column(rows, |row| row.change.facts.interface.as_str()))
        .bind(column(rows, |row| row.change.facts.owner.map(|owner| *owner.as_bytes())))
        .bind(column(rows, |row| row.change.facts.delegate.map(|delegate| *delegate.as_bytes())))
        .bind(column(rows, |row| row.change.facts.compressed))
        .bind(column(rows, |row| row.change.facts.burnt))
        .bind(column(rows, |row| row.change.facts.frozen))
        .bind(column(rows, list_ids))
        .bind(column(rows, |row| row.change.rendered.digest))
        .bind(column(rows, |row| row.change.rendered.version))
        .bind(column(rows, |row| row.change.rendered.splices.as_slice()))
        .bind(column(rows, |row| row.change.rendered.body.as_bytes()))
        .bind(FACTS_VERSION)
        .bind(column(rows, |row| row.change.facts.listed))
        .bind(column(rows, |row| facts(row).class.code()))
        .bind(column(rows, |row| facts(row).compressible))
        .bind(column(rows, |row| facts(row).supply.map(bits)))
        .bind(column(rows, |row| facts(row).royalty_model.map(RoyaltyModel::code)))
        .bind(column(rows, |row| facts(row).royalty_basis_points.map(bits)))
        .bind(column(rows, |row| facts(row).json_uri))
        .bind(column(rows, |row| facts(row).name.as_ref().map(String::as_bytes)))
        .bind(column(rows, |row| signed(facts(row))))
        .bind(column(rows, |row| facts(row).is_agent))
        .bind(column(rows, |row| facts(row).asset_signer.map(|signer| *signer.as_bytes())))
        .bind(order)
        .execute(connection)
        .await?;
    Ok(())
}

/// Cuts rows into parts that have `most` bytes at most, or one row.
fn by_bytes<T>(rows: &[T], bytes: impl Fn(&T) -> usize, most: usize) -> impl Iterator<Item = &[T]> {
    let mut sum = 0;
    // Asked of each two neighbours once, in their order.
    rows.chunk_by(move |row, next| {
        sum += bytes(row);
        let fits = sum + bytes(next) <= most;
        if !fits {
            sum = 0;
        }
        fits
    })
}

fn facts<'r>(row: &'r Row<'_>) -> &'r SearchFacts {
    &row.change.facts.search
}

fn column<'r, 'c, T>(rows: &'r [Row<'c>], value: impl Fn(&'r Row<'c>) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

fn slot(id: Pubkey, value: i64) -> Result<Slot, StoreError> {
    Slot::from_i64(value).ok_or_else(|| StoreError::Inconsistent {
        table: "asset",
        column: "slot_created, slot_updated",
        key: id.to_string(),
        reason: format!("{value} is negative"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_cut_by_bytes() {
        let parts =
            |rows: &[usize]| by_bytes(rows, |bytes| *bytes, 10).map(<[usize]>::to_vec).collect::<Vec<_>>();
        assert_eq!(parts(&[]), [[0_usize; 0]; 0]);
        assert_eq!(parts(&[5, 5, 1, 9, 1]), [vec![5, 5], vec![1, 9], vec![1]]);
        assert_eq!(parts(&[11, 99, 3, 7]), [vec![11], vec![99], vec![3, 7]]);
    }
}
