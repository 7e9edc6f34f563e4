//! Bytes set aside on disk, to be read more than once. The file has no name: it is gone with the process, however that
//! ends.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// A temporary file.
#[derive(Clone, Debug)]
pub(super) struct Spool(Arc<File>);

/// Reads a spool from its start.
#[derive(Debug)]
pub(super) struct SpoolReader {
    file: Arc<File>,
    at: u64,
}

impl Spool {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(tempfile::tempfile()?)))
    }

    /// Another reader, independent of all others.
    pub(super) fn reader(&self) -> SpoolReader {
        SpoolReader { file: Arc::clone(&self.0), at: 0 }
    }

    /// Bytes in it.
    pub(super) fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.0).flush()
    }
}

impl Read for SpoolReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.file.read_at(buffer, self.at)?;
        self.at += bytes as u64;
        Ok(bytes)
    }
}
