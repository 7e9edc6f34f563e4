//! Requests with a known answer, over and over.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;

use super::{Answer, Call, Report, Spec};
use crate::answer;
use crate::http::{Connection, post};
use crate::latency;

/// How many encodings of the same bytes are remembered as right.
const VARIANTS_MAX: usize = 8;

/// A request with its answer in memory.
struct Prepared {
    request: Vec<u8>,
    answer: Wanted,
}

enum Wanted {
    Bytes(Rc<[u8]>),
    /// Plain bytes, and the encoded forms that were decoded and found right.
    Encoded(Rc<[u8]>, RefCell<Vec<Vec<u8>>>),
    Ids(Rc<[[u8; 32]]>),
}

/// What one connection has seen.
pub(super) struct Seen {
    latencies: Histogram<u64>,
    body_bytes: u64,
}

/// Calls that are sent over and over.
pub(super) struct Repeat {
    calls: Vec<Prepared>,
    connections: Vec<(Connection, usize)>,
}

impl Repeat {
    /// Connects, and sends calls for a while. Each connection has its own order of the calls, so that they do not all ask
    /// for the same at the same time.
    pub(super) async fn open(spec: &Spec, calls: &[Call], warm_up: Duration) -> Result<Self> {
        let calls = prepare(spec, calls)?;
        let opened = (0..spec.connections)
            .map(async |number| Ok::<_, anyhow::Error>((Connection::open(spec.address).await?, number * 7)));
        let mut repeat = Self { calls, connections: try_join_all(opened).await? };
        if !warm_up.is_zero() {
            repeat.slice(warm_up).await?;
        }
        Ok(repeat)
    }

    /// Sends calls for so long, and waits for the last answers.
    pub(super) async fn slice(&mut self, length: Duration) -> Result<Report> {
        let calls = &self.calls;
        let start = Instant::now();
        let end = start + length;
        let seen = try_join_all(self.connections.iter_mut().map(async |(connection, place)| {
            let (mut seen, mut body) = (Seen::new()?, Vec::new());
            while Instant::now() < end {
                seen.call(connection, &calls[*place % calls.len()], &mut body).await?;
                *place += 1;
            }
            Ok::<_, anyhow::Error>(seen)
        }));
        report(&seen.await?, start.elapsed(), false)
    }
}

impl Seen {
    pub(super) fn new() -> Result<Self> {
        Ok(Self { latencies: latency::histogram()?, body_bytes: 0 })
    }

    /// One call, timed from its first byte out to its last byte in, and checked.
    async fn call(&mut self, connection: &mut Connection, call: &Prepared, body: &mut Vec<u8>) -> Result<()> {
        let start = Instant::now();
        let length = match &call.answer {
            Wanted::Bytes(wanted) => compared(connection, &call.request, wanted).await?,
            Wanted::Encoded(plain, variants) => {
                let head = connection.collect(&call.request, body).await?;
                self.note(start);
                ensure!(head.status == 200, "status {}: {}", head.status, answer::excerpt(body, 0));
                check_encoded(body, head.encoding.as_deref(), plain, variants)?;
                self.body_bytes += u64::try_from(head.length)?;
                return Ok(());
            }
            Wanted::Ids(ids) => {
                let head = connection.collect(&call.request, body).await?;
                self.note(start);
                ensure!(head.status == 200, "status {}: {}", head.status, answer::excerpt(body, 0));
                answer::check_ids(body, ids)?;
                self.body_bytes += u64::try_from(head.length)?;
                return Ok(());
            }
        };
        self.note(start);
        self.body_bytes += u64::try_from(length)?;
        Ok(())
    }

    fn note(&mut self, start: Instant) {
        let us = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.latencies.saturating_record(us);
    }

    /// A call that was timed by whoever made it.
    pub(super) fn add(&mut self, start: Instant, bytes: usize) -> Result<()> {
        self.note(start);
        self.body_bytes += u64::try_from(bytes)?;
        Ok(())
    }
}

/// Compares the body as it comes in: nothing is collected.
async fn compared(connection: &mut Connection, request: &[u8], wanted: &[u8]) -> Result<usize> {
    let (mut at, mut differs) = (0, None);
    let head = connection
        .call(request, |piece| {
            let part = wanted.get(at..at + piece.len());
            if part != Some(piece) && differs.is_none() {
                let same =
                    piece.iter().zip(&wanted[at.min(wanted.len())..]).take_while(|(a, b)| a == b).count();
                differs = Some((at + same, answer::excerpt(piece, same)));
            }
            at += piece.len();
        })
        .await?;
    if let Some((place, found)) = differs {
        let wanted = answer::excerpt(wanted, place);
        anyhow::bail!("status {}; byte {place} differs: {found:?} instead of {wanted:?}", head.status);
    }
    ensure!(
        head.status == 200 && at == wanted.len(),
        "status {}, {at} bytes of {}",
        head.status,
        wanted.len()
    );
    Ok(at)
}

fn check_encoded(
    body: &[u8],
    encoding: Option<&str>,
    plain: &[u8],
    variants: &RefCell<Vec<Vec<u8>>>,
) -> Result<()> {
    if variants.borrow().iter().any(|variant| variant == body) {
        return Ok(());
    }
    ensure!(encoding.is_some(), "an answer without the encoding that was asked for");
    ensure!(answer::decode(body, encoding)? == plain, "the decoded answer is another one than the plain one");
    let mut variants = variants.borrow_mut();
    if variants.len() < VARIANTS_MAX {
        variants.push(body.to_vec());
    }
    Ok(())
}

fn prepare(spec: &Spec, calls: &[Call]) -> Result<Vec<Prepared>> {
    ensure!(!calls.is_empty(), "no calls");
    let mut files: HashMap<PathBuf, Rc<[u8]>> = HashMap::new();
    let mut read = |path: &Path| -> Result<Rc<[u8]>> {
        if let Some(bytes) = files.get(path) {
            return Ok(Rc::clone(bytes));
        }
        let bytes: Rc<[u8]> = std::fs::read(path).with_context(|| path.display().to_string())?.into();
        files.insert(path.to_owned(), Rc::clone(&bytes));
        Ok(bytes)
    };
    let encoded = spec.accept_encoding.is_some();
    calls
        .iter()
        .map(|call| {
            let request = post(spec.address, &spec.path, spec.accept_encoding.as_deref(), &call.body);
            let answer = match &call.answer {
                Answer::Bytes(path) if encoded => Wanted::Encoded(read(path)?, RefCell::default()),
                Answer::Bytes(path) => Wanted::Bytes(read(path)?),
                Answer::Spaces(length) => Wanted::Bytes(vec![b' '; *length].into()),
                Answer::Ids(path) => Wanted::Ids(ids(&read(path)?)),
            };
            Ok(Prepared { request, answer })
        })
        .collect()
}

/// The ids of a file.
pub(super) fn ids(bytes: &[u8]) -> Rc<[[u8; 32]]> {
    bytes.as_chunks::<32>().0.into()
}

/// What all connections have seen.
pub(super) fn report(seen: &[Seen], elapsed: Duration, is_done: bool) -> Result<Report> {
    let (mut latencies, mut body_bytes) = (latency::histogram()?, 0);
    for one in seen {
        latencies.add(&one.latencies)?;
        body_bytes += one.body_bytes;
    }
    Ok(Report {
        wrong: None,
        calls: latencies.len(),
        seconds: elapsed.as_secs_f64(),
        body_bytes,
        latencies: latency::counts(&latencies),
        is_done,
    })
}
