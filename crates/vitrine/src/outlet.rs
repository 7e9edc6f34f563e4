//! The log's way out: lines of the access log gather and are written together; every other line is written at once.
//!
//! A write of its own for each call would be a twentieth of all that a call costs, and whoever reads the log slowly would
//! keep calls waiting.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// How long lines gather: long enough for a hundred of them on a busy server, and no time to somebody who reads along.
const GATHERING: Duration = Duration::from_millis(5);

/// Bytes that may wait for a slow reader: half a minute of a thousand calls a second.
const WAITING_BYTES_MAX: usize = 8 << 20;

/// Where the log goes.
#[derive(Debug)]
pub(crate) struct Outlet<W>(Arc<Shared<W>>);

#[derive(Debug)]
struct Shared<W> {
    waiting: Mutex<Waiting>,
    more: Condvar,
    /// Taken before `waiting` where both are: what gathers first is written first.
    out: Mutex<W>,
}

/// Lines that are still to be written.
#[derive(Debug, Default)]
struct Waiting {
    text: Vec<u8>,
    /// Lines that found no room.
    lost: u64,
    /// Whether the writer comes for them by itself.
    expected: bool,
}

/// Writes what still waits, when it is dropped.
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
    pub(crate) fn new(out: W) -> (Self, Rest<W>) {
        let outlet =
            Self(Arc::new(Shared { waiting: Mutex::default(), more: Condvar::new(), out: Mutex::new(out) }));
        let rest = Rest(Self(Arc::clone(&outlet.0)));
        (outlet, rest)
    }

    /// Starts the thread that writes what has gathered. Without it lines wait for the next one that does not.
    pub(crate) fn start(&self) -> io::Result<()> {
        let shared = Arc::clone(&self.0);
        thread::Builder::new().name("log".to_owned()).spawn(move || shared.follow()).map(drop)
    }
}

impl<W: Write> Shared<W> {
    /// Writes what gathers, for ever.
    fn follow(&self) {
        loop {
            let waiting = lock(&self.waiting);
            let mut waiting = self
                .more
                .wait_while(waiting, |waiting| {
                    waiting.expected = false;
                    waiting.text.is_empty() && waiting.lost == 0
                })
                .unwrap_or_else(PoisonError::into_inner);
            waiting.expected = true;
            drop(waiting);
            thread::sleep(GATHERING);
            self.write(&[]);
            let lost = std::mem::take(&mut lock(&self.waiting).lost);
            if lost > 0 {
                tracing::warn!(lost, "{lost} lines of the access log are lost: nobody reads it fast enough");
            }
        }
    }

    /// Has a line wait, if there is room.
    fn gather(&self, line: &[u8]) {
        let mut waiting = lock(&self.waiting);
        if waiting.text.len() + line.len() > WAITING_BYTES_MAX {
            waiting.lost += 1;
            return;
        }
        waiting.text.extend_from_slice(line);
        if !waiting.expected {
            waiting.expected = true;
            self.more.notify_one();
        }
    }

    /// Writes what waits, and a line behind it. Whoever reads it may have ended first, and nothing fails for want of a
    /// log line.
    fn write(&self, line: &[u8]) {
        let mut out = lock(&self.out);
        let text = std::mem::take(&mut lock(&self.waiting).text);
        for bytes in [&text, line] {
            if !bytes.is_empty() {
                let _ = out.write_all(bytes);
            }
        }
        let _ = out.flush();
    }
}

/// A panic in between leaves whole lines behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<W: Write> Drop for Rest<W> {
    fn drop(&mut self) {
        self.0.0.write(&[]);
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
        assert_eq!(all, ["one\ntwo\n", "three\n", "four\n"]);
    }

    #[test]
    fn who_reads_slowly_keeps_nobody_waiting_and_loses_what_finds_no_room() {
        let (outlet, _rest, read, let_it) = outlet();
        outlet.start().unwrap();
        let line = [b'a'; 1 << 16];
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
}
