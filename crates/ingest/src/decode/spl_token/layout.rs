//! The kinds of fields that extensions are made of, and structs that are read field by field.

use std::fmt;

use serde::{Serialize, Serializer};
use vitrine_model::Pubkey;

use super::AccountState;
use crate::decode::Reason;
use crate::decode::bytes::Cursor;

/// Bytes that have no meaning without a key; their text is base58, as that of addresses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Base58<const N: usize>(pub [u8; N]);

/// An ElGamal public key.
pub type ElGamalPubkey = Base58<32>;
/// An amount encrypted under an ElGamal key.
pub type ElGamalCiphertext = Base58<64>;
/// An amount under authenticated encryption, which its owner alone decrypts.
pub type AeCiphertext = Base58<36>;

impl<const N: usize> fmt::Display for Base58<N> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&bs58::encode(self.0).into_string())
    }
}

impl<const N: usize> fmt::Debug for Base58<N> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Base58({self})")
    }
}

impl<const N: usize> Serialize for Base58<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A value whose type says how it is read.
pub(super) trait Field<'a>: Sized {
    /// Reads it; `field` is its name in a [`Reason`].
    fn read(cursor: &mut Cursor<'a>, field: &'static str) -> Result<Self, Reason>;
}

/// Structs whose fields stand one behind the other in the order of their declaration, without padding.
macro_rules! layout {
    ($($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $kind:ty,)+ })+) => {$(
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Serialize)]
        pub struct $name {
            $($(#[$doc])* pub $field: $kind,)+
        }

        impl Field<'_> for $name {
            fn read(cursor: &mut Cursor<'_>, _field: &'static str) -> Result<Self, Reason> {
                Ok(Self { $($field: Field::read(cursor, stringify!($field))?,)+ })
            }
        }
    )+};
}
pub(super) use layout;

impl Field<'_> for u16 {
    fn read(cursor: &mut Cursor<'_>, field: &'static str) -> Result<Self, Reason> {
        cursor.u16(field)
    }
}

impl Field<'_> for i16 {
    fn read(cursor: &mut Cursor<'_>, field: &'static str) -> Result<Self, Reason> {
        cursor.u16(field).map(u16::cast_signed)
    }
}

impl Field<'_> for u64 {
    fn read(cursor: &mut Cursor<'_>, field: &'static str) -> Result<Self, Reason> {
        cursor.u64(field)
    }
}

impl Field<'_> for i64 {
    fn read(cursor: &mut Cursor<'_>, field: &'static str) -> Result<Self, Reason> {
        cursor.i64(field)
    }
}

impl Field<'_> for f64 {
    fn read(cursor: &mut Cursor<'_>, field: &'static str) -> Result<Self, Reason> {
        cursor.u64(field).map(Self::from_bits)
    }
}

/// The program takes any byte but 0 for true.
impl Field<'_> for bool {
    fn read(cursor: &mut Cursor<'_>, field: &'static str) -> Result<Self, Reason> {
        cursor.u8(field).map(|byte| byte != 0)
    }
}

impl Field<'_> for Pubkey {
    fn read(cursor: &mut Cursor<'_>, field: &'static str) -> Result<Self, Reason> {
        cursor.key(field)
    }
}

/// None is the address of 32 zeros.
impl Field<'_> for Option<Pubkey> {
    fn read(cursor: &mut Cursor<'_>, field: &'static str) -> Result<Self, Reason> {
        cursor.key(field).map(|key| (*key.as_bytes() != [0; 32]).then_some(key))
    }
}

impl<const N: usize> Field<'_> for Base58<N> {
    fn read(cursor: &mut Cursor<'_>, field: &'static str) -> Result<Self, Reason> {
        cursor.array(field).map(Self)
    }
}

/// None is zeros.
impl<const N: usize> Field<'_> for Option<Base58<N>> {
    fn read(cursor: &mut Cursor<'_>, field: &'static str) -> Result<Self, Reason> {
        cursor.array(field).map(|bytes| (bytes != [0; N]).then_some(Base58(bytes)))
    }
}

impl Field<'_> for AccountState {
    fn read(cursor: &mut Cursor<'_>, field: &'static str) -> Result<Self, Reason> {
        cursor.one_of(field, &Self::ALL)
    }
}
