//! What an operator may set about the database and what is kept of it in memory.

use serde::Deserialize;

/// Section `[database]` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseSettings {
    /// `postgres://…`; empty: the private cluster under the data folder.
    pub url: String,
    /// Connections for reads, at most.
    pub read_connections_max: u32,
    /// Connections for writes, at most.
    pub write_connections_max: u32,
    /// How long a call waits for a connection, in milliseconds, before it is answered 503.
    pub acquire_timeout_ms: u64,
    /// How long a statement of a read may run, in milliseconds.
    pub read_statement_timeout_ms: u64,
    /// How long a statement of a write may run, in milliseconds.
    pub write_statement_timeout_ms: u64,
}

/// Section `[cache]` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheSettings {
    /// Bytes of bodies that a server keeps, about; 0: none, and each page reads its bodies from the database.
    pub body_bytes_max: u64,
    /// Bytes of keys that a server keeps of pages which are asked for again, about; 0: none, and each page reads its keys
    /// from the database. It goes with bodies: without them no page is read by its keys.
    pub page_bytes_max: u64,
    /// Places in lists that a server remembers for page numbers; 0: none, and each page skips from the beginning.
    pub places_max: usize,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self { body_bytes_max: 256 << 20, page_bytes_max: 16 << 20, places_max: 262_144 }
    }
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            read_connections_max: 16,
            write_connections_max: 4,
            acquire_timeout_ms: 2_000,
            read_statement_timeout_ms: 8_000,
            write_statement_timeout_ms: 300_000,
        }
    }
}
