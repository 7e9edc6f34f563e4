//! Batches that are being written, several at a time, each on a connection of its own.

use std::cmp::Ordering;
use std::future::Future;

use tokio::task::{Id, JoinSet};
use vitrine_model::Pubkey;
use vitrine_store::AssetChange;

use super::ImportError;
use super::writer::Outcome;

/// The batches in flight.
///
/// No two of them have an asset in common: of two changes at the same slot the later one stands, so they have to
/// be committed in their order.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    writes: JoinSet<Outcome>,
    /// What each of them writes, sorted.
    ids: Vec<(Id, Vec<Pubkey>)>,
}

impl InFlight {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether any of them writes one of these assets, which are sorted.
    pub(super) fn touches(&self, changes: &[AssetChange]) -> bool {
        self.ids.iter().any(|(_, ids)| have_common(ids, changes))
    }

    /// Starts one that writes these assets, which are sorted.
    pub(super) fn start(&mut self, ids: Vec<Pubkey>, write: impl Future<Output = Outcome> + Send + 'static) {
        let task = self.writes.spawn(write);
        self.ids.push((task.id(), ids));
    }

    /// Waits for any of them; `None` if there is none.
    pub(super) async fn next(&mut self) -> Option<Result<Outcome, ImportError>> {
        let ended = self.writes.join_next_with_id().await?;
        let id = ended.as_ref().map_or_else(tokio::task::JoinError::id, |(id, _)| *id);
        self.ids.retain(|(other, _)| *other != id);
        Some(ended.map(|(_, outcome)| outcome).map_err(|_| ImportError::Worker("the writer")))
    }
}

/// Whether an asset is in both, which are sorted.
fn have_common(mut ids: &[Pubkey], mut changes: &[AssetChange]) -> bool {
    while let ([id, other_ids @ ..], [change, other_changes @ ..]) = (ids, changes) {
        match id.cmp(&change.id) {
            Ordering::Less => ids = other_ids,
            Ordering::Greater => changes = other_changes,
            Ordering::Equal => return true,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, reason = "tests")]

    use std::collections::BTreeSet;
    use std::future::ready;

    use proptest::collection::btree_set;
    use proptest::prelude::*;
    use tokio::sync::oneshot;
    use vitrine_model::{Asset, Slot};
    use vitrine_store::Written;

    use super::*;

    fn key(byte: u8) -> Pubkey {
        Pubkey::from_bytes([byte; 32])
    }

    fn changes(bytes: &BTreeSet<u8>) -> Vec<AssetChange> {
        let change = |&byte| {
            let text = format!(r#"{{"interface":"V1_NFT","id":"{}"}}"#, key(byte));
            let asset = Asset::from_das(&text).expect("an asset");
            let slot = Slot::default();
            let (facts, rendered) = (asset.facts(), asset.render().pack());
            AssetChange {
                id: asset.id,
                slot_created: slot,
                slot_updated: slot,
                slot_seen: slot,
                facts,
                rendered,
            }
        };
        bytes.iter().map(change).collect()
    }

    fn written(created: u64) -> Outcome {
        Outcome::Written { written: Written { created, ..Written::default() }, superseded: 0 }
    }

    #[tokio::test]
    async fn whoever_ends_first_touches_nothing_any_more() {
        let touches = |in_flight: &InFlight, byte| in_flight.touches(&changes(&BTreeSet::from([byte])));
        let mut in_flight = InFlight::default();
        let (end, ended) = oneshot::channel();
        in_flight.start(vec![key(1), key(3)], async { ended.await.expect("an end") });
        in_flight.start(vec![key(2)], ready(written(2)));
        assert_eq!(in_flight.len(), 2);
        assert!(touches(&in_flight, 1) && touches(&in_flight, 2) && touches(&in_flight, 3));
        assert!(!touches(&in_flight, 4) && !in_flight.touches(&[]));

        let Some(Ok(Outcome::Written { written: first, .. })) = in_flight.next().await else { panic!() };
        assert_eq!(first.created, 2);
        assert!(!touches(&in_flight, 2) && touches(&in_flight, 3));
        end.send(written(1)).expect("somebody waits");
        let Some(Ok(Outcome::Written { written: second, .. })) = in_flight.next().await else { panic!() };
        assert_eq!(second.created, 1);
        assert!(!touches(&in_flight, 3) && in_flight.next().await.is_none());
    }

    proptest! {
        #[test]
        fn common_assets_are_found(a in btree_set(0..20_u8, 0..6), b in btree_set(0..20_u8, 0..6)) {
            let ids: Vec<_> = a.iter().map(|&byte| key(byte)).collect();
            prop_assert_eq!(have_common(&ids, &changes(&b)), !a.is_disjoint(&b));
        }
    }
}
