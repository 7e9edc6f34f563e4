//! `getAssetsByOwner`: the assets that somebody has.

use vitrine_model::{ListKind, Pubkey};
use vitrine_store::ListRef;

use super::list::{self, Wanted};
use super::{native_balance, search_assets, search_filter};
use crate::answer::Answer;
use crate::dispatch::Context;
use crate::error::{CallError, InvalidParams};
use crate::params::args::{Args, Field, field};
use crate::params::list::{ListParams, TAIL};

/// The fields in positional order.
const FIELDS: [Field; 8] =
    [field("ownerAddress"), TAIL[0], TAIL[1], TAIL[2], TAIL[3], TAIL[4], TAIL[5], TAIL[6]];

/// Answers the method. With `showFungible` the tokens that the owner holds stand in the list too.
pub(crate) async fn call(context: Context<'_>) -> Result<Answer, CallError> {
    let (owner, params) = parse(&context)?;
    let told_of = params.options.show_native_balance.then_some(owner);
    let page = Box::pin(page(&context, owner, params));
    native_balance::beside(&context, told_of, page).await
}

async fn page(context: &Context<'_>, owner: Pubkey, params: ListParams) -> Result<Answer, CallError> {
    if params.options.show_fungible {
        let filter = search_filter::held_by(owner, params.options);
        return search_assets::answer(context, filter, &params).await;
    }
    // Everybody may own something: decisions.md 2, "owner without assets".
    let list = ListRef::of(ListKind::Owner, owner);
    list::answer(context, Wanted { list, called: None, unverified: false, params }).await
}

fn parse(context: &Context<'_>) -> Result<(Pubkey, ListParams), InvalidParams> {
    let strict = context.app.settings.rpc.strict_params;
    let args = Args::parse(context.params, &FIELDS, strict)?;
    Ok((args.pubkey("ownerAddress")?, ListParams::parse(&args, context.dialect, strict)?))
}
