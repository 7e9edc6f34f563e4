//! `vitrine verify`: the database against itself.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use indicatif::{HumanCount, ProgressBar};
use serde_json::json;
use vitrine_ingest::verify::{Event, Finding, Report, verify};

use super::super::{Context, print};
use super::Args;
use crate::database::{Database, require_migrated, with_database};

/// How often a line tells of the progress where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Reads all of the database. What is wrong with it makes the command fail; what was never seen does not.
pub(super) async fn run(args: &Args, context: &Context) -> Result<ExitCode> {
    let report = with_database(context, async |database| check(args, database).await).await?;
    print(&if args.json { summary_json(&report) } else { summary_text(&report) })?;
    Ok(if report.faults() > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn check(args: &Args, database: &Database) -> Result<Report> {
    require_migrated(&database.store).await?;
    let bar = if io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    let mut told = Instant::now();
    // The first failure to print, which ends the printing and not the check.
    let mut printed = Ok(());
    let mut on_event = |event: Event<'_>| match event {
        Event::Found(finding) if printed.is_ok() => {
            let line = if args.json { finding_json(finding) } else { finding_text(finding) };
            printed = bar.suspend(|| print(&line));
        }
        Event::Found(_) => {}
        Event::Progress(report) if bar.is_hidden() => {
            if told.elapsed() >= LINE_INTERVAL {
                told = Instant::now();
                tracing::info!(assets = report.assets, nodes = report.nodes, "{}", progress_text(report));
            }
        }
        Event::Progress(report) => {
            bar.set_message(progress_text(report));
            bar.tick();
        }
    };
    let report = verify(&database.store, &mut on_event).await;
    bar.finish_and_clear();
    if let Err(error) = printed {
        bail!(error);
    }
    Ok(report?)
}

fn progress_text(report: &Report) -> String {
    let Report { assets, chain_assets, trees, nodes, .. } = report;
    format!(
        "{} assets, {} of the chain made again, {} nodes of {} trees: {} faults",
        HumanCount(*assets),
        HumanCount(*chain_assets),
        HumanCount(*nodes),
        HumanCount(*trees),
        report.faults()
    )
}

fn finding_text(Finding { check, place }: &Finding) -> String {
    // A place may quote what is stored: it must not steer the terminal.
    let place: String = place.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    let kind = if check.is_warning() { "warning" } else { "fault" };
    format!("{kind}: {check}: {place}\n")
}

fn finding_json(Finding { check, place }: &Finding) -> String {
    let line = json!({"check": check.name(), "warning": check.is_warning(), "text": check.to_string(), "place": place});
    format!("{line}\n")
}

fn summary_text(report: &Report) -> String {
    let mut text = format!("{}\n", progress_text(report));
    for (check, count) in &report.found {
        let _ = writeln!(text, "{count} times: {check}");
    }
    let (changes, trees) = report.missing;
    if changes > 0 {
        let _ = writeln!(text, "{changes} changes of {trees} trees were not seen");
    }
    if report.faults() == 0 {
        text.push_str("nothing is wrong\n");
    }
    text
}

fn summary_json(report: &Report) -> String {
    let Report { assets, chain_assets, trees, nodes, missing: (changes, of_trees), found } = report;
    let found: serde_json::Map<_, _> =
        found.iter().map(|(check, count)| (check.name().to_owned(), json!(count))).collect();
    let line = json!({
        "assets": assets, "chain_assets": chain_assets, "trees": trees, "nodes": nodes, "found": found, "faults": report.faults(),
        "missing": { "changes": changes, "trees": of_trees },
    });
    format!("{line}\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use vitrine_ingest::verify::Check;

    use super::*;

    #[test]
    fn findings_are_lines() {
        let finding = Finding { check: Check::Body, place: "asset \u{1b}[2J".to_owned() };
        assert_eq!(finding_text(&finding), "fault: a stored body is no asset: asset \u{fffd}[2J\n");
        let gap = Finding { check: Check::Gap, place: "tree T: change 4".to_owned() };
        assert_eq!(finding_text(&gap), "warning: changes of a tree were not seen: tree T: change 4\n");
        let json: serde_json::Value = serde_json::from_str(&finding_json(&gap)).expect("JSON");
        assert_eq!((&json["check"], &json["warning"]), (&json!("gap"), &json!(true)));
    }

    #[test]
    fn a_summary_counts_and_says_when_nothing_is_wrong() {
        let mut report = Report {
            assets: 3,
            chain_assets: 2,
            trees: 1,
            nodes: 7,
            missing: (12, 1),
            found: BTreeMap::from([(Check::Gap, 2)]),
        };
        let text = summary_text(&report);
        assert!(
            text.contains("2 times: changes of a tree")
                && text.contains("\n12 changes of 1 trees were not seen\n")
                && text.ends_with("nothing is wrong\n"),
            "{text}"
        );
        report.found.insert(Check::Bytes, 1);
        assert!(!summary_text(&report).contains("nothing is wrong"));
        let json: serde_json::Value = serde_json::from_str(&summary_json(&report)).expect("JSON");
        assert_eq!((&json["faults"], &json["found"]["gap"]), (&json!(1), &json!(2)));
    }
}
