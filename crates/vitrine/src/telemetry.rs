//! The log: on stderr, so that stdout is a command's answer alone.

use std::io::{self, IsTerminal};

use anyhow::{Context, Result, anyhow};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSettings};

/// What is left out unless the filter says otherwise: Postgres's remarks on statements of ours.
const REMARKS: &str = "sqlx::postgres::notice=warn";

/// What a short command leaves out too: its answer is all that is asked of it.
const SHORT_COMMAND: &str = "sqlx::postgres::notice=warn,vitrine_cluster=warn";

/// Starts the log of this process; once. `short`: the command answers a question and ends.
pub(crate) fn start(settings: &LogSettings, short: bool) -> Result<()> {
    let filter = EnvFilter::try_new(filter(settings, short)).context("log.filter")?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match settings.format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow!(error))
}

fn filter(settings: &LogSettings, short: bool) -> String {
    let is_default = settings.filter == LogSettings::default().filter;
    let less = if short && is_default { SHORT_COMMAND } else { REMARKS };
    // Of two directives for one module the later one holds.
    format!("{less},{}", settings.filter)
}
