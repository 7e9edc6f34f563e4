//! Asks both servers, and compares.

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::{Map, Value, json};

use crate::compare::{Difference, differences};
use crate::endpoint::{AskError, Endpoint};
use crate::known::Known;
use crate::question::{Question, Questions};
use crate::tolerate::Tolerances;

/// Ids of one question when it is found out what is known of them.
const IDS_AT_A_TIME: usize = 100;

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
    /// What was asked.
    pub question: Question,
    /// The page where it was found, from 1.
    pub page: u32,
    /// What differs and is not let pass.
    pub differences: Vec<Difference>,
    /// Why there is nothing to compare: which server gave no answer, and why.
    pub failed: Option<String>,
}

/// What came of all questions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Questions asked.
    pub asked: usize,
    /// Questions with the same answers.
    pub same: usize,
    /// Questions whose answers differ only where that is let pass.
    pub tolerated: usize,
    /// Questions whose answers differ.
    pub differ: usize,
    /// Questions that a server did not answer.
    pub failed: usize,
    /// How many differences each rule of the tolerances let pass, in their order.
    pub rule_uses: Vec<usize>,
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
    finding: Option<Finding>,
    /// The rule of each difference that was let pass.
    rules: Vec<usize>,
}

impl Summary {
    /// Whether both servers answered everything alike.
    pub fn is_same(&self) -> bool {
        self.differ == 0 && self.failed == 0
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
    while let Some(Outcome { finding, rules }) = outcomes.next().await {
        summary.asked += 1;
        match &finding {
            Some(Finding { failed: Some(_), .. }) => summary.failed += 1,
            Some(_) => summary.differ += 1,
            None if rules.is_empty() => summary.same += 1,
            None => summary.tolerated += 1,
        }
        for rule in rules {
            summary.rule_uses[rule] += 1;
        }
        if let Some(finding) = finding {
            report(&finding);
        }
    }
    Ok(summary)
}

/// What our server says of assets, collections that are not verified included.
async fn known(ours: &Endpoint, ids: &[String]) -> Result<Known, CompareError> {
    let mut assets = Vec::with_capacity(ids.len());
    for ids in ids.chunks(IDS_AT_A_TIME) {
        let params = Map::from_iter([
            ("ids".to_owned(), json!(ids)),
            ("options".to_owned(), json!({ "showUnverifiedCollections": true })),
        ]);
        let mut answer = ours.ask("getAssets", &params).await.map_err(CompareError::Ours)?;
        match answer["result"].take() {
            Value::Array(found) => assets.extend(found),
            _ => return Err(CompareError::NoAssets(answer["error"].to_string())),
        }
    }
    let known = Known::of(&assets);
    if known.is_empty() { Err(CompareError::NothingKnown(ids.len())) } else { Ok(known) }
}

/// Asks both for each page, until they differ or one of them gives no cursor to go on with.
async fn ask_both(
    ours: &Endpoint,
    theirs: &Endpoint,
    question: Question,
    tolerances: &Tolerances,
) -> Outcome {
    let (mut our_params, mut their_params) = (question.params.clone(), question.params.clone());
    let mut rules = Vec::new();
    for page in 1..=question.pages {
        let answers =
            tokio::join!(ours.ask(question.method, &our_params), theirs.ask(question.method, &their_params));
        let (our_answer, their_answer) = match answers {
            (Ok(ours), Ok(theirs)) => (ours, theirs),
            (ours, theirs) => {
                let of = |name, answer: Result<Value, AskError>| {
                    answer.err().map(|error| format!("{name} server: {error}"))
                };
                let reasons: Vec<String> =
                    [of("our", ours), of("their", theirs)].into_iter().flatten().collect();
                let failed = Some(reasons.join("; "));
                return Outcome {
                    finding: Some(Finding { question, page, differences: Vec::new(), failed }),
                    rules,
                };
            }
        };
        let mut left = Vec::new();
        for difference in differences(&our_answer, &their_answer) {
            match tolerances.rule_of(question.method, &difference.path) {
                Some(rule) => rules.push(rule),
                None => left.push(difference),
            }
        }
        if !left.is_empty() {
            return Outcome {
                finding: Some(Finding { question, page, differences: left, failed: None }),
                rules,
            };
        }
        let cursor = |answer: &Value| answer.pointer("/result/cursor").cloned();
        let (Some(our_cursor), Some(their_cursor)) = (cursor(&our_answer), cursor(&their_answer)) else {
            break;
        };
        our_params.insert("cursor".to_owned(), our_cursor);
        their_params.insert("cursor".to_owned(), their_cursor);
    }
    Outcome { finding: None, rules }
}
