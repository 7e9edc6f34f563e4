//! Accounts of the MPL Core program: assets, collections, groups, and the plugins behind them.
//!
//! The first byte of an account is its key, which names the layout of the rest. Where an account has plugins, a header
//! follows that says where the registry of plugins is; see [`Plugins`]. The layouts are those of the program's own client,
//! `mpl-core` 0.12; the tests hold the two against each other.

mod authority;
mod base;
mod external;
mod internal;
mod registry;

pub use authority::{PluginAuthority, UpdateAuthority};
pub use base::{Asset, Collection, Group};
pub use external::{
    Adapter, ExtraAccount, ExtraAddress, HookableEvent, LifecycleCheck, LifecycleHook, LinkedDataKey, Schema,
    Seed, ValidationResultsOffset,
};
pub use internal::{Attribute, AutographSignature, Creator, InternalPlugin, RuleSet, VerifiedCreator};
pub use registry::{AttachedData, ExternalRecord, InternalRecord, Plugins};

use super::Reason;
use super::bytes::Cursor;

/// The address of the program.
pub const PROGRAM_ID: &str = "CoREENxT6tW1HoK8ypY1SxRMZTcVPm7R94rH4PZNhX7d";

/// An account that the program owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account<'a> {
    /// No data, or key 0: what the program leaves behind when it burns.
    Uninitialized,
    /// An asset.
    Asset(Asset<'a>, Plugins<'a>),
    /// The hash of an asset whose state is in the ledger and not in the account.
    HashedAsset {
        /// Of the asset's state.
        hash: [u8; 32],
    },
    /// A collection.
    Collection(Collection<'a>, Plugins<'a>),
    /// A group of collections, assets and groups.
    Group(Group<'a>, Plugins<'a>),
}

/// Decodes an account that the program owns.
///
/// A plugin of a type that is not known is kept as bytes. An unknown value inside of a known plugin is an error: what
/// stands behind it cannot be placed. Bytes behind a plugin's known layout, and behind the registry, are not looked at.
pub fn decode(data: &[u8]) -> Result<Account<'_>, Reason> {
    if data.is_empty() {
        return Ok(Account::Uninitialized);
    }
    let mut cursor = Cursor::new(data);
    match cursor.u8("key")? {
        0 => Ok(Account::Uninitialized),
        1 => Ok(Account::Asset(base::asset(&mut cursor)?, registry::plugins(data, &mut cursor)?)),
        2 => Ok(Account::HashedAsset { hash: cursor.array("hash")? }),
        5 => Ok(Account::Collection(base::collection(&mut cursor)?, registry::plugins(data, &mut cursor)?)),
        6 => Ok(Account::Group(base::group(&mut cursor)?, registry::plugins(data, &mut cursor)?)),
        // 3 and 4 are the header and the registry of plugins, which stand inside of accounts.
        other => Err(Reason::BadTag { field: "key", value: other.into() }),
    }
}
