//! The log: on stderr, so that stdout is a command's answer alone.

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, Result, anyhow};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSettings};

/// What is left out unless the filter says otherwise: Postgres's remarks on statements of ours.
const REMARKS: &str = "sqlx::postgres::notice=warn";

/// What a short command leaves out too: its answer is all that is asked of it.
const SHORT_COMMAND: &str = "sqlx::postgres::notice=warn,vitrine_cluster=warn";

/// A stderr that may be gone: whoever reads it may end first, and no call fails for want of a log line.
struct Lenient(io::Stderr);

impl Write for Lenient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}

/// Says a line on stderr, if anybody is there to read it.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Starts the log of this process; once. `short`: the command answers a question and ends.
pub(crate) fn start(settings: &LogSettings, short: bool) -> Result<()> {
    let filter = EnvFilter::try_new(filter(settings, short)).context("log.filter")?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Lenient(io::stderr()))
        .log_internal_errors(false);
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
