//! `getAssetChanges`: assets in the order of their last change, for who follows the index. Beyond what others serve.

use std::io::Write;
use std::time::Instant;

use vitrine_model::Slot;
use vitrine_store::{ChangePlace, Changes, ChangesPlan};

use super::list;
use crate::answer::{Answer, Payload};
use crate::cursor::Place;
use crate::dispatch::Context;
use crate::door::Dialect;
use crate::error::{CallError, InvalidParams};
use crate::params::args::{Args, Field, field};
use crate::params::list::{DISPLAY, Options, limit};
use crate::params::mode::cursor_is_invalid;

/// The fields in positional order.
const FIELDS: [Field; 4] = [field("afterSlot"), field("limit"), field("cursor"), DISPLAY];

/// What was asked for.
struct Wanted {
    after: Option<(String, ChangePlace)>,
    after_slot: Option<Slot>,
    limit: u32,
    options: Options,
}

/// Answers the method. A cursor of another database, or of a future that this one has lost, is refused: whoever holds
/// it has to begin again.
pub(crate) async fn call(context: Context<'_>) -> Result<Answer, CallError> {
    let wanted = parse(&context)?;
    let plan = ChangesPlan {
        after: wanted.after.as_ref().map(|(_, place)| *place),
        after_slot: wanted.after_slot,
        limit: wanted.limit,
        display: list::display(&context, wanted.options),
        max_bytes: context.bytes_max,
    };
    let asked = Instant::now();
    let changes = context.app.store.changes(&plan).await.map_err(list::too_large)?;
    let db = asked.elapsed();
    let Some(changes) = changes else {
        let text = wanted.after.map(|(text, _)| text).unwrap_or_default();
        return Err(cursor_is_invalid("cursor", &text).into());
    };
    let rows = u32::try_from(changes.items.len()).unwrap_or(u32::MAX);
    Ok(Answer { result: render(changes, wanted.limit, context.dialect), rows, db })
}

fn parse(context: &Context<'_>) -> Result<Wanted, InvalidParams> {
    let strict = context.app.settings.rpc.strict_params;
    let args = Args::parse(context.params, &FIELDS, strict)?;
    let after_slot = args.whole("afterSlot")?.map(|slot| {
        Slot::new(slot).ok_or_else(|| InvalidParams::rule("afterSlot", "afterSlot must be below 2^63"))
    });
    let cursor = args.optional::<String>("cursor")?.filter(|text| !text.is_empty());
    let after = cursor.map(|text| match ChangePlace::from_text(&text) {
        Some(place) => Ok((text, place)),
        None => Err(cursor_is_invalid("cursor", &text)),
    });
    Ok(Wanted {
        after: after.transpose()?,
        after_slot: after_slot.transpose()?,
        limit: limit(&args)?,
        options: Options::parse(&args, strict)?,
    })
}

/// Each item is the slot of the change and the asset as it is now.
fn render(changes: Changes, limit: u32, dialect: Dialect) -> Payload {
    let mut head = Vec::with_capacity(256);
    head.push(b'{');
    let mut member = |name: &str, value: std::fmt::Arguments<'_>| {
        write!(head, "\"{name}\":{value},").expect("a vector takes all writes");
    };
    if dialect == Dialect::Helius {
        member("last_indexed_slot", format_args!("{}", changes.last_indexed_slot.get()));
    }
    member("total", format_args!("{}", changes.items.len()));
    member("limit", format_args!("{limit}"));
    // Base64: nothing in it needs an escape.
    member("cursor", format_args!("\"{}\"", changes.last.to_text()));
    member("caught_up", format_args!("{}", changes.caught_up));
    head.extend_from_slice(b"\"items\":[");
    let mut result = Payload::from(head);
    for (place, item) in changes.items.into_iter().enumerate() {
        let separator = if place == 0 { "" } else { "," };
        result.push(format!("{separator}{{\"slot\":{},\"asset\":", item.slot.get()));
        result.push(item.asset);
        result.push("}");
    }
    result.push("]}");
    result
}
