//! `getNftEditions`: the editions that were printed of a master edition.

use std::time::Instant;

use serde::Serialize;
use vitrine_model::Pubkey;
use vitrine_store::{Direction, EditionPlace, EditionRow, EditionsPlan};

use super::walk::{self, Envelope};
use crate::answer::Answer;
use crate::dispatch::Context;
use crate::error::{CallError, InvalidParams};
use crate::params::args::{Args, Field, field};
use crate::params::mode::WalkParams;

/// The fields in positional order.
const FIELDS: [Field; 6] = [
    Field { name: "mintAddress", aliases: &["mint"] },
    field("page"),
    field("limit"),
    field("before"),
    field("after"),
    field("cursor"),
];

/// The result (reference.md 2.1, `NftEditions`).
#[derive(Serialize)]
struct Page {
    #[serde(flatten)]
    envelope: Envelope,
    master_edition_address: Pubkey,
    supply: u64,
    max_supply: Option<u64>,
    editions: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// An edition, under the names of all dialects.
#[derive(Serialize)]
struct Shown {
    mint: Pubkey,
    mint_address: Pubkey,
    edition_address: Pubkey,
    edition: u64,
    edition_number: u64,
}

/// Answers the method. A mint without a master edition is an error, a master edition without prints is not.
pub(crate) async fn call(context: Context<'_>) -> Result<Answer, CallError> {
    let (mint, params) = parse(&context)?;
    let asked = Instant::now();
    let page = context.app.store.editions(&EditionsPlan { mint, walk: params.walk() }).await?;
    let db = asked.elapsed();
    let master = page.master.ok_or(CallError::UnknownEditions)?;
    let last = page.items.last().map(|item| item.place);
    let (envelope, cursor) =
        Envelope::of(context.dialect, &params, page.last_indexed_slot, page.items.len(), last);
    let result = Page {
        envelope,
        master_edition_address: master.address,
        supply: master.supply,
        max_supply: master.max_supply,
        editions: page.items.iter().map(Shown::of).collect(),
        cursor,
    };
    let rows = u32::try_from(page.items.len()).unwrap_or(u32::MAX);
    Ok(Answer { result: walk::render(&context, &result)?, rows, db })
}

fn parse(context: &Context<'_>) -> Result<(Pubkey, WalkParams<EditionPlace>), InvalidParams> {
    let args = Args::parse(context.params, &FIELDS, context.app.settings.rpc.strict_params)?;
    Ok((args.pubkey("mintAddress")?, WalkParams::parse(&args, context.dialect, None, Direction::Asc)?))
}

impl Shown {
    fn of(row: &EditionRow) -> Self {
        Self {
            mint: row.mint,
            mint_address: row.mint,
            edition_address: row.place.address,
            edition: row.place.number,
            edition_number: row.place.number,
        }
    }
}
