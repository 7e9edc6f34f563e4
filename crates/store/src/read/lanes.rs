//! Turns for searches of which nobody can tell how long they take, so that all other reads find a connection.
//!
//! Such a search first has a short time, among half of the connections: most need no more. What is not done by then waits for
//! one of the few turns that last. A turn is taken without a connection in hand, and ends with the connection's lease.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::StoreError;

/// How long a search may take, in turns of which kind. The one that lasts is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// [`super::search::BRIEF`].
    Brief,
    /// What is left of the time of a statement.
    Long,
}

/// The turns that there are.
#[derive(Debug)]
pub(crate) struct Lanes {
    brief: Arc<Semaphore>,
    long: Arc<Semaphore>,
}

/// Its holder's turn, until it is dropped.
pub(crate) type Turn = OwnedSemaphorePermit;

impl Lanes {
    /// Of so many connections half are for turns that are brief, and a quarter for those that last; one each at least.
    pub(crate) fn new(connections_max: u32) -> Self {
        let turns = |part: u32| Arc::new(Semaphore::new((connections_max / part).max(1) as usize));
        Self { brief: turns(2), long: turns(4) }
    }

    /// A turn, if there is one at once.
    pub(crate) fn take(&self, lane: Lane) -> Option<Turn> {
        Arc::clone(self.of(lane)).try_acquire_owned().ok()
    }

    /// A turn, in the order in which they are waited for. [`StoreError::Crowded`] where there is none in time.
    pub(crate) async fn wait(&self, lane: Lane, time: Duration) -> Result<Turn, StoreError> {
        let turn = timeout(time, Arc::clone(self.of(lane)).acquire_owned()).await;
        turn.ok().and_then(Result::ok).ok_or(StoreError::Crowded)
    }

    fn of(&self, lane: Lane) -> &Arc<Semaphore> {
        match lane {
            Lane::Brief => &self.brief,
            Lane::Long => &self.long,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn some_connections_are_left_to_all_others() {
        for (connections, brief, long) in [(1, 1, 1), (2, 1, 1), (4, 2, 1), (8, 4, 2), (16, 8, 4)] {
            let lanes = Lanes::new(connections);
            for (lane, turns) in [(Lane::Brief, brief), (Lane::Long, long)] {
                let taken: Vec<Turn> = std::iter::from_fn(|| lanes.take(lane)).collect();
                assert_eq!(taken.len(), turns, "{lane:?} of {connections}");
                let none = lanes.wait(lane, Duration::ZERO).await;
                assert!(matches!(none, Err(StoreError::Crowded)), "{none:?}");
                drop(taken);
                assert!(lanes.wait(lane, Duration::MAX).await.is_ok());
            }
        }
    }
}
