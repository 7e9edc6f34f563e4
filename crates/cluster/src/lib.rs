//! A private Postgres: found or downloaded, started, adopted, stopped. No SQL.
//!
//! Everything lives under one data dir:
//!
//! | path | what |
//! |---|---|
//! | `pgdata` | the cluster as `initdb` made it, plus `vitrine.conf`, rewritten at each start |
//! | `socket` | the unix socket, mode 0700 (a short folder in the temp dir where this path is too long) |
//! | `postgres.log` | what Postgres says; set aside as `postgres.log.1` when it has grown |
//! | `postgres-bin` | downloaded programs, one folder per version |
//! | `cluster.lock` | shared by everybody who uses the cluster; the last one out stops it |
//! | `start.lock` | held for as long as somebody decides whether to start or to stop |
//! | `up.lock` | held by the one `vitrine up` of this data dir |
//!
//! The crate is synchronous: it starts processes and waits for them. Async callers use `spawn_blocking`,
//! also to drop a [`Cluster`], which may have to wait until Postgres has stopped.

mod account;
mod binaries;
mod cluster;
mod control;
mod data_dir;
mod download;
mod error;
mod locks;
mod options;
mod postmaster;
mod settings;

pub use cluster::{Closed, Cluster};
pub use data_dir::exists;
pub use error::ClusterError;
pub use locks::ServeLock;
pub use options::{ClusterOptions, Download, Environment, default_data_dir};
