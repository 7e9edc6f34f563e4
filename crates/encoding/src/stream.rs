//! A stream as it is sent: in chunks, each made when it is asked for.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::block::{Block, Encoding, Piece};
use crate::joiner::Joiner;

/// About the length of a chunk: it fits a processor's cache, and a socket takes it in few calls.
const CHUNK_BYTES: usize = 1 << 16;

/// Plain bytes of at least this length are sent as they are, without a copy.
const SHARED_BYTES_MIN: usize = CHUNK_BYTES / 2;

/// How much plain text is compressed at once. It bounds the time of a chunk, to about a millisecond.
const RUN_BYTES_MAX: usize = 1 << 17;

/// Shorter text is not worth a compressed block of its own.
const RUN_BYTES_MIN: usize = 128;

/// What a stream has besides its pieces, and a piece besides its bytes, at most.
const FRAME_BYTES: usize = 32;
const PIECE_BYTES: usize = 8;

/// The chunks of one stream, joined from pieces.
///
/// What is not yet in the stream's encoding is compressed on the way, where that is worth it: long text, and plain
/// blocks together with the text between them.
///
/// # Panics
///
/// Where a block is compressed in another encoding than the stream's.
#[derive(Debug)]
pub struct Stream {
    pieces: VecDeque<Piece>,
    encoding: Encoding,
    /// Gone once the stream has ended.
    joiner: Option<Joiner>,
    /// A chunk that is to follow the one just made.
    shared: Option<Bytes>,
}

impl Stream {
    /// A stream of these pieces.
    pub fn new(pieces: VecDeque<Piece>, encoding: Encoding) -> Self {
        let joiner = Joiner::with_capacity(encoding, capacity(&pieces));
        Self { pieces, encoding, joiner: Some(joiner), shared: None }
    }

    /// Plain bytes from the front, to be compressed together: all up to the next encoded block, but not too many.
    fn run(&mut self, first: Bytes) -> Bytes {
        let first = self.bounded(first, RUN_BYTES_MAX);
        if first.len() == RUN_BYTES_MAX || self.pieces.front().is_none_or(Piece::is_encoded) {
            return first;
        }
        let mut run = Vec::from(first);
        while run.len() < RUN_BYTES_MAX
            && let Some(next) = self.pieces.pop_front_if(|piece| !piece.is_encoded())
        {
            let next = self.bounded(next.into_bytes(), RUN_BYTES_MAX - run.len());
            run.extend_from_slice(&next);
        }
        run.into()
    }

    /// The first bytes of a piece; the rest goes back to the front.
    fn bounded(&mut self, mut text: Bytes, max: usize) -> Bytes {
        if text.len() > max {
            let rest = text.split_off(max);
            self.pieces.push_front(Piece::Text(rest));
        }
        text
    }

    /// Joins plain bytes; gives them back where they are to be a chunk of their own.
    fn plain(&mut self, joiner: &mut Joiner, text: Bytes) -> Option<Bytes> {
        if self.encoding == Encoding::Identity {
            if text.len() >= SHARED_BYTES_MIN {
                return Some(text);
            }
            joiner.text(&text);
            return None;
        }
        let run = self.run(text);
        if run.len() < RUN_BYTES_MIN {
            joiner.text(&run);
        } else {
            joiner.block(&Block::once(self.encoding, run));
        }
        None
    }
}

impl Iterator for Stream {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if let Some(shared) = self.shared.take() {
            return Some(shared);
        }
        let mut joiner = self.joiner.take()?;
        while let Some(piece) = self.pieces.pop_front() {
            let shared = match piece {
                Piece::Block(block) if block.encoding() != Encoding::Identity => {
                    joiner.block(&block);
                    None
                }
                plain => self.plain(&mut joiner, plain.into_bytes()),
            };
            let pending = joiner.pending_len();
            if shared.is_some() || (pending > 0 && pending + next_len(&self.pieces) > CHUNK_BYTES) {
                let chunk = Bytes::from(joiner.take(capacity(&self.pieces)));
                self.joiner = Some(joiner);
                if chunk.is_empty() {
                    return shared;
                }
                self.shared = shared;
                return Some(chunk);
            }
        }
        let chunk = joiner.finish();
        (!chunk.is_empty()).then(|| chunk.into())
    }
}

/// About the bytes of the next chunk.
fn capacity(pieces: &VecDeque<Piece>) -> usize {
    let mut bytes = FRAME_BYTES;
    for piece in pieces {
        bytes += encoded_len(piece);
        if bytes > CHUNK_BYTES {
            return CHUNK_BYTES + FRAME_BYTES;
        }
    }
    bytes
}

/// What the next piece may add to a chunk.
fn next_len(pieces: &VecDeque<Piece>) -> usize {
    pieces.front().map_or(0, encoded_len)
}

fn encoded_len(piece: &Piece) -> usize {
    PIECE_BYTES
        + match piece {
            Piece::Text(text) => text.len(),
            Piece::Block(block) => block.bytes().len(),
        }
}
