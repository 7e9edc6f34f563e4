//! Walks over the whole large group, by cursor and by number, alone and in company.

use anyhow::Result;

use crate::bench::Bench;
use crate::data::Kind;
use crate::lists::Sort;
use crate::load::{Spec, Walk, Work};
use crate::results::Sample;
use crate::scenario::{Lane, Request};
use crate::site::Site;
use crate::stats::figure;

/// Items of a page of a walk.
const LIMIT: usize = 1000;

/// The name of the rows of a walk.
pub(crate) fn name(by_number: bool, walkers: usize) -> String {
    let by = if by_number { "number" } else { "cursor" };
    format!("walk/{by}/{LIMIT}/x{walkers}")
}

/// Walks.
pub(crate) async fn run(bench: &mut Bench, site: &Site) -> Result<()> {
    let walks: Vec<(bool, usize)> = [1, 8]
        .into_iter()
        .flat_map(|walkers| [(false, walkers), (true, walkers)])
        .filter(|&(by_number, walkers)| bench.options.wants(&name(by_number, walkers)))
        .collect();
    if walks.is_empty() {
        return Ok(());
    }
    let members = site.list(Kind::Group, 0)?.ordered(Sort::Id, false);
    let ids = bench.write_ids("walk", &members)?;
    for round in 0..bench.options.rounds() {
        for &(by_number, walkers) in &walks {
            for lane in [Lane::Cached, Lane::Plain] {
                let Some(server) = site.server(lane) else { continue };
                let first = Request::new(Kind::Group, 0, LIMIT);
                let (start, next) = if by_number {
                    (first.clone().with("page", "1"), first.with_place("page", false))
                } else {
                    (first.clone(), first.with_place("cursor", true))
                };
                let (first, next) = (start.body(), next.body());
                let walk = Walk { first, next, by_number, ids: ids.clone(), limit: LIMIT };
                let spec = Spec {
                    address: server.address,
                    path: site.path.clone(),
                    accept_encoding: None,
                    connections: walkers,
                    work: Work::Walk(walk),
                };
                let name = name(by_number, walkers);
                let (report, cpu) = bench.load(&format!("{name} ({lane})"), server, &spec).await?;
                let sample = Sample::of(&report, cpu, walkers);
                if round == 0 {
                    let (pages, seconds) = (report.calls, figure(report.seconds));
                    bench.say(&format!("{name:48} {lane:14}  {pages} pages in {seconds} s"));
                }
                bench.results.add(&name, lane, sample);
            }
        }
    }
    Ok(())
}
