//! What was found: samples of scenarios by lane, turn by turn and round by round, and figures by name.

use std::collections::BTreeMap;

use anyhow::Result;
use hdrhistogram::Histogram;

use crate::latency;
use crate::load::Report;
use crate::scenario::Lane;
use crate::stats::{Quartiles, Spread, float, float_len};
use crate::usage::Cpu;

/// Calls that were seen and what they burnt.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    calls: u64,
    seconds: f64,
    body_bytes: u64,
    cpu: Cpu,
    latencies: Histogram<u64>,
}

/// One measurement; what is per call is per answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    /// Calls a second.
    pub(crate) rate: f64,
    /// Milliseconds of a call on the average.
    pub(crate) mean_ms: f64,
    /// Half of the calls, milliseconds; `None` where none was timed from its begin to its end.
    pub(crate) p50_ms: Option<f64>,
    /// 99 of 100 calls, milliseconds.
    pub(crate) p99_ms: Option<f64>,
    /// Bytes of a body as sent; of Postgres alone nobody counts them.
    pub(crate) body_bytes: f64,
    /// CPU of the server per call, milliseconds.
    pub(crate) server_ms: f64,
    /// CPU of all of Postgres per call, milliseconds.
    pub(crate) postgres_ms: f64,
    /// CPU of the client per call, milliseconds.
    pub(crate) client_ms: f64,
}

/// All that was seen of a scenario in a lane.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The scenario's name.
    pub(crate) name: String,
    /// Who answered.
    pub(crate) lane: Lane,
    /// One a round.
    pub(crate) samples: Vec<Sample>,
    /// One a turn, with its number; what has the same number was measured side by side.
    pub(crate) turns: Vec<(usize, Sample)>,
}

/// A figure of its own.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// What it is.
    pub(crate) name: String,
    /// Its values' unit; empty for a ratio or a count.
    pub(crate) unit: &'static str,
    values: Vec<f64>,
}

/// Everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Results {
    /// In the order of the table.
    pub(crate) rows: Vec<Row>,
    /// In the order in which they were found.
    pub(crate) figures: Vec<Figure>,
    /// What a reader has to know besides.
    pub(crate) notes: Vec<String>,
    /// What is known of the machine and the data: name and text.
    pub(crate) facts: BTreeMap<&'static str, String>,
}

impl Tally {
    /// Nothing yet.
    pub(crate) fn new() -> Result<Self> {
        let (cpu, latencies) = (Cpu::default(), latency::histogram()?);
        Ok(Self { calls: 0, seconds: 0.0, body_bytes: 0, cpu, latencies })
    }

    /// Adds what came of a slice.
    pub(crate) fn add(&mut self, report: &Report, cpu: Cpu) {
        self.calls += report.calls;
        self.seconds += report.seconds;
        self.body_bytes += report.body_bytes;
        self.cpu = self.cpu.and(cpu);
        latency::add(&mut self.latencies, &report.latencies);
    }

    /// What it comes to; of no calls nothing. `connections` closed loops are never idle: the mean follows from the rate.
    pub(crate) fn sample(&self, connections: usize) -> Option<Sample> {
        if self.calls == 0 {
            return None;
        }
        let calls = float(self.calls);
        let rate = calls / self.seconds;
        Some(Sample {
            rate,
            mean_ms: float_len(connections) * 1_000.0 / rate,
            p50_ms: latency::quantile_ms(&self.latencies, 0.5),
            p99_ms: latency::quantile_ms(&self.latencies, 0.99),
            body_bytes: float(self.body_bytes) / calls,
            server_ms: self.cpu.server * 1_000.0 / calls,
            postgres_ms: self.cpu.postgres * 1_000.0 / calls,
            client_ms: self.cpu.client * 1_000.0 / calls,
        })
    }
}

impl Sample {
    /// CPU of server and Postgres together per call, milliseconds.
    pub(crate) fn cpu_ms(&self) -> f64 {
        self.server_ms + self.postgres_ms
    }

    /// [`Sample::p50_ms`], or no number.
    pub(crate) fn p50(&self) -> f64 {
        self.p50_ms.unwrap_or(f64::NAN)
    }

    /// [`Sample::p99_ms`], or no number.
    pub(crate) fn p99(&self) -> f64 {
        self.p99_ms.unwrap_or(f64::NAN)
    }
}

impl Figure {
    /// Its values in short.
    pub(crate) fn spread(&self) -> Spread {
        // There is none without a value.
        Spread::of(self.values.iter().copied()).unwrap_or(Spread { median: 0.0, min: 0.0, max: 0.0 })
    }

    /// Its values as those of a ratio.
    pub(crate) fn quartiles(&self) -> Option<Quartiles> {
        Quartiles::of(self.values.iter().copied())
    }
}

impl Row {
    /// A property over all rounds.
    pub(crate) fn spread(&self, property: impl Fn(&Sample) -> Option<f64>) -> Option<Spread> {
        Spread::of(self.samples.iter().filter_map(property))
    }
}

impl Results {
    /// Adds the sample of a round.
    pub(crate) fn add(&mut self, name: &str, lane: Lane, sample: Sample) {
        self.row_mut(name, lane).samples.push(sample);
    }

    /// Adds the sample of a turn; turns come in the order of their numbers.
    pub(crate) fn add_turn(&mut self, name: &str, lane: Lane, turn: usize, sample: Sample) {
        self.row_mut(name, lane).turns.push((turn, sample));
    }

    fn row_mut(&mut self, name: &str, lane: Lane) -> &mut Row {
        let known = self.rows.iter().position(|row| row.lane == lane && row.name == name);
        let at = known.unwrap_or(self.rows.len());
        if known.is_none() {
            self.rows.push(Row { name: name.to_owned(), lane, samples: Vec::new(), turns: Vec::new() });
        }
        &mut self.rows[at]
    }

    fn row(&self, (name, lane): (&str, Lane)) -> Option<&Row> {
        self.rows.iter().find(|row| row.lane == lane && row.name == name)
    }

    /// Adds values to a figure.
    pub(crate) fn collect(&mut self, name: &str, unit: &'static str, values: impl IntoIterator<Item = f64>) {
        let values: Vec<f64> = values.into_iter().collect();
        if values.is_empty() {
            return;
        }
        match self.figures.iter_mut().find(|figure| figure.name == name) {
            Some(figure) => figure.values.extend(values),
            None => self.figures.push(Figure { name: name.to_owned(), unit, values }),
        }
    }

    /// A figure by its name.
    pub(crate) fn find(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }

    /// How one measurement compares with another, turn by turn: `compared` of both samples of a turn.
    pub(crate) fn paired(
        &self,
        of: (&str, Lane),
        beside: (&str, Lane),
        compared: impl Fn(&Sample, &Sample) -> f64,
    ) -> Option<Quartiles> {
        let (of, beside) = (self.row(of)?, self.row(beside)?);
        let pairs = of.turns.iter().filter_map(|(turn, sample)| {
            let at = beside.turns.binary_search_by_key(turn, |(turn, _)| *turn).ok()?;
            Some(compared(sample, &beside.turns[at].1))
        });
        Quartiles::of(pairs)
    }

    /// The ratio of a property of two measurements, turn by turn.
    pub(crate) fn ratio(
        &self,
        of: (&str, Lane),
        beside: (&str, Lane),
        property: impl Fn(&Sample) -> f64,
    ) -> Option<Quartiles> {
        self.paired(of, beside, |sample, beside| property(sample) / property(beside))
    }

    /// The same, round by round: for what needs as many calls as a round has.
    pub(crate) fn ratio_of_rounds(
        &self,
        of: (&str, Lane),
        beside: (&str, Lane),
        property: impl Fn(&Sample) -> f64,
    ) -> Option<Quartiles> {
        let (of, beside) = (self.row(of)?, self.row(beside)?);
        let pairs = of.samples.iter().zip(&beside.samples);
        Quartiles::of(pairs.map(|(sample, beside)| property(sample) / property(beside)))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn sample(rate: f64) -> Sample {
        Sample {
            rate,
            mean_ms: 1_000.0 / rate,
            p50_ms: None,
            p99_ms: None,
            body_bytes: 0.0,
            server_ms: 1.0,
            postgres_ms: 2.0,
            client_ms: 0.0,
        }
    }

    #[test]
    fn ratios_are_of_the_same_turn() {
        let mut results = Results::default();
        let (a, b) = (("a", Lane::Cached), ("a", Lane::Postgres));
        // The machine becomes ten times as slow, and one turn of the one is missing.
        for (turn, own, other) in [(3, 100.0, 50.0), (4, 10.0, 5.0), (5, 9.0, 3.0), (7, 40.0, 10.0)] {
            results.add_turn("a", Lane::Cached, turn, sample(own));
            if turn != 7 {
                results.add_turn("a", Lane::Postgres, turn, sample(other));
            }
        }
        let rate = |sample: &Sample| sample.rate;
        let ratio = results.ratio(a, b, rate).unwrap();
        assert_eq!((ratio.median, ratio.low, ratio.high), (2.0, 2.0, 2.5));
        let more = results.paired(a, b, |one, other| rate(one) - rate(other));
        assert_eq!(more.map(|more| more.median), Some(6.0));
        assert_eq!(results.ratio(a, ("b", Lane::Postgres), rate), None);
        assert_eq!(results.ratio(a, b, Sample::p50), None);
    }

    #[test]
    fn tails_are_compared_by_rounds() {
        let mut results = Results::default();
        for (own, other) in [(10.0, 5.0), (40.0, 10.0), (9.0, 3.0)] {
            results.add("a", Lane::Cached, sample(own));
            results.add("a", Lane::Postgres, sample(other));
        }
        let rate = |sample: &Sample| sample.rate;
        let ratio = results.ratio_of_rounds(("a", Lane::Cached), ("a", Lane::Postgres), rate);
        assert_eq!(ratio.map(|ratio| ratio.median), Some(3.0));
        results.collect("f", "ms", [2.0, 4.0]);
        assert_eq!(results.find("f").map(|figure| figure.spread().median), Some(3.0));
        assert!(results.find("g").is_none());
    }

    #[test]
    fn of_no_calls_there_is_no_sample() {
        assert!(Tally::new().unwrap().sample(1).is_none());
    }
}
