//! `getAssetsByCreator`: the assets that name a creator, or with `onlyVerified` those that the creator has signed.

use vitrine_model::ListKind;
use vitrine_store::ListRef;

use super::list::{self, Wanted};
use crate::answer::Answer;
use crate::dispatch::Context;
use crate::error::{CallError, InvalidParams};
use crate::params::args::{Args, Field, field};
use crate::params::list::{ListParams, TAIL};

/// The fields in positional order.
const FIELDS: [Field; 9] = [
    field("creatorAddress"),
    field("onlyVerified"),
    TAIL[0],
    TAIL[1],
    TAIL[2],
    TAIL[3],
    TAIL[4],
    TAIL[5],
    TAIL[6],
];

/// Answers the method.
pub(crate) async fn call(context: Context<'_>) -> Result<Answer, CallError> {
    let wanted = parse(&context)?;
    list::answer(&context, wanted).await
}

fn parse(context: &Context<'_>) -> Result<Wanted, InvalidParams> {
    let strict = context.app.settings.rpc.strict_params;
    let args = Args::parse(context.params, &FIELDS, strict)?;
    Ok(Wanted {
        list: ListRef::of(ListKind::Creator, args.pubkey("creatorAddress")?),
        called: Some(ListKind::Creator),
        unverified: !args.flag("onlyVerified")?,
        params: ListParams::parse(&args, context.dialect, strict)?,
    })
}
