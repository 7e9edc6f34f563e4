//! `vitrine ingest`.

mod remake;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use indicatif::{HumanBytes, HumanCount, ProgressBar};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use time::OffsetDateTime;
use tokio::sync::watch;
use vitrine_ingest::fetch::{FetchEnd, FetchSummary, Fetcher};
use vitrine_ingest::source::{Input, Progress};
use vitrine_ingest::{
    IngestError, IngestEvent, IngestOptions, IngestSummary, RemakeSummary, ingest, retry_dead_letters,
};
use vitrine_model::Pubkey;
use vitrine_store::GapTotals;

use super::import::{BAR_INTERVAL, LINE_INTERVAL, bar, inputs, rejected_line};
use super::{Context, UsageError, print};
use crate::database::{Database, migrate, require_migrated};

/// Flags of `vitrine ingest`.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags, each on or off")]
pub(crate) struct Args {
    /// Files to read; - is standard input
    #[arg(required_unless_present_any = ["retry_dead_letters", "remake", "fetch_documents", "refetch_documents"], value_name = "FILE")]
    files: Vec<OsString>,
    /// Fail where a line is bad or cannot be decoded; all others are ingested nevertheless
    #[arg(long)]
    strict: bool,
    /// Append bad lines to this file
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Try again what an earlier version could not decode
    #[arg(long, conflicts_with_all = ["files", "rejects"])]
    retry_dead_letters: bool,
    /// Make all assets of the chain again of what is stored: after an upgrade
    #[arg(long, conflicts_with_all = ["files", "rejects", "strict", "retry_dead_letters"])]
    remake: bool,
    /// Go on behind this asset, as an interrupted --remake said
    #[arg(long, requires = "remake", value_name = "ID")]
    after: Option<Pubkey>,
    /// Fetch the off-chain documents that assets name, once all is read
    #[arg(long)]
    fetch_documents: bool,
    /// Like --fetch-documents, and fetch again those that arrived so many days ago or earlier
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16))]
    refetch_documents: Option<u16>,
}

/// Documents that are put back into the queue by one statement.
const REFETCHED_AT_ONCE: u32 = 10_000;

/// What was done.
#[derive(Debug, Default)]
struct Done {
    ingest: IngestSummary,
    /// What is missing when all is read.
    gaps: GapTotals,
    remake: Option<RemakeSummary>,
    documents: Option<FetchSummary>,
}

impl Done {
    /// Whether something that was asked for was not done.
    fn failed(&self, strict: bool) -> bool {
        let left_out = self.ingest.rejected + self.ingest.undecoded;
        self.ingest.failed()
            || (strict && left_out > 0)
            || self.remake.as_ref().is_some_and(|remake| remake.interrupted)
            || self.documents.is_some_and(|documents| documents.interrupted)
    }
}

/// Ingests until the end or a signal; without --strict, bad lines and dead letters alone are no failure.
pub(super) async fn run(args: &Args, context: &Context) -> Result<ExitCode> {
    let database = Database::open(context).await?;
    let result = tokio::select! {
        result = load(args, &database, context) => result,
        // The first signal lets the batches in flight be committed.
        () = context.signals.second() => Err(anyhow!("interrupted; the same command again does the rest")),
    };
    let done = database.close_after(result).await?;
    if args.retry_dead_letters || !args.files.is_empty() {
        print(&summary_text(&done.ingest, args.retry_dead_letters, done.gaps))?;
    }
    if let Some(summary) = &done.remake {
        print(&remake::summary_text(summary))?;
    }
    if let Some(documents) = &done.documents {
        print(&documents_text(documents))?;
    }
    Ok(if done.failed(args.strict) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn load(args: &Args, database: &Database, context: &Context) -> Result<Done> {
    if database.is_private() {
        migrate(&database.store).await?;
    } else {
        require_migrated(&database.store).await?;
    }
    let settings = &context.config.ingest;
    let options = IngestOptions {
        rejects: args.rejects.clone(),
        batch_lines: settings.batch_lines,
        batch_bytes: settings.batch_bytes,
        batch_wait: Duration::from_millis(settings.batch_wait_ms),
        writers: settings.writers_max,
        max_record_bytes: settings.line_bytes_max,
        store_patience: Duration::from_secs(settings.retry_max_seconds),
    };
    let inputs = inputs(&args.files)?;
    let cancel = context.cancelled();
    let mut done = Done::default();
    if args.retry_dead_letters || !inputs.is_empty() {
        done.ingest = read(args, database, &inputs, &options, cancel.clone()).await?;
        done.gaps = database.store.gap_totals().await?;
    }
    if args.remake {
        let patience = options.store_patience;
        done.remake = Some(remake::run(&database.store, args.after, patience, cancel.clone()).await?);
    }
    if let Some(days) = args.refetch_documents.filter(|_| !*cancel.borrow()) {
        refetch(database, days).await?;
    }
    if (args.fetch_documents || args.refetch_documents.is_some()) && !*cancel.borrow() {
        done.documents = Some(fetch(database, context, options.store_patience, cancel).await?);
    }
    Ok(done)
}

async fn read(
    args: &Args,
    database: &Database,
    inputs: &[Input],
    options: &IngestOptions,
    cancel: watch::Receiver<bool>,
) -> Result<IngestSummary> {
    let progress = Arc::new(Progress::default());
    let bar = bar();
    let (told, summary) = watch::channel(IngestSummary::default());
    let shown = tokio::spawn(show(bar.clone(), Arc::clone(&progress), summary));
    let mut on_event = |event: IngestEvent<'_>| tell(&bar, &told, &event);
    let done = if args.retry_dead_letters {
        retry_dead_letters(&database.store, options, &mut on_event, cancel).await
    } else {
        ingest(&database.store, inputs, options, &progress, &mut on_event, cancel).await
    };
    shown.abort();
    bar.finish_and_clear();
    match done {
        Ok(summary) => Ok(summary),
        Err(error @ IngestError::RejectsIsInput(_)) => Err(UsageError(error.to_string()).into()),
        Err(error) => bail!(error),
    }
}

/// Puts documents back into the queue that arrived so many days ago.
async fn refetch(database: &Database, days: u16) -> Result<()> {
    let now = OffsetDateTime::now_utc();
    let before = now - time::Duration::days(days.into());
    while database.store.refetch_documents(before, now, REFETCHED_AT_ONCE).await? > 0 {}
    Ok(())
}

/// Fetches what the queue of documents holds.
async fn fetch(
    database: &Database,
    context: &Context,
    store_patience: Duration,
    cancel: watch::Receiver<bool>,
) -> Result<FetchSummary> {
    let fetcher = Fetcher::new(
        database.store.clone(),
        &context.config.documents,
        Arc::new(OffsetDateTime::now_utc),
        StdRng::from_os_rng(),
        store_patience,
    )?;
    Ok(fetcher.run(FetchEnd::Drained, cancel).await?)
}

/// Moves the bar, or logs a line from time to time.
async fn show(bar: ProgressBar, progress: Arc<Progress>, summary: watch::Receiver<IngestSummary>) {
    let mut ticks = tokio::time::interval(if bar.is_hidden() { LINE_INTERVAL } else { BAR_INTERVAL });
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let (read_bytes, expected_bytes) = (progress.read_bytes(), progress.expected_bytes());
        let IngestSummary { committed, rejected, undecoded, .. } = summary.borrow().clone();
        if bar.is_hidden() {
            tracing::info!(
                committed,
                rejected,
                undecoded,
                read_bytes,
                "{} lines in, {} rejected, {} not decoded, {} read",
                HumanCount(committed),
                HumanCount(rejected),
                HumanCount(undecoded),
                HumanBytes(read_bytes),
            );
        } else {
            if let Some(bytes) = expected_bytes {
                bar.set_length(bytes);
            }
            bar.set_position(read_bytes);
            bar.set_message(format!("{} lines in, {} rejected", HumanCount(committed), HumanCount(rejected)));
        }
    }
}

/// Tells what happens as it happens: what is wrong on stderr, at its place.
fn tell(bar: &ProgressBar, told: &watch::Sender<IngestSummary>, event: &IngestEvent<'_>) {
    let line = match event {
        IngestEvent::Rejected { input, bad } => rejected_line(input, bad),
        IngestEvent::Failed { input, error } => format!("{input}: {error}"),
        IngestEvent::Written(summary) => {
            told.send_replace((*summary).clone());
            return;
        }
    };
    bar.suspend(|| crate::telemetry::say(&line));
}

fn summary_text(summary: &IngestSummary, retried: bool, gaps: GapTotals) -> String {
    let IngestSummary { read, rejected, undecoded, written, .. } = summary;
    let assets = &written.assets;
    let what = if retried { "dead letters tried again" } else { "lines" };
    let mut text = format!(
        "{read} {what} in {:.1} s ({:.0}/s): {} accounts changed, {} updates were known or older, {} changes of trees, {} \
         other events, {undecoded} not decoded, {rejected} rejected; assets: {} created, {} updated, {} unchanged, {} \
         older than what is stored, {} removed\n",
        summary.elapsed.as_secs_f64(),
        summary.rate(),
        written.accounts,
        written.stale,
        written.tree_changes,
        written.leaf_events,
        assets.created,
        assets.updated,
        assets.unchanged,
        assets.stale,
        assets.removed,
    );
    if *undecoded > 0 {
        text.push_str("what was not decoded is kept: vitrine ingest --retry-dead-letters tries it again\n");
    }
    if gaps.changes > 0 {
        let GapTotals { trees, changes, .. } = gaps;
        let _ =
            writeln!(text, "{changes} changes of {trees} trees were never seen: vitrine verify names them");
    }
    if summary.failed_files > 0 {
        let _ = writeln!(text, "files not read to their end: {}", summary.failed_files);
    }
    if summary.interrupted {
        text.push_str("interrupted: the same command again does the rest\n");
    }
    text
}

fn documents_text(summary: &FetchSummary) -> String {
    let FetchSummary { fetched, failed, given_up, unnamed, remade, interrupted } = summary;
    let mut text = format!(
        "documents: {fetched} fetched, {failed} tries failed, {given_up} given up, {unnamed} no longer named; {remade} \
         assets made anew\n"
    );
    if *interrupted {
        text.push_str("interrupted: vitrine ingest --fetch-documents does the rest\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_says_what_became_of_the_documents() {
        let summary =
            FetchSummary { fetched: 3, failed: 2, given_up: 1, remade: 7, ..FetchSummary::default() };
        let text = documents_text(&summary);
        assert!(text.starts_with("documents: 3 fetched, 2 tries failed, 1 given up"), "{text}");
        assert!(text.contains("7 assets") && !text.contains("interrupted"), "{text}");
        assert!(documents_text(&FetchSummary { interrupted: true, ..summary }).contains("interrupted"));
    }

    #[test]
    fn a_summary_says_what_became_of_the_lines() {
        let summary = IngestSummary {
            read: 5,
            committed: 4,
            rejected: 1,
            undecoded: 2,
            elapsed: Duration::from_secs(2),
            ..IngestSummary::default()
        };
        let text = summary_text(&summary, false, GapTotals::default());
        assert!(text.starts_with("5 lines in 2.0 s (2/s)") && text.contains("1 rejected"), "{text}");
        assert!(text.contains("--retry-dead-letters"), "{text}");
        assert!(!text.contains("never seen"), "{text}");
        let gaps = GapTotals { trees: 2, places: 3, changes: 9 };
        let text = summary_text(&IngestSummary { interrupted: true, ..summary }, true, gaps);
        assert!(text.contains("\n9 changes of 2 trees were never seen"), "{text}");
        assert!(text.starts_with("5 dead letters") && text.contains("interrupted"), "{text}");
    }
}
