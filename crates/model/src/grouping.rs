//! The groups that an asset is in.

use serde_json::value::RawValue;

use crate::asset::Extra;
use crate::das::{FromDas, Members, ToDas, filled, keep, text_without_nul};
use crate::field::Field;
use crate::object::Object;
use crate::parse::{AssetError, required};
use crate::pubkey::Pubkey;
use crate::render::Output;

/// A group that an asset is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    /// What kind of group: `collection`, `group`, or anything without a NUL character.
    pub group_key: String,
    /// Which group.
    pub group_value: Field<GroupValue>,
    /// Whether the group agrees; true where the input does not say.
    pub verified: bool,
    /// Every other member; not `collection_metadata`, which is made per call.
    pub extra: Extra,
}

/// The value of a grouping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupValue {
    /// The value of every `collection` and `group`.
    Key(Pubkey),
    /// The value of any other group: anything without a NUL character.
    Text(String),
}

impl Grouping {
    /// Whether default answers show it: it is verified and names a group.
    pub fn shown(&self) -> bool {
        self.verified && self.group_value.get().is_some()
    }

    /// The group's key, where it is one.
    pub fn key(&self) -> Option<&Pubkey> {
        match self.group_value.get()? {
            GroupValue::Key(key) => Some(key),
            GroupValue::Text(_) => None,
        }
    }
}

impl FromDas for Grouping {
    fn from_das(raw: &RawValue) -> Result<Self, AssetError> {
        let mut object = Object::parse(raw.get())?;
        let group_key = required(&mut object, "group_key", text_without_nul)?;
        let mut grouping =
            Self { group_key, group_value: Field::Absent, verified: true, extra: Extra::new() };
        for (name, value) in object.into_rest() {
            grouping.set(&name, value).map_err(|error| error.under(&name))?;
        }
        Ok(grouping)
    }
}

impl Grouping {
    fn set(&mut self, name: &str, raw: &RawValue) -> Result<(), AssetError> {
        match name {
            "group_value" if raw.get() == "null" => self.group_value = Field::Null,
            "group_value" if matches!(&*self.group_key, "collection" | "group") => {
                self.group_value = Field::Is(GroupValue::Key(FromDas::from_das(raw)?));
            }
            "group_value" => self.group_value = Field::Is(GroupValue::Text(text_without_nul(raw)?)),
            "verified" => self.verified = filled(raw)?.unwrap_or(true),
            // Made per call from the collection's own asset.
            "collection_metadata" => {}
            _ => keep(&mut self.extra, name, raw),
        }
        Ok(())
    }
}

impl ToDas for GroupValue {
    fn to_das(&self, out: &mut Output) {
        match self {
            Self::Key(key) => key.to_das(out),
            Self::Text(text) => text.to_das(out),
        }
    }
}

/// Writes the array of groupings as default answers show it; the others go to the table.
pub(crate) fn write_groupings(groupings: &[Grouping], out: &mut Output) {
    let first_shown = groupings.iter().position(Grouping::shown);
    out.body.push(b'[');
    for (at, grouping) in groupings.iter().enumerate() {
        if grouping.shown() {
            if first_shown != Some(at) {
                out.body.push(b',');
            }
            grouping.write_shown(out);
            continue;
        }
        // Before the first one shown a hidden one brings the comma after it, else the comma before it.
        match first_shown {
            Some(first) if at < first => grouping.write_hidden("", ",", out),
            None if at == 0 => grouping.write_hidden("", "", out),
            _ => grouping.write_hidden(",", "", out),
        }
    }
    out.body.push(b']');
}

impl Grouping {
    fn write_shown(&self, out: &mut Output) {
        let mut members = Members::open(out);
        members.put(out, "group_key", &self.group_key);
        members.put(out, "group_value", &self.group_value);
        out.table.unverified(out.body.len(), br#","verified":true"#);
        if let Some(key) = self.key() {
            out.table.collection(out.body.len(), key);
        }
        members.close(out, &self.extra);
    }

    /// Puts the whole entry into the table, in two pieces where a collection's metadata may come between them.
    fn write_hidden(&self, before: &str, after: &str, out: &mut Output) {
        let at = out.body.len();
        let mut entry = Output::default();
        entry.body.extend_from_slice(before.as_bytes());
        let mut members = Members::open(&mut entry);
        members.put(&mut entry, "group_key", &self.group_key);
        members.put(&mut entry, "group_value", &self.group_value);
        members.put(&mut entry, "verified", &self.verified);
        if let Some(key) = self.key() {
            out.table.unverified(at, &entry.body);
            out.table.hidden_collection(at, key);
            entry.body.clear();
        }
        members.close(&mut entry, &self.extra);
        entry.body.extend_from_slice(after.as_bytes());
        out.table.unverified(at, &entry.body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "J1S9H3QjnRtBbbuD4HjPV6RpRhwuk4zKbxsnCHuTgh9w";

    fn read(text: &str) -> Result<Grouping, AssetError> {
        let raw: &RawValue = serde_json::from_str(text).expect("JSON");
        Grouping::from_das(raw)
    }

    #[test]
    fn collections_and_groups_have_keys_and_others_have_text() {
        for kind in ["collection", "group"] {
            let text = format!("{{\"group_value\":\"{KEY}\",\"group_key\":\"{kind}\"}}");
            let grouping = read(&text).expect("a grouping");
            assert_eq!(grouping.group_value, Field::Is(GroupValue::Key(KEY.parse().expect("a key"))));
            assert!(grouping.verified && grouping.shown());
            let refusal = read(&text.replace(KEY, "abc")).expect_err("no key");
            assert_eq!(refusal.path, "group_value");
        }
        let grouping =
            read(r#"{"group_key":"season","group_value":"\u0031","verified":null}"#).expect("a grouping");
        assert_eq!(grouping.group_value, Field::Is(GroupValue::Text("1".to_owned())));
        assert!(grouping.verified && grouping.key().is_none());
    }

    #[test]
    fn what_is_made_per_call_goes_and_what_is_unknown_stays() {
        let grouping =
            read(r#"{"group_key":"k","verified":false,"collection_metadata":{"name":"n"},"z":1,"a":2}"#);
        let grouping = grouping.expect("a grouping");
        assert_eq!(grouping.extra.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["z", "a"]);
        assert!(!grouping.verified && grouping.group_value.is_absent() && !grouping.shown());
    }

    #[test]
    fn wrong_values_are_named() {
        for (text, message) in [
            (r#"{"group_value":"x"}"#, "group_key: is missing"),
            (r#"{"group_key":null}"#, "group_key: must be text, not null"),
            (r#"{"group_key":"a\u0000"}"#, "group_key: must not have a NUL character"),
            (r#"{"group_key":"a","group_value":"\u0000"}"#, "group_value: must not have a NUL character"),
            (r#"{"group_key":"a","group_value":1}"#, "group_value: must be text, not a number"),
            (r#"{"group_key":"a","verified":"yes"}"#, "verified: must be true or false, not text"),
        ] {
            assert_eq!(read(text).expect_err(text).to_string(), message);
        }
    }
}
