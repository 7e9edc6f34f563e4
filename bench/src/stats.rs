//! Numbers out of rounds.

use std::fmt;
use std::time::Duration;

/// The median of several rounds, with the least and the greatest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    /// The middle one; of an even number the mean of the two in the middle.
    pub(crate) median: f64,
    /// The least.
    pub(crate) min: f64,
    /// The greatest.
    pub(crate) max: f64,
}

impl Spread {
    /// Of no values there is none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_unstable_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Some(Self { median, min, max })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { median, min, max } = *self;
        if min.total_cmp(&max).is_eq() {
            return f.write_str(&figure(median));
        }
        write!(f, "{} ({} to {})", figure(median), figure(min), figure(max))
    }
}

/// The median of ratios that were taken pair by pair, with the quarters below and above it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quartiles {
    /// The middle one, as in [`Spread`].
    pub(crate) median: f64,
    /// A quarter of the values lies below this one.
    pub(crate) low: f64,
    /// A quarter of the values lies above this one.
    pub(crate) high: f64,
    /// Between these the median would lie in nineteen of twenty such runs, were turns independent of one another.
    pub(crate) sure: (f64, f64),
}

impl Quartiles {
    /// Of the finite ones of these values; of none there are none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_unstable_by(f64::total_cmp);
        let median = Spread::of(values.iter().copied())?.median;
        // A quarter of the way from the first to the last, and three: between two values where it lies between them.
        let last = values.len() - 1;
        let [low, high] = [last, 3 * last].map(|quarters| {
            let (below, above) = (values[quarters / 4], values[quarters.div_ceil(4)]);
            below + (above - below) * float_len(quarters % 4) / 4.0
        });
        // The interval of the median by its ranks; of a few values it is all of them.
        let count = float_len(values.len());
        let outside = float_len(last / 2).min((count - 1.96 * count.sqrt()) / 2.0).max(0.0);
        let outside = (0..=last / 2).take_while(|&rank| float_len(rank) <= outside).count() - 1;
        let sure = (values[outside], values[last - outside]);
        Some(Self { median, low, high, sure })
    }

    /// Whether the median of another run might well lie on the other side of a bound.
    pub(crate) fn is_noise(&self, bound: f64) -> bool {
        self.sure.0 < bound && bound < self.sure.1
    }
}

impl fmt::Display for Quartiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { median, low, high, .. } = *self;
        Spread { median, min: low, max: high }.fmt(f)
    }
}

/// A number with three significant digits, and whole from 100 on.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.9995 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A count as a float.
#[expect(clippy::cast_precision_loss, reason = "no count here comes near 2^52")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// The length of something as a float.
pub(crate) fn float_len(length: usize) -> f64 {
    float(u64::try_from(length).unwrap_or(u64::MAX))
}

/// Milliseconds with their fraction.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_spread_is_median_least_and_greatest() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([3.0]), Some(Spread { median: 3.0, min: 3.0, max: 3.0 }));
        assert_eq!(Spread::of([5.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 5.0 }));
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 9.0]), Some(Spread { median: 3.0, min: 1.0, max: 9.0 }));
    }

    #[test]
    fn quartiles_have_a_half_between_them() {
        assert_eq!(Quartiles::of([f64::NAN, f64::INFINITY]), None);
        assert_eq!(
            Quartiles::of([2.0]),
            Some(Quartiles { median: 2.0, low: 2.0, high: 2.0, sure: (2.0, 2.0) })
        );
        let found = Quartiles::of([9.0, 1.0, 5.0, 2.0, f64::NAN, 4.0]).unwrap();
        assert_eq!(found, Quartiles { median: 4.0, low: 2.0, high: 5.0, sure: (1.0, 9.0) });
        assert_eq!(found.to_string(), "4.00 (2.00 to 5.00)");
        let between = Quartiles::of([3.0, 1.0]);
        assert_eq!(between, Some(Quartiles { median: 2.0, low: 1.5, high: 2.5, sure: (1.0, 3.0) }));
        assert!(found.is_noise(4.9) && !found.is_noise(9.0) && !found.is_noise(1.0));
        // Of a hundred the tenth above and below the middle: the binomial's own 95 %.
        let many = Quartiles::of((1..=100).map(f64::from)).unwrap();
        assert_eq!((many.low, many.high, many.sure), (25.75, 75.25, (41.0, 60.0)));
    }

    #[test]
    fn figures_have_three_digits() {
        let figures = [0.012_34, 0.9996, 1.234_5, 12.345, 123.45, 12_345.6].map(figure);
        assert_eq!(figures, ["0.012", "1.00", "1.23", "12.3", "123", "12346"]);
        assert_eq!(Spread { median: 2.0, min: 1.0, max: 300.0 }.to_string(), "2.00 (1.00 to 300)");
        assert_eq!(Spread { median: 2.0, min: 2.0, max: 2.0 }.to_string(), "2.00");
    }
}
