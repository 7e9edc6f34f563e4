//! Changes of trees that were not seen, noted at the changes behind them.

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use crate::chain::TreeChange;
use crate::{Store, StoreError};

/// Notes how many are missing in front of changes, and of those behind them. `$1…` are the keys of the changes. What a tree's
/// changes say is a function of their set: each is noted when it comes, and again when one comes before it. By
/// `tree_change_pkey`.
pub(super) const NOTE: &str = "UPDATE tree_change AS change SET missing = found.missing
FROM (SELECT DISTINCT next.tree, next.slot, next.seq,
             greatest(next.seq - 1 - CASE WHEN previous.seq < next.seq THEN previous.seq ELSE 0 END, 0) AS missing
      FROM UNNEST($1::bytea[], $2::bigint[], $3::bigint[]) AS new (tree, slot, seq)
           CROSS JOIN LATERAL (SELECT tree, slot, seq FROM tree_change
                               WHERE tree_change.tree = new.tree AND (tree_change.slot, tree_change.seq) >= (new.slot, new.seq)
                               ORDER BY slot, seq LIMIT 2) AS next
           LEFT JOIN LATERAL (SELECT seq FROM tree_change
                              WHERE tree_change.tree = next.tree AND (tree_change.slot, tree_change.seq) < (next.slot, next.seq)
                              ORDER BY slot DESC, seq DESC LIMIT 1) AS previous ON true) AS found
WHERE change.tree = found.tree AND change.slot = found.slot AND change.seq = found.seq AND change.missing <> found.missing";

/// What is missing in all trees, of the first `$1` places. By `tree_change_missing`.
pub(super) const TOTALS: &str = "SELECT count(DISTINCT tree), count(*), coalesce(sum(missing), 0)::bigint
FROM (SELECT tree, missing FROM tree_change WHERE missing > 0 ORDER BY tree, slot, seq LIMIT $1) AS places";

/// Changes of trees that nobody has seen, though later ones were: of the first [`COUNTED_MAX`](crate::COUNTED_MAX) places,
/// tree by tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GapTotals {
    /// Trees that miss some.
    pub trees: u64,
    /// Places where some are missing, one behind the other.
    pub places: u64,
    /// The changes.
    pub changes: u64,
}

impl Store {
    /// How many changes of trees are missing.
    pub async fn gap_totals(&self) -> Result<GapTotals, StoreError> {
        let row = sqlx::query(TOTALS).bind(crate::COUNTED_MAX).fetch_one(&mut *self.read().await?).await?;
        let number = |at: usize| Ok::<_, StoreError>(row.try_get::<i64, _>(at)?.cast_unsigned());
        Ok(GapTotals { trees: number(0)?, places: number(1)?, changes: number(2)? })
    }
}

/// Notes what is missing around these changes, which are written. Whoever does it holds the rows of their trees since
/// before the first of them was written (trees.rs): two writers of a tree note one behind the other, the second one sees what the
/// first one has written, and no change that is noted here, which may be one of another batch, is held by anybody else.
pub(super) async fn note(connection: &mut PgConnection, changes: &[TreeChange]) -> Result<(), StoreError> {
    if !changes.is_empty() {
        sqlx::query(NOTE)
            .bind(changes.iter().map(|change| *change.tree.as_bytes()).collect::<Vec<_>>())
            .bind(changes.iter().map(|change| change.slot.as_i64()).collect::<Vec<_>>())
            .bind(changes.iter().map(|change| change.seq.cast_signed()).collect::<Vec<_>>())
            .execute(connection)
            .await?;
    }
    Ok(())
}
