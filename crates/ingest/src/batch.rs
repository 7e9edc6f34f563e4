//! Collects changes until they are worth a transaction: one change of each asset, sorted. Pure.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use vitrine_model::{Pubkey, Slot};
use vitrine_store::AssetChange;

use crate::parse::Parsed;

/// When a batch is full: at the first of the two.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    /// Different assets.
    pub assets: usize,
    /// Bytes of rendered bodies; the change that reaches it is still in.
    pub bytes: usize,
}

/// The last change of each asset seen.
#[derive(Debug, Default)]
pub struct Batch {
    changes: BTreeMap<Pubkey, AssetChange>,
    bytes: usize,
    stated: Option<Slot>,
    superseded: u64,
}

/// What is handed to the store.
#[derive(Debug, Default)]
pub struct FullBatch {
    /// Sorted by id, each id once.
    pub changes: Vec<AssetChange>,
    /// The lowest slot stated for any change pushed.
    pub stated: Option<Slot>,
    /// Changes pushed that another one of the same asset took the place of.
    pub superseded: u64,
}

impl Batch {
    /// Adds a change. Of two of one asset the one seen at the higher slot stays, at equal slots the one pushed later,
    /// with the lower `slot_created` of both; where they render alike, the first one's `slot_updated` stays too: as if
    /// both had been written one after the other.
    pub fn push(&mut self, parsed: Parsed) {
        self.stated = self.stated.into_iter().chain(parsed.stated).min();
        let mut change = parsed.change;
        match self.changes.entry(change.id) {
            Entry::Vacant(place) => {
                self.bytes += weight(&change);
                place.insert(change);
            }
            Entry::Occupied(mut place) => {
                self.superseded += 1;
                let kept = place.get_mut();
                let slot_created = kept.slot_created.min(change.slot_created);
                if change.slot_seen >= kept.slot_seen {
                    self.bytes = self.bytes - weight(kept) + weight(&change);
                    std::mem::swap(kept, &mut change);
                    // From here on `change` is the one that was there.
                    if kept.rendered.digest == change.rendered.digest {
                        self.bytes = self.bytes - weight(kept) + weight(&change);
                        kept.slot_updated = change.slot_updated;
                        kept.rendered = change.rendered;
                    }
                }
                kept.slot_created = slot_created;
            }
        }
    }

    /// Whether nothing was pushed since it was taken.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether it is time to take it.
    pub fn is_full(&self, limits: &BatchLimits) -> bool {
        self.changes.len() >= limits.assets || self.bytes >= limits.bytes
    }

    /// Takes all that was pushed, and starts anew.
    pub fn take(&mut self) -> FullBatch {
        let Self { changes, stated, superseded, .. } = std::mem::take(self);
        FullBatch { changes: changes.into_values().collect(), stated, superseded }
    }
}

/// Bytes of an asset's packed body and what is spliced into it.
fn weight(change: &AssetChange) -> usize {
    change.rendered.body.as_bytes().len() + change.rendered.splices.len()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::collections::HashMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::parse;
    use crate::source::{Place, Record};

    const IDS: [&str; 3] = [
        "So11111111111111111111111111111111111111112",
        "11111111111111111111111111111111",
        "SysvarC1ock11111111111111111111111111111111",
    ];

    fn parsed(id: usize, updated: u64, created: u64, name: usize, stated: Option<u64>) -> Parsed {
        let text = format!(
            "{{\"interface\":\"V1_NFT\",\"id\":\"{}\",\"slot_updated\":{updated},\"slot_created\":{created},\
             \"content\":{{\"metadata\":{{\"name\":\"{name}\"}}}}}}",
            IDS[id]
        );
        let place = Place { line: 1, item: None };
        parse(Record { place, text: text.into(), stated_slot: stated.and_then(Slot::new) }).unwrap()
    }

    #[test]
    fn a_batch_is_full_by_count_or_by_bytes() {
        let first = parsed(0, 1, 1, 0, None);
        let bytes = weight(&first.change);
        let mut batch = Batch::default();
        let (assets, limit_bytes) = (2, bytes);
        assert!(!batch.is_full(&BatchLimits { assets, bytes: limit_bytes }));
        batch.push(first.clone());
        assert!(batch.is_full(&BatchLimits { assets, bytes: limit_bytes }));
        assert!(!batch.is_full(&BatchLimits { assets, bytes: limit_bytes + 1 }));
        // The same asset again takes no more room.
        batch.push(first);
        assert!(!batch.is_full(&BatchLimits { assets, bytes: limit_bytes + 1 }));
        batch.push(parsed(1, 1, 1, 0, None));
        assert!(batch.is_full(&BatchLimits { assets, bytes: usize::MAX }));
        assert_eq!(batch.take().changes.len(), 2);
        assert!(!batch.is_full(&BatchLimits { assets: 1, bytes: 1 }));
    }

    proptest! {
        #[test]
        fn a_batch_is_what_one_write_after_the_other_would_be(
            inputs in vec((0..IDS.len(), 0..4_u64, 0..4_u64, proptest::option::of(0..9_u64), 0..2_usize), 0..20),
        ) {
            let mut batch = Batch::default();
            let mut stored: HashMap<Pubkey, AssetChange> = HashMap::new();
            for (id, updated, created, stated, name) in &inputs {
                let new = parsed(*id, *updated, *created, *name, *stated);
                batch.push(new.clone());
                let new = new.change;
                let slot_created = stored.get(&new.id).map_or(new.slot_created, |old| old.slot_created.min(new.slot_created));
                match stored.get_mut(&new.id) {
                    Some(old) if new.slot_seen < old.slot_seen => {}
                    Some(old) if new.rendered.digest == old.rendered.digest => old.slot_seen = new.slot_seen,
                    _ => drop(stored.insert(new.id, new.clone())),
                }
                stored.get_mut(&new.id).unwrap().slot_created = slot_created;
            }
            let bytes: usize = stored.values().map(weight).sum();
            prop_assert_eq!(batch.bytes, bytes);
            let full = batch.take();
            prop_assert!(full.changes.is_sorted_by(|a, b| a.id < b.id));
            prop_assert_eq!(full.changes.len(), stored.len());
            prop_assert_eq!(usize::try_from(full.superseded), Ok(inputs.len() - stored.len()));
            prop_assert_eq!(full.stated.map(Slot::get), inputs.iter().filter_map(|input| input.3).min());
            for change in full.changes {
                let expected = &stored[&change.id];
                prop_assert_eq!(&change.rendered.body, &expected.rendered.body);
                prop_assert_eq!(change.slot_updated, expected.slot_updated);
                prop_assert_eq!(change.slot_seen, expected.slot_seen);
                prop_assert_eq!(change.slot_created, expected.slot_created);
            }
        }
    }
}
