//! Accounts of the Token Metadata program: what an asset shows of them.
//!
//! The first byte of an account is its key, which names the layout of the rest. The layouts are those of the program's
//! own client, `mpl-token-metadata` 5; the tests hold the two against each other.

mod edition;
mod metadata;
mod token_record;

pub use edition::{Edition, MasterEdition, PrintingMints};
pub use metadata::{
    Collection, CollectionDetails, Creator, Metadata, PaddedText, ProgrammableConfig, TokenStandard,
    UseMethod, Uses,
};
pub use token_record::{TokenDelegateRole, TokenRecord, TokenState};

use super::Reason;
use super::bytes::Cursor;

/// The address of the program.
pub const PROGRAM_ID: &str = "metaqbxxUerdq28cj1RbAWkYQm3ybzjb6a8bt518x1s";

/// An account that the program owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account<'a> {
    /// No data, or key 0: not written yet, or what the program leaves behind when it burns.
    Uninitialized,
    /// The metadata of a mint.
    Metadata(Box<Metadata<'a>>),
    /// The master edition of a mint, of either version.
    MasterEdition(MasterEdition),
    /// A print of a master edition.
    Edition(Edition),
    /// The state of a token account that holds a programmable NFT.
    TokenRecord(TokenRecord),
    /// An account of a known key that no asset shows: reservation lists (3 and 5), edition markers (7 and 13: a bit for
    /// each print, which its own [`Edition`] tells better), records of use (8), of collection authorities (9), of
    /// metadata delegates (12) and holder delegates (14), escrows (10).
    Other(u8),
}

/// Decodes an account that the program owns. Bytes behind the layout are padding and not looked at.
pub fn decode(data: &[u8]) -> Result<Account<'_>, Reason> {
    let mut cursor = Cursor::new(data);
    if data.is_empty() {
        return Ok(Account::Uninitialized);
    }
    match cursor.u8("key")? {
        0 => Ok(Account::Uninitialized),
        1 => edition::edition(&mut cursor).map(Account::Edition),
        2 => edition::master_edition_v1(&mut cursor).map(Account::MasterEdition),
        4 => metadata::metadata(&mut cursor).map(Box::new).map(Account::Metadata),
        6 => edition::master_edition_v2(&mut cursor).map(Account::MasterEdition),
        11 => token_record::token_record(&mut cursor).map(Account::TokenRecord),
        other @ (3 | 5 | 7..=10 | 12..=14) => Ok(Account::Other(other)),
        unknown => Err(Reason::BadTag { field: "key", value: unknown.into() }),
    }
}
