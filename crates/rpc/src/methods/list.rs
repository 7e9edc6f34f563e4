//! What the list methods share: from a list and its parameters to the answer.

use std::io::Write;
use std::time::Instant;

use vitrine_model::ListKind;
use vitrine_store::{Display, ListPage, ListPlan, ListRef};

use crate::answer::{Answer, Payload};
use crate::cursor;
use crate::dispatch::Context;
use crate::door::Dialect;
use crate::error::CallError;
use crate::params::list::{ListParams, Options};
use crate::params::mode::Mode;
use crate::settings::UnknownList;

/// A list to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) list: ListRef,
    /// What the method calls its lists, in the sentence for one that never had an asset; `None` where such a list is
    /// an empty one.
    pub(super) called: Option<ListKind>,
    /// Whether unverified members stand in it too.
    pub(super) unverified: bool,
    pub(super) params: ListParams,
}

/// Reads the page and renders the result.
pub(super) async fn answer(context: &Context<'_>, wanted: Wanted) -> Result<Answer, CallError> {
    let plan = plan(context, &wanted);
    let asked = Instant::now();
    let page = context.app.store.list(&plan).await.map_err(too_large)?;
    let db = asked.elapsed();
    let first = matches!(wanted.params.mode, Mode::Beginning | Mode::Page(1));
    if let (None, true, Some(called)) = (page.total, first, wanted.called) {
        unknown(context, called)?;
    }
    let rows = page.count;
    Ok(Answer { result: render(page, &wanted.params, context.dialect), rows, db })
}

/// What there is to be said of a list that never had an asset: in the Helius dialect, that it is unknown.
pub(super) fn unknown(context: &Context<'_>, called: ListKind) -> Result<(), CallError> {
    if context.dialect == Dialect::Helius && context.app.settings.helius.unknown_list == UnknownList::NotFound
    {
        return Err(CallError::UnknownList(called));
    }
    Ok(())
}

/// What assets show with these options.
pub(super) fn display(context: &Context<'_>, options: Options) -> Display {
    let cdn_base = &context.app.settings.helius.cdn_base;
    Display {
        unverified: options.show_unverified_collections,
        collection_metadata: options.show_collection_metadata,
        fungible: options.show_fungible,
        inscription: options.show_inscription,
        cdn_base: (context.dialect == Dialect::Helius && !cdn_base.is_empty()).then(|| cdn_base.clone()),
    }
}

fn plan(context: &Context<'_>, wanted: &Wanted) -> ListPlan {
    ListPlan {
        list: wanted.list.clone(),
        unverified: wanted.unverified,
        sort: wanted.params.sort,
        direction: wanted.params.direction,
        start: wanted.params.start(),
        limit: wanted.params.limit,
        display: display(context, wanted.params.options),
        max_bytes: context.bytes_max,
        encoding: context.encoding,
    }
}

/// A page over the cap is for the caller to make smaller; any other error is ours.
pub(super) fn too_large(error: vitrine_store::StoreError) -> CallError {
    match error {
        vitrine_store::StoreError::TooLarge { .. } => CallError::response_too_large(),
        error => error.into(),
    }
}

/// The list envelope, in the order of providers.md 2.4; absent members are left out.
pub(super) fn render(page: ListPage, params: &ListParams, dialect: Dialect) -> Payload {
    let mut head = Vec::with_capacity(256);
    head.push(b'{');
    let mut member = |name: &str, value: std::fmt::Arguments<'_>| {
        write!(head, "\"{name}\":{value},").expect("a vector takes all writes");
    };
    if dialect == Dialect::Helius {
        member("last_indexed_slot", format_args!("{}", page.last_indexed_slot.get()));
    }
    if params.options.show_grand_total {
        member("grand_total", format_args!("{}", page.total.unwrap_or(0)));
    }
    member("total", format_args!("{}", page.count));
    member("limit", format_args!("{}", params.limit));
    if let Some(number) = page_number(&params.mode, dialect) {
        member("page", format_args!("{number}"));
    }
    // Bounds and cursors are base58 or base64: nothing in them needs an escape.
    if let Mode::Range { after, before } = &params.mode {
        if let Some((text, _)) = before {
            member("before", format_args!("\"{text}\""));
        }
        if let Some((text, _)) = after {
            member("after", format_args!("\"{text}\""));
        }
    }
    if let (Mode::Beginning | Mode::Cursor(_), Some(last)) = (&params.mode, page.last) {
        member("cursor", format_args!("\"{}\"", cursor::encode(last, params.sort, params.direction)));
    }
    head.extend_from_slice(b"\"items\":[");
    let mut result = Payload::from(head);
    result.extend(page.items);
    result.push("]}");
    result
}

/// What `page` says: decisions.md 1 "Modes" and 2 "no page, no cursor, no range".
pub(super) fn page_number<C, B>(mode: &Mode<C, B>, dialect: Dialect) -> Option<u64> {
    match (mode, dialect) {
        (Mode::Page(page), _) => Some(*page),
        (Mode::Beginning, Dialect::Helius) | (_, Dialect::Triport) => Some(1),
        _ => None,
    }
}
