//! What the chain said, in the words of DAS. Pure.
//!
//! [`account()`] says what of an account's update is stored, and [`leaf::transaction()`] what of a transaction.
//! [`compose()`] makes an asset of what is stored of it
//! ([decision 15](../../../../docs/decisions/0015-assets-from-sources.md)); what accounts show is
//! [decision 19](../../../../docs/decisions/0019-what-accounts-show.md).

mod account;
mod compose;
mod content;
mod core;
mod draft;
mod inscription;
pub mod leaf;
mod plugins;
mod program;
mod token;
mod unread;

pub use account::{AccountUpdate, account};
pub use compose::compose;
pub(crate) use compose::shown_bytes;
pub use unread::unread;
