//! Bytes compressed once, joined into one stream many times.
//!
//! A page is a thousand bodies that are kept, with a little text between them. Each body is compressed once, to a
//! [`Block`]; a page is joined from blocks, and the text between them goes in as it is. What comes out is one gzip
//! member or one zstd frame, so that clients take it which stop after the first.
//!
//! A block must mean the same wherever it stands in a stream:
//!
//! - gzip: a block is raw deflate up to a sync flush. References reach back within it only, and it ends at a whole
//!   byte. The checksum of the stream comes from those of its parts.
//! - zstd: a block is the blocks of a frame of its own, without the frame. Three offsets and the entropy tables carry
//!   over from block to block, so that not every block means the same elsewhere: `zstd.rs` checks each one, and cuts
//!   those that do not. The frame has neither length nor checksum, and a window of 128 KiB.
//!
//! The price is the ratio: bodies of a page resemble one another more than each resembles itself. A **linked** block
//! ([`Block::linked`]) therefore may refer to the text in front of it, and stands behind nothing else. [`Stream`]
//! compresses text that is long, and blocks that are plain, in runs of up to 128 KiB.

mod block;
mod compressor;
mod gzip;
mod joiner;
mod portable;
mod stream;
mod zstd;

pub use block::{Block, Encoding, Piece};
pub use joiner::Joiner;
pub use stream::Stream;
