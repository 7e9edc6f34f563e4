//! Changes of two servers: each has an order of its own, so that no page of one is a page of the other.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::endpoint::{AskError, Endpoint};
use crate::page::Walk;
use crate::question::Question;

/// How often both are followed where one of them lacks an asset: what changed, or was let go by a transaction, between
/// the reading of one and of the other is told by both the next time.
const TRIES_MAX: u32 = 3;

/// What was read of a server's changes.
#[derive(Default)]
struct Followed {
    /// By id.
    items: BTreeMap<String, Value>,
    /// Whether there was nothing behind them: then it has told every asset that it tells at all.
    caught_up: bool,
    /// An answer that is no page, which ended it.
    error: Option<Value>,
}

/// Follows both, and answers with what each told of the assets that both did, and of those that the other one lacks although
/// it told all that it has. Of another one that has more behind the pages that were read, what it lacks says nothing.
pub(crate) async fn follow_both(
    ours: &Endpoint,
    theirs: &Endpoint,
    question: &Question,
) -> (Result<Value, AskError>, Result<Value, AskError>) {
    let mut tries = 0;
    loop {
        tries += 1;
        match tokio::join!(follow(ours, question), follow(theirs, question)) {
            (Ok(ours), Ok(theirs)) if tries < TRIES_MAX && (ours.lacks(&theirs) || theirs.lacks(&ours)) => {}
            (Ok(ours), Ok(theirs)) => return (Ok(told(&ours, &theirs)), Ok(told(&theirs, &ours))),
            (ours, theirs) => {
                let alone = |followed: Followed| told(&followed, &followed);
                return (ours.map(alone), theirs.map(alone));
            }
        }
    }
}

impl Followed {
    /// Whether it has told all, and not this.
    fn lacks_asset(&self, id: &str) -> bool {
        self.caught_up && !self.items.contains_key(id)
    }

    /// Whether it lacks an asset of the other one.
    fn lacks(&self, other: &Self) -> bool {
        other.items.keys().any(|id| self.lacks_asset(id))
    }
}

async fn follow(endpoint: &Endpoint, question: &Question) -> Result<Followed, AskError> {
    let mut followed = Followed::default();
    let mut params = question.params.clone();
    for _ in 0..question.pages {
        let mut answer = endpoint.ask(question.method, &params).await?;
        let Some(items) = answer.pointer_mut("/result/items").and_then(Value::as_array_mut) else {
            followed.error = Some(answer);
            break;
        };
        for mut item in items.drain(..) {
            let id = item.pointer("/asset/id").and_then(Value::as_str).unwrap_or_default().to_owned();
            if let Some(item) = item.as_object_mut() {
                item.insert("id".to_owned(), id.clone().into());
            }
            // Changed again while it was followed: the later one is what it is now.
            followed.items.insert(id, item);
        }
        followed.caught_up = answer.pointer("/result/caught_up") == Some(&Value::Bool(true));
        match Walk::Changes.next(&params, &answer) {
            Some(next) if !followed.caught_up => params = next,
            _ => break,
        }
    }
    Ok(followed)
}

/// As an answer: the error, or what the other one told too, or lacks.
fn told(of: &Followed, other: &Followed) -> Value {
    if let Some(error) = &of.error {
        return error.clone();
    }
    let comparable = |id: &str| other.items.contains_key(id) || other.lacks_asset(id);
    let items: Vec<&Value> = of.items.iter().filter(|(id, _)| comparable(id)).map(|(_, item)| item).collect();
    json!({ "result": { "items": items } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::differences;

    fn followed(ids: &[&str], caught_up: bool) -> Followed {
        let items = ids.iter().map(|id| ((*id).to_owned(), json!({ "id": id }))).collect();
        Followed { items, caught_up, error: None }
    }

    fn differ(ours: &Followed, theirs: &Followed) -> usize {
        differences(&told(ours, theirs), &told(theirs, ours)).len()
    }

    #[test]
    fn an_asset_is_lacked_by_a_server_that_told_all() {
        let (two, three) = (["a", "b"], ["a", "b", "c"]);
        assert_eq!(differ(&followed(&two, true), &followed(&three, true)), 1);
        assert_eq!(differ(&followed(&three, true), &followed(&two, true)), 1);
        assert_eq!(differ(&followed(&two, true), &followed(&three, false)), 1, "whatever else they have");
        assert_eq!(differ(&followed(&two, false), &followed(&three, true)), 0, "it may be behind");
        assert_eq!(differ(&followed(&two, false), &followed(&["c"], false)), 0);
        assert_eq!(differ(&followed(&three, true), &followed(&three, true)), 0);
    }

    #[test]
    fn an_error_is_an_answer() {
        let failed = Followed { error: Some(json!({ "error": { "code": 1 } })), ..Followed::default() };
        assert_eq!(differ(&failed, &followed(&["a"], true)), 1);
        assert!(!failed.lacks(&followed(&["a"], true)), "nothing is known of what it has");
    }
}
