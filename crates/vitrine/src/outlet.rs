//! The log's way out: lines gather, and one thread writes them together, so that whoever reads slowly, or not at all, keeps
//! nobody waiting but that thread.
//!
//! A write of its own for each call would be a twentieth of all that a call costs. Lines that tell of no call wait for no
//! others to gather. Short commands have no such thread: their lines are out before they go on.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// How long lines gather: long enough for a hundred of them on a busy server, and no time to somebody who reads along.
const GATHERING: Duration = Duration::from_millis(5);

/// When to try again what would have had to wait: a pipe is filled in less only at several megabytes a second.
const AGAIN: Duration = Duration::from_millis(10);

/// How long the end of the process waits for the last lines.
const END: Duration = Duration::from_secs(1);

/// Bytes that may wait for a slow reader: half a minute of a thousand calls a second.
const WAITING_BYTES_MAX: usize = 8 << 20;

/// Bytes of one write: as many as a pipe holds.
const PIECE_BYTES_MAX: usize = 64 << 10;

/// Where the log goes.
#[derive(Debug)]
pub(crate) struct Outlet<W>(Arc<Shared<W>>);

#[derive(Debug)]
struct Shared<W> {
    waiting: Mutex<Waiting>,
    /// Something waits, or can wait no longer.
    more: Condvar,
    /// Nothing waits any more.
    idle: Condvar,
    /// Taken before `waiting` where both are, and held while bytes are written: only its holder takes from what waits.
    out: Mutex<Out<W>>,
}

/// Lines that are still to be written.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and all of them go together")]
struct Waiting {
    /// Whole lines, but for the first one where a write has taken a part of it.
    text: VecDeque<u8>,
    /// Lines that found no room or could not be written.
    lost: u64,
    /// Lost lines that a line in `text` tells of.
    told: u64,
    /// Whether such a line is on its way: it finds room.
    telling: bool,
    /// Whether there is a thread that writes.
    followed: bool,
    /// Whether that thread comes for `text` by itself.
    expected: bool,
    /// Whether `text` has a line that does not wait for others.
    urgent: bool,
}

/// What is written to.
#[derive(Debug)]
struct Out<W> {
    to: W,
    /// What is being written.
    piece: Vec<u8>,
    /// Whether the last byte that was written is no line feed.
    within_line: bool,
    /// Whether the rest of that line is lost.
    torn: bool,
}

/// How writing ended.
#[derive(Debug, PartialEq, Eq)]
enum Written {
    All,
    /// The rest waits on.
    Part,
    /// The rest is lost.
    Failed,
}

/// Has what still waits written, when it is dropped.
#[derive(Debug)]
pub(crate) struct Rest<W: Write>(Outlet<W>);

/// A line on its way.
#[derive(Debug)]
pub(crate) struct Line<'a, W> {
    outlet: &'a Shared<W>,
    gathers: bool,
}

impl<W: Write + Send + 'static> Outlet<W> {
    /// An outlet, and what writes the rest in the end.
    pub(crate) fn new(to: W) -> (Self, Rest<W>) {
        let outlet = Self(Arc::new(Shared {
            waiting: Mutex::default(),
            more: Condvar::new(),
            idle: Condvar::new(),
            out: Mutex::new(Out { to, piece: Vec::new(), within_line: false, torn: false }),
        }));
        let rest = Rest(Self(Arc::clone(&outlet.0)));
        (outlet, rest)
    }

    /// Starts the thread that writes, once. Without it whoever logs a line writes it, and lines that gather wait for the
    /// next one that does not.
    pub(crate) fn start(&self) -> io::Result<()> {
        let shared = Arc::clone(&self.0);
        lock(&self.0.waiting).followed = true;
        let started = thread::Builder::new().name("log".to_owned()).spawn(move || {
            loop {
                shared.round();
            }
        });
        if started.is_err() {
            lock(&self.0.waiting).followed = false;
        }
        started.map(drop)
    }
}

impl Waiting {
    /// Copies the first bytes, as many as one write takes of so many.
    fn copy(&self, bytes: usize, piece: &mut Vec<u8>) {
        let bytes = bytes.min(PIECE_BYTES_MAX);
        piece.clear();
        let (front, back) = self.text.as_slices();
        for half in [front, back] {
            piece.extend_from_slice(&half[..half.len().min(bytes - piece.len())]);
        }
    }

    /// Gives up the first bytes, which end with a line.
    fn lose(&mut self, bytes: usize) {
        self.lost += line_feeds(self.text.drain(..bytes));
        // A line that told of lost ones may be among them.
        self.told = 0;
    }
}

impl<W: Write> Out<W> {
    /// Writes of the piece what is taken at once: how many bytes.
    fn write(&mut self) -> io::Result<usize> {
        if self.torn {
            taken(self.to.write(b"\n"))?;
            self.torn = false;
            self.within_line = false;
        }
        let bytes = taken(self.to.write(&self.piece))?;
        self.within_line = self.piece[..bytes].last() != Some(&b'\n');
        Ok(bytes)
    }
}

impl<W: Write> Shared<W> {
    /// Waits for lines and writes them.
    fn round(&self) {
        let waiting = lock(&self.waiting);
        let waiting = self.more.wait_while(waiting, |waiting| {
            if waiting.text.is_empty() {
                waiting.expected = false;
                self.idle.notify_all();
            }
            waiting.text.is_empty()
        });
        let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let gathered = self.more.wait_timeout_while(waiting, GATHERING, |waiting| !waiting.urgent);
        let (mut waiting, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        waiting.urgent = false;
        drop(waiting);
        match self.write_waiting() {
            Written::All => {
                self.tell();
            }
            Written::Part => thread::sleep(AGAIN),
            // That lines are lost would be lost too.
            Written::Failed => {}
        }
    }

    /// Has a line wait, if there is room: whether a thread comes for it.
    fn hand_in(&self, line: &[u8], urgent: bool) -> bool {
        let mut waiting = lock(&self.waiting);
        if waiting.text.len() + line.len() > WAITING_BYTES_MAX && !waiting.telling {
            waiting.lost += 1;
            return waiting.followed;
        }
        waiting.text.extend(line);
        if !waiting.expected || (urgent && !waiting.urgent) {
            waiting.expected = true;
            waiting.urgent |= urgent;
            self.more.notify_one();
        }
        waiting.followed
    }

    /// Has a line wait for others.
    fn gather(&self, line: &[u8]) {
        self.hand_in(line, false);
    }

    /// Has a line written at once.
    fn write(&self, line: &[u8]) {
        if !self.hand_in(line, true) {
            self.write_waiting();
        }
    }

    /// Writes what waits now. Whoever reads it may have ended first, and nothing fails for want of a log line.
    fn write_waiting(&self) -> Written {
        let mut out = lock(&self.out);
        let mut left = lock(&self.waiting).text.len();
        while left > 0 {
            lock(&self.waiting).copy(left, &mut out.piece);
            match out.write() {
                Ok(bytes) => {
                    lock(&self.waiting).text.drain(..bytes);
                    left -= bytes;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Written::Part,
                Err(_) => {
                    out.torn |= out.within_line;
                    lock(&self.waiting).lose(left);
                    return Written::Failed;
                }
            }
        }
        let _ = out.to.flush();
        let mut waiting = lock(&self.waiting);
        waiting.lost -= std::mem::take(&mut waiting.told);
        if waiting.text.is_empty() {
            // Nobody needs the room of a time when nobody read.
            waiting.text.shrink_to(PIECE_BYTES_MAX);
        }
        Written::All
    }

    /// Tells how many lines are lost, if any are.
    fn tell(&self) -> bool {
        let mut waiting = lock(&self.waiting);
        let lost = waiting.lost;
        waiting.told = lost;
        waiting.telling = lost > 0;
        drop(waiting);
        if lost > 0 {
            tracing::warn!(
                lost,
                "{lost} lines of the log are lost: it is not read fast enough, or cannot be written"
            );
            lock(&self.waiting).telling = false;
        }
        lost > 0
    }

    /// Waits until nothing waits any more, but no longer than to the end: whether nothing does.
    fn drain(&self, end: Instant) -> bool {
        let mut waiting = lock(&self.waiting);
        if waiting.followed {
            waiting.urgent |= waiting.expected;
            self.more.notify_one();
            let patience = end.saturating_duration_since(Instant::now());
            let drained = self.idle.wait_timeout_while(waiting, patience, |waiting| waiting.expected);
            return !drained.unwrap_or_else(PoisonError::into_inner).0.expected;
        }
        drop(waiting);
        while self.write_waiting() == Written::Part {
            if Instant::now() >= end {
                return false;
            }
            thread::sleep(AGAIN);
        }
        true
    }

    /// Has all that waits written, and what is lost told, but waits no longer than that: the lines that are lost untold.
    fn finish(&self, patience: Duration) -> u64 {
        let end = Instant::now() + patience;
        if self.drain(end) && self.tell() {
            self.drain(end);
        }
        let waiting = lock(&self.waiting);
        waiting.lost + line_feeds(waiting.text.iter().copied())
    }
}

/// A panic in between leaves whole lines behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that were written, of which there are some.
fn taken(written: io::Result<usize>) -> io::Result<usize> {
    written.and_then(|bytes| if bytes == 0 { Err(ErrorKind::WriteZero.into()) } else { Ok(bytes) })
}

fn line_feeds(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.map(|byte| u64::from(byte == b'\n')).sum()
}

impl<W: Write> Drop for Rest<W> {
    fn drop(&mut self) {
        // Lines that are lost now have nowhere left to be told.
        self.0.0.finish(END);
    }
}

impl<'a, W: Write + 'a> MakeWriter<'a> for Outlet<W> {
    type Writer = Line<'a, W>;

    fn make_writer(&'a self) -> Line<'a, W> {
        Line { outlet: &self.0, gathers: false }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Line<'a, W> {
        Line { outlet: &self.0, gathers: event.target() == vitrine_rpc::ACCESS_LOG }
    }
}

impl<W: Write> Write for Line<'_, W> {
    /// The subscriber hands in whole lines.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.gathers {
            self.outlet.gather(line);
        } else {
            self.outlet.write(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
