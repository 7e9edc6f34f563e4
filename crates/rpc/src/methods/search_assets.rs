//! `searchAssets`: assets by what is known of them.

use std::time::Instant;

use vitrine_store::{Filter, SearchPlan, Start, StoreError};

use super::{list, native_balance, search_filter};
use crate::answer::Answer;
use crate::dispatch::Context;
use crate::error::{CallError, InvalidParams};
use crate::params::args::{Args, Field, field};
use crate::params::list::ListParams;
use crate::params::mode;

/// The fields in positional order (reference.md 1.1), and behind them those that only have names.
pub(super) const FIELDS: [Field; 37] = [
    field("negate"),
    field("conditionType"),
    field("interface"),
    field("ownerAddress"),
    field("ownerType"),
    field("creatorAddress"),
    field("creatorVerified"),
    field("authorityAddress"),
    field("grouping"),
    Field { name: "delegate", aliases: &["delegateAddress"] },
    field("frozen"),
    field("supply"),
    field("supplyMint"),
    field("compressed"),
    field("compressible"),
    field("royaltyTargetType"),
    field("royaltyTarget"),
    field("royaltyAmount"),
    field("burnt"),
    field("sortBy"),
    field("limit"),
    field("page"),
    field("before"),
    field("after"),
    field("jsonUri"),
    Field { name: "options", aliases: &["displayOptions"] },
    field("cursor"),
    field("name"),
    field("tokenType"),
    field("isAgent"),
    field("agentToken"),
    field("assetSigner"),
    field("collections"),
    field("collectionNft"),
    field("not"),
    field("createdAt"),
    field("tree"),
];

/// Where `burnt` stands. An array of one of the contract's examples has one null too few in front of `sortBy`, which
/// is an object: where one stands here, `burnt` was left out (providers.md 6.2).
const BURNT: usize = 18;

const NOBODYS_BALANCE: &str = r#"Need to specify "ownerAddress" when using "showNativeBalance""#;
const TOO_BROAD: &str = "Search Error. Nothing that is asked for leads to these assets in time: add one of ownerAddress, \
    grouping, collections, creatorAddress, authorityAddress, tree or delegate.";
const TOO_DEEP: &str = "Pagination Error. The page is too far behind the beginning for several lists together. Please use \
    cursor based pagination instead.";
const TOO_MANY: &str = "Pagination Sorting Error. The owner holds more than 10000 tokens: only sorting based on id is \
    supported for them.";

/// Answers the method.
pub(crate) async fn call(context: Context<'_>) -> Result<Answer, CallError> {
    let (filter, params) = parse(&context)?;
    let balance_of = filter.conditions.owner.filter(|_| params.options.show_native_balance);
    let page = Box::pin(answer(&context, filter, &params));
    native_balance::beside(&context, balance_of, page).await
}

fn parse(context: &Context<'_>) -> Result<(Filter, ListParams), InvalidParams> {
    let strict = context.app.settings.rpc.strict_params;
    let args = Args::parse(context.params, &fields(context), strict)?;
    let params = ListParams::parse(&args, context.dialect, strict)?;
    let filter = search_filter::parse(&args, context.dialect, params.options, strict)?;
    if params.options.show_native_balance && filter.conditions.owner.is_none() {
        return Err(InvalidParams::rule("ownerAddress", NOBODYS_BALANCE));
    }
    Ok((filter, params))
}

/// The fields in the order in which these parameters have them.
fn fields(context: &Context<'_>) -> Vec<Field> {
    let values =
        context.params.map(|params| serde_json::from_str::<Vec<&serde_json::value::RawValue>>(params.get()));
    let short = matches!(values, Some(Ok(values)) if values.get(BURNT).is_some_and(|value| value.get().starts_with('{')));
    let mut fields = FIELDS.to_vec();
    if short {
        fields.remove(BURNT);
    }
    fields
}

/// Searches, and renders the result.
pub(super) async fn answer(
    context: &Context<'_>,
    filter: Filter,
    params: &ListParams,
) -> Result<Answer, CallError> {
    if let Start::Offset(offset) = params.start() {
        mode::within_reach(offset)?;
    }
    let plan = SearchPlan {
        filter,
        sort: params.sort,
        direction: params.direction,
        start: params.start(),
        limit: params.limit,
        count: params.options.show_grand_total,
        display: list::display(context, params.options),
        max_bytes: context.bytes_max,
        encoding: context.encoding,
    };
    let asked = Instant::now();
    let page = context.app.store.search(&plan).await.map_err(refused)?;
    let db = asked.elapsed();
    let rows = page.count;
    Ok(Answer { result: list::render(page, params, context.dialect), rows, db })
}

/// A search that cannot be served is for the caller to narrow.
fn refused(error: StoreError) -> CallError {
    match error {
        StoreError::TooBroad => InvalidParams::rule("params", TOO_BROAD).into(),
        StoreError::TooDeep { .. } => InvalidParams::rule("page", TOO_DEEP).into(),
        StoreError::TooMany { .. } => InvalidParams::rule("sortBy", TOO_MANY).into(),
        error => list::too_large(error),
    }
}
