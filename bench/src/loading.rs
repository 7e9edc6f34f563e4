//! The data in the database: loaded by the product's own import, kept, and found again by the next run.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tokio::process::Child;
use tokio::time::sleep;
use vitrine_store::MIGRATOR;

use crate::bench::Bench;
use crate::data::{Data, GENERATION};
use crate::machine;
use crate::postgres::Database;
use crate::usage;

/// Up to this many assets lie in a file before they are imported; more go through a pipe.
const FILE_ASSETS_MAX: u64 = 2_000_000;

/// How often the memory of an import is looked at.
const MEMORY_POLL: Duration = Duration::from_millis(50);

/// What an import took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Imported {
    /// By which commit.
    #[serde(default = "unknown")]
    pub(crate) commit: String,
    /// Whether it was another run that saw it.
    #[serde(skip)]
    pub(crate) is_earlier: bool,
    /// From the start of the process to its end.
    pub(crate) seconds: f64,
    /// Its peak of resident memory, bytes.
    pub(crate) peak_bytes: u64,
    /// Bytes of its input.
    pub(crate) input_bytes: u64,
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// What is known of data that is there.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Marker {
    /// Of the generator.
    generation: u32,
    assets: u64,
    /// Of the migrations.
    schema: String,
    imported: Imported,
}

/// What the database of so many assets is called.
pub(crate) fn name(assets: u64) -> String {
    format!("bench_{assets}")
}

/// The file that says that a database is whole.
pub(crate) fn marker(bench: &Bench, name: &str) -> PathBuf {
    bench.folder.join(format!("{name}.json"))
}

/// What the import of so many assets took, if they are there from an earlier run and may be used.
pub(crate) async fn found(bench: &Bench, data: Data) -> Result<Option<Imported>> {
    let name = name(data.assets());
    let found = read_marker(&marker(bench, &name)).filter(|found| {
        let is_same = (found.generation, found.assets) == (GENERATION, data.assets());
        !bench.options.fresh && is_same && found.schema == schema()
    });
    let is_there = bench.postgres.exists(&bench.postgres.database(&name)).await?;
    Ok(found.filter(|_| is_there).map(|found| Imported { is_earlier: true, ..found.imported }))
}

/// The database of so many assets: found, or made and loaded.
pub(crate) async fn load(bench: &Bench, data: Data) -> Result<(Database, Imported)> {
    let assets = data.assets();
    let name = name(assets);
    if let Some(imported) = found(bench, data).await? {
        bench.say(&format!("{assets} assets are there from an earlier run"));
        return Ok((bench.postgres.database(&name), imported));
    }
    let marker = marker(bench, &name);
    if marker.exists() {
        fs::remove_file(&marker)?;
    }
    let database = bench.postgres.create(&name, None).await?;
    let imported = import_new(bench, data, &database).await?;
    bench.say(&format!("{assets} assets imported in {:.1} s", imported.seconds));
    database.settle().await?;
    let written = Marker { generation: GENERATION, assets, schema: schema(), imported };
    fs::write(&marker, serde_json::to_string(&written)?)?;
    Ok((database, written.imported))
}

/// Migrates an empty database and imports all assets into it.
pub(crate) async fn import_new(bench: &Bench, data: Data, database: &Database) -> Result<Imported> {
    let assets = data.assets();
    bench.launcher.run(database, &["migrate"]).await?;
    let summary = if assets > FILE_ASSETS_MAX {
        bench.say(&format!("importing {assets} assets through a pipe"));
        through_pipe(bench, data, database).await?
    } else {
        let file = bench.folder.join(format!("assets-{assets}-{GENERATION}.ndjson"));
        if !file.exists() {
            bench.say(&format!("writing {assets} assets to {}", file.display()));
            let file = file.clone();
            tokio::task::spawn_blocking(move || write_file(data, &file)).await??;
        }
        bench.say(&format!("importing {assets} assets"));
        from_file(bench, database, &file).await?
    };
    let (text, imported) = summary;
    ensure!(text.contains(&format!(" {assets} created,")), "import: {text}");
    Ok(imported)
}

impl Imported {
    fn new(elapsed: Duration, peak_bytes: u64, input_bytes: u64) -> Self {
        let (commit, is_earlier) = (machine::commit(), false);
        Self { commit, is_earlier, seconds: elapsed.as_secs_f64(), peak_bytes, input_bytes }
    }

    /// Which run saw it, for the report.
    pub(crate) fn told(&self) -> String {
        let when = if self.is_earlier { "an earlier run" } else { "this run" };
        format!("by {when}, at commit {}", self.commit)
    }
}

async fn from_file(bench: &Bench, database: &Database, file: &Path) -> Result<(String, Imported)> {
    let mut command = bench.launcher.product(&["import"]);
    command.arg(file).env("DATABASE_URL", database.url());
    let start = Instant::now();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let input_bytes = fs::metadata(file)?.len();
    let (text, peak_bytes) = finish(child).await?;
    Ok((text, Imported::new(start.elapsed(), peak_bytes, input_bytes)))
}

async fn through_pipe(bench: &Bench, data: Data, database: &Database) -> Result<(String, Imported)> {
    let mut command = bench.launcher.product(&["import", "-"]);
    let (input, output) = std::io::pipe()?;
    command.env("DATABASE_URL", database.url()).stdin(input);
    let start = Instant::now();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    drop(command);
    let writing = tokio::task::spawn_blocking(move || write_all(data, output));
    let (text, peak_bytes) = finish(child).await?;
    let elapsed = start.elapsed();
    let input_bytes = writing.await??;
    Ok((text, Imported::new(elapsed, peak_bytes, input_bytes)))
}

/// Waits for an import: what it printed, and the most memory it held.
pub(crate) async fn finish(mut child: Child) -> Result<(String, u64)> {
    let process = child.id().context("the import has ended already")?;
    let mut peak_bytes = 0;
    let waiting = async {
        let mut stdout = child.stdout.take().context("stdout")?;
        let mut stderr = child.stderr.take().context("stderr")?;
        let (mut text, mut errors) = (String::new(), String::new());
        let read = tokio::try_join!(
            tokio::io::AsyncReadExt::read_to_string(&mut stdout, &mut text),
            tokio::io::AsyncReadExt::read_to_string(&mut stderr, &mut errors),
        );
        read?;
        let status = child.wait().await?;
        if !status.success() {
            bail!("import: {status}: {text} {errors}");
        }
        Ok(text)
    };
    let watching = async {
        loop {
            // It may have ended since.
            if let Ok(memory) = usage::memory(process) {
                peak_bytes = peak_bytes.max(memory.peak);
            }
            sleep(MEMORY_POLL).await;
        }
    };
    let text = tokio::select! {
        text = waiting => text?,
        () = watching => bail!("nobody watches for ever"),
    };
    Ok((text, peak_bytes))
}

fn write_file(data: Data, path: &Path) -> Result<()> {
    // Under its own name only once it is whole.
    let draft: PathBuf = path.with_extension("draft");
    write_all(data, File::create(&draft)?)?;
    Ok(fs::rename(draft, path)?)
}

fn write_all(data: Data, out: impl Write) -> Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 20, out);
    let (mut line, mut bytes) = (Vec::new(), 0);
    for index in 0..data.assets() {
        line.clear();
        data.write(index, 0, &mut line);
        out.write_all(&line)?;
        bytes += u64::try_from(line.len())?;
    }
    out.flush()?;
    Ok(bytes)
}

fn read_marker(path: &Path) -> Option<Marker> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

/// A fingerprint of the migrations.
fn schema() -> String {
    MIGRATOR.iter().fold(String::new(), |text, migration| {
        migration.checksum.iter().take(8).fold(text, |text, byte| format!("{text}{byte:02x}"))
    })
}
