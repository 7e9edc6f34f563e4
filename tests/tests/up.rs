//! `vitrine up`: from an empty folder to a server that answers, and back after every kind of end.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use vitrine_tests::server::PATIENCE;
use vitrine_tests::{Client, Database, Server, Vitrine};

const TIERS: [&str; 5] = ["free", "basic", "pro", "business", "enterprise"];

/// The collection of the sample that the printed call asks for.
const COLLECTION: &str = "J1S9H3QjnRtBbbuD4HjPV6RpRhwuk4zKbxsnCHuTgh9w";

/// A data dir of a test's own; whatever still runs in it ends with the test.
struct Home {
    folder: TempDir,
}

/// A running `vitrine up` and what it printed.
struct Up {
    server: Server,
    keys: Vec<(String, String)>,
    /// The call to try.
    curl: String,
    took: Duration,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The user who runs Postgres must be able to enter, also when the tests run as root.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, arguments: &[&str]) -> Vitrine {
        Vitrine::new(arguments).arg("--data-dir").arg(self.data_dir())
    }

    fn up(&self, arguments: &[&str]) -> Up {
        let start = Instant::now();
        let mut server = self.command(&[&["up", "--listen", "127.0.0.1:0"], arguments].concat()).serve();
        let took = start.elapsed();
        let curl = server.wait_for("curl ", |_| true).unwrap().trim().to_owned();
        let output = server.output();
        let words = output.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let keys = words.filter_map(|words| match words[..] {
            [tier, key] if key.starts_with("vt_") => Some((tier.to_owned(), key.to_owned())),
            _ => None,
        });
        Up { keys: keys.collect(), server, curl, took }
    }

    /// The process id of the postmaster, where one should run.
    fn postmaster(&self) -> Option<i32> {
        let text = fs::read_to_string(self.data_dir().join("pgdata/postmaster.pid")).ok()?;
        text.lines().next()?.trim().parse().ok()
    }

    /// Neither a postmaster nor a trace of one.
    fn assert_stopped(&self, postmaster: i32) {
        assert_eq!(self.postmaster(), None, "postmaster.pid is still there");
        assert!(!runs(postmaster), "Postgres still runs");
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(postmaster) = self.postmaster().filter(|process| runs(*process)) {
            let _ = kill_process(Pid::from_raw(postmaster).unwrap(), Signal::QUIT);
            let end = Instant::now() + PATIENCE;
            while runs(postmaster) && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

impl Up {
    fn key(&self, tier: &str) -> &str {
        &self.keys.iter().find(|(name, _)| name == tier).unwrap().1
    }

    fn end(mut self, signal: Signal) {
        self.server.signal(signal);
        let status = self.server.wait();
        assert!(status.success(), "{status}: {}", self.server.output());
    }

    fn kill(mut self) {
        self.server.signal(Signal::KILL);
        self.server.wait();
    }
}

fn runs(process: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Grand total of the sample's collection.
async fn sample_total(client: &Client, key: &str) -> Value {
    let params =
        json!({ "groupKey": "collection", "groupValue": COLLECTION, "options": { "showGrandTotal": true } });
    client.result(key, "getAssetsByGroup", params).await["grand_total"].clone()
}

async fn serves(client: &Client, key: &str) -> bool {
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}"#;
    client.post(&format!("/?api-key={key}"), call).await.status == 200
}

#[tokio::test]
async fn the_first_start_and_the_next_ones() {
    let home = Home::new();
    let up = home.up(&["--sample"]);
    let tiers: Vec<&str> = up.keys.iter().map(|(tier, _)| tier.as_str()).collect();
    assert_eq!(tiers, TIERS);

    // What is printed works as it stands.
    assert!(up.curl.contains(up.key("basic")), "{}", up.curl);
    let output = Command::new("sh").args(["-c", &up.curl]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let item = &answer["result"]["items"][0];
    assert!(item["id"].is_string() && item["content"]["metadata"]["name"].is_string(), "{answer}");
    assert_eq!(item["grouping"][0]["group_value"], COLLECTION, "{answer}");

    let status = up.server.client().get("/status").await.json();
    let total = sample_total(&up.server.client(), up.key("pro")).await;
    let pro = up.key("pro").to_owned();
    let postmaster = home.postmaster().unwrap();
    up.end(Signal::INT);
    home.assert_stopped(postmaster);

    // The quickest of a few: other tests run beside this one.
    let mut quickest = Duration::MAX;
    for _ in 0..4 {
        let up = home.up(&["--sample"]);
        quickest = quickest.min(up.took);
        assert_eq!(up.keys, [], "keys are shown once");
        assert!(up.curl.contains("$VITRINE_KEY"), "{}", up.curl);
        assert!(up.server.client().get("/ready").await.status == 200);
        assert_eq!(sample_total(&up.server.client(), &pro).await, total, "the sample twice is the sample");
        assert_eq!(up.server.client().get("/status").await.json()["assets"], status["assets"]);
        let output = Command::new("sh").args(["-c", &up.curl]).env("VITRINE_KEY", &pro).output().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(answer["result"]["items"][0]["id"].is_string(), "{answer}");
        let postmaster = home.postmaster().unwrap();
        up.end(Signal::TERM);
        home.assert_stopped(postmaster);
    }
    assert!(quickest < Duration::from_secs(2), "{quickest:?}");
}

#[tokio::test]
async fn keys_are_made_beside_a_running_server_and_without_one() {
    let home = Home::new();
    let create = |tier: &str| {
        let output = home.command(&["keys", "create", "--json", "--tier", tier]).output();
        assert!(output.status.success(), "{}", stderr(&output));
        let made: Value = serde_json::from_slice(&output.stdout).unwrap();
        made["key"].as_str().unwrap().to_owned()
    };
    let up = home.up(&[]);
    // Without the sample the printed call asks for what is there without assets.
    let output = Command::new("sh").args(["-c", &up.curl]).output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(answer["result"]["methods"].is_array(), "{answer}");

    let beside = create("pro");
    assert!(serves(&up.server.client(), &beside).await);
    let postmaster = home.postmaster().unwrap();
    assert!(runs(postmaster), "a command beside a server leaves its Postgres alone");
    up.end(Signal::TERM);
    home.assert_stopped(postmaster);

    let without = create("basic");
    assert_eq!(home.postmaster(), None, "a command stops the Postgres that it started");
    let up = home.up(&[]);
    for key in [beside, without] {
        assert!(serves(&up.server.client(), &key).await);
    }
    up.end(Signal::TERM);
}

#[tokio::test]
async fn keys_made_first_are_no_reason_to_make_others() {
    let home = Home::new();
    let output = home.command(&["keys", "create", "--tier", "basic"]).output();
    assert!(output.status.success(), "{}", stderr(&output));
    let key = String::from_utf8(output.stdout).unwrap().lines().next().unwrap().to_owned();
    let up = home.up(&[]);
    assert_eq!(up.keys, []);
    assert!(serves(&up.server.client(), &key).await);
    up.end(Signal::INT);
}

#[tokio::test]
async fn after_a_kill_the_next_start_goes_on() {
    let home = Home::new();
    let up = home.up(&["--sample"]);
    let key = up.key("enterprise").to_owned();
    let total = sample_total(&up.server.client(), &key).await;
    let left_behind = home.postmaster().unwrap();
    up.kill();
    assert!(runs(left_behind));

    // Another command uses what was left behind, and then has no reason to leave it running.
    let up = home.up(&[]);
    assert_eq!(home.postmaster(), Some(left_behind), "it is adopted");
    assert_eq!((up.keys.len(), sample_total(&up.server.client(), &key).await), (0, total.clone()));

    // Both at once, as when the machine goes down; what was committed last is there.
    let output = home.command(&["keys", "create", "--tier", "basic", "--json"]).output();
    let made: Value = serde_json::from_slice(&output.stdout).unwrap();
    kill_process(Pid::from_raw(left_behind).unwrap(), Signal::KILL).unwrap();
    up.kill();
    assert!(home.postmaster().is_some(), "nobody was there to remove it");
    let up = home.up(&[]);
    assert_ne!(home.postmaster(), Some(left_behind));
    assert_eq!(sample_total(&up.server.client(), &key).await, total);
    assert!(serves(&up.server.client(), made["key"].as_str().unwrap()).await);
    let postmaster = home.postmaster().unwrap();
    up.end(Signal::TERM);
    home.assert_stopped(postmaster);
}

#[tokio::test]
async fn one_data_dir_has_one_server() {
    let home = Home::new();
    let up = home.up(&[]);
    let second = home.command(&["up", "--listen", "127.0.0.1:0"]).output();
    let said = stderr(&second);
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("already serves") && said.contains(&up.server.pid().to_string()), "{said}");
    assert!(said.contains(home.data_dir().to_str().unwrap()) && said.lines().count() == 1, "{said}");
    assert!(serves(&up.server.client(), up.key("basic")).await, "the first one goes on");

    // An address that is taken: the second server of another folder says so, and stops its Postgres.
    let address = up.server.base.strip_prefix("http://").unwrap().to_owned();
    let other = Home::new();
    let taken = other.command(&["up", "--listen", &address]).output();
    let said = stderr(&taken);
    assert_eq!(taken.status.code(), Some(1), "{said}");
    assert!(said.contains(&address) && said.contains("--listen"), "{said}");
    assert!(taken.stdout.is_empty(), "no key is shown, and so none is made");
    assert_eq!(other.postmaster(), None);
    let listed = other.command(&["keys", "list", "--json"]).output();
    assert_eq!(String::from_utf8_lossy(&listed.stdout), "[]\n");
    up.end(Signal::TERM);
}

#[tokio::test]
async fn a_configured_database_is_used_instead() {
    let home = Home::new();
    let database = Database::empty().await;
    let start = || {
        let command = home.command(&["up", "--sample", "--listen", "127.0.0.1:0"]);
        let mut server = command.on(&database).serve();
        server.wait_for("curl ", |_| true).unwrap();
        (server.output().matches("vt_").count(), server)
    };
    let (keys, server) = start();
    // One a tier, and the one in the call.
    assert_eq!(keys, TIERS.len() + 1);
    let assets = server.client().get("/status").await.json()["assets"].clone();
    assert!(server.stop().success());
    let (keys, server) = start();
    assert_eq!((keys, &server.client().get("/status").await.json()["assets"]), (0, &assets));
    assert!(assets.as_u64().unwrap() > 0 && !home.data_dir().exists(), "no cluster of its own");
    vitrine_tests::consistency::check(&database).await;
}

/// A signal that comes while it starts ends it as well.
#[tokio::test]
async fn a_start_can_be_interrupted() {
    let home = Home::new();
    let child = home.command(&["up", "--listen", "127.0.0.1:0"]).piped();
    let end = Instant::now() + PATIENCE;
    while home.postmaster().is_none() {
        assert!(Instant::now() < end, "Postgres does not start");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.code().is_some(), "{output:?}");
    assert_eq!(home.postmaster(), None, "{}", stderr(&output));
    let up = home.up(&[]);
    assert_eq!(up.keys.len(), if output.stdout.is_empty() { 5 } else { 0 }, "keys that exist were shown");
    up.end(Signal::TERM);
}

#[test]
fn a_folder_that_postgres_cannot_enter_is_named() {
    if !geteuid().is_root() {
        // Who is not root runs Postgres as who he is, and that one owns the folder.
        return;
    }
    let home = Home::new();
    let closed = home.folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let output =
        Vitrine::new(&["up", "--listen", "127.0.0.1:0", "--data-dir"]).arg(closed.join("data")).output();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(closed.to_str().unwrap()) && said.contains("cannot enter"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn a_pg_bin_without_postgres_is_named() {
    let home = Home::new();
    let refuse = |pg_bin: &Path| {
        let output =
            home.command(&["up", "--listen", "127.0.0.1:0"]).env("PG_BIN", pg_bin.to_str().unwrap()).output();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("PG_BIN") && said.contains(pg_bin.to_str().unwrap()), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    };
    refuse(Path::new("/nowhere/at/all"));
    refuse(home.folder.path());
}
