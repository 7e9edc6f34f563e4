//! Keys: a client's never goes to the node, and the one of the node's URL never comes back.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::json;
use vitrine_tests::node::{Act, answer, refusal};
use vitrine_tests::raw::{Raw, post};
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

/// What a node says that tells everything it knows, in an error and in what is none.
fn indiscretions(told: &str) -> Vec<Act> {
    let error = format!(r#"{{"code":-32401,"message":"at {told}","data":{{"{told}":["{told}"]}}}}"#);
    vec![
        Act::Answer(refusal(&error)),
        Act::Status(400, refusal(&error)),
        Act::Status(401, refusal(&error)),
        Act::Status(404, format!("nothing at {told}")),
        Act::Status(502, format!("<a href='{told}'>")),
        Act::Raw(format!("HTTP/1.1 302 Found\r\nlocation: {told}\r\ncontent-length: 0\r\n\r\n").into()),
        Act::Raw(format!("HTTP/1.1 200 {told}\r\nx-told: {told}\r\ncontent-length: 9\r\n\r\n").into()),
        Act::Raw(format!("{told}\r\n\r\n").into_bytes()),
        Act::Raw(Vec::new()),
    ]
}

#[tokio::test]
async fn no_part_of_the_nodes_url_comes_back_with_an_error() {
    // Where the node is, with every part that a URL has; what is told of it; and what must not be read anywhere.
    let forms = |address: &str| {
        [
            (format!("http://{address}/?api-key={SECRET}"), vec![SECRET]),
            (format!("http://{address}/{SECRET}/"), vec![SECRET]),
            (format!("http://{SECRET}:{SECRET}@{address}/"), vec![SECRET]),
            (
                format!("http://joe:pa55wd@{address}/rpc-of-ours?token=tok"),
                vec!["joe", "pa55wd", "/rpc-of-ours", "tok"],
            ),
            (format!("http://{address}/v2/k3y9?x-key=abc"), vec!["k3y9", "abc"]),
            // Where nobody listens, and nobody speaks TLS.
            (format!("http://127.0.0.1:1/v2/{SECRET}?api-key={SECRET}"), vec![SECRET]),
            (format!("https://{address}/{SECRET}"), vec![SECRET]),
        ]
    };
    for number in 0..7 {
        let told = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
        let turn = std::sync::atomic::AtomicUsize::new(0);
        let node = Node::start({
            let told = std::sync::Arc::clone(&told);
            move |_| {
                let acts = indiscretions(told.get().unwrap());
                acts[turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % acts.len()].clone()
            }
        })
        .await;
        let address = node.address.to_string();
        let (url, hidden) = forms(&address)[number].clone();
        let parts = hidden.join(" ");
        told.set(format!("{url} {address} {} {parts}", node.address.ip())).unwrap();
        let settings = [
            ("VITRINE_LOG_FILTER", "trace"),
            ("VITRINE_UPSTREAM_PAUSE_MS", "1"),
            ("VITRINE_UPSTREAM_CONNECT_TIMEOUT_MS", "100"),
        ];
        let mut world = World::at(&url, &settings).await;
        let read = read_all(&world).await;
        for part in hidden.iter().chain([&address.as_str(), &"127.0.0.1"]) {
            assert!(!is_in(part, &read), "{url}: {part}: {read}");
        }
        until("the log has lines", async || world.server.output().contains("vitrine::access")).await;
        // Keys stand in no line, however much is logged.
        let log = world.server.output();
        let of_the_node: Vec<&str> = log.lines().filter(|line| is_in(SECRET, line)).collect();
        assert!(of_the_node.is_empty(), "{url}: {of_the_node:?}");
        // Our own lines have nothing of the URL; the server's own address is in the first.
        for line in log.lines().filter(|line| line.contains("had no upstream")) {
            assert!(
                !hidden.iter().any(|part| is_in(part, line)) && !line.contains(&address),
                "{url}: {line}"
            );
        }
        let reached = !url.contains("127.0.0.1:1/") && url.starts_with("http:");
        assert_eq!(node.received().is_empty(), !reached, "the node itself gets its key");
        assert!(!reached || read.contains("(withheld)"), "{url}: an error was told, but for the URL");
    }
}

/// Whether a text holds this as a word of its own.
fn is_in(part: &str, text: &str) -> bool {
    let goes_on = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    text.match_indices(part).any(|(at, _)| {
        let before = at.checked_sub(1).and_then(|before| text.as_bytes().get(before));
        !goes_on(before) && !goes_on(text.as_bytes().get(at + part.len()))
    })
}

#[tokio::test]
async fn an_error_keeps_what_is_not_of_the_url() {
    let node = Node::start(|_| {
        Act::Answer(refusal(
            r#"{"code": -32002,"message":"Transaction simulation failed at node","data":{"logs":["see http:\/\/NODE.test:8899\/x"],"n":1.50}}"#,
        ))
    })
    .await;
    // The name is the node's own here: `node.test` is looked for, for it stands in the user's place.
    let world = World::at(&format!("http://node.test@{}/", node.address), &[]).await;
    let reply = world.client().post(&world.doors()[0], call(1, "simulateTransaction", json!([]))).await;
    assert_eq!(
        reply.text,
        r#"{"jsonrpc":"2.0","error":{"code": -32002,"message":"Transaction simulation failed at node","data":{"logs":["see http://(withheld):8899/x"],"n":1.50}},"id":1}"#
    );
}

#[tokio::test]
async fn a_result_is_passed_on_to_the_letter_but_never_with_a_key() {
    // What stands before it: answers are read whole, or in pieces, in the first of them or in a later one.
    let paddings = [10, 100_000, 500_000];
    let node = Node::start(move |request| {
        let (number, told) = (request["params"][0].as_u64().unwrap(), request["params"][1].as_str().unwrap());
        let padding = "x".repeat(usize::try_from(number).unwrap());
        Act::Chunks(answer(&format!(r#"["{padding}","{told}","{padding}"]"#)), 1_000)
    })
    .await;
    let mut world = World::at(&format!("http://joe:pa55wd@{}/v2?api-key={SECRET}", node.address), &[]).await;
    let address = node.address.to_string();
    let mut cut = 0;
    for padding in paddings {
        // Hosts and words are data.
        let data = format!("{address} joe pa55wd /v2 {}", &SECRET[..SECRET.len() - 1]);
        let reply =
            world.client().post(&world.doors()[1], call(1, "getClusterNodes", json!([padding, data]))).await;
        assert_eq!(reply.json()["result"][1], json!(data));
        assert_eq!(reply.json()["result"][2].as_str().unwrap().len(), padding);
        let mut raw = Raw::connect(&world.server).await;
        let body = call(1, "getBlock", json!([padding, SECRET]));
        raw.send(&post(&world.doors()[1], &["connection: close"], body.as_bytes())).await.unwrap();
        let said = String::from_utf8_lossy(&raw.closed().await).into_owned();
        assert!(!said.contains(&SECRET[..SECRET.len() / 2]), "{padding}");
        if padding == 10 {
            assert!(said.starts_with("HTTP/1.1 503 "), "{said}");
        } else if !said.starts_with("HTTP/1.1 503 ") {
            assert!(!said.ends_with("0\r\n\r\n"), "{padding}: it breaks off");
            cut += 1;
            until("it is logged", async || world.server.output().matches("getBlock cut").count() == cut)
                .await;
        }
    }
    assert!(cut > 0, "one at least was told in pieces");
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
