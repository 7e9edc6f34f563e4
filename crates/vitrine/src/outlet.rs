//! The log's way out: lines wait for the thread of `tracing-appender`, so that whoever reads slowly, or not at all, keeps
//! nobody else waiting. What that thread writes gathers here, for a write of its own for each call would be a twentieth of
//! all that a call costs; and how many lines are lost is told here.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// How long lines gather: long enough for a hundred of them on a busy server, and no time to somebody who reads along.
const GATHERING: Duration = Duration::from_millis(5);

/// When to try again what would have had to wait: a pipe is filled in less only at several megabytes a second.
const AGAIN: Duration = Duration::from_millis(10);

/// How long the end of the process waits for the last lines: as long as the library does.
const END: Duration = Duration::from_millis(1_100);

/// Lines that may wait for a slow reader: a quarter of a minute of a thousand calls a second.
const WAITING_LINES_MAX: usize = 16 << 10;

/// Bytes of one write: as many as a pipe holds.
const PIECE_BYTES_MAX: usize = 64 << 10;

/// Starts the thread that writes, and gives what has the last lines written.
pub(crate) fn start(to: impl Write + Send + 'static) -> (NonBlocking, Rest) {
    let lost = Arc::<Lost>::default();
    let (lines, guard) = NonBlockingBuilder::default()
        .thread_name("log")
        .buffered_lines_limit(WAITING_LINES_MAX)
        .lossy(true)
        .finish(Gathered::new(to, Arc::clone(&lost)));
    lost.turned_away.get_or_init(|| lines.error_counter());
    (lines, Rest { guard: Some(guard), lost })
}

/// Lines that are lost.
#[derive(Debug, Default)]
struct Lost {
    /// Those that found no room in front of the thread.
    turned_away: OnceLock<ErrorCounter>,
    /// Those that found none behind it.
    failed: AtomicUsize,
    /// Of both, those that are told of.
    told: AtomicUsize,
}

impl Lost {
    /// Tells how many more lines are lost, if any are.
    fn tell(&self) {
        let turned_away = self.turned_away.get().map_or(0, ErrorCounter::dropped_lines);
        let all = turned_away + self.failed.load(Ordering::Relaxed);
        let lost = all.saturating_sub(self.told.swap(all, Ordering::Relaxed));
        if lost > 0 {
            tracing::warn!(
                lost,
                "{lost} lines of the log are lost: it is not read fast enough, or cannot be written"
            );
        }
    }
}

/// Has the last lines written, when it is dropped.
#[derive(Debug)]
pub(crate) struct Rest {
    guard: Option<WorkerGuard>,
    lost: Arc<Lost>,
}

impl Drop for Rest {
    fn drop(&mut self) {
        self.lost.tell();
        let guard = self.guard.take();
        let (ending, ended) = mpsc::channel::<()>();
        let end = move || {
            drop(guard);
            drop(ending);
        };
        // Where the queue is full the library says so on stdout, which may be what nobody reads.
        if thread::Builder::new().name("log end".to_owned()).spawn(end).is_ok() {
            let _ = ended.recv_timeout(END);
        }
    }
}

/// What the thread writes to. It never fails: what cannot be written stays as long as there is room for it.
struct Gathered<W: Write> {
    to: BufWriter<W>,
    lost: Arc<Lost>,
    /// Whether what gathered last could be written.
    writes: bool,
}

impl<W: Write> Gathered<W> {
    fn new(to: W, lost: Arc<Lost>) -> Self {
        Self { to: BufWriter::with_capacity(PIECE_BYTES_MAX, to), lost, writes: true }
    }
}

impl<W: Write> Write for Gathered<W> {
    /// The subscriber hands in whole lines. In pieces, for one that goes past the buffer cannot be tried again.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut pieces = line.chunks(PIECE_BYTES_MAX / 2);
        if pieces.try_for_each(|piece| waited(|| self.to.write_all(piece))).is_err() {
            self.lost.failed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    /// Asked for when no more lines wait.
    fn flush(&mut self) -> io::Result<()> {
        // Now, when it finds room; and not into what cannot be written.
        if self.writes {
            self.lost.tell();
        }
        thread::sleep(GATHERING);
        self.writes = waited(|| self.to.flush()).is_ok();
        Ok(())
    }
}

/// Tries again while the other end would have to be waited for.
fn waited(mut attempt: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    loop {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(AGAIN),
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::collections::VecDeque;
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Answers writes as it is told to, and then takes all.
    struct Scripted {
        /// Bytes that a write takes at most, or how it fails.
        answers: VecDeque<Result<usize, ErrorKind>>,
        written: Sender<String>,
    }

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = self.answers.pop_front().unwrap_or(Ok(bytes.len()))?.min(bytes.len());
            self.written.send(String::from_utf8(bytes[..taken].to_vec()).unwrap()).unwrap();
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gathered<const N: usize>(
        answers: [Result<usize, ErrorKind>; N],
    ) -> (Gathered<Scripted>, Receiver<String>) {
        let (written, read) = channel();
        (Gathered::new(Scripted { answers: answers.into(), written }, Arc::default()), read)
    }

    /// What is told while something is done.
    fn told(done: impl FnOnce()) -> String {
        let (written, read) = channel();
        let lines = Mutex::new(Scripted { answers: VecDeque::new(), written });
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(lines).finish();
        tracing::subscriber::with_default(log, done);
        read.try_iter().collect()
    }

    #[test]
    fn lines_are_written_together() {
        let (mut out, read) = gathered([]);
        out.write_all(b"one\n").unwrap();
        out.write_all(b"two\n").unwrap();
        assert!(read.try_recv().is_err(), "they gather");
        assert_eq!(told(|| out.flush().unwrap()), "", "nothing is lost");
        assert_eq!(read.try_iter().collect::<Vec<_>>(), ["one\ntwo\n"]);
    }

    #[test]
    fn what_would_have_to_wait_is_written_later_and_whole() {
        let (wait, stopped) = (Err(ErrorKind::WouldBlock), Err(ErrorKind::Interrupted));
        let (mut out, read) = gathered([stopped, Ok(6), wait, wait, Ok(1)]);
        out.write_all(b"one\ntwo\nthree\n").unwrap();
        assert_eq!(told(|| out.flush().unwrap()), "");
        assert_eq!(read.try_iter().collect::<Vec<_>>(), ["one\ntw", "o", "\nthree\n"]);
    }

    #[test]
    fn a_full_disk_loses_what_finds_no_room_which_is_told_once_and_when_it_can_be() {
        let full = Err(ErrorKind::StorageFull);
        let (mut out, read) = gathered([Ok(6), full, full, full]);
        let rest = format!("{}\n", "a".repeat(PIECE_BYTES_MAX - 9));
        out.write_all(b"one\ntwo\n").unwrap();
        assert_eq!(told(|| out.flush().unwrap()), "");
        out.write_all(rest.as_bytes()).unwrap();
        for _ in 0..2 {
            out.write_all(b"no room\n").unwrap();
        }
        assert_eq!(told(|| out.flush().unwrap()), "", "it could not be written a moment ago");
        assert_eq!(read.try_iter().collect::<String>(), format!("one\ntwo\n{rest}"));
        let first = told(|| out.flush().unwrap());
        assert!(first.contains("2 lines of the log are lost") && first.lines().count() == 1, "{first}");
        assert_eq!(told(|| out.flush().unwrap()), "", "it is told once");
    }

    #[test]
    fn a_line_that_is_longer_than_a_write_comes_whole_and_once() {
        let wait = Err(ErrorKind::WouldBlock);
        let (mut out, read) = gathered([Ok(7), wait, Ok(9), wait, wait, Ok(1 << 15), wait]);
        let line = format!("{}\n", "abcdefg".repeat(PIECE_BYTES_MAX / 3));
        out.write_all(line.as_bytes()).unwrap();
        out.write_all(b"next\n").unwrap();
        out.flush().unwrap();
        assert_eq!(read.try_iter().collect::<String>(), format!("{line}next\n"));
    }

    #[test]
    fn what_is_lost_is_told_in_the_end_too() {
        let lost = Arc::<Lost>::default();
        lost.failed.store(3, Ordering::Relaxed);
        let end = told(|| drop(Rest { guard: None, lost }));
        assert!(end.contains("3 lines of the log are lost") && end.lines().count() == 1, "{end}");
    }

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

    #[test]
    fn who_reads_slowly_keeps_nobody_waiting_and_what_finds_no_room_is_counted() {
        let ((written, read), (let_it, may)) = (channel(), channel());
        let (mut lines, rest) = start(Slow { written, may });
        // All of this returns although nothing is written.
        let all = 3 * WAITING_LINES_MAX;
        for _ in 0..all {
            lines.write_all(&[b'a'; 100]).unwrap();
        }
        let lost = lines.error_counter().dropped_lines();
        // What waits stands in front of the thread or behind it.
        assert!((WAITING_LINES_MAX..=2 * WAITING_LINES_MAX).contains(&lost), "{lost} of {all}");
        drop(let_it);
        drop(rest);
        let written: usize = read.try_iter().map(|piece| piece.len()).sum();
        assert_eq!(written, (all - lost) * 100);
    }
}
