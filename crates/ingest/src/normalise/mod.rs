//! What the chain said, in the words of DAS. Pure.
//!
//! [`account()`] says what of an account's update is stored. [`compose()`] makes an asset of what is stored of it
//! ([decision 15](../../../../docs/decisions/0015-assets-from-sources.md)).

mod account;
mod content;
mod draft;
mod program;

pub use account::{AccountUpdate, account};
