//! Bodies and answers that are too large.

use serde_json::{Value, json};
use tokio::time::Instant;
use vitrine_tests::raw::{Raw, post};

use super::{World, collection, page};

/// 100 MB, of which a server with a limit of 1 MiB should read little.
const HUGE: usize = 100_000_000;

/// What the system's buffers may take beside what the server reads.
const BUFFERED: usize = 32 << 20;

/// Sends a body until the server answers, and returns the status and how much was sent.
async fn pour(world: &World, head: &str, piece: &[u8]) -> (u16, usize) {
    let mut raw = Raw::connect(&world.server).await;
    raw.send(head.as_bytes()).await.unwrap();
    let mut sent = 0;
    while sent < HUGE && !raw.has_spoken() {
        // The server may have closed the connection behind its answer.
        if raw.send(piece).await.is_err() {
            break;
        }
        sent += piece.len();
        tokio::task::yield_now().await;
    }
    let reply = raw.reply().await.expect("an answer, not a reset");
    assert_eq!(reply.json()["error"]["code"], json!(-32600), "{}", reply.text());
    (reply.status, sent)
}

#[tokio::test]
async fn a_body_of_100_mb_is_refused_without_being_read() {
    let world = World::new(&[]).await;
    let piece = vec![b' '; 64 << 10];
    let start = Instant::now();
    for path in world.doors() {
        let head = format!("POST {path} HTTP/1.1\r\nhost: v\r\ncontent-length: {HUGE}\r\n\r\n");
        let (status, sent) = pour(&world, &head, &piece).await;
        assert_eq!(status, 413);
        assert!(sent < BUFFERED, "{sent} bytes were taken");
        // The length alone says enough: nothing of the body has to come.
        let mut raw = Raw::connect(&world.server).await;
        raw.send(head.as_bytes()).await.unwrap();
        assert_eq!(raw.reply().await.unwrap().status, 413);

        let head = format!("POST {path} HTTP/1.1\r\nhost: v\r\ntransfer-encoding: chunked\r\n\r\n");
        let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat();
        let (status, sent) = pour(&world, &head, &chunk).await;
        assert_eq!(status, 413);
        assert!(sent < BUFFERED, "{sent} bytes were taken");
    }
    assert!(start.elapsed().as_secs() < 10, "nothing of that waits for a timeout: {:?}", start.elapsed());
    assert_eq!(world.server.client().get("/health").await.status, 200);
}

#[tokio::test]
async fn a_polite_client_reads_the_413() {
    let world = World::new(&[]).await;
    for _ in 0..5 {
        let reply = world.server.client().post(&world.doors()[0], " ".repeat(HUGE)).await;
        assert_eq!(reply.status, 413);
    }
}

#[tokio::test]
async fn answers_are_capped_and_batches_share_the_cap() {
    let world = World::new(&[("VITRINE_RPC_RESPONSE_BYTES_MAX", "10000")]).await;
    let client = world.server.client();
    let reason = "Response too large, lower the limit";
    for (path, status) in world.doors().iter().zip([400, 200, 200]) {
        let reply = client.post(path, page(3, 40)).await;
        let answer = reply.json();
        assert_eq!((reply.status.as_u16(), &answer["error"]["code"]), (status, &json!(-32602)));
        assert_eq!(answer["id"], json!(3));
        let said = &answer["error"];
        assert!(said["message"] == reason || said["data"]["reason"] == reason, "{answer}");

        let reply = client.post(path, page(3, 2)).await;
        assert_eq!(reply.json()["result"]["total"], json!(2), "{}", reply.text);
        assert!(reply.text.len() < 10_000);

        // Each alone is small enough.
        let calls: Vec<String> = (0..8).map(|id| page(id, 2)).collect();
        let reply = client.post(path, format!("[{}]", calls.join(","))).await;
        assert_eq!(reply.status, 200);
        let answers: Vec<Value> = serde_json::from_str(&reply.text).unwrap();
        let results = answers.iter().filter(|answer| answer.get("result").is_some()).count();
        assert!((1..8).contains(&results), "{results} of 8");
        for (id, answer) in answers.iter().enumerate() {
            assert_eq!(answer["id"], json!(id));
            let error = &answer["error"];
            assert!(
                answer.get("result").is_some()
                    || error["message"] == reason
                    || error["data"]["reason"] == reason,
                "{answer}"
            );
        }
        assert!(reply.text.len() < 10_000 + 8 * 300, "{} bytes", reply.text.len());
    }
    // The list itself is whole, page by page.
    let params = json!({ "groupKey": "collection", "groupValue": collection(), "limit": 2, "page": 20 });
    assert_eq!(client.result(&world.key, "getAssetsByGroup", params).await["total"], json!(2));
    let mut raw = Raw::connect(&world.server).await;
    let reply = raw.exchange(&post(&world.doors()[0], &[], page(1, 40).as_bytes())).await;
    assert_eq!(reply.header("content-length"), reply.body.len().to_string());
}
