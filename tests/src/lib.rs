//! Harness of the end-to-end tests: a Postgres for all of them, a database for each, servers as processes.
#![expect(missing_docs, reason = "a harness: its names are its documentation")]
#![expect(clippy::unwrap_used, reason = "a harness fails its test by panicking")]

pub mod accounts;
pub mod assets;
pub mod case;
pub mod chain;
pub mod client;
pub mod consistency;
pub mod explain;
pub mod node;
#[cfg(target_os = "linux")]
pub mod own_postgres;
pub mod postgres;
pub mod random;
pub mod raw;
pub mod server;

pub use assets::AssetSpec;
pub use client::{Client, Reply};
pub use node::Node;
#[cfg(target_os = "linux")]
pub use own_postgres::OwnPostgres;
pub use postgres::Database;
pub use raw::{Raw, RawReply};
pub use server::{Server, Vitrine};
