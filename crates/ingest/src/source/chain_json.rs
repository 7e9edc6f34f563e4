//! Lines of what the chain said: an account or a transaction each.

use std::sync::Arc;

use super::file::Source;
use super::window::Window;
use super::{Entry, ReadError, lines};

/// Reads an input line by line, with memory that does not grow with it. What a line says is looked at later.
///
/// After an error there is nothing more.
pub struct ChainLines {
    window: Window,
    max_record_bytes: usize,
    /// Whether somebody may still be writing the input: a pipe.
    live: bool,
    done: bool,
}

impl ChainLines {
    /// Opens the input. A line may have `max_record_bytes`.
    pub fn open(source: &Arc<Source>, max_record_bytes: usize) -> Result<Self, ReadError> {
        let stream = source.open().map_err(ReadError::opening)?;
        Ok(Self { window: Window::open(stream), max_record_bytes, live: !source.rewindable(), done: false })
    }

    /// Whether the next line may have to be waited for.
    pub(crate) fn waits(&self) -> bool {
        self.live && !self.done && !self.window.holds_line()
    }
}

impl Iterator for ChainLines {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = lines::next(&mut self.window, self.max_record_bytes);
        self.done = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::io::Write;

    use super::super::{BadRecord, Input, Progress, Record};
    use super::*;

    fn lines(raw: &[u8]) -> Vec<Result<Entry, ReadError>> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(raw).unwrap();
        let source = Source::new(Input::Path(file.path().into()), Arc::new(Progress::default()));
        ChainLines::open(&Arc::new(source), 16).unwrap().collect()
    }

    #[test]
    fn lines_come_with_their_numbers_and_too_long_ones_as_bad() {
        let text = b"{\"account\":1}\r\n\n  \n{\"a\":[1,{\"id\":2}]}\n[{\"id\":1}]";
        for raw in [text.to_vec(), zstd::encode_all(&text[..], 1).unwrap()] {
            let found: Vec<_> = lines(&raw).into_iter().map(Result::unwrap).collect();
            let found: Vec<_> = found
                .iter()
                .map(|entry| match entry {
                    Entry::Record(Record { place, text, .. }) => (place.line, true, text.as_slice()),
                    Entry::Bad(BadRecord { place, raw, .. }) => (place.line, false, raw.as_slice()),
                })
                .collect();
            let expected: [(u64, bool, &[u8]); 3] = [
                (1, true, b"{\"account\":1}"),
                (4, false, b"{\"a\":[1,{\"id\":2}"),
                // An array is a line as any other here.
                (5, true, b"[{\"id\":1}]"),
            ];
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_cut_off_stream_ends_with_an_error() {
        let whole = zstd::encode_all(&b"{}\n".repeat(1000)[..], 1).unwrap();
        let last = lines(&whole[..whole.len() - 3]).pop().unwrap();
        assert!(matches!(last, Err(ReadError::Truncated { .. })));
    }
}
