//! The compressors of a thread: their state is large, and none of it outlives a block.

use std::cell::RefCell;

use bytes::Bytes;

use crate::gzip::Deflator;
use crate::zstd::Framer;

thread_local! {
    static DEFLATE_KEPT: RefCell<Deflator> = RefCell::new(Deflator::new(Effort::Kept));
    static DEFLATE_ONCE: RefCell<Deflator> = RefCell::new(Deflator::new(Effort::Once));
    static ZSTD: RefCell<Framer> = RefCell::new(Framer::new());
}

/// How much time a byte less is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// For what is compressed once and sent often.
    Kept,
    /// For what is sent once.
    Once,
}

/// Deflate blocks as `gzip.rs` joins them, behind `before`; nothing for nothing.
pub(crate) fn deflate(plain: &[u8], before: &[u8], effort: Effort) -> Bytes {
    if plain.is_empty() {
        return Bytes::new();
    }
    let deflator = match effort {
        Effort::Kept => &DEFLATE_KEPT,
        Effort::Once => &DEFLATE_ONCE,
    };
    deflator.with_borrow_mut(|deflator| Bytes::copy_from_slice(deflator.compress(plain, before)))
}

/// zstd blocks as `zstd.rs` joins them, behind `before`; nothing for nothing.
pub(crate) fn zstd(plain: &[u8], before: &[u8], effort: Effort) -> Bytes {
    ZSTD.with_borrow_mut(|framer| Bytes::copy_from_slice(framer.compress(plain, before, effort)))
}
