//! What the methods share that walk one order: the envelope of a page.

use serde::Serialize;
use vitrine_model::Slot;

use super::list::page_number;
use crate::answer::Payload;
use crate::cursor::Place;
use crate::dispatch::Context;
use crate::door::Dialect;
use crate::error::CallError;
use crate::params::mode::{Mode, WalkParams};

/// What stands in front of a page's items; absent members are left out.
#[derive(Debug, Serialize)]
pub(super) struct Envelope {
    #[serde(skip_serializing_if = "Option::is_none")]
    last_indexed_slot: Option<u64>,
    /// The items of this page.
    total: usize,
    limit: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

impl Envelope {
    /// The envelope of a page with so many items, and its cursor if it has one: a page that was asked for with neither a
    /// number nor a bound, and has an item.
    pub(super) fn of<P: Place>(
        dialect: Dialect,
        params: &WalkParams<P>,
        slot: Slot,
        total: usize,
        last: Option<P>,
    ) -> (Self, Option<String>) {
        let bound = |bound: &Option<(String, P)>| bound.as_ref().map(|(text, _)| text.clone());
        let (after, before) = match &params.mode {
            Mode::Range { after, before } => (bound(after), bound(before)),
            _ => (None, None),
        };
        let cursor = match &params.mode {
            Mode::Beginning | Mode::Cursor(_) => last.map(Place::to_text),
            _ => None,
        };
        let envelope = Self {
            last_indexed_slot: (dialect == Dialect::Helius).then(|| slot.get()),
            total,
            limit: params.limit,
            page: page_number(&params.mode, dialect),
            before,
            after,
        };
        (envelope, cursor)
    }
}

/// A result as JSON, within the answer's cap.
pub(super) fn render(context: &Context<'_>, result: &impl Serialize) -> Result<Payload, CallError> {
    let text = serde_json::to_string(result).map_err(|error| CallError::Internal(error.into()))?;
    if text.len() > context.bytes_max {
        return Err(CallError::response_too_large());
    }
    Ok(Payload::from(text))
}
