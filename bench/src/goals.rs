//! The goals, each beside what this run found.

use crate::figures::{import, jumps, memory, sizes, trips, walks, writes};
use crate::results::{Results, Sample};
use crate::scenario::Lane;
use crate::stats::figure;

/// A goal and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Goal {
    /// What is compared.
    pub(crate) figure: String,
    /// What is to be reached.
    pub(crate) target: String,
    /// What was found.
    pub(crate) measured: String,
    /// Whether it is reached; `None` where it was not measured.
    pub(crate) met: Option<bool>,
}

/// A bound that a number has to keep.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// A number of one lane.
type Found = (Lane, Option<f64>);

// What goals compare.
const RATE: fn(&Sample) -> f64 = |sample| sample.rate;
const TIME: fn(&Sample) -> f64 = |sample| sample.mean_ms;
const CPU: fn(&Sample) -> f64 = Sample::cpu_ms;

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
    let mut found = Vec::new();
    for lane in SERVERS {
        for limit in DEEP {
            let first = format!("group/large/first/{limit}/x1");
            for page in ["middle-by-cursor", "last-by-cursor", "middle-by-before", "last-by-before"] {
                let name = format!("group/large/{page}/{limit}/x1");
                found.push((lane, results.ratio((&name, lane), (&first, lane), TIME)));
            }
        }
    }
    let walked = [1, 8].map(|walkers| {
        let [by_number, by_cursor] = [true, false].map(|by_number| walks::name(by_number, walkers));
        (Lane::Cached, results.ratio((&by_number, Lane::Cached), (&by_cursor, Lane::Cached), TIME))
    });
    let bound = Bound::AtMost(1.15);
    vec![
        Goal::of("middle and last page by cursor and by range".to_owned(), bound, "x the first page", &found),
        Goal::of("a walk by page number".to_owned(), bound, "x the walk by cursor", &walked),
    ]
}

fn jumped(results: &Results) -> Vec<Goal> {
    let more = |name: &str, than: &str| Some(results.value(name)? - results.value(than)?);
    let remembered = more(jumps::OTHERS, jumps::FIRST);
    let cold =
        more(jumps::COLD, jumps::FIRST_COLD).zip(results.value(jumps::SKIP)).map(|(more, skip)| more / skip);
    vec![
        Goal::of(
            "a jump to any page number, boundaries remembered".to_owned(),
            Bound::AtMost(5.0),
            "ms more than the first page",
            &[(Lane::Cached, remembered)],
        ),
        Goal::of(
            "a jump to any page number, cold: what it takes more than the first page".to_owned(),
            Bound::AtMost(1.0),
            "x Postgres's index-only OFFSET",
            &[(Lane::Plain, cold)],
        ),
    ]
}

fn variants(results: &Results) -> Vec<Goal> {
    let mut sorts = Vec::new();
    let (mut totals, mut sizes) = (Vec::new(), Vec::new());
    for lane in SERVERS {
        for limit in DEEP {
            let by_id = format!("group/large/first/{limit}/x1");
            for sort in ["created", "updated"] {
                let name = format!("group/large/first/{limit}/{sort}/x1");
                sorts.push((lane, results.ratio((&name, lane), (&by_id, lane), TIME)));
            }
        }
        for limit in [10, 100] {
            let without = results.median(&format!("group/large/first/{limit}/x1"), lane, TIME);
            let with = results.median(&format!("group/large/first/{limit}/grand-total/x1"), lane, TIME);
            totals.push((lane, with.zip(without).map(|(with, without)| with - without)));
        }
        let small = |limit| sizes::name(sizes::SMALL, limit);
        for row in &results.rows {
            for limit in sizes::LIMITS {
                let of_size = row.name.starts_with("size/") && row.name.ends_with(&format!("/{limit}/x1"));
                if of_size && row.lane == lane && row.name != small(limit) {
                    sizes.push((lane, results.ratio((&row.name, lane), (&small(limit), lane), TIME)));
                }
            }
        }
    }
    let mut goals = vec![
        Goal::of("sort by created and updated".to_owned(), Bound::AtMost(1.15), "x sort by id", &sorts),
        Goal::of("grand total".to_owned(), Bound::AtMost(0.1), "ms more", &totals),
        Goal::of(
            "a page of the large group, at the largest size of this run".to_owned(),
            Bound::AtMost(1.3),
            "x at 10 thousand assets",
            &sizes,
        ),
    ];
    goals.extend(["zstd", "gzip"].map(|encoding| {
        let ratio = |lane| {
            let name = format!("group/large/first/1000/{encoding}/x16");
            (lane, results.ratio((&name, lane), ("group/large/first/1000/x16", lane), CPU))
        };
        let figure = format!("CPU of a page of 1000 in {encoding}, server and Postgres, caches on");
        Goal::of(figure, Bound::AtMost(2.0), "x the plain one", &[ratio(Lane::Cached)])
    }));
    goals
}

fn writing(results: &Results) -> Vec<Goal> {
    let mut p99 = Vec::new();
    for lane in SERVERS {
        for connections in writes::CONNECTIONS {
            let [busy, quiet] = [true, false].map(|writing| writes::name(writing, connections));
            let property = |sample: &Sample| sample.p99_ms.unwrap_or(f64::NAN);
            p99.push((lane, results.ratio((&busy, lane), (&quiet, lane), property)));
        }
    }
    let own = |name: &str| [(Lane::Cached, results.value(name))];
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
        Goal::of(peak, Bound::AtMost(300.0), "MB", &own(import::PEAK)),
    ]
}

fn server(results: &Results) -> Vec<Goal> {
    let own = |name: &str| [(Lane::Cached, results.value(name))];
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
        let worst = |lane: Option<Lane>| {
            let of_lane = found.iter().filter(|(of, _)| lane.is_none_or(|lane| lane == *of));
            let numbers = of_lane.filter_map(|(_, number)| *number).filter(|number| number.is_finite());
            numbers.reduce(|worst, number| match bound {
                Bound::AtLeast(_) => worst.min(number),
                Bound::AtMost(_) => worst.max(number),
            })
        };
        let Some(number) = worst(None) else {
            return Self { figure: figure_name, target, measured: "not measured".to_owned(), met: None };
        };
        let lanes = SERVERS.map(|lane| worst(Some(lane)).map(|number| format!("{lane} {}", figure(number))));
        let measured = match lanes {
            [Some(cached), Some(plain)] => format!("{cached}, {plain}"),
            _ => figure(number),
        };
        let met = match bound {
            Bound::AtLeast(limit) => number >= limit,
            Bound::AtMost(limit) => number <= limit,
        };
        Self { figure: figure_name, target, measured, met: Some(met) }
    }

    /// In a word.
    pub(crate) fn verdict(&self) -> &'static str {
        match self.met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "",
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

    #[test]
    fn the_worst_number_decides() {
        let found = [(Lane::Cached, Some(1.05)), (Lane::Plain, Some(1.4)), (Lane::Plain, None)];
        let goal = Goal::of("depth".to_owned(), Bound::AtMost(1.15), "x the first", &found);
        assert_eq!(goal.target, "at most 1.15 x the first");
        assert_eq!((goal.measured.as_str(), goal.verdict()), ("caches on 1.05, caches off 1.40", "missed"));
        let goal = Goal::of("rate".to_owned(), Bound::AtLeast(25_000.0), "a second", &found[..1]);
        assert_eq!((goal.target.as_str(), goal.measured.as_str()), ("at least 25000 a second", "1.05"));
        assert_eq!(goal.met, Some(false));
        let goal = Goal::of("rate".to_owned(), Bound::AtLeast(1.0), "", &[(Lane::Cached, None)]);
        assert_eq!((goal.met, goal.verdict()), (None, ""));
        assert_eq!(score(&[goal]), (0, 0));
    }

    #[test]
    fn without_results_nothing_is_met() {
        let goals = all(&Results::default());
        assert!(goals.len() > 15 && goals.iter().all(|goal| goal.met.is_none()));
    }
}
