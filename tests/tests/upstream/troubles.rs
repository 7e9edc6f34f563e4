//! A node that is away, slow, or out of its mind.

use std::io::Write;

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::timeout;
use vitrine_tests::node::{Act, answer};
use vitrine_tests::server::PATIENCE;
use vitrine_tests::{Node, Reply};

use super::{World, asset, call, until};

/// The dialects' answers to a call whose upstream gives none: status, code, message.
const AWAY: [(i32, &str); 3] = [
    (-32000, "The service is temporarily unavailable."),
    (-32603, "Service unavailable"),
    (-32603, "Service unavailable"),
];

fn is_away(reply: &Reply, dialect: usize) {
    let (code, message) = AWAY[dialect];
    let expected = json!({ "jsonrpc": "2.0", "id": "i", "error": { "code": code, "message": message } });
    assert_eq!((reply.status.as_u16(), reply.json()), (503, expected));
    assert_eq!(reply.headers["retry-after"], "1");
}

#[tokio::test]
async fn whatever_is_wrong_is_a_503_of_the_dialect() {
    let acts = |what: &str| match what {
        "closes" => Act::Raw(Vec::new()),
        "no HTTP" => Act::Raw(b"SSH-2.0-x\r\n".to_vec()),
        "half a head" => Act::Raw(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec()),
        "half a body" => {
            Act::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n{\"jsonrpc\":\"2.0\",".to_vec())
        }
        "hangs" => Act::Hold(answer("1")),
        "stalls" => Act::Stall(r#"{"jsonrpc":"2.0","res"#.to_owned()),
        "text" => Act::Answer("ok".to_owned()),
        "empty" => Act::Answer(String::new()),
        "no answer" => Act::Answer(r#"{"jsonrpc":"2.0","id":1}"#.to_owned()),
        "an array" => Act::Answer(format!("[{}]", answer("1"))),
        "half JSON" => Act::Answer(r#"{"jsonrpc":"2.0","result":[1,"id":1}"#.to_owned()),
        "half an error" => Act::Answer(r#"{"error":{"message":"m"}}"#.to_owned()),
        "long text" => Act::Answer("<p>".repeat(100_000)),
        status => Act::Status(status.parse().unwrap(), answer("1")),
    };
    let node = Node::start(move |request| acts(request["params"][0].as_str().unwrap())).await;
    let settings = [
        ("VITRINE_UPSTREAM_TIMEOUT_MS", "300"),
        ("VITRINE_UPSTREAM_PAUSE_MS", "1"),
        // Longer than any test waits: no answer is this one's.
        ("VITRINE_SERVER_CALL_TIMEOUT_MS", "3600000"),
    ];
    let world = World::new(&node, &settings).await;
    let client = world.client();
    let whats = [
        "closes",
        "no HTTP",
        "half a head",
        "half a body",
        "hangs",
        "stalls",
        "text",
        "empty",
        "no answer",
        "an array",
        "half JSON",
        "half an error",
        "long text",
        "301",
        "401",
        "402",
        "403",
        "407",
        "429",
        "500",
        "502",
        "503",
        "504",
    ];
    let mut number = 0;
    let mut slot = |what: &str| {
        number += 1;
        call("i", "getSlot", json!([what, number]))
    };
    for what in whats {
        for (dialect, path) in world.doors().iter().enumerate() {
            let reply = timeout(PATIENCE, client.post(path, slot(what))).await.expect(what);
            is_away(&reply, dialect);
            // As an entry of a batch, beside one of ours.
            let batch = format!("[{},{}]", slot(what), asset(2));
            let reply = client.post(path, batch).await;
            let answers = reply.json();
            assert_eq!((reply.status.as_u16(), &answers[0]["error"]["code"]), (200, &json!(AWAY[dialect].0)));
            assert_eq!((&answers[0]["id"], &answers[1]["id"]), (&json!("i"), &json!(2)), "{what}");
            assert!(answers[1].get("result").is_some(), "{what}: {answers}");
        }
    }
    // Nothing was asked for twice; some of it not even once, for the node failed so often on end.
    let mut asked: Vec<u64> = node.calls().iter().map(|call| call["params"][1].as_u64().unwrap()).collect();
    let total = asked.len();
    asked.sort_unstable();
    asked.dedup();
    assert!(asked.len() == total && total > whats.len() * 3, "{total}");
    assert_eq!(client.get("/ready").await.status, 200, "assets are served whatever the node does");
}

/// What a dialect answers to a call that the node refuses with a status alone: status and error.
fn refused(status: u16, dialect: usize) -> (u16, Value) {
    let too_large = "Request too large for the upstream node";
    match (status, dialect) {
        (413, 0) => {
            let data = json!({ "field": "params", "reason": too_large });
            (400, json!({ "code": -32602, "message": "Invalid request parameters.", "data": data }))
        }
        (413, 1) => (200, json!({ "code": -32602, "message": too_large })),
        (413, _) => (200, json!({ "code": -32602, "message": too_large, "data": { "field": "params" } })),
        (_, 0) => (500, json!({ "code": -32000, "message": "An unexpected error occurred on the server." })),
        (_, 1) => (200, json!({ "code": -32603, "message": "Internal error" })),
        (..) => (500, json!({ "code": -32603, "message": "Internal error" })),
    }
}

/// One client's calls that the node will not have, far more on end than the failures after which it is left alone.
#[tokio::test]
async fn a_call_that_the_node_refuses_is_no_failure_of_the_node() {
    let node = Node::start(|request| {
        let Some(status) = request["params"][0].as_u64() else { return Act::Answer(answer("1")) };
        let head = format!("HTTP/1.1 {status} X\r\ncontent-type: text/plain\r\ncontent-length: 7\r\n\r\n");
        match request["params"][1].as_str().unwrap() {
            "text" => Act::Raw(format!("{head}refused").into_bytes()),
            "broken" => Act::Raw(head.into_bytes()),
            "long" => Act::Status(status.try_into().unwrap(), "<p>".repeat(100_000)),
            _ => Act::Status(status.try_into().unwrap(), answer("1")),
        }
    })
    .await;
    // Were it left alone, that would be so until the test is over.
    let mut world = World::new(&node, &[("VITRINE_UPSTREAM_PAUSE_MS", "3600000")]).await;
    let client = world.client();
    let slot = async || client.post(&world.doors()[0], call(1, "getSlot", json!([]))).await.json();
    for status in [413_u16, 400, 404, 405, 418] {
        for how in ["text", "text", "broken", "long", "result"] {
            for (dialect, path) in world.doors().iter().enumerate() {
                let reply = client.post(path, call("i", "getSlot", json!([status, how]))).await;
                let (expected, error) = refused(status, dialect);
                let answers = (reply.status.as_u16(), reply.json()["error"].clone());
                assert_eq!(answers, (expected, error), "{status} {how}");
                assert!(!reply.headers.contains_key("retry-after"), "{status} {how}: asked again in vain");
            }
        }
        assert_eq!(client.get("/status").await.json()["upstream"]["paused"], json!(false), "{status}");
        assert_eq!(slot().await["result"], json!(1), "{status}: the others' calls are answered");
    }
    assert_eq!(node.calls().len(), 5 * 5 * 3 + 5, "each got there, once");
    until("the operator is told", async || world.server.output().contains("with HTTP 404 alone")).await;
}

#[tokio::test]
async fn a_node_that_wants_to_be_left_alone_is_quoted_up_to_a_minute() {
    let node = Node::start(|request| {
        let (status, after) =
            (request["params"][0].as_u64().unwrap(), request["params"][1].as_str().unwrap());
        let head = format!("HTTP/1.1 {status} X\r\nretry-after: {after}\r\ncontent-length: 2\r\n\r\n{{}}");
        Act::Raw(head.into_bytes())
    })
    .await;
    let world = World::new(&node, &[("VITRINE_UPSTREAM_PAUSE_MS", "1")]).await;
    let client = world.client();
    for (after, told) in
        [("7", "7"), ("0", "1"), ("86400", "60"), ("soon", "1"), ("Sat, 21 Nov 2026 15:00:00 GMT", "1")]
    {
        for (dialect, path) in world.doors().iter().enumerate() {
            for status in [429, 500, 503] {
                let call = call("i", "getSlot", json!([status, after]));
                let reply = until_asked(&client, path, &call, &node).await;
                assert_eq!(
                    (reply.status.as_u16(), &*reply.headers["retry-after"]),
                    (503, told),
                    "{status} {after}"
                );
                assert_eq!(reply.json()["error"]["code"], json!(AWAY[dialect].0));
            }
        }
    }
}

/// Calls until the call gets to the node: one that fails on end is left alone for a millisecond.
async fn until_asked(client: &vitrine_tests::Client, path: &str, call: &str, node: &Node) -> Reply {
    let mut reply = None;
    until("the node is asked", async || {
        let before = node.calls().len();
        reply = Some(client.post(path, call.to_owned()).await);
        node.calls().len() > before
    })
    .await;
    reply.unwrap()
}

#[tokio::test]
async fn an_answer_in_an_encoding_that_nobody_asked_for_is_none() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(answer(&format!("\"{}\"", "x".repeat(1_000))).as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", packed.len());
    let bytes = [head.as_bytes(), &packed].concat();
    let node = Node::start(move |_| Act::Raw(bytes.clone())).await;
    let world = World::new(&node, &[]).await;
    is_away(&world.client().post(&world.doors()[0], call("i", "getBlock", json!([]))).await, 0);
    let asked = node.received().remove(0).to_ascii_lowercase();
    assert!(asked.contains("\r\naccept-encoding: identity\r\n"), "{asked}");
}

#[tokio::test]
async fn answers_that_nobody_asked_for_are_nobodys() {
    let node = Node::start(|request| {
        let number = request["params"][0].as_u64().unwrap();
        let other = || answer(r#""another's""#);
        // The id is not ours here, and an answer more than was asked for stands behind each.
        let text = format!(r#"{{"jsonrpc":"2.0","result":{number},"id":"another"}}"#);
        Act::Unasked(text, vec![other(); usize::try_from(number % 3).unwrap()])
    })
    .await;
    let world = World::new(&node, &[("VITRINE_UPSTREAM_CONNECTIONS_MAX", "1")]).await;
    let client = world.client();
    let mut answered = 0;
    for number in 0..60 {
        let reply = client.post(&world.doors()[1], call(number, "getSlot", json!([number]))).await.json();
        assert_eq!(reply["id"], json!(number));
        assert_ne!(reply["result"], json!("another's"));
        // What comes unasked spoils the connection, and with it perhaps the call that was about to use it.
        if reply.get("error").is_none() {
            assert_eq!(reply["result"], json!(number));
            answered += 1;
        }
    }
    assert!(answered >= 20, "{answered}");
}

#[tokio::test]
async fn a_dead_node_is_left_alone_and_found_again() {
    let node = Node::answering("1").await;
    let address = node.address;
    let world = World::new(&node, &[("VITRINE_UPSTREAM_PAUSE_MS", "300")]).await;
    let client = world.client();
    let paused = async || client.get("/status").await.json()["upstream"]["paused"].clone();
    let slot = async || client.post(&world.doors()[0], call("i", "getSlot", json!([]))).await;
    assert_eq!(slot().await.json()["result"], json!(1));
    assert_eq!(paused().await, json!(false));
    drop(node);
    for _ in 0..5 {
        is_away(&slot().await, 0);
    }
    assert_eq!(paused().await, json!(true));
    world.serves_assets().await;
    let node = Node::start_at(address, |_| Act::Answer(answer("2"))).await;
    until("it is asked again", async || slot().await.json()["result"] == json!(2)).await;
    assert_eq!(paused().await, json!(false));
    for _ in 0..20 {
        assert_eq!(slot().await.json()["result"], json!(2));
    }
    assert_eq!(node.connections(), 1);
}

#[tokio::test]
async fn a_node_that_hangs_holds_nothing_of_ours() {
    let node = Node::start(|_| Act::Hold(answer("1"))).await;
    let settings = [
        // Nothing ends by itself here: what is answered was not held.
        ("VITRINE_UPSTREAM_TIMEOUT_MS", "3600000"),
        ("VITRINE_SERVER_CALL_TIMEOUT_MS", "3600000"),
        ("VITRINE_UPSTREAM_CONNECTIONS_MAX", "4"),
        ("VITRINE_RPC_BATCH_CONCURRENCY", "2"),
    ];
    let world = World::new(&node, &settings).await;
    let (client, batch) = (world.client(), before_ours(40));
    let sending = tokio::spawn({
        let (client, path) = (client.clone(), world.doors()[1].clone());
        async move { client.post(&path, batch).await }
    });
    until("the node is asked", async || !node.calls().is_empty()).await;
    for _ in 0..20 {
        world.serves_assets().await;
    }
    assert!(!sending.is_finished(), "the node hangs yet");
    node.release(40);
    let answers = timeout(PATIENCE, sending).await.expect("the node lets go").unwrap().json();
    let answers = answers.as_array().unwrap();
    assert!(answers[..40].iter().all(|answer| answer["result"] == json!(1)), "{answers:?}");
    assert!(answers[40]["result"].is_object(), "ours was answered: {}", answers[40]);
    assert!(node.open_most() <= 4, "{}", node.open_most());
}

#[tokio::test]
async fn a_node_that_hangs_ends_a_batch_before_its_time_is_over() {
    let node = Node::start(|_| Act::Hold(answer("1"))).await;
    let settings = [
        ("VITRINE_UPSTREAM_TIMEOUT_MS", "300"),
        ("VITRINE_UPSTREAM_PAUSE_MS", "3600000"),
        ("VITRINE_UPSTREAM_CONNECTIONS_MAX", "4"),
        ("VITRINE_RPC_BATCH_CONCURRENCY", "2"),
        ("VITRINE_SERVER_CALL_TIMEOUT_MS", "3600000"),
    ];
    let world = World::new(&node, &settings).await;
    let (client, path) = (world.client(), &world.doors()[1]);
    let reply = timeout(PATIENCE, client.post(path, before_ours(40))).await.expect("the batch ends");
    let answers = reply.json();
    let answers = answers.as_array().unwrap();
    assert!(answers[..40].iter().all(|answer| answer["error"]["code"] == json!(-32603)), "{answers:?}");
    assert!(answers[40]["result"].is_object(), "ours was answered: {}", answers[40]);
    // Each of the first cost its wait; then it is left alone, but for the call that was beside the last of them.
    assert!(node.calls().len() <= 6, "{}", node.calls().len());
    assert!(node.open_most() <= 4, "{}", node.open_most());
}

/// A batch of so many of the node's calls, in front of one of ours.
fn before_ours(calls: usize) -> String {
    let mut entries = vec![call("i", "getSlot", json!([])); calls];
    entries.push(asset(2));
    format!("[{}]", entries.join(","))
}

#[tokio::test]
async fn connections_are_used_again_and_are_no_more_than_there_may_be() {
    let node = Node::start(|request| match request["method"].as_str().unwrap() {
        "getSlot" => Act::Answer(answer("1")),
        "getBlock" => Act::Chunks(answer(&format!("\"{}\"", "b".repeat(300_000))), 30_000),
        _ => Act::Hold(answer("1")),
    })
    .await;
    let world = World::new(&node, &[("VITRINE_UPSTREAM_CONNECTIONS_MAX", "3")]).await;
    let client = world.client();
    for number in 0..30 {
        let method = if number % 3 == 0 { "getBlock" } else { "getSlot" };
        let reply = client.post(&world.doors()[0], call(1, method, json!([]))).await;
        assert!(reply.json().get("result").is_some(), "{}", reply.status);
    }
    assert_eq!(node.connections(), 1);
    let calls: Vec<_> = (0..12)
        .map(|_| {
            let (client, path) = (client.clone(), world.doors()[0].clone());
            tokio::spawn(async move { client.post(&path, call(1, "getBalance", json!([]))).await.json() })
        })
        .collect();
    until("the connections are in use", async || node.calls().len() == 33).await;
    node.release(12);
    for answer in calls {
        assert_eq!(answer.await.unwrap()["result"], json!(1));
    }
    assert_eq!((node.connections(), node.open_most()), (3, 3));
}

#[tokio::test]
async fn calls_under_way_end_before_the_server_does() {
    let node = Node::start(|_| Act::Hold(answer("1"))).await;
    let mut world = World::new(&node, &[]).await;
    let calls: Vec<_> = world
        .doors()
        .into_iter()
        .map(|path| {
            let client = world.client();
            tokio::spawn(
                async move { client.post(&path, call(1, "sendTransaction", json!([]))).await.json() },
            )
        })
        .collect();
    until("the node has them", async || node.calls().len() == 3).await;
    world.server.signal(Signal::TERM);
    let client = world.client();
    let health = std::collections::BTreeMap::new();
    until("nobody is let in any more", async || client.send("GET", "/health", &health, None).await.is_err())
        .await;
    node.release(3);
    for answer in calls {
        assert_eq!(answer.await.unwrap()["result"], Value::from(1));
    }
    assert_eq!(world.server.wait().code(), Some(0));
}

#[tokio::test]
async fn bodies_up_to_the_limit_pass() {
    let node =
        Node::start(|request| Act::Answer(answer(&request["params"][0].as_str().unwrap().len().to_string())))
            .await;
    let world = World::new(&node, &[]).await;
    let empty = call(1, "sendTransaction", json!([""])).len();
    for (length, status) in [((1 << 20) - empty, 200), ((1 << 20) - empty + 1, 413)] {
        let body = call(1, "sendTransaction", json!(["x".repeat(length)]));
        let reply = world.client().post(&world.doors()[0], body).await;
        assert_eq!(reply.status, status);
        if status == 200 {
            assert_eq!(reply.json()["result"], json!(length));
        }
    }
    assert_eq!(node.calls().len(), 1);
}
