//! `getGrouping`: how many assets a group has.

use std::time::Instant;

use serde::Serialize;
use vitrine_model::ListKind;
use vitrine_store::{Direction, Display, ListPlan, Sort, Start};

use super::get_assets_by_group::group;
use super::list;
use crate::answer::{Answer, Payload};
use crate::dispatch::Context;
use crate::door::Dialect;
use crate::error::CallError;
use crate::params::args::{Args, Field, field};

/// The fields in positional order.
const FIELDS: [Field; 2] = [field("groupKey"), field("groupValue")];

/// The result (reference.md 2.1, `GetGroupingResponse`).
#[derive(Serialize)]
struct Grouping {
    #[serde(skip_serializing_if = "Option::is_none")]
    last_indexed_slot: Option<u64>,
    group_key: String,
    /// The group's value, as it was asked for.
    group_name: String,
    /// The assets that getAssetsByGroup lists.
    group_size: u64,
}

/// Answers the method: from the list's total, without looking at an asset.
pub(crate) async fn call(context: Context<'_>) -> Result<Answer, CallError> {
    let args = Args::parse(context.params, &FIELDS, context.app.settings.rpc.strict_params)?;
    let (list, _) = group(&args, context.dialect)?;
    let plan = ListPlan {
        list,
        unverified: false,
        sort: Sort::Id,
        direction: Direction::Asc,
        start: Start::Offset(0),
        limit: 0,
        display: Display::default(),
        max_bytes: context.bytes_max,
        encoding: context.encoding,
    };
    let asked = Instant::now();
    let page = context.app.store.list(&plan).await?;
    let db = asked.elapsed();
    if page.total.is_none() {
        list::unknown(&context, ListKind::Group)?;
    }
    let result = Grouping {
        last_indexed_slot: (context.dialect == Dialect::Helius).then(|| page.last_indexed_slot.get()),
        group_key: args.required("groupKey")?,
        group_name: args.required("groupValue")?,
        group_size: page.total.unwrap_or(0),
    };
    let result = serde_json::to_string(&result).expect("a grouping has only text keys");
    Ok(Answer { result: Payload::from(result), rows: 0, db })
}
