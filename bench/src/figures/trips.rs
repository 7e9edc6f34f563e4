//! How many statements a call sends, counted in Postgres's own log.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use anyhow::{Context as _, Result, ensure};

use crate::answer;
use crate::bench::Bench;
use crate::data::{Kind, Member};
use crate::http::{Connection, post};
use crate::lists::Sort;
use crate::load::PLACE;
use crate::scenario::Request;
use crate::server::{Caches, Server};
use crate::site::Site;
use crate::stats::{figure, float, float_len};

/// Pages that are asked for.
const PAGES: usize = 20;

/// Items of a page.
const LIMIT: usize = 100;

/// How pages are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    ByCursor,
    ByNumber,
    Sorted,
    GrandTotal,
    CollectionMetadata,
}

const SHAPES: [Shape; 5] =
    [Shape::ByCursor, Shape::ByNumber, Shape::Sorted, Shape::GrandTotal, Shape::CollectionMetadata];

/// What is in a server's caches, and its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing yet: they have to fill.
    Filling,
    /// The bodies of the page.
    Bodies,
    /// The page itself.
    Pages,
    /// There are none.
    Off,
}

/// Servers, with what is in their caches when the pages are asked for once more, and once more. A page is remembered
/// when it is read for the second time.
const PASSES: [(Caches, &[State]); 2] =
    [(Caches::On, &[State::Filling, State::Bodies, State::Pages]), (Caches::Off, &[State::Off])];

/// The name of the figure.
fn name(shape: Shape, state: State) -> String {
    let shape = match shape {
        Shape::ByCursor => "by cursor",
        Shape::ByNumber => "by page number",
        Shape::Sorted => "sorted by created",
        Shape::GrandTotal => "with the grand total",
        Shape::CollectionMetadata => "with collection metadata",
    };
    let state = match state {
        State::Filling => "bodies not in the cache",
        State::Bodies => "bodies in the cache",
        State::Pages => "page remembered",
        State::Off => "caches off",
    };
    format!("round trips: statements a call, {shape}, {state}")
}

/// The names of the figures of which so many are the goal: two where the cache has to fill and where collection metadata is asked
/// for, else one.
pub(crate) fn names(most: u32) -> Vec<String> {
    let states = PASSES.iter().flat_map(|(_, states)| *states);
    let all = states.flat_map(|&state| SHAPES.map(|shape| (shape, state)));
    all.filter(|&(shape, state)| {
        let is_two = shape == Shape::CollectionMetadata || state == State::Filling;
        is_two == (most == 2)
    })
    .map(|(shape, state)| name(shape, state))
    .collect()
}

/// Has Postgres log all statements of the database for a while, and counts those of calls.
pub(crate) async fn run(bench: &mut Bench, site: &Site) -> Result<()> {
    if !bench.options.wants("round-trips") {
        return Ok(());
    }
    let database = &site.database.name;
    bench.postgres.execute(format!("ALTER DATABASE {database} SET log_statement = 'all'")).await?;
    let counted = count(bench, site).await;
    bench.postgres.execute(format!("ALTER DATABASE {database} RESET log_statement")).await?;
    for (name, statements) in counted? {
        // No time: it is the same on any machine.
        let most = if names(1).contains(&name) { 1.0 } else { 2.0 };
        ensure!(statements <= most, "{name}: {statements}, and {most} are to be");
        bench.say(&format!("{name:80}  {}", figure(statements)));
        bench.results.collect(&name, "", [statements]);
    }
    Ok(())
}

async fn count(bench: &Bench, site: &Site) -> Result<Vec<(String, f64)>> {
    let list = site.list(Kind::Group, 0)?;
    let [by_id, by_created] = [Sort::Id, Sort::Created].map(|sort| list.ordered(sort, false));
    let mut log = File::open(bench.postgres.log())?;
    let mut counted = Vec::new();
    for shape in SHAPES {
        let members = if shape == Shape::Sorted { &by_created } else { &by_id };
        for (caches, states) in PASSES {
            // Another one for each shape: it knows nothing of what the others have read.
            let server = bench.launcher.serve(&site.database, caches).await?;
            for &state in states {
                let statements = shape.statements(site, &server, members, &mut log).await?;
                counted.push((name(shape, state), statements));
            }
            server.stop().await?;
        }
    }
    Ok(counted)
}

impl Shape {
    /// The first page, and the one that follows on a page, with a place to be filled in.
    fn requests(self) -> [Request; 2] {
        let all = Request::new(Kind::Group, 0, LIMIT);
        let all = match self {
            Self::ByCursor | Self::ByNumber => all,
            Self::Sorted => all.sorted(Sort::Created, false),
            Self::GrandTotal => all.with("options", r#"{"showGrandTotal":true}"#),
            Self::CollectionMetadata => all.with("options", r#"{"showCollectionMetadata":true}"#),
        };
        match self {
            Self::ByNumber => [all.clone().with("page", "1"), all.with_place("page", false)],
            _ => [all.clone(), all.with_place("cursor", true)],
        }
    }

    /// Statements a call, over all pages once, each of which must be the right one.
    async fn statements(
        self,
        site: &Site,
        server: &Server,
        members: &[Member],
        log: &mut File,
    ) -> Result<f64> {
        let mut connection = Connection::open(server.address).await?;
        let mut answer = Vec::new();
        // Whatever a server does once for a connection to the database or for a key, it has done after this.
        let first = Request::new(Kind::Authority, 0, 1).body();
        let head = connection.collect(&post(server.address, &site.path, None, &first), &mut answer).await?;
        ensure!(head.status == 200, "round trips: status {}", head.status);
        log.seek(SeekFrom::End(0))?;
        let [first, next] = self.requests().map(|request| request.body());
        let (mut body, mut pages) = (first, 0);
        for page in members.chunks_exact(LIMIT).take(PAGES) {
            let request = post(server.address, &site.path, None, &body);
            let head = connection.collect(&request, &mut answer).await?;
            ensure!(head.status == 200, "round trips: {}: {}", head.status, answer::excerpt(&answer, 0));
            let ids: Vec<[u8; 32]> = page.iter().map(|member| member.id).collect();
            let cursor = answer::check_ids(&answer, &ids)?.cursor;
            pages += 1;
            body = match self {
                Self::ByNumber => next.replace(PLACE, &(pages + 1).to_string()),
                _ => next.replace(PLACE, &cursor.context("a page without a cursor")?),
            };
        }
        let mut text = String::new();
        log.read_to_string(&mut text)?;
        Ok(float(statements(&text)) / float_len(pages))
    }
}

/// Statements in a part of the log, without those that no call waits for: whether keys have changed, and of a new session.
fn statements(log: &str) -> u64 {
    let mut count = 0;
    let mut entry = String::new();
    let mut end = |entry: &str| {
        let is_statement = entry.contains("LOG:  execute ") || entry.contains("LOG:  statement: ");
        // A session starts by setting things, and a pool may start one at any time.
        let is_of_call = !entry.contains("api_key_epoch") && !entry.contains("statement: SET ");
        count += u64::from(is_statement && is_of_call);
    };
    for line in log.lines() {
        // An entry goes on in lines that are indented.
        if !line.starts_with('\t') {
            end(&entry);
            entry.clear();
        }
        entry.push_str(line);
    }
    end(&entry);
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_is_of_one_goal() {
        let (one, two) = (names(1), names(2));
        assert_eq!((one.len(), two.len()), (12, 8));
        assert!(one.iter().all(|name| !two.contains(name)));
    }

    #[test]
    fn statements_of_calls_are_counted() {
        let log = "2026 [7] LOG:  execute sqlx_s_1: WITH list AS (\n\tSELECT 1\n\t)\n2026 [7] DETAIL:  parameters: $1 = \
                   '1'\n2026 [8] LOG:  execute sqlx_s_2: SELECT epoch\n\tFROM api_key_epoch\n2026 [7] LOG:  statement: \
                   BEGIN\n2026 [9] LOG:  statement: SET jit = off\n2026 [7] LOG:  checkpoint starting: time\n";
        assert_eq!(statements(log), 2);
        assert_eq!(statements(""), 0);
    }
}
