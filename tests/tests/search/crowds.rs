//! Searches that lead far, many at a time; callers who do not wait for them; and what all others notice of that.

use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep};
use vitrine_tests::assets::{self, pubkey};
use vitrine_tests::client::make_key;
use vitrine_tests::raw::{self, Raw};
use vitrine_tests::server::PATIENCE;
use vitrine_tests::{AssetSpec, Database, Server};

/// Reads that stand before the lock, and for how many seconds the one has that stands there longest.
const BLOCKED: &str = "SELECT count(*), coalesce(extract(epoch FROM max(clock_timestamp() - query_start)), 0)::float8
    FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'vitrine read' AND state = 'active' AND wait_event_type = 'Lock'";

/// Longer than a search may take without one of the turns that last.
const NOT_BRIEF: f64 = 1.0;

/// A collection whose assets nobody gets at as long as `lock` is open, and somebody who looks on.
struct World {
    database: Database,
    key: String,
    lock: PgConnection,
    onlooker: PgConnection,
}

impl World {
    async fn new() -> Self {
        let database = Database::new().await;
        let store = database.store();
        let specs: Vec<AssetSpec> = (1..50)
            .map(|number| AssetSpec {
                owner: Some(pubkey(1_000_000)),
                collection: Some((pubkey(3_000_000), true)),
                ..AssetSpec::new(pubkey(number))
            })
            .collect();
        assets::write(&store, &specs).await;
        let key = make_key(&store, "enterprise", None).await.0;
        store.close().await;
        let (lock, onlooker) = (database.connect().await, database.connect().await);
        Self { database, key, lock, onlooker }
    }

    async fn close_assets(&mut self) {
        let sql = "BEGIN; LOCK TABLE asset IN ACCESS EXCLUSIVE MODE";
        sqlx::raw_sql(sql).execute(&mut self.lock).await.unwrap();
    }

    async fn open_assets(&mut self) {
        sqlx::raw_sql("ROLLBACK").execute(&mut self.lock).await.unwrap();
    }

    async fn blocked(&mut self) -> (i64, f64) {
        sqlx::query_as(BLOCKED).fetch_one(&mut self.onlooker).await.unwrap()
    }

    async fn until_blocked(&mut self, what: &str, enough: impl Fn(i64, f64) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            let (count, seconds) = self.blocked().await;
            if enough(count, seconds) {
                return;
            }
            assert!(Instant::now() < end, "{what}: {count} for {seconds} s");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

fn broad() -> Value {
    json!({ "royaltyAmount": 500 })
}

#[tokio::test]
async fn broad_searches_leave_connections_to_all_others() {
    let mut world = World::new().await;
    let settings = [
        ("VITRINE_DATABASE_READ_CONNECTIONS_MAX", "4"),
        ("VITRINE_DATABASE_READ_STATEMENT_TIMEOUT_MS", "4000"),
    ];
    let server = Server::start(&world.database, &settings);
    let client = server.client();
    world.close_assets().await;
    let mut searches = JoinSet::new();
    for door in ["/?api-key=", "/v3/", "/sol/"].repeat(4) {
        let (client, path) = (client.clone(), format!("{door}{}", world.key));
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "searchAssets", "params": broad() });
        searches.spawn(async move { client.post(&path, body.to_string()).await });
    }
    world.until_blocked("searches are under way", |count, _| count > 0).await;
    let (mut broad, mut crowded, mut others) = (0, 0, 0);
    while !searches.is_empty() {
        let group = json!(["collection", pubkey(3_000_000).to_string()]);
        let size = client.result(&world.key, "getGrouping", group).await["group_size"].clone();
        assert_eq!(size, 49);
        others += 1;
        let (count, _) = world.blocked().await;
        assert!(count <= 3, "of four connections {count} are held by broad searches");
        while let Some(reply) = searches.try_join_next() {
            let reply = reply.unwrap();
            let error = reply.json()["error"].take();
            if reply.status == 503 {
                assert!(reply.headers.contains_key("retry-after"), "{error}");
                let reason = error["data"]["reason"].as_str().unwrap();
                assert!(reason.contains("Too many searches") && reason.contains("ownerAddress"), "{reason}");
                crowded += 1;
            } else {
                assert_eq!(error["code"], -32602, "{error}");
                broad += 1;
            }
        }
    }
    assert!(broad > 0 && crowded > 0 && others > 10, "{broad} broad, {crowded} crowded, {others} others");
    world.open_assets().await;
    assert_eq!(client.result(&world.key, "searchAssets", self::broad()).await["total"], 49);
}

#[tokio::test]
async fn a_search_that_takes_more_than_a_moment_gets_its_turn() {
    let mut world = World::new().await;
    let patient = [
        ("VITRINE_DATABASE_READ_STATEMENT_TIMEOUT_MS", "120000"),
        ("VITRINE_SERVER_CALL_TIMEOUT_MS", "120000"),
    ];
    let server = Server::start(&world.database, &patient);
    world.close_assets().await;
    let (client, key) = (server.client(), world.key.clone());
    let search = tokio::spawn(async move { client.result(&key, "searchAssets", broad()).await });
    world.until_blocked("it is tried again", |_, seconds| seconds > NOT_BRIEF).await;
    world.open_assets().await;
    assert_eq!(search.await.unwrap()["total"], 49);
}

#[tokio::test]
async fn what_nobody_waits_for_is_ended() {
    let mut world = World::new().await;
    // Nothing here ends by itself within the patience of a test.
    let patient = [
        ("VITRINE_DATABASE_READ_CONNECTIONS_MAX", "1"),
        ("VITRINE_DATABASE_ACQUIRE_TIMEOUT_MS", "600000"),
        ("VITRINE_DATABASE_READ_STATEMENT_TIMEOUT_MS", "600000"),
        ("VITRINE_SERVER_CALL_TIMEOUT_MS", "600000"),
        ("VITRINE_CACHE_BODY_BYTES_MAX", "0"),
    ];
    let server = Server::start(&world.database, &patient);
    let calls = [
        ("searchAssets", json!({ "ownerAddress": pubkey(1_000_000).to_string() })),
        ("searchAssets", broad()),
        ("getAssetsByOwner", json!({ "ownerAddress": pubkey(1_000_000).to_string() })),
    ];
    for (method, params) in calls {
        world.close_assets().await;
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let mut caller = Raw::connect(&server).await;
        let request = raw::post(&format!("/?api-key={}", world.key), &[], body.to_string().as_bytes());
        caller.send(&request).await.unwrap();
        world.until_blocked("it is under way", |_, seconds| seconds > NOT_BRIEF).await;
        drop(caller);
        world.until_blocked("it is ended", |count, _| count == 0).await;
        world.open_assets().await;
        // The connection is there again, and so is the turn.
        assert_eq!(server.client().result(&world.key, method, params).await["total"], 49);
    }
}
