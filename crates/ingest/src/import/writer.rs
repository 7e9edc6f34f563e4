//! Writes one batch, and waits for a database that is away.

use std::time::Duration;

use tokio::sync::watch;
use vitrine_store::{Store, StoreError, Written};

use crate::batch::FullBatch;
use crate::retry::retry;

/// What became of a batch.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is committed.
    Written { written: Written, superseded: u64 },
    /// The store refused it, or was away for too long.
    Failed(StoreError),
    /// Somebody interrupted the wait for the store.
    Cancelled,
}

/// Writes a batch; while the store is away, tries again for as long as `patience`.
pub(super) async fn write(
    store: Store,
    batch: FullBatch,
    patience: Duration,
    cancel: watch::Receiver<bool>,
) -> Outcome {
    let attempt = || store.write_assets(&batch.changes, batch.stated);
    match retry(attempt, StoreError::is_transient, patience, cancel).await {
        Some(Ok(written)) => Outcome::Written { written, superseded: batch.superseded },
        Some(Err(error)) => Outcome::Failed(error),
        None => Outcome::Cancelled,
    }
}
