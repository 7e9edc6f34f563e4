//! How a history comes to the store: in what order, how often, in which batches, and what is done in between.

use std::collections::VecDeque;

use rand::Rng as _;
use rand::rngs::StdRng;
use vitrine_ingest::normalise::leaf::transaction;
use vitrine_ingest::parse;
use vitrine_ingest::source::{Place, Record};
use vitrine_model::Slot;
use vitrine_store::{AssetChange, ChainBatch, DeadLetter};

use crate::grove;
use crate::history::Told;

/// Something to be done. Done twice it is done once.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// A batch is written.
    Tell(Vec<Told>),
    /// Documents are fetched, until none is due.
    Fetch,
    /// Dead letters are tried again.
    Retry,
    /// A source is read to its end, which is this slot.
    End(Slot),
}

/// A batch, as the store takes it.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) chain: ChainBatch,
    /// What is imported behind it.
    pub(crate) imported: Vec<AssetChange>,
}

impl Told {
    /// The text that it comes as: a line of `vitrine ingest`, or an asset for `vitrine import`.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Account(account) => account.line().to_string(),
            Self::Transaction(transaction) => grove::line(transaction).to_string(),
            Self::Imported(json) => json.clone(),
            Self::Dark(told) => told.line(),
        }
    }

    /// The slot of what the chain said.
    pub(crate) fn slot(&self) -> Option<u64> {
        match self {
            Self::Account(account) => Some(account.slot),
            Self::Transaction(transaction) => Some(transaction.slot.get()),
            Self::Imported(_) => None,
            Self::Dark(told) => told.slot(),
        }
    }

    fn add_to(&self, batch: &mut Batch) {
        match self {
            Self::Account(account) => match account.told() {
                Ok(seen) => batch.chain.accounts.push(seen),
                Err(reason) => batch.chain.dead_letters.push(self.letter(reason.to_string())),
            },
            Self::Transaction(tx) => {
                let seen = transaction(tx);
                assert_eq!(seen.problems, Vec::<String>::new(), "a transaction that nobody would have run");
                batch.chain.tree_changes.extend(seen.tree_changes);
                batch.chain.leaf_events.extend(seen.leaf_events);
                batch.chain.accounts.extend(seen.accounts);
            }
            Self::Imported(json) => {
                let text = json.clone().into_bytes();
                let record = Record { place: Place { line: 1, item: None }, text, stated_slot: None };
                batch.imported.push(parse(record).unwrap().change);
            }
            Self::Dark(told) => {
                batch.chain.dead_letters.push(self.letter("of another version".to_owned()));
                // That a tree changed is understood without what changed it.
                if let Self::Transaction(tx) = &**told {
                    let changes = transaction(tx).tree_changes.into_iter().map(|mut change| {
                        (change.asset_id, change.instruction, change.event) = (None, None, None);
                        change
                    });
                    batch.chain.tree_changes.extend(changes);
                }
            }
        }
    }

    fn letter(&self, reason: String) -> DeadLetter {
        let (slot, kind, key) = match self {
            Self::Dark(told) => return told.letter(reason),
            Self::Account(account) => (account.slot, "account", account.address.as_bytes().to_vec()),
            Self::Transaction(tx) => (tx.slot.get(), "transaction", tx.signature.as_bytes().to_vec()),
            Self::Imported(_) => unreachable!("an import keeps no letters"),
        };
        let slot = Slot::new(slot).unwrap();
        DeadLetter { slot, kind, key, reason, input: self.line() }
    }
}

/// What a source tells, as the store takes it.
pub(crate) fn batch(told: &[Told]) -> Batch {
    let mut batch = Batch::default();
    for told in told {
        told.add_to(&mut batch);
    }
    batch
}

/// A history in any order, some of it twice, some of it not understood at first, some of it late.
pub(crate) fn delivery(random: &mut StdRng, history: &[Told]) -> VecDeque<Work> {
    let mut told = history.to_vec();
    for one in history {
        if random.random_ratio(1, 5) {
            told.push(one.clone());
        }
    }
    for one in &mut told {
        if random.random_ratio(1, 16) && one.slot().is_some() {
            *one = Told::Dark(Box::new(one.clone()));
        }
    }
    // A part of it comes last: gaps of trees are filled by then.
    let late = if random.random_ratio(1, 3) {
        let begin = random.random_range(0..told.len());
        let end = random.random_range(begin..=told.len());
        told.drain(begin..end).collect()
    } else {
        Vec::new()
    };
    let mut works = VecDeque::new();
    for mut told in [told, late] {
        shuffle(random, &mut told);
        while !told.is_empty() {
            let rest = told.split_off(random.random_range(1..=60).min(told.len()));
            works.push_back(Work::Tell(std::mem::replace(&mut told, rest)));
        }
    }
    for work in [Work::Fetch, Work::Fetch, Work::Retry] {
        works.insert(random.random_range(0..=works.len()), work);
    }
    // Nothing is left to be done. An older source that is read again is not the end.
    works.extend([end(history), Work::End(Slot::default()), Work::Retry, Work::Fetch]);
    works
}

/// The end of all that was told.
pub(crate) fn end(history: &[Told]) -> Work {
    let highest = history.iter().filter_map(Told::slot).max();
    Work::End(highest.and_then(Slot::new).unwrap_or_default())
}

/// From nearly in order to any order at all.
fn shuffle(random: &mut StdRng, told: &mut [Told]) {
    if told.is_empty() {
        return;
    }
    let reach = [2, 8, told.len()][random.random_range(0..3)];
    for at in 0..told.len() {
        let other = (at + random.random_range(0..reach)).min(told.len() - 1);
        told.swap(at, other);
    }
}
