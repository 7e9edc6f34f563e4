//! `vitrine config example|check`

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use super::print;
use crate::cli::Globals;
use crate::config::{Config, EXAMPLE, EXAMPLE_TIERS, Loaded};

/// What to do with the configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print a configuration file with every setting at its default
    Example {
        /// Print the file of the tiers instead
        #[arg(long)]
        tiers: bool,
    },
    /// Check the file, the environment and the tiers, and say what is used
    Check,
}

/// Does it. An example is printed whatever the configuration is like.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<ExitCode> {
    match args.action {
        Action::Example { tiers: false } => print(EXAMPLE)?,
        Action::Example { tiers: true } => print(EXAMPLE_TIERS)?,
        Action::Check => {
            let loaded = Config::load(&globals.sources(Vec::new()))?;
            print(&summary(&loaded))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn summary(loaded: &Loaded) -> String {
    let Loaded { config, tiers, file, places, warnings } = loaded;
    let mut text = String::from("the configuration holds\n");
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<9} {value}");
    };
    line("file", &file.as_ref().map_or_else(|| "none".to_owned(), |path| path.display().to_string()));
    line("listen", &config.server.listen.to_string());
    line("database", &database(&config.database.url));
    line("upstream", &upstream(&config.upstream.rpc_url));
    let tiers_file = if config.tiers.file.is_empty() { "built in" } else { config.tiers.file.as_str() };
    line("tiers", &format!("{} ({tiers_file})", tiers.names().join(", ")));
    for (key, place) in places.iter().filter(|(_, place)| !is_of_file(place, loaded)) {
        line("set", &format!("{key} by {place}"));
    }
    for warning in warnings {
        line("warning", warning);
    }
    text
}

fn is_of_file(place: &str, loaded: &Loaded) -> bool {
    loaded.file.as_ref().is_some_and(|file| place.starts_with(&format!("{}:", file.display())))
}

/// Where the database is, made anew from what was understood of the URL: a password has no way in.
fn database(url: &str) -> String {
    if url.is_empty() {
        return "a private Postgres under the data dir".to_owned();
    }
    let Ok(options) = url.parse::<PgConnectOptions>() else {
        return "unreadable".to_owned();
    };
    let host =
        options.get_socket().map_or_else(|| options.get_host().to_owned(), |path| path.display().to_string());
    let name = options.get_database().unwrap_or(options.get_username());
    format!(
        "postgres://{}@{host}:{}/{name} (the password is not shown)",
        options.get_username(),
        options.get_port()
    )
}

/// Where the upstream is: keys stand in users, passwords, paths and queries, so none of them is shown.
fn upstream(url: &str) -> String {
    if url.is_empty() {
        return "none: other methods than ours are unknown".to_owned();
    }
    match Url::parse(url) {
        Ok(url) => {
            format!("{} (what stands behind the host is not shown)", url.origin().ascii_serialization())
        }
        Err(_) => "unreadable".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::config::Sources;

    #[test]
    fn a_summary_shows_no_password() {
        for url in [
            "postgres://u:s3cr3t@h:5433/d",
            "postgresql://u:s3cr3t@h:5433/d?sslmode=require",
            "postgres://u@h:5433/d?password=s3cr3t",
        ] {
            let variables = vec![("DATABASE_URL".to_owned(), url.to_owned())];
            let loaded = Config::load(&Sources { variables, ..Sources::default() }).unwrap();
            let text = summary(&loaded);
            assert!(!text.contains("s3cr3t"), "{text}");
            assert!(text.contains("postgres://u@h:5433/d"), "{text}");
            assert!(text.contains("database.url by variable DATABASE_URL"), "{text}");
        }
    }

    #[test]
    fn a_summary_shows_no_key_of_the_upstream() {
        for url in [
            "https://u:s3cr3t@h.test:9443",
            "https://s3cr3t@h.test:9443/",
            "https://h.test:9443/s3cr3t",
            "https://h.test:9443/v2/s3cr3t?x=1",
            "https://h.test:9443/?api-key=s3cr3t#s3cr3t",
        ] {
            let variables = vec![("UPSTREAM_RPC_URL".to_owned(), url.to_owned())];
            let loaded = Config::load(&Sources { variables, ..Sources::default() }).unwrap();
            let text = summary(&loaded);
            assert!(!text.contains("s3cr3t"), "{text}");
            assert!(text.contains("upstream  https://h.test:9443 ("), "{text}");
            assert!(text.contains("upstream.rpc_url by variable UPSTREAM_RPC_URL"), "{text}");
        }
        for url in ["ftp://h.test/s3cr3t", "s3cr3t", "https:///s3cr3t?"] {
            let variables = vec![("VITRINE_UPSTREAM_RPC_URL".to_owned(), url.to_owned())];
            match Config::load(&Sources { variables, ..Sources::default() }) {
                // A URL without a host takes the first word behind the slashes for one.
                Ok(loaded) => assert_eq!(loaded.config.upstream.rpc_url, "https:///s3cr3t?"),
                Err(error) => assert!(!error.to_string().contains("s3cr3t"), "{error}"),
            }
        }
    }

    #[test]
    fn a_summary_names_its_sources() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("v.toml");
        std::fs::write(&file, "[server]\nlisten = \"127.0.0.1:1\"\n").unwrap();
        let variables = vec![("VITRINE_LOG_FORMAT".to_owned(), "json".to_owned())];
        let sources = Sources { file: Some(file.clone()), variables, ..Sources::default() };
        let text = summary(&Config::load(&sources).unwrap());
        assert!(text.contains(&format!("file      {}\n", file.display())), "{text}");
        assert!(text.contains("listen    127.0.0.1:1\n"), "{text}");
        assert!(text.contains("set       log.format by variable VITRINE_LOG_FORMAT\n"), "{text}");
        assert!(!text.contains("set       server.listen"), "{text}");
    }
}
