//! API keys: made, listed, changed and revoked by the command, and what servers make of it.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Output;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use sqlx::Connection;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vitrine_rpc::ApiKey;
use vitrine_store::NewKey;
use vitrine_tests::server::PATIENCE;
use vitrine_tests::{Client, Database, Server, Vitrine};

/// Within which every server sees a change.
const SEEN_WITHIN: Duration = Duration::from_secs(1);

/// Costs nothing but a look at the key.
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}"#;

fn keys(database: &Database, arguments: &[&str]) -> Output {
    let command = Vitrine::new(&["keys"]).on(database);
    arguments.iter().fold(command, Vitrine::arg).output()
}

/// The command's answer, where it succeeds.
fn said(database: &Database, arguments: &[&str]) -> String {
    let output = keys(database, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A new key: its text and its id.
fn create(database: &Database, arguments: &[&str]) -> (String, i64) {
    let made: Value =
        serde_json::from_str(&said(database, &[&["create", "--json"], arguments].concat())).unwrap();
    (made["key"].as_str().unwrap().to_owned(), made["id"].as_i64().unwrap())
}

async fn status(client: &Client, key: &str) -> u16 {
    client.post(&format!("/?api-key={key}"), CALL).await.status.as_u16()
}

/// Each server answers with this status to a call that is sent within a second from now.
async fn becomes(servers: &[&Server], key: &str, wanted: u16) {
    let start = Instant::now();
    for server in servers {
        let client = server.client();
        loop {
            let sent = start.elapsed();
            let found = status(&client, key).await;
            if found == wanted {
                break;
            }
            assert!(sent < SEEN_WITHIN, "{found} instead of {wanted} after {sent:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn the_commands_answer_people_and_machines() {
    let database = Database::new().await;
    assert!(said(&database, &["list"]).contains("keys create"));
    assert_eq!(said(&database, &["list", "--json"]), "[]\n");

    let text = said(&database, &["create", "--tier", "basic", "--name", "a shop"]);
    let (first, rest) = text.split_once('\n').unwrap();
    assert!(first.starts_with("vt_") && first.len() == 35, "{text}");
    assert!(rest.contains("key 1 of tier basic"), "{text}");

    let expires = "2099-01-31T00:00:00Z";
    let json = said(&database, &["create", "--tier", "pro", "--name", "b", "--expires", expires, "--json"]);
    let made: Value = serde_json::from_str(&json).unwrap();
    let members: Vec<&str> = made.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = ["id", "key", "tier", "name", "created_at", "expires_at"];
    expected.sort_unstable();
    assert!(members.iter().all(|member| expected.contains(member)) && members.len() == 6, "{made}");
    assert_eq!(
        (&made["id"], &made["tier"], &made["name"], &made["expires_at"]),
        (&json!(2), &json!("pro"), &json!("b"), &json!(expires))
    );
    let created_at = OffsetDateTime::parse(made["created_at"].as_str().unwrap(), &Rfc3339).unwrap();
    assert!((OffsetDateTime::now_utc() - created_at).abs() < PATIENCE);
    let second = made["key"].as_str().unwrap();

    assert_eq!(said(&database, &["tier", "2", "--tier", "business"]), "key 2 is of tier business now\n");
    assert_eq!(said(&database, &["revoke", "1"]), "key 1 is revoked\n");
    let revoked_at = |listed: &Value| listed[0]["revoked_at"].clone();
    let listed: Value = serde_json::from_str(&said(&database, &["list", "--json"])).unwrap();
    assert_eq!(listed[0]["state"], "revoked");
    assert_eq!(
        (&listed[1]["state"], &listed[1]["tier"], &listed[1]["prefix"]),
        (&json!("active"), &json!("business"), &json!(second[..8]))
    );
    assert_eq!(said(&database, &["revoke", "1"]), "key 1 is revoked\n", "again, without harm");
    let again: Value = serde_json::from_str(&said(&database, &["list", "--json"])).unwrap();
    assert_eq!(revoked_at(&again), revoked_at(&listed));

    let table = said(&database, &["list"]);
    for key in [first, second] {
        assert!(table.contains(&key[..8]) && !table.contains(&key[..12]), "{table}");
        assert!(!again.to_string().contains(&key[..12]));
    }
}

#[tokio::test]
async fn what_is_wrong_is_refused() {
    let database = Database::new().await;
    for (arguments, code, text) in [
        (&["create", "--tier", "golden"][..], 2, "free, basic, pro, business, enterprise"),
        (&["create"], 2, "--tier"),
        (&["create", "--tier", "basic", "--expires", "tomorrow"], 2, "2030-01-31T00:00:00Z"),
        (&["create", "--tier", "basic", "--expires", "2001-01-01T00:00:00Z"], 2, "future"),
        (&["tier", "1", "--tier", "golden"], 2, "free, basic"),
        (&["tier", "1", "--tier", "basic"], 1, "no key 1"),
        (&["revoke", "1"], 1, "no key 1"),
        (&["revoke", "one"], 2, "one"),
    ] {
        let output = keys(&database, arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(text) && output.stdout.is_empty(), "{arguments:?}: {stderr}");
    }
    assert_eq!(said(&database, &["list", "--json"]), "[]\n");
    let empty = Database::empty().await;
    let output = keys(&empty, &["list"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("`vitrine migrate`"));
}

#[tokio::test]
async fn a_key_is_nowhere_in_the_database() {
    let database = Database::new().await;
    let (key, _) = create(&database, &["--tier", "basic"]);
    let rows: Vec<String> =
        sqlx::query_scalar("SELECT api_key::text || encode(digest, 'escape') FROM api_key")
            .fetch_all(&mut database.connect().await)
            .await
            .unwrap();
    let hex = key.bytes().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    assert_eq!(rows.len(), 1);
    assert!(rows[0].contains(&key[..8]), "the prefix is public: {}", rows[0]);
    for secret in [&key[..9], &key[8..], &hex[16..]] {
        assert!(!rows[0].contains(secret), "{}", rows[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_server_sees_every_change_within_a_second() {
    let database = Database::new().await;
    let (first, second) = (Server::start(&database, &[]), Server::start(&database, &[]));
    let both = [&first, &second];
    let (key, id) = create(&database, &["--tier", "free"]);
    let id = id.to_string();
    becomes(&both, &key, 403).await;
    said(&database, &["tier", &id, "--tier", "enterprise"]);
    becomes(&both, &key, 200).await;
    said(&database, &["tier", &id, "--tier", "free"]);
    becomes(&both, &key, 403).await;
    said(&database, &["tier", &id, "--tier", "enterprise"]);
    becomes(&both, &key, 200).await;
    said(&database, &["revoke", &id]);
    becomes(&both, &key, 401).await;

    // A change by hand counts as one by the command.
    let mut connection = database.connect().await;
    sqlx::raw_sql("UPDATE api_key SET revoked_at = NULL").execute(&mut connection).await.unwrap();
    becomes(&both, &key, 200).await;
    sqlx::raw_sql("DELETE FROM api_key").execute(&mut connection).await.unwrap();
    becomes(&both, &key, 401).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_when_it_expires() {
    let database = Database::new().await;
    let (first, second) = (Server::start(&database, &[]), Server::start(&database, &[]));
    let expires = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap() + time::Duration::seconds(3);
    let (key, _) =
        create(&database, &["--tier", "enterprise", "--expires", &expires.format(&Rfc3339).unwrap()]);
    for client in [first.client(), second.client()] {
        let served = status(&client, &key).await;
        assert!(served == 200 || OffsetDateTime::now_utc() >= expires, "{served} before its time");
    }
    while OffsetDateTime::now_utc() < expires {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    becomes(&[&first, &second], &key, 401).await;
    let listed: Value = serde_json::from_str(&said(&database, &["list", "--json"])).unwrap();
    assert_eq!(listed[0]["state"], "expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_that_comes_to_be_is_seen_within_a_second() {
    let database = Database::new().await;
    let (first, second) = (Server::start(&database, &[]), Server::start(&database, &[]));
    let key = ApiKey::generate(&mut StdRng::from_os_rng());
    for client in [first.client(), second.client()] {
        assert_eq!(status(&client, key.text()).await, 401);
        assert_eq!(status(&client, key.text()).await, 401);
    }
    let store = database.store();
    let new = NewKey {
        digest: key.digest(),
        prefix: key.prefix(),
        tier: "enterprise",
        name: "",
        created_at: OffsetDateTime::now_utc(),
        expires_at: None,
    };
    store.create_key(&new).await.unwrap();
    becomes(&[&first, &second], key.text(), 200).await;
    store.close().await;
}

/// While nobody can read the table of keys, whoever was seen before is still answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_seen_before_costs_no_query() {
    let database = Database::new().await;
    let server = Server::start(&database, &[]);
    let client = server.client();
    let (known, _) = create(&database, &["--tier", "enterprise"]);
    let unknown = |number: u32| format!("vt_{number:032}");
    becomes(&[&server], &known, 200).await;
    assert_eq!(status(&client, &unknown(1)).await, 401);

    let mut locker = database.connect().await;
    let mut lock = locker.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE api_key IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
    for _ in 0..50 {
        assert_eq!(status(&client, &unknown(1)).await, 401);
        assert_eq!(status(&client, &known).await, 200);
    }
    // One that was not has to wait: the lock does keep readers away.
    let other = unknown(2);
    let mut waits = Box::pin(status(&client, &other));
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut waits).await.is_err());
    assert_eq!(status(&client, &known).await, 200, "nobody waits for a stranger");
    lock.rollback().await.unwrap();
    assert_eq!(waits.await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_in_the_log() {
    let database = Database::new().await;
    let mut server = Server::start(&database, &[("RUST_LOG", "trace")]);
    let client = server.client();
    let good = create(&database, &["--tier", "basic"]).0;
    let low = create(&database, &["--tier", "free"]).0;
    let (revoked, id) = create(&database, &["--tier", "basic"]);
    said(&database, &["revoke", &id.to_string()]);
    let unknown = ApiKey::generate(&mut StdRng::from_os_rng()).text().to_owned();
    for key in [&good, &low, &revoked, &unknown] {
        let bearer = format!("Bearer {key}");
        for (path, header) in [
            (format!("/?api-key={key}"), None),
            (format!("/v3/{key}"), None),
            (format!("/sol/{key}"), None),
            (format!("/v1/solana/{key}"), None),
            (format!("/sol?api-key={key}"), None),
            ("/".to_owned(), Some(("x-token", key.as_str()))),
            ("/sol".to_owned(), Some(("authorization", bearer.as_str()))),
            (format!("/nowhere/{key}"), None),
        ] {
            let headers: BTreeMap<String, String> =
                header.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let unknown_method = json!({ "jsonrpc": "2.0", "id": key, "method": key }).to_string();
            let mistake =
                json!({ "jsonrpc": "2.0", "id": 1, "method": "getAssetsByGroup", "params": [key, key] });
            for body in [CALL.to_owned(), format!("not JSON {key}"), unknown_method, mistake.to_string()] {
                client.send("POST", &path, &headers, Some(body)).await.unwrap();
            }
            client.send("GET", &path, &headers, None).await.unwrap();
        }
    }
    server.signal(rustix::process::Signal::TERM);
    assert!(server.wait().success());
    let log = whole_output(&mut server);
    assert!(log.contains("vitrine::access") && log.contains("DEBUG"), "{log}");
    for key in [&good, &low, &revoked, &unknown] {
        // Not even more of it than is public.
        let line = log.lines().find(|line| line.contains(&key[..9]) || line.contains(&key[8..20]));
        assert_eq!(line, None);
    }
}

/// All that a server said, once it has ended.
fn whole_output(server: &mut Server) -> String {
    // Nothing says so: it is waited for in vain until the pipes are closed.
    assert_eq!(server.wait_for("\0", |_| true), None);
    server.output()
}
