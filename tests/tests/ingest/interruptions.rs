//! Ingests that are cut off, that run side by side, and whose database goes away: what is there at the end is what an
//! undisturbed one leaves.

use std::io::Write;
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::PgConnection;
use tokio::sync::watch;
use vitrine_ingest::source::{Input, Progress};
use vitrine_ingest::{IngestOptions, ingest};
use vitrine_tests::assets::pubkey;
use vitrine_tests::server::PATIENCE;
use vitrine_tests::{Database, Vitrine, consistency};

use super::{Done, SPL_TOKEN, World, account, count, mint, token};

const ASSETS: u64 = 3_000;
/// Lines of a batch: the inputs here have many of them.
const BATCH: &str = "100";
/// The slot of the last change.
const LAST_SLOT: u64 = 500_000 + ASSETS;

const SEEN: &str = "SELECT count(*) FROM account";
const WATERMARK: &str = "SELECT coalesce(max(slot), 0) FROM watermark WHERE source = 'ingest'";
const LETTERS: &str = "SELECT count(*) FROM dead_letter";

/// All that an ingest leaves, but for when and how often: two databases with the same inputs have the same.
const STATE: &str = "SELECT md5(coalesce((SELECT string_agg(encode(asset_id, 'hex') || slot_created || ' ' || slot_updated || ' ' || version, ','
                                               ORDER BY asset_id) FROM asset), ''))
    || md5(coalesce((SELECT string_agg(encode(address, 'hex') || kind || closed || slot || ' ' || coalesce(token_amount, -1), ',' ORDER BY address) FROM account), ''))
    || md5(coalesce((SELECT string_agg(encode(digest, 'hex') || reason, ',' ORDER BY digest) FROM dead_letter), ''))
    || md5(coalesce((SELECT string_agg(kind || ' ' || total, ',' ORDER BY kind, key, value, verified) FROM asset_list WHERE total > 0), ''))";

/// Each asset is minted and held, then it moves; now and then a line does not decode.
fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    for number in 0..ASSETS {
        let (nft, holder) = (pubkey(number), pubkey(100_000 + number));
        lines.push(mint(nft, 5 + number));
        lines.push(token(holder, 10_000 + number, nft, pubkey(200_000 + number % 9)));
        lines.push(token(holder, 500_001 + number, nft, pubkey(300_000 + number % 9)));
        if number % 100 == 0 {
            lines.push(account(pubkey(400_000 + number), 7, &[1; 70]));
        }
    }
    lines.into_iter().map(|line| format!("{line}\n")).collect()
}

fn command(url: &str) -> Vitrine {
    Vitrine::new(&["ingest", "-"]).env("DATABASE_URL", url).env("VITRINE_INGEST_BATCH_LINES", BATCH)
}

async fn state(connection: &mut PgConnection) -> String {
    sqlx::query_scalar(STATE).fetch_one(connection).await.unwrap()
}

/// What an undisturbed ingest leaves.
async fn clean() -> String {
    let database = Database::new().await;
    let done = Done::of(command(&database.url()).output_with(lines().concat().as_bytes()));
    done.says(0, &["30 not decoded", "0 rejected"]);
    state(&mut database.connect().await).await
}

async fn until(connection: &mut PgConnection, statement: &'static str, holds: impl Fn(u64) -> bool) -> u64 {
    let end = Instant::now() + PATIENCE;
    loop {
        let value = count(connection, statement).await;
        if holds(value) {
            return value;
        }
        assert!(Instant::now() < end, "{value}: {statement}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until nothing of an ingest is under way any more: what was being committed is, or never will be.
async fn settled(connection: &mut PgConnection) {
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vitrine write'
                AND datname = current_database() AND state <> 'idle'";
    until(connection, busy, |busy| busy == 0).await;
}

async fn ended(child: Child) -> Done {
    Done::of(tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap())
}

/// The whole input once more, and what is then there.
async fn assert_finished(database: &Database, expected: &str) {
    let again = Done::of(command(&database.url()).output_with(lines().concat().as_bytes()));
    again.says(0, &["30 not decoded", "0 rejected"]);
    let mut connection = database.connect().await;
    assert_eq!(state(&mut connection).await, expected);
    assert_eq!(count(&mut connection, WATERMARK).await, LAST_SLOT);
    assert_eq!(count(&mut connection, LETTERS).await, 30);
    consistency::check(database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_ingest_claims_nothing_and_a_second_one_finishes() {
    let expected = clean().await;
    let database = Database::new().await;
    let mut connection = database.connect().await;
    let lines = lines();
    // Killed between and inside of batches: at its beginning, in its middle, and before its end.
    for part in 1..=3 {
        let mut child = command(&database.url()).piped();
        let mut stdin = child.stdin.take().unwrap();
        let fed = lines.len() * part / 4;
        stdin.write_all(lines[..fed].concat().as_bytes()).unwrap();
        // Nothing ends the input: what is waited for is in a full batch.
        let wanted = (ASSETS * part as u64 / 4).saturating_sub(200);
        until(&mut connection, SEEN, |seen| seen >= wanted).await;
        child.kill().unwrap();
        child.wait().unwrap();
        drop(stdin);
        settled(&mut connection).await;
        assert_eq!(count(&mut connection, WATERMARK).await, 0, "nobody says that all of it is in");
        consistency::check(&database).await;
    }
    assert_ne!(state(&mut connection).await, expected);
    assert_finished(&database, &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_ingest_says_so_and_a_second_one_finishes() {
    let expected = clean().await;
    let database = Database::new().await;
    let mut connection = database.connect().await;
    let lines = lines();
    let mut child = command(&database.url()).piped();
    // The pipe stays open: the ingest cannot be over.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(lines[..lines.len() / 2].concat().as_bytes()).unwrap();
    until(&mut connection, SEEN, |seen| seen >= 500).await;
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let done = ended(child).await;
    drop(stdin);
    done.says(1, &["interrupted: the same command again does the rest"]);
    assert_eq!(count(&mut connection, WATERMARK).await, 0);
    consistency::check(&database).await;
    assert_finished(&database, &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_ingests_at_once_end_right() {
    let expected = clean().await;
    let database = Database::new().await;
    let lines = lines();
    // Two thirds each, in opposite order: the middle third is written by both.
    let third = lines.len() / 3;
    let up = lines[..2 * third].concat();
    let down = lines[third..].iter().rev().map(String::as_str).collect::<String>();
    let ingests = [up, down].map(|text| {
        let command = command(&database.url());
        tokio::task::spawn_blocking(move || Done::of(command.output_with(text.as_bytes())))
    });
    for ingest in ingests {
        ingest.await.unwrap().says(0, &["0 rejected"]);
    }
    let mut connection = database.connect().await;
    assert_eq!(state(&mut connection).await, expected);
    assert_eq!(count(&mut connection, WATERMARK).await, LAST_SLOT);
    consistency::check(&database).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn an_ingest_survives_a_postgres_that_is_killed_and_comes_back() {
    let expected = clean().await;
    let mut postgres = vitrine_tests::OwnPostgres::start().await;
    let lines = lines();
    // However slow the machine is: a Postgres that is waited for is no reason to give up.
    let mut child = command(&postgres.url()).env("VITRINE_INGEST_RETRY_MAX_SECONDS", "3600").piped();
    let mut stdin = child.stdin.take().unwrap();
    for (part, wanted) in lines.chunks(lines.len() / 3 + 1).zip([700, 1_500, 0]) {
        // Fed by a thread: with its database away, the ingest takes no more than it can hold.
        let text = part.concat();
        let feeding = std::thread::spawn(move || {
            stdin.write_all(text.as_bytes()).unwrap();
            stdin
        });
        if wanted > 0 {
            until(&mut postgres.connect().await, SEEN, |seen| seen >= wanted).await;
            postgres.kill().await;
            postgres.restart().await;
            postgres.accepts().await;
        }
        stdin = tokio::task::spawn_blocking(|| feeding.join().unwrap()).await.unwrap();
    }
    drop(stdin);
    let done = ended(child).await;
    done.says(0, &["30 not decoded", "0 rejected"]);
    assert!(done.stderr.contains("trying again"), "{}", done.stderr);
    let mut connection = postgres.connect().await;
    assert_eq!(state(&mut connection).await, expected);
    assert_eq!(count(&mut connection, WATERMARK).await, LAST_SLOT);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn an_ingest_gives_up_when_its_patience_ends() {
    let postgres = vitrine_tests::OwnPostgres::start().await;
    let mut child = command(&postgres.url()).env("VITRINE_INGEST_RETRY_MAX_SECONDS", "1").piped();
    let mut stdin = child.stdin.take().unwrap();
    let lines = lines();
    stdin.write_all(lines[..1_000].concat().as_bytes()).unwrap();
    until(&mut postgres.connect().await, SEEN, |seen| seen >= 300).await;
    postgres.kill().await;
    let feeding = std::thread::spawn(move || {
        // It ends before it has read everything.
        let _ = stdin.write_all(lines[1_000..].concat().as_bytes());
    });
    let done = ended(child).await;
    feeding.join().unwrap();
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert!(done.stderr.contains("lines read are in, and the same again adds the rest"), "{}", done.stderr);
}

const LOCKED: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
    AND application_name = 'vitrine write' AND wait_event_type = 'Lock'";

/// The first batch makes a token account known and is held up; the second says that it belongs to another program now.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_another_program_took_over_ends_whoever_is_first() {
    let world = World::new().await;
    let [nft, holder, alice, other] = [1, 2, 3, 4].map(pubkey);
    world.ingest(&[mint(nft, 5)]).says(0, &["1 created"]);
    let mut keeper = world.database.connect().await;
    sqlx::raw_sql("BEGIN; SELECT FROM account FOR UPDATE").execute(&mut keeper).await.unwrap();
    let text = token(holder, 7, nft, alice);
    let mut taken = text.clone();
    taken["account"]["owner"] = "ComputeBudget111111111111111111111111111111".into();
    taken["account"]["slot"] = 8.into();
    assert_eq!(text["account"]["owner"], SPL_TOKEN);
    let lines = [mint(nft, 6), text, taken, mint(other, 8)];
    let text: String = lines.iter().flat_map(|line| [line.to_string(), "\n".to_owned()]).collect();
    let file = world.file("taken.ndjson", text);
    let child = world.command(&[file.to_str().unwrap()]).env("VITRINE_INGEST_BATCH_LINES", "2").piped();
    world.until(LOCKED, 1).await;
    sqlx::raw_sql("ROLLBACK").execute(&mut keeper).await.unwrap();
    ended(child).await.says(0, &["4 lines"]);
    assert_eq!(world.count("SELECT count(*) FROM account WHERE closed AND slot = 8").await, 1);
    assert_eq!(world.owned(alice).await["total"], 0);
    world.check().await;
}

/// Interrupted while its last batch is written: nobody raises the watermark, or makes anew what is due.
#[tokio::test(flavor = "multi_thread")]
async fn an_ingest_that_is_interrupted_at_its_end_raises_no_watermark() {
    let world = World::new().await;
    let nft = pubkey(1);
    world.ingest(&[mint(nft, 5)]).says(0, &["1 created"]);
    let mut keeper = world.database.connect().await;
    sqlx::raw_sql("BEGIN; SELECT FROM account FOR UPDATE").execute(&mut keeper).await.unwrap();
    let file = world.file("end.ndjson", format!("{}\n", mint(nft, 9)));
    let (sender, cancel) = watch::channel(false);
    let store = world.database.store();
    let writing = tokio::spawn({
        let store = store.clone();
        async move {
            let progress = Arc::new(Progress::default());
            let options = IngestOptions::default();
            ingest(&store, &[Input::Path(file)], &options, &progress, &mut |_| {}, cancel).await
        }
    });
    world.until(LOCKED, 1).await;
    sqlx::query("INSERT INTO remake_due (source) VALUES ($1)")
        .bind(nft.as_bytes())
        .execute(&mut world.database.connect().await)
        .await
        .unwrap();
    sender.send(true).unwrap();
    sqlx::raw_sql("ROLLBACK").execute(&mut keeper).await.unwrap();
    assert!(writing.await.unwrap().unwrap().interrupted);
    store.close().await;
    assert_eq!(world.count(WATERMARK).await, 5);
    assert_eq!(world.count("SELECT count(*) FROM remake_due").await, 1);
    world.ingest(&[mint(nft, 9)]).says(0, &["1 lines"]);
    assert_eq!(world.count(WATERMARK).await, 9);
    assert_eq!(world.count("SELECT count(*) FROM remake_due").await, 0);
}
