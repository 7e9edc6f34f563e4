//! Whether zstd blocks mean the same wherever they stand in a frame.
//!
//! The blocks are decoded in surroundings that a frame of their own does not have: behind a *filler*, many times the
//! same byte, and with the three last offsets set so far back that they reach the filler from anywhere in the blocks.
//! If a match uses one of these offsets, it copies bytes of the filler. That is done for two fillers of different
//! bytes: the result cannot be right with both. So, if it is, no offset and no reference reaches out of the blocks.

use zstd_safe::DCtx;

use crate::zstd::{Kind, block, window_descriptor};

/// Two bytes, for no other reason than that they differ.
const FILLERS: [u8; 2] = [0x00, 0xff];

/// The shortest match there is, and the length of each of those that set the offsets.
const MATCH_BYTES: usize = 3;

/// What the format adds to an offset, so that smaller numbers mean the last ones.
const OFFSET_BIAS: usize = 3;

/// The most bytes of the filler in a block.
const FILLER_BLOCK_BYTES: usize = 1 << 17;

/// A thread's decoder.
pub(crate) struct Prober {
    context: DCtx<'static>,
    frame: Vec<u8>,
    out: Vec<u8>,
}

impl Prober {
    pub(crate) fn new() -> Self {
        Self { context: DCtx::create(), frame: Vec::new(), out: Vec::new() }
    }

    /// Whether the blocks, none of them the last one, decode to `plain` in any frame, wherever they stand right
    /// behind `before`, which is no longer than a block.
    pub(crate) fn is_portable(&mut self, blocks: &[u8], before: &[u8], plain: &[u8]) -> bool {
        FILLERS.iter().all(|filler| self.decodes_behind(*filler, blocks, before, plain))
    }

    fn decodes_behind(&mut self, filler: u8, blocks: &[u8], before: &[u8], plain: &[u8]) -> bool {
        // Offsets of 2^log - 3 and more: behind as much filler they lead from all of `plain` into it.
        let log =
            (before.len() + plain.len() + 2 * OFFSET_BIAS + 2).next_power_of_two().trailing_zeros().max(10);
        let filler_len = 1_usize << log;
        self.frame.clear();
        #[expect(clippy::cast_possible_truncation, reason = "a number of bits")]
        let log = log as u8;
        self.frame.extend_from_slice(&[0x28, 0xb5, 0x2f, 0xfd, 0, window_descriptor(log + 2)]);
        let mut left = filler_len;
        while left > 0 {
            let size = left.min(FILLER_BLOCK_BYTES);
            block(Kind::Run, size, &[filler], &mut self.frame);
            left -= size;
        }
        let offsets = offsets(log);
        block(Kind::Compressed, offsets.len(), &offsets, &mut self.frame);
        block(Kind::Raw, before.len(), before, &mut self.frame);
        self.frame.extend_from_slice(blocks);
        crate::zstd::finish(&mut self.frame);
        let start = filler_len + 3 * MATCH_BYTES + before.len();
        self.out.clear();
        self.out.reserve(start + plain.len());
        let decoded = self.context.decompress(&mut self.out, &self.frame);
        decoded == Ok(start + plain.len()) && self.out[start..] == *plain
    }
}

/// The content of a compressed block of three matches, with the offsets `2^log - 3`, `- 2` and `- 1`.
fn offsets(log: u8) -> Vec<u8> {
    let mut content = vec![
        0,    // Literals: plain, none.
        3,    // Sequences.
        0x54, // Codes of literal lengths, offsets and match lengths: each the same for all sequences.
        0,    // No literals before a match.
        log,  // An offset is 2^log and as many bits, less the bias.
        0,    // The shortest match.
    ];
    // The bits are read from the end, where a 1 marks it: the first sequence's are the highest.
    let bits: u64 = 1 << (3 * log) | 1 << log | 2;
    let bytes = usize::from(3 * log / 8 + 1);
    content.extend_from_slice(&bits.to_le_bytes()[..bytes]);
    content
}
