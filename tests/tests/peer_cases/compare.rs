//! Answers against expected ones: keys in any order, arrays exact, fractions within 1e-9, and true is not 1.

use serde_json::Value;

/// What a value may be.
type Allowed = fn(&Value) -> bool;

/// Keys that only our answer has: what they may be.
const EXTRA: [(&str, Allowed); 7] = [
    ("last_indexed_slot", |_| true),
    ("grand_total", |_| true),
    ("cursor", |_| true),
    ("cdn_uri", |_| true),
    ("nativeBalance", |_| true),
    ("native_balance", |_| true),
    ("errors", |value| *value == Value::Array(Vec::new())),
];

/// How the text of a difference begins that is a member too many.
const NOT_EXPECTED: &str = "not expected";

/// How an answer is compared.
pub(crate) struct Comparison {
    /// Arrays whose order says nothing.
    pub(crate) unordered: Vec<String>,
    /// Whether the answer may have more than is expected.
    pub(crate) subset: bool,
}

/// A place where an answer is another one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// As `$.items[0].id`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Difference {
    /// Whether our answer has a member that is not expected at all.
    pub(crate) fn is_extra(&self) -> bool {
        self.text.starts_with(NOT_EXPECTED)
    }
}

impl Comparison {
    /// All of them.
    pub(crate) fn differences(&self, expected: &Value, got: &Value) -> Vec<Difference> {
        let mut found = Vec::new();
        self.compare(expected, got, "$", &mut found);
        found
    }

    fn compare(&self, expected: &Value, got: &Value, path: &str, found: &mut Vec<Difference>) {
        match (expected, got) {
            (Value::Object(expected), Value::Object(got)) => {
                for (name, value) in expected {
                    let path = format!("{path}.{name}");
                    match got.get(name) {
                        Some(got) => self.compare(value, got, &path, found),
                        None => found.push(difference(&path, format!("missing, expected {value}"))),
                    }
                }
                for (name, value) in got.iter().filter(|(name, _)| !expected.contains_key(*name)) {
                    let may = EXTRA.iter().any(|(extra, is)| extra == name && is(value));
                    if !may && !self.subset {
                        found.push(difference(
                            &format!("{path}.{name}"),
                            format!("{NOT_EXPECTED}, got {value}"),
                        ));
                    }
                }
            }
            (Value::Array(expected), Value::Array(got)) if expected.len() == got.len() => {
                let got = if self.unordered.iter().any(|other| other == path) {
                    self.matched(expected, got)
                } else {
                    got.iter().collect()
                };
                for (at, (expected, got)) in expected.iter().zip(got).enumerate() {
                    self.compare(expected, got, &format!("{path}[{at}]"), found);
                }
            }
            (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
                let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
                let bound = 1e-9 * f64::max(1.0, f64::max(a.abs(), b.abs()));
                if (a - b).abs() > bound {
                    found.push(difference(path, format!("expected {a}, got {b}")));
                }
            }
            _ if expected == got => {}
            _ => found.push(difference(path, format!("expected {expected}, got {got}"))),
        }
    }

    /// What we got, each at the first place that expects it; the rest in order.
    fn matched<'g>(&self, expected: &[Value], got: &'g [Value]) -> Vec<&'g Value> {
        let mut rest: Vec<&Value> = got.iter().collect();
        let mut placed: Vec<Option<&Value>> = vec![None; expected.len()];
        for (place, expected) in placed.iter_mut().zip(expected) {
            let at = rest.iter().position(|got| self.differences(expected, got).is_empty());
            *place = at.map(|at| rest.remove(at));
        }
        placed.into_iter().map(|place| place.unwrap_or_else(|| rest.remove(0))).collect()
    }
}

/// A path with `[]` for each place in an array.
pub(crate) fn general(path: &str) -> String {
    let mut general = String::new();
    let mut within = false;
    for character in path.chars() {
        within &= character != ']';
        if !within {
            general.push(character);
        }
        within |= character == '[';
    }
    general
}

fn difference(path: &str, text: String) -> Difference {
    Difference { path: path.to_owned(), text }
}

#[test]
fn what_differs_is_found() {
    use serde_json::json;

    let paths = |expected: Value, got: Value, unordered: &[&str], subset| -> Vec<String> {
        let unordered = unordered.iter().map(|path| (*path).to_owned()).collect();
        let comparison = Comparison { unordered, subset };
        comparison.differences(&expected, &got).into_iter().map(|difference| difference.path).collect()
    };
    assert_eq!(paths(json!({"a": 1}), json!({"a": true}), &[], false), ["$.a"]);
    assert_eq!(paths(json!({"a": 1, "b": 2}), json!({"c": 3}), &[], false), ["$.a", "$.b", "$.c"]);
    assert!(paths(json!({"a": 1}), json!({"a": 1, "c": 3}), &[], true).is_empty());
    assert!(paths(json!({}), json!({"cursor": "x", "errors": []}), &[], false).is_empty());
    assert_eq!(paths(json!({}), json!({"errors": [1]}), &[], false), ["$.errors"]);
    assert!(paths(json!([0.1]), json!([0.100_000_000_01]), &[], false).is_empty());
    assert_eq!(paths(json!([0.1]), json!([0.11]), &[], false), ["$[0]"]);
    assert_eq!(paths(json!([1]), json!([1, 2]), &[], false), ["$"]);
    assert_eq!(paths(json!([1, 2]), json!([2, 1]), &[], false), ["$[0]", "$[1]"]);
    assert!(paths(json!([1, 2]), json!([2, 1]), &["$"], false).is_empty());
    assert_eq!(paths(json!([1, 2]), json!([2, 3]), &["$"], false), ["$[0]"]);
    assert_eq!(general("$.items[12].supply.x[3]"), "$.items[].supply.x[]");
}
