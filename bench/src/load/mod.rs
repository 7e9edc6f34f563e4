//! The load client, a process of its own so that what it burns is told apart: a closed loop over some connections
//! on one thread, as pgbench is with one thread. It checks every answer.
//!
//! It reads a [`Spec`] as a line of standard input, warms up, says `ready`, waits for another line, measures, and
//! answers with a [`Report`] as a line; it then stays until its input ends, so that its CPU time can be read.

mod repeat;
mod walk;

use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

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
        /// How long to measure, milliseconds.
        measure_ms: u64,
    },
    /// Each of these once, in their order; nothing warms up.
    Once {
        /// The requests.
        calls: Vec<Call>,
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

/// What came of it.
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
    /// Microseconds, half of the answers.
    pub(crate) p50_us: u64,
    /// Microseconds, 99 of 100 answers.
    pub(crate) p99_us: u64,
    /// Of [`Work::Once`], microseconds of each call in order.
    pub(crate) each_us: Vec<u64>,
}

/// Runs the process.
pub(crate) fn main() -> Result<()> {
    let mut input = io::stdin().lock();
    let mut line = String::new();
    input.read_line(&mut line)?;
    let spec: Spec = serde_json::from_str(&line).context("the spec")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut go = || -> Result<()> {
        say("ready")?;
        input.read_line(&mut line)?;
        Ok(())
    };
    let report = runtime.block_on(async {
        match &spec.work {
            Work::Repeat { calls, warm_up_ms, measure_ms } => {
                repeat::repeat(&spec, calls, (*warm_up_ms, *measure_ms), &mut go).await
            }
            Work::Once { calls } => repeat::once(&spec, calls, &mut go).await,
            Work::Walk(walk) => walk::walk(&spec, walk, &mut go).await,
        }
    });
    let report =
        report.unwrap_or_else(|error| Report { wrong: Some(format!("{error:#}")), ..Report::default() });
    say(&serde_json::to_string(&report)?)?;
    // Until its end is read.
    while input.read_line(&mut line)? > 0 {}
    Ok(())
}

fn say(line: &str) -> Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    Ok(output.flush()?)
}
