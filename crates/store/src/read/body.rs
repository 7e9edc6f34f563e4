//! Items: rendered bytes, one behind the other, separated and capped.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use vitrine_encoding::{Block, Piece};
use vitrine_model::{Display, Json, Pubkey};

use crate::StoreError;
use crate::cache::SEPARATOR;
use crate::stored_body::StoredBody;

/// How much is collected in one piece. A piece that fits a processor's cache is copied into and sent from there;
/// one that holds a whole page has to grow, and to be fetched from memory again.
const CHUNK_BYTES: usize = 1 << 16;

/// The items of a page as they stand inside `"items":[…]`.
#[derive(Debug)]
pub(crate) struct Items {
    pieces: Vec<Piece>,
    /// Text that is not yet a piece.
    text: Vec<u8>,
    /// What each spliced item begins with; empty where that is its own first member.
    head: Vec<u8>,
    count: u32,
    bytes: usize,
    max_bytes: usize,
}

impl Items {
    /// No items yet; `max_bytes` is the most that all of them may have together, before any encoding.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { pieces: Vec::new(), text: Vec::new(), head: Vec::new(), count: 0, bytes: 0, max_bytes }
    }

    /// From now on each spliced item begins with `head`: an object with a first member, left open.
    pub(crate) fn begin_with(&mut self, head: String) {
        self.head = head.into_bytes();
    }

    /// Appends a copy of an item.
    pub(crate) fn copy(&mut self, item: &[u8]) -> Result<(), StoreError> {
        self.separate(item.len());
        self.text.extend_from_slice(item);
        self.grow(item.len())
    }

    /// Appends the item that a row has of this asset, as it was rendered; returns its bytes.
    pub(crate) fn unpack(&mut self, id: Pubkey, body: &StoredBody<'_>) -> Result<usize, StoreError> {
        let length = body.plain_len(id)?;
        self.separate(length);
        self.grow(length)?;
        body.append_to(id, &mut self.text)?;
        Ok(length)
    }

    /// Appends an item as it is kept, without a copy.
    pub(crate) fn share(&mut self, block: Block) -> Result<(), StoreError> {
        if self.count > 0 {
            self.pieces.push(Piece::Text(Bytes::from_static(SEPARATOR)));
            self.bytes += SEPARATOR.len();
        }
        self.count += 1;
        let length = block.plain_len();
        self.pieces.push(Piece::Block(block));
        self.grow(length)
    }

    /// Appends an item with its optional parts.
    pub(crate) fn splice(
        &mut self,
        id: Pubkey,
        (body, splices): (&[u8], &[u8]),
        display: &Display<'_>,
        metadata: &HashMap<Pubkey, Json>,
    ) -> Result<(), StoreError> {
        self.separate(self.head.len() + body.len());
        let before = self.text.len();
        self.text.extend_from_slice(&self.head);
        let own = self.text.len();
        vitrine_model::splice(body, splices, display, metadata, &mut self.text)
            .map_err(|error| bad_splices(id, error))?;
        if own > before {
            // The item's own members go on where the head has ended: its brace becomes a comma.
            self.text[own] = b',';
        }
        self.grow(self.text.len() - before)
    }

    pub(crate) fn into_parts(mut self) -> (Vec<Piece>, u32) {
        self.cut();
        (self.pieces, self.count)
    }

    /// Makes room for an item, and a separator in front of it.
    fn separate(&mut self, length: usize) {
        if self.text.len() + length >= CHUNK_BYTES {
            self.cut();
        }
        if self.text.capacity() == 0 {
            self.text.reserve_exact(CHUNK_BYTES.max(length + 1));
        }
        if self.count > 0 {
            self.text.extend_from_slice(SEPARATOR);
            self.bytes += SEPARATOR.len();
        }
        self.count += 1;
    }

    /// Makes a piece of the text.
    fn cut(&mut self) {
        if !self.text.is_empty() {
            self.pieces.push(Piece::Text(std::mem::take(&mut self.text).into()));
        }
    }

    fn grow(&mut self, bytes: usize) -> Result<(), StoreError> {
        self.bytes += bytes;
        if self.bytes > self.max_bytes {
            return Err(StoreError::TooLarge { max_bytes: self.max_bytes });
        }
        Ok(())
    }
}

/// The distinct collections whose metadata a page shows, by the splices of its items.
pub(crate) fn collections<'a>(
    items: impl Iterator<Item = (Pubkey, &'a [u8])>,
) -> Result<HashSet<Pubkey>, StoreError> {
    let mut ids = HashSet::new();
    for (id, splices) in items {
        ids.extend(vitrine_model::collections(splices).map_err(|error| bad_splices(id, error))?);
    }
    Ok(ids)
}

pub(super) fn bad_splices(id: Pubkey, error: vitrine_model::SpliceError) -> StoreError {
    StoreError::Inconsistent {
        table: "asset",
        column: "splices",
        key: id.to_string(),
        reason: error.to_string(),
    }
}
