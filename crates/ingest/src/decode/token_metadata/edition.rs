//! Master editions and their prints.

use vitrine_model::Pubkey;

use crate::decode::Reason;
use crate::decode::bytes::Cursor;

/// The master edition of a mint: how many prints there are, and how many there may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterEdition {
    /// How many prints were made.
    pub supply: u64,
    /// How many may be made; none: as many as somebody likes.
    pub max_supply: Option<u64>,
    /// What only a master edition of version 1 has.
    pub printing: Option<PrintingMints>,
}

/// The mints whose tokens could once be turned into prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrintingMints {
    /// A token of this mint was good for one print.
    pub printing_mint: Pubkey,
    /// A token of this mint was good for minting all printing tokens at once.
    pub one_time_printing_authorization_mint: Pubkey,
}

/// A print of a master edition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edition {
    /// The account of the master edition (not its mint).
    pub parent: Pubkey,
    /// The number of the print, counted from 1.
    pub edition: u64,
}

/// Key 1, from behind the key.
pub(super) fn edition(cursor: &mut Cursor<'_>) -> Result<Edition, Reason> {
    Ok(Edition { parent: cursor.key("parent")?, edition: cursor.u64("edition")? })
}

/// Key 2, from behind the key.
pub(super) fn master_edition_v1(cursor: &mut Cursor<'_>) -> Result<MasterEdition, Reason> {
    let edition = master_edition_v2(cursor)?;
    let printing = PrintingMints {
        printing_mint: cursor.key("printing_mint")?,
        one_time_printing_authorization_mint: cursor.key("one_time_printing_authorization_mint")?,
    };
    Ok(MasterEdition { printing: Some(printing), ..edition })
}

/// Key 6, from behind the key.
pub(super) fn master_edition_v2(cursor: &mut Cursor<'_>) -> Result<MasterEdition, Reason> {
    Ok(MasterEdition {
        supply: cursor.u64("supply")?,
        max_supply: cursor.option("max_supply", |cursor| cursor.u64("max_supply"))?,
        printing: None,
    })
}
