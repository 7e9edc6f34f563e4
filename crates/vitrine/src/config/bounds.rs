//! What values may be, beyond their types. All that is wrong is said at once.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use tracing_subscriber::EnvFilter;
use url::Url;
use vitrine_rpc::Tiers;

use super::{Config, ConfigError, place_of};

/// The longest time that is still meant: a day, in milliseconds.
const DAY_MS: u64 = 86_400_000;

/// The largest value of a row in Postgres, in bytes: nothing larger can be stored or answered.
const GIB: u64 = 1 << 30;

struct Checks<'a> {
    places: &'a BTreeMap<String, String>,
    problems: Vec<String>,
}

/// Checks every setting that has a bound.
pub(super) fn check(
    config: &Config,
    tiers: &Tiers,
    places: &BTreeMap<String, String>,
) -> Result<(), ConfigError> {
    let mut checks = Checks { places, problems: Vec::new() };
    checks.numbers(config);
    checks.documents(config);
    checks.texts(config, tiers);
    if checks.problems.is_empty() { Ok(()) } else { Err(ConfigError::Bounds(checks.problems)) }
}

impl Checks<'_> {
    fn numbers(&mut self, config: &Config) {
        let Config { database, cache, server, rpc, auth, upstream, import, ingest, .. } = config;
        self.range("database.read_connections_max", database.read_connections_max.into(), 1..=10_000);
        self.range("database.write_connections_max", database.write_connections_max.into(), 1..=10_000);
        self.range("database.acquire_timeout_ms", database.acquire_timeout_ms, 1..=DAY_MS);
        self.range("database.read_statement_timeout_ms", database.read_statement_timeout_ms, 1..=DAY_MS);
        self.range("database.write_statement_timeout_ms", database.write_statement_timeout_ms, 1..=DAY_MS);
        self.range("cache.body_bytes_max", cache.body_bytes_max, 0..=1_024 * GIB);
        self.range("cache.page_bytes_max", cache.page_bytes_max, 0..=1_024 * GIB);
        self.range("cache.places_max", cache.places_max as u64, 0..=1_000_000_000);
        self.range("server.connections_max", server.connections_max as u64, 1..=1_000_000);
        self.range("server.header_timeout_ms", server.header_timeout_ms, 1..=DAY_MS);
        self.range("server.idle_timeout_ms", server.idle_timeout_ms, 1..=DAY_MS);
        self.range("server.body_timeout_ms", server.body_timeout_ms, 1..=DAY_MS);
        self.range("server.call_timeout_ms", server.call_timeout_ms, 1..=DAY_MS);
        self.range("server.body_bytes_max", server.body_bytes_max as u64, 1..=GIB);
        self.range("server.drain_ms", server.drain_ms, 0..=DAY_MS);
        self.range("server.shutdown_timeout_ms", server.shutdown_timeout_ms, 0..=DAY_MS);
        self.range("rpc.batch_entries_max", rpc.batch_entries_max as u64, 1..=100_000);
        self.range("rpc.batch_concurrency", rpc.batch_concurrency as u64, 1..=10_000);
        self.range("rpc.response_bytes_max", rpc.response_bytes_max as u64, 1_024..=GIB);
        // The JSON parser itself stops at 128.
        self.range("rpc.json_depth_max", rpc.json_depth_max as u64, 3..=127);
        self.range("auth.key_stale_max_seconds", auth.key_stale_max_seconds, 0..=DAY_MS / 1_000);
        // A revoked key is refused within a second.
        self.range("auth.key_poll_ms", auth.key_poll_ms, 10..=900);
        self.range("auth.unknown_keys_max", auth.unknown_keys_max as u64, 1..=100_000_000);
        self.range("upstream.connections_max", upstream.connections_max as u64, 1..=100_000);
        self.range("upstream.idle_timeout_ms", upstream.idle_timeout_ms, 1..=DAY_MS);
        self.range("upstream.connect_timeout_ms", upstream.connect_timeout_ms, 1..=DAY_MS);
        self.range("upstream.timeout_ms", upstream.timeout_ms, 1..=DAY_MS);
        self.range("upstream.answer_timeout_ms", upstream.answer_timeout_ms, 1..=DAY_MS);
        self.range("upstream.balance_timeout_ms", upstream.balance_timeout_ms, 1..=DAY_MS);
        self.range("upstream.pause_ms", upstream.pause_ms, 1..=DAY_MS);
        self.range("import.batch_assets", import.batch_assets as u64, 1..=1_000_000);
        self.range("import.batch_bytes", import.batch_bytes as u64, 1..=GIB);
        self.range("import.batch_wait_ms", import.batch_wait_ms, 1..=DAY_MS);
        // Each writes on a connection of its own.
        let writers = 1..=u64::from(database.write_connections_max.max(1));
        self.range("import.writers_max", import.writers_max as u64, writers.clone());
        self.range("import.record_bytes_max", import.record_bytes_max as u64, 1_024..=GIB);
        self.range("import.retry_max_seconds", import.retry_max_seconds, 0..=DAY_MS / 1_000);
        self.range("ingest.batch_lines", ingest.batch_lines as u64, 1..=100_000);
        self.range("ingest.batch_bytes", ingest.batch_bytes as u64, 1..=GIB);
        self.range("ingest.batch_wait_ms", ingest.batch_wait_ms, 1..=DAY_MS);
        self.range("ingest.writers_max", ingest.writers_max as u64, writers);
        self.range("ingest.line_bytes_max", ingest.line_bytes_max as u64, 1_024..=GIB);
        self.range("ingest.retry_max_seconds", ingest.retry_max_seconds, 0..=DAY_MS / 1_000);
    }

    fn documents(&mut self, config: &Config) {
        let documents = &config.documents;
        self.range("documents.fetches_max", documents.fetches_max.into(), 1..=10_000);
        self.range("documents.fetches_per_host_max", documents.fetches_per_host_max.into(), 1..=10_000);
        self.range("documents.document_bytes_max", documents.document_bytes_max as u64, 1_024..=GIB / 16);
        self.range("documents.connect_timeout_ms", documents.connect_timeout_ms, 1..=DAY_MS);
        self.range("documents.fetch_timeout_ms", documents.fetch_timeout_ms, 1..=DAY_MS);
        self.range("documents.redirects_max", documents.redirects_max.into(), 0..=100);
        self.range("documents.attempts_max", documents.attempts_max.into(), 1..=1_000);
        self.range("documents.retry_min_ms", documents.retry_min_ms, 1..=DAY_MS);
        self.range("documents.retry_max_seconds", documents.retry_max_seconds, 1..=30 * DAY_MS / 1_000);
        self.range("documents.drain_wait_seconds", documents.drain_wait_seconds, 0..=DAY_MS / 1_000);
        self.range("documents.remake_assets_max", documents.remake_assets_max.into(), 1..=100_000);
        for (key, gateways) in [
            ("documents.ipfs_gateways", &documents.ipfs_gateways),
            ("documents.arweave_gateways", &documents.arweave_gateways),
        ] {
            for gateway in gateways {
                if gateway.is_empty() {
                    self.problem(key, gateway, "http(s):// URLs");
                }
                self.url(key, gateway);
            }
        }
    }

    fn texts(&mut self, config: &Config, tiers: &Tiers) {
        let Config { database, rpc, helius, infura, triport, cors, upstream, log, .. } = config;
        if !database.url.is_empty() && !is_database_url(&database.url) {
            // Without its value: it may hold a password.
            let place = place_of("database.url", self.places);
            self.problems
                .push(format!("{place}: database.url must be postgres://USER:PASSWORD@HOST:PORT/DATABASE"));
        }
        if !upstream.rpc_url.is_empty() && !is_web_url(&upstream.rpc_url) {
            // Without its value: it may hold a key.
            let place = place_of("upstream.rpc_url", self.places);
            self.problems.push(format!("{place}: upstream.rpc_url must be empty or an http(s):// URL"));
        }
        if !rpc.anonymous_tier.is_empty() && !tiers.names().contains(&rpc.anonymous_tier) {
            let bound = format!("empty or one of {}", tiers.names().join(", "));
            self.problem("rpc.anonymous_tier", &rpc.anonymous_tier, &bound);
        }
        self.url("rpc.upgrade_url", &rpc.upgrade_url);
        self.url("helius.cdn_base", &helius.cdn_base);
        self.url("infura.see_url", &infura.see_url);
        if triport.realm.contains(|c: char| !(' '..='~').contains(&c) || c == '"' || c == '\\') {
            self.problem("triport.realm", &triport.realm, "printable ASCII without \" and \\");
        }
        if let Some(origin) = cors.origins.iter().find(|origin| *origin != "*" && !is_origin(origin)) {
            self.problem("cors.origins", origin, "\"*\" or origins as in https://app.example.org");
        }
        if EnvFilter::try_new(&log.filter).is_err() {
            self.problem(
                "log.filter",
                &log.filter,
                "a level or levels by module, as in info,vitrine_rpc=debug",
            );
        }
    }

    fn range(&mut self, key: &str, value: u64, bounds: RangeInclusive<u64>) {
        if !bounds.contains(&value) {
            self.problem(key, &value, &format!("from {} to {}", bounds.start(), bounds.end()));
        }
    }

    fn url(&mut self, key: &str, value: &str) {
        if !value.is_empty() && !is_web_url(value) {
            self.problem(key, &value, "empty or an http(s):// URL");
        }
    }

    fn problem(&mut self, key: &str, value: &dyn std::fmt::Debug, bound: &str) {
        self.problems.push(format!("{}: {key} is {value:?}, must be {bound}", place_of(key, self.places)));
    }
}

fn is_web_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn is_database_url(text: &str) -> bool {
    let scheme = text.starts_with("postgres://") || text.starts_with("postgresql://");
    scheme && text.parse::<sqlx::postgres::PgConnectOptions>().is_ok()
}

/// Whether a text is what a browser sends as `Origin`: scheme, host and port, nothing behind.
fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| url.origin().is_tuple() && url.origin().ascii_serialization() == text)
}
