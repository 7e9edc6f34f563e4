//! Batches that are being written, several at a time, each on a connection of its own.

use std::collections::BTreeSet;
use std::future::Future;

use tokio::task::{Id, JoinSet};
use vitrine_model::Pubkey;
use vitrine_store::ChainBatch;

use super::{IngestError, Outcome};

/// The batches in flight.
///
/// They may be committed in any order, but for one thing: that an account belongs to another program is kept only where the
/// account is known. Whoever tells it therefore waits for those who make it known.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    writes: JoinSet<Outcome>,
    /// The accounts that each of them makes known.
    known: Vec<(Id, BTreeSet<Pubkey>)>,
}

impl InFlight {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Whether any of them makes an account known whose end under another program is told by this batch.
    pub(super) fn is_before(&self, batch: &ChainBatch) -> bool {
        !self.known.is_empty()
            && batch
                .foreign_accounts()
                .any(|address| self.known.iter().any(|(_, known)| known.contains(&address)))
    }

    /// Starts one that makes these accounts known.
    pub(super) fn start(
        &mut self,
        known: BTreeSet<Pubkey>,
        write: impl Future<Output = Outcome> + Send + 'static,
    ) {
        let task = self.writes.spawn(write);
        self.known.push((task.id(), known));
    }

    /// Waits for any of them; `None` if there is none.
    pub(super) async fn next(&mut self) -> Option<Result<Outcome, IngestError>> {
        let ended = self.writes.join_next_with_id().await?;
        let id = ended.as_ref().map_or_else(tokio::task::JoinError::id, |(id, _)| *id);
        self.known.retain(|(other, _)| *other != id);
        Some(ended.map(|(_, outcome)| outcome).map_err(|_| IngestError::Worker("a writer")))
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use tokio::sync::oneshot;
    use vitrine_model::Slot;
    use vitrine_store::{AccountContent, AccountKind, AccountSeen};

    use super::*;

    fn key(byte: u8) -> Pubkey {
        Pubkey::from_bytes([byte; 32])
    }

    fn batch(updates: impl IntoIterator<Item = (u8, AccountContent)>) -> ChainBatch {
        let seen = |(byte, content)| AccountSeen {
            address: key(byte),
            slot: Slot::default(),
            write_version: 0,
            kind: AccountKind::Unknown,
            asset_id: None,
            content,
            tells_of: if byte == 1 { vec![key(10)] } else { Vec::new() },
        };
        ChainBatch { accounts: updates.into_iter().map(seen).collect(), ..ChainBatch::default() }
    }

    fn data() -> AccountContent {
        AccountContent::Data { program: key(99), data: Vec::new(), edition: None, tie: None }
    }

    #[tokio::test]
    async fn an_end_under_another_program_waits_for_who_makes_the_account_known() {
        let foreign = |byte| batch([(byte, AccountContent::Foreign), (77, AccountContent::Foreign)]);
        let mut in_flight = InFlight::default();
        assert!(!in_flight.is_before(&foreign(1)));
        let (end, ended) = oneshot::channel();
        let first = batch([(1, data()), (3, AccountContent::Closed), (4, AccountContent::Foreign)]);
        in_flight.start(first.known_accounts(), async { ended.await.expect("an end") });
        in_flight.start(batch([(2, data())]).known_accounts(), ready(Outcome::Cancelled));
        for (byte, waits) in [(1, true), (2, true), (3, true), (10, true), (4, false), (5, false)] {
            assert_eq!(in_flight.is_before(&foreign(byte)), waits, "{byte}");
        }
        assert!(
            !in_flight.is_before(&batch([(1, data()), (2, AccountContent::Closed)])),
            "any order is right"
        );

        assert!(matches!(in_flight.next().await, Some(Ok(Outcome::Cancelled))));
        assert!(!in_flight.is_before(&foreign(2)) && in_flight.is_before(&foreign(1)));
        end.send(Outcome::Cancelled).expect("somebody waits");
        assert!(in_flight.next().await.is_some());
        assert!(
            !in_flight.is_before(&foreign(1)) && in_flight.is_empty() && in_flight.next().await.is_none()
        );
    }
}
