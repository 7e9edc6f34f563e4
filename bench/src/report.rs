//! The report: Markdown, put between two marks of a file.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::goals::{self, Goal};
use crate::results::{Results, Row, Sample};
use crate::stats::Spread;

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

/// A report without its marks.
pub(crate) fn render(results: &Results, goals: &[Goal]) -> String {
    let mut text = String::new();
    let (met, measured) = goals::score(goals);
    let _ = writeln!(text, "### Goals: {met} of {measured} met\n");
    table(
        &mut text,
        &["figure", "goal", "measured", "", "other readings"],
        goals.iter().map(|goal| {
            let texts = [&*goal.figure, &goal.target, &goal.measured, goal.verdict(), &goal.others];
            texts.map(str::to_owned)
        }),
    );
    let _ = writeln!(text, "\n{}", goals::HOW_COSTS_ARE_READ);
    text.push_str("\n### The run\n\n");
    table(
        &mut text,
        &["", ""],
        results.facts.iter().map(|(name, value)| [(*name).to_owned(), value.clone()]),
    );
    for note in &results.notes {
        let _ = writeln!(text, "\n{note}");
    }
    text.push_str("\n### Figures\n\n");
    text.push_str("Medians, with least and greatest of all samples in brackets.\n\n");
    table(
        &mut text,
        &["figure", "measured", "unit"],
        results
            .figures
            .iter()
            .map(|figure| [figure.name.clone(), figure.spread().to_string(), figure.unit.to_owned()]),
    );
    text.push_str("\n### Pages\n\n");
    text.push_str(
        "Medians of the rounds, with least and greatest in brackets. CPU is in milliseconds a call. `x16` is a closed \
         loop over 16 connections. Nobody counts pgbench's bytes: they are those of the empty handler's answer less its \
         envelope.\n\n",
    );
    let columns =
        ["page", "lane", "calls/s", "p50 ms", "p99 ms", "CPU server", "CPU Postgres", "CPU client", "bytes"];
    table(&mut text, &columns, results.rows.iter().map(cells));
    text
}

fn cells(row: &Row) -> [String; 9] {
    let of = |property: fn(&Sample) -> Option<f64>| {
        row.spread(property).map_or_else(String::new, |spread| spread.to_string())
    };
    let whole = |property: fn(&Sample) -> Option<f64>| {
        row.spread(property)
            .filter(|spread| spread.median > 0.0)
            .map_or_else(String::new, |Spread { median, .. }| format!("{median:.0}"))
    };
    [
        row.name.clone(),
        row.lane.to_string(),
        of(|sample| Some(sample.rate)),
        of(|sample| sample.p50_ms),
        of(|sample| sample.p99_ms),
        of(|sample| Some(sample.server_ms)),
        of(|sample| Some(sample.postgres_ms)),
        of(|sample| Some(sample.client_ms)),
        whole(|sample| Some(sample.body_bytes)),
    ]
}

fn table<const N: usize>(text: &mut String, columns: &[&str; N], rows: impl Iterator<Item = [String; N]>) {
    let _ = writeln!(text, "| {} |", columns.join(" | "));
    let _ = writeln!(text, "|{}", "---|".repeat(N));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
}

/// Replaces what stands between the marks of a file; without marks it is appended, without a file one is made.
pub(crate) fn write(path: &Path, report: &str) -> Result<()> {
    let old = if path.exists() { fs::read_to_string(path)? } else { "# Performance\n".to_owned() };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = replace(&old, report).with_context(|| path.display().to_string())?;
    fs::write(path, new).with_context(|| path.display().to_string())
}

fn replace(old: &str, report: &str) -> Result<String> {
    let block = format!("{BEGIN}\n\n{}\n\n{END}", report.trim());
    let (begins, ends) = (old.matches(BEGIN).count(), old.matches(END).count());
    if (begins, ends) == (0, 0) {
        return Ok(format!("{}\n\n{block}\n", old.trim_end()));
    }
    ensure!((begins, ends) == (1, 1), "there must be one {BEGIN} and one {END}");
    let (before, rest) = old.split_once(BEGIN).context("its begin")?;
    let (_, after) = rest.split_once(END).context("the end stands before the begin")?;
    Ok(format!("{before}{block}{after}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::scenario::Lane;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let old = format!("# Title\n\nbefore\n\n{BEGIN}\nold\n{END}\n\nafter\n");
        let new = replace(&old, "new\n").unwrap();
        assert_eq!(new, format!("# Title\n\nbefore\n\n{BEGIN}\n\nnew\n\n{END}\n\nafter\n"));
        assert_eq!(replace(&new, "new").unwrap(), new);
        assert!(replace(&format!("{END} {BEGIN}"), "new").is_err());
        assert!(replace(&format!("{BEGIN} {BEGIN} {END}"), "new").is_err());
    }

    #[test]
    fn a_file_is_made_and_marks_are_appended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("docs/performance.md");
        write(&path, "first").unwrap();
        write(&path, "second").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("# Performance\n\n{BEGIN}\n\nsecond\n\n{END}\n"));
    }

    #[test]
    fn a_report_has_each_row() {
        let mut results = Results::default();
        let sample = Sample {
            rate: 10.0,
            mean_ms: 100.0,
            p50_ms: Some(99.0),
            p99_ms: None,
            body_bytes: 1_234.0,
            server_ms: 1.0,
            postgres_ms: 2.0,
            client_ms: 3.0,
        };
        results.add("a/page", Lane::Plain, sample);
        results.collect("a figure", "ms", [1.0, 3.0]);
        let text = render(&results, &goals::all(&results));
        assert!(
            text.contains("| a/page | caches off | 10.0 | 99.0 |  | 1.00 | 2.00 | 3.00 | 1234 |"),
            "{text}"
        );
        assert!(text.contains("| a figure | 2.00 (1.00 to 3.00) | ms |"), "{text}");
        assert!(text.starts_with("### Goals: 0 of 0 met"), "{text}");
    }
}
