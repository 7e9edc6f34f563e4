//! The table `account`: locked, held against a batch, written.

use std::collections::{BTreeSet, HashMap};

use sqlx::Row as _;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::Query;
use vitrine_model::{Pubkey, Slot};

use super::registers::{self, Changes, Moment, Register, Row};
use crate::StoreError;
use crate::chain::{AccountContent, AccountKind, AccountSeen, Edition, TokenAccount};

/// `$1…` are columns of rows. Another transaction that adds one of them at the same moment is a conflict.
const INSERT: &str = "INSERT INTO account (address, kind, asset_id, slot, write_version, closed, slot_first,
    content_slot, content_write_version, program, data, token_owner, token_amount, token_delegate, token_delegated_amount,
    token_frozen, token_close_authority, token_extensions, edition_parent, edition_number, edition_supply,
    edition_max_supply, core_collection, core_authority, core_royalty)
SELECT new.address, new.kind, new.asset_id, new.slot, new.write_version, new.closed, new.slot_first, new.content_slot,
    new.content_write_version, new.program, new.data, new.token_owner, new.token_amount::numeric, new.token_delegate,
    new.token_delegated_amount::numeric, new.token_frozen, new.token_close_authority, new.token_extensions,
    new.edition_parent, new.edition_number::numeric, new.edition_supply::numeric, new.edition_max_supply::numeric,
    new.core_collection, new.core_authority, new.core_royalty
FROM UNNEST($1::bytea[], $2::smallint[], $3::bytea[], $4::bigint[], $5::bigint[], $6::boolean[], $7::bigint[],
            $8::bigint[], $9::bigint[], $10::bytea[], $11::bytea[], $12::bytea[], $13::text[], $14::bytea[], $15::text[],
            $16::boolean[], $17::bytea[], $18::text[], $19::bytea[], $20::text[], $21::text[], $22::text[],
            $23::bytea[], $24::bytea[], $25::integer[])
     AS new (address, kind, asset_id, slot, write_version, closed, slot_first, content_slot, content_write_version,
             program, data, token_owner, token_amount, token_delegate, token_delegated_amount, token_frozen,
             token_close_authority, token_extensions, edition_parent, edition_number, edition_supply, edition_max_supply,
             core_collection, core_authority, core_royalty)";

/// As [`INSERT`], for rows that are locked.
const REPLACE: &str = "UPDATE account
SET kind = new.kind, asset_id = new.asset_id, slot = new.slot, write_version = new.write_version, closed = new.closed,
    slot_first = new.slot_first, content_slot = new.content_slot, content_write_version = new.content_write_version,
    program = new.program, data = new.data, token_owner = new.token_owner, token_amount = new.token_amount::numeric,
    token_delegate = new.token_delegate, token_delegated_amount = new.token_delegated_amount::numeric,
    token_frozen = new.token_frozen, token_close_authority = new.token_close_authority,
    token_extensions = new.token_extensions, edition_parent = new.edition_parent,
    edition_number = new.edition_number::numeric, edition_supply = new.edition_supply::numeric,
    edition_max_supply = new.edition_max_supply::numeric,
    core_collection = new.core_collection, core_authority = new.core_authority, core_royalty = new.core_royalty
FROM UNNEST($1::bytea[], $2::smallint[], $3::bytea[], $4::bigint[], $5::bigint[], $6::boolean[], $7::bigint[],
            $8::bigint[], $9::bigint[], $10::bytea[], $11::bytea[], $12::bytea[], $13::text[], $14::bytea[], $15::text[],
            $16::boolean[], $17::bytea[], $18::text[], $19::bytea[], $20::text[], $21::text[], $22::text[],
            $23::bytea[], $24::bytea[], $25::integer[])
     AS new (address, kind, asset_id, slot, write_version, closed, slot_first, content_slot, content_write_version,
             program, data, token_owner, token_amount, token_delegate, token_delegated_amount, token_frozen,
             token_close_authority, token_extensions, edition_parent, edition_number, edition_supply, edition_max_supply,
             core_collection, core_authority, core_royalty)
WHERE account.address = new.address";

/// Rows whose content stays. What is asked for itself is none of a closed account.
const ADJUST: &str = "UPDATE account
SET asset_id = new.asset_id, slot = new.slot, write_version = new.write_version, closed = new.closed,
    slot_first = new.slot_first,
    token_owner = CASE WHEN NOT new.closed THEN account.token_owner END,
    token_amount = CASE WHEN NOT new.closed THEN account.token_amount END,
    token_delegate = CASE WHEN NOT new.closed THEN account.token_delegate END,
    token_delegated_amount = CASE WHEN NOT new.closed THEN account.token_delegated_amount END,
    token_frozen = CASE WHEN NOT new.closed THEN account.token_frozen END,
    token_close_authority = CASE WHEN NOT new.closed THEN account.token_close_authority END,
    token_extensions = CASE WHEN NOT new.closed THEN account.token_extensions END,
    edition_parent = CASE WHEN NOT new.closed THEN account.edition_parent END,
    edition_number = CASE WHEN NOT new.closed THEN account.edition_number END,
    edition_supply = CASE WHEN NOT new.closed THEN account.edition_supply END,
    edition_max_supply = CASE WHEN NOT new.closed THEN account.edition_max_supply END
FROM UNNEST($1::bytea[], $2::bytea[], $3::bigint[], $4::bigint[], $5::boolean[], $6::bigint[])
     AS new (address, asset_id, slot, write_version, closed, slot_first)
WHERE account.address = new.address";

/// Holds updates against what is stored, under locks in the order of addresses, and writes what is newer. The rows of `shared`,
/// of which the rest of the batch says that assets share them, are made and locked with them.
pub(super) async fn write<'b>(
    connection: &mut PgConnection,
    updates: &'b [AccountSeen],
    shared: &BTreeSet<Pubkey>,
) -> Result<Changes<'b>, StoreError> {
    if updates.is_empty() && shared.is_empty() {
        return Ok(Changes::default());
    }
    let stored = lock(connection, &registers::addresses(updates, shared)).await?;
    let changes = registers::changes(updates, shared, &stored);
    if !changes.inserted.is_empty() {
        bind(sqlx::query(INSERT), &changes.inserted).execute(&mut *connection).await?;
    }
    if !changes.replaced.is_empty() {
        bind(sqlx::query(REPLACE), &changes.replaced).execute(&mut *connection).await?;
    }
    if !changes.adjusted.is_empty() {
        let rows = &changes.adjusted;
        sqlx::query(ADJUST)
            .bind(column(rows, |row| *row.address.as_bytes()))
            .bind(column(rows, |row| row.register.asset_id.map(|id| *id.as_bytes())))
            .bind(column(rows, |row| newest(row).0.as_i64()))
            .bind(column(rows, |row| newest(row).1.cast_signed()))
            .bind(column(rows, |row| row.register.closed))
            .bind(column(rows, |row| row.register.slot_first.map(Slot::as_i64)))
            .execute(connection)
            .await?;
    }
    Ok(changes)
}

async fn lock(
    connection: &mut PgConnection,
    addresses: &BTreeSet<Pubkey>,
) -> Result<HashMap<Pubkey, Register>, StoreError> {
    let addresses: Vec<[u8; 32]> = addresses.iter().map(|address| *address.as_bytes()).collect();
    let rows = sqlx::query(
        "SELECT address, kind, asset_id, slot, write_version, closed, content_slot, content_write_version, slot_first,
                core_authority, core_royalty
         FROM account WHERE address = ANY($1) ORDER BY address FOR UPDATE",
    )
    .bind(addresses)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok((Pubkey::from_bytes(row.try_get(0)?), register(row)?))).collect()
}

fn register(row: &PgRow) -> Result<Register, StoreError> {
    let address = Pubkey::from_bytes(row.try_get(0)?);
    let damaged = |column: &'static str, value: i64| StoreError::Inconsistent {
        table: "account",
        column,
        key: address.to_string(),
        reason: format!("{value} is none"),
    };
    let slot = |value: i64| Slot::from_i64(value).ok_or_else(|| damaged("slot", value));
    let kind: i16 = row.try_get(1)?;
    let asset_id: Option<[u8; 32]> = row.try_get(2)?;
    let newest: Moment = (slot(row.try_get(3)?)?, row.try_get::<i64, _>(4)?.cast_unsigned());
    let closed: bool = row.try_get(5)?;
    let (content_slot, content_version): (Option<i64>, Option<i64>) = (row.try_get(6)?, row.try_get(7)?);
    let content = match (content_slot, content_version) {
        (Some(at), Some(version)) => Some((slot(at)?, version.cast_unsigned())),
        _ => None,
    };
    Ok(Register {
        kind: AccountKind::from_code(kind).ok_or_else(|| damaged("kind", kind.into()))?,
        asset_id: asset_id.map(Pubkey::from_bytes),
        newest: (closed || content.is_some()).then_some(newest),
        closed,
        content,
        slot_first: row.try_get::<Option<i64>, _>(8)?.map(slot).transpose()?,
        lends: (
            row.try_get::<Option<[u8; 32]>, _>(9)?.map(Pubkey::from_bytes),
            basis_points(row.try_get(10)?),
        ),
    })
}

fn bind<'q>(
    query: Query<'q, sqlx::Postgres, PgArguments>,
    rows: &[Row<'_>],
) -> Query<'q, sqlx::Postgres, PgArguments> {
    let number = |value: u64| value.to_string();
    query
        .bind(column(rows, |row| *row.address.as_bytes()))
        .bind(column(rows, |row| row.register.kind as i16))
        .bind(column(rows, |row| row.register.asset_id.map(|id| *id.as_bytes())))
        .bind(column(rows, |row| newest(row).0.as_i64()))
        .bind(column(rows, |row| newest(row).1.cast_signed()))
        .bind(column(rows, |row| row.register.closed))
        .bind(column(rows, |row| row.register.slot_first.map(Slot::as_i64)))
        .bind(column(rows, |row| row.register.content.map(|(slot, _)| slot.as_i64())))
        .bind(column(rows, |row| row.register.content.map(|(_, version)| version.cast_signed())))
        .bind(column(rows, |row| program(row).map(|program| *program.as_bytes())))
        .bind(column(rows, data))
        .bind(column(rows, |row| token(row).map(|token| *token.owner.as_bytes())))
        .bind(column(rows, |row| token(row).map(|token| number(token.amount))))
        .bind(column(rows, |row| token(row)?.delegate.map(|delegate| *delegate.as_bytes())))
        .bind(column(rows, |row| token(row).map(|token| number(token.delegated_amount))))
        .bind(column(rows, |row| token(row).map(|token| token.frozen)))
        .bind(column(rows, |row| token(row)?.close_authority.map(|authority| *authority.as_bytes())))
        .bind(column(rows, |row| token(row)?.extensions.as_deref()))
        .bind(column(rows, |row| print(row).map(|(parent, _)| *parent.as_bytes())))
        .bind(column(rows, |row| print(row).map(|(_, edition)| number(edition))))
        .bind(column(rows, |row| master(row).map(|(supply, _)| number(supply))))
        .bind(column(rows, |row| master(row)?.1.map(number)))
        .bind(column(rows, |row| Some(*row.content?.collection()?.as_bytes())))
        .bind(column(rows, |row| Some(*row.content?.lends().0?.as_bytes())))
        .bind(column(rows, |row| Some(i32::from(row.content?.lends().1?))))
}

/// The table refuses what is none.
pub(super) fn basis_points(value: Option<i32>) -> Option<u16> {
    value.and_then(|value| u16::try_from(value).ok())
}

/// 0 and 0 of an account that others only told of.
fn newest(row: &Row<'_>) -> Moment {
    row.register.newest.unwrap_or_default()
}

fn program(row: &Row<'_>) -> Option<Pubkey> {
    match &row.content?.content {
        AccountContent::Closed | AccountContent::Foreign => None,
        AccountContent::Token(token) => Some(token.program),
        AccountContent::Data { program, .. } => Some(*program),
    }
}

fn data<'b>(row: &Row<'b>) -> Option<&'b [u8]> {
    match &row.content?.content {
        AccountContent::Data { data, .. } => Some(data),
        _ => None,
    }
}

fn token<'b>(row: &Row<'b>) -> Option<&'b TokenAccount> {
    match &row.content?.content {
        AccountContent::Token(token) if !row.register.closed => Some(token),
        _ => None,
    }
}

fn edition(row: &Row<'_>) -> Option<Edition> {
    match &row.content?.content {
        AccountContent::Data { edition, .. } if !row.register.closed => *edition,
        _ => None,
    }
}

fn print(row: &Row<'_>) -> Option<(Pubkey, u64)> {
    match edition(row)? {
        Edition::Print { parent, number } => Some((parent, number)),
        Edition::Master { .. } => None,
    }
}

fn master(row: &Row<'_>) -> Option<(u64, Option<u64>)> {
    match edition(row)? {
        Edition::Master { supply, max_supply } => Some((supply, max_supply)),
        Edition::Print { .. } => None,
    }
}

fn column<'r, 'b, T>(rows: &'r [Row<'b>], value: impl Fn(&'r Row<'b>) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
