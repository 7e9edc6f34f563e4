//! The load client of Postgres alone: one pgbench that keeps its connections, and is stopped while others have their turn.
//!
//! pgbench knows no slices. It is told to stand still and to go on by signals, and logs when each statement ended and how
//! long it took: what it did in a slice is read from its log when it has ended. While it stands still Postgres can only
//! fill the sockets: of large answers a twentieth, of small ones one for each connection, which is to Postgres's advantage.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::Connection as _;
use tokio::process::Child;
use tokio::time::sleep;

use crate::load::Report;
use crate::postgres::{Database, Postgres};
use crate::{latency, stats};

/// How long it may take to connect, and to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often we look whether it has connected.
const POLL: Duration = Duration::from_millis(5);

/// What Postgres still does once pgbench stands still, fill sockets, it has done after this.
const SETTLING: Duration = Duration::from_millis(5);

/// One that stands still but for its slices. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Pgbench {
    child: Child,
    /// Its process id.
    pub(crate) pid: u32,
    log: PathBuf,
    slices: Vec<Slice>,
}

/// When it was let run, microseconds since 1970.
#[derive(Debug, Clone, Copy)]
struct Slice {
    begin_us: u64,
    end_us: u64,
}

/// A statement in the log: when it ended, microseconds since 1970, and how long it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Logged {
    end_us: u64,
    took_us: u64,
}

impl Pgbench {
    /// Starts one on statements, of which each client takes one at random, lets it connect and warm up, and stops it.
    pub(crate) async fn start(
        postgres: &Postgres,
        database: &Database,
        (folder, number): (&Path, usize),
        (scripts, clients): (&[PathBuf], usize),
        warm_up: Duration,
    ) -> Result<Self> {
        let name = format!("pgbench-{number}");
        let prefix = folder.join(&name);
        let mut command = postgres.pgbench(database, scripts, clients)?;
        command.arg("-l").arg("--log-prefix").arg(&prefix).env("PGAPPNAME", &name);
        // In a group of its own: where one of a group stands still when its shell ends, the whole group gets SIGHUP.
        command.process_group(0);
        let child = command.spawn().context("pgbench")?;
        let pid = child.id().context("pgbench has ended already")?;
        let log = prefix.with_extension(pid.to_string());
        let mut pgbench = Self { child, pid, log, slices: Vec::new() };
        pgbench.connected(database, &name, clients).await?;
        sleep(warm_up).await;
        pgbench.signal(Signal::STOP)?;
        sleep(SETTLING).await;
        Ok(pgbench)
    }

    /// Waits until all clients have sent a statement.
    async fn connected(&mut self, database: &Database, name: &str, clients: usize) -> Result<()> {
        let mut connection = database.connect().await?;
        let end = Instant::now() + PATIENCE;
        loop {
            let running: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND query <> ''",
            )
            .bind(name)
            .fetch_one(&mut connection)
            .await?;
            if usize::try_from(running)? >= clients {
                return Ok(connection.close().await?);
            }
            ensure!(self.child.try_wait()?.is_none(), "pgbench has ended: see what it said above");
            ensure!(Instant::now() < end, "pgbench does not connect");
            sleep(POLL).await;
        }
    }

    /// Lets it run for so long.
    pub(crate) async fn slice(&mut self, length: Duration) -> Result<()> {
        let begin_us = now_us()?;
        self.signal(Signal::CONT)?;
        sleep(length).await;
        self.signal(Signal::STOP)?;
        self.slices.push(Slice { begin_us, end_us: now_us()? });
        sleep(SETTLING).await;
        Ok(())
    }

    /// Lets it end, and reads what it did in each slice.
    pub(crate) async fn end(mut self) -> Result<Vec<Report>> {
        // As if its time were over: it ends each client's statement and writes all of its log.
        self.signal(Signal::ALARM)?;
        self.signal(Signal::CONT)?;
        let status =
            tokio::time::timeout(PATIENCE, self.child.wait()).await.context("pgbench does not end")??;
        if !status.success() {
            bail!("pgbench: {status}");
        }
        let text = fs::read_to_string(&self.log).with_context(|| self.log.display().to_string())?;
        fs::remove_file(&self.log)?;
        let mut logged: Vec<Logged> = text
            .lines()
            .map(|line| parse(line).with_context(|| format!("pgbench logged: {line}")))
            .collect::<Result<_>>()?;
        logged.sort_unstable_by_key(|statement| statement.end_us);
        self.slices.iter().map(|slice| slice.report(&logged)).collect()
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.pid)?).context("no process has the id 0")?;
        kill_process(pid, signal).context("pgbench has ended: see what it said above")
    }
}

impl Slice {
    /// What ended in this slice. What had begun before it counts, for something is left undone at its end; how long it
    /// took says nothing.
    fn report(self, logged: &[Logged]) -> Result<Report> {
        let from = logged.partition_point(|statement| statement.end_us < self.begin_us);
        let to = logged.partition_point(|statement| statement.end_us <= self.end_us);
        let mut latencies = latency::histogram()?;
        for statement in &logged[from..to.max(from)] {
            if statement.end_us.saturating_sub(statement.took_us) >= self.begin_us {
                latencies.saturating_record(statement.took_us);
            }
        }
        Ok(Report {
            calls: u64::try_from(to.saturating_sub(from))?,
            seconds: stats::float(self.end_us - self.begin_us) / 1e6,
            latencies: latency::counts(&latencies),
            ..Report::default()
        })
    }
}

fn now_us() -> Result<u64> {
    Ok(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?)
}

/// A line: client, its statements until now, microseconds, script, and when it ended in seconds and microseconds.
fn parse(line: &str) -> Option<Logged> {
    let mut fields = line.split(' ').skip(2);
    let took_us = fields.next()?.parse().ok()?;
    let (_script, seconds, us) = (fields.next()?, fields.next()?, fields.next()?);
    let end_us = seconds.parse::<u64>().ok()? * 1_000_000 + us.parse::<u64>().ok()?;
    Some(Logged { end_us, took_us })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_log_is_cut_into_slices() {
        let lines = [
            "0 1 500 0 1000 100",
            "0 2 90 0 1000 1090",
            "1 1 2000 3 1000 1100",
            "0 3 100 0 1000 1200",
            "0 4 5 0 1001 7",
        ];
        let logged: Vec<Logged> = lines.iter().map(|line| parse(line).unwrap()).collect();
        assert_eq!(logged[4], Logged { end_us: 1_001_000_007, took_us: 5 });
        let slice = Slice { begin_us: 1_000_001_000, end_us: 1_000_001_200 };
        let report = slice.report(&logged).unwrap();
        // The one that had begun before the slice has no latency.
        assert_eq!((report.calls, report.latencies), (3, vec![(90, 1), (100, 1)]));
        assert!((report.seconds - 0.000_2).abs() < 1e-9);
        let later = Slice { begin_us: 2_000_000_000, end_us: 2_000_000_100 }.report(&logged).unwrap();
        assert_eq!(later.calls, 0);
        assert_eq!(parse("0 1 skipped 0 1000 100"), None);
        assert_eq!(parse("progress"), None);
    }
}
