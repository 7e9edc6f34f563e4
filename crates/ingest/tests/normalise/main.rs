//! What the chain said against the assets that are made of it: real accounts and transactions with the answers of another
//! server, and accounts by hand for what those do not cover.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../accounts/bytes.rs"]
mod bytes;
mod chain;
mod compare;
mod core;
#[path = "../accounts/mpl_core_samples.rs"]
mod mpl_core_samples;
mod peer;
mod tokens;
mod updates;
