//! The database away, standing still, out of reach, or busy.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::Executor;
use time::OffsetDateTime;
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use vitrine_tests::client::make_key;
use vitrine_tests::{Database, OwnPostgres};

use super::{
    A_LITTLE, CALL_TIMEOUT, Outcome, Shot, World, assert_answered_in_time, body, collection, count,
    lock_lists, memory, path, ready, serve, until, until_ready,
};

#[tokio::test]
async fn postgres_killed_under_load_and_back() {
    let mut postgres = OwnPostgres::start().await;
    let world = World::new(&postgres.store()).await;
    let server = serve(&postgres.url(), &[]);
    let world = world.learn(&server).await;
    let client = server.client();
    let before = memory(&server);

    for _ in 0..2 {
        let load = world.load(&server, 9);
        sleep(Duration::from_millis(300)).await;
        postgres.kill().await;
        let killed = Instant::now();
        until("/ready notices", async || ready(&client).await.0 == 503).await;
        // Long enough for calls that begin while it is away to run into their bounds.
        sleep(CALL_TIMEOUT).await;
        let asked = Instant::now();
        assert_eq!(client.get("/health").await.status, 200);
        assert!(asked.elapsed() < A_LITTLE, "/health asks nobody");
        postgres.restart().await;
        let back = postgres.accepts().await;
        let first = world.first_page(&client).await;
        assert!(first - back < Duration::from_secs(2), "{:?}", first - back);
        until_ready(&client).await;
        sleep(Duration::from_millis(300)).await;
        let shots = load.stop().await;

        assert_answered_in_time(&shots);
        let pages = |from: Option<Instant>, to: Option<Instant>| {
            let within = |shot: &&Shot| {
                from.is_none_or(|from| shot.sent >= from) && to.is_none_or(|to| shot.sent < to)
            };
            shots.iter().filter(within).filter(|shot| shot.outcome == Outcome::Page).count()
        };
        assert!(pages(None, Some(killed)) > 0, "there was a load");
        assert!(count(&shots, &Outcome::Away) >= 9, "each client was told");
        assert!(pages(Some(first), None) >= 9, "each client is served again");
        // The one thing that a restart may cost: not one error more once it is back for all.
        world.expect(&client, Outcome::Page).await;
    }
    let after = memory(&server);
    assert!(after < before + (32 << 20), "memory grew from {before} to {after} bytes");
    drop(server);
}

#[tokio::test]
async fn postgres_that_hangs() {
    let postgres = OwnPostgres::start().await;
    let world = World::new(&postgres.store()).await;
    let mut server = serve(&postgres.url(), &[("VITRINE_DATABASE_READ_CONNECTIONS_MAX", "4")]);
    let world = world.learn(&server).await;
    let client = server.client();
    let load = world.load(&server, 9);
    sleep(Duration::from_millis(300)).await;
    let before = memory(&server);

    postgres.freeze();
    let frozen = Instant::now();
    // A batch has no more time than a call.
    let calls: Vec<Value> = (0..50)
        .map(|id| json!({ "jsonrpc": "2.0", "id": id, "method": "getAssetsByGroup", "params": ["collection", collection()] }))
        .collect();
    let reply = client.post(&path(0, &world.key), Value::from(calls).to_string()).await;
    assert!(frozen.elapsed() < CALL_TIMEOUT + A_LITTLE, "a batch took {:?}", frozen.elapsed());
    let answers = reply.json();
    assert_eq!(answers.as_array().map(Vec::len), Some(50));
    for (id, answer) in answers.as_array().unwrap().iter().enumerate() {
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32000), &json!(id)));
    }
    assert_eq!(ready(&client).await, (503, vec!["the database does not answer".to_owned()]));
    assert_eq!(client.get("/health").await.status, 200);
    sleep(2 * CALL_TIMEOUT).await;
    let during = memory(&server);
    postgres.thaw();
    let thawed = Instant::now();
    let first = world.first_page(&client).await;
    assert!(first - thawed < Duration::from_secs(3), "{:?}", first - thawed);
    until_ready(&client).await;
    sleep(Duration::from_millis(300)).await;
    let shots = load.stop().await;

    assert_answered_in_time(&shots);
    let within = |shot: &&Shot| shot.sent > frozen && shot.sent + shot.took < thawed;
    let during_calls: Vec<_> = shots.iter().filter(within).collect();
    assert!(during_calls.len() >= 9, "{} calls", during_calls.len());
    assert!(during_calls.iter().all(|shot| shot.outcome == Outcome::Away));
    assert!(shots.iter().filter(|shot| shot.sent > first && shot.outcome == Outcome::Page).count() >= 9);
    assert!(during < before + (32 << 20), "memory grew from {before} to {during} bytes");
    assert!(!server.output().contains("panicked"));
}

#[tokio::test]
async fn known_keys_while_the_database_is_away() {
    let mut postgres = OwnPostgres::start().await;
    let store = postgres.store();
    let world = World::new(&store).await;
    let (revoked, revoked_id) = make_key(&store, "basic", None).await;
    store.revoke_key(revoked_id, OffsetDateTime::now_utc()).await.unwrap();
    store.close().await;
    let patient = serve(&postgres.url(), &[]);
    let strict = serve(&postgres.url(), &[("VITRINE_AUTH_KEY_STALE_MAX_SECONDS", "1")]);
    let world = world.learn(&patient).await;
    let (patient, strict) = (patient.client(), strict.client());
    world.expect(&strict, Outcome::Page).await;
    let discover = json!({ "jsonrpc": "2.0", "id": 1, "method": "rpc.discover" }).to_string();
    for client in [&patient, &strict] {
        assert_eq!(client.post(&path(0, &revoked), discover.as_str()).await.status, 401);
    }

    postgres.kill().await;
    until("both notice", async || ready(&patient).await.0 == 503 && ready(&strict).await.0 == 503).await;
    // A method without a question to the database tells the key from the call.
    for door in 0..3 {
        assert_eq!(patient.post(&path(door, &world.key), discover.as_str()).await.status, 200);
        let unknown = patient.post(&path(door, "nobodys-key"), discover.as_str()).await;
        assert_eq!(world.judge(&unknown, door), Outcome::Away);
    }
    world.expect(&patient, Outcome::Away).await;
    assert_eq!(patient.post(&path(0, &revoked), discover.as_str()).await.status, 401);
    until("a stale key is no longer taken", async || {
        let reply = strict.post(&path(0, &world.key), discover.as_str()).await;
        reply.status == 503 && world.judge(&reply, 0) == Outcome::Away
    })
    .await;
    let away = "the database does not answer".to_owned();
    for (client, reasons) in
        [(&patient, vec![away.clone()]), (&strict, vec![away, "keys cannot be confirmed".to_owned()])]
    {
        assert_eq!(client.get("/health").await.status, 200);
        assert_eq!(client.get("/status").await.json()["database"]["reachable"], json!(false));
        assert_eq!(ready(client).await, (503, reasons));
    }

    postgres.restart().await;
    for client in [&patient, &strict] {
        until_ready(client).await;
        world.first_page(client).await;
        let unknown = client.post(&path(0, "nobodys-key"), discover.as_str()).await;
        assert_eq!(unknown.status, 401);
        assert_eq!(client.get("/status").await.json()["assets"], json!(40));
    }
    // What was changed while nobody could look is seen.
    postgres.store().revoke_key(world.key_id, OffsetDateTime::now_utc()).await.unwrap();
    for client in [&patient, &strict] {
        until("the revocation is seen", async || {
            client.post(&path(0, &world.key), discover.as_str()).await.status == 401
        })
        .await;
    }
}

/// A network between a server and its database, which can lose everything that is under way.
struct Network {
    port: u16,
    /// Connections of earlier generations say nothing more, and do not end either.
    generation: watch::Sender<u64>,
}

impl Network {
    async fn before(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let generation = watch::Sender::new(0);
        let generations = generation.subscribe();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (socket, mut generations) = (socket.clone(), generations.clone());
                tokio::spawn(async move {
                    let mut far = UnixStream::connect(socket).await.unwrap();
                    let born = *generations.borrow_and_update();
                    let lost = tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => false,
                        changed = generations.wait_for(|now| *now != born) => changed.is_ok(),
                    };
                    if lost {
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        Self { port, generation }
    }

    /// What is connected now is never heard of again; new connections pass.
    fn lose_all(&self) {
        self.generation.send_modify(|generation| *generation += 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_lost_without_a_word() {
    let postgres = OwnPostgres::start().await;
    let store = postgres.store();
    let world = World::new(&store).await;
    let network = Network::before(postgres.socket()).await;
    let url = format!("postgres://vitrine@127.0.0.1:{}/postgres?sslmode=disable", network.port);
    let settings = [
        ("VITRINE_DATABASE_READ_CONNECTIONS_MAX", "4"),
        ("VITRINE_DATABASE_READ_STATEMENT_TIMEOUT_MS", "1000"),
    ];
    let server = serve(&url, &settings);
    let world = world.learn(&server).await;
    let client = server.client();
    let load = world.load(&server, 9);
    sleep(Duration::from_millis(300)).await;

    // As when the database's host is gone and another one has taken over its address.
    network.lose_all();
    let lost = Instant::now();
    until("calls hang", async || world.shoot(&client, 0).await.outcome == Outcome::Away).await;
    let first = world.first_page(&client).await;
    assert!(first - lost < Duration::from_secs(10), "{:?}", first - lost);
    until_ready(&client).await;
    sleep(Duration::from_millis(300)).await;
    let shots = load.stop().await;
    assert_answered_in_time(&shots);
    assert!(shots.iter().filter(|shot| shot.sent > first && shot.outcome == Outcome::Page).count() >= 9);

    // The connection that is asked whether keys have changed may be among the lost.
    store.revoke_key(world.key_id, OffsetDateTime::now_utc()).await.unwrap();
    until("the revocation is seen", async || client.post(&path(0, &world.key), body()).await.status == 401)
        .await;
}

#[tokio::test]
async fn the_pool_is_exhausted_and_works_again() {
    let database = Database::new().await;
    let store = database.store();
    let world = World::new(&store).await;
    let server = serve(&database.url(), &[("VITRINE_DATABASE_READ_CONNECTIONS_MAX", "1")]);
    let world = world.learn(&server).await;
    let client = server.client();
    let mut other = database.connect().await;
    for _ in 0..2 {
        lock_lists(&mut other).await;
        let shots = (0..9).map(|door| world.shoot(&client, door));
        let shots = futures_util::future::join_all(shots).await;
        assert_answered_in_time(&shots);
        assert_eq!(count(&shots, &Outcome::Away), 9);
        // Busy is not dead: keys are looked up, and no load balancer takes the server out.
        assert_eq!(ready(&client).await, (200, Vec::new()));
        assert_eq!(client.post(&path(0, "nobodys-key"), body()).await.status, 401);
        other.execute("ROLLBACK").await.unwrap();
        let released = Instant::now();
        let first = world.first_page(&client).await;
        assert!(first - released < Duration::from_secs(2), "{:?}", first - released);
        until_ready(&client).await;
        world.expect(&client, Outcome::Page).await;
    }
    store.close().await;
}
