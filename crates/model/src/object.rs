//! One level of a JSON object.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Up to here comparing each pair of names is cheaper than hashing them.
const FEW_MEMBERS: usize = 24;

/// The members of one JSON object in input order, each value still as raw text: only one level is parsed, so what
/// nobody asks for costs a scan and nothing else. Two members of one name are refused.
///
/// The values are syntactically valid, but strings and numbers in them are not yet decoded.
#[derive(Debug, Clone)]
pub struct Object<'a> {
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
}

/// Why a text is no [`Object`].
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// Something other than an object.
    #[error("must be an object")]
    NotAnObject,
    /// Two members of this name.
    #[error("duplicate key {0:?}")]
    Duplicate(String),
    /// No valid JSON.
    #[error("not valid JSON: {0}")]
    Syntax(#[from] serde_json::Error),
}

impl<'a> Object<'a> {
    /// Parses one level of an object; whitespace around it is allowed.
    pub fn parse(text: &'a str) -> Result<Self, ObjectError> {
        if !text.trim_ascii_start().starts_with('{') {
            return Err(ObjectError::NotAnObject);
        }
        let Members(members) = serde_json::from_str(text)?;
        match duplicate(&members) {
            Some(name) => Err(ObjectError::Duplicate(name.to_owned())),
            None => Ok(Self { members }),
        }
    }

    /// Takes the member of this name out; the others keep their order.
    pub fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let at = self.members.iter().position(|(own, _)| own == name)?;
        Some(self.members.remove(at).1)
    }

    /// The members that are (still) there, in input order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.members.iter().map(|(name, value)| (name.as_ref(), *value))
    }

    /// The members that nobody took, in input order.
    pub fn into_rest(self) -> Vec<(Cow<'a, str>, &'a RawValue)> {
        self.members
    }
}

struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        // Most objects of an asset have up to eight members.
        let mut members = Vec::with_capacity(8);
        while let Some((Name(name), value)) = map.next_entry()? {
            members.push((name, value));
        }
        Ok(Members(members))
    }
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The values of some members of an object. Where a name stands twice the last one counts, as in JavaScript.
pub(crate) fn pick<'a, const N: usize>(
    object: &'a [u8],
    names: [&str; N],
) -> Result<[Option<&'a RawValue>; N], serde_json::Error> {
    let Members(members) = serde_json::from_slice(object)?;
    let mut picked = [None; N];
    for (name, value) in members {
        if let Some(at) = names.iter().position(|own| *own == name) {
            picked[at] = Some(value);
        }
    }
    Ok(picked)
}

/// The first name that stands a second time.
fn duplicate<'m>(members: &'m [(Cow<'_, str>, &RawValue)]) -> Option<&'m str> {
    if members.len() > FEW_MEMBERS {
        let mut seen = HashSet::with_capacity(members.len());
        return members.iter().map(|(name, _)| name.as_ref()).find(|name| !seen.insert(*name));
    }
    let mut names = members.iter().enumerate();
    names
        .find(|(at, (name, _))| members[..*at].iter().any(|(other, _)| other == name))
        .map(|(_, (name, _))| &**name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_their_text() {
        let mut object =
            Object::parse(" {\"z\" : 1.0 , \"\\u0061\":{ \"x\":[ ] },\"m\":null}").expect("valid");
        assert_eq!(object.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["z", "a", "m"]);
        assert_eq!(object.take("a").expect("there").get(), "{ \"x\":[ ] }");
        assert!(object.take("a").is_none());
        let rest = object.into_rest();
        let rest: Vec<_> = rest.iter().map(|(name, value)| (name.as_ref(), value.get())).collect();
        assert_eq!(rest, [("z", "1.0"), ("m", "null")]);
    }

    #[test]
    fn a_second_member_of_a_name_is_refused() {
        for text in [r#"{"a":1,"b":2,"a":3}"#, r#"{"a":1,"\u0061":2}"#] {
            assert_eq!(Object::parse(text).expect_err("twice").to_string(), "duplicate key \"a\"");
        }
        let many: Vec<_> = (0..5000).map(|at| format!("\"k{}\":{at}", at % 4999)).collect();
        let refusal = Object::parse(&format!("{{{}}}", many.join(","))).map(|_| ()).expect_err("twice");
        assert_eq!(refusal.to_string(), "duplicate key \"k0\"");
        let different: Vec<_> = (0..500).map(|at| format!("\"k{at}\":{at}")).collect();
        assert_eq!(
            Object::parse(&format!("{{{}}}", different.join(","))).expect("valid").iter().count(),
            500
        );
    }

    #[test]
    fn the_last_member_of_a_name_is_picked() {
        let picked = pick(br#"{"a":1,"b":[2],"a":3}"#, ["b", "a", "c"]).expect("an object");
        assert_eq!(picked.map(|value| value.map(RawValue::get)), [Some("[2]"), Some("3"), None]);
        assert!(pick(b"[]", ["a"]).is_err() && pick(b"{\"a\":\"\xff\"}", ["a"]).is_err());
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["", "[]", "null", "\"{}\"", "x"] {
            assert!(matches!(Object::parse(text), Err(ObjectError::NotAnObject)), "{text}");
        }
        for text in ["{", "{}}", r#"{"a":}"#, r#"{"\ud800":1}"#, r#"{"a":1,}"#] {
            assert!(matches!(Object::parse(text), Err(ObjectError::Syntax(_))), "{text}");
        }
    }
}
