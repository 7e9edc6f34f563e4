//! `getAssetSignatures`, also called `getSignaturesForAsset`: the transactions that changed a compressed asset's leaf;
//! and `getAssetSignaturesV2`, which tells the same with slots.

use std::time::Instant;

use serde::Serialize;
use vitrine_store::{Direction, LeafRef, LeafSignature, SignaturesPlan, Walk};

use super::walk::{self, Envelope};
use crate::answer::Answer;
use crate::cursor::Seq;
use crate::dispatch::Context;
use crate::door::Dialect;
use crate::error::{CallError, InvalidParams};
use crate::params::args::{Args, Field, field};
use crate::params::list::sort_direction;
use crate::params::mode::WalkParams;

/// The fields in positional order.
const FIELDS: [Field; 9] = [
    field("id"),
    field("limit"),
    field("page"),
    field("before"),
    field("after"),
    field("tree"),
    field("leafIndex"),
    field("cursor"),
    field("sortDirection"),
];

const WHICH: &str = "Validation Error: Must provide either 'id' or both 'tree' and 'leafIndex'";

/// What an instruction is called whose name is not known.
const UNKNOWN: &str = "Unknown";

/// The result (reference.md 2.1, `TransactionSignatureList`).
#[derive(Serialize)]
struct Signatures<'s> {
    #[serde(flatten)]
    envelope: Envelope,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    items: Vec<Item<'s>>,
}

/// A transaction, as a version of the method shows it.
#[derive(Serialize)]
#[serde(untagged)]
enum Item<'s> {
    /// Signature and name of the instruction.
    Pair(String, &'s str),
    /// The second version (reference.md 1.3).
    Told { signature: String, instruction: &'s str, slot: u64 },
}

/// Answers `getAssetSignatures`.
pub(crate) async fn call(context: Context<'_>) -> Result<Answer, CallError> {
    answer(context, |item| Item::Pair(item.signature.to_string(), instruction(item))).await
}

/// Answers `getAssetSignaturesV2`.
pub(crate) async fn call_v2(context: Context<'_>) -> Result<Answer, CallError> {
    answer(context, |item| Item::Told {
        signature: item.signature.to_string(),
        instruction: instruction(item),
        slot: item.slot.get(),
    })
    .await
}

fn instruction(item: &LeafSignature) -> &str {
    item.instruction.as_deref().unwrap_or(UNKNOWN)
}

/// A page of signatures, each shown in this way. What never was a leaf has no signatures, and that is no error.
async fn answer(context: Context<'_>, show: fn(&LeafSignature) -> Item<'_>) -> Result<Answer, CallError> {
    let (leaf, params) = parse(&context)?;
    let Walk { after, before, direction, skip, limit } = params.walk();
    let seq = |seq: Option<Seq>| seq.map(|Seq(seq)| seq);
    let walk = Walk { after: seq(after), before: seq(before), direction, skip, limit };
    let asked = Instant::now();
    let page = context.app.store.signatures(&SignaturesPlan { leaf, walk }).await?;
    let db = asked.elapsed();
    let last = page.items.last().map(|item| Seq(item.seq));
    let (envelope, cursor) =
        Envelope::of(context.dialect, &params, page.last_indexed_slot, page.items.len(), last);
    let result = Signatures { envelope, cursor, items: page.items.iter().map(show).collect() };
    let rows = u32::try_from(page.items.len()).unwrap_or(u32::MAX);
    Ok(Answer { result: walk::render(&context, &result)?, rows, db })
}

fn parse(context: &Context<'_>) -> Result<(LeafRef, WalkParams<Seq>), InvalidParams> {
    let args = Args::parse(context.params, &FIELDS, context.app.settings.rpc.strict_params)?;
    let (id, tree) = (args.optional_pubkey("id")?, args.optional_pubkey("tree")?);
    let leaf = match (id, tree, args.whole("leafIndex")?) {
        (Some(id), None, None) => LeafRef::Asset(id),
        (None, Some(tree), Some(leaf_index)) => LeafRef::Place { tree, leaf_index },
        _ => return Err(InvalidParams::rule("id", WHICH)),
    };
    // providers.md 1.2: Helius begins with the oldest, the reference with the newest.
    let usual = if context.dialect == Dialect::Helius { Direction::Asc } else { Direction::Desc };
    let params = WalkParams::parse(&args, context.dialect, sort_direction(&args)?, usual)?;
    Ok((leaf, params))
}
