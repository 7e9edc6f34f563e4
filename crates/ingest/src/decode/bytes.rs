//! A cursor over little-endian numbers and the layouts of borsh: options, strings and vectors.
//!
//! It exists beside the `borsh` crate because a decoder here owes a typed reason that names the field, lends strings
//! from the account instead of copying them, and reads on after a field that failed.

use vitrine_model::Pubkey;

use super::Reason;

/// Reads fields one behind the other. A field that fails may leave the cursor anywhere in front of its end.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    /// From the start of the input, so that positions in reasons are those of the account.
    data: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at the first byte of `data`.
    pub const fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// A cursor over the bytes of `data` from `start` up to, not including, `end`, as offsets in an account state them.
    /// [`Reason::Truncated`] where these are not a range within `data`.
    pub fn between(field: &'static str, data: &'a [u8], start: u64, end: u64) -> Result<Self, Reason> {
        let at = usize::try_from(start).unwrap_or(usize::MAX);
        let end = usize::try_from(end).ok().filter(|&end| at <= end);
        let data = end.and_then(|end| data.get(..end)).ok_or(Reason::Truncated { field, at })?;
        Ok(Self { data, at })
    }

    /// How many bytes were read, from the start of the data.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// What is left to read. Reading it does not move the cursor.
    pub fn rest(&self) -> &'a [u8] {
        self.data.get(self.at..).unwrap_or_default()
    }

    /// The next `len` bytes.
    pub fn take(&mut self, field: &'static str, len: usize) -> Result<&'a [u8], Reason> {
        let taken = self.rest().get(..len).ok_or(Reason::Truncated { field, at: self.at })?;
        self.at += len;
        Ok(taken)
    }

    /// The next `N` bytes, as an array.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Reason> {
        let taken = self.rest().first_chunk().ok_or(Reason::Truncated { field, at: self.at })?;
        self.at += N;
        Ok(*taken)
    }

    /// One byte.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, Reason> {
        self.array(field).map(u8::from_le_bytes)
    }

    /// Two bytes, the lowest first.
    pub fn u16(&mut self, field: &'static str) -> Result<u16, Reason> {
        self.array(field).map(u16::from_le_bytes)
    }

    /// Four bytes, the lowest first.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, Reason> {
        self.array(field).map(u32::from_le_bytes)
    }

    /// Eight bytes, the lowest first.
    pub fn u64(&mut self, field: &'static str) -> Result<u64, Reason> {
        self.array(field).map(u64::from_le_bytes)
    }

    /// Eight bytes, the lowest first, in two's complement.
    pub fn i64(&mut self, field: &'static str) -> Result<i64, Reason> {
        self.array(field).map(i64::from_le_bytes)
    }

    /// An address: 32 bytes.
    pub fn key(&mut self, field: &'static str) -> Result<Pubkey, Reason> {
        self.array(field).map(Pubkey::from_bytes)
    }

    /// A byte that is 0 or 1. Anything else is [`Reason::BadTag`].
    pub fn bool(&mut self, field: &'static str) -> Result<bool, Reason> {
        self.one_of(field, &[false, true])
    }

    /// A byte that counts into `values`: an enum without data. One beyond them is [`Reason::BadTag`].
    pub fn one_of<T: Copy>(&mut self, field: &'static str, values: &[T]) -> Result<T, Reason> {
        let tag = self.u8(field)?;
        values.get(usize::from(tag)).copied().ok_or(Reason::BadTag { field, value: tag.into() })
    }

    /// A flag of one byte, and what `read` makes of the bytes behind it where the flag is set.
    pub fn option<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, Reason>,
    ) -> Result<Option<T>, Reason> {
        if self.bool(field)? { read(self).map(Some) } else { Ok(None) }
    }

    /// The length of a vector, four bytes, of elements that take at least `element` bytes each (0 counts as 1).
    /// [`Reason::TooLong`] where what is left cannot hold so many.
    pub fn vec_len(&mut self, field: &'static str, element: usize) -> Result<usize, Reason> {
        let len = self.u32(field)?;
        let max = self.rest().len() / element.max(1);
        match usize::try_from(len) {
            Ok(len) if len <= max => Ok(len),
            _ => Err(Reason::TooLong { field, len: len.into(), max: max as u64 }),
        }
    }

    /// A vector of elements that take at least `element` bytes each, each read by `read`.
    pub fn vec<T>(
        &mut self,
        field: &'static str,
        element: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, Reason>,
    ) -> Result<Vec<T>, Reason> {
        (0..self.vec_len(field, element)?).map(|_| read(self)).collect()
    }

    /// A length of four bytes, and as many bytes of UTF-8.
    pub fn string(&mut self, field: &'static str) -> Result<&'a str, Reason> {
        let len = self.vec_len(field, 1)?;
        str::from_utf8(self.take(field, len)?).map_err(|_| Reason::NotUtf8 { field })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_little_endian_and_follow_one_another() {
        let data =
            [1, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0x80, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        let mut cursor = Cursor::new(&data);
        assert_eq!(cursor.u8("a"), Ok(1));
        assert_eq!(cursor.u16("b"), Ok(2));
        assert_eq!(cursor.u32("c"), Ok(3));
        assert_eq!(cursor.u64("d"), Ok(4 + (0x80 << 56)));
        assert_eq!(cursor.i64("e"), Ok(-2));
        assert_eq!((cursor.at(), cursor.rest()), (23, &[][..]));
        assert_eq!(cursor.u8("f"), Err(Reason::Truncated { field: "f", at: 23 }));
    }

    #[test]
    fn a_range_keeps_the_positions_of_the_account() {
        let data = [9, 8, 7, 6];
        let mut cursor = Cursor::between("part", &data, 1, 3).expect("a range within the data");
        assert_eq!((cursor.at(), cursor.rest()), (1, &[8, 7][..]));
        assert_eq!(cursor.take("two", 2), Ok(&[8, 7][..]));
        assert_eq!(cursor.u8("more"), Err(Reason::Truncated { field: "more", at: 3 }));
        assert!(Cursor::between("empty", &data, 4, 4).is_ok());
        for (start, end) in [(3, 2), (0, 5), (5, 5), (u64::MAX, u64::MAX), (0, u64::MAX)] {
            assert!(Cursor::between("part", &data, start, end).is_err(), "{start}..{end}");
        }
    }

    #[test]
    fn options_and_booleans_are_0_or_1() {
        assert_eq!(Cursor::new(&[0, 5]).option("o", |cursor| cursor.u8("v")), Ok(None));
        assert_eq!(Cursor::new(&[1, 5]).option("o", |cursor| cursor.u8("v")), Ok(Some(5)));
        let inner = Reason::Truncated { field: "v", at: 1 };
        assert_eq!(Cursor::new(&[1]).option("o", |cursor| cursor.u8("v")), Err(inner));
        let tag = Reason::BadTag { field: "o", value: 2 };
        assert_eq!(Cursor::new(&[2, 5]).option("o", |cursor| cursor.u8("v")), Err(tag));
        assert_eq!(Cursor::new(&[2]).bool("o"), Err(tag));
    }

    #[test]
    fn a_length_is_bounded_by_what_is_left() {
        let data = [2, 0, 0, 0, 1, 0, 2, 0];
        assert_eq!(Cursor::new(&data).vec("v", 2, |cursor| cursor.u16("n")), Ok(vec![1, 2]));
        let long = Reason::TooLong { field: "v", len: 2, max: 1 };
        assert_eq!(Cursor::new(&data).vec_len("v", 3), Err(long));
        let huge = Reason::TooLong { field: "v", len: 0xffff_ffff, max: 1 };
        assert_eq!(Cursor::new(&[255, 255, 255, 255, 0]).vec_len("v", 0), Err(huge));
    }

    #[test]
    fn strings_are_utf8_and_lent() {
        let mut cursor = Cursor::new(&[2, 0, 0, 0, b'h', b'i', 1, 0, 0, 0, 0xff]);
        assert_eq!(cursor.string("s"), Ok("hi"));
        assert_eq!(cursor.string("s"), Err(Reason::NotUtf8 { field: "s" }));
    }
}
