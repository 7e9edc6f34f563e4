//! Jumps to page numbers anywhere in the large group, beside Postgres's own counting of the same keys: page by page, one
//! right behind the other.

use std::time::Instant;

use anyhow::{Result, ensure};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::index;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use crate::answer;
use crate::bench::Bench;
use crate::data::{Kind, Member};
use crate::http::{Connection, post};
use crate::lists::Sort;
use crate::postgres::offset_statement;
use crate::results::{Figure, Results};
use crate::scenario::Request;
use crate::server::{Caches, Server};
use crate::site::Site;
use crate::stats::millis;

/// Items of a page.
const LIMIT: usize = 100;

/// How many pages are jumped to.
const JUMPS: usize = 48;

/// Names of the figures, each of calls in milliseconds.
pub(crate) const FIRST_COLD: &str = "jump: first page, caches off";
pub(crate) const COLD: &str = "jump: a random page, caches off";
pub(crate) const FIRST: &str = "jump: first page, caches on";
pub(crate) const FRESH: &str = "jump: a random page, on a server that has just started";
pub(crate) const AGAIN: &str = "jump: the same pages again";
pub(crate) const OTHERS: &str = "jump: other random pages, boundaries remembered";
pub(crate) const SKIP: &str = "jump: Postgres's index-only OFFSET of the same keys";

/// Names of what is compared, call by call.
pub(crate) const MORE: &str = "jump: boundaries remembered, more than the first page";
pub(crate) const COLD_RATIO: &str = "jump: caches off, more than the first page, in OFFSETs of the same keys";

pub(crate) const FRESH_RATIO: &str =
    "jump: on a server that has just started, more than the first page, in OFFSETs of the same keys";

/// Somebody who asks for pages and checks them.
struct Jumper<'a> {
    connection: Connection,
    server: &'a Server,
    path: &'a str,
    members: &'a [Member],
    answer: Vec<u8>,
}

/// Postgres's own way there.
struct Skipper {
    connection: PgConnection,
    statement: String,
}

/// Jumps.
pub(crate) async fn run(bench: &mut Bench, site: &Site) -> Result<()> {
    if !bench.options.wants("jump") {
        return Ok(());
    }
    let members = site.list(Kind::Group, 0)?.ordered(Sort::Id, false);
    let pages = members.len() / LIMIT;
    let amount = (2 * JUMPS).min(pages - 1);
    let mut random = StdRng::seed_from_u64(7);
    let drawn: Vec<usize> =
        index::sample(&mut random, pages - 1, amount).into_iter().map(|page| page + 1).collect();
    let (some, others) = drawn.split_at(amount / 2);
    let mut skipper = Skipper::open(site).await?;
    for _ in 0..bench.options.rounds() {
        let fresh = bench.launcher.serve(&site.database, Caches::On).await?;
        let mut plain = Jumper::open(&site.plain, &site.path, &members).await?;
        let mut cached = Jumper::open(&fresh, &site.path, &members).await?;
        // What is done once for a connection or a statement is done.
        for jumper in [&mut plain, &mut cached] {
            jumper.page(0).await?;
        }
        skipper.page(some[0]).await?;
        for (at, &page) in some.iter().enumerate() {
            cold(&mut bench.results, at, page, &mut plain, &mut skipper).await?;
        }
        for (name, pages) in [(FRESH, some), (AGAIN, some), (OTHERS, others)] {
            for &page in pages {
                let (first, jumped) = (cached.page(0).await?, cached.page(page).await?);
                if name == FRESH {
                    let counted = skipper.page(page).await?;
                    bench.results.collect(FRESH_RATIO, "", [(jumped - first) / counted]);
                }
                bench.results.collect(FIRST, "ms", [first]);
                bench.results.collect(name, "ms", [jumped]);
                if name == OTHERS {
                    bench.results.collect(MORE, "ms", [jumped - first]);
                }
            }
        }
        fresh.stop().await?;
    }
    for name in [FIRST_COLD, COLD, SKIP, COLD_RATIO, FIRST, FRESH, FRESH_RATIO, AGAIN, OTHERS, MORE] {
        if let Some(quartiles) = bench.results.find(name).and_then(Figure::quartiles) {
            bench.say(&format!("{name:72}  {quartiles}"));
        }
    }
    Ok(())
}

/// A page without caches beside the first one, and Postgres's own way there between them.
async fn cold(
    results: &mut Results,
    at: usize,
    page: usize,
    plain: &mut Jumper<'_>,
    skipper: &mut Skipper,
) -> Result<()> {
    // In changing order.
    let (before, behind) = if at.is_multiple_of(2) { (0, page) } else { (page, 0) };
    let mut times = [plain.page(before).await?, skipper.page(page).await?, plain.page(behind).await?];
    if before == page {
        times.reverse();
    }
    let [first, counted, jumped] = times;
    for (name, ms) in [(FIRST_COLD, first), (SKIP, counted), (COLD, jumped)] {
        results.collect(name, "ms", [ms]);
    }
    results.collect(COLD_RATIO, "", [(jumped - first) / counted]);
    Ok(())
}

impl<'a> Jumper<'a> {
    async fn open(server: &'a Server, path: &'a str, members: &'a [Member]) -> Result<Self> {
        let connection = Connection::open(server.address).await?;
        Ok(Self { connection, server, path, members, answer: Vec::new() })
    }

    /// Milliseconds of the page of this number, from 0 on.
    async fn page(&mut self, page: usize) -> Result<f64> {
        let request = Request::new(Kind::Group, 0, LIMIT).with("page", &(page + 1).to_string());
        let request = post(self.server.address, self.path, None, &request.body());
        let start = Instant::now();
        let head = self.connection.collect(&request, &mut self.answer).await?;
        let ms = millis(start.elapsed());
        ensure!(head.status == 200, "page {page}: {}: {}", head.status, answer::excerpt(&self.answer, 0));
        let members = &self.members[page * LIMIT..(page + 1) * LIMIT];
        let ids: Vec<[u8; 32]> = members.iter().map(|member| member.id).collect();
        answer::check_ids(&self.answer, &ids)?;
        Ok(ms)
    }
}

impl Skipper {
    async fn open(site: &Site) -> Result<Self> {
        let statement = offset_statement(site.list_id(Kind::Group, 0)?, LIMIT);
        site.database.require_best_plan(&statement.replace("$1", "1000")).await?;
        Ok(Self { connection: site.database.connect_for_reads().await?, statement })
    }

    /// Milliseconds that Postgres takes to count to a page and read its keys.
    async fn page(&mut self, page: usize) -> Result<f64> {
        let offset = i64::try_from(page * LIMIT)?;
        let start = Instant::now();
        let query = sqlx::query(AssertSqlSafe(self.statement.as_str())).bind(offset);
        let rows = query.fetch_all(&mut self.connection).await?;
        let ms = millis(start.elapsed());
        ensure!(rows.len() == LIMIT, "{} keys at {offset}", rows.len());
        Ok(ms)
    }
}
