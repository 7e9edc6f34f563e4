//! Headers, in and out: encodings, CORS, request ids; and the OpenRPC document.

use std::collections::BTreeMap;
use std::io::Read;

use serde_json::{Value, json};
use sqlx::Executor;
use tokio::time::{Duration, timeout};
use vitrine_tests::raw::{Raw, RawReply, post};

use super::{World, call, doors, page};

fn decoded(reply: &RawReply) -> Vec<u8> {
    let mut bytes = Vec::new();
    match reply.header("content-encoding") {
        "zstd" => bytes = zstd::decode_all(reply.body.as_slice()).unwrap(),
        "gzip" => drop(flate2::read::GzDecoder::new(reply.body.as_slice()).read_to_end(&mut bytes).unwrap()),
        "" => bytes.clone_from(&reply.body),
        other => panic!("{other}"),
    }
    bytes
}

#[tokio::test]
async fn encodings_by_weight_and_then_by_our_order() {
    let world = World::new(&[]).await;
    let path = &world.doors()[0];
    let mut raw = Raw::connect(&world.server).await;
    let plain = raw.exchange(&post(path, &[], page(1, 40).as_bytes())).await;
    assert_eq!(plain.header("content-encoding"), "");
    assert_eq!(plain.header("content-length"), plain.body.len().to_string());
    assert!(plain.body.len() > 20_000);
    for (accepts, encoding) in [
        ("zstd, gzip", "zstd"),
        ("gzip, zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip", "gzip"),
        ("gzip, deflate, br", "gzip"),
        ("zstd;q=0.5, gzip", "gzip"),
        ("zstd;q=0.5, gzip;q=0.5", "zstd"),
        ("zstd;q=0, gzip;q=0.1", "gzip"),
        ("zstd;q=0, gzip;q=0", ""),
        ("gzip;q=0.5, identity", ""),
        ("identity;q=0.5, gzip;q=0.6", "gzip"),
        ("*", "zstd"),
        ("*;q=0.2, zstd;q=0", "gzip"),
        ("identity", ""),
        ("br", ""),
        ("nonsense;;q=x,,", ""),
    ] {
        let header = format!("accept-encoding: {accepts}");
        let reply = raw.exchange(&post(path, &[&header], page(1, 40).as_bytes())).await;
        assert_eq!((reply.status, reply.header("content-encoding")), (200, encoding), "{accepts}");
        let body = decoded(&reply);
        assert!(body == plain.body, "{accepts}: {} and {}", String::from_utf8_lossy(&body), plain.text());
        assert_eq!(reply.header("content-type"), "application/json");
        if encoding.is_empty() {
            assert_eq!(reply.header("content-length"), reply.body.len().to_string(), "{accepts}");
        } else {
            assert!(reply.body.len() * 2 < plain.body.len(), "{accepts}: {} bytes", reply.body.len());
            assert!(reply.header("vary").to_lowercase().contains("accept-encoding"), "{accepts}");
        }
        // Too small to gain anything.
        let small = raw.exchange(&post(path, &[&header], page(1, 0).as_bytes())).await;
        assert_eq!((small.status, small.header("content-encoding")), (200, ""), "{accepts}");
        assert_eq!(small.header("content-length"), small.body.len().to_string(), "{accepts}");
    }
    let off = World::new(&[("VITRINE_COMPRESSION_ENABLED", "false")]).await;
    let mut raw = Raw::connect(&off.server).await;
    let reply =
        raw.exchange(&post(&off.doors()[0], &["accept-encoding: gzip"], page(1, 40).as_bytes())).await;
    assert_eq!(reply.header("content-encoding"), "");
    assert_eq!(reply.header("content-length"), reply.body.len().to_string());
}

#[tokio::test]
async fn a_preflight_needs_no_key_and_no_database() {
    let world = World::new(&[]).await;
    // Whoever asks the database anything now waits.
    let mut other = world.database.connect().await;
    other.execute("BEGIN; LOCK TABLE api_key, asset, watermark IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let client = world.server.client();
    let headers: BTreeMap<String, String> = [
        ("origin", "https://app.example.org"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type,x-token,solana-client"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let paths = doors("nobodys-key");
    for path in paths.iter().map(String::as_str).chain(["/", "/v3/", "/sol", "/v1/solana"]) {
        let asking = client.send("OPTIONS", path, &headers, None);
        let reply = timeout(Duration::from_secs(1), asking).await.expect("at once").unwrap();
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.headers["access-control-allow-origin"], "*");
        assert_eq!(
            reply.headers["access-control-allow-headers"],
            "authorization,content-type,x-token,solana-client"
        );
        assert!(reply.headers["access-control-allow-methods"].contains("POST"));
        assert!(reply.headers.contains_key("access-control-max-age"));
    }
    // So it is a question that would have waited.
    let call = client.post(&paths[0], page(1, 1));
    assert!(timeout(Duration::from_millis(200), call).await.is_err());
    other.execute("ROLLBACK").await.unwrap();
    assert_eq!(client.post(&paths[0], page(1, 1)).await.status, 401);
}

#[tokio::test]
async fn request_ids_are_echoed_where_they_are_proper() {
    let world = World::new(&[]).await;
    let mut raw = Raw::connect(&world.server).await;
    let long = "a".repeat(64);
    let too_long = "a".repeat(65);
    let made_here = |id: &str| {
        id.strip_prefix("req_").is_some_and(|rest| rest.len() == 16 && u64::from_str_radix(rest, 16).is_ok())
    };
    let request =
        |id: &str| post(&world.doors()[0], &[&format!("x-request-id: {id}")], page(1, 1).as_bytes());
    for id in ["req_1", "A-b.c_9", "7", &long] {
        let reply = raw.exchange(&request(id)).await;
        assert_eq!(reply.header("x-request-id"), id);
    }
    for id in ["", "a b", "a\"b", "a=b", "{}", "a,b", "<x>", "a%0ab", &too_long] {
        let reply = raw.exchange(&request(id)).await;
        assert!(made_here(reply.header("x-request-id")), "{id}: {}", reply.header("x-request-id"));
    }
    // Every answer has one, whatever it is.
    let client = world.server.client();
    for path in ["/", "/health", "/ready", "/status", "/openrpc.json", "/nothing"] {
        assert!(made_here(&client.get(path).await.headers["x-request-id"]), "{path}");
    }
    for path in doors("nobodys-key") {
        let reply = client.post(&path, page(1, 1)).await;
        assert_eq!(reply.status, 401);
        assert!(made_here(&reply.headers["x-request-id"]));
    }
}

#[tokio::test]
async fn the_openrpc_document_is_the_same_from_both_places() {
    let world = World::new(&[]).await;
    let client = world.server.client();
    let document = client.get("/openrpc.json").await;
    assert_eq!(
        (document.status.as_u16(), document.headers["content-type"].as_str()),
        (200, "application/json")
    );
    assert!(document.json()["methods"].as_array().unwrap().len() >= 2);
    for path in world.doors() {
        let reply = client.post(&path, call("x", "rpc.discover", json!([]))).await;
        let mut answer: Value = reply.json();
        assert_eq!(answer["result"].take(), document.json());
        assert_eq!(answer, json!({ "jsonrpc": "2.0", "result": null, "id": "x" }));
    }
}
