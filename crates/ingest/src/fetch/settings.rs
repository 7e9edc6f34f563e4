//! What an operator may set about off-chain documents.

use std::time::Duration;

use serde::Deserialize;

/// How long a document that was taken stays with who took it, beyond the time that a fetch may take: for the database.
const LEASE_GRACE: Duration = Duration::from_mins(2);

/// Section `[documents]` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DocumentSettings {
    /// Documents that are fetched at a time, at most.
    pub fetches_max: u32,
    /// Requests to one host at a time, at most, whatever uri or redirect leads there.
    pub fetches_per_host_max: u32,
    /// The largest document, in bytes: as it is sent, unpacked, and shown of an asset.
    pub document_bytes_max: usize,
    /// How long a connection may take to be made, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long a document may take from one place, redirects included, in milliseconds.
    pub fetch_timeout_ms: u64,
    /// Redirects that are followed for one document, at most.
    pub redirects_max: u32,
    /// How often a document is tried until it is given up; so often, too, its assets are tried to be made once it is here.
    pub attempts_max: u32,
    /// The wait behind the first try that failed, in milliseconds; it doubles with each further one.
    pub retry_min_ms: u64,
    /// The longest wait between two tries, in seconds.
    pub retry_max_seconds: u64,
    /// How long the end of an ingest waits for documents that are to be tried again, in seconds.
    pub drain_wait_seconds: u64,
    /// Assets that are made anew in one transaction when their document arrives, at most.
    pub remake_assets_max: u32,
    /// What stands before the path of an `ipfs://` uri, in the order in which they are tried.
    pub ipfs_gateways: Vec<String>,
    /// What stands before the path of an `ar://` uri, in the order in which they are tried.
    pub arweave_gateways: Vec<String>,
    /// Hosts that may have private addresses, as uris name them.
    pub private_hosts: Vec<String>,
}

impl DocumentSettings {
    /// How long a document that was taken stays with who took it: each place may take its time.
    pub(super) fn lease(&self) -> Duration {
        let gateways = self.ipfs_gateways.len().max(self.arweave_gateways.len());
        let places = u32::try_from(gateways).unwrap_or(u32::MAX).saturating_add(1);
        Duration::from_millis(self.fetch_timeout_ms).saturating_mul(places) + LEASE_GRACE
    }
}

impl Default for DocumentSettings {
    fn default() -> Self {
        Self {
            fetches_max: 64,
            fetches_per_host_max: 8,
            document_bytes_max: 1_048_576,
            connect_timeout_ms: 5_000,
            fetch_timeout_ms: 30_000,
            redirects_max: 5,
            attempts_max: 8,
            retry_min_ms: 15_000,
            retry_max_seconds: 21_600,
            drain_wait_seconds: 60,
            remake_assets_max: 500,
            ipfs_gateways: vec!["https://ipfs.io/ipfs/".to_owned(), "https://dweb.link/ipfs/".to_owned()],
            arweave_gateways: vec!["https://arweave.net/".to_owned()],
            private_hosts: Vec::new(),
        }
    }
}
