//! Measures the product beside Postgres alone and beside an empty handler, and checks every answer.
//!
//! One binary is all the processes of a run: under the name `vitrine` it is the product's own `main`, with
//! `load` the client, with `null-server` the empty handler, and else the bench that starts and measures these.

mod answer;
mod bench;
mod chain;
mod chunked;
mod client;
mod compare;
mod data;
mod figures;
mod goals;
mod http;
mod latency;
mod lists;
mod load;
mod loading;
mod machine;
mod null_server;
mod options;
mod pgbench;
mod plain_bodies;
mod postgres;
mod report;
mod results;
mod room;
mod rounds;
mod scenario;
mod server;
mod site;
mod stats;
mod usage;

use std::ffi::OsStr;
use std::fs;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use bench::Bench;
use compare::Disturbance;
use data::{Data, FIRST_SMALL, Kind};
use options::{Options, Part};
use postgres::Postgres;
use results::Results;
use scenario::Scenario;
use server::Launcher;
use site::Site;

fn main() -> ExitCode {
    if std::env::args_os().next().as_deref() == Some(OsStr::new(server::PRODUCT)) {
        return vitrine::main();
    }
    let options = Options::parse();
    let done = match options.part {
        Some(Part::Load) => load::main(),
        Some(Part::NullServer) => null_server::main(),
        None => run(options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<()> {
    options.check()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(with_postgres(options));
    // A thread that writes into a pipe which nobody reads any more must not keep us.
    runtime.shutdown_background();
    result
}

/// Starts Postgres, measures, and stops Postgres whatever happens. A signal ends everything: processes of ours end
/// when they are dropped.
async fn with_postgres(options: Options) -> Result<()> {
    let folder = options.data_dir()?;
    fs::create_dir_all(&folder).with_context(|| format!("the data folder {}", folder.display()))?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let postgres = Postgres::open(&folder.join("postgres")).await?;
    let launcher = Launcher::new(&folder).await?;
    let (results, disturbance) = (Results::default(), Disturbance::default());
    let mut bench =
        Bench { options, folder, postgres, launcher, results, turn: 0, pgbenches: 0, disturbance };
    let measured = tokio::select! {
        measured = measure(&mut bench) => measured,
        _ = interrupt.recv() => Err(anyhow::anyhow!("interrupted")),
        _ = terminate.recv() => Err(anyhow::anyhow!("interrupted")),
    };
    let Bench { options, postgres, mut results, disturbance, .. } = bench;
    postgres.close().await?;
    measured?;
    if let Some([others, stolen]) = disturbance.told() {
        results.facts.insert("used by other processes", others);
        results.facts.insert("stolen from this machine", stolen);
    }
    tell(&options, &results)
}

async fn measure(bench: &mut Bench) -> Result<()> {
    bench.results.facts = machine::facts(&bench.options, bench.postgres.version().await?);
    if bench.options.wants_pages() {
        pages(bench).await?;
    }
    figures::ingest::run(bench).await
}

/// Everything that is measured on imported assets.
async fn pages(bench: &mut Bench) -> Result<()> {
    let data = Data::new(bench.options.assets());
    let (database, imported) = loading::load(bench, data).await?;
    figures::import::note(bench, data, &imported);
    figures::import::copy_all(bench, data, &database, &imported).await?;
    // Of the other sizes Postgres alone reads nothing.
    if plain_bodies::make(&database).await? {
        database.settle().await?;
    }
    room::make(bench, data).await?;
    let empty = bench.launcher.null_server().await?;
    let site = Site::open(bench, data, database.clone(), &lists(data), usize::MAX).await?;
    rounds::run(bench, &site, &empty).await?;
    figures::by_id::run(bench, &site, &empty).await?;
    figures::walks::run(bench, &site).await?;
    figures::jumps::run(bench, &site).await?;
    figures::sizes::run(bench, &site, &empty).await?;
    figures::memory::run(bench, &site).await?;
    figures::trips::run(bench, &site).await?;
    figures::cold_start::run(bench, &site).await?;
    site.close().await?;
    empty.stop().await?;
    if bench.options.wants("writes") {
        figures::writes::run(bench, data, &database).await?;
    }
    figures::import::run(bench).await
}

/// Every list that a scenario may ask for.
fn lists(data: Data) -> Vec<(Kind, u64)> {
    let mut lists: Vec<(Kind, u64)> = [Kind::Group, Kind::Authority].map(|kind| (kind, 0)).to_vec();
    for scenario in Scenario::table() {
        for number in scenario.numbers(data.full_small_lists()) {
            if !lists.contains(&(scenario.kind, number)) {
                lists.push((scenario.kind, number));
            }
        }
    }
    debug_assert!(lists.iter().any(|(_, number)| *number >= FIRST_SMALL));
    lists
}

fn tell(options: &Options, results: &Results) -> Result<()> {
    let goals = goals::all(results);
    for goal in goals.iter().filter(|goal| goal.met.is_some()) {
        println!("{:20} {}: {} ({})", goal.verdict(), goal.figure, goal.measured, goal.target);
    }
    for name in ["used by other processes", "stolen from this machine"] {
        if let Some(share) = results.facts.get(name) {
            println!("{name}: {share}");
        }
    }
    if results.rows.is_empty() && results.figures.is_empty() {
        bail!("nothing of that name was measured");
    }
    if let Some(path) = options.report() {
        report::write(&path, &report::render(results, &goals))?;
        println!("report in {}", path.display());
    }
    Ok(())
}
