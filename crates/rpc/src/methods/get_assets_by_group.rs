//! `getAssetsByGroup`: the assets of a collection, of another group, or of a verified creator.

use vitrine_model::{ListKind, MAX_GROUP_BYTES, Pubkey};
use vitrine_store::ListRef;

use super::list::{self, Wanted};
use crate::answer::Answer;
use crate::dispatch::Context;
use crate::door::Dialect;
use crate::error::{CallError, InvalidParams};
use crate::params::args::{Args, Field, field, pubkey};
use crate::params::list::{ListParams, TAIL};

/// The fields in positional order.
const FIELDS: [Field; 9] =
    [field("groupKey"), field("groupValue"), TAIL[0], TAIL[1], TAIL[2], TAIL[3], TAIL[4], TAIL[5], TAIL[6]];

/// Answers the method.
pub(crate) async fn call(context: Context<'_>) -> Result<Answer, CallError> {
    let wanted = parse(&context)?;
    list::answer(&context, wanted).await
}

fn parse(context: &Context<'_>) -> Result<Wanted, InvalidParams> {
    let strict = context.app.settings.rpc.strict_params;
    let args = Args::parse(context.params, &FIELDS, strict)?;
    let (list, may_widen) = group(&args, context.dialect)?;
    let params = ListParams::parse(&args, context.dialect, strict)?;
    let unverified = may_widen && params.options.show_unverified_collections;
    Ok(Wanted { list, called: Some(ListKind::Group), unverified, params })
}

/// The list behind a group, and whether it has unverified members to show.
pub(super) fn group(args: &Args<'_>, dialect: Dialect) -> Result<(ListRef, bool), InvalidParams> {
    let (key, value): (String, String) = (args.required("groupKey")?, args.required("groupValue")?);
    list_of((&key, &value), ("groupKey", "groupValue"), dialect)
}

/// The same of a key and a value, which errors call by these names.
pub(super) fn list_of(
    (key, value): (&str, &str),
    (key_name, value_name): (&str, &str),
    dialect: Dialect,
) -> Result<(ListRef, bool), InvalidParams> {
    check_length(key_name, key)?;
    if key.contains('\0') {
        return Err(InvalidParams::rule(key_name, format!("{key_name} must not contain a NUL character")));
    }
    if dialect == Dialect::Triport && !matches!(key, "collection" | "group") {
        let reason = format!("{key_name} must be `collection` or `group`, not `{key}`");
        return Err(InvalidParams::rule(key_name, reason));
    }
    let list = |kind, key: &str, value| ListRef { kind, key: key.to_owned(), value };
    Ok(match key {
        "collection" | "group" => {
            (list(ListKind::Group, key, pubkey(value_name, value)?.as_bytes().to_vec()), true)
        }
        "creator" => {
            check_length(value_name, value)?;
            // Text that is no pubkey is nobody's: a list that never had an asset.
            let bytes =
                value.parse::<Pubkey>().map_or(value.as_bytes().to_vec(), |id| id.as_bytes().to_vec());
            (list(ListKind::Creator, "", bytes), false)
        }
        _ => {
            check_length(value_name, value)?;
            (list(ListKind::Group, key, value.as_bytes().to_vec()), true)
        }
    })
}

fn check_length(name: &str, text: &str) -> Result<(), InvalidParams> {
    if text.len() > MAX_GROUP_BYTES {
        let reason = format!("{name} must be at most {MAX_GROUP_BYTES} bytes, not {}", text.len());
        return Err(InvalidParams::rule(name, reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::value::RawValue;

    use super::*;

    fn list_of(key: &str, value: &str, dialect: Dialect) -> Result<(ListRef, bool), String> {
        let raw = RawValue::from_string(serde_json::json!([key, value]).to_string()).unwrap();
        let args = Args::parse(Some(&raw), &FIELDS, true).unwrap();
        group(&args, dialect).map_err(|error| error.field)
    }

    #[test]
    fn values_are_pubkeys_or_bounded_text() {
        let id = Pubkey::from_bytes([3; 32]);
        let of = |kind, key: &str, value: &[u8]| ListRef { kind, key: key.to_owned(), value: value.to_vec() };
        let helius = |key: &str, value: &str| list_of(key, value, Dialect::Helius);
        for key in ["collection", "group"] {
            assert_eq!(helius(key, &id.to_string()), Ok((of(ListKind::Group, key, &[3; 32]), true)));
            assert_eq!(helius(key, "not a key"), Err("groupValue".to_owned()));
        }
        assert_eq!(helius("community", "apes"), Ok((of(ListKind::Group, "community", b"apes"), true)));
        assert_eq!(helius("creator", &id.to_string()), Ok((of(ListKind::Creator, "", &[3; 32]), false)));
        assert_eq!(helius("creator", "x"), Ok((of(ListKind::Creator, "", b"x"), false)));
        assert!(helius("community", &"x".repeat(128)).is_ok());
        assert_eq!(helius("community", &"x".repeat(129)), Err("groupValue".to_owned()));
        assert_eq!(helius(&"x".repeat(129), "v"), Err("groupKey".to_owned()));
        assert_eq!(helius("a\0b", "v"), Err("groupKey".to_owned()));
        assert!(helius("a", "v\0").is_ok());
        assert_eq!(list_of("community", "apes", Dialect::Triport), Err("groupKey".to_owned()));
        assert!(list_of("group", &id.to_string(), Dialect::Triport).is_ok());
    }
}
