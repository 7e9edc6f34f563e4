//! `getTokenAccounts`: the token accounts of an owner, of a mint, or of both.

use std::time::Instant;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use vitrine_model::{Json, Pubkey};
use vitrine_store::{Direction, Holding, TokenAccountRow, TokenAccountsPlan};

use super::walk::{self, Envelope};
use crate::answer::Answer;
use crate::dispatch::Context;
use crate::door::Dialect;
use crate::error::{CallError, InvalidParams};
use crate::params::args::{Args, Field, field};
use crate::params::list::{DISPLAY, Options};
use crate::params::mode::WalkParams;

/// The fields in positional order.
const FIELDS: [Field; 8] = [
    Field { name: "ownerAddress", aliases: &["owner"] },
    Field { name: "mintAddress", aliases: &["mint"] },
    field("limit"),
    field("page"),
    field("before"),
    field("after"),
    DISPLAY,
    field("cursor"),
];

const WHICH: &str = "Either 'ownerAddress' or 'mintAddress' must be provided";

/// The result (reference.md 2.1, `TokenAccountList`). `cursor` and `errors` are never left out there.
#[derive(Serialize)]
struct Page<'t> {
    #[serde(flatten)]
    envelope: Envelope,
    token_accounts: Vec<Shown<'t>>,
    cursor: Option<String>,
    /// Accounts that could not be read: there are none, a fault of the index is an error of the call.
    errors: [(); 0],
}

/// A token account.
#[derive(Serialize)]
struct Shown<'t> {
    address: Pubkey,
    mint: Pubkey,
    owner: Pubkey,
    amount: u64,
    delegate: Option<Pubkey>,
    delegated_amount: u64,
    frozen: bool,
    close_authority: Option<Pubkey>,
    extensions: Option<Verbatim<'t>>,
    /// What Helius calls the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_extensions: Option<Verbatim<'t>>,
}

/// JSON that is sent as it is stored.
#[derive(Clone, Copy)]
struct Verbatim<'t>(&'t Json);

/// Answers the method.
pub(crate) async fn call(context: Context<'_>) -> Result<Answer, CallError> {
    let (holding, with_empty, params) = parse(&context)?;
    let plan = TokenAccountsPlan { holding, with_empty, walk: params.walk() };
    let asked = Instant::now();
    let page = context.app.store.token_accounts(&plan).await?;
    let db = asked.elapsed();
    let last = page.items.last().map(|item| item.address);
    let (envelope, cursor) =
        Envelope::of(context.dialect, &params, page.last_indexed_slot, page.items.len(), last);
    let token_accounts = page.items.iter().map(|row| Shown::of(row, context.dialect)).collect();
    let result = Page { envelope, token_accounts, cursor, errors: [] };
    let rows = u32::try_from(page.items.len()).unwrap_or(u32::MAX);
    Ok(Answer { result: walk::render(&context, &result)?, rows, db })
}

fn parse(context: &Context<'_>) -> Result<(Holding, bool, WalkParams<Pubkey>), InvalidParams> {
    let strict = context.app.settings.rpc.strict_params;
    let args = Args::parse(context.params, &FIELDS, strict)?;
    let holding = match (args.optional_pubkey("ownerAddress")?, args.optional_pubkey("mintAddress")?) {
        (Some(owner), Some(mint)) => Holding::Both { owner, mint },
        (Some(owner), None) => Holding::Owner(owner),
        (None, Some(mint)) => Holding::Mint(mint),
        (None, None) => return Err(InvalidParams::rule("ownerAddress", WHICH)),
    };
    let options = Options::parse(&args, strict)?;
    let params = WalkParams::parse(&args, context.dialect, None, Direction::Desc)?;
    Ok((holding, options.show_zero_balance, params))
}

impl<'t> Shown<'t> {
    fn of(row: &'t TokenAccountRow, dialect: Dialect) -> Self {
        let extensions = row.extensions.as_ref().map(Verbatim);
        Self {
            address: row.address,
            mint: row.mint,
            owner: row.owner,
            amount: row.amount,
            delegate: row.delegate,
            delegated_amount: row.delegated_amount,
            frozen: row.frozen,
            close_authority: row.close_authority,
            extensions,
            token_extensions: extensions.filter(|_| dialect == Dialect::Helius),
        }
    }
}

impl Serialize for Verbatim<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(self.0.as_str()).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}
