//! Addresses that programs derive.

use curve25519_dalek::edwards::CompressedEdwardsY;
use sha2::{Digest, Sha256};
use vitrine_model::Pubkey;

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
}
