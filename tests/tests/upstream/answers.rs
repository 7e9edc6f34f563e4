//! What goes to the node, and what comes back of it.

use serde_json::{Value, json};
use vitrine_tests::Node;
use vitrine_tests::assets::pubkey;
use vitrine_tests::node::{Act, answer, refusal};

use super::{World, asset, call};

#[tokio::test]
async fn results_come_back_to_the_letter_under_the_clients_id() {
    const RESULT: &str = r#"{ "context":{"slot": 1.50},"value":["\u0041",null, 12345678901234567890 ] }"#;
    let node = Node::start(|request| match request["method"].as_str().unwrap() {
        "getTransaction" => Act::Answer(answer("null")),
        // Members in another order, more of them, and an error that is none.
        "getSlot" => {
            Act::Answer(format!(r#" {{"error":null,"id":1,"x":[1],"result":{RESULT},"jsonrpc":"2.0"}} "#))
        }
        _ => Act::Answer(answer(RESULT)),
    })
    .await;
    let world = World::new(&node, &[]).await;
    let client = world.client();
    for path in world.doors() {
        for id in ["1", "\"a\\u0041\"", "1.50", "-7", "null", "12345678901234567890123", "\"helius-sdk\""] {
            for (method, result) in [("getBalance", RESULT), ("getSlot", RESULT), ("getTransaction", "null")]
            {
                let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":["x"]}}"#);
                let reply = client.post(&path, body).await;
                let expected = format!(r#"{{"jsonrpc":"2.0","result":{result},"id":{id}}}"#);
                assert_eq!((reply.status.as_u16(), reply.text), (200, expected), "{path} {method}");
                assert_eq!(reply.headers["content-type"], "application/json");
                assert_eq!(reply.headers["access-control-allow-origin"], "*");
                assert!(reply.headers.contains_key("x-request-id"));
            }
        }
    }
    assert_eq!(node.connections(), 1, "one after the other, on one connection");
}

#[tokio::test]
async fn parameters_go_there_to_the_letter_and_nothing_else_does() {
    let node = Node::answering("1").await;
    let world = World::new(&node, &[]).await;
    let client = world.client();
    let bodies = [
        (
            r#"{"jsonrpc":"2.0","id":"x","method":"getBalance","params":[ "a\u0041", {"k":1.50} ],"more":7}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"getBalance","params":[ "a\u0041", {"k":1.50} ]}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","id":3,"method":"get\u0053lot"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"getSlot"}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","id":3,"method":"any \"name\"","params":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"any \"name\"","params":{}}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","id":3,"method":"getSlot","params":null}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"getSlot","params":null}"#,
        ),
    ];
    for (sent, _) in bodies {
        assert_eq!(client.post(&world.doors()[0], sent).await.json()["result"], json!(1), "{sent}");
    }
    for (request, (_, expected)) in node.received().iter().zip(bodies) {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, expected);
        let (line, headers) = head.split_once("\r\n").unwrap();
        assert_eq!(line, "POST / HTTP/1.1");
        let mut names: Vec<&str> = headers.lines().map(|line| line.split(':').next().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["accept", "accept-encoding", "content-length", "content-type", "host", "user-agent"]
        );
    }
}

#[tokio::test]
async fn errors_of_the_node_come_back_in_its_own_words() {
    const ERROR: &str = r#"{"code": -32002,"message":"Transaction simulation failed","data":{"err":{"InstructionError":[0,{"Custom":1}]},"logs":[ ]}}"#;
    let node = Node::start(|request| match request["params"][0].as_u64().unwrap() {
        200 => Act::Answer(refusal(ERROR)),
        status => Act::Status(u16::try_from(status).unwrap(), refusal(ERROR)),
    })
    .await;
    let world = World::new(&node, &[]).await;
    let client = world.client();
    for path in world.doors() {
        // Some providers say with HTTP too that a call is wrong.
        for status in [200, 400, 404, 405, 413, 422] {
            let reply = client.post(&path, call("a", "sendTransaction", json!([status]))).await;
            let expected = format!(r#"{{"jsonrpc":"2.0","error":{ERROR},"id":"a"}}"#);
            assert_eq!((reply.status.as_u16(), reply.text), (200, expected), "{path} {status}");
            assert!(!reply.headers.contains_key("retry-after"));
        }
    }
}

#[tokio::test]
async fn batches_of_both_kinds_are_answered_in_order() {
    let node = Node::start(|request| match request["method"].as_str().unwrap() {
        "getSlot" => Act::Answer(answer(&request["params"][0].to_string())),
        "getBlock" => Act::Answer(refusal(r#"{"code":-32009,"message":"Slot 5 was skipped"}"#)),
        "getSupply" => Act::Raw(Vec::new()),
        // More than a single answer is read before it goes on.
        "getBlocks" => Act::Chunks(answer(&format!("\"{}\"", "b".repeat(200_000))), 50_000),
        other => panic!("{other}"),
    })
    .await;
    let world = World::new(&node, &[("VITRINE_RPC_BATCH_CONCURRENCY", "3")]).await;
    let client = world.client();
    let mut entries: Vec<String> = Vec::new();
    for number in 0..20 {
        entries.push(call(number * 2, "getSlot", json!([number])));
        entries.push(asset(number * 2 + 1));
    }
    entries.push(call("error", "getBlock", json!([5])));
    entries.push(r#"{"jsonrpc":"2.0","method":"getSlot","params":["a notification"]}"#.to_owned());
    entries.push(call("away", "getSupply", json!([])));
    entries.push("7".to_owned());
    entries.push(call("long", "getBlocks", json!([])));
    for path in world.doors() {
        let reply = client.post(&path, format!("[{}]", entries.join(","))).await;
        assert_eq!(reply.status, 200);
        let answers = reply.json();
        let answers = answers.as_array().unwrap();
        assert_eq!(answers.len(), 44);
        for number in 0..20_usize {
            let [slot, asset] = [&answers[number * 2], &answers[number * 2 + 1]];
            assert_eq!((&slot["id"], &slot["result"]), (&json!(number * 2), &json!(number)));
            assert_eq!(
                (&asset["id"], &asset["result"]["id"]),
                (&json!(number * 2 + 1), &json!(pubkey(1).to_string()))
            );
        }
        assert_eq!(answers[40]["error"], json!({ "code": -32009, "message": "Slot 5 was skipped" }));
        assert_eq!(answers[41]["id"], "away");
        assert!(answers[41]["error"]["message"].as_str().unwrap().contains("unavailable"), "{}", answers[41]);
        assert_eq!(answers[42]["error"]["code"], json!(-32600));
        assert_eq!(answers[43]["result"].as_str().unwrap().len(), 200_000);
    }
    let notes = node.calls().iter().filter(|call| call["params"] == json!(["a notification"])).count();
    assert_eq!(notes, 3, "notifications are passed on too");
}

#[tokio::test]
async fn a_notification_is_passed_on_and_not_answered() {
    let node = Node::answering("1").await;
    let world = World::new(&node, &[]).await;
    let silent = r#"{"jsonrpc":"2.0","method":"sendTransaction","params":["tx"]}"#;
    for path in world.doors() {
        for body in [silent.to_owned(), format!("[{silent},{silent}]")] {
            let reply = world.client().post(&path, body).await;
            assert_eq!((reply.status.as_u16(), reply.text.as_str()), (204, ""));
        }
    }
    assert_eq!(node.calls().len(), 9);
    assert!(node.calls().iter().all(|call| call["params"] == json!(["tx"]) && call["id"] == json!(1)));
}

#[tokio::test]
async fn health_is_the_nodes_where_there_is_one() {
    let behind = r#"{"code":-32005,"message":"Node is behind by 42 slots","data":{"numSlotsBehind":42}}"#;
    let node = Node::start(move |_| Act::Answer(refusal(behind))).await;
    let world = World::new(&node, &[]).await;
    for method in ["getHealth", "get_health"] {
        let reply = world.client().post(&world.doors()[0], call(1, method, json!([]))).await;
        assert_eq!(reply.json()["error"], serde_json::from_str::<Value>(behind).unwrap());
    }
    assert!(node.calls().iter().all(|call| call["method"] == "getHealth"));
    assert_eq!(node.calls().len(), 2);
    // Ours stay ours.
    let reply = world.client().post(&world.doors()[0], call(1, "rpc.discover", json!([]))).await;
    assert_eq!(reply.json()["result"]["info"]["title"], "Vitrine");
    assert_eq!(node.calls().len(), 2);
}

#[tokio::test]
async fn without_an_upstream_other_methods_are_unknown() {
    let world = World::at("", &[]).await;
    for (path, status) in world.doors().iter().zip([200, 200, 403]) {
        let reply = world.client().post(path, call(1, "getBalance", json!([]))).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["error"]["code"]), (status, &json!(-32601)));
    }
    let reply = world.client().post(&world.doors()[0], call(1, "getHealth", json!([]))).await;
    assert_eq!(reply.json()["result"], "ok");
    assert_eq!(world.client().get("/status").await.json()["upstream"], Value::Null);
}
