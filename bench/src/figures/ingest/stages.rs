//! The steps of an ingest one after the other, in one thread of ours, each with its CPU time.
//!
//! The product takes these steps side by side, and so fast that to ask the clock around each would cost more than the step.
//! Here a batch goes through the very functions that it goes through there: lines are read, batches are written, and
//! composing happens within, as the store asks for it. Two steps cannot be seen from outside, and are taken once more
//! beside the first time: decoding, which is a part of reading, and rendering, which is a part of composing.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use vitrine_ingest::decode::transaction::Transaction;
use vitrine_ingest::normalise::{AccountUpdate, account, compose, leaf};
use vitrine_ingest::source::{Place, Record};
use vitrine_ingest::{Told, read_line};
use vitrine_model::{Asset, Pubkey, Slot};
use vitrine_store::{AssetSources, ChainBatch, Composed, DatabaseSettings, Store};

use crate::bench::Bench;
use crate::postgres::Database;
use crate::stats::{figure, float};
use crate::usage;

/// Lines of a batch: what an ingest has by default.
const BATCH_LINES: usize = 2_000;

/// Seconds of CPU, but for what is spent waiting.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    /// Lines to accounts and transactions: JSON, base64 and base58.
    reading: f64,
    /// Accounts and transactions to what is stored of them.
    decoding: f64,
    /// What is stored to an asset.
    composing: f64,
    /// An asset to its facts and bytes.
    rendering: f64,
    /// The rest of writing a batch, on our side.
    storing: f64,
    /// What Postgres burnt.
    postgres: f64,
    /// Nothing to do until Postgres answers; of the clock on the wall.
    waiting: f64,
}

/// What composing burnt, while the store asked for it.
#[derive(Debug, Default)]
struct Composing {
    all: f64,
    rendering: f64,
    /// What was done for the measurement alone.
    aside: f64,
    /// The first asset that is rendered otherwise out of its own bytes.
    unlike: Option<Pubkey>,
}

/// Takes the lines of a file through all steps, and adds the figures.
pub(super) async fn run(
    bench: &mut Bench,
    database: &Database,
    (file, lines): (&Path, u64),
    name: &str,
) -> Result<()> {
    let (options, postmaster) = (database.options().clone(), bench.postgres.pid());
    let file: PathBuf = file.to_owned();
    // A runtime of one thread: whatever is done on our side is done in it.
    let stages = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let store = Store::new(&options, &DatabaseSettings::default());
        runtime.block_on(async {
            let spent = take(&store, &file, postmaster).await;
            store.close().await;
            spent
        })
    };
    let spent = tokio::task::spawn_blocking(stages).await??;
    let steps = [
        ("reading lines", spent.reading),
        ("decoding", spent.decoding),
        ("composing assets", spent.composing),
        ("rendering", spent.rendering),
        ("storing, on our side", spent.storing),
        ("storing, in Postgres", spent.postgres),
    ];
    let whole: f64 = steps.iter().map(|(_, seconds)| seconds).sum();
    let micros = |seconds: f64| seconds * 1e6 / float(lines);
    for (step, seconds) in steps {
        let share = 100.0 * seconds / whole;
        bench.say(&format!(
            "{:64}  {:>7} µs  {:>5} %",
            format!("{name}: {step}"),
            figure(micros(seconds)),
            figure(share)
        ));
        bench.results.collect(&format!("{name}, one after the other: {step}"), "% of CPU", [share]);
    }
    let results = &mut bench.results;
    results.collect(&format!("{name}, one after the other: CPU of an update"), "µs", [micros(whole)]);
    results.collect(
        &format!("{name}, one after the other: waiting for Postgres"),
        "µs",
        [micros(spent.waiting)],
    );
    Ok(())
}

async fn take(store: &Store, file: &Path, postmaster: u32) -> Result<Spent> {
    let mut spent = Spent::default();
    let mut lines = BufReader::new(File::open(file)?).lines();
    let before = usage::of_postgres(postmaster)?;
    loop {
        let records: Vec<Record> = lines.by_ref().take(BATCH_LINES).map(record).collect::<Result<_>>()?;
        if records.is_empty() {
            break;
        }
        let decoding = decoding(&records)?;
        let start = usage::of_this_thread();
        let told: Vec<Told> = records.into_iter().map(read).collect::<Result<_>>()?;
        spent.reading += usage::of_this_thread() - start - decoding;
        spent.decoding += decoding;
        write(store, told, &mut spent).await?;
    }
    spent.postgres = usage::of_postgres(postmaster)? - before;
    Ok(spent)
}

fn record(line: std::io::Result<String>) -> Result<Record> {
    Ok(Record { place: Place { line: 0, item: None }, text: line?.into_bytes(), stated_slot: None })
}

fn read(record: Record) -> Result<Told> {
    match read_line(record) {
        Ok(Told { dead_letter: Some(letter), .. }) => bail!("not decoded: {}", letter.reason),
        Ok(told) => Ok(told),
        Err(bad) => bail!("a bad line: {}", bad.reason),
    }
}

/// What decoding burns of what these lines tell.
fn decoding(records: &[Record]) -> Result<f64> {
    let mut seconds = 0.0;
    for record in records {
        let line: Value = serde_json::from_slice(&record.text)?;
        if let Some(told) = line.get("transaction") {
            let transaction = Transaction::from_json(&told.to_string())?;
            let start = usage::of_this_thread();
            std::hint::black_box(leaf::transaction(&transaction));
            seconds += usage::of_this_thread() - start;
            continue;
        }
        let text = |pointer: &str| line.pointer(pointer).and_then(Value::as_str).context("an account");
        let number = |pointer: &str| line.pointer(pointer).and_then(Value::as_u64).context("an account");
        let data = STANDARD.decode(text("/account/data/0")?)?;
        let update = AccountUpdate {
            address: text("/account/pubkey")?.parse()?,
            owner: text("/account/owner")?.parse()?,
            lamports: number("/account/lamports")?,
            data: &data,
            slot: Slot::new(number("/account/slot")?).context("a slot")?,
            write_version: number("/account/write_version")?,
        };
        let start = usage::of_this_thread();
        std::hint::black_box(account(&update))?;
        seconds += usage::of_this_thread() - start;
    }
    Ok(seconds)
}

async fn write(store: &Store, told: Vec<Told>, spent: &mut Spent) -> Result<()> {
    let mut batch = ChainBatch::default();
    for told in told.into_iter().map(Told::unpacked) {
        batch.accounts.extend(told.accounts);
        batch.tree_changes.extend(told.tree_changes);
        batch.leaf_events.extend(told.leaf_events);
    }
    let composing = Mutex::new(Composing::default());
    let timed = |sources: &AssetSources| {
        let mut spent = composing.lock().expect("nobody panics while holding it");
        spent.compose(sources)
    };
    let (start, burnt) = (Instant::now(), usage::of_this_thread());
    store.write_chain(&batch, &timed).await?;
    let burnt = usage::of_this_thread() - burnt;
    spent.waiting += start.elapsed().as_secs_f64() - burnt;
    let Composing { all: composing, rendering, aside, unlike } =
        composing.into_inner().expect("nobody panics while holding it");
    if let Some(id) = unlike {
        bail!("{id}, read and rendered again, has other bytes");
    }
    ensure!(burnt >= composing + aside, "clocks that run backwards");
    spent.storing += burnt - composing - aside;
    spent.composing += composing - rendering;
    spent.rendering += rendering;
    Ok(())
}

impl Composing {
    fn compose(&mut self, sources: &AssetSources) -> Option<Composed> {
        let start = usage::of_this_thread();
        let composed = compose(sources);
        let done = usage::of_this_thread();
        self.all += done - start;
        if let Some(composed) = &composed {
            self.render_again(composed);
        }
        self.aside += usage::of_this_thread() - done;
        composed
    }

    /// Of the asset there is nothing left but its bytes: it is read out of them.
    fn render_again(&mut self, composed: &Composed) {
        let packed = &composed.change.rendered;
        let plain = packed.body.unpack().ok();
        let asset = plain.and_then(|plain| Asset::from_das(str::from_utf8(&plain).ok()?).ok());
        let Some(asset) = asset else { return self.unlike = Some(composed.change.id) };
        let start = usage::of_this_thread();
        let (facts, rendered) = (asset.facts(), asset.render().pack());
        self.rendering += usage::of_this_thread() - start;
        std::hint::black_box(facts);
        if rendered.body != packed.body {
            self.unlike = Some(composed.change.id);
        }
    }
}
