//! What breaks around a server, and what its clients see of that: Postgres killed, frozen or out of reach, the
//! server told to end, or killed.

// The harness finds Postgres's processes in `/proc`.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod database;
mod ending;

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use sqlx::Executor;
use sqlx::postgres::PgConnection;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use vitrine_store::Store;
use vitrine_tests::assets::{self, pubkey};
use vitrine_tests::client::make_key;
use vitrine_tests::server::PATIENCE;
use vitrine_tests::{AssetSpec, Client, Reply, Server, Vitrine};

/// What a call may take, by the servers of these tests ...
const CALL_TIMEOUT: Duration = Duration::from_millis(1_500);

/// ... and what the machine may add to it: two cores, shared with the other tests.
const A_LITTLE: Duration = Duration::from_secs(1);

/// How often a condition is looked at.
const TICK: Duration = Duration::from_millis(10);

/// Settings of all servers here. The pool gives up before the call does.
const SETTINGS: [(&str, &str); 2] =
    [("VITRINE_SERVER_CALL_TIMEOUT_MS", "1500"), ("VITRINE_DATABASE_ACQUIRE_TIMEOUT_MS", "700")];

/// The three doors, and what each says while the database is away.
const AWAY: [&str; 3] = [
    r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"The service is temporarily unavailable."},"id":1}"#,
    r#"{"jsonrpc":"2.0","error":{"code":-32603,"message":"Service unavailable"},"id":1}"#,
    r#"{"jsonrpc":"2.0","error":{"code":-32603,"message":"Service unavailable"},"id":1}"#,
];

/// A collection with a key to read it.
#[derive(Clone)]
struct World {
    key: String,
    key_id: i64,
    /// The one right answer, by door.
    pages: Arc<Vec<String>>,
}

/// A call, over.
struct Shot {
    sent: Instant,
    took: Duration,
    outcome: Outcome,
    /// Whether the answer asked the client to go: `connection: close`.
    told_to_go: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The right page.
    Page,
    /// 503, as documented.
    Away,
    /// Nobody listens any more.
    Refused,
    /// Anything else that a socket may say.
    Broken(String),
}

/// Clients that call one after the other until told to stop, or until nobody listens.
struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Vec<Shot>>>,
}

fn collection() -> String {
    pubkey(1_000).to_string()
}

fn body() -> String {
    let params = json!({ "groupKey": "collection", "groupValue": collection(), "limit": 40 });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "getAssetsByGroup", "params": params }).to_string()
}

/// The path of a door.
fn path(door: usize, key: &str) -> String {
    match door % 3 {
        0 => format!("/?api-key={key}"),
        1 => format!("/v3/{key}"),
        _ => format!("/sol/{key}"),
    }
}

impl World {
    /// Fills a database.
    async fn new(store: &Store) -> Self {
        let members: Vec<AssetSpec> = (0..40)
            .map(|number| {
                let collection = Some((pubkey(1_000), true));
                AssetSpec { collection, ..AssetSpec::new(pubkey(number)) }
            })
            .collect();
        assets::write(store, &members).await;
        let (key, key_id) = make_key(store, "enterprise", None).await;
        Self { key, key_id, pages: Arc::default() }
    }

    /// Takes down the right answers while all is well.
    async fn learn(mut self, server: &Server) -> Self {
        let client = server.client();
        let mut ids: Vec<_> = (0..40).map(pubkey).collect();
        ids.sort();
        let ids: Vec<String> = ids.iter().rev().map(ToString::to_string).collect();
        let mut pages = Vec::new();
        for door in 0..3 {
            let reply = client.post(&path(door, &self.key), body()).await;
            let page = reply.json();
            let items = page["result"]["items"].as_array().unwrap();
            assert_eq!(items.iter().map(|item| item["id"].as_str().unwrap()).collect::<Vec<_>>(), ids);
            pages.push(reply.text);
        }
        self.pages = Arc::new(pages);
        self
    }

    /// A call through a door, judged: a wrong answer is the end of the test.
    async fn shoot(&self, client: &Client, door: usize) -> Shot {
        let sent = Instant::now();
        let headers = [("content-type".to_owned(), "application/json".to_owned())].into_iter().collect();
        let path = path(door, &self.key);
        let sending = client.send("POST", &path, &headers, Some(body()));
        let replied = timeout(PATIENCE, sending).await.expect("each call is answered");
        let took = sent.elapsed();
        match replied {
            Ok(reply) => {
                let told_to_go = reply.headers.get("connection").is_some_and(|value| value == "close");
                Shot { sent, took, outcome: self.judge(&reply, door), told_to_go }
            }
            Err(error) => Shot { sent, took, outcome: broken(&error), told_to_go: false },
        }
    }

    fn judge(&self, reply: &Reply, door: usize) -> Outcome {
        if reply.status == 200 {
            assert_eq!(reply.text, self.pages[door % 3]);
            return Outcome::Page;
        }
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (503, AWAY[door % 3]));
        let seconds: u64 = reply.headers["retry-after"].parse().expect("an integer");
        assert!(seconds >= 1);
        Outcome::Away
    }

    /// One call through each door, each of which must come to this.
    async fn expect(&self, client: &Client, outcome: Outcome) {
        for door in 0..3 {
            assert_eq!(self.shoot(client, door).await.outcome, outcome, "door {door}");
        }
    }

    /// Calls until a page comes and returns when it did.
    async fn first_page(&self, client: &Client) -> Instant {
        let end = Instant::now() + PATIENCE;
        while self.shoot(client, 0).await.outcome != Outcome::Page {
            assert!(Instant::now() < end, "the server does not recover");
        }
        Instant::now()
    }

    fn load(&self, server: &Server, clients: usize) -> Load {
        self.load_until(server, clients, |shot| shot.outcome == Outcome::Refused)
    }

    /// A load whose clients stop by themselves after a call like this.
    fn load_until(&self, server: &Server, clients: usize, last: fn(&Shot) -> bool) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let client = |door| {
            let (world, client, stop) = (self.clone(), server.client(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut shots: Vec<Shot> = Vec::new();
                while !stop.load(Ordering::Relaxed) && !shots.last().is_some_and(last) {
                    shots.push(world.shoot(&client, door).await);
                }
                shots
            })
        };
        let clients = (0..clients).map(client).collect();
        Load { stop, clients }
    }
}

impl Load {
    async fn stop(self) -> Vec<Shot> {
        self.stop.store(true, Ordering::Relaxed);
        self.end().await
    }

    /// Waits until each client has found nobody, or was stopped.
    async fn end(self) -> Vec<Shot> {
        let mut shots = Vec::new();
        for client in self.clients {
            shots.extend(timeout(PATIENCE, client).await.expect("clients end").unwrap());
        }
        shots.sort_by_key(|shot| shot.sent);
        shots
    }
}

fn count(shots: &[Shot], outcome: &Outcome) -> usize {
    shots.iter().filter(|shot| shot.outcome == *outcome).count()
}

/// All answered, and in time.
fn assert_answered_in_time(shots: &[Shot]) {
    for shot in shots {
        assert!(matches!(shot.outcome, Outcome::Page | Outcome::Away), "{:?}", shot.outcome);
        assert!(shot.took <= CALL_TIMEOUT + A_LITTLE, "{:?} took {:?}", shot.outcome, shot.took);
    }
}

fn broken(error: &reqwest::Error) -> Outcome {
    let mut kinds = vec![io::ErrorKind::ConnectionRefused];
    if error.is_connect() {
        // The system lets nobody take a connection and close the socket in one step: one that comes between
        // is refused in this way.
        kinds.push(io::ErrorKind::ConnectionReset);
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>()
            && kinds.contains(&error.kind())
        {
            return Outcome::Refused;
        }
        cause = error.source();
    }
    Outcome::Broken(format!("{error:?}"))
}

/// A server on any database, with the settings of all and these.
fn serve(url: &str, settings: &[(&str, &str)]) -> Server {
    SETTINGS
        .iter()
        .chain(settings)
        .fold(
            Vitrine::new(&["serve", "--listen", "127.0.0.1:0"]).env("DATABASE_URL", url),
            |vitrine, (name, value)| vitrine.env(name, value),
        )
        .serve()
}

/// Looks until something holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        sleep(TICK).await;
    }
}

/// The memory that a server's process has in use, in bytes.
fn memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// `/ready`: its status and reasons.
async fn ready(client: &Client) -> (u16, Vec<String>) {
    let reply = client.get("/ready").await;
    let reasons = serde_json::from_value(reply.json()["reasons"].clone()).unwrap();
    if reply.status == 503 {
        reply.headers["retry-after"].parse::<u64>().expect("an integer");
    }
    (reply.status.as_u16(), reasons)
}

async fn until_ready(client: &Client) {
    until("/ready is 200 again", async || ready(client).await == (200, Vec::new())).await;
}

/// Holds back whoever reads a list, until it is dropped or rolled back.
async fn lock_lists(connection: &mut PgConnection) {
    // A remembered page asks of its list alone, any other of its members too.
    connection.execute("BEGIN; LOCK TABLE asset_list, list_member IN ACCESS EXCLUSIVE MODE").await.unwrap();
}

/// How many of the server's connections to this database wait for a lock.
async fn waiting(connection: &mut PgConnection) -> i64 {
    sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'vitrine read' AND wait_event_type = 'Lock'",
    )
    .fetch_one(connection)
    .await
    .unwrap()
}
