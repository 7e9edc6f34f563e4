//! The file that keeps what was refused, one record a line.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Appends to a file.
pub(crate) struct Rejects(BufWriter<File>);

impl Rejects {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(BufWriter::new(file)))
    }

    pub(crate) fn keep(&mut self, raw: &[u8]) -> io::Result<()> {
        self.0.write_all(&one_line(raw))?;
        self.0.write_all(b"\n")
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Each line break, with the blanks around it, becomes a single blank. In JSON these stand between tokens only, so
/// that the value stays what it is.
fn one_line(raw: &[u8]) -> Vec<u8> {
    let mut lines = raw.split(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii);
    let mut out = lines.next().unwrap_or_default().to_vec();
    for line in lines.filter(|line| !line.is_empty()) {
        if !out.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(line);
    }
    out
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_record_takes_one_line() {
        let cases =
            [("", ""), ("a  b", "a  b"), ("{\r\n  \"a\": 1,\n\n\t\"b\": [\n]}\n", "{ \"a\": 1, \"b\": [ ]}")];
        for (raw, line) in cases {
            assert_eq!(one_line(raw.as_bytes()), line.as_bytes());
        }
    }

    #[test]
    fn a_second_run_appends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejects.ndjson");
        for raw in ["{\n1", "2"] {
            let mut rejects = Rejects::open(&path).unwrap();
            rejects.keep(raw.as_bytes()).unwrap();
            rejects.flush().unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), "{ 1\n2\n");
    }
}
