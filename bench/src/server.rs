//! Processes of ours: the product's servers and commands, the empty handler, the load client.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::postgres::Database;

/// What the product's own `main` is called: this binary runs it under that name.
pub(crate) const PRODUCT: &str = "vitrine";

/// How long a server may take to listen.
const START_PATIENCE: Duration = Duration::from_mins(1);

/// How often its log is looked into meanwhile.
const START_POLL: Duration = Duration::from_millis(1);

/// Settings that turn all caches off.
const CACHES_OFF: [(&str, &str); 2] =
    [("VITRINE_CACHE_BODY_BYTES_MAX", "0"), ("VITRINE_CACHE_PLACES_MAX", "0")];

/// The setting by which no keys of pages are remembered.
const NO_PAGES: (&str, &str) = ("VITRINE_CACHE_PAGE_BYTES_MAX", "0");

/// The setting by which bodies have room: 4 GiB hold more than a million.
const ALL_BODIES: (&str, &str) = ("VITRINE_CACHE_BODY_BYTES_MAX", "4294967296");

/// How many servers were started.
static SERVED: AtomicUsize = AtomicUsize::new(0);

/// What a server remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caches {
    /// As by default.
    On,
    /// Bodies and places as by default, and no keys of pages.
    WithoutPages,
    /// The same, with room for the bodies of the whole large group.
    AllBodies,
    /// None.
    Off,
}

/// A server that listens. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Its process id.
    pub(crate) pid: u32,
}

/// How processes are started.
#[derive(Debug, Clone)]
pub(crate) struct Launcher {
    /// This binary.
    binary: PathBuf,
    /// Where logs go.
    logs: PathBuf,
    /// The tiers that servers are given.
    tiers: PathBuf,
}

#[derive(Deserialize)]
struct CreatedKey {
    key: String,
}

impl Launcher {
    /// Makes the folder for logs and the file of tiers.
    pub(crate) async fn new(folder: &Path) -> Result<Self> {
        let binary = std::env::current_exe()?;
        let launcher = Self { binary, logs: folder.join("logs"), tiers: folder.join("tiers.toml") };
        fs::create_dir_all(&launcher.logs)?;
        let output = launcher.product(&["config", "example", "--tiers"]).output().await?;
        ensure!(output.status.success(), "config example: {}", String::from_utf8_lossy(&output.stderr));
        // A limit that never bites, and is checked at each call.
        let tiers = String::from_utf8(output.stdout)?.replace("\"unlimited\"", "1000000");
        fs::write(&launcher.tiers, tiers)?;
        Ok(launcher)
    }

    /// A command of the product that knows nothing of the caller's own environment.
    pub(crate) fn product(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg0(PRODUCT).args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("VITRINE_") || text == "DATABASE_URL" || text == "RUST_LOG" {
                command.env_remove(name);
            }
        }
        command
    }

    /// Runs a command of the product to its end and gives what it printed.
    pub(crate) async fn run(&self, database: &Database, arguments: &[&str]) -> Result<String> {
        let mut command = self.product(arguments);
        command.env("DATABASE_URL", database.url());
        let output = command.output().await?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "vitrine {}: {stderr}", arguments.join(" "));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Makes a key of a tier whose limit does not bite.
    pub(crate) async fn create_key(&self, database: &Database) -> Result<String> {
        let text = self.run(database, &["keys", "create", "--tier", "enterprise", "--json"]).await?;
        let created: CreatedKey = serde_json::from_str(&text).context("keys create --json")?;
        Ok(created.key)
    }

    /// Starts a server on a database and waits until it listens.
    pub(crate) async fn serve(&self, database: &Database, caches: Caches) -> Result<Server> {
        let mut command = self.product(&["serve", "--listen", "127.0.0.1:0"]);
        command.env("DATABASE_URL", database.url()).env("VITRINE_TIERS_FILE", &self.tiers);
        match caches {
            Caches::On => {}
            Caches::WithoutPages => _ = command.env(NO_PAGES.0, NO_PAGES.1),
            Caches::AllBodies => _ = command.envs([NO_PAGES, ALL_BODIES]),
            Caches::Off => _ = command.envs(CACHES_OFF),
        }
        // Several may run on a database at a time.
        let number = SERVED.fetch_add(1, Ordering::Relaxed);
        self.listening(command, &format!("serve-{}-{caches:?}-{number}", database.name)).await
    }

    /// Starts the empty handler.
    pub(crate) async fn null_server(&self) -> Result<Server> {
        let mut command = self.own("null-server");
        command.stdin(Stdio::null());
        self.listening(command, "null-server").await
    }

    /// A load client, with pipes.
    pub(crate) fn load_client(&self) -> Result<Child> {
        let mut command = self.own("load");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(command.spawn()?)
    }

    fn own(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg(subcommand).kill_on_drop(true);
        command
    }

    async fn listening(&self, mut command: Command, name: &str) -> Result<Server> {
        let path = self.logs.join(format!("{name}.log"));
        let log = File::create(&path).with_context(|| path.display().to_string())?;
        let mut child = command.stdout(Stdio::null()).stderr(log).spawn()?;
        let pid = child.id().context("it has ended already")?;
        let end = Instant::now() + START_PATIENCE;
        loop {
            let text = fs::read_to_string(&path)?;
            if let Some(address) = address(&text) {
                return Ok(Server { child, address, pid });
            }
            if child.try_wait()?.is_some() || Instant::now() > end {
                bail!("{name} does not listen: {text}");
            }
            sleep(START_POLL).await;
        }
    }
}

impl Server {
    /// Ends it at once: it holds nothing that matters.
    pub(crate) async fn stop(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// The address in a log, once its line is whole.
fn address(log: &str) -> Option<SocketAddr> {
    let (_, rest) = log.split_once("serving http://")?;
    let (address, _) = rest.split_once(char::is_whitespace)?;
    address.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_when_its_line_is_whole() {
        assert_eq!(address("2026 INFO x: serving http://127.0.0.1:80"), None);
        assert_eq!(address("a\nINFO: serving http://127.0.0.1:8099\n"), "127.0.0.1:8099".parse().ok());
        assert_eq!(address("serving"), None);
    }
}
