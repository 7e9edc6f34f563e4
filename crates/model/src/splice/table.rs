//! The table beside a body: what display options may add, and where.
//!
//! ```text
//! table  = version entry*            version is one byte, 1
//! entry  = gap kind payload          gap: bytes of body since the entry before (or since the start)
//! kind   payload       shown where            what is added
//! 0      length bytes  unverified             the bytes: `,"verified":true` or (a part of) a hidden grouping
//! 1      length bytes  fungible               the bytes: the member `token_info`
//! 2      length bytes  inscription            the bytes: the member `inscription`
//! 3      32 bytes      collection_metadata    the member `collection_metadata` of the collection with this key
//! 4      32 bytes      both 0 and 3           the same, within a hidden grouping
//! 5      length        cdn_base               the member `cdn_uri`, made of the string of this length (without its
//!                                             quotes) that ends here
//! ```
//!
//! Gaps and lengths are LEB128: seven bits a byte, the lowest first, the high bit set on all but the last byte.
//! Everything added carries its own commas; entries at one place are added in their order.

use super::SpliceError;
use crate::json::Json;
use crate::pubkey::Pubkey;

const VERSION: u8 = 1;

pub(super) const UNVERIFIED: u8 = 0;
pub(super) const TOKEN_INFO: u8 = 1;
pub(super) const INSCRIPTION: u8 = 2;
pub(super) const COLLECTION: u8 = 3;
pub(super) const HIDDEN_COLLECTION: u8 = 4;
const CDN_URI: u8 = 5;

/// The table being made. Entries have to come in the order of the body.
#[derive(Debug)]
pub(crate) struct Table {
    bytes: Vec<u8>,
    last: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self { bytes: vec![VERSION], last: 0 }
    }
}

impl Table {
    pub(crate) fn unverified(&mut self, at: usize, text: &[u8]) {
        self.text(at, UNVERIFIED, text);
    }

    pub(crate) fn token_info(&mut self, at: usize, json: &Json) {
        self.text(at, TOKEN_INFO, format!(",\"token_info\":{json}").as_bytes());
    }

    pub(crate) fn inscription(&mut self, at: usize, json: &Json) {
        self.text(at, INSCRIPTION, format!(",\"inscription\":{json}").as_bytes());
    }

    pub(crate) fn collection(&mut self, at: usize, key: &Pubkey) {
        self.entry(at, COLLECTION);
        self.bytes.extend_from_slice(key.as_bytes());
    }

    pub(crate) fn hidden_collection(&mut self, at: usize, key: &Pubkey) {
        self.entry(at, HIDDEN_COLLECTION);
        self.bytes.extend_from_slice(key.as_bytes());
    }

    /// After the uri string that ends at `at` and has `length` bytes between its quotes.
    pub(crate) fn cdn_uri(&mut self, at: usize, length: usize) {
        self.entry(at, CDN_URI);
        self.number(length);
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn text(&mut self, at: usize, kind: u8, text: &[u8]) {
        self.entry(at, kind);
        self.number(text.len());
        self.bytes.extend_from_slice(text);
    }

    fn entry(&mut self, at: usize, kind: u8) {
        self.number(at - self.last);
        self.bytes.push(kind);
        self.last = at;
    }

    fn number(&mut self, mut number: usize) {
        while number > 0x7f {
            self.bytes.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.bytes.push(number.to_le_bytes()[0]);
    }
}

/// What an entry adds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Addition<'a> {
    Text(&'a [u8]),
    Collection(Pubkey),
    CdnUri(usize),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) at: usize,
    pub(super) kind: u8,
    pub(super) addition: Addition<'a>,
}

/// Reads a table entry by entry.
pub(super) struct Entries<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Entries<'a> {
    pub(super) fn open(table: &'a [u8]) -> Result<Self, SpliceError> {
        match table {
            [VERSION, rest @ ..] => Ok(Self { rest, at: 0 }),
            _ => Err(SpliceError::Version),
        }
    }

    fn entry(&mut self) -> Result<Entry<'a>, SpliceError> {
        let gap = self.number()?;
        self.at = self.at.checked_add(gap).ok_or(SpliceError::Body)?;
        let [kind] = self.array()?;
        let addition = match kind {
            UNVERIFIED | TOKEN_INFO | INSCRIPTION => {
                let length = self.number()?;
                Addition::Text(self.bytes(length)?)
            }
            COLLECTION | HIDDEN_COLLECTION => Addition::Collection(Pubkey::from_bytes(self.array()?)),
            CDN_URI => Addition::CdnUri(self.number()?),
            unknown => return Err(SpliceError::Kind(unknown)),
        };
        Ok(Entry { at: self.at, kind, addition })
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], SpliceError> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(SpliceError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SpliceError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(SpliceError::Truncated)?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// A LEB128 number of up to five bytes: 32 GB are more than any body has.
    fn number(&mut self) -> Result<usize, SpliceError> {
        let mut number = 0;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            number |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(SpliceError::Truncated)
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, SpliceError>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.rest.is_empty()).then(|| self.entry())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_survive(numbers in prop::collection::vec(0_usize..1 << 31, 0..20)) {
            let mut table = Table::default();
            for number in &numbers {
                table.number(*number);
            }
            let bytes = table.into_bytes();
            let mut entries = Entries::open(&bytes)?;
            for number in numbers {
                prop_assert_eq!(entries.number()?, number);
            }
            prop_assert!(entries.rest.is_empty());
        }
    }
}
