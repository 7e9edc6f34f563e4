//! Changes of two servers: each has an order of its own, so that no page of one is a page of the other.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::endpoint::{AskError, Endpoint};
use crate::page::Walk;
use crate::question::Question;

/// What was read of a server's changes.
struct Followed {
    /// By id.
    items: BTreeMap<String, Value>,
    /// An answer that is no page, which ended it.
    error: Option<Value>,
}

/// Follows both, and answers with what each told of the assets that both did. An asset that only one of them told says
/// nothing: the other may have it behind the pages that were read, or hold it back while a transaction runs.
pub(crate) async fn follow_both(
    ours: &Endpoint,
    theirs: &Endpoint,
    question: &Question,
) -> (Result<Value, AskError>, Result<Value, AskError>) {
    match tokio::join!(follow(ours, question), follow(theirs, question)) {
        (Ok(ours), Ok(theirs)) => (Ok(told(&ours, &theirs)), Ok(told(&theirs, &ours))),
        (ours, theirs) => {
            let alone = |followed: Followed| told(&followed, &followed);
            (ours.map(alone), theirs.map(alone))
        }
    }
}

async fn follow(endpoint: &Endpoint, question: &Question) -> Result<Followed, AskError> {
    let mut followed = Followed { items: BTreeMap::new(), error: None };
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
        let caught_up = answer.pointer("/result/caught_up") == Some(&Value::Bool(true));
        match Walk::Changes.next(&params, &answer) {
            Some(next) if !caught_up => params = next,
            _ => break,
        }
    }
    Ok(followed)
}

/// As an answer: the error, or what the other one told too.
fn told(of: &Followed, other: &Followed) -> Value {
    if let Some(error) = &of.error {
        return error.clone();
    }
    let both = of.items.iter().filter(|(id, _)| other.items.contains_key(*id));
    json!({ "result": { "items": both.map(|(_, item)| item.clone()).collect::<Vec<_>>() } })
}
