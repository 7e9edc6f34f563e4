//! Bodies as they are stored: packed, so that a row is small, and unpacked into whatever they are answered from.
//!
//! A stored body is one of two things, told apart by its first byte:
//!
//! | first byte | what follows |
//! |---|---|
//! | `{` | the body itself goes on: it is plain |
//! | 1 | the length of the plain body, four bytes, the lowest first; then an LZ4 block that refers back to [`DICTIONARY`] |
//!
//! What one byte has named once it names for ever: another dictionary, or another way to pack, takes the next number, and
//! nothing that is stored has to be written again.
//!
//! LZ4's block format has no checksum. What is damaged within its rules unpacks to other bytes of the same length; whether bytes
//! are those of a version is for `vitrine verify` to find out, as it is for plain ones.

use std::borrow::Cow;

use lz4_flex::block::{compress_into_with_dict, decompress_into_with_dict, get_maximum_output_size};

use crate::render::Rendered;

/// What bodies have in common: the skeleton of an answer in the order in which it is rendered, values that many assets share, and
/// beginnings of uris. Packed bodies refer to its bytes by their places: this file is as it is for ever.
const DICTIONARY: &[u8] = include_bytes!("dictionary_1.txt");

/// Names an LZ4 block that refers back to [`DICTIONARY`].
const LZ4_1: u8 = 1;

/// What a plain body begins with: it is a JSON object.
const PLAIN: u8 = b'{';

/// The format's name, and the plain length.
const HEAD_BYTES: usize = 5;

/// Longer bodies stay as they are: what is unpacked in one go bounds its time, to about a millisecond, and a length that is
/// damaged bounds what it asks of memory.
const PLAIN_BYTES_MAX: usize = 1 << 20;

/// The most bytes that a byte of an LZ4 block can stand for: a length goes on by 255 a byte.
const BYTES_OF_ONE: usize = 255;

/// A body as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedBody<'a>(Cow<'a, [u8]>);

/// An asset as it is stored for reading: [`Rendered`], packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The asset's default answer, packed.
    pub body: PackedBody<'static>,
    /// Where display options add to the plain body, and what: for [`crate::splice()`].
    pub splices: Vec<u8>,
    /// Of the plain bytes ([`Rendered::digest`]).
    pub digest: [u8; 16],
    /// Of the plain bytes ([`crate::version`]).
    pub version: i64,
}

/// Why stored bytes are no body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackedError {
    /// The first byte names no form.
    #[error("no stored body begins with the byte {0}")]
    Form(u8),
    /// It ends before the plain length does.
    #[error("a packed body of {0} bytes has no length")]
    Short(usize),
    /// No body has this length, or the block cannot have it.
    #[error("a block of {block} bytes does not unpack to {plain}")]
    Length {
        /// The plain length that is stated.
        plain: usize,
        /// The bytes that it is to be unpacked from.
        block: usize,
    },
    /// The block is not as the format has it, in this way.
    #[error("the packed body is damaged: {0}")]
    Block(String),
}

impl Rendered {
    /// The same with its body packed.
    pub fn pack(self) -> Packed {
        let Self { body, splices, digest, version } = self;
        Packed { body: PackedBody::pack(body), splices, digest, version }
    }
}

impl PackedBody<'static> {
    /// Packs a body; one that would not become shorter, or is longer than what is unpacked in one go, stays plain. Equal bodies
    /// give equal bytes.
    pub fn pack(plain: Vec<u8>) -> Self {
        debug_assert_eq!(plain.first(), Some(&PLAIN), "a body is an object");
        if plain.len() > PLAIN_BYTES_MAX {
            return Self(plain.into());
        }
        let mut packed = vec![0; HEAD_BYTES + get_maximum_output_size(plain.len())];
        let length = u32::try_from(plain.len()).expect("less than the most that is packed");
        packed[0] = LZ4_1;
        packed[1..HEAD_BYTES].copy_from_slice(&length.to_le_bytes());
        let block = compress_into_with_dict(&plain, &mut packed[HEAD_BYTES..], DICTIONARY)
            .expect("it has room for what cannot be compressed");
        if HEAD_BYTES + block >= plain.len() {
            return Self(plain.into());
        }
        // The room for what cannot be compressed is not carried along.
        Self(packed[..HEAD_BYTES + block].to_vec().into())
    }
}

impl<'a> PackedBody<'a> {
    /// What somebody has stored; whether it is a body is known once it is unpacked.
    pub fn stored(bytes: &'a [u8]) -> Self {
        Self(bytes.into())
    }

    /// As it is stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes of the plain body.
    pub fn plain_len(&self) -> Result<usize, PackedError> {
        match *self.0 {
            [PLAIN, ..] => Ok(self.0.len()),
            _ => self.block().map(|(plain, _)| plain),
        }
    }

    /// Appends the plain body. Where that fails, `out` is as it was.
    pub fn append_to(&self, out: &mut Vec<u8>) -> Result<(), PackedError> {
        if self.0.first() == Some(&PLAIN) {
            out.extend_from_slice(&self.0);
            return Ok(());
        }
        let (plain, block) = self.block()?;
        let start = out.len();
        out.resize(start + plain, 0);
        let unpacked = match decompress_into_with_dict(block, &mut out[start..], DICTIONARY) {
            Ok(unpacked) if unpacked == plain => return Ok(()),
            Ok(_) => Err(PackedError::Length { plain, block: block.len() }),
            Err(error) => Err(PackedError::Block(error.to_string())),
        };
        out.truncate(start);
        unpacked
    }

    /// The plain body.
    pub fn unpack(&self) -> Result<Vec<u8>, PackedError> {
        let mut plain = Vec::with_capacity(self.plain_len()?);
        self.append_to(&mut plain)?;
        Ok(plain)
    }

    /// Whether both are the same body, however each is stored.
    pub fn is_same(&self, other: &PackedBody<'_>) -> bool {
        self.0 == other.0
            || matches!((self.unpack(), other.unpack()), (Ok(one), Ok(another)) if one == another)
    }

    /// The plain length that is stated, within its bounds, and the block.
    fn block(&self) -> Result<(usize, &[u8]), PackedError> {
        if let Some(&form) = self.0.first().filter(|form| **form != LZ4_1) {
            return Err(PackedError::Form(form));
        }
        let Some((&[_, length @ ..], block)) = self.0.split_first_chunk::<HEAD_BYTES>() else {
            return Err(PackedError::Short(self.0.len()));
        };
        let plain = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        if plain > PLAIN_BYTES_MAX.min(BYTES_OF_ONE * block.len()) {
            return Err(PackedError::Length { plain, block: block.len() });
        }
        Ok((plain, block))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::{Asset, Pubkey};

    /// Objects, if only by their first byte: what nothing is like, what repeats itself, and what the dictionary has.
    fn body() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            vec(any::<u8>(), 0..200),
            (any::<u8>(), 0..400_usize).prop_map(|(byte, count)| vec![byte; count]),
            (0..DICTIONARY.len(), 0..300_usize).prop_map(|(start, length)| DICTIONARY[start..]
                .iter()
                .copied()
                .take(length)
                .collect()),
        ];
        vec(part, 0..20).prop_map(|parts| [vec![PLAIN], parts.concat()].concat())
    }

    fn smallest() -> Vec<u8> {
        Asset::new(Pubkey::from_bytes([7; 32]), "V1_NFT".to_owned()).render().body
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(body in body(), before in vec(any::<u8>(), 0..9)) {
            let packed = PackedBody::pack(body.clone());
            prop_assert!(packed.as_bytes().len() <= body.len());
            let stored = PackedBody::stored(packed.as_bytes());
            prop_assert_eq!(stored.plain_len(), Ok(body.len()));
            let mut out = before.clone();
            prop_assert_eq!(stored.append_to(&mut out), Ok(()));
            prop_assert_eq!(out, [before, body].concat());
        }

        /// Neither a panic nor more than what is stated, and nothing is left behind where it fails.
        #[test]
        fn what_is_damaged_is_refused_or_keeps_its_length(
            body in body(),
            end in any::<prop::sample::Index>(),
            changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let packed = PackedBody::pack(body);
            let mut bytes = packed.as_bytes()[..=end.index(packed.as_bytes().len())].to_vec();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let (stored, mut out) = (PackedBody::stored(&bytes), b"before".to_vec());
            if stored.append_to(&mut out).is_ok() {
                prop_assert_eq!(stored.plain_len(), Ok(out.len() - 6));
            } else {
                prop_assert_eq!(out, b"before");
            }
        }

        #[test]
        fn bytes_of_any_kind_do_no_harm(
            mut bytes in vec(any::<u8>(), 0..600),
            packed: bool,
            length in 0_u16..2_000,
        ) {
            if let (true, Some(head)) = (packed, bytes.first_chunk_mut()) {
                let [low, high] = length.to_le_bytes();
                *head = [LZ4_1, low, high, 0, 0];
            }
            let mut out = Vec::new();
            let unpacked = PackedBody::stored(&bytes).append_to(&mut out);
            prop_assert!(unpacked.is_ok() || out.is_empty());
        }
    }

    #[test]
    fn every_end_of_a_packed_body_is_refused() {
        let packed = PackedBody::pack(smallest());
        for end in 0..packed.as_bytes().len() {
            let cut = PackedBody::stored(&packed.as_bytes()[..end]);
            assert!(cut.unpack().is_err(), "{end}");
        }
    }

    #[test]
    fn a_length_asks_for_no_more_than_a_body_may_have() {
        for length in [0, u32::MAX, 1 << 21, 256 * 600] {
            let bytes = [&[LZ4_1][..], &u32::to_le_bytes(length), &[0; 600]].concat();
            let refused = PackedBody::stored(&bytes).unpack();
            assert!(refused.is_err(), "{length}");
            let mut out = Vec::new();
            assert!(PackedBody::stored(&bytes).append_to(&mut out).is_err());
            assert!(out.capacity() <= PLAIN_BYTES_MAX, "{length}: {}", out.capacity());
        }
        assert_eq!(PackedBody::stored(&[]).unpack(), Err(PackedError::Short(0)));
        assert_eq!(PackedBody::stored(b"[]").plain_len(), Err(PackedError::Form(b'[')));
        assert_eq!(PackedBody::stored(&[LZ4_1, 0]).plain_len(), Err(PackedError::Short(2)));
    }

    #[test]
    fn what_does_not_become_shorter_or_is_long_stays_plain() {
        for plain in [b"{}".to_vec(), [vec![PLAIN], vec![b' '; PLAIN_BYTES_MAX]].concat()] {
            let packed = PackedBody::pack(plain.clone());
            assert_eq!(packed.as_bytes(), plain);
            assert_eq!(packed.unpack(), Ok(plain));
        }
        let longest = [vec![PLAIN], vec![b' '; PLAIN_BYTES_MAX - 1]].concat();
        let packed = PackedBody::pack(longest.clone());
        assert!(packed.as_bytes().len() < 5_000);
        assert_eq!(packed.unpack(), Ok(longest));
    }

    /// Rows that are stored refer to the dictionary as it was when they were written: the one of this number never changes.
    #[test]
    fn what_was_packed_once_is_unpacked_for_ever() {
        let digest: [u8; 32] = Sha256::digest(DICTIONARY).into();
        assert_eq!(
            digest.map(|byte| format!("{byte:02x}")).concat(),
            "35e372aab31178a93741d3e29767356cf0652bc95a557dbe27ffb702838c8910"
        );
        let stored = [&[LZ4_1][..], &5_u32.to_le_bytes(), &[0x50], b"{\"a\"}"].concat();
        assert_eq!(PackedBody::stored(&stored).unpack().as_deref(), Ok(&b"{\"a\"}"[..]));
    }

    #[test]
    fn the_same_body_is_the_same_however_it_is_stored() {
        let body = smallest();
        let packed = PackedBody::pack(body.clone());
        assert!(packed.as_bytes().len() * 3 < body.len(), "{} of {}", packed.as_bytes().len(), body.len());
        let other =
            PackedBody::pack(body.iter().map(|byte| if *byte == b'V' { b'W' } else { *byte }).collect());
        assert!(packed.is_same(&PackedBody::stored(&body)) && packed.is_same(&packed.clone()));
        assert!(!packed.is_same(&other) && !PackedBody::stored(&[3]).is_same(&PackedBody::stored(&[4])));
    }
}
