//! What a run works with: folders, Postgres, processes, and what was found.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::client::LoadClient;
use crate::compare::Disturbance;
use crate::data::Member;
use crate::load::{Report, Spec};
use crate::options::Options;
use crate::postgres::Postgres;
use crate::results::Results;
use crate::server::Launcher;

/// How long a load may take that has an end.
const LOAD_MAX: Duration = Duration::from_hours(1);

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
    /// The number of the last turn of all comparisons.
    pub(crate) turn: usize,
    /// How many times pgbench was started.
    pub(crate) pgbenches: usize,
    /// What the machine did besides.
    pub(crate) disturbance: Disturbance,
}

impl Bench {
    /// Says on stderr where the run is.
    #[expect(clippy::unused_self, reason = "only a run has progress")]
    pub(crate) fn say(&self, line: &str) {
        eprintln!("{line}");
    }

    /// Lets a load come to its end on its own, and measures nothing. A wrong answer is an error that names `what`.
    pub(crate) async fn load(&self, what: &str, spec: &Spec) -> Result<Report> {
        let mut client = LoadClient::start(&self.launcher, what, spec).await?;
        let report = client.slice(LOAD_MAX).await?;
        client.end().await?;
        ensure!(report.is_done, "{what} does not end");
        Ok(report)
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
