//! API keys: 160 random bits, shown once.

use std::fmt;

use rand::Rng;
use sha2::{Digest, Sha256};

/// What a key begins with, so that people and secret scanners know one when they see it.
const MARK: &str = "vt_";

/// Crockford's base 32, lower case: no `i`, `l`, `o`, `u`, and nothing that a URL has to escape.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// How many characters of a key are public: the mark and 25 of its 160 bits.
const PREFIX_CHARS: usize = 8;

/// A key as its owner has it. It is never stored, logged or printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// A new key.
    pub fn generate(random: &mut impl Rng) -> Self {
        let bits: [u8; 20] = random.random();
        let mut text = String::with_capacity(MARK.len() + 32);
        text.push_str(MARK);
        for group in bits.chunks_exact(5) {
            let value = group.iter().fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
            for place in (0..8).rev() {
                text.push(char::from(ALPHABET[usize::try_from(value >> (5 * place) & 31).expect("5 bits")]));
            }
        }
        Self(text)
    }

    /// The key: to be shown once, to its owner.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What the database keeps instead of the key.
    pub fn digest(&self) -> [u8; 32] {
        digest(&self.0)
    }

    /// The public beginning of the key.
    pub fn prefix(&self) -> &str {
        &self.0[..PREFIX_CHARS]
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({}…)", self.prefix())
    }
}

/// SHA-256 of a key's text. A key has 160 random bits, so that no slow hash is needed.
pub(crate) fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn a_key_has_160_bits_in_32_characters() {
        let mut random = StdRng::seed_from_u64(1);
        let keys: Vec<ApiKey> = (0..1_000).map(|_| ApiKey::generate(&mut random)).collect();
        let places: Vec<HashSet<char>> = (3..35)
            .map(|place| keys.iter().filter_map(|key| key.text().chars().nth(place)).collect())
            .collect();
        assert_eq!(places.iter().map(HashSet::len).collect::<Vec<_>>(), vec![32; 32]);
        assert!(keys.iter().all(|key| key.text().len() == 35 && key.text().starts_with("vt_")));
    }

    #[test]
    fn debug_does_not_show_the_key() {
        let key = ApiKey::generate(&mut StdRng::seed_from_u64(2));
        let shown = format!("{key:?}");
        assert!(!shown.contains(key.text()) && shown.contains(key.prefix()), "{shown}");
    }
}
