//! What an operator may set about the server. Every bound has its unit in its name.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::Deserialize;

/// Everything that the server is told at its start.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Sockets, sizes and times.
    pub server: ServerSettings,
    /// JSON-RPC itself.
    pub rpc: RpcSettings,
    /// The Helius dialect.
    pub helius: HeliusSettings,
    /// The Infura dialect.
    pub infura: InfuraSettings,
    /// The Triport dialect.
    pub triport: TriportSettings,
    /// Keys.
    pub auth: AuthSettings,
    /// Browsers.
    pub cors: CorsSettings,
    /// Encodings of answers.
    pub compression: CompressionSettings,
    /// The Solana node behind this server.
    pub upstream: UpstreamSettings,
}

/// Section `[server]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSettings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Connections at a time; the next ones wait in the system's backlog.
    pub connections_max: usize,
    /// How long a client that has connected may take to send its first request's headers.
    pub header_timeout_ms: u64,
    /// How long a connection stays without a further request.
    pub idle_timeout_ms: u64,
    /// How long a client may take to send a request's body.
    pub body_timeout_ms: u64,
    /// How long a call may take until it is answered 503.
    pub call_timeout_ms: u64,
    /// The largest body of a request.
    pub body_bytes_max: usize,
    /// After SIGTERM: how long requests are still taken (and `/ready` says 503) before the socket closes.
    pub drain_ms: u64,
    /// After that: how long calls under way may take to end.
    pub shutdown_timeout_ms: u64,
}

/// Section `[rpc]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RpcSettings {
    /// Entries of a batch.
    pub batch_entries_max: usize,
    /// Entries of one batch that run at the same time.
    pub batch_concurrency: usize,
    /// The largest answer; a batch shares it.
    pub response_bytes_max: usize,
    /// How deep a request may nest.
    pub json_depth_max: usize,
    /// Whether an unknown parameter is an error; otherwise it is ignored, as official SDKs need.
    pub strict_params: bool,
    /// The tier of callers without a key; empty: there are none.
    pub anonymous_tier: String,
    /// Where a caller may get a higher tier; empty: not said.
    pub upgrade_url: String,
}

/// How errors of the Helius dialect read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorStyle {
    /// Codes and texts of the provider's documents.
    Documented,
    /// Codes and texts that its servers were seen to send.
    Observed,
}

/// What the first page of a list is that never had an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownList {
    /// The documented 404.
    NotFound,
    /// An empty page.
    Empty,
}

/// HTTP status of errors in the Helius dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpStatus {
    /// As the provider documents it.
    Documented,
    /// 200, but for 401 and 429: for clients that drop the body of anything else.
    #[serde(rename = "always_200")]
    Always200,
}

/// Section `[helius]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeliusSettings {
    /// Documented or observed codes and texts.
    pub errors: ErrorStyle,
    /// 404 or an empty page for a list that never was.
    pub unknown_list: UnknownList,
    /// Documented statuses or 200.
    pub http_status: HttpStatus,
    /// What stands before a file's uri in its `cdn_uri`; empty: no `cdn_uri`.
    pub cdn_base: String,
}

/// Section `[infura]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InfuraSettings {
    /// `data.see` of a 429; empty: left out.
    pub see_url: String,
}

/// Section `[triport]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TriportSettings {
    /// `realm` of a 401's `WWW-Authenticate`.
    pub realm: String,
}

/// Section `[auth]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthSettings {
    /// How long known keys are served while the database cannot be asked.
    pub key_stale_max_seconds: u64,
    /// How often the database is asked whether a key has changed.
    pub key_poll_ms: u64,
    /// How many unknown keys are remembered as unknown.
    pub unknown_keys_max: usize,
}

/// Section `[cors]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorsSettings {
    /// Origins that browsers may call from; `*`: all.
    pub origins: Vec<String>,
    /// How long a browser may remember a preflight.
    pub max_age_seconds: u64,
}

/// Section `[compression]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompressionSettings {
    /// Whether answers are compressed for clients that ask for it. Off where a proxy in front does it.
    pub enabled: bool,
    /// Smaller answers are sent as they are.
    pub bytes_min: usize,
}

/// Section `[upstream]`: the Solana node that all other methods are passed on to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamSettings {
    /// Its `http(s)://` URL, which may hold a key of its own; empty: there is none, and other methods are unknown.
    pub rpc_url: String,
    /// Connections to it at a time, each with one call; the next calls wait within `timeout_ms`.
    pub connections_max: usize,
    /// How long a connection stays open without a call.
    pub idle_timeout_ms: u64,
    /// How long it may take to connect.
    pub connect_timeout_ms: u64,
    /// How long the upstream may take until its answer begins, and then from piece to piece.
    pub timeout_ms: u64,
    /// How long an answer that is passed on in pieces may take altogether.
    pub answer_timeout_ms: u64,
    /// How long a page waits for the balance that `showNativeBalance` adds to it.
    pub balance_timeout_ms: u64,
    /// How long an upstream that failed several times on end is left alone.
    pub pause_ms: u64,
}

/// `tiers.toml`: what each tier may do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierSettings {
    /// Tiers from the least to the most.
    pub order: Vec<String>,
    /// The least tier that may call each category of methods.
    pub required: BTreeMap<String, String>,
    /// Sustained calls a second, by tier and category.
    pub limits: BTreeMap<String, BTreeMap<String, Limit>>,
}

/// A sustained rate: whole calls a second from 1 on, or `"unlimited"`. Bursts may be twice that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Limit {
    /// So many a second.
    PerSecond(std::num::NonZeroU32),
    /// As many as come.
    Unlimited(Unlimited),
}

/// The word `unlimited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Unlimited {
    /// `"unlimited"`
    #[serde(rename = "unlimited")]
    Unlimited,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8899)),
            connections_max: 4_096,
            header_timeout_ms: 10_000,
            idle_timeout_ms: 75_000,
            body_timeout_ms: 10_000,
            call_timeout_ms: 10_000,
            body_bytes_max: 1 << 20,
            drain_ms: 0,
            shutdown_timeout_ms: 30_000,
        }
    }
}

impl Default for RpcSettings {
    fn default() -> Self {
        Self {
            batch_entries_max: 100,
            batch_concurrency: 8,
            response_bytes_max: 32 << 20,
            json_depth_max: 64,
            strict_params: false,
            anonymous_tier: String::new(),
            upgrade_url: String::new(),
        }
    }
}

impl Default for HeliusSettings {
    fn default() -> Self {
        Self {
            errors: ErrorStyle::Documented,
            unknown_list: UnknownList::NotFound,
            http_status: HttpStatus::Documented,
            cdn_base: String::new(),
        }
    }
}

impl Default for InfuraSettings {
    fn default() -> Self {
        Self { see_url: "https://infura.io/docs/ethereum/jsonrpc/ratelimits".to_owned() }
    }
}

impl Default for TriportSettings {
    fn default() -> Self {
        Self { realm: "proxy".to_owned() }
    }
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self { key_stale_max_seconds: 300, key_poll_ms: 250, unknown_keys_max: 10_000 }
    }
}

impl Default for UpstreamSettings {
    fn default() -> Self {
        Self {
            rpc_url: String::new(),
            connections_max: 128,
            idle_timeout_ms: 30_000,
            connect_timeout_ms: 2_000,
            timeout_ms: 8_000,
            answer_timeout_ms: 60_000,
            balance_timeout_ms: 1_000,
            pause_ms: 1_000,
        }
    }
}

impl Default for CorsSettings {
    fn default() -> Self {
        Self { origins: vec!["*".to_owned()], max_age_seconds: 86_400 }
    }
}

impl Default for CompressionSettings {
    fn default() -> Self {
        Self { enabled: true, bytes_min: 1_024 }
    }
}
