//! What a run works with: folders, Postgres, processes, and the load client's side of a measurement.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::data::Member;
use crate::load::{Report, Spec};
use crate::options::Options;
use crate::postgres::{Database, Postgres};
use crate::results::{Results, Sample};
use crate::server::{Launcher, Server};
use crate::stats::float;
use crate::usage::{self, Cpu};

/// A run.
#[derive(Debug)]
pub(crate) struct Bench {
    /// What is asked for.
    pub(crate) options: Options,
    /// The folder of everything.
    pub(crate) folder: PathBuf,
    /// The private cluster.
    pub(crate) postgres: Postgres,
    /// How processes are started.
    pub(crate) launcher: Launcher,
    /// What was found until now.
    pub(crate) results: Results,
}

impl Bench {
    /// Says on stderr where the run is.
    #[expect(clippy::unused_self, reason = "only a run has progress")]
    pub(crate) fn say(&self, line: &str) {
        eprintln!("{line}");
    }

    /// Runs a load on a server and accounts for what it burns. A wrong answer is an error that names `what`.
    pub(crate) async fn load(&self, what: &str, server: &Server, spec: &Spec) -> Result<(Report, Cpu)> {
        let mut child = self.launcher.load_client()?;
        let client = child.id().context("the load client has ended already")?;
        let mut input = child.stdin.take().context("stdin of the load client")?;
        let mut lines = BufReader::new(child.stdout.take().context("stdout of the load client")?).lines();
        let spec = serde_json::to_string(spec)? + "\n";
        input.write_all(spec.as_bytes()).await?;
        let mut line = lines.next_line().await?.context("the load client said nothing")?;
        let (mut cpu, mut before) = (Cpu::default(), None);
        if line == "ready" {
            before = Some(self.cpu(server.pid, client)?);
            input.write_all(b"go\n").await?;
            line = lines.next_line().await?.context("the load client ended early")?;
        }
        if let Some(before) = before {
            cpu = self.cpu(server.pid, client)?.since(before);
        }
        let report: Report = serde_json::from_str(&line).with_context(|| line.clone())?;
        if let Some(wrong) = &report.wrong {
            bail!("{what}: {wrong}");
        }
        drop(input);
        child.wait().await?;
        Ok((report, cpu))
    }

    fn cpu(&self, server: u32, client: u32) -> Result<Cpu> {
        Ok(Cpu {
            server: usage::of_process(server)?,
            postgres: usage::of_postgres(self.postgres.pid())?,
            client: usage::of_process(client)?,
        })
    }

    /// Runs pgbench and accounts for what it burns, without what connecting costs.
    pub(crate) async fn pgbench(
        &self,
        database: &Database,
        scripts: &[PathBuf],
        clients: usize,
        length: Duration,
    ) -> Result<Sample> {
        let burnt = || -> Result<Cpu> {
            let (postgres, client) = (usage::of_postgres(self.postgres.pid())?, usage::of_our_children()?);
            Ok(Cpu { server: 0.0, postgres, client })
        };
        let before = burnt()?;
        let connected = self.postgres.connect_only(database, scripts, clients).await?;
        let connecting = burnt()?.since(before);
        let before = burnt()?;
        let paced = self.postgres.pgbench(database, scripts, clients, length).await?;
        let cpu = burnt()?.since(before).since(connecting);
        let calls = float(paced.calls.saturating_sub(connected.calls).max(1));
        Ok(Sample {
            rate: paced.rate,
            mean_ms: paced.mean_ms,
            p50_ms: None,
            p99_ms: None,
            body_bytes: 0.0,
            server_ms: 0.0,
            postgres_ms: cpu.postgres * 1_000.0 / calls,
            client_ms: cpu.client * 1_000.0 / calls,
        })
    }

    /// Writes ids to a file for the load client.
    pub(crate) fn write_ids(&self, name: &str, members: &[Member]) -> Result<PathBuf> {
        let bytes: Vec<u8> = members.iter().flat_map(|member| member.id).collect();
        self.write_answer(&format!("{name}.ids"), &bytes)
    }

    /// Writes what an answer must be to a file for the load client.
    pub(crate) fn write_answer(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        write_into(&self.folder.join("answers"), name, bytes)
    }

    /// Writes a statement to a file for pgbench.
    pub(crate) fn write_statement(&self, name: &str, statement: &str) -> Result<PathBuf> {
        write_into(&self.folder.join("statements"), name, format!("{statement};\n").as_bytes())
    }
}

fn write_into(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let path = folder.join(name.replace('/', "_"));
    fs::write(&path, bytes).with_context(|| path.display().to_string())?;
    Ok(path)
}
