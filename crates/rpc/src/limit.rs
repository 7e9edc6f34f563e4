//! Rates: a sustained number of calls a second, and twice that in a burst.
//!
//! The generic cell rate algorithm: one number per bucket, the time at which it will be empty again ("TAT").
//! A call adds 1/rate to it and is refused when it would lie further ahead than a whole burst.

use std::num::NonZeroU32;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::settings::Limit;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// How many sustained seconds a burst is worth.
const BURST_SECONDS: u64 = 2;

/// A moment, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// For measuring: never goes back.
    pub(crate) monotonic: Instant,
    /// For telling: Unix time.
    pub(crate) unix: Duration,
}

/// The calls of one key in one category.
#[derive(Debug)]
pub(crate) struct Bucket {
    limited: Option<Limited>,
}

#[derive(Debug)]
struct Limited {
    per_second: NonZeroU32,
    made: Instant,
    /// When the bucket is empty again, in nanoseconds since `made`.
    empty_at: AtomicU64,
    offered: Mutex<Offered>,
}

/// How many calls came in the current second: what a 429 tells of in `current_rps`.
#[derive(Debug, Default)]
struct Offered {
    second: u64,
    calls: u32,
}

/// The state of a bucket: what the `x-ratelimit-*` headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// The sustained rate, calls a second.
    pub(crate) limit: u32,
    /// Calls that would be taken right now.
    pub(crate) remaining: u64,
    /// Unix time, in whole seconds, from when on a whole burst would be taken.
    pub(crate) reset_at: u64,
}

/// A call too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Whole seconds after which a call will be taken, at least 1.
    pub(crate) retry_after_seconds: u64,
    /// Calls that came in this second, this one too.
    pub(crate) current_rps: u32,
    /// The bucket.
    pub(crate) allowance: Allowance,
}

impl Now {
    /// This moment.
    pub(crate) fn read() -> Self {
        Self {
            monotonic: Instant::now(),
            unix: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        }
    }
}

impl Bucket {
    /// A bucket that takes a whole burst at once.
    pub(crate) fn new(limit: Limit, now: Now) -> Self {
        let limited = match limit {
            Limit::Unlimited(_) => None,
            Limit::PerSecond(per_second) => Some(Limited {
                per_second,
                made: now.monotonic,
                empty_at: AtomicU64::new(0),
                offered: Mutex::default(),
            }),
        };
        Self { limited }
    }

    /// Takes one call. `None`: this bucket has no limit.
    pub(crate) fn take(&self, now: Now) -> Result<Option<Allowance>, Refusal> {
        let Some(limited) = &self.limited else { return Ok(None) };
        let current_rps = limited.count(now);
        let at = limited.nanos(now);
        let taken = limited.empty_at.fetch_update(Ordering::AcqRel, Ordering::Acquire, |empty_at| {
            let next = empty_at.max(at) + limited.interval();
            (next <= at + BURST_SECONDS * NANOS_PER_SECOND).then_some(next)
        });
        match taken {
            Ok(_) => Ok(Some(limited.allowance(now))),
            Err(empty_at) => {
                let wait = empty_at + limited.interval() - at - BURST_SECONDS * NANOS_PER_SECOND;
                Err(Refusal {
                    retry_after_seconds: wait.div_ceil(NANOS_PER_SECOND).max(1),
                    current_rps,
                    allowance: limited.allowance(now),
                })
            }
        }
    }

    /// The bucket's state, without taking anything.
    pub(crate) fn peek(&self, now: Now) -> Option<Allowance> {
        self.limited.as_ref().map(|limited| limited.allowance(now))
    }
}

impl Limited {
    /// Nanoseconds that one call is worth.
    fn interval(&self) -> u64 {
        NANOS_PER_SECOND / u64::from(self.per_second.get())
    }

    fn nanos(&self, now: Now) -> u64 {
        u64::try_from(now.monotonic.saturating_duration_since(self.made).as_nanos()).unwrap_or(u64::MAX / 2)
    }

    fn allowance(&self, now: Now) -> Allowance {
        let full_in = self.empty_at.load(Ordering::Acquire).saturating_sub(self.nanos(now));
        let room = (BURST_SECONDS * NANOS_PER_SECOND).saturating_sub(full_in);
        let reset = now.unix + Duration::from_nanos(full_in);
        Allowance {
            limit: self.per_second.get(),
            remaining: room / self.interval(),
            reset_at: reset.as_secs() + u64::from(reset.subsec_nanos() > 0),
        }
    }

    fn count(&self, now: Now) -> u32 {
        let second = now.unix.as_secs();
        let mut offered = self.offered.lock().expect("nothing panics while it holds this lock");
        if offered.second != second {
            *offered = Offered { second, calls: 0 };
        }
        offered.calls = offered.calls.saturating_add(1);
        offered.calls
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Unlimited;

    fn bucket(per_second: u32) -> (Bucket, Now) {
        let now = Now { monotonic: Instant::now(), unix: Duration::from_secs(1_000) };
        (Bucket::new(Limit::PerSecond(NonZeroU32::new(per_second).expect("not 0")), now), now)
    }

    fn later(now: Now, by: Duration) -> Now {
        Now { monotonic: now.monotonic + by, unix: now.unix + by }
    }

    #[test]
    fn a_burst_is_twice_the_rate_and_then_it_refuses() {
        let (bucket, now) = bucket(5);
        let taken: Vec<_> = (0..10).map(|_| bucket.take(now).expect("within the burst")).collect();
        assert_eq!(taken[0], Some(Allowance { limit: 5, remaining: 9, reset_at: 1_001 }));
        let refusal = bucket.take(now).expect_err("the eleventh");
        assert_eq!((refusal.retry_after_seconds, refusal.current_rps), (1, 11));
        assert_eq!(refusal.allowance, Allowance { limit: 5, remaining: 0, reset_at: 1_002 });
        assert_eq!(
            bucket.take(later(now, Duration::from_millis(199))).map_err(|refusal| refusal.current_rps),
            Err(12)
        );
        assert!(bucket.take(later(now, Duration::from_millis(200))).is_ok());
        assert_eq!(bucket.peek(later(now, Duration::from_mins(1))).map(|state| state.remaining), Some(10));
    }

    #[test]
    fn unlimited_never_refuses() {
        let (_, now) = bucket(1);
        let bucket = Bucket::new(Limit::Unlimited(Unlimited::Unlimited), now);
        assert!((0..10_000).all(|_| bucket.take(now) == Ok(None)));
    }

    #[test]
    fn sending_as_fast_as_one_can_gets_the_burst_and_the_rate() {
        for rate in [1, 2, 3, 7, 10, 99, 1_000, 48_000] {
            let (bucket, start) = bucket(rate);
            let seconds = 30;
            let step = Duration::from_secs(1) / (3 * rate);
            let taken = (0..3 * rate * seconds)
                .filter(|&tick| bucket.take(later(start, step * tick)).is_ok())
                .count();
            let allowed = f64::from(2 * rate + rate * seconds);
            let taken = f64::from(u32::try_from(taken).expect("small"));
            assert!(
                (taken - allowed).abs() <= (allowed * 0.01).max(1.0),
                "rate {rate}: {taken} of {allowed}"
            );
        }
    }

    #[test]
    fn a_tier_that_allows_one_call_a_second_waits_a_second() {
        let (bucket, now) = bucket(1);
        assert!(bucket.take(now).is_ok() && bucket.take(now).is_ok());
        assert_eq!(bucket.take(now).map_err(|refusal| refusal.retry_after_seconds), Err(1));
    }
}
