//! Reads beside an import that is fed changed assets by the clock, on a copy of the database.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::interval;

use crate::bench::Bench;
use crate::compare::{Entry, compare};
use crate::data::{Data, Kind, Member};
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

/// A batch of the import: four transactions a second, as somebody who follows a chain would have.
const BATCH_ASSETS: &str = "500";

/// Items of a page.
const LIMIT: usize = 100;

/// Pages that are read, spread over the large group.
const PAGES: usize = 32;

/// Connections of the closed loops.
pub(crate) const CONNECTIONS: [usize; 2] = [1, 16];

/// The name of the figure that tells whether the writes kept their pace.
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
    stop: watch::Sender<bool>,
    sent: watch::Receiver<u64>,
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
    let mut feed = Feed::start(bench, data, &copy)?;
    feed.flows().await?;
    let (start, before) = (Instant::now(), feed.sent());
    let writer = feed.importer;
    measure(bench, &site, &calls, Some(writer)).await?;
    let rate = float(feed.sent() - before) / start.elapsed().as_secs_f64();
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

/// After the last write both servers must say the same: what one remembers is not old.
async fn agree(site: &Site, calls: &[Call]) -> Result<()> {
    for call in calls {
        let mut answers = [Vec::new(), Vec::new()];
        for (server, answer) in [&site.cached, &site.plain].into_iter().zip(&mut answers) {
            let mut connection = Connection::open(server.address).await?;
            let request = post(server.address, &site.path, None, &call.body);
            let head = connection.collect(&request, answer).await?;
            ensure!(head.status == 200, "after the writes: status {}", head.status);
        }
        ensure!(answers[0] == answers[1], "after the writes the servers answer differently: {}", call.body);
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
        let (told, sent) = watch::channel(0);
        let sending = tokio::spawn(send(data, input, stopped, told));
        let importing = tokio::spawn(loading::finish(child));
        Ok(Self { importer, stop, sent, sending, importing })
    }

    /// Waits until it has flowed for a second.
    async fn flows(&mut self) -> Result<()> {
        self.sent.wait_for(|sent| *sent >= RATE).await.context("the feed of changed assets ended")?;
        Ok(())
    }

    /// Changed assets sent until now.
    fn sent(&self) -> u64 {
        *self.sent.borrow()
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
async fn send(
    data: Data,
    mut input: ChildStdin,
    stopped: watch::Receiver<bool>,
    told: watch::Sender<u64>,
) -> Result<u64> {
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
        told.send_replace(sent);
    }
    Ok(sent)
}
