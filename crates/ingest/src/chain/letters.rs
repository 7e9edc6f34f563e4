//! `vitrine ingest --retry-dead-letters`: what could not be decoded is tried again.

use tokio::sync::watch;
use vitrine_store::{LetterId, Store, StoreError, StoredLetter};

use super::line::{self, Told};
use super::{Ingest, IngestError, IngestEvent, IngestOptions, IngestSummary, Pending};
use crate::retry::retry;
use crate::source::{Place, Record};

/// Letters that are read at once, and their bytes: the one that reaches them is still read.
const LETTERS: u32 = 100;
const LETTER_BYTES: u32 = 16 * 1024 * 1024;

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
        let attempt = || store.dead_letters(after.as_ref(), LETTERS, LETTER_BYTES);
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
        for (id, told) in decoded.map_err(|_| IngestError::Worker("a decoder"))? {
            ingest.pending.push_letter(id, told);
            if ingest.pending.is_full(options) {
                ingest.flush().await?;
            }
        }
    }
    ingest.finish().await
}

/// What letters tell now; none where a letter is no line at all.
fn decode(letters: Vec<StoredLetter>) -> Vec<(LetterId, Option<Told>)> {
    let decode_one = |StoredLetter { id, input, .. }| {
        let record =
            Record { place: Place { line: 1, item: None }, text: input.into_bytes(), stated_slot: None };
        (id, line::read(record).ok())
    };
    letters.into_iter().map(decode_one).collect()
}

impl Pending {
    /// One that decodes is no letter any more, in the batch that writes what it tells.
    fn push_letter(&mut self, id: LetterId, told: Option<Told>) {
        if let Some(told) = told {
            if told.dead_letter.is_none() {
                self.batch.settled.push(id);
            }
            self.push(told);
        } else {
            // No version kept such a line: somebody else has put it there, and there it stays.
            self.push(Told::default());
            self.undecoded += 1;
        }
    }
}
