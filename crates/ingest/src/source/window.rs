//! A fixed window on a stream, which counts lines and keeps a copy of what is asked for.

use std::io::{self, Read, Write};

use super::file::Stream;
use super::spool::Spool;
use memchr::{memchr, memchr_iter};

/// Bytes of a stream held at a time; also how far the shape of an input is looked for.
pub(super) const WINDOW_BYTES: usize = 64 * 1024;

const BOM: &[u8] = b"\xef\xbb\xbf";
/// A spool is written once and read twice: the fastest level.
const SPOOL_LEVEL: i32 = 1;

pub(super) struct Window {
    stream: Stream,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    ended: bool,
    /// Why the stream has ended, if it should not have; said when all before it is taken.
    failure: Option<io::Error>,
    line: u64,
    line_start: bool,
    tape: Option<Tape>,
}

/// The bytes taken since the tape was started, up to a limit.
pub(super) struct Tape {
    pub(super) bytes: Vec<u8>,
    /// More was taken than the limit allowed to keep.
    pub(super) overflowed: bool,
    limit: usize,
}

impl Window {
    /// At the start of `stream`, behind its byte order mark if it has one.
    pub(super) fn open(stream: Stream) -> Self {
        let mut window = Self {
            stream,
            buffer: vec![0; WINDOW_BYTES].into(),
            start: 0,
            end: 0,
            ended: false,
            failure: None,
            line: 1,
            line_start: true,
            tape: None,
        };
        while window.unread().len() < BOM.len() && window.fetch() {}
        if window.unread().starts_with(BOM) {
            window.start += BOM.len();
        }
        window
    }

    /// The line of the next byte, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Whether the next byte is the first of its line.
    pub(super) fn at_line_start(&self) -> bool {
        self.line_start
    }

    /// What is in the window and not yet taken.
    pub(super) fn unread(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Whether all of the next line that is not blank is unread in the window.
    pub(super) fn holds_line(&self) -> bool {
        memchr(b'\n', self.unread().trim_ascii_start()).is_some()
    }

    /// Adds to what is unread; false when the window is full or the stream has ended.
    pub(super) fn fetch(&mut self) -> bool {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        while !self.ended && self.end < self.buffer.len() {
            match self.stream.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(bytes) => {
                    self.end += bytes;
                    return true;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    self.failure = Some(error);
                }
            }
        }
        false
    }

    /// At least one byte, or none at the end.
    pub(super) fn ahead(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end
            && !self.fetch()
            && let Some(failure) = self.failure.take()
        {
            return Err(failure);
        }
        Ok(self.unread())
    }

    /// The next byte, not taken.
    pub(super) fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.ahead()?.first().copied())
    }

    /// Takes `count` of the unread bytes.
    pub(super) fn take(&mut self, count: usize) {
        let taken = &self.buffer[self.start..self.start + count];
        let Some(last) = taken.last() else { return };
        self.line += memchr_iter(b'\n', taken).count() as u64;
        self.line_start = *last == b'\n';
        if let Some(tape) = &mut self.tape {
            tape.add(taken);
        }
        self.start += count;
    }

    /// Takes white space, and says what comes then.
    pub(super) fn skip_blank(&mut self) -> io::Result<Option<u8>> {
        loop {
            let ahead = self.ahead()?;
            let blank = ahead.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            if let Some(byte) = ahead.get(blank) {
                let byte = *byte;
                self.take(blank);
                return Ok(Some(byte));
            }
            if blank == 0 {
                return Ok(None);
            }
            self.take(blank);
        }
    }

    /// Takes the rest of the line with its line feed; false when there is nothing more.
    pub(super) fn take_line(&mut self) -> io::Result<bool> {
        let mut any = false;
        loop {
            let ahead = self.ahead()?;
            if ahead.is_empty() {
                return Ok(any);
            }
            any = true;
            let end = memchr(b'\n', ahead);
            let count = end.map_or(ahead.len(), |at| at + 1);
            self.take(count);
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    /// Starts to keep what is taken, up to `limit` bytes, in place of what was kept before.
    pub(super) fn start_tape(&mut self, limit: usize) {
        self.tape = Some(Tape { bytes: Vec::new(), overflowed: false, limit });
    }

    /// Ends the tape; an empty one when none was started.
    pub(super) fn end_tape(&mut self) -> Tape {
        self.tape.take().unwrap_or(Tape { bytes: Vec::new(), overflowed: false, limit: 0 })
    }

    /// Bytes the window itself holds: the tape is the caller's.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.buffer.len() + self.tape.as_ref().map_or(0, |tape| tape.bytes.capacity())
    }

    /// Moves all that is not yet taken to a temporary file and goes on from there; the second window reads the same
    /// again. The file is gone when both are. An error is one of the temporary file.
    pub(super) fn fork(&mut self) -> io::Result<Self> {
        let file = Spool::new()?;
        let mut spool = zstd::Encoder::new(file.clone(), SPOOL_LEVEL)?;
        loop {
            spool.write_all(self.unread())?;
            self.start = self.end;
            if !self.fetch() {
                break;
            }
        }
        spool.finish()?;
        let reopen = || -> io::Result<Stream> { Ok(Box::new(zstd::Decoder::new(file.reader())?)) };
        self.stream = reopen()?;
        self.ended = false;
        let (stream, buffer) = (reopen()?, vec![0; WINDOW_BYTES].into());
        Ok(Self { stream, buffer, start: 0, end: 0, ended: false, failure: None, tape: None, ..*self })
    }
}

impl Tape {
    fn add(&mut self, taken: &[u8]) {
        let room = self.limit - self.bytes.len();
        if taken.len() > room {
            self.overflowed = true;
        }
        self.bytes.extend_from_slice(&taken[..taken.len().min(room)]);
    }

    /// What was kept, without the blanks around it.
    pub(super) fn trimmed(mut self) -> Vec<u8> {
        let kept = self.bytes.trim_ascii_end().len();
        self.bytes.truncate(kept);
        let blank = self.bytes.len() - self.bytes.trim_ascii_start().len();
        self.bytes.drain(..blank);
        self.bytes
    }
}
