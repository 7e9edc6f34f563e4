//! Waiting for a database that is away, and for an interruption.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::warn;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Tries again while the error is one that passes, and the wait fits `patience`, which begins with the first failure: how
/// long the try took before is the work's own time. None when it was cancelled between two tries.
pub(crate) async fn retry<T, E: fmt::Display, F: Future<Output = Result<T, E>>>(
    mut attempt: impl FnMut() -> F,
    passes: impl Fn(&E) -> bool,
    patience: Duration,
    mut cancel: watch::Receiver<bool>,
) -> Option<Result<T, E>> {
    let mut failing = None;
    let mut wait = FIRST_WAIT;
    loop {
        let error = match attempt().await {
            Err(error) if passes(&error) => error,
            done => return Some(done),
        };
        let since = *failing.get_or_insert_with(Instant::now);
        if since.elapsed() + wait > patience {
            return Some(Err(error));
        }
        warn!(error = %error, wait_ms = wait.as_millis(), "the store did not take a batch, trying again");
        tokio::select! {
            () = cancelled(&mut cancel) => return None,
            () = sleep(wait) => {}
        }
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Ends when `cancel` becomes true; never, when nobody is left to set it.
pub(crate) async fn cancelled(cancel: &mut watch::Receiver<bool>) {
    if cancel.wait_for(|cancelled| *cancelled).await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::future::ready;

    use super::*;

    const PATIENCE: Duration = Duration::from_mins(1);

    const AWAY: &str = "away";

    fn passes(error: &&str) -> bool {
        *error == AWAY
    }

    fn never() -> watch::Receiver<bool> {
        watch::channel(false).1
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_comes_back_in_time_is_waited_for() {
        let started = Instant::now();
        let back = Duration::from_secs(50);
        let attempt = || ready(if started.elapsed() < back { Err(AWAY) } else { Ok(7) });
        assert_eq!(retry(attempt, passes, PATIENCE, never()).await.unwrap().unwrap(), 7);
        assert!(started.elapsed() < back + LONGEST_WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends() {
        let started = Instant::now();
        let result = retry(|| ready(Err::<(), _>(AWAY)), passes, PATIENCE, never()).await.unwrap();
        assert_eq!(result, Err(AWAY));
        assert!(started.elapsed() <= PATIENCE && started.elapsed() + LONGEST_WAIT >= PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_that_takes_long_before_it_fails_is_made_again() {
        let mut tries = 0;
        let attempt = || {
            tries += 1;
            let first = tries == 1;
            async move {
                sleep(2 * PATIENCE).await;
                if first { Err(AWAY) } else { Ok(7) }
            }
        };
        assert_eq!(retry(attempt, passes, PATIENCE, never()).await, Some(Ok(7)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_that_stays_is_not_tried_again() {
        let mut tries = 0;
        let attempt = || {
            tries += 1;
            ready(Err::<(), _>("broken"))
        };
        assert_eq!(retry(attempt, passes, PATIENCE, never()).await, Some(Err("broken")));
        assert_eq!(tries, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_can_be_interrupted() {
        let (sender, receiver) = watch::channel(false);
        let started = Instant::now();
        let interrupt = async {
            sleep(Duration::from_secs(3)).await;
            sender.send(true).unwrap();
        };
        let (result, ()) =
            tokio::join!(retry(|| ready(Err::<(), _>(AWAY)), passes, PATIENCE, receiver), interrupt);
        assert!(result.is_none());
        assert_eq!(started.elapsed(), Duration::from_secs(3));
    }
}
