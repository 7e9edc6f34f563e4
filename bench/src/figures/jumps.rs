//! Jumps to page numbers anywhere in the large group, beside Postgres's own counting of the same keys.

use std::time::Instant;

use anyhow::{Result, ensure};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::index;
use sqlx::AssertSqlSafe;

use crate::bench::Bench;
use crate::data::{Kind, Member};
use crate::lists::Sort;
use crate::load::{Answer, Call, Spec, Work};
use crate::postgres::offset_statement;
use crate::scenario::Request;
use crate::server::{Caches, Server};
use crate::site::Site;
use crate::stats::{float, millis};

/// Items of a page.
const LIMIT: usize = 100;

/// How many pages are jumped to.
const JUMPS: usize = 48;

/// Names of the figures, each the median of a call in milliseconds.
pub(crate) const FIRST_COLD: &str = "jump: first page, caches off";
pub(crate) const COLD: &str = "jump: a random page, caches off";
pub(crate) const FRESH: &str = "jump: a random page, on a server that has just started";
pub(crate) const FIRST: &str = "jump: first page, caches on";
pub(crate) const AGAIN: &str = "jump: the same pages again";
pub(crate) const OTHERS: &str = "jump: other random pages, boundaries remembered";
pub(crate) const SKIP: &str = "jump: Postgres's index-only OFFSET of the same keys";

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
    let first = calls(bench, &members, &vec![0; JUMPS])?;
    let (some_calls, other_calls) = (calls(bench, &members, some)?, calls(bench, &members, others)?);

    for _ in 0..bench.options.rounds() {
        let fresh = bench.launcher.serve(&site.database, Caches::On).await?;
        let fresh = &fresh;
        let plan: [(&str, &Server, &[Call]); 6] = [
            (FIRST_COLD, &site.plain, &first),
            (COLD, &site.plain, &some_calls),
            (FIRST, fresh, &first),
            (FRESH, fresh, &some_calls),
            (AGAIN, fresh, &some_calls),
            (OTHERS, fresh, &other_calls),
        ];
        for (name, server, calls) in plan {
            let spec = Spec {
                address: server.address,
                path: site.path.clone(),
                accept_encoding: None,
                connections: 1,
                work: Work::Once { calls: calls.to_vec() },
            };
            let (report, _) = bench.load(name, server, &spec).await?;
            bench.results.collect(name, "ms", report.each_us.iter().map(|us| float(*us) / 1_000.0));
        }
        let skipped = skips(site, some).await?;
        bench.results.collect(SKIP, "ms", skipped);
    }
    for name in [FIRST_COLD, COLD, FIRST, FRESH, AGAIN, OTHERS, SKIP] {
        if let Some(figure) = bench.results.find(name) {
            bench.say(&format!("{name:64}  {} ms", figure.spread()));
        }
    }
    Ok(())
}

/// Milliseconds that Postgres takes to count to each page and read its keys.
async fn skips(site: &Site, pages: &[usize]) -> Result<Vec<f64>> {
    let statement = offset_statement(site.list_id(Kind::Group, 0)?, LIMIT);
    site.database.require_best_plan(&statement.replace("$1", "1000")).await?;
    let mut connection = site.database.connect_for_reads().await?;
    let mut times = Vec::new();
    // The first statement is planned; it is not counted.
    for (at, page) in pages.iter().take(1).chain(pages).enumerate() {
        let offset = i64::try_from(page * LIMIT)?;
        let start = Instant::now();
        let query = sqlx::query(AssertSqlSafe(statement.as_str())).bind(offset);
        let rows = query.fetch_all(&mut connection).await?;
        if at > 0 {
            times.push(millis(start.elapsed()));
        }
        ensure!(rows.len() == LIMIT, "{} keys at {offset}", rows.len());
    }
    Ok(times)
}

fn calls(bench: &Bench, members: &[Member], pages: &[usize]) -> Result<Vec<Call>> {
    pages
        .iter()
        .map(|&page| {
            let request = Request::new(Kind::Group, 0, LIMIT).with("page", &(page + 1).to_string());
            let ids = bench.write_ids(&format!("jump-{page}"), &members[page * LIMIT..(page + 1) * LIMIT])?;
            Ok(Call { body: request.body(), answer: Answer::Ids(ids) })
        })
        .collect()
}
