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
    /// Between these the median would lie in nineteen of twenty such runs, were turns independent of one another; of fewer
    /// than six values nobody can tell.
    pub(crate) sure: Option<(f64, f64)>,
}

/// How sure it is on which side of a bound a median lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Certainty {
    /// Another run would find it on the same side.
    Clear,
    /// Another run might well find it on the other side.
    Noise,
    /// There are too few values to tell.
    FewValues,
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
        let sure = outside(values.len()).map(|outside| (values[outside], values[last - outside]));
        Some(Self { median, low, high, sure })
    }

    /// How sure it is on which side of a bound the median lies.
    pub(crate) fn certainty(&self, bound: f64) -> Certainty {
        match self.sure {
            Some((low, high)) if low < bound && bound < high => Certainty::Noise,
            Some(_) => Certainty::Clear,
            None => Certainty::FewValues,
        }
    }
}

/// How many of so many sorted values lie outside, on each side, of an interval that holds the true median in 95 % of all
/// cases: how many values lie below it is a binomial distribution. `None` where not even all of them are enough.
fn outside(count: usize) -> Option<usize> {
    let all = float_len(count);
    // In logarithms: of many values a single probability is less than a float can say.
    let (mut log, mut below, mut outside) = (-all * std::f64::consts::LN_2, 0.0, None);
    for rank in 0..count / 2 {
        below += log.exp();
        if below > 0.025 {
            break;
        }
        outside = Some(rank);
        log += ((all - float_len(rank)) / float_len(rank + 1)).ln();
    }
    outside
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
        assert_eq!(Quartiles::of([2.0]), Some(Quartiles { median: 2.0, low: 2.0, high: 2.0, sure: None }));
        let found = Quartiles::of([9.0, 1.0, 5.0, 2.0, f64::NAN, 4.0]).unwrap();
        assert_eq!(found, Quartiles { median: 4.0, low: 2.0, high: 5.0, sure: None });
        assert_eq!(found.to_string(), "4.00 (2.00 to 5.00)");
        let between = Quartiles::of([3.0, 1.0]);
        assert_eq!(between, Some(Quartiles { median: 2.0, low: 1.5, high: 2.5, sure: None }));
        let many = Quartiles::of((1..=100).map(f64::from)).unwrap();
        assert_eq!((many.low, many.high, many.sure), (25.75, 75.25, Some((40.0, 61.0))));
    }

    #[test]
    fn a_median_is_sure_from_six_values_on() {
        // Tables of the sign test; beyond them the normal distribution's 1.96 deviations, 31 of them here.
        let found = [0, 1, 5, 6, 8, 9, 12, 25, 100].map(outside);
        let wanted = [None, None, None, Some(0), Some(0), Some(1), Some(2), Some(7), Some(39)];
        assert_eq!(found, wanted);
        let many = outside(4_000).unwrap();
        assert!((1_936..=1_938).contains(&many), "{many}");
        let certainty =
            |values: &[f64], bound| Quartiles::of(values.iter().copied()).unwrap().certainty(bound);
        let six = [1.0, 2.0, 4.0, 5.0, 9.0, 3.0];
        assert_eq!(certainty(&six, 8.9), Certainty::Noise);
        assert_eq!([certainty(&six, 1.0), certainty(&six, 9.0)], [Certainty::Clear; 2]);
        assert_eq!([certainty(&six[..5], 8.9), certainty(&six[..5], 10.0)], [Certainty::FewValues; 2]);
    }

    #[test]
    fn figures_have_three_digits() {
        let figures = [0.012_34, 0.9996, 1.234_5, 12.345, 123.45, 12_345.6].map(figure);
        assert_eq!(figures, ["0.012", "1.00", "1.23", "12.3", "123", "12346"]);
        assert_eq!(Spread { median: 2.0, min: 1.0, max: 300.0 }.to_string(), "2.00 (1.00 to 300)");
        assert_eq!(Spread { median: 2.0, min: 2.0, max: 2.0 }.to_string(), "2.00");
    }
}
