//! The binary: configuration, commands, telemetry, shutdown. No other logic.

mod cli;
mod commands;
pub mod config;
mod database;
mod outlet;
mod shutdown;
mod telemetry;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;

pub use cli::{Cli, Globals};

use commands::{Command, Context, UsageError};

/// The C library's gives the memory of an answer back to the kernel and takes it anew for the next one, page by page: a sixth
/// of all CPU at pages of 1,000 out of the cache (docs/performance.md).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Runs the command that the process was started with. The code is 0 for done, 1 for failed and 2 for wrong
/// usage; of an error one line stands on stderr.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, with code 0. A reader that is gone wants neither.
            let _ = error.print();
            return u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    run(cli).unwrap_or_else(|error| {
        telemetry::say(&format!("error: {}", sentence(&error)));
        if error.is::<UsageError>() { ExitCode::from(2) } else { ExitCode::FAILURE }
    })
}

fn run(cli: Cli) -> Result<ExitCode> {
    let Cli { globals, command } = cli;
    if let Command::Config(args) = command {
        return commands::config::run(&args, &globals);
    }
    let loaded = config::Config::load(&globals.sources(command.flags()))?;
    if let Command::Healthcheck = command {
        return commands::healthcheck::run(loaded.config.server.listen);
    }
    // To the end of this function: what the log still holds is written then.
    let _rest = telemetry::start(&loaded.config.log, command.is_short())?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    let result = runtime.block_on(async {
        let context = Context::new(loaded, &globals)?;
        command.run(&context).await
    });
    // A thread that waits for standard input would keep the process from ending.
    runtime.shutdown_background();
    result
}

/// An error with its causes on one line, without those that the text before has already told.
fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn an_error_tells_each_cause_once() {
        let error =
            anyhow!("connection refused").context("no database: connection refused").context("cannot serve");
        assert_eq!(sentence(&error), "cannot serve: no database: connection refused");
    }
}
