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
    let (outlet, _rest, read) = scripted([Err(ErrorKind::StorageFull), Ok(4), Err(ErrorKind::StorageFull)]);
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
