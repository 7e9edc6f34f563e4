//! What stands in front of the plugins.

use vitrine_model::Pubkey;

use super::UpdateAuthority;
use crate::decode::Reason;
use crate::decode::bytes::Cursor;

/// An asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset<'a> {
    /// Who owns it.
    pub owner: Pubkey,
    /// Who may change it, and so which collection it is in.
    pub update_authority: UpdateAuthority,
    /// Its name.
    pub name: &'a str,
    /// Where the off-chain JSON is.
    pub uri: &'a str,
    /// Counts its changes, where it can be compressed.
    pub seq: Option<u64>,
}

/// A collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection<'a> {
    /// Who may change it.
    pub update_authority: Pubkey,
    /// Its name.
    pub name: &'a str,
    /// Where the off-chain JSON is.
    pub uri: &'a str,
    /// How many assets were made in it.
    pub num_minted: u32,
    /// How many assets are in it.
    pub current_size: u32,
}

/// A group of collections, assets and groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    /// Who may change it.
    pub update_authority: Pubkey,
    /// Its name.
    pub name: &'a str,
    /// Where the off-chain JSON is.
    pub uri: &'a str,
    /// The collections in it.
    pub collections: Vec<Pubkey>,
    /// The groups in it.
    pub groups: Vec<Pubkey>,
    /// The groups that it is in.
    pub parent_groups: Vec<Pubkey>,
    /// The assets in it.
    pub assets: Vec<Pubkey>,
}

/// Key 1, from behind the key.
pub(super) fn asset<'a>(cursor: &mut Cursor<'a>) -> Result<Asset<'a>, Reason> {
    Ok(Asset {
        owner: cursor.key("owner")?,
        update_authority: UpdateAuthority::read(cursor)?,
        name: cursor.string("name")?,
        uri: cursor.string("uri")?,
        seq: cursor.option("seq", |cursor| cursor.u64("seq"))?,
    })
}

/// Key 5, from behind the key.
pub(super) fn collection<'a>(cursor: &mut Cursor<'a>) -> Result<Collection<'a>, Reason> {
    Ok(Collection {
        update_authority: cursor.key("update_authority")?,
        name: cursor.string("name")?,
        uri: cursor.string("uri")?,
        num_minted: cursor.u32("num_minted")?,
        current_size: cursor.u32("current_size")?,
    })
}

/// Key 6, from behind the key.
pub(super) fn group<'a>(cursor: &mut Cursor<'a>) -> Result<Group<'a>, Reason> {
    Ok(Group {
        update_authority: cursor.key("update_authority")?,
        name: cursor.string("name")?,
        uri: cursor.string("uri")?,
        collections: keys("collections", cursor)?,
        groups: keys("groups", cursor)?,
        parent_groups: keys("parent_groups", cursor)?,
        assets: keys("assets", cursor)?,
    })
}

/// A vector of addresses.
pub(super) fn keys(field: &'static str, cursor: &mut Cursor<'_>) -> Result<Vec<Pubkey>, Reason> {
    cursor.vec(field, 32, |cursor| cursor.key(field))
}
