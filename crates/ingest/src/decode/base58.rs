//! Base58 of any length to bytes.
//!
//! It exists beside the `bs58` crate because that takes one digit at a time: a multiplication for each digit and each byte,
//! which for what a tree logs of a change, some six hundred bytes, is more work than all the rest of the transaction. Here
//! ten digits go at once into words of 64 bits.

use bs58::decode::Error;

/// The digits, from 0.
const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// What is no digit.
const NONE: u8 = u8::MAX;

/// How many digits fit 64 bits: 58^10 is below 2^59.
const DIGITS: usize = 10;

/// Each byte's digit.
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut digit = 0_u8;
    while (digit as usize) < ALPHABET.len() {
        values[ALPHABET[digit as usize] as usize] = digit;
        digit += 1;
    }
    values
};

/// Reads base58. The errors are those of `bs58`. It takes time with the square of the length.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, Error> {
    let digits = text.trim_start_matches('1');
    let zeros = text.len() - digits.len();
    // The lowest word first. A digit is a little less than six bits.
    let mut words: Vec<u64> = Vec::with_capacity(digits.len() * 6 / 64 + 1);
    for (at, chunk) in digits.as_bytes().chunks(DIGITS).enumerate() {
        let (mut value, mut scale) = (0_u64, 1_u64);
        for (place, &byte) in chunk.iter().enumerate() {
            let digit = VALUES[usize::from(byte)];
            if digit == NONE {
                return Err(wrong(text, zeros + at * DIGITS + place));
            }
            value = value * 58 + u64::from(digit);
            scale *= 58;
        }
        multiply_and_add(&mut words, scale, value);
    }
    let bytes: Vec<u8> = words.iter().rev().flat_map(|word| word.to_be_bytes()).collect();
    let filling = bytes.iter().take_while(|byte| **byte == 0).count();
    let mut out = vec![0; zeros];
    out.extend_from_slice(&bytes[filling..]);
    Ok(out)
}

fn multiply_and_add(words: &mut Vec<u64>, factor: u64, summand: u64) {
    let mut carry = summand;
    for word in &mut *words {
        // The largest product and the largest summand fit together.
        let wide = u128::from(*word) * u128::from(factor) + u128::from(carry);
        [*word, carry] = halves(wide);
    }
    if carry > 0 {
        words.push(carry);
    }
}

/// The lower half and the upper one.
#[expect(clippy::cast_possible_truncation, reason = "that is how a number is cut in halves")]
const fn halves(wide: u128) -> [u64; 2] {
    [wide as u64, (wide >> 64) as u64]
}

/// Says what stands where a digit should.
fn wrong(text: &str, index: usize) -> Error {
    match text.get(index..).and_then(|rest| rest.chars().next()) {
        Some(character) if character.is_ascii() => Error::InvalidCharacter { character, index },
        _ => Error::NonAsciiCharacter { index },
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_and_zeros_are_kept() {
        for (text, bytes) in [("", vec![]), ("1", vec![0]), ("111", vec![0; 3]), ("112", vec![0, 0, 1])] {
            assert_eq!(decode(text), Ok(bytes));
        }
        let (most, ones) = ("z".repeat(700), [255; 64]);
        assert_eq!(decode(&most).ok(), bs58::decode(&most).into_vec().ok());
        assert_eq!(decode(&bs58::encode(ones).into_string()), Ok(ones.to_vec()));
    }

    proptest! {
        #[test]
        fn bytes_come_back(zeros in 0_usize..20, bytes in vec(any::<u8>(), 0..700)) {
            let bytes = [vec![0; zeros], bytes].concat();
            prop_assert_eq!(decode(&bs58::encode(&bytes).into_string()), Ok(bytes));
        }

        #[test]
        fn any_text_is_read_as_the_crate_reads_it(text in "[1-9A-Za-z0OIl +é\u{0}]{0,60}") {
            prop_assert_eq!(decode(&text), bs58::decode(&text).into_vec());
        }
    }
}
