//! Who may have what passed on, how often, and what the log says of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use vitrine_tests::Node;
use vitrine_tests::client::make_key;
use vitrine_tests::node::{Act, answer, refusal};

use super::{World, asset, call, doors, until};

#[tokio::test]
async fn a_tier_opens_categories() {
    let node = Node::answering("1").await;
    let world = World::new(&node, &[]).await;
    let client = world.client();
    let (free, _) = make_key(&world.store, "free", None).await;
    let [helius, infura, triport] = doors(&free);
    for path in [&helius, &infura, &triport] {
        for method in ["getBalance", "simulateTransaction", "getHealth"] {
            let reply = client.post(path, call(1, method, json!([]))).await;
            assert_eq!(reply.json()["result"], json!(1), "{method} {}", reply.text);
        }
        assert_eq!(client.post(path, asset(1)).await.status, 403, "the assets are not for this tier");
    }
    let passed_on = node.calls().len();
    for method in ["sendTransaction", "sendBundle", "requestAirdrop"] {
        let reply = client.post(&helius, call(1, method, json!([]))).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["error"]["code"]), (403, &json!(-32003)));
        let reply = client.post(&infura, call(1, method, json!([]))).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["error"]["code"]), (403, &json!(-32002)));
        let reply = client.post(&triport, call(1, method, json!([]))).await;
        assert_eq!(reply.status, 403);
        let error = &reply.json()["error"];
        assert_eq!(error["message"], json!(format!("Method '{method}' requires basic tier or higher")));
        assert_eq!(
            error["data"],
            json!({ "current_tier": "free", "required_tier": "basic", "method": method, "category": "sol_send_tx" })
        );
    }
    assert_eq!(node.calls().len(), passed_on, "nothing of that got there");
    // A key that nobody has is told so, whatever it calls.
    assert_eq!(client.post("/?api-key=nobody", call(1, "getBalance", json!([]))).await.status, 401);
    assert_eq!(node.calls().len(), passed_on);
}

#[tokio::test]
async fn each_category_has_its_own_rate() {
    let node = Node::answering("1").await;
    let world = World::new(&node, &[]).await;
    let client = world.client();
    let (basic, _) = make_key(&world.store, "basic", None).await;
    let triport = &doors(&basic)[2];
    // 5 a second: a burst of 10.
    let sends = vec![call(1, "sendTransaction", json!([])); 40].join(",");
    let reply = client.post(triport, format!("[{sends}]")).await;
    assert_eq!(reply.headers["x-ratelimit-limit"], "5");
    let answers = reply.json();
    let (taken, refused): (Vec<&Value>, Vec<&Value>) =
        answers.as_array().unwrap().iter().partition(|answer| answer.get("result").is_some());
    assert!((10..=20).contains(&taken.len()), "{}", taken.len());
    for answer in refused {
        let data = &answer["error"]["data"];
        assert_eq!((&data["category"], &data["limit"]), (&json!("sol_send_tx"), &json!(5)), "{answer}");
    }
    assert_eq!(node.calls().len(), taken.len(), "what is refused does not get there");
    // The other buckets are full.
    let reply = client.post(triport, call(1, "getSlot", json!([]))).await;
    assert_eq!(
        (&*reply.headers["x-ratelimit-limit"], &*reply.headers["x-ratelimit-remaining"]),
        ("50", "99")
    );
    let reply = client.post(triport, asset(1)).await;
    assert_eq!(
        (&*reply.headers["x-ratelimit-limit"], &*reply.headers["x-ratelimit-remaining"]),
        ("10", "19")
    );
}

#[tokio::test]
async fn every_call_is_one_line_of_the_log() {
    let node = Node::start(|request| match request["method"].as_str().unwrap() {
        "getBlock" => Act::Chunks(answer(&format!("\"{}\"", "b".repeat(300_000))), 10_000),
        "getSupply" => Act::Raw(Vec::new()),
        "getFees\n" => Act::Answer(refusal(r#"{"code":-32601,"message":"Method not found"}"#)),
        _ => Act::Answer(answer("[1,2]")),
    })
    .await;
    let mut world = World::new(&node, &[("VITRINE_LOG_FORMAT", "json")]).await;
    let client = world.client();
    let expected = [
        ("getSlot", "getSlot", "sol_read_rpc", "ok", 5),
        ("sendTransaction", "sendTransaction", "sol_send_tx", "ok", 5),
        ("getBlock", "getBlock", "sol_read_rpc", "ok", 300_002),
        ("getSupply", "getSupply", "sol_read_rpc", "no_upstream", 0),
        ("getFees\n", "other", "sol_read_rpc", "upstream_error", 0),
        ("sendSomething", "other", "sol_send_tx", "ok", 5),
        ("rpc.discover", "rpc.discover", "sol_das", "ok", 0),
    ];
    for (number, (method, logged, category, outcome, bytes)) in expected.into_iter().enumerate() {
        let id = format!("line-{number}");
        let headers = BTreeMap::from([("x-request-id".to_owned(), id.clone())]);
        let body = call(1, method, json!([]));
        let reply = client.send("POST", &world.doors()[1], &headers, Some(body)).await.unwrap();
        assert_eq!(reply.headers["x-request-id"], id);
        let mut lines: Vec<Value> = Vec::new();
        until("the line", async || {
            let output = world.server.output();
            lines = output
                .lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok())
                .filter(|line| line["target"] == "vitrine::access" && line["request_id"] == json!(id))
                .collect();
            !lines.is_empty()
        })
        .await;
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!(
            (&line["method"], &line["category"], &line["outcome"], &line["dialect"], &line["tier"]),
            (&json!(logged), &json!(category), &json!(outcome), &json!("infura"), &json!("enterprise"))
        );
        if bytes > 0 {
            assert_eq!(line["bytes"], json!(bytes), "{method}");
        }
    }
    assert!(!world.server.output().contains("getFees"), "nobody writes into the log");
    assert!(!world.server.output().contains("sendSomething"));
}
