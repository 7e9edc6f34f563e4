//! Where assets come from: files and standard input, the shapes DAS JSON is kept in, and lines of what the chain said.

use std::fmt;
use std::io;

use vitrine_model::Slot;

pub use chain_json::ChainLines;
pub use das_json::Records;
pub use file::{Input, Progress, Source};

mod chain_json;
mod das_json;
mod file;
mod lines;
mod scan;
mod shape;
mod spool;
mod values;
mod window;

/// Where a record starts in its (decompressed) input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: u64,
    /// The position in the array or in the `items` it stands in, from 1; none for a record of its own.
    pub item: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.item {
            Some(item) => write!(out, "line {}, item {item}", self.line),
            None => write!(out, "line {}", self.line),
        }
    }
}

/// The text of one asset or of one line, not yet parsed: it may still turn out to be no JSON at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it starts.
    pub place: Place,
    /// Its bytes, without the blanks around them; at most `max_record_bytes`.
    pub text: Vec<u8>,
    /// The `last_indexed_slot` of the response it stands in, wherever in the response that key is.
    pub stated_slot: Option<Slot>,
}

/// A piece of the input that cannot be what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// Where it starts.
    pub place: Place,
    /// Why, for a person.
    pub reason: String,
    /// Its bytes; of a record over `max_record_bytes` only as many as that.
    pub raw: Vec<u8>,
}

/// What an input consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// To be parsed.
    Record(Record),
    /// To be reported.
    Bad(BadRecord),
}

/// Why an input cannot be read to its end. What was read before it stands.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be opened, or its first bytes cannot be read.
    #[error("cannot be opened: {0}")]
    Open(#[source] io::Error),
    /// Reading or decompressing failed after `line`.
    #[error("cannot be read beyond line {line}: {source}")]
    Read {
        /// The line reached, from 1.
        line: u64,
        /// What the system or the decompressor said.
        source: io::Error,
    },
    /// It ends within a value, or within a compressed stream.
    #[error("ends in the middle, at line {line}: it is truncated")]
    Truncated {
        /// The line reached, from 1.
        line: u64,
    },
    /// Its brackets do not match, and no later place is certain to be the start of an asset.
    #[error("is malformed at line {line}: {reason}, and the rest of it cannot be told apart")]
    Malformed {
        /// The line of the offending byte, from 1.
        line: u64,
        /// What was found.
        reason: &'static str,
    },
    /// Standard input could not be kept in a temporary file.
    #[error("cannot be kept in a temporary file: {0}")]
    Spool(#[source] io::Error),
}

impl ReadError {
    /// A compressed stream of a few bytes may end before its first one.
    fn opening(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::Truncated { line: 1 }
        } else {
            Self::Open(error)
        }
    }

    /// Says a truncated compressed stream as what it is.
    fn reading(source: io::Error, line: u64) -> Self {
        if source.kind() == io::ErrorKind::UnexpectedEof {
            Self::Truncated { line }
        } else {
            Self::Read { line, source }
        }
    }
}
