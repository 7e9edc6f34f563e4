//! What a collection says of itself to the assets in it.

use serde_json::value::RawValue;

use crate::json::{Json, JsonError};
use crate::object::pick;

/// The `collection_metadata` of a collection, out of its own rendered body: `name`, `symbol`, `image`,
/// `description`, `external_url`, each with the JSON it has there; those that it lacks are left out. Fails on a body
/// that is no JSON object.
pub fn collection_metadata(body: &[u8]) -> Result<Json, JsonError> {
    let [content] = pick(body, ["content"])?;
    let parts = members(content, ["metadata", "links"])?;
    let [name, symbol, description] = members(parts[0], ["name", "symbol", "description"])?;
    let [image, external_url] = members(parts[1], ["image", "external_url"])?;
    let mut out = String::from("{");
    for (key, value) in [
        ("name", name),
        ("symbol", symbol),
        ("image", image),
        ("description", description),
        ("external_url", external_url),
    ] {
        if let Some(value) = value {
            let comma = if out.len() > 1 { "," } else { "" };
            out.extend([comma, "\"", key, "\":", value.get()]);
        }
    }
    out.push('}');
    Ok(Json::checked(&out))
}

/// Members of a value that may be absent or no object at all: then it has none.
fn members<'a, const N: usize>(
    value: Option<&'a RawValue>,
    names: [&str; N],
) -> Result<[Option<&'a RawValue>; N], JsonError> {
    match value {
        Some(object) if object.get().starts_with('{') => Ok(pick(object.get().as_bytes(), names)?),
        _ => Ok([None; N]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::Asset;

    fn metadata(content: &str) -> String {
        let text = format!(
            "{{\"interface\":\"MplCoreCollection\",\"id\":\"11111111111111111111111111111111\",\"content\":{content}}}"
        );
        let body = Asset::from_das(&text).expect("an asset").render().body;
        collection_metadata(&body).expect("a rendered body").to_string()
    }

    #[test]
    fn a_collection_says_what_it_is() {
        let content = r#"{"links":{"external_url":null,"image":"i\u00e9","animation_url":"v"},
            "metadata":{"description":"d \"q\"","attributes":[{"name":"no"}],"symbol":1.0,"name":"n"}}"#;
        let expected =
            r#"{"name":"n","symbol":1.0,"image":"i\u00e9","description":"d \"q\"","external_url":null}"#;
        assert_eq!(metadata(content), expected);
    }

    #[test]
    fn what_a_collection_lacks_is_left_out() {
        assert_eq!(metadata(r#"{"metadata":{"symbol":""}}"#), r#"{"symbol":""}"#);
        assert_eq!(metadata(r#"{"metadata":{"name":"a","name":"b"},"links":null}"#), r#"{"name":"b"}"#);
        assert_eq!(metadata("null"), "{}");
        assert_eq!(collection_metadata(br#"{"content":[]}"#).expect("an object").as_str(), "{}");
    }

    #[test]
    fn what_is_no_body_is_refused() {
        for body in ["", "[]", "{", "null", r#"{"content":{"#] {
            assert!(collection_metadata(body.as_bytes()).is_err(), "{body}");
        }
    }
}
