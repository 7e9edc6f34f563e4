//! The queue of off-chain documents, with real assets, a real Postgres, and a server that misbehaves.

#![expect(clippy::unwrap_used, reason = "tests")]

mod process;
mod site;
mod writes;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use site::{Answer, Site};
use time::OffsetDateTime;
use tokio::sync::watch;
use vitrine_ingest::fetch::{DocumentSettings, FetchEnd, FetchSummary, Fetcher};
use vitrine_ingest::normalise::compose;
use vitrine_model::Pubkey;
use vitrine_store::{ChainBatch, Kept, Store};
use vitrine_tests::Database;
use vitrine_tests::accounts::{AccountAt, CoreAsset, CoreAuthority};
use vitrine_tests::assets::{self, pubkey};

const PATIENCE: Duration = Duration::from_secs(30);

/// A database with a site whose documents its assets name.
struct World {
    site: Site,
    database: Database,
    store: Store,
    settings: DocumentSettings,
}

/// A row of `document`.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    arrived: bool,
    attempts: i32,
    waits: bool,
    reason: Option<String>,
}

impl World {
    async fn new() -> Self {
        let database = Database::new().await;
        let settings = DocumentSettings {
            attempts_max: 3,
            retry_min_ms: 1,
            drain_wait_seconds: 5,
            private_hosts: vec!["127.0.0.1".to_owned(), "localhost".to_owned()],
            ..DocumentSettings::default()
        };
        Self { site: Site::open().await, store: database.store(), database, settings }
    }

    /// Writes assets, each with the uri that it names from a slot on.
    async fn write(&self, slot: u64, assets: impl IntoIterator<Item = (u64, String)>) {
        let accounts = assets.into_iter().map(|(number, uri)| account(slot, number, uri).seen()).collect();
        let batch = ChainBatch { accounts, ..ChainBatch::default() };
        self.store.write_chain(&batch, &compose).await.unwrap();
    }

    fn fetcher(&self, ahead: Duration) -> Fetcher {
        let clock = Arc::new(move || OffsetDateTime::now_utc() + ahead);
        let random = StdRng::seed_from_u64(7);
        Fetcher::new(self.store.clone(), &self.settings, clock, random, PATIENCE).unwrap()
    }

    async fn drain(&self) -> FetchSummary {
        self.drain_at(Duration::ZERO).await
    }

    /// Like [`World::drain`], at a later time.
    async fn drain_at(&self, ahead: Duration) -> FetchSummary {
        let (_keep, cancel) = watch::channel(false);
        self.fetcher(ahead).run(FetchEnd::Drained, cancel).await.unwrap()
    }

    async fn row(&self, uri: &str) -> Option<Row> {
        let row: Option<(bool, i32, bool, Option<String>)> = sqlx::query_as(
            "SELECT body IS NOT NULL, attempts, next_try IS NOT NULL, reason FROM document WHERE uri = $1",
        )
        .bind(uri)
        .fetch_optional(&mut self.database.connect().await)
        .await
        .unwrap();
        row.map(|(arrived, attempts, waits, reason)| Row { arrived, attempts, waits, reason })
    }

    /// What an asset shows of its document.
    async fn description(&self, id: Pubkey) -> Value {
        let body: Vec<u8> = sqlx::query_scalar("SELECT body FROM asset WHERE asset_id = $1")
            .bind(id.as_bytes())
            .fetch_one(&mut self.database.connect().await)
            .await
            .unwrap();
        let asset: Value = serde_json::from_slice(&assets::body(&body)).unwrap();
        asset["content"]["metadata"]["description"].clone()
    }
}

/// An asset that names a document from a slot on.
fn account(slot: u64, number: u64, uri: String) -> AccountAt {
    let name = format!("Asset {number}");
    let asset = CoreAsset { owner: pubkey((1 << 40) + slot), authority: CoreAuthority::None, name, uri };
    asset.at(pubkey(number), slot)
}

#[tokio::test]
async fn a_document_is_fetched_once_for_all_who_name_it() {
    let mut world = World::new().await;
    world.settings.remake_assets_max = 2;
    let uri = world.site.uri("/a");
    world.write(1, (0..5).map(|number| (number, uri.clone()))).await;
    assert_eq!(world.description(pubkey(0)).await, Value::Null);

    let summary = world.drain().await;
    assert_eq!(summary, FetchSummary { fetched: 1, remade: 5, ..FetchSummary::default() });
    for number in 0..5 {
        assert_eq!(world.description(pubkey(number)).await, json!("/a"));
    }
    // Who names it later has it at once.
    world.write(2, [(9, uri.clone())]).await;
    assert_eq!(world.description(pubkey(9)).await, json!("/a"));
    assert_eq!(world.drain().await, FetchSummary::default());
    assert_eq!(world.site.asked(), ["/a"]);
    assert_eq!(world.row(&uri).await, Some(Row { arrived: true, attempts: 1, waits: false, reason: None }));
}

#[tokio::test]
async fn what_fails_is_tried_again_and_given_up_in_the_end() {
    let world = World::new().await;
    let page = || Answer::Body("<html>".to_owned());
    let document = Answer::Body("{\"description\": \"late\"}".to_owned());
    world.site.answer("/late", [Answer::Status(500, None), page(), document]);
    world.site.answer("/never", [Answer::Status(404, None)]);
    let [late, never] = ["/late", "/never"].map(|path| world.site.uri(path));
    let inside = "http://169.254.169.254/latest/meta-data/";
    world
        .write(1, [(1, late.clone()), (2, never.clone()), (3, inside.to_owned()), (4, "x.json".to_owned())])
        .await;

    let summary = world.drain().await;
    assert_eq!(summary, FetchSummary { fetched: 1, failed: 6, given_up: 2, remade: 1, ..summary });
    assert_eq!(world.description(pubkey(1)).await, json!("late"));
    assert_eq!(world.row(&late).await, Some(Row { arrived: true, attempts: 3, waits: false, reason: None }));
    let given_up = |attempts, reason: &str| {
        Some(Row { arrived: false, attempts, waits: false, reason: Some(reason.to_owned()) })
    };
    assert_eq!(world.row(&never).await, given_up(3, "the server answered 404"));
    assert_eq!(world.row(inside).await, given_up(1, "the host's address is not one of the Internet"));
    assert_eq!(world.row("x.json").await, None);
}

#[tokio::test]
async fn a_document_that_nobody_names_any_more_is_dropped() {
    let world = World::new().await;
    let [old, new] = ["/old", "/new"].map(|path| world.site.uri(path));
    world.site.answer("/old", [Answer::Held("{\"description\": \"old\"}".to_owned())]);
    world.write(1, [(1, old.clone())]).await;
    let update = async {
        world.site.until_asked(1).await;
        world.write(2, [(1, new.clone())]).await;
        world.site.release();
    };
    let (summary, ()) = tokio::join!(world.drain(), update);
    assert_eq!(summary, FetchSummary { fetched: 1, unnamed: 1, remade: 1, ..FetchSummary::default() });
    assert_eq!(world.description(pubkey(1)).await, json!("/new"));
    assert_eq!(world.row(&old).await, None);
    // Who names it again has it fetched again.
    world.write(3, [(1, old)]).await;
    assert_eq!(world.description(pubkey(1)).await, Value::Null);
    world.drain().await;
    assert_eq!(world.description(pubkey(1)).await, json!("old"));
}

#[tokio::test]
async fn two_fetchers_share_the_queue() {
    let world = World::new().await;
    let name = |number: u64| {
        let path = format!("/{number}");
        if number.is_multiple_of(2) { world.site.uri(&path) } else { world.site.other_uri(&path) }
    };
    world.write(1, (0..200).map(|number| (number, name(number)))).await;
    let (one, other) = tokio::join!(world.drain(), world.drain());
    assert_eq!((one.fetched + other.fetched, one.remade + other.remade), (200, 200), "{one:?} {other:?}");
    let asked = world.site.asked();
    assert_eq!((asked.len(), asked.iter().collect::<BTreeSet<_>>().len()), (200, 200));
    for number in [0, 1, 198, 199] {
        assert_eq!(world.description(pubkey(number)).await, json!(format!("/{number}")));
    }
}

#[tokio::test]
async fn a_crash_loses_nothing() {
    let world = World::new().await;
    let uri = world.site.uri("/a");
    world
        .site
        .answer("/a", [Answer::Held(String::new()), Answer::Body("{\"description\": \"a\"}".to_owned())]);
    world.write(1, [(1, uri.clone())]).await;
    let (_keep, cancel) = watch::channel(false);
    tokio::select! {
        _ = world.fetcher(Duration::ZERO).run(FetchEnd::Never, cancel) => panic!("it waits for the server"),
        () = world.site.until_asked(1) => {}
    }
    // It was dropped in the middle of a fetch: nobody else has the document until its time is over.
    assert_eq!(world.drain().await, FetchSummary::default());
    assert_eq!(world.row(&uri).await, Some(Row { arrived: false, attempts: 1, waits: true, reason: None }));
    let later = Duration::from_hours(1);
    assert_eq!(
        world.drain_at(later).await,
        FetchSummary { fetched: 1, remade: 1, ..FetchSummary::default() }
    );
    assert_eq!(world.description(pubkey(1)).await, json!("a"));
}

#[tokio::test]
async fn a_crash_behind_the_arrival_leaves_the_assets_due() {
    let world = World::new().await;
    let uri = world.site.uri("/a");
    world.write(1, [(1, uri.clone())]).await;
    let now = OffsetDateTime::now_utc() + Duration::from_secs(1);
    let until = now + Duration::from_mins(1);
    let hosts = world.store.document_hosts("", 10).await.unwrap();
    assert_eq!(hosts, ["127.0.0.1"]);
    let rooms = [("127.0.0.1".to_owned(), 10)];
    let taken = world.store.take_documents(&rooms, 10, now, until).await.unwrap();
    assert_eq!(
        taken.iter().map(|due| (&due.uri, due.tries, due.arrived)).collect::<Vec<_>>(),
        [(&uri, 1, false)]
    );
    assert_eq!(world.store.take_documents(&rooms, 10, now, until).await.unwrap(), []);
    let body = "{\"description\":\"kept\"}";
    assert_eq!(world.store.keep_document(&taken[0], body, now, until).await.unwrap(), Kept::Stored);
    // Here it dies. Another one takes over when the time is over, and has not to ask for the document.
    let later = Duration::from_hours(1);
    assert_eq!(world.drain_at(later).await, FetchSummary { remade: 1, ..FetchSummary::default() });
    assert_eq!(world.description(pubkey(1)).await, json!("kept"));
    assert!(world.site.asked().is_empty());
    // The first one, when it was only slow, writes nothing any more.
    assert_eq!(world.store.keep_document(&taken[0], "{}", now, until).await.unwrap(), Kept::Lost);
    assert_eq!(world.store.fail_document(&taken[0], "late", None).await.unwrap(), Kept::Lost);
    assert!(!world.store.note_remade(&taken[0], None).await.unwrap());
    assert!(!world.store.release_document(&taken[0], now).await.unwrap());
    assert_eq!(world.row(&uri).await, Some(Row { arrived: true, attempts: 2, waits: false, reason: None }));
}

#[tokio::test]
async fn whoever_is_stopped_gives_back_what_it_had() {
    let world = World::new().await;
    world
        .site
        .answer("/a", [Answer::Held(String::new()), Answer::Body("{\"description\": \"a\"}".to_owned())]);
    world.write(1, [(1, world.site.uri("/a"))]).await;
    let (stop, cancel) = watch::channel(false);
    let stopping = async {
        world.site.until_asked(1).await;
        stop.send_replace(true);
    };
    let (summary, ()) = tokio::join!(world.fetcher(Duration::ZERO).run(FetchEnd::Never, cancel), stopping);
    assert_eq!(summary.unwrap(), FetchSummary { interrupted: true, ..FetchSummary::default() });
    assert_eq!(world.drain().await, FetchSummary { fetched: 1, remade: 1, ..FetchSummary::default() });
}

#[tokio::test]
async fn a_host_is_asked_by_few_at_a_time_and_keeps_nobody_waiting() {
    let mut world = World::new().await;
    world.settings.fetches_max = 4;
    world.settings.fetches_per_host_max = 2;
    world.write(1, (0..60).map(|number| (number, world.site.uri(&format!("/many/{number}"))))).await;
    world.write(1, [(100, world.site.other_uri("/one"))]).await;
    assert_eq!(world.drain().await.fetched, 61);
    let most = world.site.served_at_once();
    assert!(most <= 3, "{most} at once: two of the one host, one of the other");
    let place = world.site.asked().iter().position(|path| path == "/one").unwrap();
    assert!(place < 10, "it waited for {place} others");
}

#[tokio::test]
async fn a_host_that_has_enough_is_left_alone_for_a_while() {
    let mut world = World::new().await;
    world.settings.fetches_per_host_max = 1;
    for number in 0..10 {
        world.site.answer(
            &format!("/{number}"),
            [Answer::Status(429, Some(1)), Answer::Body(format!("{{\"description\":\"{number}\"}}"))],
        );
    }
    world.write(1, (0..2).map(|number| (number, world.site.uri(&format!("/{number}"))))).await;
    let started = Instant::now();
    let summary = world.drain().await;
    assert_eq!((summary.fetched, summary.failed), (2, 2));
    // Two refusals, one behind the other, each good for a second.
    assert!(started.elapsed() >= Duration::from_secs(2));
}

#[tokio::test]
async fn odd_documents_break_nothing() {
    let world = World::new().await;
    let deep = format!("{{\"description\":{}1{}}}", "[".repeat(99), "]".repeat(99));
    let odd = [
        ("/nul", "{\"description\":\"a\\u0000b\"}".to_owned()),
        ("/deep", deep),
        ("/number", "{\"description\":1e308}".to_owned()),
        ("/twice", "{\"description\":1,\"description\":2}".to_owned()),
        ("/empty", "{}".to_owned()),
    ];
    for (number, (path, body)) in (0..).zip(&odd) {
        world.site.answer(path, [Answer::Body(body.clone())]);
        world.write(1, [(number, world.site.uri(path))]).await;
    }
    world.write(1, [(50, "data:application/json,{\"description\":\"here\"}".to_owned())]).await;
    assert_eq!(world.drain().await.fetched, 6);
    assert_eq!(world.description(pubkey(0)).await, json!("a\0b"));
    assert!(world.description(pubkey(1)).await.is_array());
    assert_eq!(world.description(pubkey(2)).await, json!(1e308));
    assert_eq!(world.description(pubkey(3)).await, json!(2));
    assert_eq!(world.description(pubkey(4)).await, Value::Null);
    assert_eq!(world.description(pubkey(50)).await, json!("here"));
}

#[tokio::test]
async fn what_cannot_be_made_of_a_document_is_given_up_too() {
    let world = World::new().await;
    let uri = world.site.uri("/a");
    world.write(1, [(1, uri.clone()), (2, world.site.uri("/b"))]).await;
    let mut connection = world.database.connect().await;
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                      $$ BEGIN RAISE EXCEPTION 'no asset is replaced'; END $$;
                  CREATE TRIGGER refuse BEFORE UPDATE ON asset FOR EACH ROW
                      WHEN (get_byte(NEW.asset_id, 31) = 1) EXECUTE FUNCTION refuse()";
    sqlx::raw_sql(refuse).execute(&mut connection).await.unwrap();
    // Once when it arrives, and three times more; the other document is not kept waiting.
    let summary = world.drain().await;
    assert_eq!(summary, FetchSummary { fetched: 1, failed: 4, given_up: 1, remade: 1, ..summary });
    let reason = Some("its assets could not be made".to_owned());
    assert_eq!(world.row(&uri).await, Some(Row { arrived: true, attempts: 4, waits: false, reason }));
    assert_eq!(world.description(pubkey(2)).await, json!("/b"));
    assert_eq!(world.drain().await, FetchSummary::default());

    // What the operator's page says of it.
    let again = "DROP TRIGGER refuse ON asset;
                 UPDATE document SET next_try = now(), tries = 0 WHERE next_try IS NULL AND reason IS NOT NULL";
    sqlx::raw_sql(again).execute(&mut connection).await.unwrap();
    assert_eq!(world.drain().await, FetchSummary { remade: 1, ..FetchSummary::default() });
    assert_eq!(world.description(pubkey(1)).await, json!("/a"));
    assert_eq!(world.row(&uri).await.unwrap().reason, None);
    assert_eq!(world.site.asked().len(), 2);
}

#[tokio::test]
async fn what_ends_whoever_takes_it_is_given_up() {
    let world = World::new().await;
    let uri = world.site.uri("/a");
    world.write(1, [(1, uri.clone())]).await;
    let rooms = [("127.0.0.1".to_owned(), 1)];
    for _ in 0..3 {
        let now = OffsetDateTime::now_utc() + Duration::from_secs(1);
        // Each dies behind this.
        assert_eq!(world.store.take_documents(&rooms, 1, now, now).await.unwrap().len(), 1);
    }
    let summary = world.drain_at(Duration::from_hours(1)).await;
    assert_eq!(summary, FetchSummary { failed: 1, given_up: 1, ..FetchSummary::default() });
    assert!(world.site.asked().is_empty());
    assert_eq!(world.row(&uri).await.unwrap().reason.unwrap(), "its tries did not come to an end");
}

#[tokio::test]
async fn a_stop_is_heard_between_two_pages_and_loses_none() {
    let mut world = World::new().await;
    world.settings.remake_assets_max = 1;
    let uri = world.site.uri("/a");
    world.write(1, (0..5).map(|number| (number, uri.clone()))).await;
    let mut ids: Vec<Pubkey> = (0..5).map(pubkey).collect();
    ids.sort_unstable();

    let mut blocking = world.database.connect().await;
    sqlx::raw_sql("BEGIN").execute(&mut blocking).await.unwrap();
    let held = sqlx::query("SELECT FROM chain_asset WHERE asset_id = $1 FOR UPDATE").bind(ids[2].as_bytes());
    held.execute(&mut blocking).await.unwrap();
    let (stop, cancel) = watch::channel(false);
    let stopping = async {
        while world.description(ids[1]).await == Value::Null {
            tokio::task::yield_now().await;
        }
        stop.send_replace(true);
        sqlx::raw_sql("COMMIT").execute(&mut blocking).await.unwrap();
    };
    let (summary, ()) = tokio::join!(world.fetcher(Duration::ZERO).run(FetchEnd::Never, cancel), stopping);
    let FetchSummary { remade: before, interrupted, .. } = summary.unwrap();
    assert!(interrupted && (2..=3).contains(&before), "{before}");
    assert_eq!(world.description(ids[4]).await, Value::Null);
    // What was made is not made again.
    assert_eq!(world.drain().await, FetchSummary { remade: 5 - before, ..FetchSummary::default() });
    for id in ids {
        assert_eq!(world.description(id).await, json!("/a"));
    }
}

#[tokio::test]
async fn documents_are_fetched_again_and_shown_until_then() {
    let world = World::new().await;
    let [uri, data] = [world.site.uri("/a"), "data:,{\"description\":\"here\"}".to_owned()];
    let body = |text: &str| Answer::Body(format!("{{\"description\":\"{text}\"}}"));
    world.site.answer("/a", [body("old"), body("new"), body("new"), Answer::Status(500, None)]);
    world.write(1, [(1, uri.clone()), (2, data)]).await;
    assert_eq!(world.drain().await.fetched, 2);
    let refetch = async |ahead: Duration| {
        let now = OffsetDateTime::now_utc();
        world.store.refetch_documents(now + ahead, now, 10).await.unwrap()
    };
    let later = Duration::from_hours(1);
    assert_eq!(
        refetch(Duration::ZERO).await + refetch(later).await,
        1,
        "each once, and none whose uri has it"
    );
    assert_eq!(refetch(later).await, 0);
    assert_eq!(world.description(pubkey(1)).await, json!("old"));
    // Who is made meanwhile shows what is here.
    world.write(2, [(3, uri.clone())]).await;
    assert_eq!(world.description(pubkey(3)).await, json!("old"));
    let fetched = FetchSummary { fetched: 1, ..FetchSummary::default() };
    assert_eq!(world.drain().await, FetchSummary { remade: 2, ..fetched });
    for number in [1, 3] {
        assert_eq!(world.description(pubkey(number)).await, json!("new"));
    }
    // What comes as it was makes nothing, and what does not come takes nothing away.
    assert_eq!((refetch(later).await, world.drain().await), (1, fetched));
    let failed = FetchSummary { failed: 3, given_up: 1, ..FetchSummary::default() };
    assert_eq!((refetch(later).await, world.drain().await), (1, failed));
    assert_eq!(world.description(pubkey(1)).await, json!("new"));
    let reason = Some("the server answered 500".to_owned());
    assert_eq!(world.row(&uri).await.unwrap().reason, reason);
    assert_eq!(refetch(later).await, 1);
}
