//! Reads beside an import that is fed changed assets by the clock, on a copy of the database.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{interval, sleep};

use crate::bench::Bench;
use crate::compare::{Entry, compare};
use crate::data::{CHANGED_SLOT, Data, Kind, Member};
use crate::http::{Connection, post};
use crate::lists::Sort;
use crate::load::{Answer, Call};
use crate::loading;
use crate::postgres::Database;
use crate::rounds;
use crate::scenario::{Lane, Request};
use crate::site::Site;
use crate::stats::{figure, float};

/// Changed assets a second.
const RATE: u64 = 2_000;

/// How many times a second some of them are sent.
const TICKS: u64 = 50;

/// A batch of the import at most, as somebody who follows a chain would have it. At this pace few are full: what has come after
/// `import.batch_wait_ms`, 200, is written, some 400 assets.
const BATCH_ASSETS: &str = "500";

/// Items of a page.
const LIMIT: usize = 100;

/// Pages that are read, spread over the large group.
const PAGES: usize = 32;

/// Connections of the closed loops.
pub(crate) const CONNECTIONS: [usize; 2] = [1, 16];

/// How long an import may take to keep the pace. At first what it changes has to be read from the disk and logged as whole
/// pages; who follows a chain for longer than a minute has that behind them.
const PACE_PATIENCE: Duration = Duration::from_secs(45);

/// The same in a run that has to be short.
const PACE_PATIENCE_QUICK: Duration = Duration::from_secs(12);

/// How often it is looked whether it does, and how long it flows at least.
const PACE_POLL: Duration = Duration::from_secs(3);

/// How often it is looked whether another transaction has been committed, and for how long.
const COMMIT_POLL: Duration = Duration::from_millis(10);
const COMMIT_PATIENCE: Duration = Duration::from_mins(1);

/// The name of the figure that tells whether the writes, as they were committed, kept their pace.
pub(crate) const WRITTEN: &str = "writes: changed assets while reading";

/// The least of it that counts as the pace.
pub(crate) const WRITTEN_LEAST: f64 = 1_900.0;

/// The name of the rows.
pub(crate) fn name(writing: bool, connections: usize) -> String {
    let when = if writing { "while-writing" } else { "quiet" };
    format!("writes/{when}/{LIMIT}/x{connections}")
}

/// Changed assets on their way into an import.
struct Feed {
    /// The import's process id.
    importer: u32,
    started: Instant,
    stop: watch::Sender<bool>,
    sending: JoinHandle<Result<u64>>,
    importing: JoinHandle<Result<(String, u64)>>,
}

/// Measures quiet reads, then the same while assets change. Nobody may be connected to `database`.
pub(crate) async fn run(bench: &mut Bench, data: Data, database: &Database) -> Result<()> {
    bench.say("copying the database, to change the copy");
    let copy = bench.postgres.create("bench_writes", Some(database)).await?;
    let site = Site::open(bench, data, copy.clone(), &[(Kind::Group, 0)], usize::MAX).await?;
    let members = site.list(Kind::Group, 0)?.ordered(Sort::Id, false);
    let calls = calls(bench, &members)?;
    measure(bench, &site, &calls, None).await?;
    let feed = Feed::start(bench, data, &copy)?;
    let mut connection = copy.connect().await?;
    feed.keeps_pace(bench, &mut connection).await?;
    let before = next_commit(&mut connection).await?;
    let writer = feed.importer;
    measure(bench, &site, &calls, Some(writer)).await?;
    let after = next_commit(&mut connection).await?;
    let rate = float(after.0 - before.0) / (after.1 - before.1).as_secs_f64();
    connection.close().await?;
    feed.end().await?;
    bench.say(&format!("{WRITTEN:64}  {}/s", figure(rate)));
    bench.results.collect(WRITTEN, "assets/s", [rate]);
    agree(&site, &calls).await?;
    site.close().await?;
    bench.postgres.drop(&copy).await
}

/// All readers in turns. What percentiles are of is all calls of a round.
async fn measure(bench: &mut Bench, site: &Site, calls: &[Call], writer: Option<u32>) -> Result<()> {
    let mut entries = Vec::new();
    for connections in CONNECTIONS {
        for lane in [Lane::Cached, Lane::Plain] {
            let Some(server) = site.server(lane) else { continue };
            let load = rounds::repeat(bench, server, &site.path, (None, connections), calls);
            entries.push(Entry { name: name(writer.is_some(), connections), lane, load });
        }
    }
    let course = rounds::course(bench, LIMIT, CONNECTIONS[1]);
    let helpers: Vec<u32> = writer.into_iter().collect();
    compare(bench, entries, course, &helpers).await
}

/// Pages all over the list. What changes is the items' owners and slots: ids and their order stay.
fn calls(bench: &Bench, members: &[Member]) -> Result<Vec<Call>> {
    let stride = (members.len() / LIMIT / PAGES).max(1);
    (0..PAGES)
        .map(|page| {
            let offset = page * stride * LIMIT;
            let request = Request::new(Kind::Group, 0, LIMIT);
            let request = match offset.checked_sub(1) {
                Some(before) => {
                    let cursor = vitrine_model::Pubkey::from_bytes(members[before].id);
                    request.with("cursor", &format!("\"{cursor}\""))
                }
                None => request,
            };
            let ids = bench.write_ids(&format!("writes-{page}"), &members[offset..offset + LIMIT])?;
            Ok(Call { body: request.body(), answer: Answer::Ids(ids) })
        })
        .collect()
}

/// Changes that are committed right after the next transaction, and when that was: from one transaction to another the pace is
/// that of what is written, however much is on its way and however large batches are.
async fn next_commit(connection: &mut PgConnection) -> Result<(u64, Instant)> {
    let before = committed(connection).await?;
    let end = Instant::now() + COMMIT_PATIENCE;
    loop {
        let now = Instant::now();
        let changes = committed(connection).await?;
        if changes != before {
            return Ok((changes, now));
        }
        ensure!(now < end, "no changed asset is committed any more");
        sleep(COMMIT_POLL).await;
    }
}

/// Changes that are committed. The slot of an asset says how many it has seen; read from the index `asset_updated`.
async fn committed(connection: &mut PgConnection) -> Result<u64> {
    let changes: i64 = sqlx::query_scalar(
        "SELECT coalesce(sum(slot_updated - $1), 0)::bigint FROM asset WHERE slot_updated > $1",
    )
    .bind(i64::try_from(CHANGED_SLOT)?)
    .fetch_one(connection)
    .await?;
    Ok(u64::try_from(changes)?)
}

/// After the last write all servers must say the same: what one remembers is not old.
async fn agree(site: &Site, calls: &[Call]) -> Result<()> {
    for call in calls {
        let mut answers = [const { Vec::new() }; 3];
        for (server, answer) in site.servers().into_iter().zip(&mut answers) {
            let mut connection = Connection::open(server.address).await?;
            let request = post(server.address, &site.path, None, &call.body);
            let head = connection.collect(&request, answer).await?;
            ensure!(head.status == 200, "after the writes: status {}", head.status);
        }
        ensure!(
            answers.iter().all(|answer| *answer == answers[0]),
            "after the writes the servers answer differently: {}",
            call.body
        );
    }
    Ok(())
}

impl Feed {
    fn start(bench: &Bench, data: Data, database: &Database) -> Result<Self> {
        let mut command = bench.launcher.product(&["import", "-"]);
        command.env("DATABASE_URL", database.url()).env("VITRINE_IMPORT_BATCH_ASSETS", BATCH_ASSETS);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let importer = child.id().context("the import has ended already")?;
        let input = child.stdin.take().context("stdin of the import")?;
        let (stop, stopped) = watch::channel(false);
        let sending = tokio::spawn(send(data, input, stopped));
        let importing = tokio::spawn(loading::finish(child));
        Ok(Self { importer, started: Instant::now(), stop, sending, importing })
    }

    /// Waits until what is committed is less than a second behind the clock. Where it is not in time, the pace says so in the
    /// end.
    async fn keeps_pace(&self, bench: &mut Bench, connection: &mut PgConnection) -> Result<()> {
        let patience = if bench.options.quick { PACE_PATIENCE_QUICK } else { PACE_PATIENCE };
        loop {
            sleep(PACE_POLL).await;
            ensure!(!self.sending.is_finished(), "the feed of changed assets ended");
            let committed = committed(connection).await?;
            let elapsed = self.started.elapsed();
            let due = elapsed.as_secs_f64() * float(RATE);
            if float(committed + RATE) >= due || elapsed >= patience {
                bench.results.collect("writes: before they are read beside", "s", [elapsed.as_secs_f64()]);
                bench.results.collect("writes: changed assets until then", "assets", [float(committed)]);
                return Ok(());
            }
        }
    }

    /// Ends it, and makes sure that all of it was written.
    async fn end(self) -> Result<()> {
        self.stop.send_replace(true);
        let sent = self.sending.await??;
        let (text, _) = self.importing.await??;
        ensure!(text.contains(&format!(" {sent} updated,")), "the import of {sent} changed assets: {text}");
        Ok(())
    }
}

/// Sends changed assets by the clock; where the import cannot follow, it is what makes the pace.
async fn send(data: Data, mut input: ChildStdin, stopped: watch::Receiver<bool>) -> Result<u64> {
    let mut ticks = interval(Duration::from_secs(1) / u32::try_from(TICKS)?);
    let (mut sent, mut lines) = (0, Vec::new());
    while !*stopped.borrow() {
        ticks.tick().await;
        lines.clear();
        for _ in 0..RATE / TICKS {
            // Assets all over the place, each once until all have had their turn.
            let index = sent * 7_919 % data.assets();
            data.write(index, 1 + sent / data.assets(), &mut lines);
            sent += 1;
        }
        input.write_all(&lines).await?;
    }
    Ok(sent)
}
