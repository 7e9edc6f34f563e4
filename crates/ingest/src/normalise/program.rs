//! The programs whose accounts assets are made of.

use std::sync::LazyLock;

use quick_cache::sync::Cache;
use vitrine_model::Pubkey;
pub(super) use vitrine_model::{TOKEN, TOKEN_2022};

use crate::decode::{pda, spl_token};

/// How many mints' editions are remembered, 64 bytes each and some more for the places.
const EDITIONS_MAX: usize = 16_384;

/// Editions of mints that were asked for lately. A mint and its metadata mostly come one behind the other and both tell of
/// the edition, and to derive it takes longer than all else that is done with either.
static EDITIONS: LazyLock<Cache<Pubkey, Pubkey>> = LazyLock::new(|| Cache::new(EDITIONS_MAX));

/// The program of wallets; it owns accounts that were closed as well.
pub(super) const SYSTEM: Pubkey = Pubkey::from_bytes([0; 32]);

/// Token Metadata, `metaqbxxUerdq28cj1RbAWkYQm3ybzjb6a8bt518x1s`.
pub(super) const TOKEN_METADATA: Pubkey = Pubkey::from_bytes([
    11, 112, 101, 177, 227, 209, 124, 69, 56, 157, 82, 127, 107, 4, 195, 205, 88, 184, 108, 115, 26, 160,
    253, 181, 73, 182, 209, 188, 3, 248, 41, 70,
]);

/// MPL Core, `CoREENxT6tW1HoK8ypY1SxRMZTcVPm7R94rH4PZNhX7d`.
pub(super) const MPL_CORE: Pubkey = Pubkey::from_bytes([
    175, 84, 171, 16, 189, 151, 165, 66, 160, 158, 247, 179, 152, 137, 221, 12, 211, 148, 164, 204, 233, 223,
    166, 205, 201, 126, 190, 45, 35, 91, 167, 72,
]);

/// LibrePlex Inscriptions, `inscokhJarcjaEs59QbQ7hYjrKz25LEPRfCbP8EmdUp`.
pub(super) const INSCRIPTION: Pubkey = Pubkey::from_bytes([
    10, 180, 174, 126, 63, 63, 157, 25, 219, 207, 134, 162, 20, 30, 248, 226, 156, 36, 200, 252, 225, 223,
    15, 172, 144, 187, 222, 57, 38, 185, 20, 237,
]);

/// MPL Agent Identity, `1DREGFgysWYxLnRnKQnwrxnJQeSMk2HmGaC6whw2B2p`.
pub(super) const AGENT_IDENTITY: Pubkey = Pubkey::from_bytes([
    0, 14, 10, 112, 118, 137, 218, 154, 214, 174, 1, 204, 119, 173, 16, 77, 62, 152, 44, 124, 132, 137, 23,
    197, 250, 230, 41, 93, 184, 30, 71, 89,
]);

/// Which of the two token programs this is.
pub(super) fn token_program(program: Pubkey) -> Option<spl_token::Program> {
    if program == TOKEN {
        Some(spl_token::Program::Token)
    } else if program == TOKEN_2022 {
        Some(spl_token::Program::Token2022)
    } else {
        None
    }
}

/// Where the edition of a mint is, be it a master edition or a print.
pub(super) fn edition_of(mint: Pubkey) -> Option<Pubkey> {
    if let Some(edition) = EDITIONS.get(&mint) {
        return Some(edition);
    }
    let program = TOKEN_METADATA;
    let edition = pda(&[b"metadata", program.as_bytes(), mint.as_bytes(), b"edition"], &program)?;
    EDITIONS.insert(mint, edition);
    Some(edition)
}

/// The address that signs for an asset of MPL Core when its owner executes something with it.
pub(super) fn asset_signer_of(asset: Pubkey) -> Option<Pubkey> {
    pda(&[b"mpl-core-execute", asset.as_bytes()], &MPL_CORE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{agent_identity, inscription, mpl_core, token_metadata};

    #[test]
    fn addresses_are_those_of_the_decoders() {
        for (address, text) in [
            (SYSTEM, "11111111111111111111111111111111"),
            (TOKEN, spl_token::Program::Token.id()),
            (TOKEN_2022, spl_token::Program::Token2022.id()),
            (TOKEN_METADATA, token_metadata::PROGRAM_ID),
            (MPL_CORE, mpl_core::PROGRAM_ID),
            (INSCRIPTION, inscription::PROGRAM_ID),
            (AGENT_IDENTITY, agent_identity::PROGRAM_ID),
        ] {
            assert_eq!(address.to_string(), text);
        }
    }
}
