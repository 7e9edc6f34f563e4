//! What is compared is measured side by side: all that stands in one comparison takes turns in short slices, in changing
//! order, with its connections kept open, so that a slow second of the machine hits all of it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::bench::Bench;
use crate::client::LoadClient;
use crate::load::{Report, Spec};
use crate::pgbench::Pgbench;
use crate::postgres::Database;
use crate::results::{Results, Sample, Tally};
use crate::scenario::Lane;
use crate::stats::{Quartiles, figure, float_len};
use crate::usage::{self, Cpu, Machine};

/// Something that is measured.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The name of its row.
    pub(crate) name: String,
    /// Who answers.
    pub(crate) lane: Lane,
    /// What is asked, and of whom.
    pub(crate) load: Load,
}

/// A load on somebody.
#[derive(Debug, Clone)]
pub(crate) enum Load {
    /// Over HTTP, on the process of this id.
    Http {
        /// Of the server.
        server: u32,
        /// What is asked.
        spec: Box<Spec>,
    },
    /// Of Postgres alone.
    Postgres {
        /// Where.
        database: Box<Database>,
        /// Statements, of which each client takes one at random.
        scripts: Vec<PathBuf>,
        /// How many.
        clients: usize,
    },
}

/// How often turns are taken, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Course {
    /// Samples of each entry.
    pub(crate) rounds: usize,
    /// Turns of a round; none: until everybody has come to its end.
    pub(crate) turns: Option<usize>,
    /// How long each is let run in a turn.
    pub(crate) slice: Duration,
}

/// What the machine did while something was measured, in seconds of CPU.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disturbance {
    comparisons: Vec<Shares>,
}

/// In a comparison.
#[derive(Debug, Clone, Copy, Default)]
struct Shares {
    /// All there was: time by cores.
    all: f64,
    /// What processes used that have nothing to do with us.
    others: f64,
    /// What was stolen.
    stolen: f64,
}

/// An entry that takes part.
struct Runner {
    entry: Entry,
    client: Client,
    slices: Vec<Slice>,
    is_done: bool,
}

enum Client {
    Http(LoadClient),
    Postgres(Pgbench),
}

/// What was seen of a slice; of pgbench the report comes in the end.
struct Slice {
    round: usize,
    turn: usize,
    cpu: Cpu,
    report: Option<Report>,
}

/// What is read before and after a slice.
struct Reading {
    at: Instant,
    cpu: Cpu,
    own: f64,
    machine: Machine,
}

/// Measures all entries beside one another. `helpers` are other processes that belong to the measurement.
pub(crate) async fn compare(
    bench: &mut Bench,
    entries: Vec<Entry>,
    course: Course,
    helpers: &[u32],
) -> Result<()> {
    let mut runners = Vec::new();
    for entry in entries {
        runners.push(Runner::start(bench, entry).await?);
    }
    let mut shares = Shares::default();
    for round in 0..course.rounds {
        for turn in 0.. {
            if course.turns.map_or_else(|| runners.iter().all(|runner| runner.is_done), |turns| turn >= turns)
            {
                break;
            }
            bench.turn += 1;
            for place in order(bench.turn, runners.len()) {
                shares.add(runners[place].slice(bench, (round, bench.turn), course.slice, helpers).await?);
            }
        }
    }
    for runner in runners {
        runner.end(bench).await?;
    }
    bench.disturbance.comparisons.push(shares);
    Ok(())
}

/// The order of a turn: it begins with another one each time, and goes forth and back.
fn order(turn: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |place| {
        let place = (place + turn / 2) % count;
        if turn.is_multiple_of(2) { place } else { count - 1 - place }
    })
}

impl Course {
    /// Rounds of `length` for an entry, cut into slices. A slice has to be long beside a call: those of pages of 1,000, and
    /// those over many connections, of which the last ones wait for the first, are longer.
    pub(crate) fn of(rounds: usize, length: Duration, limit: usize, connections: usize) -> Self {
        let wanted = match (limit, connections) {
            (_, 2..) => Duration::from_millis(200),
            (1000.., _) => Duration::from_millis(100),
            _ => Duration::from_millis(50),
        };
        let turns = length.as_millis().div_ceil(wanted.as_millis()).max(1);
        let turns = usize::try_from(turns).unwrap_or(usize::MAX);
        Self { rounds, turns: Some(turns), slice: length.div_f64(float_len(turns)) }
    }
}

impl Runner {
    async fn start(bench: &mut Bench, entry: Entry) -> Result<Self> {
        let client = match &entry.load {
            Load::Http { spec, .. } => {
                let what = format!("{} ({})", entry.name, entry.lane);
                Client::Http(LoadClient::start(&bench.launcher, &what, spec).await?)
            }
            Load::Postgres { database, scripts, clients } => {
                bench.pgbenches += 1;
                let (number, warm_up) = ((&*bench.folder, bench.pgbenches), bench.options.warm_up());
                let load = (&**scripts, *clients);
                Client::Postgres(Pgbench::start(&bench.postgres, database, number, load, warm_up).await?)
            }
        };
        Ok(Self { entry, client, slices: Vec::new(), is_done: false })
    }

    async fn slice(
        &mut self,
        bench: &Bench,
        (round, turn): (usize, usize),
        length: Duration,
        helpers: &[u32],
    ) -> Result<Shares> {
        if self.is_done {
            return Ok(Shares::default());
        }
        let before = self.reading(bench, helpers)?;
        let report = match &mut self.client {
            Client::Http(client) => Some(client.slice(length).await?),
            Client::Postgres(pgbench) => {
                pgbench.slice(length).await?;
                None
            }
        };
        let after = self.reading(bench, helpers)?;
        self.is_done = report.as_ref().is_some_and(|report| report.is_done);
        self.slices.push(Slice { round, turn, cpu: after.cpu.since(before.cpu), report });
        Ok(Shares::between(&before, &after))
    }

    fn reading(&self, bench: &Bench, helpers: &[u32]) -> Result<Reading> {
        let client = match &self.client {
            Client::Http(client) => client.pid,
            Client::Postgres(pgbench) => pgbench.pid,
        };
        let server = match &self.entry.load {
            Load::Http { server, .. } => usage::of_process(*server)?,
            Load::Postgres { .. } => 0.0,
        };
        let mut own = usage::of_process(std::process::id())?;
        for helper in helpers {
            own += usage::of_process(*helper)?;
        }
        let postgres = usage::of_postgres(bench.postgres.pid())?;
        let cpu = Cpu { server, postgres, client: usage::of_process(client)? };
        Ok(Reading { at: Instant::now(), cpu, own, machine: Machine::now()? })
    }

    /// Ends its load, and adds what it found to the results.
    async fn end(mut self, bench: &mut Bench) -> Result<()> {
        let connections = match &self.entry.load {
            Load::Http { spec, .. } => spec.connections,
            Load::Postgres { clients, .. } => *clients,
        };
        match self.client {
            Client::Http(client) => client.end().await?,
            Client::Postgres(pgbench) => {
                for (slice, report) in self.slices.iter_mut().zip(pgbench.end().await?) {
                    slice.report = Some(report);
                }
            }
        }
        let Entry { name, lane, .. } = self.entry;
        let samples = collect(&mut bench.results, (&name, lane), self.slices, connections)?;
        bench.say(&format!("{name:48} {lane:14}  {}", line(&samples)));
        Ok(())
    }
}

/// Adds slices to the results, each as a turn, and those of a round together as a sample. Returns these samples. A round
/// without a single call is an error: nothing would be measured, and what is compared by rounds would be of two rounds.
fn collect(
    results: &mut Results,
    (name, lane): (&str, Lane),
    slices: Vec<Slice>,
    connections: usize,
) -> Result<Vec<Sample>> {
    let mut rounds: Vec<Tally> = Vec::new();
    for Slice { round, turn, cpu, report } in slices {
        let Some(report) = report else { continue };
        while rounds.len() <= round {
            rounds.push(Tally::new()?);
        }
        let mut tally = Tally::new()?;
        tally.add(&report, cpu);
        rounds[round].add(&report, cpu);
        if let Some(sample) = tally.sample(connections) {
            results.add_turn(name, lane, turn, sample);
        }
    }
    let samples: Option<Vec<Sample>> = rounds.iter().map(|tally| tally.sample(connections)).collect();
    let samples = samples
        .filter(|samples| !samples.is_empty())
        .with_context(|| format!("{name} ({lane}): a round without a single call"))?;
    for &sample in &samples {
        results.add(name, lane, sample);
    }
    Ok(samples)
}

/// Samples for somebody who watches.
fn line(samples: &[Sample]) -> String {
    let of = |property: fn(&Sample) -> f64| {
        let middle = Quartiles::of(samples.iter().map(property));
        middle.map_or_else(|| "?".to_owned(), |middle| figure(middle.median))
    };
    format!(
        "{:>8}/s  {:>7} ms  p99 {:>7} ms  CPU ms a call: server {}, Postgres {}, client {}",
        of(|sample| sample.rate),
        of(Sample::p50),
        of(Sample::p99),
        of(|sample| sample.server_ms),
        of(|sample| sample.postgres_ms),
        of(|sample| sample.client_ms),
    )
}

impl Shares {
    fn between(before: &Reading, after: &Reading) -> Self {
        let cores = float_len(std::thread::available_parallelism().map_or(1, usize::from));
        let ours = after.cpu.since(before.cpu).sum() + after.own - before.own;
        Self {
            all: (after.at - before.at).as_secs_f64() * cores,
            others: after.machine.used - before.machine.used - ours,
            stolen: after.machine.stolen - before.machine.stolen,
        }
    }

    fn add(&mut self, other: Self) {
        self.all += other.all;
        self.others += other.others;
        self.stolen += other.stolen;
    }
}

impl Disturbance {
    /// What others used and what was stolen, as shares of all CPU time, and the same of the comparison that had it worst;
    /// none where nothing was compared.
    pub(crate) fn told(&self) -> Option<[String; 2]> {
        let mut all = Shares::default();
        for shares in &self.comparisons {
            all.add(*shares);
        }
        if all.all <= 0.0 {
            return None;
        }
        let told = |of: fn(&Shares) -> f64| {
            // The kernel counts in ticks, and may have counted less than its clocks did.
            let share = |shares: &Shares| (100.0 * of(shares) / shares.all).max(0.0);
            let worst =
                self.comparisons.iter().filter(|shares| shares.all > 0.0).map(share).fold(0.0, f64::max);
            format!("{} % of all CPU time, {} % in the worst comparison", figure(share(&all)), figure(worst))
        };
        Some([told(|shares| shares.others), told(|shares| shares.stolen)])
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::figures::walks;
    use crate::goals;

    #[test]
    fn everybody_has_a_slice_in_each_turn_and_comes_first_as_often_as_last() {
        let (mut first, mut last) = (Vec::new(), Vec::new());
        for turn in 0..6 {
            let places: Vec<usize> = order(turn, 3).collect();
            first.push(places[0]);
            last.push(places[2]);
            let mut sorted = places;
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2]);
        }
        first.sort_unstable();
        last.sort_unstable();
        assert_eq!((&first, &last), (&vec![0, 0, 1, 1, 2, 2], &first));
        assert_eq!(order(7, 0).count(), 0);
    }

    #[test]
    fn slices_come_to_the_length_of_a_round() {
        let course = |ms, limit, connections| {
            let course = Course::of(3, Duration::from_millis(ms), limit, connections);
            (course.turns.unwrap(), course.slice.as_millis())
        };
        assert_eq!(course(1_000, 10, 1), (20, 50));
        assert_eq!(course(1_000, 1000, 1), (10, 100));
        assert_eq!(course(1_000, 10, 16), (5, 200));
        assert_eq!(course(300, 1000, 16), (2, 150));
        assert_eq!(course(50, 1000, 16), (1, 50));
    }

    #[test]
    fn slices_of_a_round_are_one_sample_and_a_turn_each() {
        let slice = |round, turn, us| Slice {
            round,
            turn,
            cpu: Cpu { server: 0.002, postgres: 0.001, client: 0.0 },
            report: Some(Report { calls: 10, seconds: 0.1, latencies: vec![(us, 10)], ..Report::default() }),
        };
        let mut results = Results::default();
        let slices = vec![slice(0, 4, 100), slice(0, 5, 300), slice(1, 6, 200)];
        let samples = collect(&mut results, ("a", Lane::Cached), slices, 1).unwrap();
        assert_eq!(samples.len(), 2);
        assert_eq!((samples[0].p50_ms, samples[0].p99_ms), (Some(0.1), Some(0.3)));
        assert!((samples[0].cpu_ms() - 0.3).abs() < 1e-9 && (samples[0].rate - 100.0).abs() < 1e-9);
        assert_eq!(results.rows[0].turns.iter().map(|(turn, _)| *turn).collect::<Vec<_>>(), [4, 5, 6]);
    }

    #[test]
    fn what_has_no_calls_is_not_passed_over() {
        let slice = |round, calls| Slice {
            round,
            turn: round,
            cpu: Cpu::default(),
            report: Some(Report { calls, seconds: 0.1, ..Report::default() }),
        };
        let collected = |slices| collect(&mut Results::default(), ("a", Lane::Postgres), slices, 1);
        assert!(collected(vec![]).is_err());
        assert!(collected(vec![slice(0, 0)]).is_err());
        assert!(collected(vec![slice(0, 3), slice(1, 0)]).is_err());
        assert_eq!(collected(vec![slice(0, 3), slice(1, 1)]).unwrap().len(), 2);
    }

    #[test]
    fn a_walk_that_slows_down_is_judged_by_all_of_it() {
        let mut results = Results::default();
        // Pages a turn. Both walks have 600 pages, and while both are on their way the one by number is hardly slower.
        let walks = [(false, &[200, 200, 200][..]), (true, &[200, 190, 180, 10, 10, 10])];
        for (by_number, pages) in walks {
            let slices = pages.iter().zip(1..).map(|(&calls, turn)| Slice {
                round: 0,
                turn,
                cpu: Cpu::default(),
                report: Some(Report {
                    calls,
                    seconds: 0.2,
                    latencies: vec![(1_000, calls)],
                    ..Report::default()
                }),
            });
            collect(&mut results, (&walks::name(by_number, 1), Lane::Keyed), slices.collect(), 1).unwrap();
        }
        let goals = goals::all(&results);
        let goal = goals.iter().find(|goal| goal.figure == "a walk by page number, places kept").unwrap();
        assert_eq!(
            (goal.measured.as_str(), goal.met),
            ("2.00 of walk/number/1000/x1", Some(false)),
            "{}",
            goal.others
        );
    }

    #[test]
    fn a_disturbed_machine_is_told() {
        let shares = |others, stolen| Shares { all: 10.0, others, stolen };
        let disturbance = Disturbance { comparisons: vec![shares(4.0, 0.0), shares(-0.1, 1.0)] };
        let [others, stolen] = disturbance.told().unwrap();
        assert_eq!(others, "19.5 % of all CPU time, 40.0 % in the worst comparison");
        assert_eq!(stolen, "5.00 % of all CPU time, 10.0 % in the worst comparison");
        assert!(Disturbance::default().told().is_none());
    }
}
