//! `getAsset`: one asset by its id, also one that is burnt.

use vitrine_model::Pubkey;

use super::{by_ids, list};
use crate::answer::{Answer, Payload};
use crate::dispatch::Context;
use crate::door::Dialect;
use crate::error::{CallError, InvalidParams};
use crate::params::args::{Args, Field, field};
use crate::params::list::{DISPLAY, Options};

/// The fields in positional order.
const FIELDS: [Field; 2] = [field("id"), DISPLAY];

/// Answers the method.
pub(crate) async fn call(context: Context<'_>) -> Result<Answer, CallError> {
    let (id, options) = parse(&context)?;
    let mut display = list::display(&context, options);
    // decisions.md 2, "`token_info` without showFungible"
    display.fungible |= context.dialect == Dialect::Helius;
    let (assets, db) = by_ids::read(&context, vec![id], display).await?;
    if assets.found == 0 {
        return Err(CallError::UnknownAsset);
    }
    let mut result = Payload::default();
    result.extend(assets.items);
    Ok(Answer { result, rows: assets.found, db })
}

fn parse(context: &Context<'_>) -> Result<(Pubkey, Options), InvalidParams> {
    let strict = context.app.settings.rpc.strict_params;
    let args = Args::parse(context.params, &FIELDS, strict)?;
    Ok((args.pubkey("id")?, Options::parse(&args, strict)?))
}
