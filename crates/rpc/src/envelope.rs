//! JSON-RPC 2.0: requests in, answers out. The id is kept as the text it came in.

use std::borrow::Cow;

use serde_json::value::RawValue;
use vitrine_model::Object;

use crate::answer::Payload;

/// A body, read.
#[derive(Debug)]
pub(crate) enum Request<'a> {
    /// One call.
    Single(Entry<'a>),
    /// An array of calls, at least one.
    Batch(Vec<Entry<'a>>),
}

/// One call, or what is wrong with it and, where it has one, its id.
pub(crate) type Entry<'a> = Result<Call<'a>, NotARequest<'a>>;

/// A well-formed call.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// The id's JSON text; `None` for a notification.
    pub(crate) id: Option<&'a str>,
    pub(crate) method: Cow<'a, str>,
    pub(crate) params: Option<&'a RawValue>,
}

/// JSON, but no request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotARequest<'a> {
    /// The id's JSON text, if it has a proper one.
    pub(crate) id: Option<&'a str>,
}

/// Why a whole body is no request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Not JSON, or nested deeper than `json_depth_max`.
    NotJson,
    /// An empty batch, or one of more than `batch_entries_max` entries.
    BatchSize,
}

/// Reads a body within the limits.
pub(crate) fn parse(body: &[u8], depth_max: usize, entries_max: usize) -> Result<Request<'_>, Unreadable> {
    if depth(body) > depth_max {
        return Err(Unreadable::NotJson);
    }
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        let entries: Vec<&RawValue> = serde_json::from_slice(body).map_err(|_| Unreadable::NotJson)?;
        if entries.is_empty() || entries.len() > entries_max {
            return Err(Unreadable::BatchSize);
        }
        return Ok(Request::Batch(entries.into_iter().map(entry).collect()));
    }
    let single: &RawValue = serde_json::from_slice(body).map_err(|_| Unreadable::NotJson)?;
    Ok(Request::Single(entry(single)))
}

/// `{"jsonrpc":"2.0","result":…,"id":…}`
pub(crate) fn success(result: Payload, id: &str) -> Payload {
    let (before, behind) = around_result(id);
    let mut answer = Payload::from(before);
    answer.append(result);
    answer.push(behind);
    answer
}

/// What stands before a result, and what behind it.
pub(crate) fn around_result(id: &str) -> (&'static [u8], String) {
    (br#"{"jsonrpc":"2.0","result":"#, format!(r#","id":{id}}}"#))
}

/// `{"jsonrpc":"2.0","error":…,"id":…}`
pub(crate) fn failure(error: &str, id: Option<&str>) -> Payload {
    Payload::from(format!(r#"{{"jsonrpc":"2.0","error":{error},"id":{}}}"#, id.unwrap_or("null")))
}

fn entry(raw: &RawValue) -> Entry<'_> {
    let Ok(mut object) = Object::parse(raw.get()) else {
        return Err(NotARequest { id: None });
    };
    let id = match object.take("id").map(RawValue::get) {
        None => None,
        Some(text) if is_id(text) => Some(text),
        Some(_) => return Err(NotARequest { id: None }),
    };
    let version = object.take("jsonrpc").map(RawValue::get);
    let method = object.take("method").and_then(|method| serde_json::from_str::<Text<'_>>(method.get()).ok());
    match method {
        Some(Text(method)) if version == Some(r#""2.0""#) => {
            Ok(Call { id, method, params: object.take("params") })
        }
        _ => Err(NotARequest { id }),
    }
}

/// A string, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A string, a number or null.
fn is_id(text: &str) -> bool {
    matches!(text.as_bytes().first(), Some(b'"' | b'-' | b'0'..=b'9' | b'n'))
}

/// How deep the brackets nest outside of strings, without looking at anything else.
fn depth(body: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = body.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => {
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => drop(bytes.next()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn single(body: &str) -> Entry<'_> {
        match parse(body.as_bytes(), 64, 100) {
            Ok(Request::Single(entry)) => entry,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ids_keep_their_text() {
        for id in [r#""a\u0041""#, "0", "-1", "1.50", "1e3", "12345678901234567890123", "null"] {
            let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"m"}}"#);
            assert_eq!(single(&body).expect(id).id, Some(id));
        }
        for id in ["true", "[1]", r#"{"a":1}"#] {
            let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"m"}}"#);
            assert_eq!(single(&body).expect_err(id), NotARequest { id: None });
        }
        assert_eq!(single(r#"{"jsonrpc":"2.0","method":"m"}"#).expect("a notification").id, None);
    }

    #[test]
    fn what_is_no_request() {
        for body in [
            "1",
            "null",
            r#""x""#,
            "{}",
            r#"{"id":7,"method":"m"}"#,
            r#"{"jsonrpc":"1.0","id":7,"method":"m"}"#,
            r#"{"jsonrpc":"2.0","id":7}"#,
            r#"{"jsonrpc":"2.0","id":7,"method":1}"#,
            r#"{"jsonrpc":"2.0","id":7,"method":"a","method":"b"}"#,
            r#"{"jsonrpc":"2.0","id":7,"method":"\ud800"}"#,
        ] {
            assert!(single(body).is_err(), "{body}");
        }
        assert_eq!(single(r#"{"jsonrpc":"2.0","id":7}"#).expect_err("no method").id, Some("7"));
    }

    #[test]
    fn what_is_not_json() {
        for body in ["", "  ", "{", "[1,", "nope", r#"{"a":1}x"#, "\"\u{1}\""] {
            assert!(matches!(parse(body.as_bytes(), 64, 100), Err(Unreadable::NotJson)), "{body}");
        }
        assert!(matches!(parse(b"\"\xff\"", 64, 100), Err(Unreadable::NotJson)));
        let deep = ["[".repeat(10_000), "]".repeat(10_000)].concat();
        assert!(matches!(parse(deep.as_bytes(), 64, 100), Err(Unreadable::NotJson)));
        assert!(matches!(parse("[".repeat(10_000).as_bytes(), 64, 100), Err(Unreadable::NotJson)));
    }

    #[test]
    fn brackets_in_strings_do_not_nest() {
        assert_eq!(depth(br#"{"a":"[[[\"[[","b":[1]}"#), 2);
    }

    #[test]
    fn batches_are_bounded() {
        assert!(matches!(parse(b" []", 64, 2), Err(Unreadable::BatchSize)));
        assert!(matches!(parse(b"[1,2,3]", 64, 2), Err(Unreadable::BatchSize)));
        assert!(matches!(parse(b"[1,2]", 64, 2), Ok(Request::Batch(entries)) if entries.len() == 2));
    }
}
