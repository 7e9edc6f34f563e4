//! The goals, each beside what this run found.

use crate::figures::{import, jumps, memory, sizes, trips, walks, writes};
use crate::results::{Figure, Results, Sample};
use crate::scenario::Lane;
use crate::stats::{Quartiles, figure};

/// A goal and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Goal {
    /// What is compared.
    pub(crate) figure: String,
    /// What is to be reached.
    pub(crate) target: String,
    /// What was found.
    pub(crate) measured: String,
    /// What other readings of the same say; empty where there are none.
    pub(crate) others: String,
    /// Whether it is reached; `None` where it was not measured.
    pub(crate) met: Option<bool>,
    /// Whether another run might well judge otherwise.
    pub(crate) is_noise: bool,
}

/// A bound that a number has to keep.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// What was found of one lane.
type Found = (Lane, Option<Quartiles>);

/// Two pages of one lane, of which the first may cost little more than the second.
type Pair = (Lane, String, String);

// What goals compare.
const RATE: fn(&Sample) -> f64 = |sample| sample.rate;
const MEAN: fn(&Sample) -> f64 = |sample| sample.mean_ms;
const CPU: fn(&Sample) -> f64 = Sample::cpu_ms;

/// How what a page costs can be read; see [`HOW_COSTS_ARE_READ`].
type Reading = (&'static str, fn(&Sample) -> f64);
const P50: Reading = ("p50", Sample::p50);
const COST_READINGS: [Reading; 3] = [P50, ("mean", MEAN), ("CPU", CPU)];

/// For the report.
pub(crate) const HOW_COSTS_ARE_READ: &str = "What is compared takes turns in slices of 50 to 200 ms, in changing order, \
    on connections that stay open. A ratio is of two slices of one turn; the median of all turns counts, and of several \
    pages the worst. In brackets are the quartiles of these ratios. Where another run of as many turns might well have its \
    median on the other side of the goal (95 %, by ranks), the verdict says that it is within noise. p99 is of all calls of \
    a round, and its ratio is of rounds.\n\n\
    What a page costs beside another (depth, order, size, a grand total) is judged by the p50 of a call at one connection. \
    It is what the one who asks waits for: CPU of server and Postgres, and the way between them. The mean, which calls a \
    second come to, holds besides whatever else the machine did meanwhile; CPU leaves out waiting, and charges a \
    process for what others push out of its caches. Both stand beside it. A walk asks for each page once, and all of them \
    count: it is judged by its mean.";

const BESIDE_POSTGRES: &str = "x Postgres alone";
const SERVERS: [Lane; 2] = [Lane::Cached, Lane::Plain];
const DEEP: [usize; 2] = [100, 1000];

/// All goals.
pub(crate) fn all(results: &Results) -> Vec<Goal> {
    let mut goals = beside_postgres(results);
    goals.extend(depth(results));
    goals.extend(jumped(results));
    goals.extend(variants(results));
    goals.extend(writing(results));
    goals.extend(server(results));
    goals
}

fn beside_postgres(results: &Results) -> Vec<Goal> {
    let beside =
        |name: &str, lane, property| [(lane, results.ratio((name, lane), (name, Lane::Postgres), property))];
    let page = "group/large/first/1000/x16";
    let small = "group/large/first/10/x16";
    let (pages, cpu) =
        ("first page of 1000, 16 connections: pages a second", "CPU of it, server and Postgres");
    let goal = |figure: &str, lane, bound, name, property| {
        Goal::of(format!("{figure}, {lane}"), bound, BESIDE_POSTGRES, &beside(name, lane, property))
    };
    vec![
        goal(pages, Lane::Cached, Bound::AtLeast(2.0), page, RATE),
        goal(pages, Lane::Plain, Bound::AtLeast(0.8), page, RATE),
        goal(cpu, Lane::Cached, Bound::AtMost(0.6), page, CPU),
        goal(cpu, Lane::Plain, Bound::AtMost(1.3), page, CPU),
        goal("page of 10, 16 connections: pages a second", Lane::Cached, Bound::AtLeast(0.6), small, RATE),
    ]
}

fn depth(results: &Results) -> Vec<Goal> {
    let mut pairs = Vec::new();
    for lane in SERVERS {
        for limit in DEEP {
            for page in ["middle-by-cursor", "last-by-cursor", "middle-by-before", "last-by-before"] {
                pairs.push((lane, format!("group/large/{page}/{limit}/x1"), first(limit)));
            }
        }
    }
    let walked =
        [1, 8].map(|walkers| (Lane::Cached, walks::name(true, walkers), walks::name(false, walkers)));
    let bound = Bound::AtMost(1.15);
    let figure = "middle and last page by cursor and by range";
    let walk = Goal::of(
        "a walk by page number".to_owned(),
        bound,
        "x the walk by cursor",
        &ratios(results, &walked, MEAN),
    );
    vec![
        Goal::cost(results, figure, bound, "x the first page", &pairs),
        walk.with_others(results, &walked, &[P50, ("CPU", CPU)]),
    ]
}

fn jumped(results: &Results) -> Vec<Goal> {
    let found = |name: &str| results.find(name).and_then(Figure::quartiles);
    vec![
        Goal::of(
            "a jump to any page number, boundaries remembered".to_owned(),
            Bound::AtMost(5.0),
            "ms more than the first page",
            &[(Lane::Cached, found(jumps::MORE))],
        ),
        Goal::of(
            "a jump to any page number, cold: what it takes more than the first page".to_owned(),
            Bound::AtMost(1.0),
            "x Postgres's index-only OFFSET",
            &[(Lane::Plain, found(jumps::COLD_RATIO))],
        ),
    ]
}

fn variants(results: &Results) -> Vec<Goal> {
    let (mut sorts, mut sizes, mut totals) = (Vec::new(), Vec::new(), Vec::new());
    for lane in SERVERS {
        for limit in DEEP {
            for sort in ["created", "updated"] {
                sorts.push((lane, format!("group/large/first/{limit}/{sort}/x1"), first(limit)));
            }
        }
        for limit in [10, 100] {
            let (with, without) = (format!("group/large/first/{limit}/grand-total/x1"), first(limit));
            let more = |with: &Sample, without: &Sample| with.p50() - without.p50();
            totals.push((lane, results.paired((&with, lane), (&without, lane), more)));
        }
        for row in results.rows.iter().filter(|row| row.lane == lane && row.name.starts_with("size/")) {
            for limit in sizes::LIMITS {
                let small = sizes::name(sizes::SMALL, limit);
                if row.name.ends_with(&format!("/{limit}/x1")) && row.name != small {
                    sizes.push((lane, row.name.clone(), small));
                }
            }
        }
    }
    let size = "a page of the large group, at the largest size of this run";
    let mut goals = vec![
        Goal::cost(results, "sort by created and updated", Bound::AtMost(1.15), "x sort by id", &sorts),
        Goal::of("grand total".to_owned(), Bound::AtMost(0.1), "ms more", &totals),
        Goal::cost(results, size, Bound::AtMost(1.3), "x at 10 thousand assets", &sizes),
    ];
    goals.extend(["zstd", "gzip"].map(|encoding| {
        let name = format!("group/large/first/1000/{encoding}/x16");
        let pair = [(Lane::Cached, name, "group/large/first/1000/x16".to_owned())];
        let figure = format!("CPU of a page of 1000 in {encoding}, server and Postgres, caches on");
        Goal::of(figure, Bound::AtMost(2.0), "x the plain one", &ratios(results, &pair, CPU))
    }));
    goals
}

/// The first page of the large group, at one connection.
fn first(limit: usize) -> String {
    format!("group/large/first/{limit}/x1")
}

fn ratios(results: &Results, pairs: &[Pair], property: fn(&Sample) -> f64) -> Vec<Found> {
    let ratio = |(lane, of, beside): &Pair| (*lane, results.ratio((of, *lane), (beside, *lane), property));
    pairs.iter().map(ratio).collect()
}

fn writing(results: &Results) -> Vec<Goal> {
    let mut p99 = Vec::new();
    for lane in SERVERS {
        for connections in writes::CONNECTIONS {
            let [busy, quiet] = [true, false].map(|writing| writes::name(writing, connections));
            p99.push((lane, results.ratio_of_rounds((&busy, lane), (&quiet, lane), Sample::p99)));
        }
    }
    let own = |name: &str| [(Lane::Cached, results.find(name).and_then(Figure::quartiles))];
    let pace = Bound::AtLeast(writes::WRITTEN_LEAST);
    let (rate, peak) = ("import of all assets".to_owned(), "memory of the import".to_owned());
    vec![
        Goal::of(
            "p99 of pages of 100 beside 2,000 updates a second".to_owned(),
            Bound::AtMost(2.0),
            "x the quiet one",
            &p99,
        ),
        Goal::of("the pace of these updates".to_owned(), pace, "assets a second", &own(writes::WRITTEN)),
        Goal::of("import".to_owned(), Bound::AtLeast(0.5), "x COPY of the same rows", &own(import::RATIO)),
        Goal::of(rate, Bound::AtLeast(25_000.0), "assets a second", &own(import::RATE)),
        Goal::of(peak, Bound::AtMost(300.0), "MB", &[own(import::PEAK), own(sizes::LARGE_PEAK)].concat()),
    ]
}

fn server(results: &Results) -> Vec<Goal> {
    let own = |name: &str| [(Lane::Cached, results.find(name).and_then(Figure::quartiles))];
    let goal = |figure: &str, bound, unit, name| Goal::of(figure.to_owned(), bound, unit, &own(name));
    vec![
        goal(
            "memory of the server, 16 connections of 1000-item pages",
            Bound::AtMost(150.0),
            "MB and the configured cache",
            memory::BEYOND_CACHE,
        ),
        goal("slow readers", Bound::AtMost(0.0), "database connections held", memory::HELD),
        goal("a list with all it needs", Bound::AtMost(1.0), "round trips", trips::REMEMBERED),
        goal("the same where the cache has to fill", Bound::AtMost(2.0), "round trips", trips::FILLING),
    ]
}

impl Goal {
    /// Of several numbers the worst counts; which lane it is of is said where more than one was asked.
    fn of(figure_name: String, bound: Bound, unit: &str, found: &[Found]) -> Self {
        let (limit, at) = match bound {
            Bound::AtLeast(limit) => (limit, "at least"),
            Bound::AtMost(limit) => (limit, "at most"),
        };
        let limit_text = if limit.fract() == 0.0 { format!("{limit}") } else { figure(limit) };
        let target = format!("{at} {limit_text} {unit}");
        let (others, is_noise) = (String::new(), false);
        let Some(worst) = bound.worst(found, None) else {
            let measured = "not measured".to_owned();
            return Self { figure: figure_name, target, measured, others, met: None, is_noise };
        };
        let met = match bound {
            Bound::AtLeast(limit) => worst.median >= limit,
            Bound::AtMost(limit) => worst.median <= limit,
        };
        let (measured, is_noise) = (bound.worst_by_lane(found), worst.is_noise(limit));
        Self { figure: figure_name, target, measured, others, met: Some(met), is_noise }
    }

    /// What a page costs beside another, by all readings; the first one judges.
    fn cost(results: &Results, figure: &str, bound: Bound, unit: &str, pairs: &[Pair]) -> Self {
        let [(_, judging), others @ ..] = COST_READINGS;
        Self::of(figure.to_owned(), bound, unit, &ratios(results, pairs, judging))
            .with_others(results, pairs, &others)
    }

    /// With what other readings say, which judge nothing.
    fn with_others(mut self, results: &Results, pairs: &[Pair], readings: &[Reading]) -> Self {
        let told = readings.iter().map(|(name, property)| {
            let found = ratios(results, pairs, *property);
            format!("{name}: {}", Bound::AtMost(0.0).worst_by_lane(&found))
        });
        if self.met.is_some() {
            self.others = told.collect::<Vec<_>>().join("; ");
        }
        self
    }

    /// In a word or two.
    pub(crate) fn verdict(&self) -> &'static str {
        match (self.met, self.is_noise) {
            (Some(true), false) => "met",
            (Some(true), true) => "met, within noise",
            (Some(false), false) => "missed",
            (Some(false), true) => "missed, within noise",
            (None, _) => "",
        }
    }
}

impl Bound {
    /// What keeps the bound worst, of all lanes or of one.
    fn worst(self, found: &[Found], lane: Option<Lane>) -> Option<Quartiles> {
        let of_lane = found.iter().filter(|(of, _)| lane.is_none_or(|lane| lane == *of));
        of_lane.filter_map(|(_, found)| *found).reduce(|worst, found| {
            let is_worse = match self {
                Self::AtLeast(_) => found.median < worst.median,
                Self::AtMost(_) => found.median > worst.median,
            };
            if is_worse { found } else { worst }
        })
    }

    /// That in words.
    fn worst_by_lane(self, found: &[Found]) -> String {
        match SERVERS.map(|lane| self.worst(found, Some(lane))) {
            [Some(cached), Some(plain)] => {
                format!("{} {cached}, {} {plain}", Lane::Cached, Lane::Plain)
            }
            [one, other] => one.or(other).map_or_else(String::new, |one| one.to_string()),
        }
    }
}

/// How many goals are met, of how many that were measured.
pub(crate) fn score(goals: &[Goal]) -> (usize, usize) {
    let measured = goals.iter().filter(|goal| goal.met.is_some()).count();
    (goals.iter().filter(|goal| goal.met == Some(true)).count(), measured)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(low: f64, median: f64, high: f64) -> Quartiles {
        Quartiles { median, low, high, sure: (low, high) }
    }

    #[test]
    fn the_worst_number_decides() {
        let found = [
            (Lane::Cached, Some(between(1.0, 1.05, 1.1))),
            (Lane::Plain, Some(between(1.2, 1.4, 1.5))),
            (Lane::Plain, None),
        ];
        let goal = Goal::of("depth".to_owned(), Bound::AtMost(1.15), "x the first", &found);
        assert_eq!(goal.target, "at most 1.15 x the first");
        assert_eq!(goal.measured, "caches on 1.05 (1.00 to 1.10), caches off 1.40 (1.20 to 1.50)");
        assert_eq!((goal.met, goal.verdict()), (Some(false), "missed"));
        let goal = Goal::of("rate".to_owned(), Bound::AtLeast(25_000.0), "a second", &found[..1]);
        assert_eq!((goal.target.as_str(), goal.met), ("at least 25000 a second", Some(false)));
        let goal = Goal::of("rate".to_owned(), Bound::AtLeast(1.0), "", &[(Lane::Cached, None)]);
        assert_eq!((goal.met, goal.verdict()), (None, ""));
        assert_eq!(score(&[goal]), (0, 0));
    }

    #[test]
    fn a_goal_that_another_run_might_judge_otherwise_is_within_noise() {
        let verdict = |found| {
            Goal::of(String::new(), Bound::AtMost(1.15), "", &[(Lane::Cached, Some(found))]).verdict()
        };
        assert_eq!(verdict(between(1.0, 1.1, 1.2)), "met, within noise");
        assert_eq!(verdict(between(1.0, 1.16, 1.2)), "missed, within noise");
        assert_eq!(verdict(between(1.0, 1.1, 1.15)), "met");
    }

    #[test]
    fn a_cost_is_judged_by_one_reading_and_tells_the_others() {
        let mut results = Results::default();
        let sample = |p50, mean_ms| Sample {
            rate: 1.0,
            mean_ms,
            p50_ms: Some(p50),
            p99_ms: None,
            body_bytes: 0.0,
            server_ms: 1.0,
            postgres_ms: 1.0,
            client_ms: 0.0,
        };
        results.add_turn("group/large/first/100/x1", Lane::Cached, 1, sample(1.0, 1.0));
        results.add_turn("group/large/first/100/created/x1", Lane::Cached, 1, sample(1.1, 2.0));
        let goals = all(&results);
        let sort = goals.iter().find(|goal| goal.figure == "sort by created and updated");
        let told = sort.map(|goal| (goal.measured.as_str(), goal.others.as_str(), goal.verdict()));
        assert_eq!(told, Some(("1.10", "mean: 2.00; CPU: 1.00", "met")));
    }

    #[test]
    fn without_results_nothing_is_met() {
        let goals = all(&Results::default());
        assert!(goals.len() > 15 && goals.iter().all(|goal| goal.met.is_none() && goal.others.is_empty()));
    }
}
