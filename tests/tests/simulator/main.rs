//! Random histories of the chain, delivered in any order, twice, and cut off by crashes: what is in the database in the
//! end is what a clean run in order leaves there, to the byte.
//!
//! `VITRINE_SIMULATOR_HISTORIES` says how many (1,000 where it does not), `VITRINE_SIMULATOR_SEED` where they begin. A
//! failure says how to run the histories alone that it is of, and what is left of them when all is taken away that it does
//! not need.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod compare;
mod cores;
mod cuts;
mod damage;
mod delivery;
mod grove;
mod history;
mod layouts;
mod processes;
mod proxy;
mod run;
mod shrink;
mod tokens;

use std::collections::BTreeSet;
use std::env;
use std::iter::StepBy;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::Mutex;
use std::thread;

use compare::{TABLES, clear, compare, every_table_is_known, findings};
use history::{Told, history};
use run::{at_random, in_order};
use vitrine_tests::Database;

/// Histories that are compared at once: their addresses are their own.
const ROUND: u64 = 100;

/// Histories that are told together, one beside the other.
const TOGETHER: u64 = 5;

/// Rounds that are told at the same time, each to databases of its own: telling one keeps a core busy.
const LANES: usize = 2;

/// Where rounds begin, and where the last one ends.
type Rounds = (StepBy<Range<u64>>, u64);

/// Faults that were met, and tables that had rows.
type Met = (u64, BTreeSet<&'static str>);

#[test]
fn any_delivery_ends_as_a_clean_run() {
    let number = |name: &str, default: u64| env::var(name).map_or(default, |text| text.parse().unwrap());
    let first = number("VITRINE_SIMULATOR_SEED", 1);
    let histories = number("VITRINE_SIMULATOR_HISTORIES", 1_000);
    let last = first + histories;
    let rounds: Mutex<Rounds> = Mutex::new(((first..last).step_by(usize::try_from(ROUND).unwrap()), last));
    let (mut faults, mut filled) = (0, BTreeSet::new());
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES).map(|_| scope.spawn(|| in_a_lane(&rounds))).collect();
        for lane in lanes {
            let (met, tables) = lane.join().unwrap_or_else(|panic| resume_unwind(panic));
            faults += met;
            filled.extend(tables);
        }
    });
    // Of a dozen batches of some histories a few are cut off: a run without any has not tested it.
    assert!(faults >= histories / TOGETHER, "{faults} faults in {histories} histories");
    // Some events are rare: a few histories may leave a table without a row, a thousand do not.
    let empty = TABLES.iter().find(|(table, _)| *table != "remake_due" && !filled.contains(table));
    assert!(histories < 1_000 || empty.is_none(), "nothing in {empty:?}");
}

/// Takes rounds until there are none left.
fn in_a_lane(rounds: &Mutex<Rounds>) -> Met {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (clean, crashed) = (Database::new().await, Database::new().await);
        every_table_is_known(&clean).await;
        let mut met: Met = Met::default();
        while let Some(round) = next(rounds) {
            match Box::pin(compared(&clean, &crashed, &round)).await {
                Ok((faults, tables)) => {
                    met.0 += faults;
                    met.1.extend(tables);
                }
                Err(difference) => Box::pin(shrink::explain(groups(&round), &difference)).await,
            }
            clear(&clean).await;
            clear(&crashed).await;
        }
        met
    })
}

fn next(rounds: &Mutex<Rounds>) -> Option<Range<u64>> {
    let mut rounds = rounds.lock().unwrap();
    let (firsts, last) = &mut *rounds;
    let first = firsts.next()?;
    Some(first..(first + ROUND).min(*last))
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

/// The histories of a round that are told together.
fn groups(round: &Range<u64>) -> impl Iterator<Item = Range<u64>> + use<> {
    let end = round.end;
    round
        .clone()
        .step_by(usize::try_from(TOGETHER).unwrap())
        .map(move |seed| seed..(seed + TOGETHER).min(end))
}

/// Tells a round to both databases; returns how many faults there were, and which tables have rows.
async fn compared(
    clean: &Database,
    crashed: &Database,
    round: &Range<u64>,
) -> Result<(u64, Vec<&'static str>), String> {
    let mut faults = 0;
    // A store remembers lists, which are deleted behind each round.
    let store = clean.store();
    for seeds in groups(round) {
        let history = interleaved(seeds.clone());
        let ((), met) = tokio::join!(in_order(&store, &history), at_random(crashed, seeds.start, &history));
        faults += met?;
    }
    let filled = compare(clean, crashed).await?;
    let of_crashed = crashed.store();
    for store in [&store, &of_crashed] {
        let found = findings(store, true).await;
        if !found.is_empty() {
            return Err(format!("verify finds {found:#?}"));
        }
    }
    store.close().await;
    of_crashed.close().await;
    Ok((faults, filled))
}
