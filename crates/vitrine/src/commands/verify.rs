//! `vitrine verify`: the database against itself, or this server against another one.

mod against;
mod database;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::builder::PossibleValuesParser;
use url::Url;
use vitrine_compare::METHODS;

use super::Context;

/// Flags of `vitrine verify`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print a JSON object a line: each finding, then the summary
    #[arg(long, conflicts_with = "against")]
    json: bool,
    /// Compare with another server of DAS instead: random questions about assets of the database, to both; its key may
    /// stand in the URL
    #[arg(long, value_name = "URL")]
    against: Option<Url>,
    /// A key for the other server, sent as ?api-key=
    #[arg(long, value_name = "KEY", env = "VITRINE_AGAINST_KEY", hide_env_values = true)]
    against_key: Option<String>,
    /// This server [default: where the configuration has it listen]
    #[arg(long, requires = "against", value_name = "URL")]
    url: Option<Url>,
    /// A key for this server
    #[arg(long, value_name = "KEY", env = "VITRINE_KEY", hide_env_values = true)]
    key: Option<String>,
    /// Differences to let pass: a file with a method and a path a line (docs/operations.md)
    #[arg(long, requires = "against", value_name = "FILE")]
    tolerate: Option<PathBuf>,
    /// Which questions are asked [default: others each time; it is printed]
    #[arg(long, requires = "against", value_name = "N")]
    seed: Option<u64>,
    /// How many questions are asked
    #[arg(long, value_name = "N", default_value_t = 500)]
    questions: usize,
    /// Ask with these methods only, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = PossibleValuesParser::new(METHODS))]
    methods: Vec<String>,
    /// Questions asked at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    concurrency: u16,
    /// How long a server may take over an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout_seconds: u64,
}

/// Checks the database, or the server against another one.
pub(super) async fn run(args: &Args, context: &Context) -> Result<ExitCode> {
    match &args.against {
        Some(other) => against::run(args, other, context).await,
        None => database::run(args, context).await,
    }
}
