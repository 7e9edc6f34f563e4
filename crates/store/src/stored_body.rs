//! The column `body` of `asset`: the one way from a row to a body.
//!
//! Whoever reads the column decodes it as a [`StoredBody`], for that is what pages, the cache and all others take; its bytes
//! come out of it unpacked, or not at all.

use sqlx::error::BoxDynError;
use sqlx::postgres::{PgTypeInfo, PgValueRef};
use sqlx::{Decode, Postgres, Type};
use vitrine_model::{PackedBody, PackedError, Pubkey};

use crate::StoreError;

/// A body as a row has it.
#[derive(Debug)]
pub(crate) struct StoredBody<'r>(PackedBody<'r>);

impl Type<Postgres> for StoredBody<'_> {
    fn type_info() -> PgTypeInfo {
        <[u8] as Type<Postgres>>::type_info()
    }
}

impl<'r> Decode<'r, Postgres> for StoredBody<'r> {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self(PackedBody::stored(value.as_bytes()?)))
    }
}

impl<'r> StoredBody<'r> {
    /// The bytes of the body of this asset.
    pub(crate) fn plain_len(&self, id: Pubkey) -> Result<usize, StoreError> {
        self.0.plain_len().map_err(|error| damaged(id, &error))
    }

    /// Appends the body of this asset.
    pub(crate) fn append_to(&self, id: Pubkey, out: &mut Vec<u8>) -> Result<(), StoreError> {
        self.0.append_to(out).map_err(|error| damaged(id, &error))
    }

    /// The body, or why it is none, for whoever goes on without it.
    pub(crate) fn unpack(&self) -> Result<Vec<u8>, PackedError> {
        self.0.unpack()
    }

    /// As it is stored, to be held against what is written.
    pub(crate) fn packed(&self) -> &PackedBody<'r> {
        &self.0
    }
}

fn damaged(id: Pubkey, error: &PackedError) -> StoreError {
    let (table, column, key) = ("asset", "body", id.to_string());
    StoreError::Inconsistent { table, column, key, reason: error.to_string() }
}
