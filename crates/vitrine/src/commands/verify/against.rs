//! `vitrine verify --against URL`: two servers, the same questions.

use std::fmt::Write as _;
use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Value};
use url::Url;
use vitrine_compare::{
    Counts, Difference, Endpoint, Finding, METHODS, Options, Summary, Tolerances, Unknown, compare_servers,
};
use vitrine_model::Pubkey;

use super::super::{Context, UsageError, print, up::reachable};
use super::Args;
use crate::database::{Database, require_migrated, with_database};

/// How many assets questions are about, at most.
const ASSETS_MAX: usize = 1_000;

/// Findings that are printed; the rest is counted.
const FINDINGS_SHOWN_MAX: usize = 50;

/// Differences that are printed of a finding.
const DIFFERENCES_SHOWN_MAX: usize = 10;

/// Characters that are printed of a value.
const VALUE_CHARS_MAX: usize = 200;

/// Compares, and prints what differs as it is found.
pub(super) async fn run(args: &Args, other: &Url, context: &Context) -> Result<ExitCode> {
    let tolerances = tolerances(args)?;
    let timeout = Duration::from_secs(args.timeout_seconds);
    let ours = match &args.url {
        Some(url) => url.clone(),
        None => Url::parse(&format!("http://{}/", reachable(context.config.server.listen)))?,
    };
    let ours = Endpoint::new(ours, args.key.as_deref(), timeout)?;
    let theirs = Endpoint::new(other.clone(), args.against_key.as_deref(), timeout)?;
    let seed = args.seed.unwrap_or_else(|| rand::rng().random());
    print(&format!("seed {seed}\n"))?;
    let ids = sample(seed, context).await?;
    let methods = METHODS
        .into_iter()
        .filter(|method| args.methods.is_empty() || args.methods.iter().any(|wanted| wanted == method));
    let options = Options {
        seed,
        questions: args.questions,
        methods: methods.collect(),
        concurrency: args.concurrency.into(),
        tolerances: tolerances.clone(),
    };
    let mut shown = 0;
    let report = |finding: &Finding| {
        shown += 1;
        if shown <= FINDINGS_SHOWN_MAX {
            // Whoever reads no further still wants the exit code.
            let _ = print(&finding_text(finding));
        }
    };
    let summary = tokio::select! {
        summary = compare_servers(&ours, &theirs, &ids, &options, report) => summary?,
        () = context.signals.first() => bail!("interrupted"),
    };
    print(&summary_text(&summary, &tolerances))?;
    Ok(if summary.is_same() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tolerances(args: &Args) -> Result<Tolerances> {
    let Some(path) = &args.tolerate else { return Ok(Tolerances::default()) };
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Tolerances::parse(&text).map_err(|error| UsageError(format!("{}: {error}", path.display())).into())
}

/// Ids of assets of the database, the same for the same seed and the same assets.
async fn sample(seed: u64, context: &Context) -> Result<Vec<String>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let places: Vec<Pubkey> = (0..ASSETS_MAX).map(|_| Pubkey::from_bytes(rng.random())).collect();
    let ids = with_database(context, async |database: &Database| {
        require_migrated(&database.store).await?;
        Ok(database.store.sample(&places).await?)
    })
    .await?;
    if ids.is_empty() {
        return Err(anyhow!("the database has no assets to ask about"));
    }
    Ok(ids.iter().map(ToString::to_string).collect())
}

/// What was asked, as something to ask again, then a line for each difference.
fn finding_text(finding: &Finding) -> String {
    let Finding { method, page, ours, theirs, differences, failed } = finding;
    let page = if *page > 1 { format!(", page {page}") } else { String::new() };
    let mut text = format!("{method}{page}\n  {}\n", request(method, ours));
    if theirs != ours {
        let _ = writeln!(text, "  theirs: {}", request(method, theirs));
    }
    if let Some(reason) = failed {
        let _ = writeln!(text, "  {reason}");
    }
    for Difference { path, ours, theirs } in differences.iter().take(DIFFERENCES_SHOWN_MAX) {
        let _ = writeln!(
            text,
            "  {path}\n    ours   {}\n    theirs {}",
            value(ours.as_ref()),
            value(theirs.as_ref())
        );
    }
    if differences.len() > DIFFERENCES_SHOWN_MAX {
        let _ = writeln!(text, "  and {} more", differences.len() - DIFFERENCES_SHOWN_MAX);
    }
    text
}

/// A line for a shell where `$URL` is a server, key and all: keys are not printed.
fn request(method: &str, params: &Map<String, Value>) -> String {
    let (method, params) = (Value::from(method), Value::from(params.clone()));
    let body = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":{method},\"params\":{params}}}");
    format!("curl -s \"$URL\" -H 'content-type: application/json' -d '{}'", body.replace('\'', r"'\''"))
}

fn value(value: Option<&Value>) -> String {
    let Some(value) = value else { return "nothing".to_owned() };
    let text = value.to_string();
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What came of each method, then of all.
fn summary_text(summary: &Summary, tolerances: &Tolerances) -> String {
    let total = summary.total();
    let (found, mut text) = (total.differ + total.failed, String::new());
    if found > FINDINGS_SHOWN_MAX {
        let _ = writeln!(text, "{} more are not shown", found - FINDINGS_SHOWN_MAX);
    }
    for (rule, uses) in tolerances.texts().zip(&summary.rule_uses) {
        let _ = writeln!(text, "let pass {uses} times: {rule}");
    }
    for (method, counts) in &summary.methods {
        let only_errors = counts.answered == 0 && counts.unknown == 0;
        let note = if only_errors { ": never answered with anything but errors" } else { "" };
        let _ = writeln!(text, "{method}: {}{note}", counts_text(counts));
    }
    for (Unknown { method, field }, questions) in &summary.unknown {
        // Their text: it must not steer the terminal.
        let what = field.as_ref().map_or_else(String::new, |field| format!(" {}", field.escape_debug()));
        let _ = writeln!(text, "their server does not know {method}{what}: {questions} questions");
    }
    let _ = writeln!(text, "all: {}", counts_text(&total));
    text
}

fn counts_text(counts: &Counts) -> String {
    let Counts { asked, answered, same, tolerated, differ, failed, unknown } = counts;
    let mut text = format!(
        "{asked} asked, {answered} answered, {same} alike, {tolerated} alike but for what is tolerated, {differ} differ"
    );
    for (count, what) in [(failed, "without an answer"), (unknown, "unknown to theirs")] {
        if *count > 0 {
            let _ = write!(text, ", {count} {what}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_finding_tells_request_place_and_both_values() {
        let long = "x".repeat(300);
        let params = |cursor: &str| Map::from_iter([("cursor".to_owned(), json!(cursor))]);
        let finding = Finding {
            method: "searchAssets",
            page: 2,
            ours: params("it's"),
            theirs: params("b"),
            differences: vec![Difference {
                path: "/result/burnt".to_owned(),
                ours: None,
                theirs: Some(json!(long)),
            }],
            failed: None,
        };
        let text = finding_text(&finding);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "searchAssets, page 2");
        assert!(
            lines[1].starts_with(
                "  curl -s \"$URL\" -H 'content-type: application/json' -d '{\"jsonrpc\":\"2.0\""
            ),
            "{text}"
        );
        assert!(lines[1].ends_with(r#""params":{"cursor":"it'\''s"}}'"#), "{text}");
        assert!(lines[2].starts_with("  theirs: curl") && lines[2].contains(r#"{"cursor":"b"}"#), "{text}");
        assert_eq!(lines[3..5], ["  /result/burnt", "    ours   nothing"]);
        assert!(lines[5].starts_with("    theirs \"xx") && lines[5].ends_with("x…"), "{text}");
        let once = finding_text(&Finding { theirs: finding.ours.clone(), page: 1, ..finding });
        assert_eq!(once.matches("curl").count(), 1, "{once}");
    }

    #[test]
    fn a_summary_counts_by_method_and_names_the_rules() {
        let rules = Tolerances::parse("* /result/x\n").unwrap_or_default();
        let of =
            |asked, answered, same, differ| Counts { asked, answered, same, differ, ..Counts::default() };
        let methods = BTreeMap::from([
            ("getAsset", Counts { tolerated: 1, failed: 1, ..of(60, 59, 4, 54) }),
            ("getAssetChanges", Counts { unknown: 2, ..of(2, 0, 0, 0) }),
            ("getNftEditions", of(3, 0, 3, 0)),
        ]);
        let of_method = Unknown { method: "getAssetChanges", field: None };
        let of_field = Unknown { method: "searchAssets", field: Some("tree\u{1b}".to_owned()) };
        let unknown = BTreeMap::from([(of_method, 2), (of_field, 1)]);
        assert_eq!(
            summary_text(&Summary { methods, unknown, rule_uses: vec![0] }, &rules),
            "5 more are not shown\n\
             let pass 0 times: * /result/x\n\
             getAsset: 60 asked, 59 answered, 4 alike, 1 alike but for what is tolerated, 54 differ, 1 without an answer\n\
             getAssetChanges: 2 asked, 0 answered, 0 alike, 0 alike but for what is tolerated, 0 differ, 2 unknown to theirs\n\
             getNftEditions: 3 asked, 0 answered, 3 alike, 0 alike but for what is tolerated, 0 differ: never answered with \
             anything but errors\n\
             their server does not know getAssetChanges: 2 questions\n\
             their server does not know searchAssets tree\\u{1b}: 1 questions\n\
             all: 65 asked, 59 answered, 7 alike, 1 alike but for what is tolerated, 54 differ, 1 without an answer, 2 unknown \
             to theirs\n"
        );
    }
}
