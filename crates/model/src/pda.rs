//! Addresses that programs derive.

use curve25519_dalek::edwards::CompressedEdwardsY;
use sha2::{Digest, Sha256};

use crate::Pubkey;

/// SPL Token, `TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA`.
pub const TOKEN: Pubkey = Pubkey::from_bytes([
    6, 221, 246, 225, 215, 101, 161, 147, 217, 203, 225, 70, 206, 235, 121, 172, 28, 180, 133, 237, 95, 91,
    55, 145, 58, 140, 245, 133, 126, 255, 0, 169,
]);

/// Token-2022, `TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb`.
pub const TOKEN_2022: Pubkey = Pubkey::from_bytes([
    6, 221, 246, 225, 238, 117, 143, 222, 24, 66, 93, 188, 228, 108, 205, 218, 182, 26, 252, 77, 131, 185,
    13, 39, 254, 189, 249, 40, 216, 161, 139, 252,
]);

/// Associated Token Account, `ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL`.
const ASSOCIATED_TOKEN: Pubkey = Pubkey::from_bytes([
    140, 151, 37, 143, 78, 36, 137, 241, 187, 61, 16, 41, 20, 142, 13, 131, 11, 90, 19, 153, 218, 255, 16,
    132, 4, 142, 123, 216, 219, 233, 248, 89,
]);

/// The address that `program` derives from `seeds`: the first one that is not a point of the curve, so that nobody can
/// have a key for it. <https://solana.com/docs/core/pda>
///
/// `None` where each of the 256 candidates is a point, of which no case is known.
pub fn pda(seeds: &[&[u8]], program: &Pubkey) -> Option<Pubkey> {
    let seeds = seeds.iter().fold(Sha256::new(), Sha256::chain_update);
    (0..=u8::MAX).rev().find_map(|bump| {
        let seeds = seeds.clone().chain_update([bump]).chain_update(program.as_bytes());
        let address: [u8; 32] = seeds.chain_update(b"ProgramDerivedAddress").finalize().into();
        let is_point = CompressedEdwardsY(address).decompress().is_some();
        (!is_point).then(|| Pubkey::from_bytes(address))
    })
}

/// Where the account is that a wallet has for a mint if it has one of each alone: by SPL Token, and by Token-2022.
/// <https://solana.com/docs/tokens#associated-token-account>
pub fn associated_token_addresses(owner: Pubkey, mint: Pubkey) -> impl Iterator<Item = Pubkey> {
    [TOKEN, TOKEN_2022].into_iter().filter_map(move |program| {
        pda(&[owner.as_bytes(), program.as_bytes(), mint.as_bytes()], &ASSOCIATED_TOKEN)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Pubkey {
        text.parse().expect("a key")
    }

    #[test]
    fn the_edition_of_a_mint_is_where_its_program_puts_it() {
        let program = key("metaqbxxUerdq28cj1RbAWkYQm3ybzjb6a8bt518x1s");
        let mint = key("Ey2Qb8kLctbchQsMnhZs5DjY32To2QtPuXNwWvk4NosL");
        let seeds: [&[u8]; 4] = [b"metadata", program.as_bytes(), mint.as_bytes(), b"edition"];
        assert_eq!(pda(&seeds, &program), Some(key("8SHfqzJYABeGfiG1apwiEYt6TvfGQiL1pdwEjvTKsyiZ")));
    }

    #[test]
    fn the_associated_account_of_a_wallet_and_a_mint() {
        let owner = key("2oerfxddTpK5hWAmCMYB6fr9WvNrjEH54CHCWK8sAq7g");
        let mint = key("JUPyiwrYJFskUPiHa7hkeR8VUtAeFoSYbKedZNsDvCN");
        let addresses: Vec<Pubkey> = associated_token_addresses(owner, mint).collect();
        assert_eq!(addresses.len(), 2);
        assert_eq!(addresses[0], key("BE1CkzRjLTXAWcSVCaqzycwXsZ18Yuk3jMDMnPUoHjjS"));
        for (program, text) in [
            (TOKEN, "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"),
            (TOKEN_2022, "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"),
            (ASSOCIATED_TOKEN, "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"),
        ] {
            assert_eq!(program, key(text));
        }
    }
}
