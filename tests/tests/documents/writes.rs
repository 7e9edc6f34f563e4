//! Writes that nobody waits for to their end.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use vitrine_ingest::normalise::compose;
use vitrine_store::{ChainBatch, DatabaseSettings, Store};
use vitrine_tests::assets::{self, pubkey};
use vitrine_tests::{AssetSpec, Database, consistency};

use super::account;

/// Assets of a batch: their rows, packed as they are, are more than one piece of a COPY.
const ASSETS: u64 = 700;

/// Polls a future so often at most; none: it was dropped before its end.
async fn polls_of<F: Future>(polls: u32, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

fn batch(slot: u64) -> ChainBatch {
    let accounts =
        (0..ASSETS).map(|number| account(slot, number, format!("https://x.example/{slot}")).seen());
    ChainBatch { accounts: accounts.collect(), ..ChainBatch::default() }
}

/// A store whose writes have one connection: whatever one leaves behind, the next one finds.
fn store(database: &Database) -> Store {
    let settings = DatabaseSettings {
        url: database.url(),
        write_connections_max: 1,
        acquire_timeout_ms: 600_000,
        ..DatabaseSettings::default()
    };
    Store::from_url(&settings).unwrap()
}

/// Waits until no session is left in a transaction of a write.
async fn until_nobody_writes(database: &Database) {
    let writing = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                   AND application_name = 'vitrine write' AND state <> 'idle'";
    let mut connection = database.connect().await;
    while sqlx::query_scalar::<_, i64>(writing).fetch_one(&mut connection).await.unwrap() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_write_that_is_dropped_leaves_a_pool_that_works() {
    let database = Database::new().await;
    let store = store(&database);
    let mut slot = 0;
    let mut polls = 1;
    loop {
        // Assets that are new are copied in: it is in the middle of a COPY that it hurts.
        let cleared = "TRUNCATE asset, chain_asset, account, list_member; UPDATE asset_list SET total = 0;
                       UPDATE counter SET value = 0 WHERE name = 'assets'";
        sqlx::raw_sql(cleared).execute(&mut database.connect().await).await.unwrap();
        slot += 2;
        let done = polls_of(polls, store.write_chain(&batch(slot), &compose)).await;
        // Its session ends, and its locks with it, whether or not somebody waits for that.
        if done.is_none() {
            until_nobody_writes(&database).await;
        }
        let next = store.write_chain(&batch(slot + 1), &compose).await.unwrap();
        assert_eq!(next.assets.created + next.assets.updated, ASSETS, "behind {polls} polls");
        if let Some(done) = done {
            assert_eq!(done.unwrap().assets.created, ASSETS);
            break;
        }
        polls += 1;
    }
    assert!(polls > 20, "{polls} polls");
    consistency::check(&database).await;
}

#[tokio::test]
async fn an_import_that_is_dropped_leaves_a_pool_that_works() {
    let database = Database::new().await;
    let store = store(&database);
    for polls in 1.. {
        let first = polls * 1_000;
        let specs: Vec<AssetSpec> =
            (first..first + 100).map(|number| AssetSpec::new(pubkey(number))).collect();
        let mut changes: Vec<_> = specs.iter().map(AssetSpec::change).collect();
        changes.sort_unstable_by_key(|change| change.id);
        let done = polls_of(u32::try_from(polls).unwrap(), store.write_assets(&changes, None)).await;
        // The next one is right at once.
        assets::write(&store, &[AssetSpec::new(pubkey(first + 999))]).await;
        if let Some(done) = done {
            assert_eq!(done.unwrap().created, 100);
            break;
        }
    }
    consistency::check(&database).await;
}
