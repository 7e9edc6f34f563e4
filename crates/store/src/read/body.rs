//! Items: each row's rendered bytes, appended to one capped buffer.

use std::collections::{HashMap, HashSet};

use vitrine_model::{Json, Pubkey};

use crate::StoreError;
use crate::plan::Display;

/// The items of a page, comma-separated, as they stand inside `"items":[…]`.
#[derive(Debug)]
pub(crate) struct Items {
    bytes: Vec<u8>,
    count: u32,
    max_bytes: usize,
}

impl Items {
    /// No items yet; `max_bytes` is the most that all of them may have together.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { bytes: Vec::new(), count: 0, max_bytes }
    }

    /// Appends an item as it was rendered.
    pub(crate) fn push(&mut self, body: &[u8]) -> Result<(), StoreError> {
        self.separate();
        self.bytes.extend_from_slice(body);
        self.check()
    }

    /// Appends an item with its optional parts.
    pub(crate) fn splice(
        &mut self,
        asset_id: &[u8],
        (body, splices): (&[u8], &[u8]),
        display: &Display,
        metadata: &HashMap<Pubkey, Json>,
    ) -> Result<(), StoreError> {
        self.separate();
        vitrine_model::splice(body, splices, &display.as_model(), metadata, &mut self.bytes)
            .map_err(|error| bad_splices(asset_id, error))?;
        self.check()
    }

    pub(crate) fn into_parts(self) -> (Vec<u8>, u32) {
        (self.bytes, self.count)
    }

    fn separate(&mut self) {
        if self.count > 0 {
            self.bytes.push(b',');
        }
        self.count += 1;
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.bytes.len() > self.max_bytes {
            return Err(StoreError::TooLarge { max_bytes: self.max_bytes });
        }
        Ok(())
    }
}

/// The distinct collections whose metadata a page shows.
pub(crate) fn collections<'a>(
    rows: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<HashSet<Pubkey>, StoreError> {
    let mut ids = HashSet::new();
    for (asset_id, splices) in rows {
        ids.extend(vitrine_model::collections(splices).map_err(|error| bad_splices(asset_id, error))?);
    }
    Ok(ids)
}

fn bad_splices(asset_id: &[u8], error: vitrine_model::SpliceError) -> StoreError {
    StoreError::Inconsistent {
        table: "asset",
        column: "splices",
        key: printable(asset_id),
        reason: error.to_string(),
    }
}

/// An asset id for a message.
pub(crate) fn printable(asset_id: &[u8]) -> String {
    Pubkey::try_from(asset_id).map_or_else(|_| format!("{asset_id:02x?}"), |id| id.to_string())
}
