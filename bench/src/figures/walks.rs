//! Walks over the whole large group, by cursor and by number, alone and in company, each page by its keys: no server remembers
//! pages, which from the third walk on it would. The first walk is of a server that knows nothing; all others find the bodies of the
//! whole group and the places of all pages.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::bench::Bench;
use crate::compare::{Course, Entry, Load, compare};
use crate::data::Kind;
use crate::lists::Sort;
use crate::load::{Spec, Walk, Work};
use crate::scenario::{Lane, Request};
use crate::server::{Caches, Server};
use crate::site::Site;

/// Items of a page of a walk.
const LIMIT: usize = 1000;

/// Each to its end, a round is all of it; each goes on for so long before the next one does.
const WHOLE: Course = Course { rounds: 1, turns: None, slice: Duration::from_millis(200) };

/// How many walk.
const WALKERS: [usize; 2] = [1, 8];

/// The name of the rows of a walk.
pub(crate) fn name(by_number: bool, walkers: usize) -> String {
    format!("walk/{}/{LIMIT}/x{walkers}", by(by_number))
}

/// The name of the rows of the first walk of a server.
pub(crate) fn first_name(by_number: bool) -> String {
    format!("walk/first/{}/{LIMIT}/x1", by(by_number))
}

fn by(by_number: bool) -> &'static str {
    if by_number { "number" } else { "cursor" }
}

/// Walks.
pub(crate) async fn run(bench: &mut Bench, site: &Site) -> Result<()> {
    let all = [false, true].into_iter().flat_map(|by_number| {
        WALKERS.map(|walkers| name(by_number, walkers)).into_iter().chain([first_name(by_number)])
    });
    if !all.into_iter().any(|name| bench.options.wants(&name)) {
        return Ok(());
    }
    let members = site.list(Kind::Group, 0)?.ordered(Sort::Id, false);
    let ids = bench.write_ids("walk", &members)?;
    let keyed = bench.launcher.serve(&site.database, Caches::AllBodies).await?;
    bench.load("filling the caches", &spec(&keyed, site, (true, 1), &ids)).await?;
    for _ in 0..bench.options.rounds() {
        first(bench, site, &ids).await?;
        for walkers in WALKERS {
            let mut entries = Vec::new();
            for (lane, server) in [(Lane::Keyed, &keyed), (Lane::Plain, &site.plain)] {
                for by_number in [false, true] {
                    let load = load(server, site, (by_number, walkers), &ids);
                    entries.push(Entry { name: name(by_number, walkers), lane, load });
                }
            }
            compare(bench, entries, WHOLE, &[]).await?;
        }
    }
    keyed.stop().await
}

/// The first walks of two servers that have just started.
async fn first(bench: &mut Bench, site: &Site, ids: &Path) -> Result<()> {
    let (mut servers, mut entries) = (Vec::new(), Vec::new());
    for by_number in [false, true] {
        let server = bench.launcher.serve(&site.database, Caches::WithoutPages).await?;
        let load = load(&server, site, (by_number, 1), ids);
        entries.push(Entry { name: first_name(by_number), lane: Lane::Keyed, load });
        servers.push(server);
    }
    compare(bench, entries, WHOLE, &[]).await?;
    for server in servers {
        server.stop().await?;
    }
    Ok(())
}

fn load(server: &Server, site: &Site, walk: (bool, usize), ids: &Path) -> Load {
    Load::Http { server: server.pid, spec: Box::new(spec(server, site, walk, ids)) }
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
