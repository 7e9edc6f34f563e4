//! One zstd frame (RFC 8878) of blocks that were made apart.
//!
//! A compressed block may use what blocks before it have left: the three last offsets, and entropy tables. In a frame
//! of its own a block finds the offsets 1, 4 and 8, and no tables; joined, it finds whatever the neighbours left. So
//! a block is *portable* only if it uses nothing that it has not set itself. Tables it cannot have used. An offset it
//! has used if a byte repeats before the block's second match: the offset is then 1, the only one of the three that
//! the compressor tries at the levels in use. `portable.rs` tells whether that has happened, by decoding; bytes where
//! it has are cut around their first run of equal bytes, which becomes a block that has no offsets.

use std::ops::Range;

use zstd_safe::{CCtx, CParameter};

use crate::compressor::Effort;
use crate::portable::Prober;

/// Magic, a descriptor that promises neither length nor checksum, and a window of [`BLOCK_BYTES_MAX`].
const HEADER: [u8; 6] = [0x28, 0xb5, 0x2f, 0xfd, 0, window_descriptor(17)];

/// The most bytes that a block holds, by the format; references do not reach back further either.
const BLOCK_BYTES_MAX: usize = 1 << 17;

/// The bytes of a block's header: last or not, type, size.
const BLOCK_HEADER_BYTES: usize = 3;

/// The best below the levels that try all three offsets.
const LEVEL_KEPT: i32 = 8;

/// The fastest; on runs of bodies the next ones gain nothing.
const LEVEL_ONCE: i32 = 1;

/// The least repetition of a byte that the compressor takes for a match, to be on the safe side.
const RUN_BYTES_MIN: usize = 4;

/// What a trained dictionary begins with.
const DICTIONARY_MAGIC: [u8; 4] = [0x37, 0xa4, 0x30, 0xec];

/// The least that the library takes for a dictionary.
const DICTIONARY_BYTES_MIN: usize = 8;

/// How often bytes are cut. What needs it is rare and needs it once; the bound is for those who try.
const CUTS_MAX: usize = 8;

/// Types of blocks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Plain bytes.
    Raw = 0,
    /// One byte, repeated.
    Run = 1,
    /// All else.
    Compressed = 2,
}

/// A thread's compressor.
pub(crate) struct Framer {
    context: CCtx<'static>,
    /// A frame as the library makes it.
    frame: Vec<u8>,
    out: Vec<u8>,
    prober: Prober,
}

impl Framer {
    pub(crate) fn new() -> Self {
        let mut context = CCtx::create();
        context.set_parameter(CParameter::ContentSizeFlag(false)).expect("a flag that always was");
        Self { context, frame: Vec::new(), out: Vec::new(), prober: Prober::new() }
    }

    /// Blocks of the bytes that mean the same in any frame with a window of at least [`BLOCK_BYTES_MAX`], where
    /// they stand right behind `before`. Together the two are no longer than a block.
    pub(crate) fn compress(&mut self, plain: &[u8], before: &[u8], effort: Effort) -> &[u8] {
        let level = match effort {
            Effort::Kept => LEVEL_KEPT,
            Effort::Once => LEVEL_ONCE,
        };
        self.context.set_parameter(CParameter::CompressionLevel(level)).expect("a level that there is");
        self.out.clear();
        if self.linked(plain, before) {
            return &self.out;
        }
        for part in plain.chunks(BLOCK_BYTES_MAX) {
            self.part(part);
        }
        &self.out
    }

    /// Appends blocks that refer back to `before`; false, and nothing, if that is not to be had.
    fn linked(&mut self, plain: &[u8], before: &[u8]) -> bool {
        // The library would not take the former for bytes, and makes nothing of the latter.
        if before.starts_with(&DICTIONARY_MAGIC) || before.len() < DICTIONARY_BYTES_MIN {
            return false;
        }
        self.context.load_dictionary(before).expect("bytes that are no dictionary of its own");
        let linked = self.whole(plain, before);
        self.context.load_dictionary(&[]).expect("nothing, as before");
        linked
    }

    /// Appends portable blocks of at most [`BLOCK_BYTES_MAX`] bytes, cut where they have to be.
    fn part(&mut self, mut plain: &[u8]) {
        for _ in 0..CUTS_MAX {
            if self.whole(plain, &[]) {
                return;
            }
            let Some(run) = first_run(plain) else { break };
            let head = &plain[..run.start];
            if !self.whole(head, &[]) {
                block(Kind::Raw, head.len(), head, &mut self.out);
            }
            block(Kind::Run, run.len(), &plain[run.start..=run.start], &mut self.out);
            plain = &plain[run.end..];
        }
        block(Kind::Raw, plain.len(), plain, &mut self.out);
    }

    /// Appends blocks of the bytes as the library makes them; false, and nothing, if they are not portable.
    fn whole(&mut self, plain: &[u8], before: &[u8]) -> bool {
        if plain.is_empty() {
            return true;
        }
        self.frame.clear();
        self.frame.reserve(zstd_safe::compress_bound(plain.len()));
        self.context.compress2(&mut self.frame, plain).expect("it has room for what cannot be compressed");
        let start = self.out.len();
        append_blocks(&self.frame, &mut self.out);
        let portable = self.prober.is_portable(&self.out[start..], before, plain);
        if !portable {
            self.out.truncate(start);
        }
        portable
    }
}

pub(crate) fn begin(out: &mut Vec<u8>) {
    out.extend_from_slice(&HEADER);
}

/// Appends text as raw blocks.
pub(crate) fn text(text: &[u8], out: &mut Vec<u8>) {
    for raw in text.chunks(BLOCK_BYTES_MAX) {
        block(Kind::Raw, raw.len(), raw, out);
    }
}

/// Appends a raw block without bytes, marked as the last one.
pub(crate) fn finish(out: &mut Vec<u8>) {
    block(Kind::Raw, 0, &[], out);
    let header = out.len() - BLOCK_HEADER_BYTES;
    out[header] |= 1;
}

/// Appends a block of this size, which is not the last one. The size of a run is that of what it stands for.
#[expect(clippy::cast_possible_truncation, reason = "the three low bytes of a size of 21 bits")]
pub(crate) fn block(kind: Kind, size: usize, content: &[u8], out: &mut Vec<u8>) {
    let header = (size << 3) | ((kind as usize) << 1);
    out.extend_from_slice(&[header as u8, (header >> 8) as u8, (header >> 16) as u8]);
    out.extend_from_slice(content);
}

/// The byte that says a window of 2 to this power, at least 10.
pub(crate) const fn window_descriptor(log: u8) -> u8 {
    (log - 10) << 3
}

/// Appends the blocks of a frame, none of them marked as the last one.
fn append_blocks(frame: &[u8], out: &mut Vec<u8>) {
    let header = HEADER.len();
    assert_eq!(frame[..header - 1], HEADER[..header - 1], "a frame without length and checksum");
    let mut at = header;
    while at < frame.len() {
        let [low, middle, high] = [frame[at], frame[at + 1], frame[at + 2]];
        let size = usize::from(low >> 3) | usize::from(middle) << 5 | usize::from(high) << 13;
        // A run is a byte in the frame, whatever its size.
        let content = if low >> 1 & 3 == Kind::Run as u8 { 1 } else { size };
        let end = at + BLOCK_HEADER_BYTES + content;
        out.push(low & !1);
        out.extend_from_slice(&frame[at + 1..end]);
        at = end;
    }
}

/// The first bytes that are equal, with all that follow and equal them.
fn first_run(plain: &[u8]) -> Option<Range<usize>> {
    let start =
        plain.windows(RUN_BYTES_MIN).position(|window| window.iter().all(|byte| *byte == window[0]))?;
    let len = plain[start..].iter().take_while(|byte| **byte == plain[start]).count();
    Some(start..start + len)
}
