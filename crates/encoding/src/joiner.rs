//! One stream in the making.

use crate::block::{Block, Encoding};
use crate::gzip::Member;
use crate::zstd;

/// Joins text and blocks into one stream of an encoding.
#[derive(Debug)]
pub struct Joiner {
    format: Format,
    out: Vec<u8>,
    plain_len: u64,
}

#[derive(Debug)]
enum Format {
    Identity,
    Gzip(Member),
    Zstd,
}

impl Joiner {
    /// A stream without content.
    pub fn new(encoding: Encoding) -> Self {
        Self::with_capacity(encoding, 0)
    }

    /// A stream without content and with room for so many encoded bytes.
    pub fn with_capacity(encoding: Encoding, bytes: usize) -> Self {
        let mut out = Vec::with_capacity(bytes);
        let format = match encoding {
            Encoding::Identity => Format::Identity,
            Encoding::Gzip => Format::Gzip(Member::begin(&mut out)),
            Encoding::Zstd => {
                zstd::begin(&mut out);
                Format::Zstd
            }
        };
        Self { format, out, plain_len: 0 }
    }

    /// Appends text without compressing it: at most 5 bytes more than the text for each 64 KiB.
    pub fn text(&mut self, text: &[u8]) {
        self.plain_len += text.len() as u64;
        match &mut self.format {
            Format::Identity => self.out.extend_from_slice(text),
            Format::Gzip(member) => member.text(text, &mut self.out),
            Format::Zstd => zstd::text(text, &mut self.out),
        }
    }

    /// Appends a block. One that is plain is text.
    ///
    /// # Panics
    ///
    /// Where the block is compressed in another encoding than the stream's.
    pub fn block(&mut self, block: &Block) {
        if block.encoding() == Encoding::Identity {
            return self.text(block.bytes());
        }
        assert_eq!(block.encoding(), self.encoding(), "a block is joined into a stream of its own encoding");
        if block.plain_len() == 0 {
            return;
        }
        self.plain_len += block.plain_len() as u64;
        match &mut self.format {
            Format::Gzip(member) => {
                member.block(block.bytes(), block.plain_len(), block.checksum(), &mut self.out);
            }
            Format::Identity | Format::Zstd => self.out.extend_from_slice(block.bytes()),
        }
    }

    /// What the stream is in.
    pub fn encoding(&self) -> Encoding {
        match self.format {
            Format::Identity => Encoding::Identity,
            Format::Gzip(_) => Encoding::Gzip,
            Format::Zstd => Encoding::Zstd,
        }
    }

    /// Plain bytes so far.
    pub fn plain_len(&self) -> u64 {
        self.plain_len
    }

    /// Encoded bytes that wait to be taken.
    pub fn pending_len(&self) -> usize {
        self.out.len()
    }

    /// Takes the encoded bytes so far, and makes room for so many more.
    pub fn take(&mut self, next_bytes: usize) -> Vec<u8> {
        std::mem::replace(&mut self.out, Vec::with_capacity(next_bytes))
    }

    /// Ends the stream: the encoded bytes that were not yet taken.
    pub fn finish(self) -> Vec<u8> {
        let mut out = self.out;
        match self.format {
            Format::Identity => {}
            Format::Gzip(member) => member.finish(&mut out),
            Format::Zstd => zstd::finish(&mut out),
        }
        out
    }
}
