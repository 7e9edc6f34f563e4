//! The decoders of transactions, Bubblegum and compression from outside: against the program's own client
//! (`mpl-bubblegum`), and over the real transactions of another server's cases.

#![expect(clippy::unwrap_used, reason = "tests")]

mod client;
mod instructions;
mod leaves;
mod peers;
