//! `vitrine ingest --retry-dead-letters`: what could not be decoded is tried again.

use tokio::sync::watch;
use vitrine_store::{Store, StoreError, StoredLetter};

use super::line::{self, Told};
use super::{Ingest, IngestError, IngestEvent, IngestOptions, IngestSummary, Pending};
use crate::retry::retry;
use crate::source::{Place, Record};

/// Letters of a batch. One may have megabytes.
const LETTERS: u32 = 100;

/// Tries all dead letters again, the oldest first. One that decodes now is no dead letter any more, in the transaction that
/// writes what it tells; one that does not keeps its place, with the reason of today. `read` counts the letters, `undecoded`
/// those that stay.
pub async fn retry_dead_letters(
    store: &Store,
    options: &IngestOptions,
    on_event: &mut (dyn FnMut(IngestEvent<'_>) + Send),
    cancel: watch::Receiver<bool>,
) -> Result<IngestSummary, IngestError> {
    let mut ingest = Ingest::new(store, options, on_event, cancel.clone());
    let mut after: Option<StoredLetter> = None;
    loop {
        if *cancel.borrow() {
            ingest.summary.interrupted = true;
            break;
        }
        let attempt = || store.dead_letters(after.as_ref(), LETTERS);
        let read = retry(attempt, StoreError::is_transient, options.store_patience, cancel.clone()).await;
        let letters = match read {
            None => continue,
            Some(Ok(letters)) => letters,
            Some(Err(source)) => {
                return Err(IngestError::Store { source, summary: Box::new(ingest.summary) });
            }
        };
        let Some(last) = letters.last() else { break };
        after = Some(last.clone());
        ingest.summary.read += letters.len() as u64;
        let decoded = tokio::task::spawn_blocking(move || decode(letters)).await;
        ingest.pending = decoded.map_err(|_| IngestError::Worker("a decoder"))?;
        ingest.flush().await?;
    }
    ingest.finish().await
}

/// What letters tell now.
fn decode(letters: Vec<StoredLetter>) -> Pending {
    let mut pending = Pending::default();
    for letter in letters {
        let StoredLetter { id, input, .. } = letter;
        let record =
            Record { place: Place { line: 1, item: None }, text: input.into_bytes(), stated_slot: None };
        if let Ok(told) = line::read(record) {
            if told.dead_letter.is_none() {
                pending.batch.settled.push(id);
            }
            pending.push(told);
        } else {
            // No version kept such a line: somebody else has put it there, and there it stays.
            pending.push(Told::default());
            pending.undecoded += 1;
        }
    }
    debug_assert!(pending.batch.settled.len() as u64 + pending.undecoded == pending.lines);
    pending
}
