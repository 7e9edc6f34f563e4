//! Accounts of LibrePlex Inscriptions: what an asset shows of its inscription.
//!
//! Eight bytes in front name the layout of the rest. The layouts are those of the program's own crate,
//! `libreplex_inscriptions` 0.5. There are two of an inscription: the older tells the media type in parts, and its owner
//! may migrate it, which writes the same inscription anew in the newer layout, to another account.

use std::borrow::Cow;

use vitrine_model::Pubkey;

use super::Reason;
use super::bytes::Cursor;

/// The address of the program.
pub const PROGRAM_ID: &str = "inscokhJarcjaEs59QbQ7hYjrKz25LEPRfCbP8EmdUp";

// The first eight bytes of the SHA-256 of `account:` and the name of the struct.
const INSCRIPTION: [u8; 8] = [0x64, 0x0b, 0x97, 0x2a, 0xe4, 0x26, 0x45, 0xbb];
const INSCRIPTION_V3: [u8; 8] = [0xe8, 0x78, 0xcd, 0x2f, 0x99, 0xef, 0xe5, 0xe0];
const INSCRIPTION_DATA: [u8; 8] = [0x2c, 0x3a, 0x42, 0x9c, 0x52, 0x88, 0x50, 0x40];
const INSCRIPTION_SUMMARY: [u8; 8] = [0xbd, 0xbd, 0xbe, 0x5a, 0x49, 0x47, 0xfd, 0x6b];
const INSCRIPTION_RANK_PAGE: [u8; 8] = [0xc0, 0x85, 0xc0, 0xc3, 0x2a, 0x31, 0x9b, 0xc6];
const MIGRATOR: [u8; 8] = [0x4a, 0x47, 0xb9, 0x34, 0x4b, 0xba, 0x72, 0x4e];
/// Not written yet.
const UNINITIALIZED: [u8; 8] = [0; 8];
/// Closed, by programs of this framework.
const CLOSED: [u8; 8] = [0xff; 8];

/// An account that the program owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account<'a> {
    /// No data, or a first eight bytes that say so: not written yet, or closed.
    Uninitialized,
    /// An inscription, of either layout.
    Inscription(Inscription<'a>),
    /// What no asset shows: the inscribed bytes themselves, the summary and the ranks of all inscriptions, and who
    /// migrated one.
    Other,
}

/// An inscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inscription<'a> {
    /// Which of the two layouts it was read from. One and the same inscription may stand in both.
    pub layout: Layout,
    /// Who may change it; the system program where nobody may any more.
    pub authority: Pubkey,
    /// What was inscribed: the mint of the asset.
    pub root: Pubkey,
    /// The account with the inscribed bytes.
    pub inscription_data: Pubkey,
    /// Its rank among all that nobody may change any more, or among all; 0 without one.
    pub order: u64,
    /// Bytes inscribed.
    pub size: u32,
    /// The media type or what its owner put there; empty until something is inscribed.
    pub content_type: Cow<'a, str>,
    /// The encoding; empty until something is inscribed.
    pub encoding: &'a str,
    /// A hash that the inscribed bytes have to have, as its owner wrote it.
    pub validation_hash: Option<&'a str>,
}

/// The layouts of an inscription, the newer one above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// `Inscription`.
    V1,
    /// `InscriptionV3`.
    V3,
}

/// Decodes an account that the program owns. Bytes behind the layout are room and not looked at.
pub fn decode(data: &[u8]) -> Result<Account<'_>, Reason> {
    if data.is_empty() {
        return Ok(Account::Uninitialized);
    }
    let mut cursor = Cursor::new(data);
    match cursor.array("discriminator")? {
        UNINITIALIZED | CLOSED => Ok(Account::Uninitialized),
        INSCRIPTION => inscription_v1(&mut cursor).map(Account::Inscription),
        INSCRIPTION_V3 => inscription_v3(&mut cursor).map(Account::Inscription),
        INSCRIPTION_DATA | INSCRIPTION_SUMMARY | INSCRIPTION_RANK_PAGE | MIGRATOR => Ok(Account::Other),
        unknown => Err(Reason::BadTag { field: "discriminator", value: u64::from_le_bytes(unknown) }),
    }
}

fn inscription_v1<'a>(cursor: &mut Cursor<'a>) -> Result<Inscription<'a>, Reason> {
    Ok(Inscription {
        layout: Layout::V1,
        authority: cursor.key("authority")?,
        root: cursor.key("root")?,
        content_type: media_type(cursor)?,
        encoding: cursor.one_of("encoding_type", &["", "base64"])?,
        inscription_data: cursor.key("inscription_data")?,
        order: cursor.u64("order")?,
        size: cursor.u32("size")?,
        validation_hash: cursor.option("validation_hash", |cursor| cursor.string("validation_hash"))?,
    })
}

fn inscription_v3<'a>(cursor: &mut Cursor<'a>) -> Result<Inscription<'a>, Reason> {
    Ok(Inscription {
        layout: Layout::V3,
        authority: cursor.key("authority")?,
        root: cursor.key("root")?,
        inscription_data: cursor.key("inscription_data")?,
        order: cursor.u64("order")?,
        size: cursor.u32("size")?,
        content_type: cursor.string("content_type")?.into(),
        encoding: cursor.string("encoding")?,
        validation_hash: cursor.option("validation_hash", |cursor| cursor.string("validation_hash"))?,
    })
}

/// A media type in parts, as the program puts it together when it migrates an inscription.
fn media_type<'a>(cursor: &mut Cursor<'a>) -> Result<Cow<'a, str>, Reason> {
    let kind = match cursor.u8("media_type")? {
        0 => return Ok("".into()),
        1 => "audio",
        2 => "application",
        3 => "image",
        4 => "video",
        5 => "text",
        6 => return cursor.string("media_type").map(Cow::from),
        7 => return Ok("application/erc721".into()),
        unknown => return Err(Reason::BadTag { field: "media_type", value: unknown.into() }),
    };
    Ok(format!("{kind}/{}", cursor.string("media_type")?).into())
}
