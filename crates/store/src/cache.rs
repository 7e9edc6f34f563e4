//! Bodies kept in memory, by id and version: what a page of keys needs not read again.
//!
//! A version names bytes (`vitrine_model::version`), and a page's keys come with the versions that its snapshot
//! has: nothing in here can be stale, and nothing in here is ever invalidated. What is not asked for any more
//! makes room for what is.

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use vitrine_encoding::{Block, Encoding};
use vitrine_model::Pubkey;

use crate::StoreError;
use crate::stored_body::StoredBody;

/// What stands between two items.
pub(crate) const SEPARATOR: &[u8] = b",";

/// Longer bodies are kept as they are, and compressed in runs as they are sent: each run bounds its time.
const ENCODED_BYTES_MAX: usize = 1 << 16;

/// What an entry costs besides its bytes: key, handles and the cache's own bookkeeping, about.
const ENTRY_BYTES: u64 = 250;

/// What an entry is expected to weigh, to size the cache's tables by.
const USUAL_BYTES: u64 = 2_048;

/// The bodies that are kept. Shared by all reads.
#[derive(Debug)]
pub(crate) struct BodyCache(Option<Cache<BodyKey, Body, Weight>>);

/// Which bytes: those of an asset as it was at one time, in one encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct BodyKey {
    pub(crate) member: Member,
    pub(crate) encoding: Encoding,
    /// The member in front of it on the page, to which an encoded block may refer back; `None` for the first
    /// one, and for plain bytes.
    pub(crate) behind: Option<Member>,
}

/// An asset as it was at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Member {
    pub(crate) id: Pubkey,
    pub(crate) version: i64,
}

/// An asset's bytes. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub(crate) block: Block,
    /// Where options splice into it; empty where it is encoded.
    pub(crate) splices: Bytes,
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<BodyKey, Body> for Weight {
    fn weight(&self, _: &BodyKey, body: &Body) -> u64 {
        body.block.memory_bytes() as u64 + body.splices.len() as u64 + ENTRY_BYTES
    }
}

impl BodyCache {
    /// Keeps about so many bytes; 0: nothing.
    pub(crate) fn new(bytes_max: u64) -> Self {
        let items = usize::try_from(bytes_max / (USUAL_BYTES + ENTRY_BYTES)).unwrap_or(usize::MAX);
        Self((bytes_max > 0).then(|| Cache::with_weighter(items.max(1), bytes_max, Weight)))
    }

    /// Whether it keeps anything at all.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The bytes, if they are kept.
    pub(crate) fn get(&self, key: &BodyKey) -> Option<Body> {
        self.0.as_ref()?.get(key)
    }

    /// Keeps the bytes, if they are worth more than what would have to go.
    pub(crate) fn keep(&self, key: BodyKey, body: &Body) {
        if let Some(cache) = &self.0 {
            cache.insert(key, body.clone());
        }
    }
}

impl Body {
    /// What a row has of this asset: plain bytes and their splices, in one piece of memory.
    pub(crate) fn plain(id: Pubkey, body: &StoredBody<'_>, splices: &[u8]) -> Result<Self, StoreError> {
        let length = body.plain_len(id)?;
        let mut bytes = Vec::with_capacity(length + splices.len());
        body.append_to(id, &mut bytes)?;
        bytes.extend_from_slice(splices);
        let mut bytes = Bytes::from(bytes);
        let splices = bytes.split_off(length);
        Ok(Self { block: Block::new(Encoding::Identity, bytes), splices })
    }

    /// The same, encoded, without its splices: to stand behind another plain body and a separator. A long one stays
    /// as it is.
    pub(crate) fn encoded(&self, encoding: Encoding, behind: Option<&Self>) -> Self {
        if self.block.plain_len() > ENCODED_BYTES_MAX {
            return self.clone();
        }
        let plain = self.block.bytes().clone();
        let block = match behind {
            Some(behind) => Block::linked(encoding, plain, &[behind.block.bytes(), SEPARATOR].concat()),
            None => Block::new(encoding, plain),
        };
        Self { block, splices: Bytes::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_to_encode_is_kept_plain() {
        let text: Vec<u8> = (0_u8..=255).cycle().take(ENCODED_BYTES_MAX + 1).collect();
        let plain = |text: &[u8]| {
            let block = Block::new(Encoding::Identity, Bytes::copy_from_slice(text));
            Body { block, splices: Bytes::from_static(b"splices") }
        };
        let neighbour = plain(&text[..1_000]);
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            for behind in [None, Some(&neighbour)] {
                let long = plain(&text).encoded(encoding, behind);
                assert_eq!(long.block.encoding(), Encoding::Identity);
                assert_eq!(long.block.bytes(), &text);
                let short = plain(&text[1..]).encoded(encoding, behind);
                assert_eq!(short.block.encoding(), encoding);
            }
        }
    }
}
