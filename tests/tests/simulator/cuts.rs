//! A history is cut off at every question that its writer asks of Postgres: within batches and between them, before
//! Postgres hears it, and before the writer hears the answer.

use vitrine_store::Store;
use vitrine_tests::Database;

use crate::compare::{clear, compare, findings};
use crate::delivery::{Work, end};
use crate::history::{Told, history_at};
use crate::proxy::{Fall, Proxy};
use crate::run::{in_order, perform};

/// A history with something of most kinds.
const SEED: u64 = 11;
const STEPS: u32 = 9;

/// Cuts that are compared at once, each of the same history under addresses of its own.
const ROUND: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_at_any_question_leaves_what_a_clean_run_does() {
    let (clean, cut) = (Database::new().await, Database::new().await);
    let questions = count(&cut, Fall::Never).await;
    let answers = count(&cut, Fall::Behind(u64::MAX)).await;
    let falls = (1..=questions).map(Fall::Before).chain((1..=answers).map(Fall::Behind));
    let falls: Vec<Fall> = falls.collect();
    let (mut fallen, mut salt) = (0, 100);
    for round in falls.chunks(ROUND) {
        let (store, after) = (clean.store(), cut.store());
        let mut all = Vec::new();
        for &fall in round {
            salt += 1;
            let told = history_at(SEED, salt, STEPS);
            fallen += u64::from(cut_off(&cut, &after, fall, &told).await);
            all.extend(told);
        }
        in_order(&store, &all).await;
        // What nobody was left to do.
        for work in LAST {
            perform(&after, &work).await.unwrap();
        }
        perform(&after, &end(&all)).await.unwrap();
        if let Err(difference) = compare(&clean, &cut).await {
            panic!("{round:?}: {difference}");
        }
        assert_eq!(findings(&after, true).await, Vec::new(), "{round:?}");
        store.close().await;
        after.close().await;
        clear(&clean).await;
        clear(&cut).await;
    }
    // How many questions documents take is a matter of how many are fetched at a time.
    let expected = falls.len() as u64;
    assert!(fallen + expected / 10 > expected && expected > 100, "{fallen} cuts of {expected}");
}

/// What follows the batches.
const LAST: [Work; 2] = [Work::Retry, Work::Fetch];

/// What is done: two batches, and what follows them.
fn works(told: &[Told]) -> impl Iterator<Item = Work> + use<> {
    let (first, second) = told.split_at(told.len() / 2);
    [first, second].map(|told| Work::Tell(told.to_vec())).into_iter().chain(LAST)
}

/// How many questions there are to fall at.
async fn count(database: &Database, fall: Fall) -> u64 {
    let proxy = Proxy::before(database, fall).await;
    let store = proxy.store();
    let told = history_at(SEED, 1, STEPS);
    for work in works(&told) {
        perform(&store, &work).await.unwrap();
    }
    store.close().await;
    clear(database).await;
    proxy.asked()
}

/// Writes a history through a proxy that falls, and what was cut off, and batches behind it, without one. Says whether it fell.
async fn cut_off(database: &Database, after: &Store, fall: Fall, told: &[Told]) -> bool {
    let proxy = Proxy::before(database, fall).await;
    proxy.release();
    let store = proxy.store();
    let mut is_whole = true;
    for work in works(told) {
        if is_whole && perform(&store, &work).await.is_err() {
            assert!(proxy.has_fallen(), "{fall:?}: only what was cut off may fail");
            is_whole = false;
        }
        if !is_whole && matches!(work, Work::Tell(_)) {
            perform(after, &work).await.unwrap();
        }
    }
    store.close().await;
    proxy.has_fallen()
}
