//! Keys: a client's never goes to the node, and the one of the node's URL never comes back.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::json;
use vitrine_tests::node::{Act, answer, refusal};
use vitrine_tests::{Node, Vitrine};

use super::{World, asset, call, until};

/// Stands in the node's URL, in every place where keys stand.
const SECRET: &str = "s3cr3t-0123456789abcdef";

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        write!(all, "%{byte:02X}").unwrap();
        all
    })
}

#[tokio::test]
async fn a_clients_key_never_goes_to_the_node() {
    let node = Node::answering(r#"{"value":1}"#).await;
    let world = World::new(&node, &[]).await;
    let (client, key) = (world.client(), &world.key);
    let encoded = percent_encoded(key);
    let header = |name: &str, value: String| BTreeMap::from([(name.to_owned(), value)]);
    let bare = BTreeMap::new;
    let ways = [
        (format!("/?api-key={key}"), bare()),
        (format!("/?api-key={encoded}&x={key}"), bare()),
        (format!("/v3/{key}"), bare()),
        (format!("/v3/{encoded}"), bare()),
        (format!("/sol/{key}"), bare()),
        (format!("/sol?api-key={key}"), bare()),
        (format!("/v1/solana/{key}"), bare()),
        ("/".to_owned(), header("authorization", format!("Bearer {key}"))),
        ("/sol".to_owned(), header("x-token", key.clone())),
        (format!("/?api-key={key}"), header("cookie", format!("key={key}"))),
        (format!("/?api-key={key}"), header("referer", format!("http://v.test/?api-key={key}"))),
        (format!("/?api-key={key}"), header("x-request-id", key.clone())),
        (format!("/?api-key={key}"), header("user-agent", key.clone())),
        (format!("/?api-key={key}"), header("x-forwarded-for", key.clone())),
    ];
    let owner = vitrine_tests::assets::pubkey(900).to_string();
    for (path, headers) in &ways {
        let more = format!(r#"{{"jsonrpc":"2.0","id":"{key}","method":"getSlot","api-key":"{key}"}}"#);
        let page = call(
            1,
            "getAssetsByOwner",
            json!([owner, null, null, null, null, null, { "showNativeBalance": true }]),
        );
        for body in [more.clone(), format!("[{more},{more}]"), page] {
            let reply = client.send("POST", path, headers, Some(body)).await.unwrap();
            assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        }
    }
    let received = node.received();
    assert_eq!(received.len(), ways.len() * 4);
    for request in received {
        assert!(!request.contains(key.as_str()) && !request.contains(&encoded), "{request}");
        assert!(!request.contains(&key[..12]), "{request}");
    }
}

/// Everything that a client can read of a server.
async fn read_all(world: &World) -> String {
    let mut all = String::new();
    let client = world.client();
    for path in world.doors() {
        for method in ["getSlot", "sendTransaction", "getHealth"] {
            for body in [call(1, method, json!([])), format!("[{},{}]", call(1, method, json!([])), asset(2))]
            {
                let reply = client.post(&path, body).await;
                write!(all, "{:?} {}", reply.headers, reply.text).unwrap();
            }
        }
    }
    for path in ["/", "/status", "/ready", "/health", "/openrpc.json"] {
        let reply = client.get(path).await;
        write!(all, "{:?} {}", reply.headers, reply.text).unwrap();
    }
    all
}

#[tokio::test]
async fn the_key_of_the_nodes_url_never_comes_back() {
    let echo = [
        Act::Answer(answer("1")),
        Act::Answer(refusal(&format!(r#"{{"code":-32401,"message":"unknown key {SECRET}"}}"#))),
        Act::Status(401, refusal(&format!(r#"{{"code":-32401,"message":"unknown key {SECRET}"}}"#))),
        Act::Status(404, format!("nothing at /{SECRET}")),
        Act::Status(502, format!("<a href='http://node.test/?api-key={SECRET}'>")),
        Act::Raw(
            format!(
                "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/{SECRET}\r\ncontent-length: 0\r\n\r\n"
            )
            .into(),
        ),
        Act::Raw(format!("{SECRET}\r\n\r\n").into_bytes()),
        Act::Raw(Vec::new()),
    ];
    let turn = std::sync::atomic::AtomicUsize::new(0);
    let node = Node::start(move |_| {
        echo[turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % echo.len()].clone()
    })
    .await;
    let forms = [
        format!("http://{}/?api-key={SECRET}", node.address),
        format!("http://{}/{SECRET}/", node.address),
        format!("http://{SECRET}:{SECRET}@{}/", node.address),
        // Where nobody listens, and where the name is nobody's.
        format!("http://127.0.0.1:1/v2/{SECRET}?api-key={SECRET}"),
        format!("https://{}/{SECRET}", node.address),
    ];
    for url in &forms {
        let settings = [
            ("VITRINE_LOG_FILTER", "trace"),
            ("VITRINE_UPSTREAM_PAUSE_MS", "1"),
            ("VITRINE_UPSTREAM_CONNECT_TIMEOUT_MS", "100"),
        ];
        let mut world = World::at(url, &settings).await;
        let read = read_all(&world).await;
        assert!(!read.contains(SECRET), "{url}: {read}");
        let address = node.address.to_string();
        assert!(!read.contains(&address) && !read.contains("127.0.0.1:1/"), "{url}: {read}");
        until("the log has lines", async || world.server.output().contains("vitrine::access")).await;
        let log = world.server.output();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(SECRET)).collect();
        assert!(lines.is_empty(), "{url}: {lines:?}");
    }
    assert!(node.received().iter().any(|request| request.contains(SECRET)), "the node itself gets its key");
}

#[tokio::test]
async fn the_command_that_checks_a_configuration_shows_no_key() {
    let url = format!("https://u:{SECRET}@node.test:8899/{SECRET}?api-key={SECRET}");
    let output = Vitrine::new(&["config", "check"]).env("VITRINE_UPSTREAM_RPC_URL", &url).output();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("https://node.test:8899 ("), "{text}");
    assert!(!text.contains(SECRET), "{text}");
    let url = format!("wss://node.test/{SECRET}");
    let output = Vitrine::new(&["config", "check"]).env("VITRINE_UPSTREAM_RPC_URL", &url).output();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("upstream.rpc_url"), "{text}");
    assert!(!text.contains(SECRET), "{text}");
}
