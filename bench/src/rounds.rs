//! The scenarios of the table, in the comparisons that goals make.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::bench::Bench;
use crate::compare::{Course, Entry, Load, compare};
use crate::data::Kind;
use crate::lists::Sort;
use crate::load::{Answer, Call, Spec, Work};
use crate::scenario::{Depth, Lane, Listed, Mode, READERS, READERS_BESIDE_POSTGRES, SERVERS, Scenario};
use crate::server::Server;
use crate::site::{Prepared, Site};

/// What the scenarios of a comparison differ in, beside their lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    /// Nothing: a list's first page. Each list is one.
    List(Kind, Listed),
    Depth(Kind),
    Number(Kind),
    Sort,
    GrandTotal,
    Encoding,
}

impl Topic {
    fn of(scenario: &Scenario) -> Self {
        match scenario {
            Scenario { encoding: Some(_), .. } => Self::Encoding,
            Scenario { grand_total: true, .. } => Self::GrandTotal,
            Scenario { mode: Mode::Number, .. } => Self::Number(scenario.kind),
            scenario if scenario.sort != Sort::Id => Self::Sort,
            Scenario { depth: Depth::Middle | Depth::Last, .. } => Self::Depth(scenario.kind),
            scenario => Self::List(scenario.kind, scenario.listed),
        }
    }

    /// What its scenarios are held against, measured beside them: the first page of the large list, and in other orders also
    /// the one in the middle.
    fn beside(self, limit: usize, connections: usize) -> Vec<Scenario> {
        let first = |kind, lanes| Scenario::first(kind, limit, connections, lanes);
        match self {
            Self::List(..) => Vec::new(),
            Self::Depth(kind) | Self::Number(kind) => vec![first(kind, READERS)],
            Self::Sort => {
                let by_id = first(Kind::Group, READERS_BESIDE_POSTGRES);
                vec![by_id.clone(), Scenario { depth: Depth::Middle, lanes: READERS, ..by_id }]
            }
            Self::GrandTotal => vec![first(Kind::Group, READERS)],
            Self::Encoding => vec![first(Kind::Group, SERVERS)],
        }
    }
}

/// Measures the wanted scenarios of the table.
pub(crate) async fn run(bench: &mut Bench, site: &Site, empty: &Server) -> Result<()> {
    let wanted = Scenario::table().into_iter().filter(|scenario| bench.options.wants(&scenario.name()));
    for scenarios in comparisons(wanted) {
        let mut group = Vec::new();
        for scenario in scenarios {
            let name = scenario.name();
            group.push((site, site.prepare(bench, &name, scenario).await?));
        }
        measure(bench, &group, empty).await?;
    }
    Ok(())
}

/// Scenarios by what is compared: those of one limit, number of connections and topic, with what they are held against.
pub(crate) fn comparisons(scenarios: impl Iterator<Item = Scenario>) -> Vec<Vec<Scenario>> {
    let mut comparisons: BTreeMap<(usize, usize, Topic), Vec<Scenario>> = BTreeMap::new();
    for scenario in scenarios {
        let topic = Topic::of(&scenario);
        let (connections, limit) = (scenario.connections, scenario.limit);
        let comparison = comparisons
            .entry((connections, limit, topic))
            .or_insert_with(|| topic.beside(limit, connections));
        comparison.push(scenario);
    }
    comparisons.into_values().collect()
}

/// Measures prepared scenarios of one limit and number of connections beside one another.
pub(crate) async fn measure(bench: &mut Bench, group: &[(&Site, Prepared)], empty: &Server) -> Result<()> {
    let Some((_, first)) = group.first() else { return Ok(()) };
    let course = course(bench, first.scenario.limit, first.scenario.connections);
    let mut entries = Vec::new();
    // Lane by lane: what is compared within a lane follows one another.
    for lane in Lane::ALL {
        for (site, prepared) in group.iter().filter(|(_, prepared)| prepared.scenario.lanes.contains(&lane)) {
            let (encoding, connections) = (prepared.scenario.encoding, prepared.scenario.connections);
            let asked = Asked {
                calls: &prepared.calls,
                scripts: &prepared.scripts,
                sent_bytes: prepared.sent_bytes,
                encoding,
                connections,
            };
            let load = asked.of(bench, site, lane, empty)?;
            entries.push(Entry { name: prepared.name.clone(), lane, load });
        }
    }
    compare(bench, entries, course, &[]).await
}

/// What is asked again and again, of whichever lane.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// The calls of servers.
    pub(crate) calls: &'a [Call],
    /// The statements of Postgres alone.
    pub(crate) scripts: &'a [PathBuf],
    /// Bytes that the empty handler sends.
    pub(crate) sent_bytes: usize,
    /// `accept-encoding` of servers.
    pub(crate) encoding: Option<&'a str>,
    /// Connections of the closed loop.
    pub(crate) connections: usize,
}

impl Asked<'_> {
    /// The load on a lane.
    pub(crate) fn of(&self, bench: &Bench, site: &Site, lane: Lane, empty: &Server) -> Result<Load> {
        if lane == Lane::Postgres {
            let (database, scripts) = (Box::new(site.database.clone()), self.scripts.to_vec());
            return Ok(Load::Postgres { database, scripts, clients: self.connections });
        }
        if let Some(server) = site.server(lane) {
            return Ok(repeat(bench, server, &site.path, (self.encoding, self.connections), self.calls));
        }
        let body = self.calls.first().context("no calls")?.body.clone();
        let calls = [Call { body, answer: Answer::Spaces(self.sent_bytes) }];
        Ok(repeat(bench, empty, &format!("/{}", self.sent_bytes), (None, self.connections), &calls))
    }
}

/// As long as the options say.
pub(crate) fn course(bench: &Bench, limit: usize, connections: usize) -> Course {
    Course::of(bench.options.rounds(), bench.options.seconds(), limit, connections)
}

/// A closed loop on a server.
pub(crate) fn repeat(
    bench: &Bench,
    server: &Server,
    path: &str,
    (encoding, connections): (Option<&str>, usize),
    calls: &[Call],
) -> Load {
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let spec = Spec {
        address: server.address,
        path: path.to_owned(),
        accept_encoding: encoding.map(str::to_owned),
        connections,
        work: Work::Repeat { calls: calls.to_vec(), warm_up_ms: ms(bench.options.warm_up()) },
    };
    Load::Http { server: server.pid, spec: Box::new(spec) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn what_goals_compare_is_measured_side_by_side() {
        let comparisons = comparisons(Scenario::table().into_iter());
        let names: Vec<Vec<String>> =
            comparisons.iter().map(|group| group.iter().map(Scenario::name).collect()).collect();
        // In so many comparisons.
        let times = |count: usize, some: &[&str]| {
            let all = |names: &&Vec<String>| some.iter().all(|name| names.contains(&(*name).to_owned()));
            assert_eq!(names.iter().filter(all).count(), count, "{some:?}");
        };
        let together = |some: &[&str]| times(1, some);
        together(&["group/large/first/100/x1", "group/large/last-by-before/100/x1"]);
        together(&["authority/large/first/100/x1", "authority/large/last-by-cursor/100/x1"]);
        together(&["group/large/middle-by-cursor/10/x1", "group/large/middle-by-cursor/10/created/x1"]);
        // The middle by id tells of depth, and is what the middle in other orders is held against.
        times(2, &["group/large/first/1000/x1", "group/large/middle-by-cursor/1000/x1"]);
        together(&["group/large/first/100/x1", "group/large/first/100/updated/x1"]);
        together(&["group/large/first/10/x1", "group/large/first/10/grand-total/x1"]);
        together(&["group/large/first/1000/x16", "group/large/first/1000/gzip/x16"]);
        // Everything is measured, nothing twice in a comparison, and Postgres's connections suffice.
        let all: Vec<&String> = names.iter().flatten().collect();
        for scenario in Scenario::table() {
            assert!(all.contains(&&scenario.name()), "{}", scenario.name());
        }
        for group in &comparisons {
            let of_postgres = group.iter().filter(|scenario| scenario.lanes.contains(&Lane::Postgres));
            assert!(of_postgres.map(|scenario| scenario.connections).sum::<usize>() <= 16);
            let names: HashSet<String> = group.iter().map(Scenario::name).collect();
            assert_eq!(names.len(), group.len());
        }
    }
}
