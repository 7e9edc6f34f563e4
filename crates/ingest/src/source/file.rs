//! Opening a file or standard input: decompression by magic bytes, and how far reading has come.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use super::ReadError;
use super::spool::Spool;

/// Bytes asked of the system at once.
const READ_BYTES: usize = 256 * 1024;
/// The longest magic number looked for.
const MAGIC_BYTES: usize = 4;

/// Decompressed bytes of one pass over an input.
pub(super) type Stream = Box<dyn Read + Send>;

/// What the user named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// `-`.
    Stdin,
    /// A file, or anything that can be opened like one.
    Path(PathBuf),
}

/// How much was read, shared with whoever shows it. Counts compressed bytes, as they are on disk.
#[derive(Debug, Default)]
pub struct Progress {
    read: AtomicU64,
    expected: AtomicU64,
    endless: AtomicBool,
}

/// An input that can be opened, once or (a regular file, a spooled one) as often as needed.
#[derive(Debug)]
pub struct Source {
    input: Input,
    spool: Option<Spool>,
    progress: Arc<Progress>,
}

/// Counts what passes through.
struct Counted<R> {
    inner: R,
    progress: Arc<Progress>,
}

impl Input {
    /// `-` is standard input, anything else a path.
    pub fn from_argument(argument: &OsStr) -> Self {
        if argument == "-" { Self::Stdin } else { Self::Path(argument.into()) }
    }

    /// The path, for an input that has one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Stdin => None,
            Self::Path(path) => Some(path),
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => out.write_str("standard input"),
            Self::Path(path) => path.display().fmt(out),
        }
    }
}

impl Progress {
    /// Raw bytes read so far, over all passes.
    pub fn read_bytes(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Raw bytes that will have been read at the end; none while an input of unknown length takes part. It grows
    /// when an input turns out to need one more pass.
    pub fn expected_bytes(&self) -> Option<u64> {
        let endless = self.endless.load(Ordering::Relaxed);
        (!endless).then(|| self.expected.load(Ordering::Relaxed))
    }

    fn expect(&self, bytes: Option<u64>) {
        match bytes {
            Some(bytes) => drop(self.expected.fetch_add(bytes, Ordering::Relaxed)),
            None => self.endless.store(true, Ordering::Relaxed),
        }
    }
}

impl Source {
    /// Announces the input to `progress`; opens nothing yet. A path that does not exist is reported by [`open`].
    ///
    /// [`open`]: Self::open
    pub fn new(input: Input, progress: Arc<Progress>) -> Self {
        let source = Self { input, spool: None, progress };
        match source.length() {
            Some(bytes) => source.progress.expect(Some(bytes)),
            // What cannot be looked at cannot be read either, and makes no total unknown.
            None if source.input.path().is_some_and(|path| !path.exists()) => {}
            None => source.progress.expect(None),
        }
        source
    }

    /// What the user named.
    pub fn input(&self) -> &Input {
        &self.input
    }

    /// Whether it can be opened more than once: a regular file or a spooled stream, no pipe.
    pub fn rewindable(&self) -> bool {
        self.length().is_some()
    }

    /// The input from its start, decompressed: gzip (of any number of members) and zstd (of any number of frames) are
    /// known by their first bytes, whatever the name says.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        match (&self.spool, &self.input) {
            (Some(spool), _) => self.decoded(spool.reader()),
            (None, Input::Path(path)) => self.decoded(File::open(path)?),
            (None, Input::Stdin) => self.decoded(io::stdin()),
        }
    }

    /// Announces one more pass over the input to its [`Progress`].
    pub fn expect_again(&self) {
        self.progress.expect(self.length());
    }

    /// As [`open`](Self::open), for a pass that was not announced.
    pub fn open_again(&self) -> io::Result<Box<dyn Read + Send>> {
        self.expect_again();
        self.open()
    }

    /// The same input, its bytes copied to a temporary file, so that it is rewindable.
    pub fn spooled(self) -> Result<Self, ReadError> {
        let mut spool = Spool::new().map_err(ReadError::Spool)?;
        let copied = match &self.input {
            Input::Path(path) => {
                let file = File::open(path).map_err(ReadError::Open)?;
                io::copy(&mut self.counted(file), &mut spool)
            }
            Input::Stdin => io::copy(&mut self.counted(io::stdin()), &mut spool),
        };
        copied.map_err(ReadError::Spool)?;
        Ok(Self { spool: Some(spool), ..self })
    }

    /// Raw bytes, where the system knows them.
    fn length(&self) -> Option<u64> {
        let metadata = match (&self.spool, &self.input) {
            (Some(spool), _) => return spool.length().ok(),
            (None, Input::Path(path)) => path.metadata(),
            (None, Input::Stdin) => return None,
        };
        metadata.ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len())
    }

    fn counted<R: Read>(&self, inner: R) -> Counted<R> {
        Counted { inner, progress: Arc::clone(&self.progress) }
    }

    fn decoded(&self, raw: impl Read + Send + 'static) -> io::Result<Stream> {
        decoded(self.counted(raw))
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.inner.read(buffer)?;
        self.progress.read.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

/// Decompresses what says of itself that it is compressed.
fn decoded(mut raw: impl Read + Send + 'static) -> io::Result<Stream> {
    let mut magic = Vec::with_capacity(MAGIC_BYTES);
    raw.by_ref().take(MAGIC_BYTES as u64).read_to_end(&mut magic)?;
    let gzip = magic.starts_with(&[0x1f, 0x8b]);
    let zstd = is_zstd(&magic);
    let whole = BufReader::with_capacity(READ_BYTES, Cursor::new(magic).chain(raw));
    Ok(if gzip {
        Box::new(MultiGzDecoder::new(whole))
    } else if zstd {
        Box::new(zstd::Decoder::with_buffer(whole)?)
    } else {
        Box::new(whole)
    })
}

/// A zstd frame, or the skippable frame that parallel compressors put first.
fn is_zstd(magic: &[u8]) -> bool {
    matches!(magic, [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18])
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::io::Write;

    use tempfile::NamedTempFile;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn read(raw: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        decoded(Cursor::new(raw))?.read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn compression_is_known_by_the_first_bytes() {
        let zstd = |text: &[u8]| zstd::encode_all(text, 1).unwrap();
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9][..], &zstd(b"ab")].concat();
        let cases: [(&str, Vec<u8>, &[u8]); 8] = [
            ("plain", b"plain text".to_vec(), b"plain text"),
            ("empty", vec![], b""),
            ("shorter than a magic number", b"{}".to_vec(), b"{}"),
            ("gzip", gzip(b"one"), b"one"),
            ("gzip of two members", [gzip(b"one "), gzip(b"two")].concat(), b"one two"),
            ("zstd", zstd(b"one"), b"one"),
            ("zstd of two frames", [zstd(b"one "), zstd(b"two")].concat(), b"one two"),
            ("zstd after a skippable frame", skippable, b"ab"),
        ];
        for (name, raw, text) in cases {
            assert_eq!(read(raw).unwrap(), text, "{name}");
        }
    }

    #[test]
    fn a_truncated_stream_is_an_unexpected_end() {
        for whole in [gzip(&[7; 10_000]), zstd::encode_all(&[7; 10_000][..], 1).unwrap()] {
            let cut = whole[..whole.len() - 6].to_vec();
            assert_eq!(read(cut).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn progress_counts_raw_bytes_of_every_pass() {
        let mut file = NamedTempFile::new().unwrap();
        let raw = gzip(&vec![b'x'; 100_000]);
        file.write_all(&raw).unwrap();
        let progress = Arc::new(Progress::default());
        let source = Source::new(Input::Path(file.path().into()), Arc::clone(&progress));
        assert_eq!(progress.expected_bytes(), Some(raw.len() as u64));
        io::copy(&mut source.open().unwrap(), &mut io::sink()).unwrap();
        assert_eq!(progress.read_bytes(), raw.len() as u64);
        io::copy(&mut source.open_again().unwrap(), &mut io::sink()).unwrap();
        assert_eq!(progress.read_bytes(), 2 * raw.len() as u64);
        assert_eq!(progress.expected_bytes(), Some(2 * raw.len() as u64));
    }

    #[test]
    fn a_missing_file_fails_when_it_is_opened() {
        let progress = Arc::new(Progress::default());
        let source = Source::new(Input::Path("/nonexistent/assets.json".into()), Arc::clone(&progress));
        assert_eq!(source.open().err().unwrap().kind(), io::ErrorKind::NotFound);
        assert!(matches!(source.spooled(), Err(ReadError::Open(_))));
        assert_eq!(progress.expected_bytes(), Some(0));
    }

    #[test]
    fn a_dash_is_standard_input() {
        assert_eq!(Input::from_argument("-".as_ref()), Input::Stdin);
        assert_eq!(Input::from_argument("./-".as_ref()), Input::Path("./-".into()));
    }
}
