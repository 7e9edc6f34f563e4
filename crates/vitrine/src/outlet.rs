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
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Hands on what is written, and waits with each write until it may.
    struct Slow {
        written: Sender<String>,
        may: Receiver<()>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Without somebody to say so it may.
            let _ = self.may.recv();
            let _ = self.written.send(String::from_utf8(bytes.to_vec()).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn outlet() -> (Outlet<Slow>, Rest<Slow>, Receiver<String>, Sender<()>) {
        let ((written, read), (let_it, may)) = (channel(), channel());
        let (outlet, rest) = Outlet::new(Slow { written, may });
        (outlet, rest, read, let_it)
    }

    #[test]
    fn what_waits_is_written_before_what_does_not() {
        let (outlet, rest, read, let_it) = outlet();
        drop(let_it);
        outlet.0.gather(b"one\n");
        outlet.0.gather(b"two\n");
        assert!(read.try_recv().is_err(), "nobody comes for them");
        outlet.0.write(b"three\n");
        outlet.0.gather(b"four\n");
        drop(rest);
        let all: Vec<String> = read.try_iter().collect();
        assert_eq!(all, ["one\ntwo\nthree\n", "four\n"]);
    }

    #[test]
    fn who_reads_slowly_keeps_nobody_waiting_and_loses_what_finds_no_room() {
        let (outlet, _rest, read, let_it) = outlet();
        outlet.start().unwrap();
        let line = vec![b'a'; 1 << 16];
        outlet.0.gather(&line);
        // All of this returns although nothing is written.
        let lines = 3 * WAITING_BYTES_MAX / line.len();
        for _ in 0..lines {
            outlet.0.gather(&line);
        }
        let lost = usize::try_from(lock(&outlet.0.waiting).lost).unwrap();
        assert!((lines / 3..lines).contains(&lost), "{lost} of {lines}");
        drop(let_it);
        let mut written = 0;
        while written < (lines + 1 - lost) * line.len() {
            written += read.recv().unwrap().len();
        }
        assert_eq!(written, (lines + 1 - lost) * line.len());
    }

    #[test]
    fn the_writer_comes_for_each_line_that_gathers() {
        let (outlet, _rest, read, let_it) = outlet();
        drop(let_it);
        outlet.start().unwrap();
        for number in 0..20 {
            let line = format!("{number}\n");
            outlet.0.gather(line.as_bytes());
            assert_eq!(read.recv().unwrap(), line);
        }
    }

    #[test]
    fn a_writer_that_blocks_keeps_no_line_waiting_and_the_end_not_for_ever() {
        let (outlet, rest, read, let_it) = outlet();
        outlet.start().unwrap();
        outlet.0.write(b"one\n");
        // Each of them returns although the writer does not.
        outlet.0.gather(b"two\n");
        outlet.0.write(b"three\n");
        assert_eq!(outlet.0.finish(Duration::ZERO), 3, "nothing is written, and that is known");
        drop(let_it);
        assert_eq!(outlet.0.finish(Duration::from_mins(1)), 0);
        assert_eq!(read.try_iter().collect::<String>(), "one\ntwo\nthree\n");
        drop(rest);
    }

    /// Answers writes as it is told to, and then takes all.
    struct Scripted {
        /// Bytes that a write takes at most, or how it fails.
        answers: VecDeque<Result<usize, ErrorKind>>,
        written: Sender<u8>,
    }

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = self.answers.pop_front().unwrap_or(Ok(bytes.len()))?.min(bytes.len());
            bytes[..taken].iter().for_each(|byte| self.written.send(*byte).unwrap());
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn scripted<const N: usize>(
        answers: [Result<usize, ErrorKind>; N],
    ) -> (Outlet<Scripted>, Rest<Scripted>, impl Fn() -> String) {
        let (written, read) = channel();
        let (outlet, rest) = Outlet::new(Scripted { answers: answers.into(), written });
        (outlet, rest, move || String::from_utf8(read.try_iter().collect()).unwrap())
    }

    #[test]
    fn what_would_have_to_wait_is_written_later_and_whole() {
        let (outlet, rest, read) = scripted([
            Err(ErrorKind::Interrupted),
            Ok(6),
            Err(ErrorKind::WouldBlock),
            Err(ErrorKind::WouldBlock),
        ]);
        outlet.0.write(b"one\ntwo\n");
        assert_eq!(read(), "one\ntw");
        outlet.0.write(b"three\n");
        assert_eq!(read(), "");
        drop(rest);
        assert_eq!(read(), "o\nthree\n");
        assert_eq!(lock(&outlet.0.waiting).lost, 0);

        let (outlet, _rest, read) = scripted([Ok(2), Err(ErrorKind::WouldBlock)]);
        outlet.start().unwrap();
        outlet.0.write(b"one\n");
        assert_eq!(outlet.0.finish(Duration::from_mins(1)), 0);
        assert_eq!(read(), "one\n", "the thread tries again too");
    }

    #[test]
    fn a_write_that_fails_loses_counted_lines_and_the_next_one_starts_a_line() {
        let full = Err(ErrorKind::StorageFull);
        let (outlet, rest, read) = scripted([Ok(6), full, full, Err(ErrorKind::BrokenPipe), Ok(1), Ok(0)]);
        outlet.0.gather(b"one\n");
        outlet.0.gather(b"two\n");
        outlet.0.write(b"three\n");
        assert_eq!(read(), "one\ntw");
        assert_eq!(lock(&outlet.0.waiting).lost, 2);
        outlet.0.write(b"four\n");
        outlet.0.write(b"five\n");
        // The line feed, and no more.
        outlet.0.write(b"six\n");
        assert_eq!((read().as_str(), lock(&outlet.0.waiting).lost), ("\n", 5));
        outlet.0.write(b"seven\n");
        assert_eq!(read(), "seven\n", "no second line feed");

        let log = tracing_subscriber::fmt().with_writer(Outlet(Arc::clone(&outlet.0))).finish();
        tracing::subscriber::with_default(log, || drop(rest));
        let told = read();
        assert!(told.contains("5 lines of the log are lost") && told.lines().count() == 1, "{told}");
        assert_eq!(outlet.0.finish(Duration::ZERO), 0);
    }

    #[test]
    fn lost_lines_are_told_once_and_not_before_something_can_be_written() {
        let (outlet, _rest, read) =
            scripted([Err(ErrorKind::StorageFull), Ok(4), Err(ErrorKind::StorageFull)]);
        let log = tracing_subscriber::fmt().with_writer(Outlet(Arc::clone(&outlet.0))).finish();
        // As the thread does it.
        lock(&outlet.0.waiting).followed = true;
        tracing::subscriber::with_default(log, || {
            outlet.0.gather(b"one\n");
            outlet.0.round();
            assert!(lock(&outlet.0.waiting).text.is_empty(), "it does not tell into a full disk without end");
            outlet.0.gather(b"two\n");
            outlet.0.round();
            assert_eq!(read(), "two\n");
            // What tells of the first is lost itself.
            outlet.0.round();
            assert_eq!((read().as_str(), lock(&outlet.0.waiting).lost), ("", 2));
            outlet.0.gather(b"three\n");
            outlet.0.round();
            assert_eq!(read(), "three\n");
            outlet.0.round();
        });
        let told = read();
        assert!(told.contains("2 lines of the log are lost") && told.lines().count() == 1, "{told}");
        assert_eq!(lock(&outlet.0.waiting).lost, 0);
        assert!(lock(&outlet.0.waiting).text.is_empty());
        // Nobody follows from here on.
        lock(&outlet.0.waiting).followed = false;
    }
}
