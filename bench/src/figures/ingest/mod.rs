//! `vitrine ingest`: how fast lines of the chain go in, of what is new and of what is known, and where the time goes.
//!
//! Rates and memory are those of the product's own process. Shares are of the same lines taken through the same steps one
//! after the other ([`stages`]), and [`decoders`] alone are measured on the accounts themselves.

mod answers;
mod decoders;
mod stages;

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Result, ensure};

use crate::bench::Bench;
use crate::chain::{Age, World, Written};
use crate::loading;
use crate::postgres::Database;
use crate::stats::{figure, float};
use crate::usage;

/// The most memory that an ingest held.
const PEAK: &str = "ingest: peak of resident memory";

/// The files of a world.
#[derive(Debug)]
struct Script {
    world: World,
    written: Written,
    new: PathBuf,
    changed: PathBuf,
}

impl Script {
    /// Writes the files.
    async fn write(bench: &Bench) -> Result<Self> {
        let world = World::new(bench.options.ingested_things());
        let [new, changed] =
            ["new", "changed"].map(|name| bench.folder.join(format!("ingest-{name}.ndjson")));
        let files = [File::create(&new)?, File::create(&changed)?];
        let writing = move || {
            let [mut new, mut changed] = files.map(BufWriter::new);
            let written = world.write(&mut new, &mut changed)?;
            for out in [new, changed] {
                out.into_inner()?;
            }
            Ok::<_, anyhow::Error>(written)
        };
        let written = tokio::task::spawn_blocking(writing).await??;
        Ok(Self { world, written, new, changed })
    }

    /// The file of an age, and how many lines it has.
    fn file(&self, age: Age) -> (&Path, u64) {
        match age {
            Age::New => (&self.new, self.written.new_lines),
            Age::Changed => (&self.changed, self.written.changed_lines),
        }
    }
}

/// What the figures of an age are called.
fn named(age: Age) -> &'static str {
    match age {
        Age::New => "ingest, first load",
        Age::Changed => "ingest, updates of known assets",
    }
}

/// Measures all of it; what went in is asked for again, and a wrong answer is an error.
pub(crate) async fn run(bench: &mut Bench) -> Result<()> {
    if !bench.options.wants("ingest") {
        return Ok(());
    }
    let script = Script::write(bench).await?;
    let (new, changed) = (script.written.new_lines, script.written.changed_lines);
    bench.say(&format!("{} things in {new} lines, and {changed} about their changes", script.world.things()));
    decoders::run(bench, script.world)?;
    for round in 0..bench.options.rounds() {
        let database = bench.postgres.create("bench_ingest", None).await?;
        bench.launcher.run(&database, &["migrate"]).await?;
        for age in [Age::New, Age::Changed] {
            process(bench, &database, &script, age).await?;
        }
        if round == 0 {
            answers::check(bench, &database, script.world, &script.written).await?;
        }
        bench.postgres.drop(&database).await?;

        let database = bench.postgres.create("bench_ingest_stages", None).await?;
        bench.launcher.run(&database, &["migrate"]).await?;
        for age in [Age::New, Age::Changed] {
            stages::run(bench, &database, script.file(age), named(age)).await?;
        }
        bench.postgres.drop(&database).await?;
    }
    std::fs::remove_file(&script.new)?;
    Ok(std::fs::remove_file(&script.changed)?)
}

/// Runs the product on a file.
async fn process(bench: &mut Bench, database: &Database, script: &Script, age: Age) -> Result<()> {
    let (file, lines) = script.file(age);
    let bytes = float(std::fs::metadata(file)?.len());
    let mut command = bench.launcher.product(&["ingest"]);
    command.arg(file).env("DATABASE_URL", database.url());
    let burnt =
        || Ok::<_, anyhow::Error>((usage::of_our_children()?, usage::of_postgres(bench.postgres.pid())?));
    let (start, before) = (Instant::now(), burnt()?);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (text, peak) = loading::finish(child).await?;
    let (seconds, after) = (start.elapsed().as_secs_f64(), burnt()?);
    ensure!(text.starts_with(&format!("{lines} lines ")), "ingest of {lines} lines: {text}");
    let name = named(age);
    let rate = float(lines) / seconds;
    bench.say(&format!("{name:64}  {}/s, {} MB", figure(rate), figure(float(peak) / 1e6)));
    let micros = |seconds: f64| seconds * 1e6 / float(lines);
    let results = &mut bench.results;
    results.collect(&format!("{name}: from exec to exit"), "updates/s", [rate]);
    results.collect(&format!("{name}: bytes of input an update"), "bytes", [bytes / float(lines)]);
    results.collect(&format!("{name}: CPU of the process an update"), "µs", [micros(after.0 - before.0)]);
    results.collect(&format!("{name}: CPU of Postgres an update"), "µs", [micros(after.1 - before.1)]);
    results.collect(PEAK, "MB", [float(peak) / 1e6]);
    Ok(())
}
