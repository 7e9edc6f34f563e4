//! What reads of a part of an order share: a first column with the watermark, and a row at least.

use sqlx::Row;
use sqlx::postgres::PgRow;
use vitrine_model::{Pubkey, Slot};

use super::members;
use crate::StoreError;
use crate::chain_plan::Walk;

/// More than any address is, in the order of bytes.
const BEYOND_ADDRESSES: [u8; 33] = [0xff; 33];

/// The watermark that each row begins with.
pub(super) fn slot(rows: &[PgRow]) -> Result<Slot, StoreError> {
    let slot = rows.first().map(|row| row.try_get::<Option<i64>, _>(0)).transpose()?.flatten();
    members::slot("watermark", slot.unwrap_or(0))
}

/// The rows that have an item: without any, a row is there for the watermark alone, with null in `column`.
pub(super) fn items(rows: &[PgRow], column: usize) -> impl Iterator<Item = &PgRow> {
    rows.iter().filter(move |row| row.try_get_raw(column).is_ok_and(|value| !sqlx::ValueRef::is_null(&value)))
}

/// How many to skip: a place beyond i64 is beyond every list.
pub(super) fn skip<P>(walk: &Walk<P>) -> i64 {
    i64::try_from(walk.skip).unwrap_or(i64::MAX)
}

/// The bounds of addresses, where there are none the least and more than the greatest.
pub(super) fn addresses(after: Option<Pubkey>, before: Option<Pubkey>) -> (Vec<u8>, Vec<u8>) {
    let bytes = |address: Pubkey| address.as_bytes().to_vec();
    (after.map_or(Vec::new(), bytes), before.map_or(BEYOND_ADDRESSES.to_vec(), bytes))
}

/// An address in a column.
pub(super) fn address(row: &PgRow, column: usize) -> Result<Pubkey, StoreError> {
    members::pubkey(row.try_get(column)?)
}

/// An address in a column that may have none.
pub(super) fn optional_address(row: &PgRow, column: usize) -> Result<Option<Pubkey>, StoreError> {
    row.try_get::<Option<&[u8]>, _>(column)?.map(members::pubkey).transpose()
}

/// A u64 in a column of decimal digits: Postgres has no such integer.
pub(super) fn whole(row: &PgRow, column: usize) -> Result<u64, StoreError> {
    let digits: &str = row.try_get(column)?;
    digits.parse().map_err(|_| StoreError::Inconsistent {
        table: "account",
        column: "a number",
        key: digits.to_owned(),
        reason: "it is not of 64 bits without a sign".to_owned(),
    })
}
