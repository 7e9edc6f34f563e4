//! The scenarios of the table, in interleaved rounds.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::bench::Bench;
use crate::load::{Answer, Call, Spec, Work};
use crate::results::Sample;
use crate::scenario::{Lane, Scenario};
use crate::server::Server;
use crate::site::{Prepared, Site};
use crate::stats::figure;

/// Measures the wanted scenarios of the table. Those of one limit and number of connections are one group: they
/// are what is compared with one another, so each round goes through all of them.
pub(crate) async fn run(bench: &mut Bench, site: &Site, empty: &Server) -> Result<()> {
    let mut groups: BTreeMap<(usize, usize), Vec<Scenario>> = BTreeMap::new();
    let wanted = Scenario::table().into_iter().filter(|scenario| bench.options.wants(&scenario.name()));
    for scenario in wanted {
        groups.entry((scenario.connections, scenario.limit)).or_default().push(scenario);
    }
    for scenarios in groups.into_values() {
        let mut group = Vec::new();
        for scenario in scenarios {
            let name = scenario.name();
            group.push((site, site.prepare(bench, &name, scenario).await?));
        }
        measure(bench, &group, empty).await?;
    }
    Ok(())
}

/// Measures prepared scenarios, round by round, lane by lane.
pub(crate) async fn measure(bench: &mut Bench, group: &[(&Site, Prepared)], empty: &Server) -> Result<()> {
    for round in 0..bench.options.rounds() {
        for (site, prepared) in group {
            for &lane in prepared.scenario.lanes {
                let sample = one(bench, site, prepared, lane, empty).await?;
                if round == 0 {
                    bench.say(&format!("{:48} {lane:14}  {}", prepared.name, line(&sample)));
                }
                bench.results.add(&prepared.name, lane, sample);
            }
        }
    }
    Ok(())
}

async fn one(bench: &Bench, site: &Site, prepared: &Prepared, lane: Lane, empty: &Server) -> Result<Sample> {
    let connections = prepared.scenario.connections;
    let seconds = bench.options.seconds();
    if lane == Lane::Postgres {
        let sample = bench.pgbench(&site.database, &prepared.scripts, connections, seconds).await?;
        return Ok(sample);
    }
    let what = format!("{} ({lane})", prepared.name);
    let (server, spec) = if let Some(server) = site.server(lane) {
        let encoding = prepared.scenario.encoding;
        (server, spec(bench, server, &site.path, encoding, connections, prepared.calls.clone()))
    } else {
        let bytes = prepared.sent_bytes;
        let body = prepared.calls.first().context("no calls")?.body.clone();
        let calls = vec![Call { body, answer: Answer::Spaces(bytes) }];
        (empty, spec(bench, empty, &format!("/{bytes}"), None, connections, calls))
    };
    let (report, cpu) = bench.load(&what, server, &spec).await?;
    Ok(Sample::of(&report, cpu, connections))
}

/// A closed loop as long as the options say.
pub(crate) fn spec(
    bench: &Bench,
    server: &Server,
    path: &str,
    encoding: Option<&str>,
    connections: usize,
    calls: Vec<Call>,
) -> Spec {
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Spec {
        address: server.address,
        path: path.to_owned(),
        accept_encoding: encoding.map(str::to_owned),
        connections,
        work: Work::Repeat {
            calls,
            warm_up_ms: ms(bench.options.warm_up()),
            measure_ms: ms(bench.options.seconds()),
        },
    }
}

/// A sample for somebody who watches.
pub(crate) fn line(sample: &Sample) -> String {
    let p50 = sample.p50_ms.unwrap_or(sample.mean_ms);
    format!(
        "{:>8}/s  {:>7} ms  CPU ms a call: server {}, Postgres {}, client {}",
        figure(sample.rate),
        figure(p50),
        figure(sample.server_ms),
        figure(sample.postgres_ms),
        figure(sample.client_ms),
    )
}
