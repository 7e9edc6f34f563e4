//! Answers against expected ones: keys in any order, arrays exact, fractions within 1e-9.

use serde_json::Value;

/// The first place where the answer is another than expected. `skipped` are paths that are not looked at; with `subset`
/// the answer may have more.
pub(crate) fn difference(
    expected: &Value,
    got: &Value,
    path: &str,
    skipped: &[String],
    subset: bool,
) -> Option<String> {
    if skipped.iter().any(|skipped| skipped == path) {
        return None;
    }
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => {
            let missing = expected.iter().find_map(|(name, value)| {
                let path = format!("{path}.{name}");
                match got.get(name) {
                    Some(got) => difference(value, got, &path, skipped, subset),
                    None if skipped.contains(&path) => None,
                    None => Some(format!("{path}: missing, expected {value}")),
                }
            });
            missing.or_else(|| {
                let more = got.iter().find(|(name, _)| {
                    !subset && !expected.contains_key(*name) && !skipped.contains(&format!("{path}.{name}"))
                });
                more.map(|(name, value)| format!("{path}.{name}: not expected, got {value}"))
            })
        }
        (Value::Array(expected), Value::Array(got)) if expected.len() == got.len() => {
            let mut pairs = expected.iter().zip(got).enumerate();
            pairs.find_map(|(at, (expected, got))| {
                difference(expected, got, &format!("{path}[{at}]"), skipped, subset)
            })
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            ((a - b).abs() > 1e-9).then(|| format!("{path}: expected {a}, got {b}"))
        }
        _ => (expected != got).then(|| format!("{path}: expected {expected}, got {got}")),
    }
}
