//! JSON into a type, with the member at fault named where it is none of that type.

use serde::Deserialize;

/// Reads `text`. An error says where: `meta.innerInstructions[0].index: invalid type: …`.
///
/// The way to the member is looked for only where reading fails: to keep it in mind all along costs.
pub(crate) fn from_json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| {
        let named = serde_path_to_error::deserialize::<_, T>(&mut serde_json::Deserializer::from_str(text));
        named.map_or_else(|named| named.to_string(), |_| error.to_string())
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Outer {
        #[expect(dead_code, reason = "only its type matters")]
        list: Vec<(u8, bool)>,
    }

    #[test]
    fn the_member_at_fault_is_named() {
        for (text, start) in [
            (r#"{"list":[[1,true],[2,3]]}"#, "list[1][1]: invalid type: integer `3`"),
            (r#"{"list":7}"#, "list: invalid type: integer `7`"),
            ("{}", "missing field `list`"),
            (r#"{"list":[]} 5"#, "trailing characters"),
            ("", "EOF"),
        ] {
            let error = from_json::<Outer>(text).unwrap_err();
            assert!(error.starts_with(start), "{text}: {error}");
        }
        assert!(from_json::<Outer>(r#"{"list":[[1,true]]}"#).is_ok());
    }
}
