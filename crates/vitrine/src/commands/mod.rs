//! The commands, one a file.

pub(crate) mod config;
pub(crate) mod healthcheck;
mod import;
mod ingest;
mod keys;
mod migrate;
mod serve;
mod up;
mod verify;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use time::OffsetDateTime;
use tokio::sync::watch;
use vitrine_cluster::Download;
use vitrine_rpc::Tiers;

use crate::cli::Globals;
use crate::config::{Config, Loaded};
use crate::shutdown::Signals;

/// What there is to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set everything up and serve: a private Postgres, migrations, first API keys
    ///
    /// With DATABASE_URL set, that database is used instead of a private one.
    Up(up::Args),
    /// Serve from the database
    Serve(serve::Args),
    /// Apply the migrations that the database lacks
    Migrate,
    /// Load assets as DAS JSON
    ///
    /// A FILE holds an asset a line (NDJSON), an array of assets, or a saved response of a DAS list method; it
    /// may be compressed with gzip or zstd. A line that is no asset is reported and left out.
    Import(import::Args),
    /// Index what the chain said: accounts and transactions
    ///
    /// A FILE holds a JSON object a line, {"account": …} or {"transaction": …}, in the encodings of Solana's RPC; it may be
    /// compressed with gzip or zstd. The order of the lines does not matter, and to ingest one twice changes nothing.
    Ingest(ingest::Args),
    /// Check the database against itself: lists and totals, bodies, trees; or this server against another one
    ///
    /// It reads everything and changes nothing. Faults make it fail; changes of trees that were never seen are warnings.
    /// With --against, random questions are put to both servers, and an answer that differs makes it fail.
    Verify(Box<verify::Args>),
    /// Create, list and revoke API keys
    Keys(keys::Args),
    /// Print or check the configuration
    Config(config::Args),
    /// Ask the server that runs here whether it is ready (for containers)
    Healthcheck,
}

/// What every command works with.
#[derive(Debug)]
pub(crate) struct Context {
    /// Every setting.
    pub(crate) config: Config,
    /// The tiers of the configuration.
    pub(crate) tiers: Tiers,
    /// The data dir that was named.
    pub(crate) data_dir: Option<PathBuf>,
    /// Whether Postgres may be downloaded.
    pub(crate) download: Download,
    /// SIGINT and SIGTERM.
    pub(crate) signals: Signals,
}

/// What the user got wrong and the parser of the command line could not know: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

impl Context {
    /// Becomes true with the first signal: for work that ends behind what is under way.
    fn cancelled(&self) -> watch::Receiver<bool> {
        let (stop, cancel) = watch::channel(false);
        let first_signal = self.signals.first();
        tokio::spawn(async move {
            first_signal.await;
            // Nobody listens any more once the work is done.
            let _ = stop.send(true);
        });
        cancel
    }

    /// Takes the signals over.
    pub(crate) fn new(loaded: Loaded, globals: &Globals) -> Result<Self> {
        let data_dir = globals.data_dir.clone().filter(|path| !path.as_os_str().is_empty());
        let Loaded { config, tiers, .. } = loaded;
        Ok(Self { config, tiers, data_dir, download: globals.download(), signals: Signals::listen()? })
    }

    /// Refuses a tier that the configuration does not have.
    pub(crate) fn check_tier(&self, tier: &str) -> Result<(), UsageError> {
        let names = self.tiers.names();
        if names.iter().any(|name| name == tier) {
            return Ok(());
        }
        Err(UsageError(format!("there is no tier {tier:?}: the tiers are {}", names.join(", "))))
    }
}

impl Command {
    /// Flags that are settings: the flag, its `section.key`, its value.
    pub(crate) fn flags(&self) -> Vec<(&'static str, &'static str, String)> {
        let listen = match self {
            Self::Up(args) => args.listen,
            Self::Serve(args) => args.listen,
            _ => None,
        };
        listen.map(|address| ("--listen", "server.listen", address.to_string())).into_iter().collect()
    }

    /// Whether it answers a question and ends.
    pub(crate) fn is_short(&self) -> bool {
        matches!(self, Self::Migrate | Self::Keys(_) | Self::Import(_) | Self::Ingest(_) | Self::Verify(_))
    }

    /// Does it.
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode> {
        match self {
            Self::Up(args) => up::run(&args, context).await,
            Self::Serve(args) => serve::run(&args, context).await,
            Self::Migrate => migrate::run(context).await,
            Self::Import(args) => import::run(&args, context).await,
            Self::Ingest(args) => ingest::run(&args, context).await,
            Self::Verify(args) => verify::run(&args, context).await,
            Self::Keys(args) => keys::run(args, context).await,
            // Done before the configuration was loaded, and before there was a runtime.
            Self::Config(_) | Self::Healthcheck => Ok(ExitCode::SUCCESS),
        }
    }
}

/// Prints a command's answer. A reader that has gone away has read all it wanted.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// The time of day, in whole seconds: the one place of the program that asks for it.
pub(crate) fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(0).unwrap_or(now)
}
