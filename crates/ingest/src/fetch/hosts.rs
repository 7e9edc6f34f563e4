//! Whom we speak to: so many requests to one host at a time, and none to one that is to be left alone. What counts is the host
//! of each request, whatever uri led there: a gateway, a redirect, or the uri itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Hosts that are remembered, at most, but for those that are spoken to. Of further ones nothing is left alone.
const HOSTS_MAX: usize = 10_000;

/// The hosts that are spoken to or left alone. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Hosts {
    /// Requests to one host at a time.
    most: usize,
    known: Arc<Mutex<HashMap<String, Host>>>,
}

#[derive(Debug)]
struct Host {
    turns: Arc<Semaphore>,
    paused_until: Option<Instant>,
}

/// The right to one request. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Turn(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl Hosts {
    pub(super) fn new(most: u32) -> Self {
        Self { most: most as usize, known: Arc::default() }
    }

    /// Waits for a turn with a host. Where it is to be left alone, says for how long.
    pub(super) async fn turn(&self, host: &str) -> Result<Turn, Duration> {
        let turns = {
            let mut known = self.known();
            if !known.contains_key(host) && known.len() >= HOSTS_MAX {
                let now = Instant::now();
                known.retain(|_, host| host.is_used(self.most, now));
            }
            let host = known
                .entry(host.to_owned())
                .or_insert_with(|| Host { turns: Arc::new(Semaphore::new(self.most)), paused_until: None });
            Arc::clone(&host.turns)
        };
        // Nobody closes it; who waits here for one that had to be forgotten waits for who is served.
        let turn = turns.acquire_owned().await.map_err(|_| Duration::ZERO)?;
        self.paused(host).map_or(Ok(Turn(turn)), Err)
    }

    /// For how long a host is still to be left alone; none: it may be spoken to.
    pub(super) fn paused(&self, host: &str) -> Option<Duration> {
        let until = self.known().get(host)?.paused_until?;
        Some(until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    /// Leaves a host alone for so long, or for longer where that was said before.
    pub(super) fn pause(&self, host: &str, time: Duration) {
        if let Some(host) = self.known().get_mut(host) {
            host.paused_until = host.paused_until.max(Some(Instant::now() + time));
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Host>> {
        self.known.lock().expect("nothing panics while it holds this lock")
    }
}

impl Host {
    fn is_used(&self, most: usize, now: Instant) -> bool {
        self.turns.available_permits() < most || self.paused_until.is_some_and(|until| until > now)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn so_many_at_a_time_have_a_turn() {
        let hosts = Hosts::new(2);
        let [one, _other] = [hosts.turn("a").await.unwrap(), hosts.turn("a").await.unwrap()];
        assert!(tokio::time::timeout(Duration::from_secs(1), hosts.turn("a")).await.is_err());
        assert!(hosts.turn("b").await.is_ok());
        drop(one);
        assert!(hosts.turn("a").await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_is_left_alone_for_the_longest_time_that_was_said() {
        let hosts = Hosts::new(1);
        let second = Duration::from_secs(1);
        let turn = hosts.turn("a").await.unwrap();
        hosts.pause("a", 9 * second);
        hosts.pause("a", second);
        let waiting = hosts.clone();
        let waiting = tokio::spawn(async move { waiting.turn("a").await.map(drop) });
        tokio::task::yield_now().await;
        drop(turn);
        // Who has waited meanwhile leaves it alone too.
        assert_eq!(waiting.await.unwrap(), Err(9 * second));
        assert_eq!(hosts.turn("a").await.map(drop), Err(9 * second));
        assert!(hosts.paused("b").is_none());
        tokio::time::advance(9 * second).await;
        assert!(hosts.turn("a").await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn hosts_that_nobody_speaks_to_are_forgotten() {
        let hosts = Hosts::new(1);
        let kept = hosts.turn("kept").await.unwrap();
        drop(hosts.turn("paused").await.unwrap());
        hosts.pause("paused", Duration::from_secs(1));
        for number in 0..HOSTS_MAX {
            drop(hosts.turn(&number.to_string()).await.unwrap());
        }
        assert!(hosts.known().len() <= HOSTS_MAX);
        assert!(hosts.paused("paused").is_some());
        assert!(tokio::time::timeout(Duration::from_secs(9), hosts.turn("kept")).await.is_err());
        drop(kept);
    }
}
