//! Histories come to a database: in order and whole, or as chance and faults will have it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::Poll;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use time::OffsetDateTime;
use tokio::sync::watch;
use vitrine_ingest::fetch::{DocumentSettings, FetchEnd, FetchError, Fetcher};
use vitrine_ingest::normalise::compose;
use vitrine_ingest::{IngestError, IngestOptions, retry_dead_letters};
use vitrine_store::{ChainBatch, Store, StoreError};
use vitrine_tests::Database;

use crate::delivery::{Work, batch, delivery, end};
use crate::history::Told;

/// Inputs of a batch of the clean run.
const CLEAN_BATCH: usize = 64;

/// What happens to work that is done.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Nothing.
    None,
    /// The process ends in the middle: it takes no step beyond so many.
    Crash { steps: u32 },
    /// The database ends the connections in the middle.
    Cut,
    /// Other work is done at the same time.
    Beside,
}

/// Hours by which the clock of the next fetcher is ahead: what another one has taken and not brought to its end is due.
static HOURS: AtomicI64 = AtomicI64::new(0);

/// Tells a history as it happened.
pub(crate) async fn in_order(store: &Store, history: &[Told]) {
    for told in history.chunks(CLEAN_BATCH) {
        perform(store, &Work::Tell(told.to_vec())).await.unwrap();
    }
    for work in [Work::Retry, Work::Fetch, end(history)] {
        perform(store, &work).await.unwrap();
    }
}

/// Delivers histories in disorder, and says how many faults there were. What was cut off comes again, later. The error is
/// one that nobody should meet.
pub(crate) async fn at_random(database: &Database, seed: u64, history: &[Told]) -> Result<u64, String> {
    let mut store = database.store();
    let mut random = StdRng::seed_from_u64(seed ^ 0x5eed);
    let mut works = delivery(&mut random, history);
    let mut faults = 0;
    while let Some(work) = works.pop_front() {
        let fault = match random.random_range(0..10) {
            0..2 => Fault::Crash { steps: random.random_range(0..40) },
            2 => Fault::Cut,
            3 => Fault::Beside,
            _ => Fault::None,
        };
        let done = match fault {
            Fault::None => is_done(perform(&store, &work).await)?,
            Fault::Crash { steps } => {
                let done = Box::pin(steps_of(steps, perform(&store, &work))).await;
                done.map_or(Ok(false), is_done)?
            }
            Fault::Cut => {
                let (done, ()) = tokio::join!(perform(&store, &work), cut(database));
                is_done(done)?
            }
            Fault::Beside => {
                let other = works.front().cloned().unwrap_or(Work::Fetch);
                let (one, other) = tokio::join!(perform(&store, &work), perform(&store, &other));
                // The other one comes once more in any case.
                is_done(other)?;
                is_done(one)?
            }
        };
        if !done {
            faults += 1;
            // A process that has ended takes its connections with it; the next one has its own. Dropping alone does not:
            // a session that was left in a COPY waits for more of it, and holds its locks, until its statement times out.
            cut(database).await;
            store.close().await;
            store = database.store();
            // Those that come last have to see all that was told.
            let latest = works.len().saturating_sub(4);
            // What is not told has its place.
            let later = if matches!(work, Work::Tell(_)) { random.random_range(0..=latest) } else { 0 };
            works.insert(later, work);
        }
    }
    store.close().await;
    Ok(faults)
}

/// Does it, once: whoever is in the way ends it.
pub(crate) async fn perform(store: &Store, work: &Work) -> Result<(), StoreError> {
    match work {
        Work::Tell(told) => {
            let batch = batch(told);
            store.write_chain(&batch.chain, &compose).await?;
            for change in batch.imported {
                store.write_assets(&[change], None).await?;
            }
            Ok(())
        }
        Work::Fetch => fetch(store).await,
        Work::Retry => retry(store).await,
        Work::End(slot) => {
            let batch = ChainBatch { watermark: Some(*slot), ..ChainBatch::default() };
            store.write_chain(&batch, &compose).await.map(drop)
        }
    }
}

async fn fetch(store: &Store) -> Result<(), StoreError> {
    let settings = DocumentSettings {
        attempts_max: 1_000_000,
        remake_assets_max: 2,
        drain_wait_seconds: 0,
        ..DocumentSettings::default()
    };
    let hours = HOURS.fetch_add(1, Ordering::Relaxed);
    let clock = Arc::new(move || OffsetDateTime::now_utc() + time::Duration::hours(hours));
    let random = StdRng::seed_from_u64(7);
    let fetcher = Fetcher::new(store.clone(), &settings, clock, random, Duration::ZERO).unwrap();
    let (_keep, cancel) = watch::channel(false);
    match fetcher.run(FetchEnd::Drained, cancel).await {
        Ok(_) => Ok(()),
        Err(FetchError::Store(error)) => Err(error),
        Err(FetchError::Worker) => panic!("a fetch failed"),
    }
}

async fn retry(store: &Store) -> Result<(), StoreError> {
    let options = IngestOptions {
        rejects: None,
        batch_lines: 100,
        batch_bytes: 1 << 20,
        batch_wait: Duration::from_secs(1),
        writers: 1,
        max_record_bytes: 1 << 20,
        store_patience: Duration::ZERO,
    };
    let (_keep, cancel) = watch::channel(false);
    match retry_dead_letters(store, &options, &mut |_| {}, cancel).await {
        Ok(_) => Ok(()),
        Err(IngestError::Store { source, .. }) => Err(source),
        Err(error) => panic!("{error}"),
    }
}

/// Whether it was done. A connection that was cut fails whoever takes it next; nothing else may go wrong.
fn is_done(done: Result<(), StoreError>) -> Result<bool, String> {
    match done {
        Ok(()) => Ok(true),
        Err(StoreError::Unavailable(_)) => Ok(false),
        Err(error) => Err(error.to_string()),
    }
}

/// The end of a future, if it comes to it within so many steps; then it is dropped where it stands.
async fn steps_of<F: Future>(steps: u32, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = steps;
    std::future::poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// Ends all connections that write to a database.
async fn cut(database: &Database) {
    let ended = sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'vitrine write'",
    );
    ended.execute(&mut database.connect().await).await.unwrap();
}
