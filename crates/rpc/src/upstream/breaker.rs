//! When to leave an upstream alone: a dead one must not cost every call its whole wait.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Failures on end after which nobody asks for a while.
const FAILURES_MAX: u32 = 5;

/// Opens after failures on end, and then lets one call through per pause, until one is answered.
///
/// A failure counts only if nothing was answered since its call began: one slow method does not make a dead upstream
/// of a busy one.
#[derive(Debug)]
pub(super) struct Breaker {
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    last_answer: Option<Instant>,
    /// Set while it is open: when the next call may try.
    next_try: Option<Instant>,
}

impl Breaker {
    /// A closed one.
    pub(super) fn new(pause: Duration) -> Self {
        Self { pause, state: Mutex::default() }
    }

    /// Whether a call may be made.
    pub(super) fn admits(&self, now: Instant) -> bool {
        let mut state = self.state();
        match state.next_try {
            None => true,
            Some(next_try) if now < next_try => false,
            Some(_) => {
                // This call tries; the others wait for what comes of it.
                state.next_try = Some(now + self.pause);
                true
            }
        }
    }

    /// Whether it is open.
    pub(super) fn is_open(&self) -> bool {
        self.state().next_try.is_some()
    }

    /// A call was answered, whatever the answer is.
    pub(super) fn answered(&self, now: Instant) {
        *self.state() = State { failures: 0, last_answer: Some(now), next_try: None };
    }

    /// A call that began then got no answer.
    pub(super) fn failed(&self, began: Instant, now: Instant) {
        let mut state = self.state();
        if state.last_answer.is_some_and(|answer| answer >= began) {
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES_MAX {
            state.next_try = Some(now + self.pause);
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);

    fn open(now: Instant) -> Breaker {
        let breaker = Breaker::new(PAUSE);
        for _ in 0..FAILURES_MAX {
            assert!(breaker.admits(now));
            breaker.failed(now, now);
        }
        breaker
    }

    #[test]
    fn it_opens_after_failures_on_end_and_tries_once_per_pause() {
        let now = Instant::now();
        let breaker = open(now);
        assert!(breaker.is_open() && !breaker.admits(now));
        let later = now + PAUSE;
        assert!(breaker.admits(later), "one tries");
        assert!(!breaker.admits(later), "the others do not");
        assert!(breaker.admits(later + PAUSE), "whatever became of the one");
    }

    #[test]
    fn an_answer_closes_it() {
        let now = Instant::now();
        let breaker = open(now);
        breaker.answered(now);
        assert!(!breaker.is_open() && breaker.admits(now));
        // From the beginning again.
        for _ in 1..FAILURES_MAX {
            breaker.failed(now + PAUSE, now + PAUSE);
        }
        assert!(!breaker.is_open());
    }

    #[test]
    fn failures_beside_answers_do_not_count() {
        let began = Instant::now();
        let breaker = Breaker::new(PAUSE);
        breaker.answered(began + PAUSE);
        for _ in 0..10 * FAILURES_MAX {
            breaker.failed(began, began + 2 * PAUSE);
        }
        assert!(!breaker.is_open());
    }
}
