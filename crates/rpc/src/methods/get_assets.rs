//! `getAssets`, also called `getAssetBatch`: assets by their ids, in the order of the ids.

use vitrine_model::Pubkey;

use super::{by_ids, list};
use crate::answer::{Answer, Payload};
use crate::dispatch::Context;
use crate::error::{CallError, InvalidParams};
use crate::params::args::{Args, Field, field, pubkey};
use crate::params::list::{DISPLAY, Options};

/// The fields in positional order.
const FIELDS: [Field; 2] = [field("ids"), DISPLAY];

/// The most ids of a call (reference.md 1.1, "Other validation").
const IDS_MAX: usize = 1000;

const TOO_MANY: &str = "Batch Size Error. Batch size should not be greater than 1000.";

/// Answers the method: an asset or `null` for each id.
pub(crate) async fn call(context: Context<'_>) -> Result<Answer, CallError> {
    let strict = context.app.settings.rpc.strict_params;
    let args = Args::parse(context.params, &FIELDS, strict)?;
    let (ids, options) = (ids(&args)?, Options::parse(&args, strict)?);
    let (assets, db) = by_ids::read(&context, ids, list::display(&context, options)).await?;
    let mut result = Payload::from("[");
    result.extend(assets.items);
    result.push("]");
    Ok(Answer { result, rows: assets.found, db })
}

/// The field `ids`.
pub(super) fn ids(args: &Args<'_>) -> Result<Vec<Pubkey>, InvalidParams> {
    let ids: Vec<String> = args.required("ids")?;
    if ids.len() > IDS_MAX {
        return Err(InvalidParams::rule("ids", TOO_MANY));
    }
    ids.iter().map(|id| pubkey("ids", id)).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::value::RawValue;
    use serde_json::{Value, json};

    use super::*;

    fn of(params: &Value) -> Result<Vec<Pubkey>, String> {
        let raw = RawValue::from_string(params.to_string()).unwrap();
        let args = Args::parse(Some(&raw), &FIELDS, true).unwrap();
        ids(&args).map_err(|error| format!("{}: {}", error.field, error.reason))
    }

    #[test]
    fn ids_keep_their_order_and_their_duplicates() {
        let [a, b] = [1, 2].map(|byte| Pubkey::from_bytes([byte; 32]));
        let texts = json!([b.to_string(), a.to_string(), b.to_string()]);
        assert_eq!(of(&json!({ "ids": texts })), Ok(vec![b, a, b]));
        assert_eq!(of(&json!([texts])), Ok(vec![b, a, b]));
        assert_eq!(of(&json!([[]])), Ok(Vec::new()));
    }

    #[test]
    fn ids_are_at_most_a_thousand_pubkeys() {
        let id = Pubkey::from_bytes([7; 32]).to_string();
        assert_eq!(of(&json!([vec![&id; IDS_MAX]])).map(|ids| ids.len()), Ok(IDS_MAX));
        assert_eq!(of(&json!([vec![&id; IDS_MAX + 1]])), Err(format!("ids: {TOO_MANY}")));
        let reason = "ids: Pubkey Validation Err: fox is invalid";
        assert_eq!(of(&json!([[id, "fox"]])), Err(reason.to_owned()));
        for wrong in [json!([id]), json!([[7]]), json!([[null]]), json!([{ "id": 7 }, null])] {
            assert!(of(&wrong).unwrap_err().starts_with("ids: "), "{wrong}");
        }
        assert_eq!(of(&json!([])), Err("ids: missing field `ids`".to_owned()));
    }
}
