//! Assets at random, for whoever checks what is served.

use futures_util::TryStreamExt;
use sqlx::Row;
use vitrine_model::Pubkey;

use super::members;
use crate::{Store, StoreError};

/// The asset at each place among the ids, or next after it; null behind the last one. `$1` the places.
const IDS: &str =
    "SELECT (SELECT asset_id FROM asset WHERE asset_id >= place ORDER BY asset_id LIMIT 1) AS asset_id
FROM unnest($1::bytea[]) AS asked (place)";

/// Name and text of the statement, for the tests that hold it against a golden file and its plan.
pub fn statement() -> (&'static str, &'static str) {
    ("sample_ids", IDS)
}

impl Store {
    /// The assets at these places among all ids, or next after them, each once and in the order of their ids: where the
    /// places are random, so are they. At most one for each place, by the primary key alone.
    pub async fn sample(&self, places: &[Pubkey]) -> Result<Vec<Pubkey>, StoreError> {
        self.reading(|| self.read_sample(places)).await
    }

    async fn read_sample(&self, places: &[Pubkey]) -> Result<Vec<Pubkey>, StoreError> {
        let mut connection = self.read().await?;
        let places: Vec<&[u8]> = places.iter().map(|place| place.as_bytes().as_slice()).collect();
        let mut ids = Vec::with_capacity(places.len());
        let mut rows = sqlx::query(IDS).bind(places).fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            if let Some(id) = row.try_get::<Option<&[u8]>, _>(0)? {
                ids.push(members::pubkey(id)?);
            }
        }
        drop(rows);
        connection.done();
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }
}
