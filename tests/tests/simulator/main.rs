//! Random histories of the chain, delivered in any order, twice, and cut off by crashes: what is in the database in the
//! end is what a clean run in order leaves there, to the byte.
//!
//! `VITRINE_SIMULATOR_HISTORIES` says how many (1,000 where it does not), `VITRINE_SIMULATOR_SEED` where they begin: a
//! failure names the seed to run alone.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod grove;
mod history;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::future::Future;
use std::ops::Range;
use std::pin::pin;
use std::task::Poll;

use history::{Told, batch, delivery, history};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use sqlx::Row as _;
use sqlx::postgres::PgConnection;
use vitrine_ingest::normalise::compose;
use vitrine_ingest::verify::{Event, verify};
use vitrine_store::{ChainWritten, Store, StoreError};
use vitrine_tests::Database;

/// Histories that are compared at once: their addresses are their own.
const ROUND: u64 = 25;

/// Histories that are told together, one beside the other.
const TOGETHER: u64 = 5;

/// Inputs of a batch of the clean run.
const CLEAN_BATCH: usize = 64;

/// Every table that inputs decide on, row by row, without the numbers that rows got in the order of their arrival. Lists
/// without members are left out: they may have had some in between.
const TABLES: [(&str, &str); 8] = [
    ("asset", "SELECT (to_jsonb(asset) - 'list_ids' - 'change_order')::text FROM asset ORDER BY asset_id"),
    (
        "list",
        "SELECT concat_ws(' ', kind, key, value, verified, total, slot_created, slot_updated, version, asset_id)
         FROM asset_list JOIN list_member USING (list_id) ORDER BY 1",
    ),
    ("account", "SELECT to_jsonb(account)::text FROM account ORDER BY address"),
    ("chain_asset", "SELECT to_jsonb(chain_asset)::text FROM chain_asset ORDER BY asset_id"),
    ("tree", "SELECT to_jsonb(tree)::text FROM tree ORDER BY tree"),
    ("tree_change", "SELECT to_jsonb(tree_change)::text FROM tree_change ORDER BY tree, seq"),
    ("tree_node", "SELECT to_jsonb(tree_node)::text FROM tree_node ORDER BY tree, node_index"),
    ("leaf_event", "SELECT to_jsonb(leaf_event)::text FROM leaf_event ORDER BY 1"),
];

/// What happens to batches that are written.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Nothing.
    None,
    /// The process ends in the middle: it takes no step beyond so many.
    Crash { steps: u32 },
    /// The database ends the connections in the middle.
    Cut,
    /// Another batch is written at the same time.
    Beside,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_delivery_ends_as_a_clean_run() {
    let number = |name: &str, default: u64| env::var(name).map_or(default, |text| text.parse().unwrap());
    let first = number("VITRINE_SIMULATOR_SEED", 1);
    let histories = number("VITRINE_SIMULATOR_HISTORIES", 1_000);
    let last = first + histories;
    let (clean, crashed) = (Database::new().await, Database::new().await);
    let mut seed = first;
    let (mut faults, mut filled) = (0, BTreeSet::new());
    while seed < last {
        let round = seed..(seed + ROUND).min(last);
        // A store remembers lists, which are deleted behind each round.
        let stores = (clean.store(), crashed.store());
        for seed in round.clone().step_by(usize::try_from(TOGETHER).unwrap()) {
            let history = interleaved(seed..(seed + TOGETHER).min(round.end));
            let ((), met) = tokio::join!(in_order(&stores.0, &history), at_random(&crashed, seed, &history));
            faults += met;
        }
        filled.extend(compare(&clean, &crashed, &format!("{round:?}")).await);
        for store in [&stores.0, &stores.1] {
            nothing_is_wrong(store, &format!("{round:?}")).await;
        }
        clear(&clean).await;
        clear(&crashed).await;
        stores.0.close().await;
        stores.1.close().await;
        seed = round.end;
    }
    // Of a dozen batches of some histories a few are cut off: a run without any has not tested it.
    assert!(faults >= histories / TOGETHER, "{faults} faults in {histories} histories");
    // Some events are rare: a few histories may leave a table without a row, a thousand do not.
    let empty = TABLES.iter().find(|(table, _)| !filled.contains(table));
    assert!(histories < 1_000 || empty.is_none(), "nothing in {empty:?}");
}

/// Histories side by side, each in its own order.
fn interleaved(seeds: Range<u64>) -> Vec<Told> {
    let mut histories: Vec<_> = seeds.map(|seed| history(seed).into_iter()).collect();
    let mut told = Vec::new();
    while !histories.is_empty() {
        histories.retain_mut(|history| history.next().map(|next| told.push(next)).is_some());
    }
    told
}

async fn in_order(store: &Store, history: &[Told]) {
    for told in history.chunks(CLEAN_BATCH) {
        store.write_chain(&batch(told.to_vec()), &compose).await.unwrap();
    }
}

/// Delivers histories in disorder, and says how many faults there were. What was cut off comes again, later.
async fn at_random(database: &Database, seed: u64, history: &[Told]) -> u64 {
    let mut store = database.store();
    let mut random = StdRng::seed_from_u64(seed ^ 0x5eed);
    let mut batches = delivery(&mut random, history);
    let mut faults = 0;
    while let Some(told) = batches.pop_front() {
        let write = batch(told.clone());
        let fault = match random.random_range(0..10) {
            0..2 => Fault::Crash { steps: random.random_range(0..40) },
            2 => Fault::Cut,
            3 => Fault::Beside,
            _ => Fault::None,
        };
        let done = match fault {
            Fault::None => is_in(seed, store.write_chain(&write, &compose).await),
            Fault::Crash { steps } => {
                let written = steps_of(steps, store.write_chain(&write, &compose)).await;
                written.is_some_and(|written| is_in(seed, written))
            }
            Fault::Cut => {
                let (written, ()) = tokio::join!(store.write_chain(&write, &compose), cut(database));
                is_in(seed, written)
            }
            Fault::Beside => {
                let other = batch(batches.front().cloned().unwrap_or_default());
                let (one, other) =
                    tokio::join!(store.write_chain(&write, &compose), store.write_chain(&other, &compose));
                // The other one comes once more in any case.
                is_in(seed, other);
                is_in(seed, one)
            }
        };
        if !done {
            faults += 1;
            // A process that has ended takes its connections with it; the next one has its own. Dropping alone does not:
            // a session that was left in a COPY waits for more of it, and holds its locks, until its statement times out.
            cut(database).await;
            store.close().await;
            store = database.store();
            let later = random.random_range(0..=batches.len());
            batches.insert(later, told);
        }
    }
    store.close().await;
    faults
}

/// Whether a batch was written. A connection that was cut fails whoever takes it next; nothing else may go wrong.
fn is_in(seed: u64, written: Result<ChainWritten, StoreError>) -> bool {
    match written {
        Ok(_) => true,
        Err(StoreError::Unavailable(_)) => false,
        Err(error) => panic!("seed {seed}: {error}"),
    }
}

/// The end of a future, if it comes to it within so many steps; then it is dropped where it stands.
async fn steps_of<F: Future>(steps: u32, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = steps;
    std::future::poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// Ends all connections that write to a database.
async fn cut(database: &Database) {
    let ended = sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'vitrine write'",
    );
    ended.execute(&mut database.connect().await).await.unwrap();
}

async fn rows(connection: &mut PgConnection, statement: &'static str) -> BTreeMap<String, u32> {
    let mut rows = BTreeMap::new();
    for row in sqlx::query(statement).fetch_all(connection).await.unwrap() {
        *rows.entry(row.get(0)).or_default() += 1;
    }
    rows
}

/// Compares the tables, and says which of them have rows.
async fn compare(clean: &Database, crashed: &Database, seeds: &str) -> Vec<&'static str> {
    let (mut clean, mut crashed) = (clean.connect().await, crashed.connect().await);
    let mut filled = Vec::new();
    for (table, statement) in TABLES {
        let (expected, found) = (rows(&mut clean, statement).await, rows(&mut crashed, statement).await);
        if !expected.is_empty() {
            filled.push(table);
        }
        let only = |of: &BTreeMap<String, u32>, other: &BTreeMap<String, u32>| {
            of.iter().find(|(row, times)| other.get(*row) != Some(*times)).map(|(row, _)| row.clone())
        };
        assert!(
            expected == found,
            "seeds {seeds}: {table} is not what a clean run leaves\nclean: {:?}\nfound: {:?}",
            only(&expected, &found),
            only(&found, &expected),
        );
    }
    // Whatever came in between: what is named now is in the queue.
    let unqueued: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM chain_asset WHERE json_uri IS NOT NULL
         AND NOT EXISTS (SELECT FROM document WHERE uri = json_uri)",
    )
    .fetch_one(&mut crashed)
    .await
    .unwrap();
    assert_eq!(unqueued, 0, "seeds {seeds}: documents that nobody will fetch");
    filled
}

async fn nothing_is_wrong(store: &Store, seeds: &str) {
    let mut found = Vec::new();
    let report = verify(store, &mut |event| {
        if let Event::Found(finding) = event {
            found.push(format!("{finding:?}"));
        }
    })
    .await
    .unwrap();
    assert!(report.assets > 0 && report.trees > 0 && report.nodes > 0);
    assert_eq!(found, Vec::<String>::new(), "seeds {seeds}");
}

/// Empties a database for the next histories.
async fn clear(database: &Database) {
    let mut connection = database.connect().await;
    sqlx::raw_sql(
        "TRUNCATE list_member, asset_list, asset, account, chain_asset, tree, tree_change, tree_node, leaf_event, document;
         UPDATE counter SET value = 0",
    )
    .execute(&mut connection)
    .await
    .unwrap();
}
