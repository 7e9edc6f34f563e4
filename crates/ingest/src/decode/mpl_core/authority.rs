//! Who may change an asset, and who a plugin.

use vitrine_model::Pubkey;

use crate::decode::Reason;
use crate::decode::bytes::Cursor;

/// Who may change an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateAuthority {
    /// Nobody any more.
    None,
    /// This address.
    Address(Pubkey),
    /// The authority of this collection, which the asset is a member of.
    Collection(Pubkey),
}

/// Who may change a plugin, or write its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PluginAuthority {
    /// Nobody.
    None,
    /// The owner of the asset.
    Owner,
    /// The update authority of the asset or collection.
    UpdateAuthority,
    /// This address.
    Address(Pubkey),
}

impl UpdateAuthority {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Reason> {
        const FIELD: &str = "update_authority";
        match cursor.u8(FIELD)? {
            0 => Ok(Self::None),
            1 => cursor.key(FIELD).map(Self::Address),
            2 => cursor.key(FIELD).map(Self::Collection),
            tag => Err(Reason::BadTag { field: FIELD, value: tag.into() }),
        }
    }
}

impl PluginAuthority {
    pub(super) fn read(field: &'static str, cursor: &mut Cursor<'_>) -> Result<Self, Reason> {
        match cursor.u8(field)? {
            0 => Ok(Self::None),
            1 => Ok(Self::Owner),
            2 => Ok(Self::UpdateAuthority),
            3 => cursor.key(field).map(Self::Address),
            tag => Err(Reason::BadTag { field, value: tag.into() }),
        }
    }
}
