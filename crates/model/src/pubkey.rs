//! A 32-byte Solana address and its base58 text.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use five8::{BASE58_ENCODED_32_MAX_LEN, DecodeError};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A 32-byte Solana address: of an asset, an owner, a collection, a tree. Ordered by its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pubkey([u8; 32]);

/// Why a text or a byte string is not a [`Pubkey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PubkeyError {
    /// A character outside the base58 alphabet.
    #[error("not a public key: it has a character that is not base58")]
    Character,
    /// Base58 or bytes, but of more or fewer than 32 bytes.
    #[error("not a public key: it is not 32 bytes long")]
    Length,
}

impl Pubkey {
    /// The address of these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Calls `with` on the base58 text (32 to 44 characters), which stands on the stack.
    pub(crate) fn with_text<T>(&self, with: impl FnOnce(&str) -> T) -> T {
        let mut text = [0_u8; BASE58_ENCODED_32_MAX_LEN];
        let length = usize::from(five8::encode_32(&self.0, &mut text));
        with(str::from_utf8(&text[..length]).expect("the base58 alphabet is ASCII"))
    }
}

impl FromStr for Pubkey {
    type Err = PubkeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0_u8; 32];
        match five8::decode_32(text, &mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(DecodeError::InvalidChar(_)) => Err(PubkeyError::Character),
            Err(_) => Err(PubkeyError::Length),
        }
    }
}

impl TryFrom<&[u8]> for Pubkey {
    type Error = PubkeyError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self).map_err(|_| PubkeyError::Length)
    }
}

impl fmt::Display for Pubkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.pad(text))
    }
}

impl fmt::Debug for Pubkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pubkey({self})")
    }
}

/// As its base58 text.
impl Serialize for Pubkey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_text(|text| serializer.serialize_str(text))
    }
}

/// From its base58 text.
impl<'de> Deserialize<'de> for Pubkey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_and_bytes_are_one_to_one() {
        assert_eq!("11111111111111111111111111111111".parse(), Ok(Pubkey::from_bytes([0; 32])));
        let madlads = "J1S9H3QjnRtBbbuD4HjPV6RpRhwuk4zKbxsnCHuTgh9w";
        let key: Pubkey = madlads.parse().expect("a documented collection");
        assert_eq!(key.to_string(), madlads);
        assert_eq!(serde_json::to_value(key).expect("a text"), madlads);
        assert_eq!(serde_json::from_str::<Pubkey>(&format!("\"{madlads}\"")).expect("a key"), key);
        assert!(serde_json::from_str::<Pubkey>("\"zwei\"").is_err());
        assert_eq!(Pubkey::try_from(&key.as_bytes()[..]), Ok(key));
    }

    #[test]
    fn what_is_not_32_bytes_of_base58_is_refused() {
        let long = "1".repeat(33);
        for text in ["", "1", "1111111111111111111111111111111", &long, &"z".repeat(44), &"2".repeat(4000)] {
            assert_eq!(text.parse::<Pubkey>(), Err(PubkeyError::Length), "{text}");
        }
        for text in ["0OIl", "1111111111111111111111111111111 ", "é1S9H3QjnRtBbbuD4HjPV6RpRhwuk4zKbxsnCHuT"]
        {
            assert_eq!(text.parse::<Pubkey>(), Err(PubkeyError::Character), "{text}");
        }
        assert_eq!(Pubkey::try_from(&[0_u8; 31][..]), Err(PubkeyError::Length));
    }

    proptest! {
        #[test]
        fn every_key_survives_its_text(bytes: [u8; 32]) {
            let key = Pubkey::from_bytes(bytes);
            prop_assert_eq!(key.to_string().parse(), Ok(key));
        }

        #[test]
        fn no_text_panics_and_a_text_has_one_spelling(text in "[1-9A-HJ-NP-Za-km-z]{30,46}|.{0,50}") {
            if let Ok(key) = text.parse::<Pubkey>() {
                prop_assert_eq!(key.to_string(), text);
            }
        }
    }
}
