//! When a document that did not arrive is tried again. Pure.

use std::time::Duration;

use super::DocumentSettings;

/// How long to wait behind the `attempt`th try, from 1 on; none: it is given up.
///
/// The wait doubles with each try and lies between its half and its whole: where, says `random`, from 0 to 1, so that what
/// failed together is not tried together. What the server asked for is kept, up to the longest wait.
pub(super) fn wait(
    settings: &DocumentSettings,
    attempt: u32,
    retry_after: Option<Duration>,
    random: f64,
) -> Option<Duration> {
    if attempt >= settings.attempts_max {
        return None;
    }
    let longest = Duration::from_secs(settings.retry_max_seconds);
    let doublings = attempt.saturating_sub(1).min(31);
    let whole = Duration::from_millis(settings.retry_min_ms).saturating_mul(1 << doublings).min(longest);
    let wait = (whole / 2) + (whole / 2).mul_f64(random.clamp(0.0, 1.0));
    Some(wait.max(retry_after.unwrap_or_default()).min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_end() {
        let settings = DocumentSettings {
            retry_min_ms: 1_000,
            retry_max_seconds: 10,
            attempts_max: 40,
            ..DocumentSettings::default()
        };
        let wait = |attempt, random| wait(&settings, attempt, None, random).expect("a wait").as_millis();
        assert_eq!([wait(1, 0.0), wait(1, 0.5), wait(1, 1.0)], [500, 750, 1_000]);
        assert_eq!([wait(2, 1.0), wait(3, 1.0), wait(4, 1.0), wait(5, 1.0)], [2_000, 4_000, 8_000, 10_000]);
        assert_eq!([wait(5, 0.0), wait(39, 1.0)], [5_000, 10_000]);
        assert_eq!(super::wait(&settings, 40, None, 0.5), None);
    }

    #[test]
    fn what_a_server_asks_for_is_kept_within_bounds() {
        let settings =
            DocumentSettings { retry_min_ms: 1_000, retry_max_seconds: 60, ..DocumentSettings::default() };
        let wait =
            |seconds| wait(&settings, 1, Some(Duration::from_secs(seconds)), 1.0).map(|wait| wait.as_secs());
        assert_eq!([wait(0), wait(30), wait(86_400)], [Some(1), Some(30), Some(60)]);
    }
}
