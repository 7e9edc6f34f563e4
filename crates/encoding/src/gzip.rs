//! One gzip member (RFC 1952) of deflate blocks (RFC 1951) that were made apart.

use zlib_rs::crc32::{crc32, crc32_combine_gen, crc32_combine_op};
use zlib_rs::{Deflate, DeflateFlush, Status, compress_bound};

use crate::compressor::Effort;

/// Magic, deflate, no flags, no time, no extra flags, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// A stored block's type, not the last one, and the bits up to the next whole byte.
const STORED: u8 = 0;

/// The length of a stored block without bytes, and its complement.
const NO_BYTES: [u8; 4] = [0, 0, 0xff, 0xff];

/// A last block without bytes, with the fixed codes.
const LAST: [u8; 2] = [3, 0];

/// The most bytes that a stored block holds.
const STORED_BYTES_MAX: usize = 0xffff;

/// On bodies of a few KiB it is as fast and within a hundredth of the best. Level 9 takes seconds for a MiB of bytes that
/// somebody has made for it: it follows chains of matches that are 32 times as long.
const LEVEL_KEPT: i32 = 6;

/// The quickest that compresses: on runs of bodies more than twice as fast as level 3, for a quarter more bytes.
const LEVEL_ONCE: i32 = 1;

/// Bits of deflate's window: 32 KiB.
const WINDOW_BITS: u8 = 15;

/// The same in bytes.
const WINDOW_BYTES: usize = 1 << WINDOW_BITS;

/// Room for what a flush adds to a compressed block.
const FLUSH_BYTES: usize = 64;

/// A CRC-32, and what appends so many bytes to another one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Checksum {
    crc: u32,
    /// x^(8 * length) modulo the polynomial: made once a block, it makes joining a single multiplication.
    shift: u32,
}

/// A thread's compressor.
pub(crate) struct Deflator {
    deflate: Deflate,
    out: Vec<u8>,
}

/// A member in the making.
#[derive(Debug, Default)]
pub(crate) struct Member {
    crc: u32,
    /// Plain bytes so far, modulo 2^32 as the format has it.
    plain_len: u32,
    /// Whether a stored block has begun whose length is still to be written.
    open: bool,
}

impl Checksum {
    pub(crate) fn of(plain: &[u8]) -> Self {
        Self { crc: crc32(0, plain), shift: crc32_combine_gen(plain.len() as u64) }
    }
}

impl Deflator {
    pub(crate) fn new(effort: Effort) -> Self {
        let level = match effort {
            Effort::Kept => LEVEL_KEPT,
            Effort::Once => LEVEL_ONCE,
        };
        Self { deflate: Deflate::new(level, false, WINDOW_BITS), out: Vec::new() }
    }

    /// Deflate blocks of the bytes, which stand behind `before`; the last one is a stored block up to where its length would follow.
    pub(crate) fn compress(&mut self, plain: &[u8], before: &[u8]) -> &[u8] {
        // At the quickest level what does not compress becomes an eighth longer.
        self.out.resize(compress_bound(plain.len()) + FLUSH_BYTES, 0);
        self.deflate.reset();
        if !before.is_empty() {
            let window = &before[before.len().saturating_sub(WINDOW_BYTES)..];
            self.deflate.set_dictionary(window).expect("a raw stream that has just begun takes a window");
        }
        let status = self.deflate.compress(plain, &mut self.out, DeflateFlush::SyncFlush);
        let len = usize::try_from(self.deflate.total_out()).unwrap_or(usize::MAX);
        assert!(
            status == Ok(Status::Ok) && self.deflate.total_in() == plain.len() as u64 && len < self.out.len(),
            "deflate takes everything where there is room"
        );
        self.out[..len].strip_suffix(&NO_BYTES).expect("a sync flush ends with an empty stored block")
    }
}

impl Member {
    pub(crate) fn begin(out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(&HEADER);
        Self::default()
    }

    pub(crate) fn text(&mut self, text: &[u8], out: &mut Vec<u8>) {
        self.crc = crc32(self.crc, text);
        self.grow(text.len());
        for stored in text.chunks(STORED_BYTES_MAX) {
            // A compressed block's flush has begun a stored block: the text takes it over.
            if !std::mem::take(&mut self.open) {
                out.push(STORED);
            }
            let len = u16::try_from(stored.len()).unwrap_or(u16::MAX);
            out.extend_from_slice(&len.to_le_bytes());
            out.extend_from_slice(&(!len).to_le_bytes());
            out.extend_from_slice(stored);
        }
    }

    /// Appends what [`Deflator::compress`] made.
    pub(crate) fn block(&mut self, block: &[u8], plain_len: usize, checksum: Checksum, out: &mut Vec<u8>) {
        self.close(out);
        self.crc = crc32_combine_op(self.crc, checksum.crc, checksum.shift);
        self.grow(plain_len);
        out.extend_from_slice(block);
        self.open = true;
    }

    pub(crate) fn finish(mut self, out: &mut Vec<u8>) {
        self.close(out);
        out.extend_from_slice(&LAST);
        out.extend_from_slice(&self.crc.to_le_bytes());
        out.extend_from_slice(&self.plain_len.to_le_bytes());
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.open) {
            out.extend_from_slice(&NO_BYTES);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the format has the length modulo 2^32")]
    fn grow(&mut self, bytes: usize) {
        self.plain_len = self.plain_len.wrapping_add(bytes as u32);
    }
}
