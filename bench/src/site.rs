//! A database with its data, servers that keep much, less and nothing, and the pages that are asked of them.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use crate::answer::{self, Expected};
use crate::bench::Bench;
use crate::data::{Data, Kind, Member};
use crate::http::{Connection, post};
use crate::lists::{List, Sort};
use crate::load::{Answer, Call, PLACE};
use crate::postgres::{Database, page_statement};
use crate::scenario::{Depth, Lane, Mode, Request, Scenario};
use crate::server::{Caches, Server};

/// The pages by which a walk comes to the middle of a list.
const STRIDE: usize = 1000;

/// A database that is served.
#[derive(Debug)]
pub(crate) struct Site {
    /// What is in it.
    pub(crate) data: Data,
    /// Where it is.
    pub(crate) database: Database,
    /// Path and query of every call, with the key.
    pub(crate) path: String,
    /// The server as it is by default.
    pub(crate) cached: Server,
    /// The server that keeps no keys of pages.
    pub(crate) keyed: Server,
    /// The server without caches.
    pub(crate) plain: Server,
    lists: HashMap<(Kind, u64), List>,
    list_ids: HashMap<(Kind, u64), i64>,
}

/// A scenario whose answers were asked for once and found right.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// What rows of results call it.
    pub(crate) name: String,
    /// The scenario.
    pub(crate) scenario: Scenario,
    /// The calls, with what their answers must be.
    pub(crate) calls: Vec<Call>,
    /// Statements of the lane of Postgres alone, for pgbench.
    pub(crate) scripts: Vec<PathBuf>,
    /// Bytes of an answer as it is sent.
    pub(crate) sent_bytes: usize,
}

/// An answer that is right.
struct Verified {
    plain: Vec<u8>,
    sent_bytes: usize,
}

impl Site {
    /// Starts the servers of a database; `lists` are those that will be asked for, up to `keep` members by id.
    pub(crate) async fn open(
        bench: &Bench,
        data: Data,
        database: Database,
        lists: &[(Kind, u64)],
        keep: usize,
    ) -> Result<Self> {
        let path = format!("/?api-key={}", bench.launcher.create_key(&database).await?);
        let list_ids = database.list_ids(lists).await?;
        let wanted = lists.to_vec();
        let collected = tokio::task::spawn_blocking(move || List::collect(data, &wanted, keep)).await?;
        let lists = collected.into_iter().map(|list| ((list.kind, list.number), list)).collect();
        let cached = bench.launcher.serve(&database, Caches::On).await?;
        let keyed = bench.launcher.serve(&database, Caches::WithoutPages).await?;
        let plain = bench.launcher.serve(&database, Caches::Off).await?;
        Ok(Self { data, database, path, cached, keyed, plain, lists, list_ids })
    }

    /// Stops the servers.
    pub(crate) async fn close(self) -> Result<()> {
        self.cached.stop().await?;
        self.keyed.stop().await?;
        self.plain.stop().await
    }

    /// All servers, the one without caches first.
    pub(crate) fn servers(&self) -> [&Server; 3] {
        [&self.plain, &self.keyed, &self.cached]
    }

    /// The server of a lane that has one.
    pub(crate) fn server(&self, lane: Lane) -> Option<&Server> {
        match lane {
            Lane::Cached => Some(&self.cached),
            Lane::Keyed => Some(&self.keyed),
            Lane::Plain => Some(&self.plain),
            Lane::Postgres | Lane::Empty => None,
        }
    }

    /// A list that was announced.
    pub(crate) fn list(&self, kind: Kind, number: u64) -> Result<&List> {
        self.lists
            .get(&(kind, number))
            .with_context(|| format!("list {number} of {kind:?} was not announced"))
    }

    /// What the database calls a list that was announced.
    pub(crate) fn list_id(&self, kind: Kind, number: u64) -> Result<i64> {
        self.list_ids.get(&(kind, number)).copied().context("a list that was not announced")
    }

    /// Asks each page of a scenario once, of all servers and of Postgres, and checks every answer in full.
    pub(crate) async fn prepare(&self, bench: &Bench, name: &str, scenario: Scenario) -> Result<Prepared> {
        let (mut calls, mut scripts, mut sent_bytes) = (Vec::new(), Vec::new(), 0);
        for number in scenario.numbers(self.data.full_small_lists()) {
            let (request, expected) = self.page(&scenario, number).await?;
            let body = request.body();
            let what = || format!("{name}, list {number}");
            let verified = self.verify(&body, &expected, scenario.encoding).await.with_context(what)?;
            sent_bytes = verified.sent_bytes;
            if scenario.lanes.contains(&Lane::Postgres) {
                let list_id = self.list_id(scenario.kind, number)?;
                let statement = page_statement(list_id, scenario.sort, scenario.limit);
                self.check_statement(&statement, &verified.plain).await.with_context(what)?;
                scripts.push(bench.write_statement(&format!("{name}-{number}.sql"), &statement)?);
            }
            let answer = bench.write_answer(&format!("{name}-{number}.json"), &verified.plain)?;
            calls.push(Call { body, answer: Answer::Bytes(answer) });
        }
        Ok(Prepared { name: name.to_owned(), scenario, calls, scripts, sent_bytes })
    }

    /// Asks all servers, and compares what they say with what they must say, and with one another.
    async fn verify(&self, body: &str, expected: &Expected, encoding: Option<&str>) -> Result<Verified> {
        let mut answers = Vec::new();
        for server in self.servers() {
            let mut connection = Connection::open(server.address).await?;
            // Twice: what is remembered must say the same as what is not.
            for _ in 0..2 {
                let mut answer = Vec::new();
                let request = post(server.address, &self.path, None, body);
                let head = connection.collect(&request, &mut answer).await?;
                ensure!(head.status == 200, "status {}: {}", head.status, answer::excerpt(&answer, 0));
                answers.push(answer);
            }
        }
        let plain = answers.swap_remove(0);
        answer::check(&plain, expected, self.data)?;
        ensure!(answers.iter().all(|answer| *answer == plain), "the servers answer differently");
        let mut sent_bytes = plain.len();
        if encoding.is_some() {
            for server in self.servers() {
                let mut connection = Connection::open(server.address).await?;
                let mut answer = Vec::new();
                let request = post(server.address, &self.path, encoding, body);
                let head = connection.collect(&request, &mut answer).await?;
                ensure!(
                    head.encoding.as_deref() == encoding,
                    "encoding {:?}, not {encoding:?}",
                    head.encoding
                );
                let decoded = answer::decode(&answer, encoding)?;
                ensure!(decoded == plain, "the decoded answer is another one than the plain one");
                sent_bytes = answer.len();
            }
        }
        Ok(Verified { plain, sent_bytes })
    }

    /// Refuses a statement of the lane that does not read just the bytes of the answer, in the best way.
    async fn check_statement(&self, statement: &str, answer: &[u8]) -> Result<()> {
        self.database.require_best_plan(statement).await?;
        let (_, items) = answer::split(answer)?;
        let joined = self.database.joined(statement).await?;
        let rest = items.strip_prefix(joined.as_slice()).unwrap_or_default();
        ensure!(rest.starts_with(b"]"), "Postgres alone does not read the bytes of the answer:\n{statement}");
        Ok(())
    }

    /// The request of a scenario, and the page that it must be answered with.
    async fn page(&self, scenario: &Scenario, number: u64) -> Result<(Request, Expected)> {
        let list = self.list(scenario.kind, number)?;
        let ascending = scenario.mode == Mode::After;
        let (limit, sort) = (scenario.limit, scenario.sort);
        let ordered = list.ordered(sort, ascending);
        let offset = match scenario.depth {
            Depth::First => 0,
            Depth::Middle => list.len() / 2 / STRIDE * STRIDE,
            // The last one that is full.
            Depth::Last => (list.len() / limit).saturating_sub(1) * limit,
        };
        let mut request = Request::new(scenario.kind, number, limit).sorted(sort, ascending);
        let id_before = || -> Result<String> {
            let before =
                ordered.get(offset.wrapping_sub(1)).context("nothing stands before the first page")?;
            Ok(format!("\"{}\"", vitrine_model::Pubkey::from_bytes(before.id)))
        };
        request = match (scenario.mode, scenario.depth) {
            (Mode::Cursor, Depth::First) => request,
            (Mode::Number, _) => request.with("page", &(offset / limit + 1).to_string()),
            (Mode::Cursor, _) if sort == Sort::Id => request.with("cursor", &id_before()?),
            (Mode::Cursor, _) => {
                let cursor = self.cursor_at(list, &ordered, sort, offset).await?;
                request.with("cursor", &format!("\"{cursor}\""))
            }
            (Mode::Before, _) => request.with("before", &id_before()?),
            (Mode::After, _) => request.with("after", &id_before()?),
        };
        if scenario.grand_total {
            request = request.with("options", r#"{"showGrandTotal":true}"#);
        }
        let members = ordered.iter().skip(offset).take(limit).copied().collect();
        let grand_total = scenario.grand_total.then_some(list.len());
        Ok((request, Expected { members, limit, grand_total }))
    }

    /// The cursor behind which the page at `offset` lies, which only the server knows: walks there.
    async fn cursor_at(&self, list: &List, ordered: &[Member], sort: Sort, offset: usize) -> Result<String> {
        let first = Request::new(list.kind, list.number, STRIDE).sorted(sort, false);
        let next = first.clone().with_place("cursor", true).body();
        let mut connection = Connection::open(self.plain.address).await?;
        let (mut body, mut answer, mut cursor) = (first.body(), Vec::new(), None);
        for page in ordered[..offset].chunks(STRIDE) {
            let request = post(self.plain.address, &self.path, None, &body);
            connection.collect(&request, &mut answer).await?;
            let ids: Vec<[u8; 32]> = page.iter().map(|member| member.id).collect();
            cursor = answer::check_ids(&answer, &ids)?.cursor;
            body = next.replace(PLACE, cursor.as_deref().context("a page without a cursor")?);
        }
        cursor.context("the first page has no cursor before it")
    }
}
