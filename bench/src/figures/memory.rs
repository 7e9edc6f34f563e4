//! What a server holds when 16 connections read pages of 1000 all over a list, and what slow readers hold.

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use vitrine_store::CacheSettings;

use crate::bench::Bench;
use crate::data::Kind;
use crate::http::{Connection, post};
use crate::lists::Sort;
use crate::load::{PLACE, Spec, Walk, Work};
use crate::scenario::Request;
use crate::server::{Caches, Server};
use crate::site::Site;
use crate::stats::{figure, float};
use crate::usage;

/// Names of the figures.
pub(crate) const PEAK: &str = "memory: peak at 16 connections of 1000-item pages, and beside slow readers";
pub(crate) const BEYOND_CACHE: &str = "memory: the same, without the bodies that the cache may hold";
pub(crate) const HELD: &str = "memory: database connections that 24 slow readers hold";

/// Connections that walk over the list, each over all of it.
const WALKERS: u64 = 16;

/// More than a server has connections for reads.
const SLOW_READERS: usize = 24;

/// Walks with 16 walkers on a fresh server, so that its cache is filled; then lets readers be slow.
pub(crate) async fn run(bench: &mut Bench, site: &Site) -> Result<()> {
    if !bench.options.wants("memory") {
        return Ok(());
    }
    let server = bench.launcher.serve(&site.database, Caches::On).await?;
    let members = site.list(Kind::Group, 0)?.ordered(Sort::Id, false);
    let ids = bench.write_ids("memory", &members)?;
    let page = Request::new(Kind::Group, 0, 1000);
    let next = page.clone().with_place("page", false).body();
    let first = next.replace(PLACE, "1");
    let spec = Spec {
        address: server.address,
        path: site.path.clone(),
        accept_encoding: None,
        connections: usize::try_from(WALKERS)?,
        work: Work::Walk(Walk { first, next, by_number: true, ids, limit: 1000 }),
    };
    let report = bench.load("memory", &spec).await?;
    let held = slow_readers(site, &server, &page.body()).await?;
    let peak = usage::memory(server.pid)?.peak;
    // A list that is smaller than the cache does not fill it.
    let cached = CacheSettings::default().body_bytes_max.min(report.body_bytes / WALKERS);
    let beyond = peak.saturating_sub(cached);
    bench.results.collect(PEAK, "MB", [float(peak) / 1e6]);
    bench.results.collect(BEYOND_CACHE, "MB", [float(beyond) / 1e6]);
    bench.say(&format!("{PEAK:64}  {} MB", figure(float(peak) / 1e6)));
    bench.results.collect(HELD, "", [float(held)]);
    bench.say(&format!("{HELD:64}  {held}"));
    server.stop().await
}

/// How many database connections are busy while clients do not read what they asked for.
async fn slow_readers(site: &Site, server: &Server, body: &str) -> Result<u64> {
    let request = post(server.address, &site.path, None, body);
    let slow = try_join_all((0..SLOW_READERS).map(async |_| {
        let mut connection = Connection::open(server.address).await?;
        connection.send(&request).await?;
        // The answer is on its way: its first bytes are here, and nobody takes them.
        connection.answered().await?;
        Ok::<_, anyhow::Error>(connection)
    }));
    let slow = slow.await?;
    // Were their connections taken, there would be none for this call.
    let mut connection = Connection::open(server.address).await?;
    let head = connection.call(&request, |_| {}).await?;
    ensure!(head.status == 200, "beside slow readers: status {}", head.status);
    let mut database = site.database.connect().await?;
    let busy: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity
         WHERE application_name = 'vitrine read' AND state <> 'idle' AND datname = current_database()",
    )
    .fetch_one(&mut database)
    .await?;
    drop(slow);
    Ok(u64::try_from(busy)?)
}
