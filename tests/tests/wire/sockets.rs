//! Connections: slow ones, too many, pipelined, HTTP/2.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, timeout};
use vitrine_tests::raw::{Raw, post};

use super::{World, page};

/// The bound on what the servers here give a client, with what the machine may add.
const SOON: Duration = Duration::from_secs(3);

/// Sends something and waits until the server closes the connection; returns how long that took and what it said.
async fn stuck(world: &World, bytes: &[u8]) -> (Duration, String) {
    let mut raw = Raw::connect(&world.server).await;
    raw.send(bytes).await.unwrap();
    let start = Instant::now();
    let said = raw.closed().await;
    (start.elapsed(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test]
async fn clients_that_get_stuck_are_sent_away_and_others_are_served() {
    let settings = [
        ("VITRINE_SERVER_HEADER_TIMEOUT_MS", "300"),
        ("VITRINE_SERVER_IDLE_TIMEOUT_MS", "600"),
        ("VITRINE_SERVER_BODY_TIMEOUT_MS", "300"),
    ];
    let world = World::new(&settings).await;
    let path = &world.doors()[0];
    let half_body = format!("POST {path} HTTP/1.1\r\nhost: v\r\ncontent-length: 100\r\n\r\n{{\"jsonrpc\"");
    let half_chunk =
        format!("POST {path} HTTP/1.1\r\nhost: v\r\ntransfer-encoding: chunked\r\n\r\n40\r\n{{\"js");
    let half_head = format!("POST {path} HTTP/1.1\r\nhost: v\r\ncontent-le");
    // A connection that was of use once, and then half a head.
    let second = [&post(path, &[], page(1, 1).as_bytes()), half_head.as_bytes()].concat();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings_frame = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let silent_h2 = [&preface[..], &settings_frame].concat();
    // What is sent, what has to be said before the end, and the least time that the client has.
    let cases: Vec<(&str, Vec<u8>, &str, u64)> = vec![
        ("nothing", Vec::new(), "", 300),
        ("a letter", b"P".to_vec(), "", 300),
        ("half a preface", b"PRI".to_vec(), "", 300),
        ("a preface and a letter less", preface[..preface.len() - 1].to_vec(), "", 300),
        ("a preface and no request", silent_h2, "", 300),
        ("half a request line", b"POST /?api".to_vec(), "", 300),
        ("half a head", half_head.into_bytes(), "", 300),
        ("half a body", half_body.into_bytes(), " 408 ", 300),
        ("half a chunk", half_chunk.into_bytes(), " 408 ", 300),
        ("half a second head", second, " 200 ", 600),
        ("a request and nothing more", post(path, &[], page(1, 1).as_bytes()), " 200 ", 600),
    ];
    let others = async {
        let client = world.server.client();
        for _ in 0..50 {
            let start = Instant::now();
            assert_eq!(client.post(path, page(1, 1)).await.status, 200);
            assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        }
    };
    let stuck = futures_util::future::join_all(cases.iter().map(|(_, bytes, _, _)| stuck(&world, bytes)));
    let (ends, ()) = tokio::join!(stuck, others);
    for ((what, _, says, least), (took, said)) in cases.iter().zip(ends) {
        assert!(said.contains(says), "{what}: {said:?}");
        assert!(took < SOON, "{what}: {took:?}");
        // A little less: the clock starts when the connection is taken, or the first bytes are.
        assert!(took + Duration::from_millis(100) >= Duration::from_millis(*least), "{what}: {took:?}");
    }
}

#[tokio::test]
async fn a_head_that_comes_in_drops_has_an_end_too() {
    let world = World::new(&[("VITRINE_SERVER_HEADER_TIMEOUT_MS", "300")]).await;
    let mut raw = Raw::connect(&world.server).await;
    let start = Instant::now();
    let mut number = 0;
    raw.send(b"POST / HTTP/1.1\r\n").await.unwrap();
    while start.elapsed() < SOON && raw.send(format!("x-{number}: drop\r\n").as_bytes()).await.is_ok() {
        number += 1;
        // As a slow client does, always just in time for a timeout that each drop would start anew.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(start.elapsed() < SOON, "it still listens after {:?}", start.elapsed());
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_and_are_served_later() {
    let world = World::new(&[("VITRINE_SERVER_CONNECTIONS_MAX", "2")]).await;
    let request = post(&world.doors()[0], &[], page(1, 1).as_bytes());
    let mut first = Raw::connect(&world.server).await;
    let mut second = Raw::connect(&world.server).await;
    assert_eq!(first.exchange(&request).await.status, 200);
    assert_eq!(second.exchange(&request).await.status, 200);
    // The system takes the connections; nobody answers on them yet.
    let mut later = Vec::new();
    for _ in 0..5 {
        let mut raw = Raw::connect(&world.server).await;
        raw.send(&request).await.unwrap();
        later.push(raw);
    }
    assert!(timeout(Duration::from_millis(300), later[0].reply()).await.is_err(), "there is no room");
    assert_eq!(first.exchange(&request).await.status, 200, "those inside are served");
    drop(first);
    // One after the other: each makes room for the next.
    for mut raw in later {
        assert_eq!(raw.reply().await.unwrap().status, 200);
    }
    assert_eq!(second.exchange(&request).await.status, 200);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let world = World::new(&[]).await;
    let mut raw = Raw::connect(&world.server).await;
    let requests: Vec<u8> = (0..20)
        .flat_map(|id| post(&world.doors()[id % 3], &[], page(id, u32::try_from(id).unwrap()).as_bytes()))
        .collect();
    raw.send(&requests).await.unwrap();
    for id in 0..20 {
        let reply = raw.reply().await.unwrap().json();
        assert_eq!((&reply["id"], &reply["result"]["total"]), (&json!(id), &json!(id)));
    }
}

#[tokio::test]
async fn http_2_with_prior_knowledge() {
    let world = World::new(&[]).await;
    // Makes the crypto provider known that reqwest asks for.
    drop(world.server.client());
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let url = format!("{}{}", world.server.base, world.doors()[1]);
    let calls = (0..50).map(|id| {
        let (client, url) = (client.clone(), url.clone());
        async move {
            let reply = client.post(url).body(page(id, 5)).send().await.unwrap();
            assert_eq!((reply.status().as_u16(), reply.version()), (200, reqwest::Version::HTTP_2));
            let answer: serde_json::Value = serde_json::from_str(&reply.text().await.unwrap()).unwrap();
            assert_eq!((&answer["id"], &answer["result"]["total"]), (&json!(id), &json!(5)));
        }
    });
    futures_util::future::join_all(calls).await;
}

/// Whoever asks for the head alone gets no body: over HTTP/2 one would be a fault of protocol.
#[tokio::test]
async fn heads_come_without_bodies() {
    let world = World::new(&[]).await;
    drop(world.server.client());
    for http_2 in [false, true] {
        let builder = reqwest::Client::builder();
        let builder = if http_2 { builder.http2_prior_knowledge() } else { builder };
        let client = builder.build().unwrap();
        for path in ["/", "/health", "/status", "/openrpc.json", "/nowhere"] {
            let url = format!("{}{path}", world.server.base);
            let head = client.head(&url).send().await.unwrap();
            let whole = client.get(&url).send().await.unwrap();
            assert_eq!(head.status(), whole.status(), "{path}");
            assert_eq!(head.headers()["content-length"], whole.headers()["content-length"], "{path}");
            assert_eq!(head.bytes().await.unwrap().len(), 0, "{path}");
            assert_ne!(whole.bytes().await.unwrap().len(), 0, "{path}");
        }
    }
}

/// More than all buffers between a server and its clients hold.
const UNREAD_BYTES: usize = 64 << 20;

/// Who reads slowly keeps an answer, and no connection to the database.
#[tokio::test]
async fn a_slow_reader_holds_no_database_connection() {
    let settings = [("VITRINE_DATABASE_READ_CONNECTIONS_MAX", "1"), ("VITRINE_CACHE_BODY_BYTES_MAX", "0")];
    let world = World::new(&settings).await;
    let path = &world.doors()[0];
    let request = post(path, &[], page(1, 40).as_bytes());
    let mut quick = Raw::connect(&world.server).await;
    let answer = quick.exchange(&request).await;
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut raw = Raw::connect(&world.server).await;
        let unread = UNREAD_BYTES / 4 / answer.body.len();
        assert!(raw.send(&request.repeat(unread)).await.is_ok());
        slow.push(raw);
    }
    for _ in 0..20 {
        assert_eq!(quick.exchange(&request).await.body, answer.body, "nobody waits for them");
    }
}
