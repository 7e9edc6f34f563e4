//! Dead letters that an older version left: bounded when they are read, and never lost.

use std::time::{Duration, Instant};

use vitrine_tests::assets::pubkey;
use vitrine_tests::server::PATIENCE;

use super::{World, mint};

const LETTERS: u64 = 400;

impl World {
    /// Letters of a version that did not know mints.
    async fn with_letters() -> Self {
        let world = Self::new().await;
        let lines: Vec<String> = (0..LETTERS).map(|number| mint(pubkey(number), 6).to_string()).collect();
        sqlx::query(
            "INSERT INTO dead_letter
             SELECT sha256(convert_to(line, 'UTF8')), 6, 'account', sha256(''), 'no such program', line, now(), 1
             FROM UNNEST($1::text[]) AS lines (line)",
        )
        .bind(lines)
        .execute(&mut world.database.connect().await)
        .await
        .unwrap();
        world
    }

    async fn letters(&self) -> u64 {
        self.count("SELECT count(*) FROM dead_letter").await
    }
}

#[tokio::test]
async fn letters_are_read_by_their_bytes_and_each_once() {
    let world = World::with_letters().await;
    let store = world.database.store();
    let length = mint(pubkey(0), 6).to_string().len();
    // One that reaches the bytes is still read; keys in base58 are not all of one length.
    for (bytes, expected) in [(1, 1..=1), (3 * length, 3..=4), (usize::MAX, 100..=100)] {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let page = store.dead_letters(None, 100, bytes).await.unwrap();
        assert!(expected.contains(&page.len()), "{} for {bytes} bytes", page.len());
    }
    let (mut seen, mut after) = (std::collections::BTreeSet::new(), None);
    loop {
        let bytes = u32::try_from(7 * length).unwrap();
        let page = store.dead_letters(after.as_ref(), 100, bytes).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        for letter in page {
            assert!(seen.insert(letter.id), "it came twice");
        }
    }
    assert_eq!(seen.len() as u64, LETTERS);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_retry_loses_no_letter() {
    let world = World::with_letters().await;
    let retry = || world.command(&["--retry-dead-letters"]).env("VITRINE_INGEST_BATCH_LINES", "10");
    let mut child = retry().piped();
    let end = Instant::now() + PATIENCE;
    while world.letters().await > LETTERS - 50 {
        assert!(Instant::now() < end, "nothing is decoded");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vitrine write'
                AND datname = current_database() AND state <> 'idle'";
    while world.count(busy).await > 0 {
        assert!(Instant::now() < end, "what was under way does not end");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (letters, assets) = (world.letters().await, world.count("SELECT count(*) FROM asset").await);
    assert_eq!(letters + assets, LETTERS, "each is a letter or an asset");
    super::Done::of(retry().output())
        .says(0, &[&format!("{letters} dead letters tried again"), "0 not decoded"]);
    assert_eq!((world.letters().await, world.count("SELECT count(*) FROM asset").await), (0, LETTERS));
    world.check().await;
}
