//! Latencies as they are kept, sent from process to process, and put together.

use anyhow::Result;
use hdrhistogram::Histogram;

/// Latencies are kept up to this, microseconds: beyond it a call has failed anyway.
const MAX_US: u64 = 120_000_000;

/// One without latencies; microseconds, three digits of each.
pub(crate) fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_max(MAX_US, 3)?)
}

/// Latencies, microseconds, and how many calls took each.
pub(crate) fn counts(latencies: &Histogram<u64>) -> Vec<(u64, u64)> {
    latencies.iter_recorded().map(|at| (at.value_iterated_to(), at.count_at_value())).collect()
}

/// Adds what [`counts`] told.
pub(crate) fn add(latencies: &mut Histogram<u64>, counts: &[(u64, u64)]) {
    for &(us, calls) in counts {
        latencies.saturating_record_n(us, calls);
    }
}

/// A quantile, milliseconds; of no latencies there is none.
pub(crate) fn quantile_ms(latencies: &Histogram<u64>, quantile: f64) -> Option<f64> {
    let us = (!latencies.is_empty()).then(|| latencies.value_at_quantile(quantile))?;
    Some(crate::stats::float(us) / 1_000.0)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn what_is_sent_is_what_was_kept() {
        let mut kept = histogram().unwrap();
        for us in [3, 3, 950, 1_234_567, u64::MAX] {
            kept.saturating_record(us);
        }
        let mut sent = histogram().unwrap();
        add(&mut sent, &counts(&kept));
        assert_eq!((sent.len(), counts(&sent)), (5, counts(&kept)));
        assert_eq!(quantile_ms(&sent, 0.5), Some(0.950));
        add(&mut sent, &[(3, 5)]);
        assert_eq!((quantile_ms(&sent, 0.5), sent.len()), (Some(0.003), 10));
        assert_eq!(quantile_ms(&histogram().unwrap(), 0.5), None);
    }
}
