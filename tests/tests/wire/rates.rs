//! Rates, as a client on the other side of the socket measures them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use vitrine_tests::client::make_key;

use super::{World, call, until};

/// The sustained rate of the tier `basic`, calls a second; a burst is twice that.
const RATE: f64 = 10.0;

fn health() -> String {
    call(1, "getHealth", json!([]))
}

fn batch(calls: usize) -> String {
    format!("[{}]", vec![health(); calls].join(","))
}

#[tokio::test]
async fn sending_as_fast_as_possible_gets_the_burst_and_the_rate() {
    let world = World::new(&[]).await;
    let (key, _) = make_key(&world.store, "basic", None).await;
    let path = format!("/?api-key={key}");
    let stop = AtomicBool::new(false);
    let start = Instant::now();
    let client = world.server.client();
    let shooter = async {
        let mut shots = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let sent = start.elapsed();
            let reply = client.post(&path, health()).await;
            shots.push((sent, start.elapsed(), reply));
        }
        shots
    };
    let clock = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        stop.store(true, Ordering::Relaxed);
    };
    let (shots, ()) = tokio::join!(shooter, clock);
    let mut admitted = 0_u32;
    for (_, _, reply) in &shots {
        if reply.status == 200 {
            admitted += 1;
        } else {
            assert_eq!(reply.status, 429);
            assert_eq!(reply.headers["retry-after"], "1");
            assert_eq!(reply.headers["x-ratelimit-remaining"], "0");
        }
        assert_eq!(reply.headers["x-ratelimit-limit"], "10");
    }
    // The server's clock ran from some moment within the first call to some moment within the last.
    let least = (shots.last().unwrap().0.saturating_sub(shots[0].1)).as_secs_f64();
    let most = (shots.last().unwrap().1.saturating_sub(shots[0].0)).as_secs_f64();
    assert!(shots.len() > 200, "{} calls are no flood", shots.len());
    let allowed = |seconds: f64| RATE.mul_add(seconds, 2.0 * RATE);
    let slack = |calls: f64| (calls * 0.01).max(1.0);
    let (fewest, highest) = (allowed(least), allowed(most));
    let admitted = f64::from(admitted);
    assert!(
        admitted >= fewest - slack(fewest) && admitted <= highest + slack(highest),
        "{admitted} calls of {} in {least} to {most} s",
        shots.len()
    );
}

#[tokio::test]
async fn the_highest_tier_has_no_limit() {
    let world = World::new(&[]).await;
    let client = world.server.client();
    for _ in 0..10 {
        let reply = client.post(&world.doors()[0], batch(100)).await;
        assert_eq!(reply.status, 200);
        assert!(!reply.headers.contains_key("x-ratelimit-limit"));
        let answers = reply.json();
        assert!(answers.as_array().unwrap().iter().all(|answer| answer["result"] == "ok"), "{answers}");
    }
}

#[tokio::test]
async fn each_call_of_a_batch_counts() {
    let world = World::new(&[]).await;
    let client = world.server.client();
    for (door, code) in [(0, -32029), (1, -32005), (2, -32003)] {
        let (key, _) = make_key(&world.store, "basic", None).await;
        let path = &super::doors(&key)[door];
        let reply = client.post(path, batch(30)).await;
        let answers: Vec<Value> = serde_json::from_str(&reply.text).unwrap();
        assert_eq!((reply.status.as_u16(), answers.len()), (200, 30));
        assert!(answers[..20].iter().all(|answer| answer["result"] == "ok"), "{}", reply.text);
        assert!(answers[20..].iter().all(|answer| answer["error"]["code"] == json!(code)), "{}", reply.text);

        // Until nothing is left, at 10 calls a second not for long: then the whole request is refused.
        let mut refused = None;
        until("a batch finds nothing left", async || {
            let reply = client.post(path, batch(3)).await;
            let none = reply.status == 429;
            refused = Some(reply);
            none
        })
        .await;
        let refused = refused.unwrap();
        assert_eq!(refused.headers["retry-after"], "1");
        let answers: Vec<Value> = serde_json::from_str(&refused.text).unwrap();
        assert_eq!(answers.len(), 3);
        assert!(answers.iter().all(|answer| answer["error"]["code"] == json!(code)), "{}", refused.text);
    }
}

#[tokio::test]
async fn batches_of_notifications_have_no_answer_and_count() {
    let world = World::new(&[]).await;
    let client = world.server.client();
    let (key, _) = make_key(&world.store, "basic", None).await;
    let note = json!({ "jsonrpc": "2.0", "method": "getHealth" }).to_string();
    for path in super::doors(&key) {
        let reply = client.post(&path, format!("[{note},{note}]")).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (204, ""));
    }
    let reply = client.post(&super::doors(&key)[0], health()).await;
    assert_eq!(reply.status, 200);
    let remaining: u32 = reply.headers["x-ratelimit-remaining"].parse().unwrap();
    // 20 at first, 7 calls; what came back meanwhile is a few.
    assert!((13..20).contains(&remaining), "{remaining}");
}
