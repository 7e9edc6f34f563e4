//! `vitrine verify --against`: two servers on the same assets, one of them with a fault.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use sqlx::AssertSqlSafe;
use url::Url;
use vitrine_compare::{Endpoint, METHODS, Options, Tolerances, compare_servers};
use vitrine_model::Pubkey;
use vitrine_tests::assets;
use vitrine_tests::client::make_key;
use vitrine_tests::node::Act;
use vitrine_tests::{Database, Node, Server, Vitrine, chain};

#[path = "against/faults.rs"]
mod faults;

use faults::{ALIKE, FACTS, FAULTS, Fault};

/// An asset of the sample, in its collection's list.
const FAULTY: &str = "85KGA1YHBhHRg8W5wHMAYot4bTa7bkE882eTdLwi6gi4";

/// What is answered about few assets alone.
const OF_THE_CHAIN: [&str; 4] = ["getAssetProof", "getAssetSignatures", "getTokenAccounts", "getNftEditions"];

/// Assets of every kind that is imported, a tree, token accounts and editions, and a key for all copies of it.
struct World {
    database: Database,
    key: String,
}

/// A server on a copy of the world.
struct Site {
    database: Database,
    server: Server,
    key: String,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

impl World {
    async fn new() -> Self {
        let database = Database::new().await;
        for file in ["../crates/vitrine/sample/assets.ndjson", "worlds/foxes.ndjson", "worlds/search.ndjson"]
        {
            let imported = Vitrine::new(&["import"]).arg(folder(file)).on(&database).output();
            assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
        }
        let mut connection = database.connect().await;
        chain::write(&mut connection, &chain::read(&folder("clients/chain.json"))).await;
        sqlx::Connection::close(connection).await.unwrap();
        let store = database.store();
        let (key, _) = make_key(&store, "enterprise", None).await;
        store.close().await;
        Self { database, key }
    }

    /// A server on a copy in which this was done.
    async fn site(&self, fault: &str) -> Site {
        let database = self.database.copy().await;
        if !fault.is_empty() {
            let mut connection = database.connect().await;
            // Faults are written into plain bodies, which are answered as packed ones are.
            assets::unpack_bodies(&mut connection).await;
            let done = sqlx::raw_sql(AssertSqlSafe(fault.to_owned())).execute(&mut connection).await.unwrap();
            assert!(done.rows_affected() > 0, "{fault}");
        }
        let server = Server::start(&database, &[]);
        Site { database, server, key: self.key.clone() }
    }
}

impl Site {
    /// Compares this server with another one.
    fn verify(&self, theirs: &str, arguments: &[&str]) -> Output {
        let first = Vitrine::new(&["verify", "--against", theirs, "--url", &self.server.base])
            .on(&self.database)
            .env("VITRINE_KEY", &self.key);
        arguments.iter().fold(first, Vitrine::arg).output()
    }

    /// The ids of all assets.
    async fn ids(&self) -> Vec<String> {
        let ids: Vec<(Vec<u8>,)> = sqlx::query_as("SELECT asset_id FROM asset ORDER BY asset_id")
            .fetch_all(&mut self.database.connect().await)
            .await
            .unwrap();
        ids.iter().map(|(id,)| Pubkey::try_from(&**id).unwrap().to_string()).collect()
    }

    fn url(&self) -> String {
        format!("{}/?api-key={}", self.server.base, self.key)
    }

    fn endpoint(&self) -> Endpoint {
        let url = Url::parse(&self.server.base).unwrap();
        Endpoint::new(url, Some(&self.key), Duration::from_mins(1)).unwrap()
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_with_the_same_assets_answer_alike() {
    let world = World::new().await;
    let (ours, theirs) = (world.site("").await, world.site("").await);
    let output = ours.verify(&theirs.url(), &["--seed", "1", "--questions", "600"]);
    let text = text(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.starts_with("seed 1\n"), "{text}");
    // Every method is asked, and answered with something; of editions that is told below, since few assets have any.
    for method in METHODS.into_iter().filter(|method| *method != "getNftEditions") {
        let line = text.lines().find(|line| line.starts_with(&format!("{method}: ")));
        assert!(line.is_some_and(|line| !line.contains(" 0 answered")), "{method}: {text}");
    }
    assert!(text.contains("\nall: 600 asked, ") && text.contains(", 600 alike, "), "{text}");
}

/// Every fault is found where it is, and nothing differs elsewhere: what is expected is let pass, and nothing is left.
#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_fault_is_found() {
    let world = World::new().await;
    let ours = world.site("").await;
    let all = ours.ids().await;
    let on_chain = std::fs::read_to_string(folder("clients/chain.json")).unwrap();
    let few: Vec<String> = all.iter().filter(|id| on_chain.contains(*id)).cloned().collect();
    let mut problems = String::new();
    for fault in FAULTS {
        let theirs = world.site(fault.sql).await;
        let ids = if OF_THE_CHAIN.iter().any(|method| fault.rules.contains(method)) { &few } else { &all };
        if let Some(problem) = unmet(&fault, &ours, &theirs, ids).await {
            let _ = writeln!(problems, "{}: {problem}", fault.name);
        }
    }
    assert!(problems.is_empty(), "{problems}");
}

/// What is not as the fault's rules say.
async fn unmet(fault: &Fault, ours: &Site, theirs: &Site, ids: &[String]) -> Option<String> {
    let methods = METHODS.into_iter().filter(|method| fault.rules.contains(&format!("{method} ")));
    let options = Options {
        seed: 1,
        questions: 160,
        methods: methods.collect(),
        concurrency: 4,
        tolerances: Tolerances::parse(fault.rules).unwrap(),
    };
    let mut elsewhere = Vec::new();
    let report = |finding: &vitrine_compare::Finding| elsewhere.push(format!("{finding:?}"));
    let summary = compare_servers(&ours.endpoint(), &theirs.endpoint(), ids, &options, report).await.unwrap();
    let unseen: Vec<&str> = options
        .tolerances
        .texts()
        .zip(&summary.rule_uses)
        .filter(|(rule, uses)| **uses == 0 && !fault.rules.contains(&format!("{rule} # or not")))
        .map(|(rule, _)| rule)
        .collect();
    match elsewhere.first() {
        Some(first) => Some(format!("{} others: {first:.700}", elsewhere.len())),
        None if unseen.is_empty() => None,
        None => Some(format!("not seen: {unseen:?}")),
    }
}

/// A server for which every fact that searches ask for is another one: each filter must be asked by itself, so that its own
/// fault shows, and searches with none of them must find the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_each_filter_is_found() {
    let world = World::new().await;
    let ours = world.site("").await;
    let theirs = world.site(&FACTS.map(|(_, sql)| sql).join(";\n")).await;
    let ids = ours.ids().await;
    let options = Options {
        seed: 1,
        questions: 400,
        methods: vec!["searchAssets"],
        concurrency: 4,
        tolerances: Tolerances::default(),
    };
    let mut asked: Vec<BTreeSet<String>> = Vec::new();
    let report = |finding: &vitrine_compare::Finding| asked.push(finding.ours.keys().cloned().collect());
    let summary =
        compare_servers(&ours.endpoint(), &theirs.endpoint(), &ids, &options, report).await.unwrap();
    assert_eq!(summary.total().failed, 0);
    assert!(summary.total().same > 0, "{summary:?}");
    let of = |names: &BTreeSet<String>, name: &str| names.contains(name);
    let alone = |name: &str| {
        let others = FACTS.iter().map(|(other, _)| *other).filter(|other| *other != name).chain(ALIKE);
        let others: Vec<&str> = others.collect();
        asked.iter().any(|names| of(names, name) && !others.iter().any(|other| of(names, other)))
    };
    let unseen: Vec<&str> = FACTS.iter().map(|(name, _)| *name).filter(|name| !alone(name)).collect();
    assert!(unseen.is_empty(), "not found: {unseen:?}");
    let known = |names: &&BTreeSet<String>| {
        FACTS.iter().map(|(name, _)| *name).chain(ALIKE).any(|name| of(names, name))
    };
    let elsewhere: Vec<_> = asked.iter().filter(|names| !known(names)).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_told_with_its_request_and_both_values() {
    let world = World::new().await;
    let ours = world.site("").await;
    let theirs = world.site(faults::BODY).await;
    let found = ours.verify(&theirs.url(), &["--seed", "1"]);
    let found_text = text(&found);
    assert_eq!(found.status.code(), Some(1), "{found_text}");
    let values = "\n    ours   \"Vitrine Sample #1\"\n    theirs \"Vitrine Sample #X\"\n";
    let in_a_list = format!("  /result/items/{FAULTY}/content/metadata/name{values}");
    assert!(found_text.contains(&in_a_list), "{found_text}");
    assert!(!found_text.contains(&ours.key), "{found_text}");

    let alone = ours.verify(&theirs.url(), &["--seed", "1", "--methods", "getAsset"]);
    let expected = format!(
        "getAsset\n  curl -s \"$URL\" -H 'content-type: application/json' -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\
         \"method\":\"getAsset\",\"params\":{{\"id\":\"{FAULTY}\"}}}}'\n  /result/content/metadata/name{values}"
    );
    assert!(text(&alone).contains(&expected), "{expected}\n{}", text(&alone));

    // The same questions again, one after the other.
    let again = ours.verify(&theirs.url(), &["--seed", "1", "--concurrency", "1"]);
    assert_eq!(text(&again), found_text);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tolerated");
    std::fs::write(&file, "# known\n* /result/content/metadata/name\n* /result/*/content/metadata/name\n* /result/items/*/content/metadata/name\n* /result/items/*/asset/content/metadata/name\n* /result/never\n").unwrap();
    let passed = ours.verify(&theirs.url(), &["--seed", "1", "--tolerate", file.to_str().unwrap()]);
    let passed_text = text(&passed);
    assert_eq!(passed.status.code(), Some(0), "{passed_text}");
    assert!(passed_text.contains("let pass 0 times: * /result/never\n"), "{passed_text}");
    let all = passed_text.lines().last().unwrap();
    assert!(all.contains(" alike but for what is tolerated, 0 differ"), "{passed_text}");
    assert!(!all.contains(" 0 alike but for what is tolerated"), "{passed_text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_they_do_not_know_or_never_answer_is_told_once() {
    let world = World::new().await;
    let ours = world.site("").await;
    let theirs = Node::start(|_| {
        Act::Status(
            403,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"method_unknown"}}"#.to_owned(),
        )
    })
    .await;
    let arguments = ["--seed", "1", "--questions", "20", "--methods", "getAssetChanges"];
    let unknown = ours.verify(&theirs.url(), &arguments);
    assert_eq!(unknown.status.code(), Some(0), "{}", text(&unknown));
    let line = "their server does not know getAssetChanges: 20 questions\n";
    assert_eq!(text(&unknown).matches(line).count(), 1, "{}", text(&unknown));
    assert!(!text(&unknown).contains("curl"), "{}", text(&unknown));

    // Errors alike are alike, and are not passed over.
    let bare = world.site("DELETE FROM account WHERE kind = 4").await;
    let other = world.site("DELETE FROM account WHERE kind = 4").await;
    let errors =
        bare.verify(&other.url(), &["--seed", "1", "--questions", "20", "--methods", "getNftEditions"]);
    assert_eq!(errors.status.code(), Some(0), "{}", text(&errors));
    let line = "getNftEditions: 20 asked, 0 answered, 20 alike, 0 alike but for what is tolerated, 0 differ: never \
                answered with anything but errors\n";
    assert!(text(&errors).contains(line), "{}", text(&errors));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_compared_is_an_error() {
    let world = World::new().await;
    let ours = world.site("").await;
    // Nobody answers.
    let nowhere = ours.verify("http://127.0.0.1:1/", &["--questions", "3"]);
    assert_eq!(nowhere.status.code(), Some(1), "{}", text(&nowhere));
    assert!(text(&nowhere).contains("their server: no answer"), "{}", text(&nowhere));
    assert!(text(&nowhere).contains(", 3 without an answer"), "{}", text(&nowhere));
    // A key that is none.
    let refused = Vitrine::new(&["verify", "--against", "http://127.0.0.1:1/", "--key", "vt_none"])
        .arg("--url")
        .arg(&ours.server.base)
        .on(&ours.database)
        .output();
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
    assert!(text(&refused).contains("error: our server: the key is refused: HTTP 401"), "{}", text(&refused));
    // Nothing to ask about.
    let empty = Database::new().await;
    let nothing = Vitrine::new(&["verify", "--against", "http://127.0.0.1:1/"]).on(&empty).output();
    assert_eq!(nothing.status.code(), Some(1), "{}", text(&nothing));
    assert!(text(&nothing).contains("the database has no assets to ask about"), "{}", text(&nothing));
}
