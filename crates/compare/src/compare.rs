//! Where two answers differ. Pure.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Number, Value};

/// What every server knows of its own index alone, wherever it stands.
const OF_THE_INDEX: &str = "last_indexed_slot";

/// What is a string of the server's own choice, at this place: it is there or it is not.
const OPAQUE: &str = "/result/cursor";

/// A place where two answers differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The place, as a JSON pointer; an element of an array of objects with ids goes by its id.
    pub path: String,
    /// What we have there, if anything.
    pub ours: Option<Value>,
    /// What they have there, if anything.
    pub theirs: Option<Value>,
}

/// Every difference between two answers, objects with either `result` or `error`.
///
/// The order of an object's keys is none, `1` and `1.0` are the same number, `last_indexed_slot` is left out, and of a
/// cursor only its being there counts. Arrays whose elements have ids are compared id by id, after the ids themselves: an
/// element too many is one difference, not one for each element behind it.
pub fn differences(ours: &Value, theirs: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    match (ours.get("error"), theirs.get("error")) {
        // The whole result of the other says no more than that it is none.
        (Some(error), None) => push(&mut found, "/error", Some(error), None),
        (None, Some(error)) => push(&mut found, "/error", None, Some(error)),
        _ => compare(ours, theirs, "", &mut found),
    }
    found
}

fn push(found: &mut Vec<Difference>, path: &str, ours: Option<&Value>, theirs: Option<&Value>) {
    found.push(Difference { path: path.to_owned(), ours: ours.cloned(), theirs: theirs.cloned() });
}

fn compare(ours: &Value, theirs: &Value, at: &str, found: &mut Vec<Difference>) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => compare_objects(ours, theirs, at, found),
        (Value::Array(ours), Value::Array(theirs)) => compare_arrays(ours, theirs, at, found),
        (Value::String(_), Value::String(_)) if at == OPAQUE => {}
        (Value::Number(one), Value::Number(other)) if are_equal(one, other) => {}
        _ if ours == theirs => {}
        _ => push(found, at, Some(ours), Some(theirs)),
    }
}

/// A fraction may be written as a whole number. Two whole numbers are compared as such: above 2^53 neighbours are the same
/// fraction.
fn are_equal(one: &Number, other: &Number) -> bool {
    one == other || ((one.is_f64() || other.is_f64()) && one.as_f64() == other.as_f64())
}

fn compare_objects(
    ours: &Map<String, Value>,
    theirs: &Map<String, Value>,
    at: &str,
    found: &mut Vec<Difference>,
) {
    let only_theirs = theirs.keys().filter(|name| !ours.contains_key(*name));
    for name in ours.keys().chain(only_theirs).filter(|name| *name != OF_THE_INDEX) {
        let path = format!("{at}/{}", escaped(name));
        match (ours.get(name), theirs.get(name)) {
            (Some(ours), Some(theirs)) => compare(ours, theirs, &path, found),
            (ours, theirs) => push(found, &path, ours, theirs),
        }
    }
}

fn compare_arrays(ours: &[Value], theirs: &[Value], at: &str, found: &mut Vec<Difference>) {
    if let (Some(our_ids), Some(their_ids)) = (ids(ours), ids(theirs)) {
        if our_ids != their_ids {
            push(found, at, Some(&Value::from(our_ids.clone())), Some(&Value::from(their_ids.clone())));
        }
        let by_id: HashMap<&str, &Value> = their_ids.into_iter().zip(theirs).collect();
        for (id, ours) in our_ids.into_iter().zip(ours) {
            if let Some(theirs) = by_id.get(id) {
                compare(ours, theirs, &format!("{at}/{}", escaped(id)), found);
            }
        }
        return;
    }
    for place in 0..ours.len().max(theirs.len()) {
        let path = format!("{at}/{place}");
        match (ours.get(place), theirs.get(place)) {
            (Some(ours), Some(theirs)) => compare(ours, theirs, &path, found),
            (ours, theirs) => push(found, &path, ours, theirs),
        }
    }
}

/// What elements go by: assets, token accounts and creators, editions.
const IDS: [&str; 3] = ["id", "address", "edition_address"];

/// The ids of elements that all have one, each another.
fn ids(elements: &[Value]) -> Option<Vec<&str>> {
    let ids: Vec<&str> = elements
        .iter()
        .map(|element| IDS.iter().find_map(|name| element.get(*name)?.as_str()))
        .collect::<Option<_>>()?;
    let unique: HashSet<&&str> = ids.iter().collect();
    (unique.len() == ids.len()).then_some(ids)
}

/// A step of a JSON pointer (RFC 6901).
fn escaped(step: &str) -> String {
    step.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(ours: &Value, theirs: &Value) -> Vec<String> {
        differences(ours, theirs).into_iter().map(|difference| difference.path).collect()
    }

    #[test]
    fn what_means_the_same_is_no_difference() {
        let ours = json!({ "result": { "a": 1, "b": [0.5, null], "cursor": "x", "last_indexed_slot": 7 } });
        let theirs =
            json!({ "result": { "b": [0.5, null], "cursor": "y", "a": 1.0, "last_indexed_slot": 8 } });
        assert_eq!(differences(&ours, &theirs), []);
        let none = json!({ "result": { "a": 1, "b": [0.5, null] } });
        assert_eq!(paths(&ours, &none), ["/result/cursor"]);
        let elsewhere = json!({ "result": { "content": { "cursor": "x" } } });
        assert_eq!(paths(&elsewhere, &json!({ "result": { "content": { "cursor": "y" } } })).len(), 1);
    }

    #[test]
    fn large_whole_numbers_are_not_rounded() {
        let amount = |amount: u64| json!({ "result": { "amount": amount } });
        let next = (1_u64 << 53) + 1;
        assert_eq!(differences(&amount(next), &amount(next - 1)).len(), 1);
        assert!(differences(&amount(next), &amount(next)).is_empty());
        assert!(differences(&json!({ "result": 2 }), &json!({ "result": 2.0 })).is_empty());
    }

    #[test]
    fn each_difference_has_its_place_and_both_values() {
        let ours = json!({ "result": { "a/b": { "c~d": [1, 2, 3] }, "gone": null } });
        let theirs = json!({ "result": { "a/b": { "c~d": [1, "2"] } } });
        let expected = [
            ("/result/a~1b/c~0d/1", Some(json!(2)), Some(json!("2"))),
            ("/result/a~1b/c~0d/2", Some(json!(3)), None),
            ("/result/gone", Some(Value::Null), None),
        ];
        let expected =
            expected.map(|(path, ours, theirs)| Difference { path: path.to_owned(), ours, theirs });
        assert_eq!(differences(&ours, &theirs), expected);
    }

    #[test]
    fn elements_with_ids_are_compared_by_id() {
        let list = |elements: &[(&str, u8)]| {
            let items: Vec<Value> =
                elements.iter().map(|(id, value)| json!({ "id": id, "value": value })).collect();
            json!({ "result": { "items": items } })
        };
        let ours = list(&[("a", 1), ("b", 2), ("c", 3)]);
        assert_eq!(paths(&ours, &list(&[("b", 2), ("c", 4)])), ["/result/items", "/result/items/c/value"]);
        assert_eq!(paths(&ours, &list(&[("b", 2), ("a", 1), ("c", 3)])), ["/result/items"]);
        let accounts =
            |amount: u8| json!({ "result": { "token_accounts": [{ "address": "t", "amount": amount }] } });
        assert_eq!(paths(&accounts(1), &accounts(2)), ["/result/token_accounts/t/amount"]);
        // Twice the same id is an array like any other.
        assert_eq!(
            paths(&list(&[("a", 1), ("a", 1)]), &list(&[("a", 1), ("a", 2)])),
            ["/result/items/1/value"]
        );
    }

    #[test]
    fn an_error_against_a_result_is_one_difference() {
        let error = json!({ "error": { "code": -32004, "message": "no" } });
        let result = json!({ "result": { "id": "a", "burnt": false } });
        assert_eq!(paths(&error, &result), ["/error"]);
        assert_eq!(paths(&result, &error), ["/error"]);
        let other = json!({ "error": { "code": -32000, "message": "no" } });
        assert_eq!(paths(&error, &other), ["/error/code"]);
    }
}
