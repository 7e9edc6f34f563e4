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
    Difference, Endpoint, Finding, METHODS, Options, Summary, Tolerances, compare_servers,
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

/// The question on a line, then a line for each difference.
fn finding_text(finding: &Finding) -> String {
    let Finding { question, page, differences, failed } = finding;
    let page = if *page > 1 { format!(", page {page} by cursor") } else { String::new() };
    let mut text = format!("{} {}{page}\n", question.method, compact(&question.params));
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

fn compact(params: &Map<String, Value>) -> String {
    Value::Object(params.clone()).to_string()
}

fn value(value: Option<&Value>) -> String {
    let Some(value) = value else { return "nothing".to_owned() };
    let text = value.to_string();
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn summary_text(summary: &Summary, tolerances: &Tolerances) -> String {
    let Summary { asked, same, tolerated, differ, failed, rule_uses } = summary;
    let mut text = String::new();
    if differ + failed > FINDINGS_SHOWN_MAX {
        let _ = writeln!(text, "{} more are not shown", differ + failed - FINDINGS_SHOWN_MAX);
    }
    for (rule, uses) in tolerances.texts().zip(rule_uses) {
        let _ = writeln!(text, "let pass {uses} times: {rule}");
    }
    let _ = writeln!(
        text,
        "{asked} questions: {same} answered alike, {tolerated} but for what is tolerated, {differ} differently, \
         {failed} not at all"
    );
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vitrine_compare::Question;

    use super::*;

    #[test]
    fn a_finding_tells_question_place_and_both_values() {
        let long = "x".repeat(300);
        let finding = Finding {
            question: Question {
                method: "getAsset",
                params: Map::from_iter([("id".to_owned(), json!("a"))]),
                pages: 1,
            },
            page: 2,
            differences: vec![Difference {
                path: "/result/burnt".to_owned(),
                ours: None,
                theirs: Some(json!(long)),
            }],
            failed: None,
        };
        let text = finding_text(&finding);
        let expected =
            "getAsset {\"id\":\"a\"}, page 2 by cursor\n  /result/burnt\n    ours   nothing\n    theirs \"xx";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with("x…\n") && text.len() < 400, "{text}");
    }

    #[test]
    fn a_summary_counts_and_names_the_rules() {
        let rules = Tolerances::parse("* /result/x\n").unwrap_or_default();
        let summary = Summary { asked: 60, same: 4, tolerated: 1, differ: 54, failed: 1, rule_uses: vec![0] };
        assert_eq!(
            summary_text(&summary, &rules),
            "5 more are not shown\nlet pass 0 times: * /result/x\n60 questions: 4 answered alike, 1 but for what is \
             tolerated, 54 differently, 1 not at all\n"
        );
    }
}
