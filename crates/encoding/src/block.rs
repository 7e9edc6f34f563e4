//! What streams are joined from.

use bytes::Bytes;

use crate::compressor::{self, Effort};
use crate::gzip::Checksum;

/// A content encoding of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Encoding {
    /// As it is.
    #[default]
    Identity,
    /// One gzip member.
    Gzip,
    /// One zstd frame with a window of 128 KiB.
    Zstd,
}

/// Longer bytes are not linked: together with what is in front they would leave the window.
const LINKED_BYTES_MAX: usize = 1 << 16;

/// Bytes in an encoding, to be joined into any number of streams. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Block {
    encoding: Encoding,
    bytes: Bytes,
    plain_len: usize,
    checksum: Checksum,
}

/// A part of a stream, in the order of the stream.
#[derive(Debug, Clone)]
pub enum Piece {
    /// Plain bytes.
    Text(Bytes),
    /// Bytes that may be in the stream's encoding already.
    Block(Block),
}

impl Encoding {
    /// The name in `content-encoding` and `accept-encoding`; `None` where there is nothing to be said.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

impl Block {
    /// Compresses bytes for good: about 15 µs for each KiB. With `Identity` it keeps them as they are.
    ///
    /// The compressors stay with the thread, up to 2 MiB for one that has seen both encodings.
    pub fn new(encoding: Encoding, plain: Bytes) -> Self {
        Self::compressed(encoding, plain, &[], Effort::Kept)
    }

    /// Compresses bytes that are sent once: faster, and a little longer.
    pub fn once(encoding: Encoding, plain: Bytes) -> Self {
        Self::compressed(encoding, plain, &[], Effort::Once)
    }

    /// Likewise, for bytes that always stand right behind `before`: they may refer back to it. Where `before` is
    /// the item in front, a block of an item is a third as long.
    ///
    /// Joined behind anything else it is garbage, and nothing tells: whoever keeps it keeps what it stands behind.
    pub fn linked(encoding: Encoding, plain: Bytes, before: &[u8]) -> Self {
        let before = if before.len() + plain.len() <= LINKED_BYTES_MAX { before } else { &[] };
        Self::compressed(encoding, plain, before, Effort::Kept)
    }

    fn compressed(encoding: Encoding, plain: Bytes, before: &[u8], effort: Effort) -> Self {
        let plain_len = plain.len();
        let (bytes, checksum) = match encoding {
            Encoding::Identity => (plain, Checksum::default()),
            Encoding::Gzip => (compressor::deflate(&plain, before, effort), Checksum::of(&plain)),
            Encoding::Zstd => (compressor::zstd(&plain, before, effort), Checksum::default()),
        };
        Self { encoding, bytes, plain_len, checksum }
    }

    /// What the bytes are in.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The encoded bytes: no stream by themselves, except with `Identity`.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The length in bytes before encoding.
    pub fn plain_len(&self) -> usize {
        self.plain_len
    }

    /// The bytes that it holds on the heap.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The CRC-32 of what was encoded; of a gzip block only.
    pub(crate) fn checksum(&self) -> Checksum {
        self.checksum
    }
}

impl Piece {
    /// The length in bytes before encoding.
    pub fn plain_len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Block(block) => block.plain_len(),
        }
    }

    /// Whether the plain bytes are no longer there.
    pub fn is_encoded(&self) -> bool {
        matches!(self, Self::Block(block) if block.encoding != Encoding::Identity)
    }

    /// The bytes as they are in it.
    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text,
            Self::Block(block) => block.bytes,
        }
    }
}
