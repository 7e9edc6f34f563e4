//! The bytes of a transaction as validators exchange them, legacy and version 0.
//! <https://solana.com/docs/core/transactions>

use super::super::Reason;
use super::super::bytes::Cursor;
use super::{Compiled, Message, Signature, TransactionError};

/// The bit that tells the version of a message from the first number of a legacy one.
const VERSIONED: u8 = 0x80;

/// The name of the transaction, and its message. Nothing may follow.
pub(super) fn read(bytes: &[u8]) -> Result<(Signature, Message), TransactionError> {
    let mut cursor = Cursor::new(bytes);
    let signatures = len(&mut cursor, "signatures", 64)?;
    if signatures == 0 {
        return Err(TransactionError::NoSignature);
    }
    let signature = Signature::from_bytes(cursor.array("signatures")?);
    cursor.take("signatures", 64 * (signatures - 1))?;
    let message = message(&mut cursor)?;
    match cursor.rest().len() {
        0 => Ok((signature, message)),
        trailing => Err(TransactionError::Trailing(trailing)),
    }
}

fn message(cursor: &mut Cursor<'_>) -> Result<Message, Reason> {
    let versioned = cursor.rest().first().is_some_and(|first| first & VERSIONED != 0);
    if versioned {
        let version = cursor.u8("version")? & !VERSIONED;
        if version != 0 {
            return Err(Reason::BadTag { field: "version", value: version.into() });
        }
    }
    cursor.take("header", 3)?;
    let keys = len(cursor, "accountKeys", 32)?;
    let keys = (0..keys).map(|_| cursor.key("accountKeys")).collect::<Result<_, _>>()?;
    cursor.take("recentBlockhash", 32)?;
    let instructions = len(cursor, "instructions", 3)?;
    let instructions = (0..instructions).map(|_| instruction(cursor)).collect::<Result<_, _>>()?;
    let lookups = if versioned { lookups(cursor)? } else { 0 };
    Ok(Message { keys, lookups: Some(lookups), instructions })
}

fn instruction(cursor: &mut Cursor<'_>) -> Result<Compiled, Reason> {
    Ok(Compiled {
        program: cursor.u8("programIdIndex")?,
        accounts: bytes(cursor, "accounts")?.to_vec(),
        data: bytes(cursor, "data")?.to_vec(),
    })
}

/// How many addresses are looked up.
fn lookups(cursor: &mut Cursor<'_>) -> Result<usize, Reason> {
    let mut addresses = 0;
    for _ in 0..len(cursor, "addressTableLookups", 34)? {
        cursor.key("accountKey")?;
        addresses += bytes(cursor, "writableIndexes")?.len();
        addresses += bytes(cursor, "readonlyIndexes")?.len();
    }
    Ok(addresses)
}

fn bytes<'a>(cursor: &mut Cursor<'a>, field: &'static str) -> Result<&'a [u8], Reason> {
    let len = len(cursor, field, 1)?;
    cursor.take(field, len)
}

/// The length of a list, of elements that take at least `element` bytes each.
fn len(cursor: &mut Cursor<'_>, field: &'static str, element: usize) -> Result<usize, Reason> {
    let len = compact_u16(cursor, field)?;
    let max = cursor.rest().len() / element;
    if usize::from(len) > max {
        return Err(Reason::TooLong { field, len: len.into(), max: max as u64 });
    }
    Ok(len.into())
}

/// A number of 16 bits in groups of seven, the lowest first, each but the last with the top bit set. A number has one
/// spelling: validators refuse a last group of zeros.
fn compact_u16(cursor: &mut Cursor<'_>, field: &'static str) -> Result<u16, Reason> {
    let mut value = 0;
    for shift in [0, 7, 14] {
        let byte = cursor.u8(field)?;
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let is_short = byte != 0 || shift == 0;
            let fits = u16::try_from(value).ok().filter(|_| is_short);
            return fits.ok_or(Reason::BadTag { field, value: value.into() });
        }
    }
    Err(Reason::BadTag { field, value: value.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_numbers_have_one_spelling() {
        let read = |bytes: &[u8]| compact_u16(&mut Cursor::new(bytes), "n");
        for (bytes, value) in [
            (&[0][..], 0),
            (&[0x7f], 0x7f),
            (&[0x80, 1], 0x80),
            (&[0xff, 0x7f], 0x3fff),
            (&[0x80, 0x80, 1], 0x4000),
            (&[0xff, 0xff, 3], 0xffff),
        ] {
            assert_eq!(read(bytes), Ok(value), "{bytes:x?}");
        }
        for (bytes, value) in [
            (&[0x80, 0][..], 0),
            (&[0x81, 0x80, 0], 1),
            (&[0x80, 0x80, 4], 0x1_0000),
            (&[0xff, 0xff, 0x80], 0x3fff),
        ] {
            assert_eq!(read(bytes), Err(Reason::BadTag { field: "n", value }), "{bytes:x?}");
        }
        assert_eq!(read(&[0x80]), Err(Reason::Truncated { field: "n", at: 1 }));
    }
}
