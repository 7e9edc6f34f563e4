//! The goals, each beside what this run found.

use crate::figures::{import, jumps, memory, sizes, trips, walks, writes};
use crate::results::{Figure, Results, Sample};
use crate::scenario::{LIMITS, Lane, READERS, SERVERS};
use crate::stats::{Certainty, Quartiles, figure};

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
    pub(crate) certainty: Certainty,
}

/// A bound that a number has to keep.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// What was found of one lane.
#[derive(Debug, Clone)]
struct Found {
    lane: Lane,
    /// Of which page, where there are several.
    page: Option<String>,
    quartiles: Option<Quartiles>,
}

/// Two pages of one lane, of which the first may cost little more than the second.
type Pair = (Lane, String, String);

// What goals compare.
const RATE: fn(&Sample) -> f64 = |sample| sample.rate;
const MEAN: fn(&Sample) -> f64 = |sample| sample.mean_ms;
const CPU: fn(&Sample) -> f64 = Sample::cpu_ms;

/// How what a page costs can be read; see [`HOW_COSTS_ARE_READ`].
type Reading = (&'static str, fn(&Sample) -> f64);
const COST_READINGS: [Reading; 3] = [("mean", MEAN), ("p50", Sample::p50), ("CPU", CPU)];

/// How what two pages cost is compared.
#[derive(Debug, Clone, Copy)]
enum Compared {
    /// The ratio, turn by turn.
    Ratio,
    /// How much more the one is, turn by turn.
    More,
    /// The ratio, round by round: for what is a whole only in a round.
    RatioOfRounds,
}

/// For the report.
pub(crate) const HOW_COSTS_ARE_READ: &str = "What is compared takes turns in slices of 50 to 200 ms, in changing order, \
    on connections that stay open. A ratio is of two slices of one turn; the median of all turns counts, and of several \
    pages the worst. In brackets are the quartiles of these ratios. Where another run of as many turns might well have its \
    median on the other side of the goal (95 %, by ranks), the verdict says that it is within noise; of fewer than six \
    values that cannot be told, and it says so. p99 is of all calls of a round, and its ratio is of rounds.\n\n\
    What a page costs beside another (depth, order, size, a grand total) is judged by the mean of all calls of a slice, at \
    one connection: whatever a page costs now and then is in it. So is what the machine did meanwhile, which is why slices \
    take turns. Beside it stand the p50, which does not see what happens in less than half of the calls, and the CPU of server \
    and Postgres, which leaves out waiting and charges a process for what others push out of its caches. Both judge nothing.\n\n\
    A walk asks for each page once, so a slice of it is a part of a list, and another part than that of the walk beside it. It is \
    judged by whole walks: a ratio is of two walks of one round, both to their end, all of their pages, however many turns \
    each took. Its p50 and CPU are of whole walks as well.\n\n\
    With caches on, a page that is asked for again is a remembered one: while its list stays as it is the list's head is \
    read, and not the page's keys (decision 25). So what tells one page from another (depth, order, size, a grand total) is judged \
    by servers that read the keys of each page: one with the caches of bodies and places (`keys read`: \
    `cache.page_bytes_max = 0`), and one without any. In jumps a page is asked for the first time, and only the first page, which \
    they are held against, is remembered. Pages all over a list on a quiet machine are remembered ones with caches on, and \
    beside writes until the list changes.";

const COPY: &str = "x COPY of the same rows";
const BESIDE_POSTGRES: &str = "x Postgres alone";

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
    let goal = |figure: &str, lanes: &[Lane], bound, page: &str, property: fn(&Sample) -> f64| {
        let found: Vec<Found> = lanes
            .iter()
            .map(|&lane| {
                let quartiles = results.ratio((page, lane), (page, Lane::Postgres), property);
                Found { lane, page: None, quartiles }
            })
            .collect();
        Goal::of(figure.to_owned(), bound, BESIDE_POSTGRES, &found)
    };
    let (warm, off) = (&[Lane::Cached, Lane::Keyed], &[Lane::Plain]);
    let (page, small) = ("group/large/first/1000/x16", "group/large/first/10/x16");
    let rate = "first page of 1000, 16 connections: pages a second";
    let cpu = "CPU of it, server and Postgres";
    vec![
        goal(&format!("{rate}, bodies kept"), warm, Bound::AtLeast(2.0), page, RATE),
        goal(&format!("{rate}, caches off"), off, Bound::AtLeast(0.8), page, RATE),
        goal(&format!("{cpu}, bodies kept"), warm, Bound::AtMost(0.6), page, CPU),
        goal(&format!("{cpu}, caches off"), off, Bound::AtMost(1.3), page, CPU),
        goal("page of 10, 16 connections: pages a second", warm, Bound::AtLeast(0.6), small, RATE),
    ]
}

fn depth(results: &Results) -> Vec<Goal> {
    let walked = [1, 8].map(|walkers| (walks::name(true, walkers), walks::name(false, walkers)));
    let walked: Vec<Pair> = [(walks::first_name(true), walks::first_name(false))]
        .into_iter()
        .chain(walked)
        .map(|(by_number, by_cursor)| (Lane::Keyed, by_number, by_cursor))
        .collect();
    let bound = Bound::AtMost(1.15);
    let figure = "middle and last page by cursor and by range";
    let (walk, beside) = ("a walk by page number, places kept", "x the walk by cursor");
    vec![
        Goal::cost(results, figure, bound, "x the first page", (Compared::Ratio, &deep_pairs())),
        Goal::cost(results, walk, bound, beside, (Compared::RatioOfRounds, &walked)),
    ]
}

/// Pages deep down, and the first ones.
fn deep_pairs() -> Vec<Pair> {
    let mut pairs = Vec::new();
    let lists = LIMITS.map(|limit| ("group", limit)).into_iter().chain([("authority", 100)]);
    for (kind, limit) in lists {
        let of = |page: &str| format!("{kind}/large/{page}/{limit}/x1");
        for way in ["cursor", "before", "after"] {
            for depth in ["middle", "last"] {
                let deep = of(&format!("{depth}-by-{way}"));
                pairs.extend(READERS.iter().map(|&lane| (lane, deep.clone(), of("first"))));
            }
        }
    }
    pairs
}

/// Pages in other orders, and by id.
fn sorted_pairs() -> Vec<Pair> {
    let mut pairs = Vec::new();
    for &lane in READERS {
        for limit in LIMITS {
            for page in ["first", "middle-by-cursor"] {
                let of = |order: &str| format!("group/large/{page}/{limit}{order}/x1");
                pairs.extend(["/created", "/updated"].map(|order| (lane, of(order), of(""))));
            }
        }
    }
    pairs
}

/// Pages with the number of all members, and without.
fn total_pairs() -> Vec<Pair> {
    let pairs =
        READERS.iter().flat_map(|&lane| [10, 100].map(|limit| (lane, grand_total(limit), first(limit))));
    pairs.collect()
}

fn jumped(results: &Results) -> Vec<Goal> {
    vec![
        Goal::of(
            "a jump to any page number, boundaries remembered".to_owned(),
            Bound::AtMost(5.0),
            "ms more than the first page",
            &[Found::figure(results, Lane::Cached, jumps::MORE)],
        ),
        Goal::of(
            "a jump to any page number, cold: what it takes more than the first page".to_owned(),
            Bound::AtMost(1.0),
            "x Postgres's index-only OFFSET",
            &[
                Found::figure(results, Lane::Cached, jumps::FRESH_RATIO),
                Found::figure(results, Lane::Plain, jumps::COLD_RATIO),
            ],
        ),
    ]
}

fn variants(results: &Results) -> Vec<Goal> {
    let largest = results.rows.iter().filter_map(|row| sizes::of(&row.name)).max().unwrap_or(sizes::SMALL);
    let (mut totals, mut sizes) = (total_pairs(), Vec::new());
    for &lane in READERS {
        for assets in [sizes::SMALL, largest] {
            let of = |page: &str| format!("{}{page}", sizes::prefix(assets));
            let limit = sizes::TOTAL_LIMIT;
            totals.push((lane, of(&grand_total(limit)), of(&first(limit))));
        }
        if largest > sizes::SMALL {
            let of = |assets, limit| sizes::prefix(assets) + &first(limit);
            sizes.extend(sizes::LIMITS.map(|limit| (lane, of(largest, limit), of(sizes::SMALL, limit))));
        }
    }
    let size = format!("a page of the large group of {largest} assets");
    let small = format!("x of {} assets", sizes::SMALL);
    let cost = |figure: &str, most, unit: &str, compared: (Compared, &[Pair])| {
        Goal::cost(results, figure, Bound::AtMost(most), unit, compared)
    };
    let mut goals = vec![
        cost("sort by created and updated", 1.15, "x sort by id", (Compared::Ratio, &sorted_pairs())),
        cost("grand total", 0.1, "ms more", (Compared::More, &totals)),
        cost(&size, 1.3, &small, (Compared::Ratio, &sizes)),
    ];
    goals.extend(["zstd", "gzip"].map(|encoding| {
        let page = |encoding: &str| format!("group/large/first/1000{encoding}/x16");
        let pairs: Vec<Pair> =
            SERVERS.iter().map(|&lane| (lane, page(&format!("/{encoding}")), page(""))).collect();
        let figure = format!("CPU of a page of 1000 in {encoding}, server and Postgres");
        Goal::of(figure, Bound::AtMost(2.0), "x the plain one", &Compared::Ratio.found(results, &pairs, CPU))
    }));
    goals
}

/// The first page of the large group, at one connection.
fn first(limit: usize) -> String {
    format!("group/large/first/{limit}/x1")
}

/// The same with the number of all members.
fn grand_total(limit: usize) -> String {
    format!("group/large/first/{limit}/grand-total/x1")
}

fn writing(results: &Results) -> Vec<Goal> {
    let mut p99 = Vec::new();
    for &lane in SERVERS {
        for connections in writes::CONNECTIONS {
            let [busy, quiet] = [true, false].map(|writing| writes::name(writing, connections));
            let quartiles = results.ratio_of_rounds((&busy, lane), (&quiet, lane), Sample::p99);
            p99.push(Found { lane, page: Some(busy), quartiles });
        }
    }
    let own = |name: &str| [Found::figure(results, Lane::Cached, name)];
    let pace = Bound::AtLeast(writes::WRITTEN_LEAST);
    let (half, text) = (Bound::AtLeast(0.5), str::to_owned);
    let (rate, peak) = (text("rate of the import of all assets"), text("memory of the import"));
    vec![
        Goal::of(
            "p99 of pages of 100 beside 2,000 updates a second".to_owned(),
            Bound::AtMost(2.0),
            "x the quiet one",
            &p99,
        ),
        Goal::of("the pace of these updates".to_owned(), pace, "assets a second", &own(writes::WRITTEN)),
        Goal::of(text("import of all assets"), half, COPY, &own(import::RATIO_ALL)),
        Goal::of(text("import of fewer, in turns with COPY"), half, COPY, &own(import::RATIO)),
        Goal::of(rate, Bound::AtLeast(25_000.0), "assets a second", &own(import::RATE)),
        Goal::of(peak, Bound::AtMost(300.0), "MB", &[own(import::PEAK), own(sizes::LARGE_PEAK)].concat()),
    ]
}

fn server(results: &Results) -> Vec<Goal> {
    let own = |name: &str| Found::figure(results, Lane::Cached, name);
    let goal = |figure: &str, bound, unit, name| Goal::of(figure.to_owned(), bound, unit, &[own(name)]);
    let trips = |figure: &str, most| {
        let of_call: Vec<Found> = trips::names(most).iter().map(|name| own(name)).collect();
        Goal::of(figure.to_owned(), Bound::AtMost(f64::from(most)), "round trips", &of_call)
    };
    vec![
        goal(
            "memory of the server, 16 connections of 1000-item pages",
            Bound::AtMost(150.0),
            "MB and the configured cache",
            memory::BEYOND_CACHE,
        ),
        goal("slow readers", Bound::AtMost(0.0), "database connections held", memory::HELD),
        trips("a list with all it needs", 1),
        trips("the same where the cache has to fill, or with collection metadata", 2),
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
        let others = String::new();
        let Some((_, worst)) = bound.worst(found, None) else {
            let (measured, certainty) = ("not measured".to_owned(), Certainty::Clear);
            return Self { figure: figure_name, target, measured, others, met: None, certainty };
        };
        let met = match bound {
            Bound::AtLeast(limit) => worst.median >= limit,
            Bound::AtMost(limit) => worst.median <= limit,
        };
        let (measured, certainty) = (bound.worst_by_lane(found, true), worst.certainty(limit));
        Self { figure: figure_name, target, measured, others, met: Some(met), certainty }
    }

    /// What a page costs beside another, by all readings; the first one judges.
    fn cost(
        results: &Results,
        figure: &str,
        bound: Bound,
        unit: &str,
        (compared, pairs): (Compared, &[Pair]),
    ) -> Self {
        let [(_, judging), others @ ..] = COST_READINGS;
        let mut goal = Self::of(figure.to_owned(), bound, unit, &compared.found(results, pairs, judging));
        let told = others.iter().map(|(name, property)| {
            let found = compared.found(results, pairs, *property);
            format!("{name}: {}", bound.worst_by_lane(&found, false))
        });
        if goal.met.is_some() {
            goal.others = told.collect::<Vec<_>>().join("; ");
        }
        goal
    }

    /// In a word or two.
    pub(crate) fn verdict(&self) -> &'static str {
        match (self.met, self.certainty) {
            (Some(true), Certainty::Clear) => "met",
            (Some(true), Certainty::Noise) => "met, within noise",
            (Some(true), Certainty::FewValues) => "met, few values",
            (Some(false), Certainty::Clear) => "missed",
            (Some(false), Certainty::Noise) => "missed, within noise",
            (Some(false), Certainty::FewValues) => "missed, few values",
            (None, _) => "",
        }
    }
}

impl Compared {
    /// What is found of each pair.
    fn found(self, results: &Results, pairs: &[Pair], property: fn(&Sample) -> f64) -> Vec<Found> {
        let found = |(lane, of, beside): &Pair| {
            let (of, beside) = ((of.as_str(), *lane), (beside.as_str(), *lane));
            let found = match self {
                Self::Ratio => results.ratio(of, beside, property),
                Self::More => results.paired(of, beside, |of, beside| property(of) - property(beside)),
                Self::RatioOfRounds => results.ratio_of_rounds(of, beside, property),
            };
            Found { lane: *lane, page: Some(of.0.to_owned()), quartiles: found }
        };
        pairs.iter().map(found).collect()
    }
}

impl Bound {
    /// What keeps the bound worst, of all lanes or of one.
    fn worst(self, found: &[Found], lane: Option<Lane>) -> Option<(&Found, Quartiles)> {
        let of_lane = found.iter().filter(|found| lane.is_none_or(|lane| lane == found.lane));
        of_lane.filter_map(|found| Some((found, found.quartiles?))).reduce(|worst, found| {
            let is_worse = match self {
                Self::AtLeast(_) => found.1.median < worst.1.median,
                Self::AtMost(_) => found.1.median > worst.1.median,
            };
            if is_worse { found } else { worst }
        })
    }

    /// That in words, where asked for with the name of the worst page of several.
    fn worst_by_lane(self, found: &[Found], with_page: bool) -> String {
        let worst: Vec<(&Found, Quartiles)> =
            Lane::ALL.iter().filter_map(|&lane| self.worst(found, Some(lane))).collect();
        let told = worst.iter().map(|(of, quartiles)| {
            let lane = if worst.len() > 1 { format!("{} ", of.lane) } else { String::new() };
            let several = found.iter().filter(|other| other.lane == of.lane).count() > 1;
            let page = of.page.as_ref().filter(|_| with_page && several);
            format!("{lane}{quartiles}{}", page.map_or_else(String::new, |page| format!(" of {page}")))
        });
        told.collect::<Vec<_>>().join(", ")
    }
}

impl Found {
    /// A figure of its own.
    fn figure(results: &Results, lane: Lane, name: &str) -> Self {
        Self { lane, page: None, quartiles: results.find(name).and_then(Figure::quartiles) }
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
    use crate::rounds::comparisons;
    use crate::scenario::Scenario;

    fn between(low: f64, median: f64, high: f64) -> Quartiles {
        Quartiles { median, low, high, sure: Some((low, high)) }
    }

    #[test]
    fn the_worst_number_decides() {
        let of = |lane, page: &str, quartiles| Found { lane, page: Some(page.to_owned()), quartiles };
        let found = [
            of(Lane::Cached, "a", Some(between(1.0, 1.05, 1.1))),
            of(Lane::Plain, "a", Some(between(1.2, 1.4, 1.5))),
            of(Lane::Plain, "b", None),
        ];
        let goal = Goal::of("depth".to_owned(), Bound::AtMost(1.15), "x the first", &found);
        assert_eq!(goal.target, "at most 1.15 x the first");
        assert_eq!(goal.measured, "caches on 1.05 (1.00 to 1.10), caches off 1.40 (1.20 to 1.50) of a");
        assert_eq!((goal.met, goal.verdict()), (Some(false), "missed"));
        let goal = Goal::of("rate".to_owned(), Bound::AtLeast(25_000.0), "a second", &found[..1]);
        assert_eq!((goal.target.as_str(), goal.met), ("at least 25000 a second", Some(false)));
        let goal = Goal::of("rate".to_owned(), Bound::AtLeast(1.0), "", &[of(Lane::Cached, "a", None)]);
        assert_eq!((goal.met, goal.verdict()), (None, ""));
        assert_eq!(score(&[goal]), (0, 0));
    }

    #[test]
    fn a_goal_that_another_run_might_judge_otherwise_is_within_noise() {
        let verdict = |quartiles| {
            let found = Found { lane: Lane::Cached, page: None, quartiles: Some(quartiles) };
            Goal::of(String::new(), Bound::AtMost(1.15), "", &[found]).verdict()
        };
        assert_eq!(verdict(between(1.0, 1.1, 1.2)), "met, within noise");
        assert_eq!(verdict(between(1.0, 1.16, 1.2)), "missed, within noise");
        assert_eq!(verdict(between(1.0, 1.1, 1.15)), "met");
        let few = |median| Quartiles { sure: None, ..between(1.0, median, 1.2) };
        assert_eq!(verdict(few(1.1)), "met, few values");
        assert_eq!(verdict(few(1.16)), "missed, few values");
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
        let pages = ["first/100", "first/100/created", "first/100/grand-total"];
        // Half of the calls of the second one are as fast as those of the first.
        for (page, sample) in pages.into_iter().zip([sample(1.0, 1.0), sample(1.1, 2.0), sample(1.0, 1.25)]) {
            results.add_turn(&format!("group/large/{page}/x1"), Lane::Keyed, 1, sample);
        }
        let goals = all(&results);
        let told = |figure: &str| {
            let goal = goals.iter().find(|goal| goal.figure == figure);
            goal.map(|goal| (goal.measured.as_str(), goal.others.as_str(), goal.verdict()))
        };
        let sort = ("2.00 of group/large/first/100/created/x1", "p50: 1.10; CPU: 1.00", "missed, few values");
        assert_eq!(told("sort by created and updated"), Some(sort));
        let total =
            ("0.250 of group/large/first/100/grand-total/x1", "p50: 0.000; CPU: 0.000", "missed, few values");
        assert_eq!(told("grand total"), Some(total));
    }

    #[test]
    fn whatever_is_compared_is_measured_side_by_side() {
        let comparisons = comparisons(Scenario::table().into_iter());
        let pairs = [deep_pairs(), sorted_pairs(), total_pairs()].concat();
        assert_eq!(pairs.len(), 2 * 4 * 6 + 2 * 3 * 4 + 2 * 2);
        for (lane, of, beside) in pairs {
            let together = comparisons.iter().any(|group| {
                [&of, &beside]
                    .iter()
                    .all(|name| group.iter().any(|one| one.name() == **name && one.lanes.contains(&lane)))
            });
            assert!(together, "{of} beside {beside}, {lane}");
        }
        for limit in sizes::LIMITS {
            let names: Vec<String> = sizes::pages(limit).iter().map(Scenario::name).collect();
            let total = (limit == sizes::TOTAL_LIMIT).then(|| grand_total(limit));
            assert!([first(limit)].iter().chain(&total).all(|name| names.contains(name)), "{names:?}");
        }
    }

    #[test]
    fn without_results_nothing_is_met() {
        let goals = all(&Results::default());
        assert!(goals.len() > 15 && goals.iter().all(|goal| goal.met.is_none() && goal.others.is_empty()));
    }
}
