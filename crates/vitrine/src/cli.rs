//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser};
use vitrine_cluster::Download;

use crate::commands::Command;
use crate::config::Sources;

/// A self-hosted server of Solana's Digital Asset Standard (DAS).
#[derive(Debug, Parser)]
#[command(name = "vitrine", version, arg_required_else_help = true, propagate_version = true)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage.")]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub globals: Globals,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Globals {
    /// The configuration file [default: /etc/vitrine/vitrine.toml where it exists]
    #[arg(long, global = true, value_name = "FILE", env = "VITRINE_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// Where the private Postgres lives when no DATABASE_URL is set [default: the platform's data folder]
    #[arg(long, global = true, value_name = "DIR", env = "VITRINE_DATA_DIR", hide_env_values = true)]
    pub data_dir: Option<PathBuf>,
    /// Download Postgres without asking where this machine has none
    #[arg(long, global = true)]
    pub download_postgres: bool,
}

impl Globals {
    /// Where this command line reads its settings.
    pub(crate) fn sources(&self, flags: Vec<(&'static str, &'static str, String)>) -> Sources {
        let file = self.config.clone().filter(|path| !path.as_os_str().is_empty());
        Sources { file, flags, ..Sources::of_process() }
    }

    /// Whether Postgres may be downloaded.
    pub(crate) fn download(&self) -> Download {
        if self.download_postgres { Download::Always } else { Download::Ask }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_tree_of_commands_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_of_the_contract_is_there() {
        for line in [
            "up --listen 127.0.0.1:0 --data-dir d --sample",
            "serve --migrate --listen [::1]:8899",
            "migrate",
            "import a.json b.ndjson.gz --strict --rejects r.ndjson",
            "import -",
            "ingest a.ndjson b.ndjson.zst --rejects r.ndjson",
            "ingest -",
            "ingest --retry-dead-letters",
            "verify",
            "verify --json",
            "keys create --tier basic --name n --expires 2030-01-01T00:00:00Z --json",
            "keys list --json",
            "keys revoke 1",
            "keys tier 1 --tier pro",
            "config example",
            "config example --tiers",
            "config check --config c.toml",
            "verify --against https://das.example/ --against-key k --url http://127.0.0.1:1/ --key k --seed 7 --questions 9",
            "verify --against http://127.0.0.1:1/ --tolerate f --methods getAsset,searchAssets --concurrency 2",
            "healthcheck",
        ] {
            let words = ["vitrine"].into_iter().chain(line.split(' '));
            assert!(Cli::try_parse_from(words).is_ok(), "{line}");
        }
    }

    #[test]
    fn wrong_usage_is_refused_with_2() {
        for line in [
            "",
            "nonsense",
            "import",
            "ingest",
            "ingest a.ndjson --retry-dead-letters",
            "keys create",
            "keys revoke x",
            "serve --listen nowhere",
            "up --smaple",
            "verify --against nowhere",
            "verify --against http://127.0.0.1:1/ --methods getBalance",
            "verify --against http://127.0.0.1:1/ --json",
            "verify --seed 7",
        ] {
            let words = ["vitrine"].into_iter().chain(line.split_whitespace());
            let error = Cli::try_parse_from(words).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
