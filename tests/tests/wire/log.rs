//! The log: what every call leaves there, and what never comes there.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};
use tokio::time::timeout;
use vitrine_tests::client::make_key;
use vitrine_tests::{Client, Database, Server, Vitrine, chain};

use super::{PATIENCE, World, call, page, until};

/// The access lines of a request, as JSON.
async fn lines(server: &mut Server, request_id: &str, expected: usize) -> Vec<Value> {
    let mut lines = Vec::new();
    until(&format!("{expected} lines of {request_id}"), async || {
        lines = server
            .output()
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|line| line["target"] == json!("vitrine::access"))
            .filter(|line| line["request_id"] == json!(request_id))
            .collect();
        lines.len() >= expected
    })
    .await;
    lines
}

async fn send(client: &Client, path: &str, request_id: &str, body: String) -> vitrine_tests::Reply {
    let headers = BTreeMap::from([("x-request-id".to_owned(), request_id.to_owned())]);
    client.send("POST", path, &headers, Some(body)).await.unwrap()
}

#[tokio::test]
async fn every_call_is_one_line_with_its_cost() {
    let mut world = World::new(&[("VITRINE_LOG_FORMAT", "json")]).await;
    let client = world.server.client();
    let (basic, basic_id) = make_key(&world.store, "basic", None).await;
    for (path, dialect) in world.doors().iter().zip(["helius", "infura", "triport"]) {
        let id = format!("one-{dialect}");
        let reply = send(&client, path, &id, page(1, 7)).await;
        let [line] = lines(&mut world.server, &id, 1).await.try_into().expect("one line");
        let result = reply.json()["result"].to_string().len();
        let number = |name: &str| line[name].as_u64().unwrap_or_else(|| panic!("{name} in {line}"));
        assert_eq!(line["dialect"], json!(dialect));
        assert_eq!((&line["method"], &line["outcome"]), (&json!("getAssetsByGroup"), &json!("ok")));
        assert_eq!((&line["tier"], &line["key_id"]), (&json!("enterprise"), &json!(world.key_id)));
        assert_eq!(number("rows"), 7);
        // The value of the member `result`, as it is sent.
        assert_eq!(
            number("bytes"),
            (reply.text.len() - r#"{"jsonrpc":"2.0","result":,"id":1}"#.len()) as u64
        );
        assert!(result > 0 && number("db_us") > 0 && number("total_us") >= number("db_us"), "{line}");
    }

    let batch = format!("[{},{},{}]", page(1, 2), call(2, "getSomethingNew", json!([])), page(3, 1001));
    send(&client, &format!("/?api-key={basic}"), "batch", batch).await;
    let of_batch = lines(&mut world.server, "batch", 3).await;
    let mut seen: Vec<_> = of_batch
        .iter()
        .map(|line| (line["method"].as_str().unwrap(), line["outcome"].as_str().unwrap(), &line["rows"]))
        .collect();
    seen.sort_unstable_by_key(|line| line.1);
    let (zero, two) = (json!(0), json!(2));
    let expected = [
        ("getAssetsByGroup", "invalid_params", &zero),
        ("getAssetsByGroup", "ok", &two),
        ("unknown", "unknown_method", &zero),
    ];
    assert_eq!(seen, expected);
    assert!(of_batch.iter().all(|line| line["tier"] == "basic" && line["key_id"] == json!(basic_id)));

    let notification = json!({ "jsonrpc": "2.0", "method": "get_assets_by_group", "params": [] }).to_string();
    assert_eq!(send(&client, &world.doors()[0], "note", notification).await.status, 204);
    let [line] = lines(&mut world.server, "note", 1).await.try_into().expect("one line");
    assert_eq!((&line["method"], &line["outcome"]), (&json!("getAssetsByGroup"), &json!("invalid_params")));

    send(&client, &world.doors()[0], "text", "nope".to_owned()).await;
    let [line] = lines(&mut world.server, "text", 1).await.try_into().expect("one line");
    assert_eq!((&line["method"], &line["outcome"]), (&json!("unknown"), &json!("not_json")));

    send(&client, "/?api-key=nobody", "refused", page(1, 1)).await;
    let [line] = lines(&mut world.server, "refused", 1).await.try_into().expect("one line");
    assert_eq!(line["dialect"], json!("helius"));
    assert!(line["message"].as_str().unwrap().starts_with("refused: "), "{line}");

    // No more lines than calls: 3 single ones, a batch of 3, a notification, a text, a refusal.
    let all = world.server.output();
    assert_eq!(all.lines().filter(|line| line.contains("vitrine::access")).count(), 9);
    assert!(!all.contains("getSomethingNew"), "an unknown method writes nothing into the log");
}

/// As with `serve 2>&1 | less`, and nobody who turns the page.
#[tokio::test]
async fn a_log_that_nobody_reads_keeps_neither_calls_nor_the_end_waiting() {
    let database = Database::new().await;
    let store = database.store();
    let (key, _) = make_key(&store, "enterprise", None).await;
    store.close().await;
    // Lines of calls, and several others for each of them.
    let mut server = Vitrine::new(&["serve", "--listen", "127.0.0.1:0"])
        .on(&database)
        .env("VITRINE_LOG_FILTER", "trace")
        .serve_unread();
    let client = server.client();
    // More lines than a pipe holds and than wait for it: the end has nowhere to tell that some are lost.
    for number in 0..512 {
        let path = format!("/?api-key={key}");
        let batch = format!("[{}]", vec![page(1, 1); 50].join(","));
        let reply =
            timeout(PATIENCE, send(&client, &path, &number.to_string(), batch)).await.expect("an answer");
        assert_eq!(reply.json().as_array().map(Vec::len), Some(50), "{}", reply.text);
    }
    server.signal(rustix::process::Signal::TERM);
    let status = tokio::task::spawn_blocking(move || server.wait()).await.unwrap();
    assert_eq!(status.code(), Some(0));
}

/// The client of a batch gets null for it, and the operator must get to know.
#[tokio::test]
async fn a_proof_that_does_not_verify_is_an_error_in_the_log() {
    let database = Database::new().await;
    let groves = chain::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/worlds/groves.chain.json")));
    chain::write(&mut database.connect().await, &groves).await;
    let store = database.store();
    let (key, _) = make_key(&store, "basic", None).await;
    store.close().await;
    let mut server = Server::start(&database, &[("VITRINE_LOG_FORMAT", "json")]);
    let (sound, broken) =
        ("CQZFMgUWbdkju7UrHPfUhsAqKALKEbGgMu9rb37sNtF", "7M8Xe4qvQWa9wgvwQRLh8BPRYCK6rmz2szLNWNXf1rFB");
    let body = call(1, "getAssetProofs", json!([[sound, broken]]));
    let reply = send(&server.client(), &format!("/?api-key={key}"), "unsound", body).await;
    let result = &reply.json()["result"];
    assert!(result[sound]["root"].is_string() && result[broken].is_null(), "{result}");
    let line = server.wait_for("getAssetProofs has no proof of 1 assets", |line| line.contains(broken));
    let line: Value = serde_json::from_str(&line.expect("a line")).unwrap();
    assert_eq!((&line["level"], &line["request_id"]), (&json!("ERROR"), &json!("unsound")), "{line}");
    assert!(line["message"].as_str().unwrap().contains("does not hash up to the root"), "{line}");
}

/// Every character as `%XX`.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        write!(all, "%{byte:02X}").unwrap();
        all
    })
}

/// Shows a key in every way in which it can be shown, right or wrong.
async fn show(client: &Client, key: &str) {
    let encoded = percent_encoded(key);
    let header = |name: &str, value: String| BTreeMap::from([(name.to_owned(), value)]);
    let none = BTreeMap::new;
    let ways = [
        (format!("/?api-key={key}"), none()),
        (format!("/?api-key={encoded}"), none()),
        (format!("/?api_key={key}"), none()),
        (format!("/v3/{key}"), none()),
        (format!("/v3/{encoded}"), none()),
        (format!("/v3/{key}/more"), none()),
        (format!("/sol/{key}"), none()),
        (format!("/sol/{encoded}"), none()),
        (format!("/sol?api-key={key}"), none()),
        (format!("/v1/solana/{key}"), none()),
        (format!("/v1/solana?api-key={encoded}"), none()),
        (format!("/nothing/{key}"), none()),
        ("/".to_owned(), header("authorization", format!("Bearer {key}"))),
        ("/sol".to_owned(), header("authorization", format!("bearer {key}"))),
        ("/".to_owned(), header("authorization", format!("Basic {key}"))),
        ("/".to_owned(), header("x-token", key.to_owned())),
        ("/v1/solana".to_owned(), header("x-token", key.to_owned())),
        ("/".to_owned(), header("cookie", format!("key={key}"))),
        ("/".to_owned(), header("referer", format!("http://v.test/?api-key={key}"))),
    ];
    let bodies = [
        page(1, 1),
        "nope".to_owned(),
        call(1, key, json!([key])),
        page(1, 5_000),
        call(key, "x", json!([])),
    ];
    for (path, headers) in &ways {
        for body in &bodies {
            client.send("POST", path, headers, Some(body.clone())).await.unwrap();
        }
        for method in ["GET", "PUT", "OPTIONS"] {
            client.send(method, path, headers, None).await.unwrap();
        }
    }
}

#[tokio::test]
async fn keys_are_never_logged() {
    for (format, filter) in [("text", "info"), ("json", "debug"), ("text", "trace")] {
        let settings = [("VITRINE_LOG_FORMAT", format), ("VITRINE_LOG_FILTER", filter)];
        let mut world = World::new(&settings).await;
        let client = world.server.client();
        let (free, _) = make_key(&world.store, "free", None).await;
        let (revoked, revoked_id) = make_key(&world.store, "pro", None).await;
        world.store.revoke_key(revoked_id, time::OffsetDateTime::now_utc()).await.unwrap();
        let wrong = "vt_wr0ngwr0ngwr0ngwr0ngwr0ngwr0ng";
        let keys = [world.key.as_str(), &free, &revoked, wrong, "K3Y-nobody-made"];
        for key in keys {
            show(&client, key).await;
        }
        let wait = "the-last-request";
        send(&client, &world.doors()[0], wait, page(1, 1)).await;
        until("the last line", async || world.server.output().contains(wait)).await;
        world.server.signal(rustix::process::Signal::TERM);
        world.server.wait();
        let output = world.server.output();
        assert!(output.lines().count() > keys.len() * 19 * 3, "it logs");
        for key in keys {
            // Neither whole, nor its random part, nor encoded.
            let secret = key.strip_prefix("vt_").unwrap_or(key);
            let encoded = percent_encoded(secret);
            for text in [secret, &secret[..12], &encoded, &encoded.to_lowercase()] {
                let line = output.lines().find(|line| line.contains(text));
                assert_eq!(line, None, "{format} {filter}: {text}");
            }
        }
    }
}
