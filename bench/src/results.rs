//! What was found: samples of scenarios by lane, and figures by name.

use std::collections::BTreeMap;

use crate::load::Report;
use crate::scenario::Lane;
use crate::stats::{Spread, float};
use crate::usage::Cpu;

/// One measurement; what is per call is per answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    /// Calls a second.
    pub(crate) rate: f64,
    /// Milliseconds of a call on the average.
    pub(crate) mean_ms: f64,
    /// Half of the calls, milliseconds; pgbench does not tell.
    pub(crate) p50_ms: Option<f64>,
    /// 99 of 100 calls, milliseconds.
    pub(crate) p99_ms: Option<f64>,
    /// Bytes of a body as sent.
    pub(crate) body_bytes: f64,
    /// CPU of the server per call, milliseconds.
    pub(crate) server_ms: f64,
    /// CPU of all of Postgres per call, milliseconds.
    pub(crate) postgres_ms: f64,
    /// CPU of the client per call, milliseconds.
    pub(crate) client_ms: f64,
}

/// All samples of a scenario in a lane.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The scenario's name.
    pub(crate) name: String,
    /// Who answered.
    pub(crate) lane: Lane,
    /// One a round.
    pub(crate) samples: Vec<Sample>,
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

impl Sample {
    /// Of a load. `connections` closed loops are never idle: the mean follows from the rate.
    pub(crate) fn of(report: &Report, cpu: Cpu, connections: usize) -> Self {
        let calls = float(report.calls.max(1));
        let rate = calls / report.seconds;
        Self {
            rate,
            mean_ms: crate::stats::float_len(connections) * 1_000.0 / rate,
            p50_ms: Some(float(report.p50_us) / 1_000.0),
            p99_ms: Some(float(report.p99_us) / 1_000.0),
            body_bytes: float(report.body_bytes) / calls,
            server_ms: cpu.server * 1_000.0 / calls,
            postgres_ms: cpu.postgres * 1_000.0 / calls,
            client_ms: cpu.client * 1_000.0 / calls,
        }
    }

    /// CPU of server and Postgres together per call, milliseconds.
    pub(crate) fn cpu_ms(&self) -> f64 {
        self.server_ms + self.postgres_ms
    }
}

impl Figure {
    /// Its values in short.
    pub(crate) fn spread(&self) -> Spread {
        // There is none without a value.
        Spread::of(self.values.iter().copied()).unwrap_or(Spread { median: 0.0, min: 0.0, max: 0.0 })
    }
}

impl Row {
    /// A property over all rounds.
    pub(crate) fn spread(&self, property: impl Fn(&Sample) -> Option<f64>) -> Option<Spread> {
        Spread::of(self.samples.iter().filter_map(property))
    }
}

impl Results {
    /// Adds a sample of a scenario.
    pub(crate) fn add(&mut self, name: &str, lane: Lane, sample: Sample) {
        match self.rows.iter_mut().find(|row| row.lane == lane && row.name == name) {
            Some(row) => row.samples.push(sample),
            None => self.rows.push(Row { name: name.to_owned(), lane, samples: vec![sample] }),
        }
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

    /// The median of a figure.
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        self.find(name).map(|figure| figure.spread().median)
    }

    /// The median of a property of a scenario in a lane.
    pub(crate) fn median(&self, name: &str, lane: Lane, property: impl Fn(&Sample) -> f64) -> Option<f64> {
        let row = self.rows.iter().find(|row| row.lane == lane && row.name == name)?;
        row.spread(|sample| Some(property(sample))).map(|spread| spread.median)
    }

    /// How one measurement compares with another of the same round, the median over all rounds.
    pub(crate) fn ratio(
        &self,
        (name, lane): (&str, Lane),
        (of_name, of_lane): (&str, Lane),
        property: impl Fn(&Sample) -> f64,
    ) -> Option<f64> {
        let find = |name: &str, lane| self.rows.iter().find(|row| row.lane == lane && row.name == name);
        let (row, of) = (find(name, lane)?, find(of_name, of_lane)?);
        let pairs = row.samples.iter().zip(&of.samples);
        let ratios =
            pairs.map(|(sample, of)| property(sample) / property(of)).filter(|ratio| ratio.is_finite());
        Spread::of(ratios).map(|spread| spread.median)
    }
}

#[cfg(test)]
mod tests {
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
    fn ratios_are_of_the_same_round() {
        let mut results = Results::default();
        for (own, other) in [(10.0, 5.0), (40.0, 10.0), (9.0, 3.0)] {
            results.add("a", Lane::Cached, sample(own));
            results.add("a", Lane::Postgres, sample(other));
        }
        let rate = |sample: &Sample| sample.rate;
        assert_eq!(results.ratio(("a", Lane::Cached), ("a", Lane::Postgres), rate), Some(3.0));
        assert_eq!(results.median("a", Lane::Cached, rate), Some(10.0));
        assert_eq!(results.ratio(("a", Lane::Cached), ("b", Lane::Postgres), rate), None);
        results.collect("f", "ms", [2.0, 4.0]);
        assert_eq!((results.value("f"), results.value("g")), (Some(3.0), None));
    }
}
