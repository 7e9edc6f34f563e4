//! The cases of another server: what the chain said, and what it then answers. Each goes through `vitrine ingest` and HTTP.
//!
//! They lie outside of this repository, in the folder that `VITRINE_PEER_CASES` names; without it this test says so and
//! passes.

#![expect(clippy::unwrap_used, reason = "tests")]

mod compare;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use tokio::sync::watch;
use vitrine_ingest::source::{Input, Progress};
use vitrine_ingest::{IngestOptions, ingest};
use vitrine_tests::client::make_key;
use vitrine_tests::{Client, Database, Server, Vitrine};

use compare::{Comparison, Difference};

/// Inputs of which all orders are run: 720 at most.
const ALL_ORDERS_OF: usize = 6;

/// Orders that are run of more inputs than that: the given one, its reverse, and others at random.
const ORDERS_OF_MANY: usize = 64;

/// Why an answer may differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Because {
    /// The case itself calls the place incidental.
    Incidental,
    /// Our contract has a member there that the peer has not.
    Decided,
}

/// A place of a method's answers where ours may differ.
struct Exception {
    method: &'static str,
    /// `[]` is any place of an array.
    path: &'static str,
    because: Because,
    reason: &'static str,
}

/// Where our answers may differ, and why. Each has to be met: an exception that nothing needs is a fault.
const EXCEPTIONS: [Exception; 5] = [
    Exception {
        method: "getAsset",
        path: "$.authorities",
        because: Because::Incidental,
        reason: "metadata in the mint itself names who may change it; the peer leaves that out",
    },
    Exception {
        method: "getTokenAccounts",
        path: "$.cursor",
        because: Because::Incidental,
        reason: "lists of token accounts say how to go on; the peer says nothing",
    },
    Exception {
        method: "getAsset",
        path: "$.mint_extensions.metadata_pointer.authority",
        because: Because::Incidental,
        reason: "the pointer has an authority, which the peer leaves out",
    },
    Exception {
        method: "getNftEditions",
        path: "$.editions[].edition",
        because: Because::Decided,
        reason: "editions bear both names of their members",
    },
    Exception {
        method: "getNftEditions",
        path: "$.editions[].mint",
        because: Because::Decided,
        reason: "editions bear both names of their members",
    },
];

impl Exception {
    /// Whether it lets a difference pass.
    fn excuses(&self, method: &Value, incidental: &[String], difference: &Difference) -> bool {
        let is_there = *method == self.method && compare::general(&difference.path) == self.path;
        is_there
            && match self.because {
                Because::Incidental => incidental.contains(&difference.path),
                Because::Decided => difference.is_extra(),
            }
    }
}

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
    let (mut failures, mut met, mut orders_run) = (Vec::new(), BTreeSet::new(), 0);
    for case in &cases {
        assert!(!case["calls"].as_array().unwrap().is_empty(), "{}: a case that asks nothing", case["name"]);
        orders_run += orders(case).len();
        if let Err(failure) = world.run(case, &mut met).await {
            failures.push(format!("{}: {failure}", case["name"].as_str().unwrap()));
        }
    }
    println!("{} passed, {} failed, in {orders_run} orders", cases.len() - failures.len(), failures.len());
    for Exception { method, path, reason, .. } in EXCEPTIONS {
        println!("may differ: {method} {path}: {reason}");
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
        if let Some(error) = call.get("error").filter(|error| !error.is_null()) {
            return is_error(error, &answer);
        }
        let Some(result) = answer.get("result") else { return Err(format!("{answer}")) };
        let paths = |name: &str| -> Vec<String> {
            let paths = call[name].as_array().into_iter().flatten();
            paths.map(|path| path.as_str().unwrap().to_owned()).collect()
        };
        let comparison = Comparison { unordered: paths("unordered"), subset: call["match"] == "subset" };
        let incidental = paths("incidental");
        for difference in comparison.differences(&call["result"], result) {
            let excepted =
                EXCEPTIONS.iter().find(|one| one.excuses(&call["method"], &incidental, &difference));
            let Some(exception) = excepted else {
                let Difference { path, text } = difference;
                let mark = if incidental.contains(&path) { " [incidental]" } else { "" };
                return Err(format!("{path}: {text}{mark}"));
            };
            met.insert(exception.path);
        }
        Ok(())
    }
}

/// Holds an answer against the error that a case expects: its code, and its message and data where the case has them. A
/// case that does not say which error it expects holds nothing, and fails.
fn is_error(expected: &Value, answer: &Value) -> Result<(), String> {
    let expected =
        expected.as_object().ok_or_else(|| format!("the case does not say which error: {expected}"))?;
    if !expected.get("code").is_some_and(Value::is_i64) {
        return Err(format!("the case does not say the code of its error: {expected:?}"));
    }
    if answer.get("result").is_some() {
        return Err(format!("expected an error, got {answer}"));
    }
    for (name, value) in expected {
        let got = &answer["error"][name];
        if got != value {
            return Err(format!("error.{name}: expected {value}, got {got}"));
        }
    }
    Ok(())
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

/// The given order; where any will do, all of them, or so many of them that a seed decides, the reverse among them.
fn orders(case: &Value) -> Vec<Vec<usize>> {
    let given: Vec<usize> = (0..case["events"].as_array().unwrap().len()).collect();
    if case["order"] != "any" {
        assert_eq!(case["order"], "forward", "{}: an order that nobody knows", case["name"]);
        return vec![given];
    }
    if given.len() <= ALL_ORDERS_OF {
        return permutations(given);
    }
    let mut orders = vec![given.clone(), given.iter().rev().copied().collect()];
    let mut random = StdRng::seed_from_u64(given.len() as u64);
    while orders.len() < ORDERS_OF_MANY {
        let mut order = given.clone();
        order.shuffle(&mut random);
        if !orders.contains(&order) {
            orders.push(order);
        }
    }
    orders
}

/// All orders, the given one first.
fn permutations(given: Vec<usize>) -> Vec<Vec<usize>> {
    if given.len() < 2 {
        return vec![given];
    }
    let first_at = |at: usize| {
        let mut rest = given.clone();
        let first = rest.remove(at);
        permutations(rest).into_iter().map(move |rest| [vec![first], rest].concat())
    };
    (0..given.len()).flat_map(first_at).collect()
}

#[test]
fn all_orders_are_run() {
    let case = |count: usize| json!({ "name": "x", "order": "any", "events": vec![json!([]); count] });
    for (events, expected) in [(1, 1), (2, 2), (3, 6), (4, 24), (6, 720), (7, ORDERS_OF_MANY)] {
        let orders = orders(&case(events));
        let unique: BTreeSet<_> = orders.iter().cloned().collect();
        assert_eq!((orders.len(), unique.len()), (expected, expected), "{events} events");
        assert_eq!(orders[0], (0..events).collect::<Vec<_>>(), "the given one is the first");
        assert!(orders.contains(&(0..events).rev().collect()));
    }
    let forward = json!({ "name": "x", "order": "forward", "events": [[], [], []] });
    assert_eq!(orders(&forward), [[0, 1, 2]]);
}

#[test]
fn an_error_is_held_against_what_the_case_says_of_it() {
    let answer = json!({ "error": { "code": -32004, "message": "No such asset." } });
    assert_eq!(is_error(&json!({ "code": -32004 }), &answer), Ok(()));
    assert_eq!(is_error(&answer["error"], &answer), Ok(()));
    let cases = [
        (json!({ "code": -32602 }), &answer, "error.code"),
        (json!({ "code": -32004, "message": "another" }), &answer, "error.message"),
        (json!({ "code": -32004, "data": 1 }), &answer, "error.data"),
        (json!(true), &answer, "which error"),
        (json!({ "message": "No such asset." }), &answer, "the code"),
        (json!({ "code": -32004 }), &json!({ "result": null }), "expected an error"),
    ];
    for (expected, answer, problem) in cases {
        let found = is_error(&expected, answer).unwrap_err();
        assert!(found.contains(problem), "{expected}: {found}");
    }
}
