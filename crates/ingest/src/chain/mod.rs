//! `vitrine ingest`: what the chain said is read, decoded and written side by side.
//!
//! A reader thread splits the input into lines, workers decode them, in order; from their results one batch is collected
//! while those before it are written, several at a time. Batches may be written in any order (but for what [`in_flight`] says),
//! and twice: an ingest that is repeated finishes what another one began.

mod in_flight;
mod letters;
mod line;
mod remake;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use vitrine_model::Slot;
use vitrine_store::{ChainBatch, ChainWritten, Store, StoreError};

pub use letters::retry_dead_letters;
pub use line::{Told, read as read_line};
pub use remake::{RemakeError, RemakeSummary, remake};

use in_flight::InFlight;

use crate::normalise::compose;
use crate::reader::{self, Part};
use crate::rejects::Rejects;
use crate::retry::{cancelled, retry};
use crate::source::{BadRecord, ChainLines, Input, Progress, ReadError, Source};

/// From so many changed rows of a table on, the planner is told of them at the end.
const TIDY_FROM: u64 = 10_000;

/// How to ingest.
#[derive(Clone, Debug)]
pub struct IngestOptions {
    /// Append bad lines to this file.
    pub rejects: Option<PathBuf>,
    /// Lines of a batch, at most.
    pub batch_lines: usize,
    /// Bytes of the lines of a batch, with what is packed in them; the line that reaches it is still in.
    pub batch_bytes: usize,
    /// How long a line waits for its batch to fill.
    pub batch_wait: Duration,
    /// Batches that are written at a time, each on a connection of its own; at least 1.
    pub writers: usize,
    /// The longest line, in bytes; a longer one is bad.
    pub max_record_bytes: usize,
    /// How long a batch may wait for a store that is away.
    pub store_patience: Duration,
}

/// What happens meanwhile, for whoever shows it.
#[derive(Debug)]
pub enum IngestEvent<'a> {
    /// A line is no account and no transaction.
    Rejected {
        /// Where it is.
        input: &'a Input,
        /// What it is.
        bad: &'a BadRecord,
    },
    /// An input cannot be read, or not to its end; the others go on.
    Failed {
        /// Which one.
        input: &'a Input,
        /// Why.
        error: &'a ReadError,
    },
    /// A batch is committed.
    Written(&'a IngestSummary),
}

/// What was done. At the end of an ingest that was not interrupted, `read` is the sum of `committed` and `rejected`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IngestSummary {
    /// Inputs read to their end.
    pub files: u64,
    /// Inputs that could not be opened, or not be read to their end.
    pub failed_files: u64,
    /// Lines read.
    pub read: u64,
    /// Lines whose outcome is committed.
    pub committed: u64,
    /// Bad lines.
    pub rejected: u64,
    /// What became of the others.
    pub written: ChainWritten,
    /// Of the lines, or of the letters that were tried again: how many are dead letters now.
    pub undecoded: u64,
    /// It was cancelled before its end.
    pub interrupted: bool,
    /// From the start until now.
    pub elapsed: Duration,
}

/// Why an ingest ended before its end. What the summary counts is committed.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The store refused a batch, or was away for longer than `store_patience`.
    #[error("{source}; {} of {} lines read are in, and the same again adds the rest", summary.committed, summary.read)]
    Store {
        /// What the store said.
        source: StoreError,
        /// How far it came.
        summary: Box<IngestSummary>,
    },
    /// The file for bad lines cannot be written.
    #[error("the file for rejected lines, {}, cannot be written: {source}", path.display())]
    Rejects {
        /// That file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file for bad lines is one of the inputs.
    #[error("the file for rejected lines, {}, is also an input", .0.display())]
    RejectsIsInput(PathBuf),
    /// A part of the ingest itself failed: a fault of ours.
    #[error("{0} ended unexpectedly")]
    Worker(&'static str),
}

/// How the reading of an input ended.
enum Ended {
    Whole,
    Failed(ReadError),
    Cancelled,
}

/// A batch on its way, with how many lines it is of.
#[derive(Debug, Default)]
struct Pending {
    batch: ChainBatch,
    lines: u64,
    undecoded: u64,
    bytes: usize,
}

/// What became of a batch.
#[derive(Debug)]
enum Outcome {
    Written {
        written: ChainWritten,
        lines: u64,
        undecoded: u64,
    },
    Failed(StoreError),
    /// Somebody interrupted the wait for the store.
    Cancelled,
}

/// An ingest under way.
struct Ingest<'a> {
    store: &'a Store,
    options: &'a IngestOptions,
    on_event: &'a mut (dyn FnMut(IngestEvent<'_>) + Send),
    cancel: watch::Receiver<bool>,
    rejects: Option<Rejects>,
    started: Instant,
    summary: IngestSummary,
    pending: Pending,
    /// When the pending batch is written even if it is not full.
    due: tokio::time::Instant,
    writes: InFlight,
    /// The highest slot of all lines.
    highest: Option<Slot>,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self {
            rejects: None,
            batch_lines: 2_000,
            batch_bytes: 16 * 1024 * 1024,
            batch_wait: Duration::from_millis(500),
            writers: 2,
            max_record_bytes: 16 * 1024 * 1024,
            store_patience: Duration::from_mins(1),
        }
    }
}

impl IngestSummary {
    /// Whether something that was asked for was not done; bad lines and dead letters alone are no failure.
    pub fn failed(&self) -> bool {
        self.failed_files > 0 || self.interrupted
    }

    /// Lines committed a second.
    #[expect(clippy::cast_precision_loss, reason = "a rate is for reading")]
    pub fn rate(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { self.committed as f64 / seconds } else { 0.0 }
    }
}

/// Ingests `inputs`, one after the other, into `store`. `progress` moves while it works, and `on_event` is told what
/// happens. When `cancel` becomes true, the batches in flight are committed and nothing more is.
pub async fn ingest(
    store: &Store,
    inputs: &[Input],
    options: &IngestOptions,
    progress: &Arc<Progress>,
    on_event: &mut (dyn FnMut(IngestEvent<'_>) + Send),
    cancel: watch::Receiver<bool>,
) -> Result<IngestSummary, IngestError> {
    let mut ingest = Ingest::new(store, options, on_event, cancel);
    ingest.rejects = open_rejects(options, inputs)?;
    // All of them first: the total is right from the start.
    let sources: Vec<_> =
        inputs.iter().map(|input| Source::new(input.clone(), Arc::clone(progress))).collect();
    for source in sources {
        ingest.input(source).await?;
        if ingest.summary.interrupted {
            break;
        }
    }
    ingest.finish().await
}

impl<'a> Ingest<'a> {
    fn new(
        store: &'a Store,
        options: &'a IngestOptions,
        on_event: &'a mut (dyn FnMut(IngestEvent<'_>) + Send),
        cancel: watch::Receiver<bool>,
    ) -> Self {
        Self {
            store,
            options,
            on_event,
            cancel,
            rejects: None,
            started: Instant::now(),
            summary: IngestSummary::default(),
            pending: Pending::default(),
            due: tokio::time::Instant::now(),
            writes: InFlight::default(),
            highest: None,
        }
    }

    /// One input, from its opening to its end.
    async fn input(&mut self, source: Source) -> Result<(), IngestError> {
        let input = source.input().clone();
        match self.read(Arc::new(source), &input).await? {
            Ended::Whole => self.summary.files += 1,
            Ended::Failed(error) => {
                self.summary.failed_files += 1;
                (self.on_event)(IngestEvent::Failed { input: &input, error: &error });
            }
            Ended::Cancelled => self.summary.interrupted = true,
        }
        Ok(())
    }

    async fn read(&mut self, source: Arc<Source>, input: &Input) -> Result<Ended, IngestError> {
        let max_record_bytes = self.options.max_record_bytes;
        let parts = reader::start(source, ChainLines::open, ChainLines::waits, line::read, max_record_bytes);
        let mut parts = match parts {
            Ok(parts) => parts,
            Err(error) => return Ok(Ended::Failed(error)),
        };
        let mut cancel = self.cancel.clone();
        loop {
            let part = tokio::select! {
                biased;
                () = cancelled(&mut cancel) => return Ok(Ended::Cancelled),
                part = parts.recv() => part,
                () = tokio::time::sleep_until(self.due), if self.pending.lines > 0 => {
                    self.flush().await?;
                    continue;
                }
            };
            match part {
                Some(Part::Chunk(chunk)) => {
                    let mut chunk = chunk.await.map_err(|_| IngestError::Worker("a decoder"))?;
                    for line in std::mem::take(&mut chunk.records) {
                        self.line(line, input).await?;
                    }
                    if self.summary.interrupted {
                        return Ok(Ended::Cancelled);
                    }
                }
                Some(Part::Failed(error)) => return Ok(Ended::Failed(error)),
                Some(Part::End) => return Ok(Ended::Whole),
                None => return Err(IngestError::Worker("the reader")),
            }
        }
    }

    async fn line(&mut self, line: Result<Told, BadRecord>, input: &Input) -> Result<(), IngestError> {
        self.summary.read += 1;
        match line {
            Ok(told) => {
                if self.pending.lines == 0 {
                    self.due = tokio::time::Instant::now() + self.options.batch_wait;
                }
                self.highest = self.highest.max(Some(told.slot));
                self.pending.push(told);
                if self.pending.is_full(self.options) { self.flush().await } else { Ok(()) }
            }
            Err(bad) => {
                self.summary.rejected += 1;
                (self.on_event)(IngestEvent::Rejected { input, bad: &bad });
                self.keep(&bad)
            }
        }
    }

    fn keep(&mut self, bad: &BadRecord) -> Result<(), IngestError> {
        let (Some(rejects), Some(path)) = (&mut self.rejects, &self.options.rejects) else { return Ok(()) };
        rejects.keep(&bad.raw).map_err(|source| IngestError::Rejects { path: path.clone(), source })
    }

    /// Hands the pending batch over to a writer, as soon as one is free and none is at what this batch has to come behind.
    async fn flush(&mut self) -> Result<(), IngestError> {
        if self.pending.lines == 0 {
            return Ok(());
        }
        while self.writes.len() >= self.options.writers.max(1) || self.writes.is_before(&self.pending.batch) {
            self.written().await?;
        }
        let pending = std::mem::take(&mut self.pending);
        let (store, cancel) = (self.store.clone(), self.cancel.clone());
        let known = pending.batch.known_accounts();
        self.writes.start(known, write(store, pending, self.options.store_patience, cancel));
        Ok(())
    }

    /// Waits for any batch that is being written.
    async fn written(&mut self) -> Result<(), IngestError> {
        let Some(ended) = self.writes.next().await else { return Ok(()) };
        match ended? {
            Outcome::Written { written, lines, undecoded } => {
                self.summary.written += written;
                self.summary.committed += lines;
                self.summary.undecoded += undecoded;
                self.summary.elapsed = self.started.elapsed();
                (self.on_event)(IngestEvent::Written(&self.summary));
                Ok(())
            }
            Outcome::Failed(source) => {
                // The others end in their own way, so that what they commit is counted.
                while let Some(ended) = self.writes.next().await {
                    if let Ok(Outcome::Written { written, lines, undecoded }) = ended {
                        self.summary.written += written;
                        self.summary.committed += lines;
                        self.summary.undecoded += undecoded;
                    }
                }
                Err(IngestError::Store { source, summary: Box::new(self.summary.clone()) })
            }
            Outcome::Cancelled => {
                self.summary.interrupted = true;
                Ok(())
            }
        }
    }

    /// Writes what is left. Where everything was read and understood as a line, the source is known up to its highest slot.
    async fn finish(mut self) -> Result<IngestSummary, IngestError> {
        if !self.summary.interrupted {
            self.flush().await?;
        }
        while !self.writes.is_empty() {
            self.written().await?;
        }
        if let (Some(rejects), Some(path)) = (&mut self.rejects, &self.options.rejects) {
            rejects.flush().map_err(|source| IngestError::Rejects { path: path.clone(), source })?;
        }
        if let Some(highest) = self.highest.filter(|_| !self.summary.failed() && self.summary.rejected == 0) {
            self.raise_watermark(highest).await?;
        }
        if !self.summary.interrupted {
            self.tidy().await?;
        }
        self.summary.elapsed = self.started.elapsed();
        Ok(self.summary)
    }

    /// Lets the store take stock where much has changed.
    async fn tidy(&mut self) -> Result<(), IngestError> {
        let (store, written) = (self.store, self.summary.written);
        self.ask(|| store.finish_ingest(&written, TIDY_FROM)).await?;
        Ok(())
    }

    /// Says up to where the source is in, once all is made anew that is due now, page by page: of its own and of others. Who
    /// interrupts it leaves the rest, and the watermark, to the next ingest.
    async fn raise_watermark(&mut self, slot: Slot) -> Result<(), IngestError> {
        let store = self.store;
        let Some(last) = self.ask(|| store.last_remake_due()).await? else { return Ok(()) };
        if let Some(last) = last {
            loop {
                match self.ask(|| store.remake_due_up_to(last, &compose)).await? {
                    Some(Some(more)) => self.summary.written.assets += more,
                    Some(None) => break,
                    None => return Ok(()),
                }
            }
        }
        self.ask(|| store.raise_watermark(slot)).await?;
        Ok(())
    }

    /// Asks the store, again while it is away. None where somebody interrupted the ingest, which it then is.
    async fn ask<T, F: Future<Output = Result<T, StoreError>>>(
        &mut self,
        attempt: impl FnMut() -> F,
    ) -> Result<Option<T>, IngestError> {
        if !*self.cancel.borrow() {
            let patience = self.options.store_patience;
            match retry(attempt, StoreError::is_transient, patience, self.cancel.clone()).await {
                Some(Ok(done)) => return Ok(Some(done)),
                Some(Err(source)) => {
                    return Err(IngestError::Store { source, summary: Box::new(self.summary.clone()) });
                }
                None => {}
            }
        }
        self.summary.interrupted = true;
        Ok(None)
    }
}

impl Pending {
    fn push(&mut self, told: Told) {
        let told = told.unpacked();
        self.lines += 1;
        self.bytes += told.bytes;
        self.undecoded += u64::from(told.dead_letter.is_some());
        self.batch.accounts.extend(told.accounts);
        self.batch.tree_changes.extend(told.tree_changes);
        self.batch.leaf_events.extend(told.leaf_events);
        self.batch.dead_letters.extend(told.dead_letter);
    }

    fn is_full(&self, options: &IngestOptions) -> bool {
        self.lines >= options.batch_lines as u64 || self.bytes >= options.batch_bytes
    }
}

/// Writes a batch, and makes anew those that share what it changed; while the store is away, tries again for as long as
/// `patience`. Whoever interrupts it does not wait for those that share: they stay due, and the next batch goes on.
async fn write(store: Store, pending: Pending, patience: Duration, cancel: watch::Receiver<bool>) -> Outcome {
    let Pending { batch, lines, undecoded, .. } = pending;
    let attempt = || store.write_chain_batch(&batch, &compose);
    let mut written = match retry(attempt, StoreError::is_transient, patience, cancel.clone()).await {
        Some(Ok(written)) => written,
        Some(Err(error)) => return Outcome::Failed(error),
        None => return Outcome::Cancelled,
    };
    while !*cancel.borrow() {
        let attempt = || store.remake_due(&compose);
        match retry(attempt, StoreError::is_transient, patience, cancel.clone()).await {
            Some(Ok(Some(more))) => written.assets += more,
            Some(Ok(None)) | None => break,
            Some(Err(error)) => return Outcome::Failed(error),
        }
    }
    Outcome::Written { written, lines, undecoded }
}

/// Opens the file for bad lines, which may be none of the inputs: reading would never come to its end.
fn open_rejects(options: &IngestOptions, inputs: &[Input]) -> Result<Option<Rejects>, IngestError> {
    let Some(path) = &options.rejects else { return Ok(None) };
    let is_same = |input: &Input| {
        let same =
            input.path().and_then(|input| Some(input.canonicalize().ok()? == path.canonicalize().ok()?));
        same == Some(true)
    };
    if inputs.iter().any(is_same) {
        return Err(IngestError::RejectsIsInput(path.clone()));
    }
    let opened = Rejects::open(path);
    opened.map(Some).map_err(|source| IngestError::Rejects { path: path.clone(), source })
}
