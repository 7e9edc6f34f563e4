//! Answers above 64 KiB: they pass through in pieces.

use std::io::Read;

use serde_json::json;
use vitrine_tests::Node;
use vitrine_tests::node::{Act, answer, refusal};
use vitrine_tests::raw::{Raw, post};

use super::{World, call, until};

/// What an access line of a call in pieces says of its end.
async fn logged(world: &mut World, outcome: &str) {
    let line = format!("getBlock {outcome}");
    until(&line, async || world.server.output().contains(&line)).await;
}

/// A result of so many bytes, with all that could mislead somebody who looks for its end.
fn result(bytes: usize) -> String {
    let unit = r#"{"a":"}]\"\\","result":[{}],"id":1,"é":" ,"},"#;
    format!("[{}0]", unit.repeat(bytes / unit.len()))
}

#[tokio::test]
async fn long_results_come_whole_over_both_versions_of_http() {
    let sizes = [65_400, 65_536, 70_000, 1_000_000, 6_000_000];
    let node = Node::start(move |request| {
        let text = answer(&result(usize::try_from(request["params"][0].as_u64().unwrap()).unwrap()));
        let chunk =
            [1_009, 16_384, 1_000_003][usize::try_from(request["params"][1].as_u64().unwrap()).unwrap()];
        Act::Chunks(text, chunk)
    })
    .await;
    // The largest one is beyond what an answer of ours may be: it passes all the same.
    let world = World::new(&node, &[("VITRINE_RPC_RESPONSE_BYTES_MAX", "3000000")]).await;
    // Whoever makes this one first sees to what the others below need.
    let batches = world.client();
    let old = reqwest::Client::builder().http1_only().build().unwrap();
    let new = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    for (number, bytes) in sizes.into_iter().enumerate() {
        for client in [&old, &new] {
            let url = format!("{}{}", world.server.base, world.doors()[number % 3]);
            let body = call("x\"", "getBlock", json!([bytes, number % 3]));
            let reply = client.post(url).body(body).send().await.unwrap();
            assert_eq!(reply.status(), 200);
            assert!(reply.headers().contains_key("x-request-id"));
            let text = reply.text().await.unwrap();
            let expected = format!(r#"{{"jsonrpc":"2.0","result":{},"id":"x\""}}"#, result(bytes));
            assert!(text == expected, "{bytes}: {} bytes, expected {}", text.len(), expected.len());
        }
    }
    // In a batch they count against the bound on answers.
    let batch = format!("[{}]", call(1, "getBlock", json!([6_000_000, 1])));
    let reply = batches.post(&world.doors()[1], batch).await;
    assert_eq!(reply.json()[0]["error"]["message"], "Response too large, lower the limit");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_result_of_any_length_takes_little_memory() {
    const BYTES: usize = 50_000_000;
    let text = answer(&result(BYTES));
    let length = text.len() + r#""x""#.len() - "1".len();
    let node = Node::start(move |_| Act::Chunks(text.clone(), 1_000_003)).await;
    // With a key in the URL every piece is looked through for it.
    let url = format!("http://{}/?api-key=0123456789abcdef", node.address);
    let world = World::at(&url, &[]).await;
    world.serves_assets().await;
    let before = peak_bytes(world.server.pid());
    for encoding in ["identity", "zstd"] {
        let mut reply = reqwest::Client::new()
            .post(format!("{}{}", world.server.base, world.doors()[0]))
            .header("accept-encoding", encoding)
            .body(call("x", "getBlock", json!([])))
            .send()
            .await
            .unwrap();
        let mut came = 0;
        while let Some(piece) = reply.chunk().await.unwrap() {
            came += piece.len();
        }
        assert!(encoding != "identity" || came == length, "{came} of {length} bytes");
        assert!(came > 1_000, "{encoding}: {came}");
    }
    let grown = peak_bytes(world.server.pid()) - before;
    assert!(grown < BYTES / 2, "{grown} bytes more at the peak");
}

/// The most memory that a running process ever had (`VmHWM`).
#[cfg(target_os = "linux")]
fn peak_bytes(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1_024
}

#[tokio::test]
async fn long_results_come_in_the_encoding_that_the_client_takes() {
    let node = Node::start(|request| {
        Act::Chunks(
            answer(&result(1_000_000)),
            usize::try_from(request["params"][0].as_u64().unwrap()).unwrap(),
        )
    })
    .await;
    let world = World::new(&node, &[]).await;
    let whole = format!(r#"{{"jsonrpc":"2.0","result":{},"id":1}}"#, result(1_000_000));
    for chunk in [20, 5_000, 600_000] {
        for (accepts, encoding) in [("", ""), ("gzip", "gzip"), ("gzip, zstd", "zstd"), ("br", "")] {
            let mut raw = Raw::connect(&world.server).await;
            let accepts = format!("accept-encoding: {accepts}");
            let body = call(1, "getBlock", json!([chunk]));
            let reply = raw.exchange(&post(&world.doors()[0], &[&accepts], body.as_bytes())).await;
            assert_eq!(reply.header("content-encoding"), encoding, "{chunk}");
            assert_eq!(reply.header("vary").matches("accept-encoding").count(), 1);
            let plain = match encoding {
                "gzip" => {
                    let mut plain = Vec::new();
                    flate2::read::GzDecoder::new(&*reply.body).read_to_end(&mut plain).unwrap();
                    plain
                }
                "zstd" => zstd::decode_all(&*reply.body).unwrap(),
                _ => reply.body.clone(),
            };
            assert!(
                plain == whole.as_bytes(),
                "{chunk} {encoding}: {} of {} bytes",
                plain.len(),
                whole.len()
            );
            let worth_it = encoding.is_empty() || chunk == 20 || reply.body.len() < whole.len() / 10;
            assert!(worth_it, "{chunk} {encoding}: {} bytes", reply.body.len());
        }
    }
}

#[tokio::test]
async fn a_long_error_is_told_whole() {
    let error = format!(r#"{{"code":-32002,"message":"m","data":{}}}"#, result(300_000));
    let text = refusal(&error);
    let node = Node::start(move |_| Act::Answer(text.clone())).await;
    let world = World::new(&node, &[]).await;
    let reply = world.client().post(&world.doors()[0], call(1, "simulateTransaction", json!([]))).await;
    assert!(reply.text == format!(r#"{{"jsonrpc":"2.0","error":{error},"id":1}}"#));
}

#[tokio::test]
async fn what_breaks_off_at_the_node_breaks_off_at_the_client() {
    let begun = format!(r#"{{"jsonrpc":"2.0","result":"{}"#, "b".repeat(200_000));
    let whole_but_for_the_end = answer(&result(200_000)).trim_end_matches('}').to_owned();
    let twice = format!("{}{}", answer(&result(200_000)), answer("1"));
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
    let cut = format!("{head}{begun}").into_bytes();
    let node = Node::start(move |request| match request["params"][0].as_str().unwrap() {
        "cut" => Act::Raw(cut.clone()),
        "stalled" => Act::Stall(begun.clone()),
        "unfinished" => Act::Answer(whole_but_for_the_end.clone()),
        _ => Act::Answer(twice.clone()),
    })
    .await;
    // Whatever ends one of these, it is not the time for the whole answer.
    let settings =
        [("VITRINE_UPSTREAM_TIMEOUT_MS", "300"), ("VITRINE_UPSTREAM_ANSWER_TIMEOUT_MS", "3600000")];
    let mut world = World::new(&node, &settings).await;
    for (number, how) in ["cut", "stalled", "unfinished", "twice"].into_iter().enumerate() {
        let mut raw = Raw::connect(&world.server).await;
        raw.send(&post(&world.doors()[0], &[], call(1, "getBlock", json!([how])).as_bytes())).await.unwrap();
        let said = String::from_utf8_lossy(&raw.closed().await).into_owned();
        // What was not yet on its way when the connection was given up is lost with it, in the worst case all.
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 200 "), "{how}: {said:.200}");
        // The client is not told that this is all.
        assert!(!said.ends_with("0\r\n\r\n"), "{how}");
        until("each is logged", async || world.server.output().matches("getBlock cut").count() == number + 1)
            .await;
    }
    assert_eq!(
        world.server.output().matches("getBlock ").count(),
        world.server.output().matches("getBlock cut").count()
    );
    world.serves_assets().await;
}

#[tokio::test]
async fn an_answer_without_end_ends() {
    let begun = format!(r#"{{"jsonrpc":"2.0","result":["{}""#, "b".repeat(100_000));
    let node = Node::start(move |request| match request["method"].as_str().unwrap() {
        "getBlock" => Act::Endless(begun.clone(), format!(r#","{}""#, "x".repeat(10_000))),
        _ => Act::Answer(answer("1")),
    })
    .await;
    let settings = [("VITRINE_UPSTREAM_ANSWER_TIMEOUT_MS", "500"), ("VITRINE_UPSTREAM_CONNECTIONS_MAX", "1")];
    let mut world = World::new(&node, &settings).await;
    // One client reads all that comes, another reads nothing at all.
    for reads in [true, false] {
        let mut raw = Raw::connect(&world.server).await;
        raw.send(&post(&world.doors()[0], &[], call(1, "getBlock", json!([])).as_bytes())).await.unwrap();
        if reads {
            let said = raw.closed().await;
            assert!(said.len() > 100_000 && !said.ends_with(b"0\r\n\r\n"));
        }
        // Neither keeps the one connection to the node.
        let reply = world.client().post(&world.doors()[0], call(1, "getSlot", json!([]))).await;
        assert_eq!(reply.json()["result"], json!(1), "{}", reply.text);
        drop(raw);
    }
    logged(&mut world, "cut").await;
    until("the node is left", async || node.left() == 2).await;
}

#[tokio::test]
async fn a_client_that_leaves_takes_the_call_with_it() {
    let begun = format!(r#"{{"jsonrpc":"2.0","result":["{}""#, "b".repeat(100_000));
    let node = Node::start(move |request| match request["method"].as_str().unwrap() {
        "getBlock" => Act::Endless(begun.clone(), format!(r#","{}""#, "x".repeat(10_000))),
        _ => Act::Hold(answer("1")),
    })
    .await;
    // None of them ends by itself.
    let settings = [
        ("VITRINE_UPSTREAM_TIMEOUT_MS", "3600000"),
        ("VITRINE_UPSTREAM_ANSWER_TIMEOUT_MS", "3600000"),
        ("VITRINE_SERVER_CALL_TIMEOUT_MS", "3600000"),
    ];
    let mut world = World::new(&node, &settings).await;
    for (method, left) in [("getSlot", 1), ("getBlock", 2)] {
        let mut raw = Raw::connect(&world.server).await;
        raw.send(&post(&world.doors()[0], &[], call(1, method, json!([])).as_bytes())).await.unwrap();
        if method == "getBlock" {
            until("the answer begins", async || raw.has_spoken()).await;
        } else {
            until("the node is asked", async || node.calls().len() == left).await;
        }
        drop(raw);
        until("the node is left", async || node.left() == left).await;
    }
    logged(&mut world, "left").await;
}
