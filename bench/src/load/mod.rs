//! The load client, a process of its own so that what it burns is told apart: a closed loop over some connections
//! on one thread, as pgbench is with one thread. It checks every answer.
//!
//! It reads a [`Spec`] as a line of standard input, opens its connections, warms up, and says so with an empty [`Report`]
//! as a line. Each further line is a number of milliseconds: so long it works, and answers with a [`Report`]. In between it
//! stands still, and keeps its connections, so that many can take turns. It ends where its input ends.

mod repeat;
mod walk;

use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// What to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// Whom to ask.
    pub(crate) address: SocketAddr,
    /// Path and query of every request.
    pub(crate) path: String,
    /// `accept-encoding` of every request.
    pub(crate) accept_encoding: Option<String>,
    /// How many connections, each with one request at a time.
    pub(crate) connections: usize,
    /// Which requests.
    pub(crate) work: Work,
}

/// Which requests to send.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Work {
    /// These, over and over.
    Repeat {
        /// The requests; each connection begins with another one.
        calls: Vec<Call>,
        /// How long to warm up, milliseconds.
        warm_up_ms: u64,
    },
    /// Each connection walks a whole list.
    Walk(Walk),
}

/// A walk over a list, from its first page until an empty one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Walk {
    /// The body of the request for the first page.
    pub(crate) first: String,
    /// That of any other page; [`PLACE`] stands for its cursor or number.
    pub(crate) next: String,
    /// Whether pages are asked for by number instead of by cursor.
    pub(crate) by_number: bool,
    /// A file of all ids, 32 bytes each, in order.
    pub(crate) ids: PathBuf,
    /// Items of a page.
    pub(crate) limit: usize,
}

/// What a cursor or a page number is put in place of.
pub(crate) const PLACE: &str = "@PLACE@";

/// A request and what its answer must be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Call {
    /// The body of the request.
    pub(crate) body: String,
    /// What the answer must be.
    pub(crate) answer: Answer,
}

/// What an answer must be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// The bytes of this file, encoded or not.
    Bytes(PathBuf),
    /// So many spaces: what the empty handler says.
    Spaces(usize),
    /// A page of the ids of this file, 32 bytes each; whatever else there is in the items.
    Ids(PathBuf),
}

/// What came of a slice.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// What was wrong with an answer, or why there was none; nothing else counts then.
    pub(crate) wrong: Option<String>,
    /// Answers.
    pub(crate) calls: u64,
    /// From the first request to the last answer.
    pub(crate) seconds: f64,
    /// Bytes of all bodies, as sent.
    pub(crate) body_bytes: u64,
    /// Latencies, microseconds, and how many calls took each.
    pub(crate) latencies: Vec<(u64, u64)>,
    /// Whether there is nothing left to do: walks have come to their end.
    pub(crate) is_done: bool,
}

/// A load with its connections open.
enum Load {
    Repeat(repeat::Repeat),
    Walks(Box<walk::Walks>),
}

impl Load {
    async fn open(spec: &Spec) -> Result<Self> {
        match &spec.work {
            Work::Repeat { calls, warm_up_ms } => {
                let warm_up = Duration::from_millis(*warm_up_ms);
                Ok(Self::Repeat(repeat::Repeat::open(spec, calls, warm_up).await?))
            }
            Work::Walk(walk) => Ok(Self::Walks(Box::new(walk::Walks::open(spec, walk).await?))),
        }
    }

    async fn slice(&mut self, length: Duration) -> Result<Report> {
        match self {
            Self::Repeat(repeat) => repeat.slice(length).await,
            Self::Walks(walks) => walks.slice(length).await,
        }
    }
}

/// Runs the process.
pub(crate) fn main() -> Result<()> {
    let mut input = io::stdin().lock();
    let mut line = String::new();
    input.read_line(&mut line)?;
    let spec: Spec = serde_json::from_str(&line).context("the spec")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut load = match runtime.block_on(Load::open(&spec)) {
        Ok(load) => load,
        Err(error) => return say(&wrong(&error)),
    };
    say(&Report::default())?;
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let length = Duration::from_millis(line.trim().parse().context("the length of a slice")?);
        let report = runtime.block_on(load.slice(length)).unwrap_or_else(|error| wrong(&error));
        say(&report)?;
    }
}

fn wrong(error: &anyhow::Error) -> Report {
    Report { wrong: Some(format!("{error:#}")), ..Report::default() }
}

fn say(report: &Report) -> Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{}", serde_json::to_string(report)?)?;
    Ok(output.flush()?)
}
