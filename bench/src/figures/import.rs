//! The import beside COPY of the same rows into the same tables with the same indexes.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use futures_util::TryStreamExt;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use crate::bench::Bench;
use crate::data::Data;
use crate::loading::{Imported, import_new};
use crate::postgres::Database;
use crate::stats::{figure, float};

/// Names of the figures.
pub(crate) const RATE: &str = "import: all assets, from exec to exit";
pub(crate) const PEAK: &str = "import: peak of resident memory";
pub(crate) const SAME_RATE: &str = "import: as many assets as are copied in turns, from exec to exit";
pub(crate) const COPY_RATE: &str = "COPY: their rows into the same tables";
pub(crate) const COPY_VACUUM_RATE: &str = "COPY: the same, and the VACUUM that an import ends with";
pub(crate) const RATIO: &str = "import: of these, rate in rates of COPY";
pub(crate) const COPY_ALL_RATE: &str = "COPY: the rows of all assets into the same tables";
pub(crate) const RATIO_ALL: &str = "import: all assets, rate in rates of COPY";
pub(crate) const VACUUM_RATIO: &str = "import: of these, rate in rates of COPY with VACUUM";

/// The rows of tables, by name.
type Files = Vec<(&'static str, PathBuf)>;

/// Whatever an import fills that grows with the assets.
const TABLES: [&str; 3] = ["asset", "asset_list", "list_member"];

/// What the loading of all assets took, or which run loaded them.
pub(crate) fn note(bench: &mut Bench, data: Data, imported: &Imported) {
    if !bench.options.wants("import") {
        return;
    }
    bench.results.facts.insert("import of all assets", imported.told());
    if imported.is_earlier {
        // What another commit took says nothing of this one.
        return;
    }
    let rate = float(data.assets()) / imported.seconds;
    bench.results.collect(RATE, "assets/s", [rate]);
    bench.results.collect(PEAK, "MB", [float(imported.peak_bytes) / 1e6]);
    bench.results.collect(
        "import: bytes of input an asset",
        "bytes",
        [float(imported.input_bytes) / float(data.assets())],
    );
}

/// COPY of all assets, where they have just been imported. A short run copies only some of them.
pub(crate) async fn copy_all(
    bench: &mut Bench,
    data: Data,
    database: &Database,
    imported: &Imported,
) -> Result<()> {
    if imported.is_earlier || bench.options.quick || !bench.options.wants("import") {
        return Ok(());
    }
    let files = copy_out(bench, database).await?;
    // What was written until now is on the disk before COPY begins.
    bench.postgres.execute("CHECKPOINT".to_owned()).await?;
    let copied = copy(bench, data, &files).await?;
    remove(files)?;
    let import_rate = float(data.assets()) / imported.seconds;
    bench.say(&format!("all assets: import {}/s, COPY {}/s", figure(import_rate), figure(copied.rate)));
    bench.results.collect(COPY_ALL_RATE, "assets/s", [copied.rate]);
    bench.results.collect(RATIO_ALL, "", [import_rate / copied.rate]);
    Ok(())
}

/// Imports and copies some of them, in turns.
pub(crate) async fn run(bench: &mut Bench) -> Result<()> {
    if !bench.options.wants("import") {
        return Ok(());
    }
    let data = Data::new(bench.options.copied_assets());
    bench.results.facts.insert("assets that are imported and copied in turns", data.assets().to_string());
    let mut files = Vec::new();
    for _ in 0..bench.options.rounds() {
        let database = bench.postgres.create("bench_import", None).await?;
        let imported = import_new(bench, data, &database).await?;
        let import_rate = float(data.assets()) / imported.seconds;
        if files.is_empty() {
            files = copy_out(bench, &database).await?;
        }
        bench.postgres.drop(&database).await?;
        let copied = copy(bench, data, &files).await?;
        bench.say(&format!(
            "import {}/s, COPY {}/s, with VACUUM {}/s",
            figure(import_rate),
            figure(copied.rate),
            figure(copied.whole_rate)
        ));
        let results = &mut bench.results;
        results.collect(SAME_RATE, "assets/s", [import_rate]);
        results.collect(COPY_RATE, "assets/s", [copied.rate]);
        results.collect(COPY_VACUUM_RATE, "assets/s", [copied.whole_rate]);
        results.collect(RATIO, "", [import_rate / copied.rate]);
        results.collect(VACUUM_RATIO, "", [import_rate / copied.whole_rate]);
    }
    remove(files)
}

/// What COPY took, in assets a second.
struct Copied {
    /// By itself.
    rate: f64,
    /// With the VACUUM that an import ends with.
    whole_rate: f64,
}

/// Copies files into an empty database of its own.
async fn copy(bench: &Bench, data: Data, files: &Files) -> Result<Copied> {
    let database = bench.postgres.create("bench_copy", None).await?;
    bench.launcher.run(&database, &["migrate"]).await?;
    let (copying, vacuuming) = copy_in(&database, files).await?;
    bench.postgres.drop(&database).await?;
    let rate = |seconds| float(data.assets()) / seconds;
    Ok(Copied { rate: rate(copying), whole_rate: rate(copying + vacuuming) })
}

fn remove(files: Files) -> Result<()> {
    for (_, file) in files {
        std::fs::remove_file(file)?;
    }
    Ok(())
}

/// The rows of an imported database, as files.
async fn copy_out(bench: &Bench, database: &Database) -> Result<Files> {
    let mut connection = database.connect().await?;
    let mut files = Vec::new();
    for table in TABLES {
        let path = bench.folder.join(format!("{table}.copy"));
        let mut file = File::create(&path).await?;
        let statement = format!("COPY {table} TO STDOUT (FORMAT binary)");
        let mut rows = connection.copy_out_raw(&statement).await?;
        while let Some(bytes) = rows.try_next().await? {
            file.write_all(&bytes).await?;
        }
        file.flush().await?;
        file.sync_all().await?;
        files.push((table, path));
    }
    Ok(files)
}

/// Seconds of COPY, and of the VACUUM after it.
async fn copy_in(database: &Database, files: &Files) -> Result<(f64, f64)> {
    let mut connection = database.connect().await?;
    let start = Instant::now();
    for (table, path) in files {
        let statement = format!("COPY {table} FROM STDIN (FORMAT binary)");
        let mut copy = connection.copy_in_raw(&statement).await?;
        copy.read_from(File::open(path).await?).await?;
        copy.finish().await?;
    }
    let copying = start.elapsed().as_secs_f64();
    let start = Instant::now();
    sqlx::raw_sql("VACUUM (ANALYZE)").execute(&mut connection).await?;
    Ok((copying, start.elapsed().as_secs_f64()))
}
