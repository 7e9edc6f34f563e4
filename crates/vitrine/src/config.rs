//! The configuration: defaults, then a file, then the environment, then flags.

mod bounds;
mod sources;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use figment::providers::Serialized;
use figment::{Figment, error::Kind};
use serde::Deserialize;
use vitrine_ingest::fetch::DocumentSettings;
use vitrine_ingest::{ImportOptions, IngestOptions};
use vitrine_rpc::{
    AuthSettings, CompressionSettings, CorsSettings, HeliusSettings, InfuraSettings, RpcSettings,
    ServerSettings, Settings, TierSettings, Tiers, TriportSettings, UpstreamSettings,
};
use vitrine_store::{CacheSettings, DatabaseSettings};

pub use sources::Sources;

/// The configuration file with every key at its default.
pub const EXAMPLE: &str = include_str!("../../../config/vitrine.toml");

/// The tiers that are used where no file is named.
pub const EXAMPLE_TIERS: &str = include_str!("../../../config/tiers.toml");

/// The file that is read where none is named, if it exists.
pub const DEFAULT_FILE: &str = "/etc/vitrine/vitrine.toml";

/// Every setting.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Postgres.
    pub database: DatabaseSettings,
    /// What a server keeps of it in memory.
    pub cache: CacheSettings,
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
    /// The Solana node behind the server.
    pub upstream: UpstreamSettings,
    /// What is logged, and how.
    pub log: LogSettings,
    /// `vitrine import`.
    pub import: ImportSettings,
    /// `vitrine ingest`.
    pub ingest: IngestSettings,
    /// Off-chain documents.
    pub documents: DocumentSettings,
    /// Where the tiers stand.
    pub tiers: TiersFile,
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object a line, for machines.
    Json,
}

/// Section `[log]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// For people or for machines.
    pub format: LogFormat,
    /// A level, or levels by module.
    pub filter: String,
}

/// Section `[import]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImportSettings {
    /// Assets of a batch, at most.
    pub batch_assets: usize,
    /// Bytes of rendered assets of a batch, about.
    pub batch_bytes: usize,
    /// How long an asset out of a pipe that pauses waits for its batch to fill.
    pub batch_wait_ms: u64,
    /// Batches that are written at a time.
    pub writers_max: usize,
    /// The largest asset of an input, in bytes.
    pub record_bytes_max: usize,
    /// How long a batch is tried again while the database is away.
    pub retry_max_seconds: u64,
}

/// Section `[ingest]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IngestSettings {
    /// Lines of a batch, at most.
    pub batch_lines: usize,
    /// Bytes of the lines of a batch, about.
    pub batch_bytes: usize,
    /// How long a line waits for its batch to fill.
    pub batch_wait_ms: u64,
    /// Batches that are written at a time.
    pub writers_max: usize,
    /// The longest line of an input, in bytes.
    pub line_bytes_max: usize,
    /// How long a batch is tried again while the database is away.
    pub retry_max_seconds: u64,
}

/// Section `[tiers]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TiersFile {
    /// The file; empty: the built-in tiers.
    pub file: String,
}

/// A configuration that holds, and where it came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Every setting.
    pub config: Config,
    /// The tiers that it names.
    pub tiers: Tiers,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// The place of each setting that is not at its default for want of a place, by `section.key`.
    pub places: BTreeMap<String, String>,
    /// What is odd, but no error.
    pub warnings: Vec<String>,
}

/// Why a configuration does not hold. No message shows the value of a setting that may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not TOML.
    #[error("{place}: {message}")]
    Syntax {
        /// The file and the line.
        place: String,
        /// What the parser says.
        message: String,
    },
    /// A key that no setting has.
    #[error("{place}: there is no setting {key}; {known}")]
    Unknown {
        /// The file and the line, or the variable.
        place: String,
        /// The key with its section.
        key: String,
        /// What there is instead.
        known: String,
    },
    /// A value of the wrong kind.
    #[error("{place}: {key}: {reason}")]
    Type {
        /// The file and the line, the variable or the flag.
        place: String,
        /// The key with its section.
        key: String,
        /// What was found and what was expected.
        reason: String,
    },
    /// Values out of their bounds, one sentence each.
    #[error("{}", .0.join("; "))]
    Bounds(Vec<String>),
}

impl Config {
    /// Reads, merges and validates.
    pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
        let layers = sources.read()?;
        let mut figment = Figment::new();
        for values in &layers.values {
            figment = figment.merge(Serialized::globals(values));
        }
        let config: Self = figment.extract().map_err(|error| type_error(error, &layers.places))?;
        let tiers = config.read_tiers(&layers.places)?;
        bounds::check(&config, &tiers, &layers.places)?;
        Ok(Loaded { config, tiers, file: layers.file, places: layers.places, warnings: layers.warnings })
    }

    /// What the server is told.
    pub fn server_settings(&self) -> Settings {
        Settings {
            server: self.server.clone(),
            rpc: self.rpc.clone(),
            helius: self.helius.clone(),
            infura: self.infura.clone(),
            triport: self.triport.clone(),
            auth: self.auth.clone(),
            cors: self.cors.clone(),
            compression: self.compression.clone(),
            upstream: self.upstream.clone(),
        }
    }

    fn read_tiers(&self, places: &BTreeMap<String, String>) -> Result<Tiers, ConfigError> {
        let (name, text) = if self.tiers.file.is_empty() {
            ("the built-in tiers".to_owned(), EXAMPLE_TIERS.to_owned())
        } else {
            let path = Path::new(&self.tiers.file);
            let text = fs::read_to_string(path).map_err(|source| ConfigError::Type {
                place: place_of("tiers.file", places),
                key: "tiers.file".to_owned(),
                reason: format!("cannot read {}: {source}", path.display()),
            })?;
            (self.tiers.file.clone(), text)
        };
        let settings: TierSettings =
            toml::from_str(&text).map_err(|error| sources::syntax_error(&name, &text, &error))?;
        Tiers::new(settings).map_err(|error| ConfigError::Syntax { place: name, message: error.to_string() })
    }
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

impl Default for ImportSettings {
    fn default() -> Self {
        let ImportOptions { batch, batch_wait, writers, max_record_bytes, store_patience, .. } =
            ImportOptions::default();
        Self {
            batch_assets: batch.assets,
            batch_bytes: batch.bytes,
            batch_wait_ms: u64::try_from(batch_wait.as_millis()).unwrap_or(u64::MAX),
            writers_max: writers,
            record_bytes_max: max_record_bytes,
            retry_max_seconds: store_patience.as_secs(),
        }
    }
}

impl Default for IngestSettings {
    fn default() -> Self {
        let IngestOptions {
            batch_lines,
            batch_bytes,
            batch_wait,
            writers,
            max_record_bytes,
            store_patience,
            ..
        } = IngestOptions::default();
        Self {
            batch_lines,
            batch_bytes,
            batch_wait_ms: u64::try_from(batch_wait.as_millis()).unwrap_or(u64::MAX),
            writers_max: writers,
            line_bytes_max: max_record_bytes,
            retry_max_seconds: store_patience.as_secs(),
        }
    }
}

/// Where a setting was set.
fn place_of(key: &str, places: &BTreeMap<String, String>) -> String {
    places.get(key).cloned().unwrap_or_else(|| "default".to_owned())
}

fn type_error(error: figment::Error, places: &BTreeMap<String, String>) -> ConfigError {
    // `cors.origins.0` is a part of `cors.origins`.
    let key = error.path.iter().take(2).cloned().collect::<Vec<_>>().join(".");
    let reason = match error.kind {
        Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
            format!("found {found}, expected {}", plain(&expected))
        }
        Kind::UnknownVariant(found, expected) => {
            format!("found {found:?}, expected one of {}", expected.join(", "))
        }
        kind => kind.to_string(),
    };
    ConfigError::Type { place: place_of(&key, places), key, reason }
}

/// Names of Rust's types are not for operators.
fn plain(expected: &str) -> &str {
    match expected {
        "u16" | "u32" | "u64" | "usize" => "a whole number from 0 on",
        other => other,
    }
}

#[cfg(test)]
mod tests;
