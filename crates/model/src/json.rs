//! One JSON value, kept as text.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// How many arrays and objects may stand inside one another. Strict parsers stop at 128; an answer puts up to five
/// more around an asset, and a collection's metadata moves one deeper, so the bound leaves them room.
pub const MAX_DEPTH: usize = 120;

/// One JSON value as valid text without whitespace outside strings. The order of keys and the text of numbers and
/// strings are those of the input; equality is equality of text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Json(Box<str>);

/// Why a text is no JSON that every client can read: its syntax, a lone surrogate in a string, a number that does
/// not fit a double, or more than [`MAX_DEPTH`] levels.
#[derive(Debug, thiserror::Error)]
#[error("not valid JSON: {0}")]
pub struct JsonError(#[from] serde_json::Error);

impl Json {
    /// Checks a text and takes its whitespace out.
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        check(text)?;
        Ok(Self::checked(&compact(text)))
    }

    /// Like [`Json::parse`], for a value that is to stand inside `levels` arrays and objects more.
    pub fn parse_inside(text: &str, levels: usize) -> Result<Self, JsonError> {
        check_inside(text, levels)?;
        Ok(Self::checked(&compact(text)))
    }

    /// The value `{}`.
    pub fn empty_object() -> Self {
        Self::checked("{}")
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the value is an object.
    pub fn is_object(&self) -> bool {
        self.0.starts_with('{')
    }

    /// A value out of a text that [`check`] and [`compact`] have already gone over.
    pub(crate) fn checked(text: &str) -> Self {
        Self(text.into())
    }
}

impl TryFrom<&RawValue> for Json {
    type Error = JsonError;

    fn try_from(raw: &RawValue) -> Result<Self, Self::Error> {
        Self::parse(raw.get())
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Walks a whole text once, without building anything, and refuses what [`JsonError`] names.
pub(crate) fn check(text: &str) -> Result<(), JsonError> {
    check_inside(text, 0)
}

fn check_inside(text: &str, levels: usize) -> Result<(), JsonError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    Walk { levels: MAX_DEPTH.saturating_sub(levels) }.deserialize(&mut reader)?;
    Ok(reader.end()?)
}

/// The valid text without whitespace outside strings, copied in whole runs, or not at all when it has none.
pub(crate) fn compact(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let (mut run, mut at) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at),
            b' ' | b'\n' | b'\r' | b'\t' => {
                if run == 0 {
                    out.reserve(text.len());
                }
                out.push_str(&text[run..at]);
                at += 1;
                run = at;
            }
            _ => at += 1,
        }
    }
    if run == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[run..]);
    Cow::Owned(out)
}

/// The position after the quote that closes the string which opens at `open`.
fn string_end(bytes: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Visits every value: reading a number or a string is what checks it.
#[derive(Clone, Copy)]
struct Walk {
    /// How many more arrays or objects may open.
    levels: usize,
}

impl Walk {
    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        let levels = self.levels.checked_sub(1);
        levels
            .map(|levels| Self { levels })
            .ok_or_else(|| E::custom(format_args!("nested deeper than {MAX_DEPTH} levels")))
    }
}

impl<'de> DeserializeSeed<'de> for Walk {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<(), E> {
        if number.is_finite() { Ok(()) } else { Err(E::custom("number out of range")) }
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        while values.next_element_seed(inside)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inside = self.inside().map_err(A::Error::custom::<A::Error>)?;
        while members.next_key_seed(inside)?.is_some() {
            members.next_value_seed(inside)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn whitespace_goes_and_everything_else_stays() {
        let text = " { \"b\" : [ 1.50 , -0 , 1e2,\t\"a \\\" b\\\\\" ] ,\r\n\"a\":\"\\u00e9 \\/\" } \n";
        let json = Json::parse(text).expect("valid");
        assert_eq!(json.as_str(), r#"{"b":[1.50,-0,1e2,"a \" b\\"],"a":"\u00e9 \/"}"#);
        assert!(json.is_object());
        assert_eq!(Json::parse("  7 ").expect("valid").to_string(), "7");
        assert!(matches!(compact(json.as_str()), Cow::Borrowed(_)));
    }

    #[test]
    fn what_strict_parsers_refuse_is_refused() {
        let cases = [
            (r#"{"a":["\ud800"]}"#, "hex escape"),
            (r#"{"\udc00":1}"#, "surrogate"),
            (r#"["\ud83d\u0041"]"#, "surrogate"),
            ("[1e999]", "out of range"),
            ("[-1e999]", "out of range"),
            ("[1,]", "trailing comma"),
            ("{} x", "trailing characters"),
            ("", "EOF"),
            ("\"a\nb\"", "control character"),
        ];
        for (text, reason) in cases {
            let refusal = Json::parse(text).expect_err(text).to_string();
            assert!(refusal.contains(reason), "{text}: {refusal}");
        }
        assert!(Json::parse(r#""\ud83d\ude00""#).is_ok());
        assert!(Json::parse("[1e-999,18446744073709551616]").is_ok());
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Json::parse(&nested(MAX_DEPTH)).is_ok());
        let refusal = Json::parse(&nested(MAX_DEPTH + 1)).expect_err("too deep").to_string();
        assert!(refusal.contains("deeper than 120"), "{refusal}");
        let objects = format!("{}1{}", "{\"a\":".repeat(MAX_DEPTH + 1), "}".repeat(MAX_DEPTH + 1));
        assert!(Json::parse(&objects).is_err());
        assert!(Json::parse(&"[".repeat(100_000)).is_err());
        assert!(Json::parse_inside(&nested(MAX_DEPTH - 7), 7).is_ok());
        assert!(Json::parse_inside(&nested(MAX_DEPTH - 6), 7).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_kept(text in "[ \\[\\]{}:,\"\\\\a-f0-9.eu\n-]{0,40}|.{0,40}") {
            let value = serde_json::from_str::<Value>(&text);
            match Json::parse(&text) {
                Ok(json) => {
                    prop_assert_eq!(serde_json::from_str::<Value>(json.as_str())?, value?);
                    prop_assert_eq!(compact(json.as_str()), json.as_str());
                }
                Err(_) => prop_assert!(value.is_err()),
            }
        }
    }
}
