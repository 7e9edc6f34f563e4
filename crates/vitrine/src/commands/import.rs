//! `vitrine import`, and the shipped sample.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use tokio::sync::watch;
use vitrine_ingest::source::{BadRecord, Input, Place, Progress, Record};
use vitrine_ingest::{Batch, BatchLimits, Event, ImportError, ImportOptions, Summary, parse};
use vitrine_store::Store;

use super::{Context, UsageError, print};
use crate::database::{Database, migrate, require_migrated};

/// The assets of `vitrine up --sample`, one a line.
const SAMPLE: &str = include_str!("../../sample/assets.ndjson");

/// The inputs that a command line names. Standard input can be one of them, once.
pub(super) fn inputs(files: &[OsString]) -> Result<Vec<Input>> {
    let inputs: Vec<Input> = files.iter().map(|file| Input::from_argument(file)).collect();
    if inputs.iter().filter(|input| **input == Input::Stdin).count() > 1 {
        return Err(UsageError("standard input (-) can be read only once".to_owned()).into());
    }
    Ok(inputs)
}

/// How often the bar moves.
pub(super) const BAR_INTERVAL: Duration = Duration::from_millis(100);

/// How often a line tells of the progress where there is no terminal.
pub(super) const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Flags of `vitrine import`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files to load; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<OsString>,
    /// Load nothing of a file that has a bad line, and fail
    #[arg(long)]
    strict: bool,
    /// Append bad lines to this file
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
}

/// Imports until the end or a signal; bad lines alone are no failure.
pub(super) async fn run(args: &Args, context: &Context) -> Result<ExitCode> {
    let database = Database::open(context).await?;
    let result = tokio::select! {
        result = load(args, &database, context) => result,
        // The first signal lets the batch in flight be committed.
        () = context.signals.second() => Err(anyhow!("interrupted; the same command again loads the rest")),
    };
    let summary = database.close_after(result).await?;
    print(&summary_text(&summary))?;
    Ok(if summary.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Loads the shipped sample. What is there already stays as it is.
pub(super) async fn load_sample(store: &Store) -> Result<()> {
    let mut batch = Batch::default();
    for record in sample_records() {
        batch.push(parse(record).map_err(|bad| anyhow!("the sample's {}: {}", bad.place, bad.reason))?);
    }
    let batch = batch.take();
    let written = store.write_assets(&batch.changes, batch.stated).await?;
    // Vacuuming a large database at each start would be a high price for nothing.
    if written.created + written.updated > 0 {
        store.finish_import(batch.stated).await?;
    }
    Ok(())
}

async fn load(args: &Args, database: &Database, context: &Context) -> Result<Summary> {
    if database.is_private() {
        migrate(&database.store).await?;
    } else {
        require_migrated(&database.store).await?;
    }
    let settings = &context.config.import;
    let options = ImportOptions {
        strict: args.strict,
        rejects: args.rejects.clone(),
        batch: BatchLimits { assets: settings.batch_assets, bytes: settings.batch_bytes },
        batch_wait: Duration::from_millis(settings.batch_wait_ms),
        writers: settings.writers_max,
        max_record_bytes: settings.record_bytes_max,
        store_patience: Duration::from_secs(settings.retry_max_seconds),
    };
    let inputs = inputs(&args.files)?;
    let cancel = context.cancelled();
    let progress = Arc::new(Progress::default());
    let bar = bar();
    let (told, summary) = watch::channel(Summary::default());
    let shown = tokio::spawn(show(bar.clone(), Arc::clone(&progress), summary));
    let mut on_event = |event: Event<'_>| tell(&bar, &told, &event);
    let done =
        vitrine_ingest::import(&database.store, &inputs, &options, &progress, &mut on_event, cancel).await;
    shown.abort();
    bar.finish_and_clear();
    match done {
        Ok(summary) => Ok(summary),
        Err(error @ ImportError::RejectsIsInput(_)) => Err(UsageError(error.to_string()).into()),
        Err(error) => bail!(error),
    }
}

/// A bar on a terminal, else one that draws nothing.
pub(super) fn bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = "{wide_bar} {bytes}/{total_bytes} {msg} {eta}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::no_length().with_style(style)
}

/// Moves the bar, or logs a line from time to time.
async fn show(bar: ProgressBar, progress: Arc<Progress>, summary: watch::Receiver<Summary>) {
    let mut ticks = tokio::time::interval(if bar.is_hidden() { LINE_INTERVAL } else { BAR_INTERVAL });
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let (read_bytes, expected_bytes) = (progress.read_bytes(), progress.expected_bytes());
        let summary = summary.borrow().clone();
        let (committed, rejected) = (summary.committed(), summary.rejected);
        if bar.is_hidden() {
            let of = expected_bytes.map_or_else(String::new, |bytes| format!(" of {}", HumanBytes(bytes)));
            tracing::info!(
                committed,
                rejected,
                read_bytes,
                "{} assets in, {} rejected, {}{of} read",
                HumanCount(committed),
                HumanCount(rejected),
                HumanBytes(read_bytes),
            );
        } else {
            if let Some(bytes) = expected_bytes {
                bar.set_length(bytes);
            }
            bar.set_position(read_bytes);
            bar.set_message(format!(
                "{} assets in, {} rejected",
                HumanCount(committed),
                HumanCount(rejected)
            ));
        }
    }
}

/// Tells what happens as it happens: what is wrong on stderr, at its place.
fn tell(bar: &ProgressBar, told: &watch::Sender<Summary>, event: &Event<'_>) {
    let line = match event {
        Event::Rejected { input, bad } => rejected_line(input, bad),
        Event::Failed { input, error } => format!("{input}: {error}"),
        Event::Refused { input, bad_records } => {
            format!("{input}: nothing of it is loaded: {bad_records} bad records (--strict)")
        }
        Event::Written(summary) => {
            told.send_replace((*summary).clone());
            return;
        }
        Event::Finishing => return,
    };
    bar.suspend(|| crate::telemetry::say(&line));
}

/// `FILE:LINE[ item N]: reason`
pub(super) fn rejected_line(input: &Input, bad: &BadRecord) -> String {
    let Place { line, item } = bad.place;
    let item = item.map_or_else(String::new, |item| format!(" item {item}"));
    // A reason may quote the input: it must not steer the terminal.
    let reason: String = bad.reason.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    format!("{input}:{line}{item}: {reason}")
}

fn summary_text(summary: &Summary) -> String {
    let Summary { created, updated, unchanged, stale, superseded, rejected, .. } = summary;
    let mut text = format!(
        "{} records in {:.1} s ({:.0}/s): {created} created, {updated} updated, {unchanged} unchanged, {stale} older \
         than what is stored, {superseded} superseded by a later one, {rejected} rejected\n",
        summary.read,
        summary.elapsed.as_secs_f64(),
        summary.rate(),
    );
    if summary.refused_files > 0 {
        let _ = writeln!(text, "files refused (--strict): {}", summary.refused_files);
    }
    if summary.failed_files > 0 {
        let _ = writeln!(text, "files not read to their end: {}", summary.failed_files);
    }
    if summary.interrupted {
        text.push_str("interrupted: the same command again loads the rest\n");
    }
    text
}

fn sample_records() -> impl Iterator<Item = Record> {
    SAMPLE.lines().zip(1..).map(|(text, line)| Record {
        place: Place { line, item: None },
        text: text.as_bytes().to_vec(),
        stated_slot: None,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::collections::HashSet;

    use vitrine_ingest::Parsed;
    use vitrine_model::{ListKind, Pubkey};

    use super::*;

    fn sample() -> Vec<Parsed> {
        sample_records().map(|record| parse(record).unwrap()).collect()
    }

    fn members(assets: &[Parsed], collection: &str, verified: bool) -> usize {
        let value = collection.parse::<Pubkey>().unwrap();
        let is_in = |asset: &&Parsed| {
            asset.change.facts.lists.iter().any(|list| {
                list.kind == ListKind::Group && list.value == value.as_bytes() && list.verified == verified
            })
        };
        assets.iter().filter(is_in).count()
    }

    #[test]
    fn the_sample_is_whole() {
        let assets = sample();
        let ids: HashSet<Pubkey> = assets.iter().map(|asset| asset.change.id).collect();
        assert_eq!((assets.len(), ids.len()), (66, 66));
        // The call that `vitrine up --sample` prints has an answer.
        assert_eq!(members(&assets, super::super::up::SAMPLE_COLLECTION, true), 1);
        let interfaces: HashSet<&str> =
            assets.iter().map(|asset| asset.change.facts.interface.as_str()).collect();
        let expected = ["V1_NFT", "ProgrammableNFT", "MplCoreAsset", "MplCoreCollection"];
        assert_eq!(interfaces, HashSet::from(expected));
        let count = |is: fn(&vitrine_model::Facts) -> bool| {
            assets.iter().filter(|asset| is(&asset.change.facts)).count()
        };
        assert_eq!(count(|facts| facts.compressed), 14);
        assert_eq!(count(|facts| facts.burnt && facts.listed), 1);
        assert_eq!(count(|facts| facts.burnt && !facts.listed), 1);
        assert!(assets.iter().all(|asset| asset.change.slot_created <= asset.change.slot_updated));
        let collection = "4cSURXn9xALz5m8Y1NRcbzjRgbk4QRKvaJWehbS4dXBx";
        assert_eq!((members(&assets, collection, true), members(&assets, collection, false)), (46, 1));
    }

    #[test]
    fn the_sample_says_what_it_is() {
        for line in SAMPLE.lines() {
            let asset: serde_json::Value = serde_json::from_str(line).unwrap();
            let name = asset["content"]["metadata"]["name"].as_str().unwrap();
            let known = ["Vitrine Sample", "Mad Lads", "Fox #9713", "Famous Fox Federation"];
            assert!(known.iter().any(|known| name.starts_with(known)), "{name}");
            assert!(!line.contains("cdn_uri"));
        }
    }

    #[test]
    fn a_rejected_line_names_its_place() {
        let input = Input::Path("a.json".into());
        let bad = |item| BadRecord {
            place: Place { line: 3, item },
            reason: "no \u{1b}[2J".to_owned(),
            raw: Vec::new(),
        };
        assert_eq!(rejected_line(&input, &bad(None)), "a.json:3: no \u{fffd}[2J");
        assert_eq!(rejected_line(&input, &bad(Some(7))), "a.json:3 item 7: no \u{fffd}[2J");
    }

    #[test]
    fn a_summary_has_counts_seconds_and_rate() {
        let summary = Summary {
            read: 5,
            created: 3,
            rejected: 2,
            elapsed: Duration::from_secs(2),
            ..Summary::default()
        };
        let text = summary_text(&summary);
        assert!(
            text.starts_with("5 records in 2.0 s (2/s): 3 created,") && text.contains("2 rejected"),
            "{text}"
        );
        assert!(summary_text(&Summary { interrupted: true, ..summary }).contains("interrupted"));
    }
}
