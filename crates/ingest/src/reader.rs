//! Reads and parses one input beside whoever takes the results, in the order of the input.

use std::io;
use std::sync::Arc;
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;

use crate::source::{BadRecord, Entry, ReadError, Record, Source};

/// Records parsed at a time by one worker.
const CHUNK_RECORDS: usize = 256;
/// The same in bytes: the record that reaches it is still in.
const CHUNK_BYTES: usize = 1024 * 1024;
/// Bytes of records between the reader and whoever takes the results; a record over it goes alone.
const BUDGET_BYTES: usize = 16 * 1024 * 1024;
/// Chunks between the reader and whoever takes the results: more than a batch, so that the next one is parsed while
/// the writers are busy, also where each has only what a pipe held at a time. Their bytes are bounded by the budget.
const CHUNKS_MAX: usize = 512;
/// The unit of the budget.
const PERMIT_BYTES: usize = 1024;

/// What the reader hands over.
pub(crate) enum Part<T> {
    /// The next records.
    Chunk(JoinHandle<Chunk<T>>),
    /// The input cannot be read further.
    Failed(ReadError),
    /// The input was read to its end.
    End,
}

/// Some records, in order.
pub(crate) struct Chunk<T> {
    pub(crate) records: Vec<Result<T, BadRecord>>,
    /// Gives its bytes back to the reader when the chunk is dropped.
    _permit: OwnedSemaphorePermit,
}

/// Opens an input; a record of it may have so many bytes.
pub(crate) type Open<R> = fn(&Arc<Source>, usize) -> Result<R, ReadError>;

/// Whether the next record may have to be waited for.
pub(crate) type Waits<R> = fn(&R) -> bool;

/// Makes of a record what is wanted of it. Pure: it runs on any thread.
pub(crate) type Parse<T> = fn(Record) -> Result<T, BadRecord>;

/// Starts to read. Dropping the receiver ends it; a reader that waits for its input ends when that gives something.
///
/// It is a thread of its own, and none of the runtime's: one that waits for standard input must not hold up a shutdown.
pub(crate) fn start<R, T>(
    source: Arc<Source>,
    open: Open<R>,
    waits: Waits<R>,
    parse: Parse<T>,
    max_record_bytes: usize,
) -> Result<mpsc::Receiver<Part<T>>, ReadError>
where
    R: Iterator<Item = Result<Entry, ReadError>> + 'static,
    T: Send + 'static,
{
    let (parts, receiver) = mpsc::channel(CHUNKS_MAX);
    let runtime = Handle::current();
    let read = move || {
        let opened = open(&source, max_record_bytes);
        let last = match opened.and_then(|mut records| read(&mut records, waits, parse, &runtime, &parts)) {
            Ok(()) => Part::End,
            Err(error) => Part::Failed(error),
        };
        // Nobody listens any more: there is nobody to tell.
        let _ = parts.blocking_send(last);
    };
    thread::Builder::new().name("reader".into()).spawn(read).map_err(ReadError::Open)?;
    Ok(receiver)
}

/// Copies an input that can be read only once to a temporary file.
pub(crate) async fn spool(source: Source) -> Result<Source, ReadError> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let copy = move || drop(sender.send(source.spooled()));
    thread::Builder::new().name("spool".into()).spawn(copy).map_err(ReadError::Spool)?;
    receiver.await.map_err(|_| ReadError::Spool(io::Error::other("the copying thread is gone")))?
}

fn read<R, T: Send + 'static>(
    records: &mut R,
    waits: Waits<R>,
    parse: Parse<T>,
    runtime: &Handle,
    parts: &mpsc::Sender<Part<T>>,
) -> Result<(), ReadError>
where
    R: Iterator<Item = Result<Entry, ReadError>>,
{
    let budget = Arc::new(Semaphore::new(BUDGET_BYTES / PERMIT_BYTES));
    let cores = Arc::new(Semaphore::new(thread::available_parallelism().map_or(1, std::num::NonZero::get)));
    loop {
        let (entries, bytes, end) = next_entries(records, waits);
        if !entries.is_empty() {
            let permits = (bytes / PERMIT_BYTES + 1).min(BUDGET_BYTES / PERMIT_BYTES);
            let permits = u32::try_from(permits).expect("the budget fits 32 bits");
            let permit = runtime.block_on(Arc::clone(&budget).acquire_many_owned(permits));
            let permit = permit.expect("the budget is never closed");
            // As many parsers as there are cores.
            let core = runtime.block_on(Arc::clone(&cores).acquire_owned()).expect("this is never closed");
            let chunk = runtime.spawn_blocking(move || {
                let chunk = parse_all(entries, parse, permit);
                drop(core);
                chunk
            });
            if parts.blocking_send(Part::Chunk(chunk)).is_err() {
                return Ok(());
            }
        }
        if let Some(end) = end {
            return end;
        }
    }
}

/// The next records and their bytes; and how the input ended, if it did. What is there is not kept back for what may be long
/// in coming.
fn next_entries<R>(records: &mut R, waits: Waits<R>) -> (Vec<Entry>, usize, Option<Result<(), ReadError>>)
where
    R: Iterator<Item = Result<Entry, ReadError>>,
{
    let mut entries = Vec::new();
    let mut bytes = 0;
    while entries.len() < CHUNK_RECORDS && bytes < CHUNK_BYTES {
        match records.next() {
            Some(Ok(entry)) => {
                bytes += match &entry {
                    Entry::Record(record) => record.text.len(),
                    Entry::Bad(bad) => bad.raw.len(),
                };
                entries.push(entry);
                if waits(records) {
                    break;
                }
            }
            Some(Err(error)) => return (entries, bytes, Some(Err(error))),
            None => return (entries, bytes, Some(Ok(()))),
        }
    }
    (entries, bytes, None)
}

fn parse_all<T>(entries: Vec<Entry>, parse: Parse<T>, permit: OwnedSemaphorePermit) -> Chunk<T> {
    let parse_one = |entry| match entry {
        Entry::Record(record) => parse(record),
        Entry::Bad(bad) => Err(bad),
    };
    Chunk { records: entries.into_iter().map(parse_one).collect(), _permit: permit }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::io::Write;

    use super::*;
    use crate::parse::parse;
    use crate::source::{Input, Progress, Records};

    const ID: &str = "So11111111111111111111111111111111111111112";

    /// The slots of the good records and the lines of the bad ones, in the order they came, and how it ended.
    async fn read_file(text: &[u8]) -> (Vec<Result<u64, u64>>, Option<ReadError>) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        let source = Source::new(Input::Path(file.path().into()), Arc::new(Progress::default()));
        let mut parts = start(Arc::new(source), Records::open, |_| false, parse, 1024).unwrap();
        let mut seen = Vec::new();
        loop {
            match parts.recv().await.unwrap() {
                Part::Chunk(chunk) => seen.extend(chunk.await.unwrap().records.into_iter().map(|record| {
                    record.map(|parsed| parsed.change.slot_updated.get()).map_err(|bad| bad.place.line)
                })),
                Part::Failed(error) => return (seen, Some(error)),
                Part::End => return (seen, None),
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn records_come_in_the_order_of_the_input() {
        let (mut text, mut expected) = (String::new(), Vec::new());
        for line in 1..=5000_u64 {
            if line % 7 == 0 {
                text.push_str("{\"id\":\n");
                expected.push(Err(line));
            } else {
                let asset = format!("{{\"interface\":\"V1_NFT\",\"id\":\"{ID}\",\"slot_updated\":{line}}}\n");
                text.push_str(&asset);
                expected.push(Ok(line));
            }
        }
        let (seen, error) = read_file(text.as_bytes()).await;
        assert!(error.is_none());
        assert_eq!(seen, expected);
    }

    #[tokio::test]
    async fn what_came_before_a_truncation_counts() {
        let text = format!("[{{\"interface\":\"V1_NFT\",\"id\":\"{ID}\",\"slot_updated\":3}},{{");
        let (seen, error) = read_file(text.as_bytes()).await;
        assert_eq!(seen, [Ok(3)]);
        assert!(matches!(error, Some(ReadError::Truncated { line: 1 })));
    }

    #[tokio::test]
    async fn a_missing_file_fails() {
        let source = Source::new(Input::Path("/nonexistent/assets".into()), Arc::new(Progress::default()));
        let mut parts = start(Arc::new(source), Records::open, |_| false, parse, 1024).unwrap();
        assert!(matches!(parts.recv().await, Some(Part::Failed(ReadError::Open(_)))));
    }

    #[tokio::test]
    async fn a_pipe_is_kept_once_it_has_to_be_read_twice() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"{}\n").unwrap();
        let source = Source::new(Input::Path(file.path().into()), Arc::new(Progress::default()));
        let source = spool(source).await.unwrap();
        drop(file);
        for _ in 0..2 {
            let mut text = String::new();
            io::Read::read_to_string(&mut source.open().unwrap(), &mut text).unwrap();
            assert_eq!(text, "{}\n");
        }
    }
}
