//! `vitrine import`: inputs are read, parsed and written side by side, with memory that does not grow with them.
//!
//! A reader thread splits the input, workers parse what it has split, in order; from their results one batch is
//! collected while those before it are written, several at a time. What is committed stays, and an import that is
//! repeated finishes what another one began: to write an asset twice is to write it once.

mod in_flight;
mod writer;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use vitrine_model::Slot;
use vitrine_store::{Store, StoreError};

use crate::batch::{Batch, BatchLimits};
use crate::parse::{Parsed, parse};
use crate::reader::{self, Part};
use crate::rejects::Rejects;
use crate::retry::cancelled;
use crate::source::{BadRecord, Input, Progress, ReadError, Records, Source};
use in_flight::InFlight;
use writer::Outcome;

/// How to import.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Look through each input first, and load nothing of one that has a bad record.
    pub strict: bool,
    /// Append the text of bad records to this file, one a line.
    pub rejects: Option<PathBuf>,
    /// When a batch is written.
    pub batch: BatchLimits,
    /// How long an asset waits for its batch to fill where a pipe pauses. What has waited so long goes as soon as nothing else
    /// is being written: more than one batch at a time is for those that are full.
    pub batch_wait: Duration,
    /// Batches that are written at a time, each on a connection of its own; at least 1.
    pub writers: usize,
    /// The longest record, in bytes of JSON; a longer one is bad.
    pub max_record_bytes: usize,
    /// How long a batch may wait for a store that is away.
    pub store_patience: Duration,
}

/// What happens meanwhile, for whoever shows it.
#[derive(Debug)]
pub enum Event<'a> {
    /// A record is no asset.
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
    /// An input has bad records, and nothing of it is loaded (`strict`).
    Refused {
        /// Which one.
        input: &'a Input,
        /// How many.
        bad_records: u64,
    },
    /// A batch is committed.
    Written(&'a Summary),
    /// All batches are; the store tidies up, which takes its time.
    Finishing,
}

/// What was done. At the end of an import that was not interrupted, `read` is the sum of `created`, `updated`,
/// `unchanged`, `stale`, `superseded` and `rejected`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Inputs read to their end.
    pub files: u64,
    /// Inputs that could not be opened, or not be read to their end.
    pub failed_files: u64,
    /// Inputs of which nothing was loaded because of a bad record (`strict`).
    pub refused_files: u64,
    /// Records read; of a refused input only the bad ones.
    pub read: u64,
    /// Assets that were not there.
    pub created: u64,
    /// Assets that are different now.
    pub updated: u64,
    /// Assets that were there just so.
    pub unchanged: u64,
    /// Records older than what is stored.
    pub stale: u64,
    /// Records that another one of the same asset in the same batch took the place of.
    pub superseded: u64,
    /// Bad records.
    pub rejected: u64,
    /// It was cancelled before its end.
    pub interrupted: bool,
    /// From the start until now.
    pub elapsed: Duration,
}

/// Why an import ended before its end. What the summary counts is committed.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The store refused a batch, or was away for longer than `store_patience`.
    #[error(
        "{source}; {} of {} records read are in, and importing the same files again adds the rest",
        summary.committed(),
        summary.read
    )]
    Store {
        /// What the store said.
        source: StoreError,
        /// How far it came.
        summary: Box<Summary>,
    },
    /// The file for bad records cannot be written.
    #[error("the file for rejected records, {}, cannot be written: {source}", path.display())]
    Rejects {
        /// That file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file for bad records is one of the inputs.
    #[error("the file for rejected records, {}, is also an input", .0.display())]
    RejectsIsInput(PathBuf),
    /// A part of the import itself failed: a fault of ours.
    #[error("{0} ended unexpectedly")]
    Worker(&'static str),
}

/// How the reading of an input ended.
enum Ended {
    Whole,
    /// Nothing of it is loaded, because of so many bad records.
    Refused(u64),
    Failed(ReadError),
    Cancelled,
}

/// What to do with the records of an input.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    Check,
    Load,
}

/// An import under way.
struct Import<'a> {
    store: &'a Store,
    options: &'a ImportOptions,
    on_event: &'a mut (dyn FnMut(Event<'_>) + Send),
    cancel: watch::Receiver<bool>,
    rejects: Option<Rejects>,
    started: Instant,
    summary: Summary,
    batch: Batch,
    /// When the batch is written even if it is not full.
    due: tokio::time::Instant,
    in_flight: InFlight,
    /// The lowest slot stated so far.
    stated: Option<Slot>,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            strict: false,
            rejects: None,
            batch: BatchLimits { assets: 5_000, bytes: 16 * 1024 * 1024 },
            batch_wait: Duration::from_millis(200),
            writers: 2,
            max_record_bytes: 16 * 1024 * 1024,
            store_patience: Duration::from_mins(1),
        }
    }
}

impl Summary {
    /// Whether something that was asked for was not done; bad records alone are no failure.
    pub fn failed(&self) -> bool {
        self.failed_files > 0 || self.refused_files > 0 || self.interrupted
    }

    /// Records whose outcome is committed.
    pub fn committed(&self) -> u64 {
        self.created + self.updated + self.unchanged + self.stale + self.superseded
    }

    /// Records committed a second.
    #[expect(clippy::cast_precision_loss, reason = "a rate is for reading")]
    pub fn rate(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { self.committed() as f64 / seconds } else { 0.0 }
    }
}

/// Imports `inputs`, one after the other, into `store`. `progress` moves while it works, and `on_event` is told what
/// happens. When `cancel` becomes true, the batches in flight are committed and nothing more is.
pub async fn import(
    store: &Store,
    inputs: &[Input],
    options: &ImportOptions,
    progress: &Arc<Progress>,
    on_event: &mut (dyn FnMut(Event<'_>) + Send),
    cancel: watch::Receiver<bool>,
) -> Result<Summary, ImportError> {
    let rejects = open_rejects(options, inputs)?;
    let mut import = Import {
        store,
        options,
        on_event,
        cancel,
        rejects,
        started: Instant::now(),
        summary: Summary::default(),
        batch: Batch::default(),
        due: tokio::time::Instant::now(),
        in_flight: InFlight::default(),
        stated: None,
    };
    // All of them first: the total is right from the start.
    let sources: Vec<_> =
        inputs.iter().map(|input| Source::new(input.clone(), Arc::clone(progress))).collect();
    for source in sources {
        import.input(source).await?;
        if import.summary.interrupted {
            break;
        }
    }
    import.finish().await
}

impl Import<'_> {
    /// One input, from its opening to its end.
    async fn input(&mut self, source: Source) -> Result<(), ImportError> {
        let input = source.input().clone();
        let ended = if self.options.strict {
            self.checked(source, &input).await?
        } else {
            self.pass(Pass::Load, Arc::new(source), &input).await?
        };
        match ended {
            Ended::Whole => self.summary.files += 1,
            Ended::Refused(bad_records) => {
                self.summary.refused_files += 1;
                (self.on_event)(Event::Refused { input: &input, bad_records });
            }
            Ended::Failed(error) => {
                self.summary.failed_files += 1;
                (self.on_event)(Event::Failed { input: &input, error: &error });
            }
            Ended::Cancelled => self.summary.interrupted = true,
        }
        Ok(())
    }

    /// Looks through an input before it is loaded.
    async fn checked(&mut self, source: Source, input: &Input) -> Result<Ended, ImportError> {
        let source = if source.rewindable() {
            source
        } else {
            let mut cancel = self.cancel.clone();
            let spooled = tokio::select! {
                () = cancelled(&mut cancel) => return Ok(Ended::Cancelled),
                spooled = reader::spool(source) => spooled,
            };
            match spooled {
                Ok(source) => source,
                Err(error) => return Ok(Ended::Failed(error)),
            }
        };
        let source = Arc::new(source);
        let rejected = self.summary.rejected;
        source.expect_again();
        match self.pass(Pass::Check, Arc::clone(&source), input).await? {
            Ended::Whole => {}
            ended => return Ok(ended),
        }
        let bad_records = self.summary.rejected - rejected;
        if bad_records > 0 {
            Ok(Ended::Refused(bad_records))
        } else {
            self.pass(Pass::Load, source, input).await
        }
    }

    /// Reads an input once.
    async fn pass(&mut self, pass: Pass, source: Arc<Source>, input: &Input) -> Result<Ended, ImportError> {
        // A file ends soon enough.
        let live = !source.rewindable();
        let parts =
            reader::start(source, Records::open, Records::waits, parse, self.options.max_record_bytes);
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
                // Only while the input pauses: what has come is taken first.
                Some(outcome) = self.in_flight.next() => {
                    self.settle(outcome).await?;
                    if self.summary.interrupted {
                        return Ok(Ended::Cancelled);
                    }
                    continue;
                }
                () = tokio::time::sleep_until(self.due), if live && self.in_flight.len() == 0 && !self.batch.is_empty() => {
                    self.flush().await?;
                    continue;
                }
            };
            match part {
                Some(Part::Chunk(chunk)) => {
                    let mut chunk = chunk.await.map_err(|_| ImportError::Worker("a parser"))?;
                    for record in std::mem::take(&mut chunk.records) {
                        self.record(pass, record, input).await?;
                    }
                    if self.summary.interrupted {
                        return Ok(Ended::Cancelled);
                    }
                }
                Some(Part::Failed(error)) => return Ok(Ended::Failed(error)),
                Some(Part::End) => return Ok(Ended::Whole),
                None => return Err(ImportError::Worker("the reader")),
            }
        }
    }

    async fn record(
        &mut self,
        pass: Pass,
        record: Result<Parsed, BadRecord>,
        input: &Input,
    ) -> Result<(), ImportError> {
        match record {
            Err(bad) => {
                self.summary.read += 1;
                self.summary.rejected += 1;
                (self.on_event)(Event::Rejected { input, bad: &bad });
                self.keep(&bad)
            }
            Ok(_) if pass == Pass::Check => Ok(()),
            Ok(parsed) => {
                self.summary.read += 1;
                if self.batch.is_empty() {
                    self.due = tokio::time::Instant::now() + self.options.batch_wait;
                }
                self.batch.push(parsed);
                if self.batch.is_full(&self.options.batch) { self.flush().await } else { Ok(()) }
            }
        }
    }

    /// Starts to write the batch, when there is a writer for it and nobody else writes one of its assets.
    async fn flush(&mut self) -> Result<(), ImportError> {
        let batch = self.batch.take();
        while self.in_flight.len() >= self.options.writers.max(1) || self.in_flight.touches(&batch.changes) {
            self.settle_one().await?;
        }
        self.summary.interrupted |= *self.cancel.borrow();
        if self.summary.interrupted || batch.changes.is_empty() {
            return Ok(());
        }
        self.stated = self.stated.into_iter().chain(batch.stated).min();
        let ids = batch.changes.iter().map(|change| change.id).collect();
        let write =
            writer::write(self.store.clone(), batch, self.options.store_patience, self.cancel.clone());
        self.in_flight.start(ids, write);
        Ok(())
    }

    /// Waits for a batch in flight; false if there is none.
    async fn settle_one(&mut self) -> Result<bool, ImportError> {
        let Some(outcome) = self.in_flight.next().await else { return Ok(false) };
        self.settle(outcome).await?;
        Ok(true)
    }

    /// Takes in what became of a batch. Where the store failed it, the others in flight are waited for: the summary that goes with
    /// the error counts all that is committed.
    async fn settle(&mut self, outcome: Result<Outcome, ImportError>) -> Result<(), ImportError> {
        let Some(source) = self.settled(outcome?) else { return Ok(()) };
        while let Some(outcome) = self.in_flight.next().await {
            self.settled(outcome?);
        }
        Err(self.store_error(source))
    }

    /// Counts what became of a batch.
    fn settled(&mut self, outcome: Outcome) -> Option<StoreError> {
        self.summary.elapsed = self.started.elapsed();
        match outcome {
            Outcome::Written { written, superseded } => {
                self.summary.created += written.created;
                self.summary.updated += written.updated;
                self.summary.unchanged += written.unchanged;
                self.summary.stale += written.stale;
                self.summary.superseded += superseded;
                (self.on_event)(Event::Written(&self.summary));
                None
            }
            Outcome::Failed(source) => Some(source),
            Outcome::Cancelled => {
                self.summary.interrupted = true;
                None
            }
        }
    }

    /// Writes what is left, unless it was cancelled, and tells the store that all of it is in.
    async fn finish(mut self) -> Result<Summary, ImportError> {
        if !self.summary.interrupted {
            self.flush().await?;
        }
        while self.settle_one().await? {}
        self.flush_rejects()?;
        if self.summary.files > 0 && !self.summary.interrupted {
            (self.on_event)(Event::Finishing);
            let attempt = || self.store.finish_import(self.stated);
            match crate::retry::retry(
                attempt,
                StoreError::is_transient,
                self.options.store_patience,
                self.cancel.clone(),
            )
            .await
            {
                Some(Ok(())) => {}
                Some(Err(source)) => return Err(self.store_error(source)),
                None => self.summary.interrupted = true,
            }
        }
        self.summary.elapsed = self.started.elapsed();
        Ok(self.summary)
    }

    fn store_error(&self, source: StoreError) -> ImportError {
        ImportError::Store { source, summary: Box::new(self.summary.clone()) }
    }

    fn keep(&mut self, bad: &BadRecord) -> Result<(), ImportError> {
        let kept = self.rejects.as_mut().map_or(Ok(()), |rejects| rejects.keep(&bad.raw));
        kept.map_err(|source| self.rejects_error(source))
    }

    fn flush_rejects(&mut self) -> Result<(), ImportError> {
        let flushed = self.rejects.as_mut().map_or(Ok(()), Rejects::flush);
        flushed.map_err(|source| self.rejects_error(source))
    }

    fn rejects_error(&self, source: io::Error) -> ImportError {
        ImportError::Rejects { path: self.options.rejects.clone().unwrap_or_default(), source }
    }
}

/// Opens the file for bad records before anything is read, so that a wrong path costs nothing.
fn open_rejects(options: &ImportOptions, inputs: &[Input]) -> Result<Option<Rejects>, ImportError> {
    let Some(path) = &options.rejects else { return Ok(None) };
    let failed = |source| ImportError::Rejects { path: path.clone(), source };
    let rejects = Rejects::open(path).map_err(failed)?;
    let real = path.canonicalize().map_err(failed)?;
    let mut paths = inputs.iter().filter_map(Input::path).filter_map(|path| path.canonicalize().ok());
    // What is appended would be read, found bad, and appended again.
    if paths.any(|path| path == real) {
        Err(ImportError::RejectsIsInput(path.clone()))
    } else {
        Ok(Some(rejects))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn rejects_may_not_be_an_input() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("assets.ndjson");
        let options = ImportOptions { rejects: Some(path.clone()), ..ImportOptions::default() };
        assert!(open_rejects(&options, &[Input::Stdin]).unwrap().is_some());
        let inputs = [Input::Path(folder.path().join(".").join("assets.ndjson"))];
        assert!(
            matches!(open_rejects(&options, &inputs), Err(ImportError::RejectsIsInput(named)) if named == path)
        );
        let options =
            ImportOptions { rejects: Some(folder.path().join("no/such")), ..ImportOptions::default() };
        assert!(matches!(open_rejects(&options, &[]), Err(ImportError::Rejects { .. })));
    }

    #[test]
    fn a_summary_knows_its_rate_and_whether_it_failed() {
        let mut summary =
            Summary { created: 3, updated: 1, unchanged: 2, stale: 1, superseded: 3, ..Summary::default() };
        assert!(summary.rate().abs() < f64::EPSILON);
        summary.elapsed = Duration::from_secs(4);
        assert!((summary.rate() - 2.5).abs() < f64::EPSILON);
        summary.rejected = 9;
        assert!(!summary.failed());
        assert!(Summary { refused_files: 1, ..summary.clone() }.failed());
        assert!(Summary { failed_files: 1, ..summary.clone() }.failed());
        assert!(Summary { interrupted: true, ..summary }.failed());
    }
}
