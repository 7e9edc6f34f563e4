//! A transaction's signature and its base58 text.

use std::fmt;

use five8::BASE58_ENCODED_64_MAX_LEN;

/// The 64 bytes that name a transaction; shown in base58.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; 64]);

impl Signature {
    /// The signature of these bytes.
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The 64 bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0_u8; BASE58_ENCODED_64_MAX_LEN];
        let length = usize::from(five8::encode_64(&self.0, &mut text));
        formatter.write_str(str::from_utf8(&text[..length]).expect("the base58 alphabet is ASCII"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base58() {
        assert_eq!(Signature::from_bytes([0; 64]).to_string(), "1".repeat(64));
        let mut one = [0; 64];
        one[63] = 58;
        assert_eq!(Signature::from_bytes(one).to_string(), format!("{}21", "1".repeat(63)));
    }
}
