//! Asks both servers, and compares.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::{Map, Value, json};

use crate::compare::{Difference, differences};
use crate::endpoint::{AskError, Endpoint, UNKNOWN_METHOD};
use crate::feed;
use crate::known::Known;
use crate::page::Walk;
use crate::question::{Question, Questions};
use crate::tolerate::Tolerances;

/// Ids of one question when it is found out what is known of them.
const IDS_AT_A_TIME: usize = 100;

/// Assets without an owner that are asked for who holds some.
const MINTS_MAX: usize = 50;

/// Holders of one of them that are enough.
const HOLDERS_MAX: u32 = 5;

/// How often two servers are asked, and what.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which questions.
    pub seed: u64,
    /// How many.
    pub questions: usize,
    /// Of [`METHODS`](crate::METHODS).
    pub methods: Vec<&'static str>,
    /// Questions that are asked at a time, from 1.
    pub concurrency: usize,
    /// Differences that are let pass.
    pub tolerances: Tolerances,
}

/// A question that the servers answer differently, or that one of them does not answer.
#[derive(Debug)]
pub struct Finding {
    /// The method.
    pub method: &'static str,
    /// The page where it was found, from 1.
    pub page: u32,
    /// What our server was asked for there, as named parameters.
    pub ours: Map<String, Value>,
    /// What theirs was asked for: the same but for cursors.
    pub theirs: Map<String, Value>,
    /// What differs and is not let pass.
    pub differences: Vec<Difference>,
    /// Why there is nothing to compare: which server gave no answer, and why.
    pub failed: Option<String>,
}

/// What came of the questions with one method, or with all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Questions asked.
    pub asked: usize,
    /// Questions that both answered with a result, and not with an error.
    pub answered: usize,
    /// Questions with the same answers, the same errors included.
    pub same: usize,
    /// Questions whose answers differ only where that is let pass.
    pub tolerated: usize,
    /// Questions whose answers differ.
    pub differ: usize,
    /// Questions that a server did not answer.
    pub failed: usize,
    /// Questions with a method or a parameter that theirs does not know, and ours does. They are none of the four before.
    pub unknown: usize,
}

/// What came of all questions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// By method.
    pub methods: BTreeMap<&'static str, Counts>,
    /// What theirs does not know, and how many questions were about it.
    pub unknown: BTreeMap<Unknown, usize>,
    /// How many differences each rule of the tolerances let pass, in their order.
    pub rule_uses: Vec<usize>,
}

/// What a server says that it does not know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unknown {
    /// The method.
    pub method: &'static str,
    /// The parameter or option of it; none where it is the method itself.
    pub field: Option<String>,
}

/// Why two servers cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// Ours does not say what it has.
    #[error("our server: {0}")]
    Ours(AskError),
    /// Ours answers with an error when it is asked for assets by their ids.
    #[error("our server answers getAssets with an error: {0}")]
    NoAssets(String),
    /// It has none of these assets.
    #[error("our server has none of the {0} assets that it was asked for")]
    NothingKnown(usize),
}

/// What came of one question.
struct Outcome {
    method: &'static str,
    /// Whether both gave a result.
    answered: bool,
    end: End,
    /// The rule of each difference that was let pass.
    rules: Vec<usize>,
}

enum End {
    /// Nothing differs but what is let pass.
    Alike,
    Found(Finding),
    /// Theirs does not know what was asked for.
    Unknown(Unknown),
}

impl Counts {
    fn add(&mut self, outcome: &Outcome) {
        self.asked += 1;
        self.answered += usize::from(outcome.answered);
        let count = match &outcome.end {
            End::Alike if outcome.rules.is_empty() => &mut self.same,
            End::Alike => &mut self.tolerated,
            End::Found(Finding { failed: Some(_), .. }) => &mut self.failed,
            End::Found(_) => &mut self.differ,
            End::Unknown(_) => &mut self.unknown,
        };
        *count += 1;
    }
}

impl Summary {
    /// Whether both servers answered everything alike that theirs knows at all.
    pub fn is_same(&self) -> bool {
        let total = self.total();
        total.differ == 0 && total.failed == 0
    }

    /// The counts of all methods together.
    pub fn total(&self) -> Counts {
        self.methods.values().fold(Counts::default(), |sum, counts| Counts {
            asked: sum.asked + counts.asked,
            answered: sum.answered + counts.answered,
            same: sum.same + counts.same,
            tolerated: sum.tolerated + counts.tolerated,
            differ: sum.differ + counts.differ,
            failed: sum.failed + counts.failed,
            unknown: sum.unknown + counts.unknown,
        })
    }
}

/// Asks both servers about assets that ours has, and reports each question that they answer differently, in the order of
/// the questions.
pub async fn compare_servers(
    ours: &Endpoint,
    theirs: &Endpoint,
    ids: &[String],
    options: &Options,
    mut report: impl FnMut(&Finding),
) -> Result<Summary, CompareError> {
    let known = known(ours, ids).await?;
    let questions = Questions::new(&known, options.methods.clone(), options.seed).take(options.questions);
    let outcomes = stream::iter(questions)
        .map(|question| ask_both(ours, theirs, question, &options.tolerances))
        .buffered(options.concurrency.max(1));
    tokio::pin!(outcomes);
    let mut summary =
        Summary { rule_uses: vec![0; options.tolerances.texts().count()], ..Summary::default() };
    while let Some(outcome) = outcomes.next().await {
        summary.methods.entry(outcome.method).or_default().add(&outcome);
        for rule in outcome.rules {
            summary.rule_uses[rule] += 1;
        }
        match outcome.end {
            End::Found(finding) => report(&finding),
            End::Unknown(unknown) => *summary.unknown.entry(unknown).or_default() += 1,
            End::Alike => {}
        }
    }
    Ok(summary)
}

/// What our server says of assets, collections that are not verified included, and of who holds some of those that have
/// no owner.
async fn known(ours: &Endpoint, ids: &[String]) -> Result<Known, CompareError> {
    let mut assets = Vec::with_capacity(ids.len());
    let options = json!({ "showUnverifiedCollections": true, "showFungible": true });
    for ids in ids.chunks(IDS_AT_A_TIME) {
        let params =
            Map::from_iter([("ids".to_owned(), json!(ids)), ("options".to_owned(), options.clone())]);
        let mut answer = ours.ask("getAssets", &params).await.map_err(CompareError::Ours)?;
        match answer["result"].take() {
            Value::Array(found) => assets.extend(found),
            _ => return Err(CompareError::NoAssets(answer["error"].to_string())),
        }
    }
    let mut known = Known::of(&assets);
    for mint in known.without_owner(MINTS_MAX) {
        let params = Map::from_iter([
            ("mintAddress".to_owned(), json!(mint)),
            ("limit".to_owned(), json!(HOLDERS_MAX)),
        ]);
        let answer = ours.ask("getTokenAccounts", &params).await.map_err(CompareError::Ours)?;
        if let Some(accounts) = answer.pointer("/result/token_accounts").and_then(Value::as_array) {
            known.add_holders(accounts);
        }
    }
    if known.is_empty() { Err(CompareError::NothingKnown(ids.len())) } else { Ok(known) }
}

/// Asks both for each page, until they differ or one of them has none to go on with.
async fn ask_both(
    ours: &Endpoint,
    theirs: &Endpoint,
    question: Question,
    tolerances: &Tolerances,
) -> Outcome {
    let method = question.method;
    let (mut our_params, mut their_params) = (question.params.clone(), question.params.clone());
    let mut outcome = Outcome { method, answered: false, end: End::Alike, rules: Vec::new() };
    for page in 1..=question.pages {
        let found = |differences, failed| {
            let (ours, theirs) = (our_params.clone(), their_params.clone());
            End::Found(Finding { method, page, ours, theirs, differences, failed })
        };
        let answers = if question.walk == Walk::Changes {
            feed::follow_both(ours, theirs, &question).await
        } else {
            let ours = ours.ask(method, &our_params);
            tokio::join!(ours, theirs.ask(method, &their_params))
        };
        let (our_answer, their_answer) = match answers {
            (Ok(ours), Ok(theirs)) => (ours, theirs),
            (ours, theirs) => {
                outcome.end = found(Vec::new(), Some(reasons(ours.err(), theirs.err())));
                return outcome;
            }
        };
        if let (None, Some(unknown)) = (unknown(method, &our_answer), unknown(method, &their_answer)) {
            outcome.end = End::Unknown(unknown);
            return outcome;
        }
        outcome.answered |= [&our_answer, &their_answer].iter().all(|answer| answer.get("result").is_some());
        let mut left = Vec::new();
        for difference in differences(&our_answer, &their_answer) {
            match tolerances.rule_of(method, &difference.path) {
                Some(rule) => outcome.rules.push(rule),
                None => left.push(difference),
            }
        }
        if !left.is_empty() {
            outcome.end = found(left, None);
            return outcome;
        }
        if question.walk == Walk::Changes {
            break;
        }
        let next = |params, answer| question.walk.next(params, answer);
        let nexts = (next(&our_params, &our_answer), next(&their_params, &their_answer));
        let (Some(ours), Some(theirs)) = nexts else { break };
        // Bounds differ where a difference was let pass: the pages behind them are two questions.
        if matches!(question.walk, Walk::Bound(_)) && ours != theirs {
            break;
        }
        (our_params, their_params) = (ours, theirs);
    }
    outcome
}

fn reasons(ours: Option<AskError>, theirs: Option<AskError>) -> String {
    let of = |name, error: Option<AskError>| error.map(|error| format!("{name} server: {error}"));
    let reasons: Vec<String> = [of("our", ours), of("their", theirs)].into_iter().flatten().collect();
    reasons.join("; ")
}

/// What an answer says that its server does not know: strict ones refuse a parameter with the sentence of serde.
fn unknown(method: &'static str, answer: &Value) -> Option<Unknown> {
    if answer.pointer("/error/code")?.as_i64() == Some(UNKNOWN_METHOD) {
        return Some(Unknown { method, field: None });
    }
    let sentences = ["/error/message", "/error/data/reason"].into_iter();
    let mut sentences = sentences.filter_map(|pointer| answer.pointer(pointer)?.as_str());
    let field = sentences.find_map(|text| text.split_once("unknown field `")?.1.split_once('`'));
    field.map(|(name, _)| Unknown { method, field: Some(name.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_says_what_it_does_not_know() {
        let unknown = |error: Value| unknown("getAsset", &json!({ "error": error }));
        let field = |name: &str| Some(Unknown { method: "getAsset", field: Some(name.to_owned()) });
        let method = Some(Unknown { method: "getAsset", field: None });
        assert_eq!(unknown(json!({ "code": -32601, "message": "Method not found" })), method);
        let strict = "unknown field `tree`, expected one of `negate`, `conditionType` at line 1 column 9";
        assert_eq!(unknown(json!({ "code": -32602, "message": strict })), field("tree"));
        let data = json!({ "field": "options.x", "reason": "unknown field `x`" });
        assert_eq!(
            unknown(json!({ "code": -32602, "message": "Invalid request parameters.", "data": data })),
            field("x")
        );
        assert_eq!(
            unknown(json!({ "code": -32602, "message": "Pubkey Validation Err: x is invalid" })),
            None
        );
        assert_eq!(super::unknown("getAsset", &json!({ "result": { "error": { "code": -32601 } } })), None);
    }
}
