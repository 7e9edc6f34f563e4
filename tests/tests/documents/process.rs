//! `vitrine ingest --fetch-documents` as a process.

use std::io::Write as _;
use std::process::{Child, Output};
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use vitrine_model::{PackedBody, Pubkey};
use vitrine_tests::assets::pubkey;
use vitrine_tests::client::make_key;
use vitrine_tests::{Server, Vitrine, consistency};

use super::site::Answer;
use super::{World, account};

/// `vitrine ingest`, with a site on this machine allowed.
pub(crate) fn ingest(world: &World, arguments: &[&str]) -> Vitrine {
    let command = Vitrine::new(&["ingest"]).on(&world.database);
    arguments
        .iter()
        .fold(command, Vitrine::arg)
        .env("VITRINE_DOCUMENTS_PRIVATE_HOSTS", "127.0.0.1, localhost")
        .env("VITRINE_DOCUMENTS_RETRY_MIN_MS", "1")
}

/// Hands a process lines, and ends its input.
fn feed(child: &mut Child, lines: impl IntoIterator<Item = String>) {
    let mut stdin = child.stdin.take().unwrap();
    for line in lines {
        writeln!(stdin, "{line}").unwrap();
    }
}

async fn ended(child: Child) -> String {
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// What getAsset shows of the documents of these assets.
async fn shown(world: &World, ids: impl IntoIterator<Item = Pubkey>) -> Vec<Value> {
    let server = Server::start(&world.database, &[]);
    let (key, _) = make_key(&world.store, "enterprise", None).await;
    let mut shown = Vec::new();
    for id in ids {
        let asset = server.client().result(&key, "getAsset", json!({ "id": id.to_string() })).await;
        shown.push(asset["content"]["metadata"]["description"].clone());
    }
    shown
}

#[tokio::test]
async fn an_ingest_fetches_what_its_assets_name() {
    let world = World::new().await;
    world
        .site
        .answer("/1", [Answer::Status(500, None), Answer::Body("{\"description\":\"one\"}".to_owned())]);
    let lines = |world: &World| {
        (0..3)
            .map(|number| account(1, number, world.site.uri(&format!("/{number}"))).line().to_string())
            .collect::<Vec<_>>()
    };
    // Without the flag nothing leaves the machine.
    let mut child = ingest(&world, &["-"]).piped();
    feed(&mut child, lines(&world));
    let told = ended(child).await;
    assert!(told.contains("assets: 3 created") && !told.contains("documents:"), "{told}");
    assert!(world.site.asked().is_empty());

    let mut child = ingest(&world, &["--fetch-documents", "-"]).piped();
    feed(&mut child, lines(&world));
    let told = ended(child).await;
    assert!(told.contains("documents: 3 fetched, 1 tries failed, 0 given up"), "{told}");
    assert_eq!(shown(&world, (0..3).map(pubkey)).await, [json!("/0"), json!("one"), json!("/2")]);

    // Nothing is fetched again unless it is old enough, and asked for.
    world.site.answer("/2", [Answer::Body("{\"description\":\"two\"}".to_owned())]);
    for (arguments, expected) in [
        (["--fetch-documents"].as_slice(), "documents: 0 fetched"),
        (&["--refetch-documents", "1"], "documents: 0 fetched"),
        (
            &["--refetch-documents", "0"],
            "documents: 3 fetched, 0 tries failed, 0 given up, 0 no longer named; 1 assets",
        ),
    ] {
        let told = ended(ingest(&world, arguments).piped()).await;
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }
    assert_eq!(shown(&world, [pubkey(2)]).await, [json!("two")]);
    consistency::check(&world.database).await;
}

#[tokio::test]
async fn a_process_that_is_killed_loses_no_document() {
    const ASSETS: u64 = 40;
    let world = World::new().await;
    let path = |number: u64| format!("/{}/{number}", ["quick", "held"][usize::from(number >= ASSETS / 2)]);
    for number in ASSETS / 2..ASSETS {
        let body = format!("{{\"description\":\"{}\"}}", path(number));
        world.site.answer(&path(number), [Answer::Held(body)]);
    }
    let lines =
        (0..ASSETS).map(|number| account(1, number, world.site.uri(&path(number))).line().to_string());
    let mut child = ingest(&world, &["--fetch-documents", "-"]).piped();
    feed(&mut child, lines);
    // Some have come, and some are under way. (A host is asked by eight at a time.)
    let held = |asked: &[String]| asked.iter().filter(|path| path.starts_with("/held")).count();
    world.site.until(|asked| held(asked) == 8).await;
    child.kill().unwrap();
    child.wait().unwrap();
    world.site.release();
    // Those that were under way belong to the one that died until their time is over: here it is.
    let over = "UPDATE document SET next_try = now() WHERE next_try IS NOT NULL";
    sqlx::raw_sql(over).execute(&mut world.database.connect().await).await.unwrap();
    let told = ended(ingest(&world, &["--fetch-documents"]).piped()).await;
    assert!(told.contains("0 tries failed, 0 given up"), "{told}");
    let expected: Vec<Value> = (0..ASSETS).map(|number| json!(path(number))).collect();
    assert_eq!(shown(&world, (0..ASSETS).map(pubkey)).await, expected);
    consistency::check(&world.database).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_large_document_of_many_assets_fits_into_memory() {
    const ASSETS: u64 = 192;
    const DOCUMENT: usize = 1_000_000;
    /// What it may take at most, bytes: less than the bodies of a batch, of which it would hold several copies.
    const PEAK_MAX: u64 = 176 << 20;
    let world = World::new().await;
    let uri = world.site.uri("/large");
    world.site.answer(
        "/large",
        [Answer::Body(format!("{{\"description\":\"{}\"}}", "large ".repeat(DOCUMENT / 6)))],
    );
    // It is here before the others name it: all of them show it from the first moment.
    world.write(1, [(1 << 32, uri.clone())]).await;
    assert_eq!(world.drain().await.remade, 1);
    let mut connection = world.database.connect().await;
    // One batch that makes them, and one that replaces them.
    for slot in [2, 3] {
        // The end of an ingest waits for the watermark: all is written, and its memory can be looked at.
        let mut blocking = world.database.connect().await;
        let hold = "BEGIN; INSERT INTO watermark (source, slot) VALUES ('ingest', 1)
                    ON CONFLICT (source) DO UPDATE SET slot = watermark.slot";
        sqlx::raw_sql(hold).execute(&mut blocking).await.unwrap();
        let lines: Vec<_> =
            (0..ASSETS).map(|number| account(slot, number, uri.clone()).line().to_string()).collect();
        let mut child = ingest(&world, &["-"])
            .env("VITRINE_INGEST_BATCH_LINES", &ASSETS.to_string())
            .env("VITRINE_INGEST_BATCH_WAIT_MS", "3600000")
            .piped();
        feed(&mut child, lines);
        while shown_at(&mut connection, slot, DOCUMENT).await < ASSETS && child.try_wait().unwrap().is_none()
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        sqlx::raw_sql("ROLLBACK").execute(&mut blocking).await.unwrap();
        let told = ended(child).await;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak = line.trim().strip_suffix(" kB").unwrap().trim().parse::<u64>().unwrap() * 1_024;
        println!("{peak} bytes of memory at most: {told}");
        assert_eq!(shown_at(&mut connection, slot, DOCUMENT).await, ASSETS);
        assert!(peak < PEAK_MAX, "{peak} bytes of memory for {ASSETS} bodies of a megabyte");
    }
}

/// Assets that were changed at a slot last, and show most of a document of so many bytes.
#[cfg(target_os = "linux")]
async fn shown_at(connection: &mut PgConnection, slot: u64, bytes: usize) -> u64 {
    let bodies: Vec<Vec<u8>> = sqlx::query_scalar("SELECT body FROM asset WHERE slot_updated = $1")
        .bind(i64::try_from(slot).unwrap())
        .fetch_all(connection)
        .await
        .unwrap();
    let shows_most = |body: &&Vec<u8>| PackedBody::stored(body).plain_len().unwrap() > bytes / 2;
    bodies.iter().filter(shows_most).count() as u64
}
