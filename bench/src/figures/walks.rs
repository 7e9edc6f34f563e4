//! Walks over the whole large group, by cursor and by number, alone and in company, each page by its keys: one
//! server remembers bodies and places, and no pages, which from the third walk on it would.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::bench::Bench;
use crate::compare::{Course, Entry, Load, compare};
use crate::data::Kind;
use crate::lists::Sort;
use crate::load::{Spec, Walk, Work};
use crate::scenario::{Lane, Request};
use crate::server::Server;
use crate::site::Site;

/// Items of a page of a walk.
const LIMIT: usize = 1000;

/// How long one walks before the next one goes on with its own.
const SLICE: Duration = Duration::from_millis(200);

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
    // Whoever walks first would else find bodies and places for all others.
    bench.load("the first walk", &spec(&site.keyed, site, (true, 1), &ids)).await?;
    for _ in 0..bench.options.rounds() {
        for walkers in [1, 8] {
            let mut entries = Vec::new();
            for (lane, server) in [(Lane::Keyed, &site.keyed), (Lane::Plain, &site.plain)] {
                for &walk in walks.iter().filter(|walk| walk.1 == walkers) {
                    let spec = Box::new(spec(server, site, walk, &ids));
                    let load = Load::Http { server: server.pid, spec };
                    entries.push(Entry { name: name(walk.0, walkers), lane, load });
                }
            }
            // Each to its end: a round of a walk is all of it.
            compare(bench, entries, Course { rounds: 1, turns: None, slice: SLICE }, &[]).await?;
        }
    }
    Ok(())
}

fn spec(server: &Server, site: &Site, (by_number, walkers): (bool, usize), ids: &Path) -> Spec {
    let first = Request::new(Kind::Group, 0, LIMIT);
    let (start, next) = if by_number {
        (first.clone().with("page", "1"), first.with_place("page", false))
    } else {
        (first.clone(), first.with_place("cursor", true))
    };
    let walk = Walk { first: start.body(), next: next.body(), by_number, ids: ids.to_owned(), limit: LIMIT };
    Spec {
        address: server.address,
        path: site.path.clone(),
        accept_encoding: None,
        connections: walkers,
        work: Work::Walk(walk),
    }
}
