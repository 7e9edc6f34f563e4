//! The bench's side of a load client: one that works when it is told to, and else stands still.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use crate::load::{Report, Spec};
use crate::server::Launcher;

/// A load client with its connections open. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct LoadClient {
    /// What it does, for errors.
    what: String,
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    /// Its process id.
    pub(crate) pid: u32,
}

impl LoadClient {
    /// Starts one, which connects and warms up.
    pub(crate) async fn start(launcher: &Launcher, what: &str, spec: &Spec) -> Result<Self> {
        let mut child = launcher.load_client()?;
        let pid = child.id().context("the load client has ended already")?;
        let input = child.stdin.take().context("stdin of the load client")?;
        let lines = BufReader::new(child.stdout.take().context("stdout of the load client")?).lines();
        let mut client = Self { what: what.to_owned(), child, input, lines, pid };
        client.ask(&serde_json::to_string(spec)?).await?;
        Ok(client)
    }

    /// Has it work for so long. A wrong answer is an error.
    pub(crate) async fn slice(&mut self, length: Duration) -> Result<Report> {
        self.ask(&length.as_millis().to_string()).await
    }

    /// Ends it.
    pub(crate) async fn end(self) -> Result<()> {
        let Self { mut child, input, .. } = self;
        drop(input);
        child.wait().await?;
        Ok(())
    }

    async fn ask(&mut self, line: &str) -> Result<Report> {
        self.input.write_all(format!("{line}\n").as_bytes()).await?;
        let line = self.lines.next_line().await?;
        let line = line.with_context(|| format!("{}: the load client ended", self.what))?;
        let report: Report = serde_json::from_str(&line).with_context(|| line.clone())?;
        if let Some(wrong) = &report.wrong {
            bail!("{}: {wrong}", self.what);
        }
        Ok(report)
    }
}
