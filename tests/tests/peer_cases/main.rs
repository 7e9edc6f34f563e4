//! The cases of another server: what the chain said, and what it then answers. Each goes through `vitrine ingest` and HTTP.
//!
//! They lie outside of this repository, in the folder that `VITRINE_PEER_CASES` names; without it this test says so and
//! passes.

#![expect(clippy::unwrap_used, reason = "tests")]

mod compare;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use tokio::sync::watch;
use vitrine_ingest::source::{Input, Progress};
use vitrine_ingest::{IngestOptions, ingest};
use vitrine_tests::client::make_key;
use vitrine_tests::{Client, Database, Server, Vitrine};

use compare::{Comparison, Difference};

/// The most orders of one case.
const ORDERS_MAX: usize = 24;

/// Why an answer may differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Because {
    /// The case itself calls the place incidental.
    Incidental,
    /// Our contract says otherwise.
    Decided,
}

/// Where our answers may differ, and why; `[]` is any place of an array. Each has to be met: an exception that nothing needs
/// is a fault.
const EXCEPTIONS: [(&str, Because, &str); 5] = [
    (
        "$.authorities",
        Because::Incidental,
        "metadata in the mint itself names who may change it; the peer leaves that out",
    ),
    ("$.cursor", Because::Incidental, "lists of token accounts say how to go on; the peer says nothing"),
    (
        "$.mint_extensions.metadata_pointer.authority",
        Because::Incidental,
        "the pointer has an authority, which the peer leaves out",
    ),
    ("$.editions[].edition", Because::Decided, "editions bear both names of their members"),
    ("$.editions[].mint", Because::Decided, "editions bear both names of their members"),
];

/// Back to a database without a row, as fast as that goes.
const EMPTY: &str = "DO $$ BEGIN
    EXECUTE (SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') FROM pg_tables
             WHERE schemaname = 'public' AND tablename NOT IN ('_sqlx_migrations', 'api_key', 'counter'));
    UPDATE counter SET value = 0;
END $$";

/// A database, a server on it, and a key for it.
struct World {
    database: Database,
    client: Client,
    key: String,
    connection: PgConnection,
    _server: Server,
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_those_of_the_peer() {
    let Some(folder) = std::env::var_os("VITRINE_PEER_CASES") else {
        eprintln!("skipped: VITRINE_PEER_CASES is not set");
        return;
    };
    let cases = load(Path::new(&folder));
    assert!(!cases.is_empty(), "{} has no cases", folder.display());
    let mut world = World::new().await;
    let (mut failures, mut met) = (Vec::new(), BTreeSet::new());
    for case in &cases {
        if let Err(failure) = world.run(case, &mut met).await {
            failures.push(format!("{}: {failure}", case["name"].as_str().unwrap()));
        }
    }
    println!("{} passed, {} failed", cases.len() - failures.len(), failures.len());
    for (path, _, reason) in EXCEPTIONS {
        println!("may differ: {path}: {reason}");
        if !met.contains(path) {
            failures.push(format!("the exception {path} is none any more"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

impl World {
    async fn new() -> Self {
        let database = Database::new().await;
        let server = Server::start(&database, &[]);
        let store = database.store();
        let (key, _) = make_key(&store, "enterprise", None).await;
        store.close().await;
        let connection = database.connect().await;
        Self { client: server.client(), database, key, connection, _server: server }
    }

    /// A case in each of its orders: the given one through the command, the others through what it runs.
    async fn run(&mut self, case: &Value, met: &mut BTreeSet<&'static str>) -> Result<(), String> {
        for (number, order) in orders(case).into_iter().enumerate() {
            sqlx::raw_sql(EMPTY).execute(&mut self.connection).await.unwrap();
            let lines = lines(case, &order);
            let loaded =
                if number == 0 { self.load_by_command(&lines) } else { self.load_in_process(&lines).await };
            loaded.map_err(|problem| format!("order {order:?}: {problem}"))?;
            for call in case["calls"].as_array().unwrap() {
                let problem = self.ask(call, met).await;
                problem.map_err(|problem| format!("order {order:?}: {} {problem}", call["method"]))?;
            }
        }
        Ok(())
    }

    fn load_by_command(&self, lines: &str) -> Result<(), String> {
        let output = Vitrine::new(&["ingest", "-"]).on(&self.database).output_with(lines.as_bytes());
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let whole = said.contains(" 0 rejected") && said.contains(" 0 not decoded");
        if output.status.success() && whole { Ok(()) } else { Err(said.into_owned()) }
    }

    async fn load_in_process(&self, lines: &str) -> Result<(), String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), lines).unwrap();
        // A batch of one line each: what is made of the first has to be right once the last is there.
        let options = IngestOptions { batch_lines: 1, writers: 1, ..IngestOptions::default() };
        let inputs = [Input::Path(file.path().into())];
        let (_sender, cancel) = watch::channel(false);
        let progress = Arc::new(Progress::default());
        // A store remembers lists, which were emptied under the one before.
        let store = self.database.store();
        let done = ingest(&store, &inputs, &options, &progress, &mut |_| {}, cancel).await;
        store.close().await;
        match done.map_err(|error| error.to_string())? {
            summary if summary.rejected + summary.undecoded > 0 => Err(format!("{summary:?}")),
            _ => Ok(()),
        }
    }

    async fn ask(&self, call: &Value, met: &mut BTreeSet<&'static str>) -> Result<(), String> {
        let body =
            json!({ "jsonrpc": "2.0", "id": "peer", "method": call["method"], "params": call["params"] });
        let answer = self.client.post(&format!("/v3/{}", self.key), body.to_string()).await.json();
        if call["error"].is_object() || call["error"] == true {
            let has = answer.get("error").is_some();
            return if has { Ok(()) } else { Err(format!("expected an error, got {answer}")) };
        }
        let Some(result) = answer.get("result") else { return Err(format!("{answer}")) };
        let paths = |name: &str| -> Vec<String> {
            let paths = call[name].as_array().into_iter().flatten();
            paths.map(|path| path.as_str().unwrap().to_owned()).collect()
        };
        let comparison = Comparison { unordered: paths("unordered"), subset: call["match"] == "subset" };
        let incidental = paths("incidental");
        for Difference { path, text } in comparison.differences(&call["result"], result) {
            let general = compare::general(&path);
            let excepted = EXCEPTIONS.iter().find(|(exception, because, _)| {
                *exception == general && (*because == Because::Decided || incidental.contains(&path))
            });
            let Some((exception, ..)) = excepted else {
                let mark = if incidental.contains(&path) { " [incidental]" } else { "" };
                return Err(format!("{path}: {text}{mark}"));
            };
            met.insert(exception);
        }
        Ok(())
    }
}

fn load(folder: &Path) -> Vec<Value> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let case = |file| serde_json::from_slice(&std::fs::read(file).unwrap()).expect("a case is JSON");
    files.iter().map(case).collect()
}

/// One input a line, the events in this order.
fn lines(case: &Value, order: &[usize]) -> String {
    let events = case["events"].as_array().unwrap();
    let inputs = order.iter().flat_map(|&at| events[at].as_array().unwrap());
    inputs.flat_map(|input| [input.to_string(), "\n".to_owned()]).collect()
}

/// The given order; where any will do, all of them, or as many as are run, the reverse among them.
fn orders(case: &Value) -> Vec<Vec<usize>> {
    let count = case["events"].as_array().unwrap().len();
    let given: Vec<usize> = (0..count).collect();
    if case["order"] != "any" {
        return vec![given];
    }
    let mut orders = vec![given.clone(), given.iter().rev().copied().collect()];
    let mut order = given;
    // Heap's algorithm: each permutation is one swap from the one before.
    let (mut counters, mut at) = (vec![0; count], 0);
    while at < count && orders.len() < ORDERS_MAX {
        if counters[at] < at {
            order.swap(if at.is_multiple_of(2) { 0 } else { counters[at] }, at);
            counters[at] += 1;
            at = 0;
            if !orders.contains(&order) {
                orders.push(order.clone());
            }
        } else {
            counters[at] = 0;
            at += 1;
        }
    }
    orders.dedup();
    orders
}

#[test]
fn all_orders_are_run() {
    let case = |count: usize| json!({ "order": "any", "events": vec![json!([]); count] });
    let counts: Vec<_> = (1..=5).map(|count| orders(&case(count)).len()).collect();
    assert_eq!(counts, [1, 2, 6, 24, ORDERS_MAX]);
    let unique: BTreeSet<_> = orders(&case(4)).into_iter().collect();
    assert_eq!(unique.len(), 24);
}
