//! A server's end: asked for, insisted on, and sudden.

use std::time::Duration;

use rustix::process::Signal;
use sqlx::{Connection, Executor};
use tokio::time::{Instant, sleep};
use vitrine_tests::Database;

use super::{Outcome, Shot, World, count, lock_lists, ready, serve, until, waiting};

/// A server that drains under the load of 12 clients, each of which ends with a call like `last`.
async fn drain_under_load(last: fn(&Shot) -> bool) {
    let database = Database::new().await;
    let store = database.store();
    let world = World::new(&store).await;
    for _ in 0..3 {
        let mut server = serve(&database.url(), &[("VITRINE_SERVER_DRAIN_MS", "500")]);
        let world = world.clone().learn(&server).await;
        let client = server.client();
        let load = world.load_until(&server, 12, last);
        sleep(Duration::from_millis(300)).await;
        server.signal(Signal::TERM);
        let told = Instant::now();
        until("/ready says that it drains", async || {
            ready(&client).await == (503, vec!["the server is shutting down".to_owned()])
        })
        .await;
        assert_eq!(client.get("/health").await.status, 200, "it is alive all the same");
        let shots = load.end().await;
        let status = tokio::task::spawn_blocking(move || server.wait()).await.unwrap();
        let took = told.elapsed();
        assert_eq!(status.code(), Some(0));
        assert!(took >= Duration::from_millis(500) && took < Duration::from_secs(5), "{took:?}");
        for shot in &shots {
            assert!(matches!(shot.outcome, Outcome::Page | Outcome::Refused), "{:?}", shot.outcome);
        }
        assert_eq!(shots.iter().filter(|shot| last(shot)).count(), 12);
        let answered = |shot: &&Shot| shot.told_to_go && shot.outcome == Outcome::Page;
        assert!(shots.iter().filter(answered).count() >= 12, "each client is told to go, with its answer");
        assert!(shots.iter().filter(answered).all(|shot| shot.sent + shot.took > told));
    }
    store.close().await;
}

#[tokio::test]
async fn clients_that_go_when_told_to_are_not_reset() {
    drain_under_load(|shot| shot.told_to_go).await;
}

#[tokio::test]
async fn clients_that_come_again_until_nobody_listens_are_not_reset() {
    drain_under_load(|shot| shot.outcome == Outcome::Refused).await;
}

#[tokio::test]
async fn calls_under_way_complete_without_a_drain() {
    let database = Database::new().await;
    let store = database.store();
    let world = World::new(&store).await;
    let mut server = serve(&database.url(), &[("VITRINE_SERVER_CALL_TIMEOUT_MS", "20000")]);
    let world = world.learn(&server).await;
    let (mut other, mut watching) = (database.connect().await, database.connect().await);
    lock_lists(&mut other).await;
    // Each on a connection of its own, which stays after its answer if nobody closes it.
    let calls: Vec<_> = (0..6)
        .map(|door| {
            let (world, client) = (world.clone(), server.client());
            tokio::spawn(async move { world.shoot(&client, door).await.outcome })
        })
        .collect();
    until("all calls wait", async || waiting(&mut watching).await == 6).await;
    server.signal(Signal::TERM);
    let client = server.client();
    // Asked for what needs no lock: a call that is still let in would wait for it too.
    until("nobody is let in any more", async || {
        client.send("GET", "/health", &std::collections::BTreeMap::new(), None).await.is_err()
    })
    .await;
    other.execute("ROLLBACK").await.unwrap();
    let released = Instant::now();
    for call in calls {
        assert_eq!(call.await.unwrap(), Outcome::Page);
    }
    let status = tokio::task::spawn_blocking(move || server.wait()).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(released.elapsed() < Duration::from_secs(3), "{:?}", released.elapsed());
    store.close().await;
}

/// A call that hangs, on a server that is told to end: how long the end takes.
async fn ends_although_a_call_hangs(settings: &[(&str, &str)], signals: usize) -> Duration {
    let database = Database::new().await;
    let store = database.store();
    let world = World::new(&store).await;
    let settings = [&[("VITRINE_SERVER_CALL_TIMEOUT_MS", "60000")], settings].concat();
    let mut server = serve(&database.url(), &settings);
    let world = world.learn(&server).await;
    let (mut other, mut watching) = (database.connect().await, database.connect().await);
    lock_lists(&mut other).await;
    let client = server.client();
    let call = tokio::spawn(async move { world.shoot(&client, 0).await.outcome });
    until("the call waits", async || waiting(&mut watching).await == 1).await;
    server.signal(Signal::TERM);
    let mut told = Instant::now();
    for _ in 1..signals {
        server = tokio::task::spawn_blocking(move || {
            server.wait_for("draining", |_| true).expect("it says that it drains");
            server
        })
        .await
        .unwrap();
        server.signal(Signal::TERM);
        told = Instant::now();
    }
    let (status, output) =
        tokio::task::spawn_blocking(move || (server.wait(), server.output())).await.unwrap();
    let took = told.elapsed();
    assert!(status.code().is_some(), "it ends by itself: {status}");
    assert!(output.contains("cut off"), "{output}");
    assert!(matches!(call.await.unwrap(), Outcome::Broken(_)), "the call is cut off");
    other.close().await.unwrap();
    store.close().await;
    took
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let took = ends_although_a_call_hangs(&[], 2).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn a_call_that_hangs_is_cut_off() {
    let took = ends_although_a_call_hangs(&[("VITRINE_SERVER_SHUTDOWN_TIMEOUT_MS", "700")], 1).await;
    assert!(took >= Duration::from_millis(700) && took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn a_server_killed_in_the_middle_leaves_nothing_behind() {
    let database = Database::new().await;
    let store = database.store();
    let world = World::new(&store).await;
    let settings = [("VITRINE_DATABASE_READ_STATEMENT_TIMEOUT_MS", "1000")];
    let mut server = serve(&database.url(), &settings);
    let world = world.learn(&server).await;
    let load = world.load(&server, 12);
    sleep(Duration::from_millis(300)).await;
    // Some calls are killed while they wait for a lock, and must not wait for ever.
    let mut other = database.connect().await;
    let mut watching = database.connect().await;
    lock_lists(&mut other).await;
    until("calls wait", async || waiting(&mut watching).await >= 6).await;
    server.signal(Signal::KILL);
    server.wait();
    let shots = load.end().await;
    assert!(count(&shots, &Outcome::Page) > 0);
    until("its connections and locks are gone", async || {
        let left: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name IN ('vitrine read', 'vitrine keys')",
        )
        .fetch_one(&mut watching)
        .await
        .unwrap();
        left == 0
    })
    .await;
    other.execute("ROLLBACK").await.unwrap();
    let locks: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_locks
         WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND relation = 'asset'::regclass",
    )
    .fetch_one(&mut watching)
    .await
    .unwrap();
    assert_eq!(locks, 0);

    let server = serve(&database.url(), &settings);
    world.expect(&server.client(), Outcome::Page).await;
    assert_eq!(server.stop().code(), Some(0));
    store.close().await;
}
