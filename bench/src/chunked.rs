//! The chunked transfer coding, for answers whose length is not known when they begin.

use anyhow::{Context as _, Result, bail, ensure};

/// The longest line with a chunk's size.
const LINE_BYTES_MAX: usize = 128;

/// Reads chunks piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    state: State,
    line: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the line with the size of the next chunk.
    #[default]
    Size,
    /// In a chunk that has so many bytes left.
    Data(usize),
    /// In the line end behind a chunk.
    DataEnd,
    /// In the lines behind the last chunk; an empty one ends them.
    Trailer,
    /// Behind everything.
    End,
}

impl Chunks {
    /// Takes the next bytes and gives those of the body to `sink`.
    pub(crate) fn read(&mut self, mut bytes: &[u8], mut sink: impl FnMut(&[u8])) -> Result<()> {
        while !bytes.is_empty() {
            if let State::Data(left) = self.state {
                let (piece, rest) = bytes.split_at(left.min(bytes.len()));
                sink(piece);
                bytes = rest;
                self.state =
                    if left == piece.len() { State::DataEnd } else { State::Data(left - piece.len()) };
                continue;
            }
            ensure!(self.state != State::End, "bytes behind the last chunk");
            let end = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1);
            let (part, rest) = bytes.split_at(end);
            self.line.extend_from_slice(part);
            bytes = rest;
            ensure!(self.line.len() <= LINE_BYTES_MAX, "a chunk's line of more than {LINE_BYTES_MAX} bytes");
            if self.line.ends_with(b"\n") {
                self.state = next(self.state, &self.line)?;
                self.line.clear();
            }
        }
        Ok(())
    }

    /// Whether everything was read.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::End
    }
}

/// What follows a whole line.
fn next(state: State, line: &[u8]) -> Result<State> {
    let text = std::str::from_utf8(line)?.trim_end();
    Ok(match state {
        State::Size => {
            let size = text.split(';').next().unwrap_or_default().trim();
            match usize::from_str_radix(size, 16).with_context(|| format!("the size of a chunk: {text:?}"))? {
                0 => State::Trailer,
                size => State::Data(size),
            }
        }
        State::DataEnd if text.is_empty() => State::Size,
        State::Trailer if text.is_empty() => State::End,
        State::Trailer => State::Trailer,
        State::DataEnd | State::Data(_) | State::End => bail!("{text:?} behind a chunk"),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn chunks_are_read_however_they_are_cut() {
        let text = b"4\r\nbody\r\nB;name=value\r\n, continued\r\n0\r\nname: value\r\n\r\n";
        for size in 1..=text.len() {
            let (mut chunks, mut body) = (Chunks::default(), Vec::new());
            for (at, piece) in text.chunks(size).enumerate() {
                assert!(!chunks.is_done(), "{at} of {size}");
                chunks.read(piece, |bytes| body.extend_from_slice(bytes)).unwrap();
            }
            assert!(chunks.is_done());
            assert_eq!(body, b"body, continued");
        }
        for wrong in [&b"x\r\n"[..], b"1\r\nab\r\n", b"0\r\n\r\nmore"] {
            assert!(Chunks::default().read(wrong, |_| {}).is_err());
        }
    }
}
