//! What a failure is made of: the histories that fail by themselves, and of these the least that still fails.

use std::ops::Range;

use vitrine_tests::Database;

use crate::compare::{compare, findings};
use crate::history::Told;
use crate::interleaved;
use crate::run::{at_random, in_order};

/// How often a group is told anew to make it smaller.
const ATTEMPTS_MAX: u32 = 40;

/// Panics with what is known of a failure.
pub(crate) async fn explain(groups: impl Iterator<Item = Range<u64>>, difference: &str) -> ! {
    // Before it takes its time.
    eprintln!("{difference}");
    for seeds in groups {
        let whole = interleaved(seeds.clone());
        if Box::pin(fails(seeds.start, &whole)).await.is_none() {
            continue;
        }
        let least = Box::pin(shrunk(seeds.start, whole)).await;
        let reason = Box::pin(fails(seeds.start, &least)).await.unwrap_or_else(|| "now and then".to_owned());
        panic!(
            "{difference}\n{} inputs are enough, as far as was tried:\n{}\n{reason}\nagain: \
             VITRINE_SIMULATOR_SEED={} VITRINE_SIMULATOR_HISTORIES={} cargo test --workspace --test simulator any_delivery",
            least.len(),
            least.iter().map(Told::line).collect::<Vec<_>>().join("\n"),
            seeds.start,
            seeds.end - seeds.start,
        );
    }
    panic!("{difference}\nno group of histories fails alone: it takes several, or it is a matter of time");
}

/// What goes wrong with these inputs, in databases of their own.
async fn fails(seed: u64, told: &[Told]) -> Option<String> {
    let (clean, crashed) = (Database::new().await, Database::new().await);
    let store = clean.store();
    in_order(&store, told).await;
    store.close().await;
    if let Err(error) = Box::pin(at_random(&crashed, seed, told)).await {
        return Some(error);
    }
    if let Err(difference) = compare(&clean, &crashed).await {
        return Some(difference);
    }
    let store = crashed.store();
    let found = findings(&store, false).await;
    store.close().await;
    (!found.is_empty()).then(|| format!("verify finds {found:#?}"))
}

/// Takes parts away, half of all at first, as long as it still fails.
async fn shrunk(seed: u64, mut told: Vec<Told>) -> Vec<Told> {
    let (mut part, mut attempts) = (told.len() / 2, 0);
    while part > 0 {
        let mut at = 0;
        while at < told.len() && attempts < ATTEMPTS_MAX {
            attempts += 1;
            let end = (at + part).min(told.len());
            let fewer = [&told[..at], &told[end..]].concat();
            if !fewer.is_empty() && Box::pin(fails(seed, &fewer)).await.is_some() {
                told = fewer;
            } else {
                at = end;
            }
        }
        part /= 2;
    }
    told
}
