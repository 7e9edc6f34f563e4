//! What the chain said against the assets that are made of it: real accounts and transactions with the answers of another
//! server, and accounts by hand for what those do not cover.

#![expect(clippy::unwrap_used, reason = "tests")]

mod chain;
mod compare;

mod peer;
