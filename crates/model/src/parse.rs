//! Reading a DAS asset.

use std::fmt;

use serde_json::value::RawValue;

use crate::asset::Asset;
use crate::das::{FromDas, text_without_nul};
use crate::json::{check, compact};
use crate::object::{Object, ObjectError};

/// Why a text is no DAS asset: where and what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}{reason}", path, if path.is_empty() { "" } else { ": " })]
pub struct AssetError {
    /// The member, as in `grouping[0].group_value`; empty where the text as a whole is at fault.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

impl AssetError {
    pub(crate) fn new(reason: impl fmt::Display) -> Self {
        Self { path: String::new(), reason: reason.to_string() }
    }

    /// The same fault, seen from the object that has the member `name`.
    pub(crate) fn under(mut self, name: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{name}{dot}{}", self.path);
        self
    }

    /// The same fault, seen from the array that has the element `at`.
    pub(crate) fn at(self, at: usize) -> Self {
        self.under(&format!("[{at}]"))
    }
}

impl From<ObjectError> for AssetError {
    fn from(error: ObjectError) -> Self {
        Self::new(error)
    }
}

impl Asset {
    /// Reads one asset as a DAS server answers it.
    ///
    /// `interface` and `id` are required; a known member of a wrong type, a key that is not one and two members of
    /// one name (where names are known) are refused. What is produced per call is dropped: `cdn_uri` of files,
    /// `collection_metadata` of groupings, and `last_indexed_slot`, which becomes [`Asset::stated_slot`]. What
    /// clients cannot do without is filled in: `content.metadata`, `grouping`, `creators`, `authorities`,
    /// `compression`, `mutable` and `burnt`, where they are absent or null.
    pub fn from_das(text: &str) -> Result<Self, AssetError> {
        check(text).map_err(AssetError::new)?;
        let text = compact(text);
        let mut object = Object::parse(&text)?;
        let interface = required(&mut object, "interface", text_without_nul)?;
        if interface.is_empty() {
            return Err(AssetError::new("must not be empty").under("interface"));
        }
        let mut asset = Self::new(required(&mut object, "id", FromDas::from_das)?, interface);
        for (name, value) in object.into_rest() {
            asset.set(&name, value).map_err(|error| error.under(&name))?;
        }
        Ok(asset)
    }
}

/// Takes a member that has to be there out of an object.
pub(crate) fn required<T>(
    object: &mut Object<'_>,
    name: &str,
    read: impl FnOnce(&RawValue) -> Result<T, AssetError>,
) -> Result<T, AssetError> {
    let value = object.take(name).map_or_else(|| Err(AssetError::new("is missing")), read);
    value.map_err(|error| error.under(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::MAX_DEPTH;
    use crate::slot::Slot;

    const KEY: &str = "2RtGg6fsFiiF1EQzHqbd66AhW7R5bWeQGpTbv2UMkCdW";

    fn read(members: &str) -> Result<Asset, AssetError> {
        Asset::from_das(&format!("{{\"interface\":\"Custom\",\"id\":\"{KEY}\",{members}}}"))
    }

    #[test]
    fn faults_are_named_by_their_place() {
        let nul = "must not have a NUL character";
        for (members, path, reason) in [
            (r#""burnt":"<unknown>""#, "burnt", "must be true or false, not text"),
            (r#""grouping":[{"group_key":"a"},{"group_key":"\u0000"}]"#, "grouping[1].group_key", nul),
            (r#""grouping":{}"#, "grouping", "must be an array, not an object"),
            (r#""content":{"files":[{"mime":[]}]}"#, "content.files[0].mime", "must be text, not an array"),
            (r#""content":{"json_uri":"a","json_uri":"a"}"#, "content", "duplicate key \"json_uri\""),
            (r#""x":1,"x":2"#, "", "duplicate key \"x\""),
            (r#""compression":[]"#, "compression", "must be an object"),
            (r#""authorities":[{"scopes":[null]}]"#, "authorities[0].scopes[0]", "must be text, not null"),
            (r#""is_agent":1"#, "is_agent", "must be true or false, not a number"),
        ] {
            let expected = AssetError { path: path.to_owned(), reason: reason.to_owned() };
            assert_eq!(read(members), Err(expected), "{members}");
        }
        for path in
            ["grouping[0].group_value", "ownership.owner", "ownership.delegate", "creators[0].address"]
        {
            let members = match path {
                "grouping[0].group_value" => r#""grouping":[{"group_value":"x","group_key":"collection"}]"#,
                "ownership.owner" => r#""ownership":{"owner":"x"}"#,
                "ownership.delegate" => r#""ownership":{"delegate":"x"}"#,
                _ => r#""creators":[{"address":"x"}]"#,
            };
            let message = format!("{path}: not a public key: it is not 32 bytes long");
            assert_eq!(read(members).expect_err(members).to_string(), message);
        }
    }

    #[test]
    fn interface_and_id_are_required() {
        for (text, message) in [
            ("{}".to_owned(), "interface: is missing"),
            (format!("{{\"id\":\"{KEY}\",\"interface\":null}}"), "interface: must be text, not null"),
            (format!("{{\"id\":\"{KEY}\",\"interface\":\"\"}}"), "interface: must not be empty"),
            (r#"{"interface":"a"}"#.to_owned(), "id: is missing"),
            (r#"{"interface":"a","id":""}"#.to_owned(), "id: not a public key: it is not 32 bytes long"),
            (r#"{"interface":"a","id":7}"#.to_owned(), "id: must be text, not a number"),
            ("[]".to_owned(), "must be an object"),
            ("{".to_owned(), "not valid JSON: EOF while parsing an object at line 1 column 1"),
        ] {
            assert_eq!(Asset::from_das(&text).expect_err(&text).to_string(), message);
        }
        // An escaped key is the same key.
        let escaped = KEY.replacen('2', "\\u0032", 1);
        let asset =
            Asset::from_das(&format!("{{\"interface\":\"a\",\"id\":\"{escaped}\"}}")).expect("an asset");
        assert_eq!(asset.id.to_string(), KEY);
    }

    #[test]
    fn slots_fit_postgres() {
        let highest = u64::MAX / 2;
        let members = format!("\"slot_created\":0,\"slot_updated\":{highest},\"last_indexed_slot\":9");
        let asset = read(&members).expect("an asset");
        assert_eq!(asset.slot_created.get(), Some(&Slot::default()));
        assert_eq!(asset.slot_updated.get(), Some(&Slot::MAX));
        assert_eq!(asset.stated_slot, Slot::new(9));
        assert_eq!(read("\"last_indexed_slot\":null").expect("an asset").stated_slot, None);
        for name in ["slot_created", "slot_updated", "last_indexed_slot"] {
            for slot in [&(highest + 1).to_string(), "-1", "1.0", "\"1\""] {
                assert_eq!(read(&format!("\"{name}\":{slot}")).expect_err(slot).path, name);
            }
        }
    }

    #[test]
    fn what_no_client_could_read_is_refused_wherever_it_stands() {
        let deep = |levels| format!("\"x\":{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(read(&deep(MAX_DEPTH - 1)).is_ok());
        for members in [&*deep(MAX_DEPTH), r#""x":{"y":"\ud800"}"#, r#""plugins":[1e999]"#] {
            let refusal = read(members).expect_err(members).to_string();
            assert!(refusal.starts_with("not valid JSON: "), "{refusal}");
        }
    }
}
