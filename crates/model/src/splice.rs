//! Display options over a rendered body, without parsing it.
//!
//! A body is an asset's default answer. Beside it stands a table of what options may add and where (`table.rs`).

mod table;

use std::collections::HashMap;

use self::table::{Addition, COLLECTION, Entries, HIDDEN_COLLECTION, INSCRIPTION, TOKEN_INFO, UNVERIFIED};
use crate::json::Json;
use crate::pubkey::Pubkey;

pub(crate) use self::table::Table;

/// What an answer shows beyond the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the API and independent of the others"
)]
pub struct Display<'a> {
    /// Unverified groupings, and `verified` in every grouping.
    pub unverified: bool,
    /// `collection_metadata` in every grouping with a key.
    pub collection_metadata: bool,
    /// `token_info`.
    pub fungible: bool,
    /// `inscription`.
    pub inscription: bool,
    /// `cdn_uri` in every file: this base and the file's uri.
    pub cdn_base: Option<&'a str>,
    /// `balance` and `associated_token_address` in `token_info`, where that is shown.
    pub holding: Option<Holding>,
}

/// What somebody holds of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// In base units, over all token accounts.
    pub balance: u64,
    /// The token account of it: the associated one, or the one with the most.
    pub account: Pubkey,
}

/// Why a body and a table do not belong together. The table is made by [`crate::Asset::render`], so this is damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpliceError {
    /// The table is empty or of a version that this code does not know.
    #[error("the splice table has an unknown version")]
    Version,
    /// The table ends inside an entry, or a number in it is too large.
    #[error("the splice table is cut off")]
    Truncated,
    /// An entry of a kind that does not exist.
    #[error("the splice table has an entry of unknown kind {0}")]
    Kind(u8),
    /// An entry points outside the body, or to no string where it has to.
    #[error("the splice table does not fit its body")]
    Body,
}

impl Display<'_> {
    /// Whether the body is the answer as it stands.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    fn shows(&self, kind: u8) -> bool {
        match kind {
            UNVERIFIED => self.unverified,
            TOKEN_INFO => self.fungible,
            INSCRIPTION => self.inscription,
            COLLECTION => self.collection_metadata,
            HIDDEN_COLLECTION => self.unverified && self.collection_metadata,
            _ => self.cdn_base.is_some(),
        }
    }
}

/// Appends a body to `out` with what the options add. `metadata` has each collection's own, as
/// [`crate::collection_metadata`] makes it; a collection that is not in it shows `{}`. After an error `out` is as it
/// was.
#[expect(clippy::implicit_hasher, reason = "callers have one kind of map")]
pub fn splice(
    body: &[u8],
    splices: &[u8],
    display: &Display<'_>,
    metadata: &HashMap<Pubkey, Json>,
    out: &mut Vec<u8>,
) -> Result<(), SpliceError> {
    if display.is_plain() {
        out.extend_from_slice(body);
        return Ok(());
    }
    let start = out.len();
    let done = add_all(body, splices, display, metadata, out);
    if done.is_err() {
        out.truncate(start);
    }
    done
}

/// The collections whose metadata a body can show, in its order; one that stands twice comes twice.
pub fn collections(splices: &[u8]) -> Result<impl Iterator<Item = Pubkey>, SpliceError> {
    let mut keys = Vec::new();
    for entry in Entries::open(splices)? {
        if let Addition::Collection(key) = entry?.addition {
            keys.push(key);
        }
    }
    Ok(keys.into_iter())
}

fn add_all(
    body: &[u8],
    splices: &[u8],
    display: &Display<'_>,
    metadata: &HashMap<Pubkey, Json>,
    out: &mut Vec<u8>,
) -> Result<(), SpliceError> {
    out.reserve(body.len() + splices.len());
    let mut copied = 0;
    for entry in Entries::open(splices)? {
        let entry = entry?;
        let before = body.get(copied..entry.at).ok_or(SpliceError::Body)?;
        if !display.shows(entry.kind) {
            continue;
        }
        out.extend_from_slice(before);
        copied = entry.at;
        match entry.addition {
            Addition::Text(text) => {
                out.extend_from_slice(text);
                if let (TOKEN_INFO, Some(holding)) = (entry.kind, display.holding) {
                    add_holding(holding, out);
                }
            }
            Addition::Collection(key) => {
                out.extend_from_slice(b",\"collection_metadata\":");
                out.extend_from_slice(metadata.get(&key).map_or("{}", Json::as_str).as_bytes());
            }
            Addition::CdnUri(length) => {
                let uri = string_before(body, entry.at, length).ok_or(SpliceError::Body)?;
                add_cdn_uri(display.cdn_base.unwrap_or_default(), uri, out);
            }
        }
    }
    out.extend_from_slice(body.get(copied..).ok_or(SpliceError::Body)?);
    Ok(())
}

/// Puts a holding at the end of the object that `out` ends with; anything else stays as it is.
fn add_holding(holding: Holding, out: &mut Vec<u8>) {
    if out.pop_if(|last| *last == b'}').is_none() {
        return;
    }
    let comma = if out.ends_with(b"{") { "" } else { "," };
    let Holding { balance, account } = holding;
    let members = format!("{comma}\"balance\":{balance},\"associated_token_address\":\"{account}\"}}");
    out.extend_from_slice(members.as_bytes());
}

/// The `length` bytes between the quotes of the string that ends at `at`.
fn string_before(body: &[u8], at: usize, length: usize) -> Option<&[u8]> {
    let start = at.checked_sub(length.checked_add(2)?)?;
    body.get(start..at)?.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// The uri is already escaped as JSON, the base is not.
fn add_cdn_uri(base: &str, uri: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"cdn_uri\":");
    serde_json::to_writer(&mut *out, base).expect("a Vec takes every write");
    out.pop();
    out.extend_from_slice(uri);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::Asset;
    use crate::render::Rendered;

    const A: &str = "2RtGg6fsFiiF1EQzHqbd66AhW7R5bWeQGpTbv2UMkCdW";
    const B: &str = "5XvhfmRjwXkGp3jHGmaKpqeerNYjkuZZBYLVQYdeVcRv";

    fn rendered(members: &str) -> Rendered {
        let members = members.replace("$A", A).replace("$B", B);
        let text = format!("{{\"interface\":\"Custom\",\"id\":\"{A}\",{members}}}");
        Asset::from_das(&text).expect("an asset").render()
    }

    /// The part of the answer from the member `name` on, up to `end`.
    fn shown(rendered: &Rendered, display: &Display<'_>, name: &str, end: &str) -> String {
        let name_of_a = Json::parse(r#"{"name":"a"}"#).expect("JSON");
        let metadata = HashMap::from([(A.parse().expect("a key"), name_of_a)]);
        let mut out = b"before".to_vec();
        splice(&rendered.body, &rendered.splices, display, &metadata, &mut out).expect("its own table");
        let text = String::from_utf8(out).expect("JSON is UTF-8");
        let answer = text.strip_prefix("before").expect("appended");
        let start = answer.find(&format!("\"{name}\":")).expect("shown");
        let length = answer[start..].find(end).expect("shown");
        answer[start..start + length].replace(A, "$A").replace(B, "$B")
    }

    #[test]
    fn groupings_show_what_is_asked_for() {
        let rendered = rendered(
            r#""grouping":[{"group_key":"h","group_value":null},
                {"group_key":"collection","group_value":"$B","verified":false,"x":1},
                {"group_key":"collection","group_value":"$A","y":2},
                {"group_key":"t","group_value":"v","verified":false},{"group_key":"t","group_value":"w"}]"#,
        );
        let groupings = |display| shown(&rendered, &display, "grouping", ",\"creators\"");
        let plain = Display::default();
        let unverified = Display { unverified: true, ..plain };
        let expected = r#""grouping":[{"group_key":"collection","group_value":"$A","y":2},{"group_key":"t","group_value":"w"}]"#;
        assert_eq!(groupings(plain), expected);
        let expected = concat!(
            r#""grouping":[{"group_key":"collection","group_value":"$A","collection_metadata":{"name":"a"},"y":2},"#,
            r#"{"group_key":"t","group_value":"w"}]"#
        );
        assert_eq!(groupings(Display { collection_metadata: true, ..plain }), expected);
        let expected = concat!(
            r#""grouping":[{"group_key":"h","group_value":null,"verified":true},"#,
            r#"{"group_key":"collection","group_value":"$B","verified":false,"x":1},"#,
            r#"{"group_key":"collection","group_value":"$A","verified":true,"y":2},"#,
            r#"{"group_key":"t","group_value":"v","verified":false},"#,
            r#"{"group_key":"t","group_value":"w","verified":true}]"#
        );
        assert_eq!(groupings(unverified), expected);
        let both = expected
            .replace("\"verified\":false,\"x\"", "\"verified\":false,\"collection_metadata\":{},\"x\"")
            .replace(
                "\"verified\":true,\"y\"",
                "\"verified\":true,\"collection_metadata\":{\"name\":\"a\"},\"y\"",
            );
        assert_eq!(groupings(Display { collection_metadata: true, ..unverified }), both);
        let keys: Vec<_> =
            collections(&rendered.splices).expect("its own table").map(|key| key.to_string()).collect();
        assert_eq!(keys, [B, A]);
    }

    #[test]
    fn hidden_groupings_alone_have_their_commas() {
        let one = r#"{"group_key":"a","group_value":"v","verified":false}"#;
        let display = Display { unverified: true, ..Display::default() };
        for groupings in [one.to_owned(), format!("{one},{one}"), format!("{one},{one},{one}")] {
            let groupings = format!("\"grouping\":[{groupings}]");
            let rendered = rendered(&groupings);
            assert_eq!(shown(&rendered, &Display::default(), "grouping", ",\"creators\""), "\"grouping\":[]");
            assert_eq!(shown(&rendered, &display, "grouping", ",\"creators\""), groupings);
        }
    }

    #[test]
    fn members_and_files_show_what_is_asked_for() {
        let rendered = rendered(
            r#""content":{"files":[{"mime":"m","uri":"https://é/\"q\"?a=1"},{"uri":""},{"uri":null},{"mime":"n"}]},
               "token_info":{"supply":1.0},"inscription":null,"plugins":{}"#,
        );
        let plain = Display::default();
        let tail = |display| shown(&rendered, &display, "burnt", "}}");
        assert_eq!(tail(plain), r#""burnt":false,"plugins":{"#);
        let fungible = Display { fungible: true, ..plain };
        assert_eq!(
            tail(fungible).split_once('}').expect("two").0,
            r#""burnt":false,"token_info":{"supply":1.0"#
        );
        let inscription = Display { inscription: true, ..plain };
        assert_eq!(tail(inscription), r#""burnt":false,"inscription":null,"plugins":{"#);
        let both = shown(&rendered, &Display { inscription: true, ..fungible }, "burnt", "}}");
        assert_eq!(both, r#""burnt":false,"inscription":null,"token_info":{"supply":1.0},"plugins":{"#);
        let cdn = Display { cdn_base: Some("https://cdn/\"//"), ..plain };
        let expected = concat!(
            r#""files":[{"uri":"https://é/\"q\"?a=1","cdn_uri":"https://cdn/\"//https://é/\"q\"?a=1","mime":"m"},"#,
            r#"{"uri":""},{"uri":null},{"mime":"n"}]"#
        );
        assert_eq!(shown(&rendered, &cdn, "files", ",\"metadata\""), expected);
        assert!(plain.is_plain() && !cdn.is_plain() && !fungible.is_plain());
    }

    #[test]
    fn holdings_stand_in_the_token_info_that_is_shown() {
        let account: Pubkey = B.parse().expect("a key");
        let display = Display {
            fungible: true,
            holding: Some(Holding { balance: u64::MAX, account }),
            ..Display::default()
        };
        let held = r#""balance":18446744073709551615,"associated_token_address":"$B"}}"#;
        for (token_info, expected) in [
            (r#"{"supply":1}"#, format!(r#"{{"supply":1,{held}"#)),
            ("{}", format!("{{{held}")),
            ("null", "null}".to_owned()),
        ] {
            let rendered = rendered(&format!("\"token_info\":{token_info}"));
            let mut out = Vec::new();
            splice(&rendered.body, &rendered.splices, &display, &HashMap::new(), &mut out)
                .expect("its own table");
            let text = String::from_utf8(out).expect("JSON is UTF-8").replace(B, "$B");
            assert_eq!(text.split_once("\"token_info\":").map(|(_, rest)| rest), Some(expected.as_str()));
        }
        let hidden = Display { fungible: false, ..display };
        let rendered = rendered(r#""token_info":{}"#);
        let mut out = Vec::new();
        splice(&rendered.body, &rendered.splices, &hidden, &HashMap::new(), &mut out).expect("its own table");
        assert_eq!(out, rendered.body);
    }

    #[test]
    fn damage_is_named_and_leaves_nothing_behind() {
        let display = Display { unverified: true, cdn_base: Some("b"), ..Display::default() };
        let cases: [(&[u8], SpliceError); 11] = [
            (&[], SpliceError::Version),
            (&[2], SpliceError::Version),
            (&[1, 0], SpliceError::Truncated),
            (&[1, 0x80, 0x80, 0x80, 0x80, 0x80, 0], SpliceError::Truncated),
            (&[1, 0, 0, 5, b'x'], SpliceError::Truncated),
            (&[1, 0, 3, 0], SpliceError::Truncated),
            (&[1, 0, 6], SpliceError::Kind(6)),
            (&[1, 9, 0, 0], SpliceError::Body),
            (&[1, 1, 0, 1, b'x', 1, 5, 0], SpliceError::Body),
            (&[1, 4, 5, 3], SpliceError::Body),
            (&[1, 4, 5, 127], SpliceError::Body),
        ];
        for (table, error) in cases {
            let mut out = b"kept".to_vec();
            let result = splice(b"[\"a\"]  ", table, &display, &HashMap::new(), &mut out);
            assert_eq!((result, out.as_slice()), (Err(error), &b"kept"[..]), "{table:?}");
        }
        let mut out = Vec::new();
        splice(b"[\"a\"]", &[1, 4, 5, 1], &display, &HashMap::new(), &mut out).expect("a string of one byte");
        assert_eq!(out, b"[\"a\",\"cdn_uri\":\"ba\"]");
        assert_eq!(collections(&[1, 0]).map(Iterator::count), Err(SpliceError::Truncated));
    }
}
