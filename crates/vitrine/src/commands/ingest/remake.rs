//! `vitrine ingest --remake`.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use tokio::sync::watch;
use vitrine_ingest::{RemakeSummary, remake};
use vitrine_model::Pubkey;
use vitrine_store::Store;

use super::LINE_INTERVAL;

/// The bar's end: ids are as good as random, so that their first 16 bits tell how far it is.
const PLACES: u64 = 1 << 16;

/// Makes the assets of the chain again, and shows how far it is.
pub(super) async fn run(
    store: &Store,
    after: Option<Pubkey>,
    store_patience: Duration,
    cancel: watch::Receiver<bool>,
) -> Result<RemakeSummary> {
    let bar = bar();
    let mut told = Instant::now();
    let mut on_page = |summary: &RemakeSummary| {
        bar.set_position(summary.place());
        bar.set_message(progress_text(summary));
        if bar.is_hidden() && told.elapsed() >= LINE_INTERVAL {
            told = Instant::now();
            tracing::info!(
                assets = summary.assets,
                last = summary.last.map(tracing::field::display),
                "{}",
                progress_text(summary)
            );
        }
    };
    let done = remake(store, after, store_patience, &mut on_page, cancel).await;
    bar.finish_and_clear();
    Ok(done?)
}

fn bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{wide_bar} {percent} % {msg} {eta}");
    ProgressBar::new(PLACES).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn progress_text(summary: &RemakeSummary) -> String {
    format!("{} assets made again, {} changed", HumanCount(summary.assets), HumanCount(summary.changed()))
}

/// What was done, for a person.
pub(super) fn summary_text(summary: &RemakeSummary) -> String {
    let RemakeSummary { assets, written, elapsed, interrupted, .. } = summary;
    let mut text = format!(
        "{assets} assets made again in {:.1} s: {} changed, {} unchanged, {} created, {} removed, {} older than what an \
         import has written since\n",
        elapsed.as_secs_f64(),
        written.updated,
        written.unchanged,
        written.created,
        written.removed,
        written.stale,
    );
    if *interrupted {
        text.push_str("interrupted");
        text.push_str(&summary.go_on());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use vitrine_store::Written;

    use super::*;

    #[test]
    fn a_summary_counts_and_says_how_to_go_on() {
        let last = Pubkey::from_bytes([9; 32]);
        let summary = RemakeSummary {
            assets: 7,
            written: Written { updated: 3, unchanged: 4, ..Written::default() },
            last: Some(last),
            ..RemakeSummary::default()
        };
        let text = summary_text(&summary);
        assert!(text.starts_with("7 assets made again in 0.0 s: 3 changed, 4 unchanged"), "{text}");
        assert!(!text.contains("--after"), "{text}");
        let text = summary_text(&RemakeSummary { interrupted: true, ..summary });
        assert!(text.ends_with(&format!("interrupted; --remake --after {last} does the rest\n")), "{text}");
    }
}
