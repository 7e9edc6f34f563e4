//! The records of a DAS JSON input, whatever shape it has.

use std::io::{self, Cursor};
use std::sync::Arc;

use super::file::{Source, Stream};
use super::lines;
use super::shape::{Shape, detect, holds_assets};
use super::values::{Scout, Values};
use super::window::Window;
use super::{BadRecord, Entry, Place, ReadError};

/// Reads the assets of one input, in order and with memory that does not grow with it:
///
/// - NDJSON, an asset or a saved response a line;
/// - a JSON array of assets, nulls skipped;
/// - a saved response (`items`, an array or a single asset as `result`), with or without its JSON-RPC envelope;
/// - any of the latter one after the other.
///
/// After an error there is nothing more.
pub struct Records {
    shape: Reader,
    /// Whether somebody may still be writing the input: a pipe.
    live: bool,
    done: bool,
}

enum Reader {
    Lines(Box<Lines>),
    Values(Box<Values>),
}

struct Lines {
    window: Window,
    max_record_bytes: usize,
    /// A line that holds several assets, and the number of that line.
    inner: Option<(Box<Values>, u64, Arc<[u8]>)>,
}

impl Records {
    /// Opens the input and looks at its first 64 KiB. A record may have `max_record_bytes`.
    pub fn open(source: &Arc<Source>, max_record_bytes: usize) -> Result<Self, ReadError> {
        let stream = source.open().map_err(ReadError::opening)?;
        let scout = if source.rewindable() {
            let source = Arc::clone(source);
            Scout::Reopen(Box::new(move || source.open_again()))
        } else {
            Scout::Spool
        };
        let live = !source.rewindable();
        Ok(Self { live, ..Self::of(stream, max_record_bytes, scout) })
    }

    /// Whether the next record may have to be waited for. Of values over several lines nobody tells: they are taken as what is
    /// there already.
    pub(crate) fn waits(&self) -> bool {
        let Reader::Lines(lines) = &self.shape else { return false };
        self.live && !self.done && lines.inner.is_none() && !lines.window.holds_line()
    }

    fn of(stream: Stream, max_record_bytes: usize, scout: Scout) -> Self {
        let mut window = Window::open(stream);
        let shape = loop {
            if let Some(shape) = detect(window.unread(), false) {
                break shape;
            }
            if !window.fetch() {
                break detect(window.unread(), true).unwrap_or(Shape::Lines);
            }
        };
        let shape = match shape {
            Shape::Lines => Reader::Lines(Box::new(Lines { window, max_record_bytes, inner: None })),
            Shape::Values => Reader::Values(Box::new(Values::new(window, max_record_bytes, scout))),
        };
        Self { shape, live: false, done: false }
    }
}

impl Iterator for Records {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = match &mut self.shape {
            Reader::Lines(lines) => lines.next(),
            Reader::Values(values) => values.next(),
        };
        self.done = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

impl Lines {
    fn next(&mut self) -> Result<Option<Entry>, ReadError> {
        loop {
            if let Some(entry) = self.next_inner() {
                return Ok(Some(entry));
            }
            match lines::next(&mut self.window, self.max_record_bytes)? {
                Some(Entry::Record(record)) if holds_assets(&record.text) => {
                    self.inner = Some(self.split(record.place.line, record.text.into()));
                }
                next => return Ok(next),
            }
        }
    }

    fn split(&self, line: u64, text: Arc<[u8]>) -> (Box<Values>, u64, Arc<[u8]>) {
        let copy = Arc::clone(&text);
        let open = move || -> io::Result<Stream> { Ok(Box::new(Cursor::new(Arc::clone(&copy)))) };
        let window = Window::open(Box::new(Cursor::new(Arc::clone(&text))));
        let values = Values::new(window, self.max_record_bytes, Scout::Reopen(Box::new(open)));
        (Box::new(values), line, text)
    }

    /// The next record of a line that holds several.
    fn next_inner(&mut self) -> Option<Entry> {
        let (values, line, _) = self.inner.as_mut()?;
        let line = *line;
        match values.next() {
            Ok(Some(mut entry)) => {
                match &mut entry {
                    Entry::Record(record) => record.place.line = line,
                    Entry::Bad(bad) => bad.place.line = line,
                }
                Some(entry)
            }
            Ok(None) => {
                self.inner = None;
                None
            }
            Err(error) => {
                let (_, line, text) = self.inner.take()?;
                let reason = match error {
                    ReadError::Truncated { .. } => "cut off at the end of the line".to_owned(),
                    ReadError::Malformed { reason, .. } => reason.to_owned(),
                    other => other.to_string(),
                };
                let place = Place { line, item: None };
                Some(Entry::Bad(BadRecord { place, reason, raw: text.to_vec() }))
            }
        }
    }
}

#[cfg(test)]
mod tests;
