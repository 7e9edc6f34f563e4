//! How a page is chosen: by number, within bounds, behind a cursor. Pure.
//!
//! `C` is what a cursor names and `B` what a bound does.

use vitrine_store::{Direction, Walk};

use super::args::Args;
use super::list::limit;
use crate::cursor::Place;
use crate::door::Dialect;
use crate::error::InvalidParams;

/// The last page number: the official document has `page` as a uint32.
const PAGE_MAX: u64 = u32::MAX as u64;

/// How far a page number reaches where nobody remembers the places of an order: what it skips is read all the same. A cursor
/// skips nothing.
const OFFSET_MAX: u64 = 500_000;

const TOO_FAR: &str =
    "Paginating beyond 500000 items is not supported. Please use cursor based pagination instead.";
pub(super) const ONE_MODE: &str = "Pagination Error. Only one pagination parameter supported per query.";
pub(super) const NO_MODE: &str = "Pagination Error. No Pagination Method Selected";
const PAGE_TOO_LARGE: &str = "Pagination Error. Page should not be greater than 4294967295.";

/// How a page is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mode<C, B = C> {
    /// Nothing is said: the beginning.
    Beginning,
    /// By number, from 1.
    Page(u64),
    /// Within bounds, each with the text that it came as.
    Range { after: Option<(String, B)>, before: Option<(String, B)> },
    /// Behind a cursor.
    Cursor(C),
}

/// A part of an order as it is asked for: `limit`, `page`, `before`, `after` and `cursor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WalkParams<P> {
    pub(crate) limit: u32,
    pub(crate) mode: Mode<P>,
    pub(crate) direction: Direction,
}

impl<C, B> Mode<C, B> {
    /// Reads the fields `page` and `cursor`; the bounds (before, after) are read already, as texts.
    pub(super) fn parse(
        args: &Args<'_>,
        (before, after): (Option<String>, Option<String>),
        dialect: Dialect,
        cursor_of: impl Fn(&str) -> Option<C>,
        bound_of: impl Fn(&str, &str) -> Result<B, InvalidParams>,
    ) -> Result<Self, InvalidParams> {
        let cursor = text(args, "cursor")?;
        let bounded = before.is_some() || after.is_some();
        let page = match args.whole("page")? {
            // Two official clients always send a page, 1 or 0 where they mean none.
            Some(0 | 1) if bounded || cursor.is_some() => None,
            Some(_) if bounded || cursor.is_some() => return Err(InvalidParams::rule("page", ONE_MODE)),
            Some(page) if page > PAGE_MAX => return Err(InvalidParams::rule("page", PAGE_TOO_LARGE)),
            Some(0) if dialect == Dialect::Helius => None,
            Some(0) => return Err(InvalidParams::rule("page", NO_MODE)),
            page => page,
        };
        match (cursor, page) {
            (Some(_), _) if bounded => Err(InvalidParams::rule("cursor", ONE_MODE)),
            (Some(text), _) => {
                cursor_of(&text).map(Self::Cursor).ok_or_else(|| cursor_is_invalid("cursor", &text))
            }
            (None, _) if bounded => {
                let bound = |name, text: Option<String>| {
                    text.map(|text| bound_of(name, &text).map(|bound| (text, bound))).transpose()
                };
                Ok(Self::Range { after: bound("after", after)?, before: bound("before", before)? })
            }
            (None, Some(page)) => Ok(Self::Page(page)),
            (None, None) if dialect == Dialect::Triport => Ok(Self::Page(1)),
            (None, None) => Ok(Self::Beginning),
        }
    }
}

impl<P: Place> WalkParams<P> {
    /// Reads the fields. A page number reaches as far as [`within_reach`] says. Without a stated direction a lone bound is walked away from, anything else in the `usual` one.
    pub(crate) fn parse(
        args: &Args<'_>,
        dialect: Dialect,
        stated: Option<Direction>,
        usual: Direction,
    ) -> Result<Self, InvalidParams> {
        let limit = limit(args)?;
        let (before, after) = (text(args, "before")?, text(args, "after")?);
        let direction = stated.unwrap_or(match (&after, &before) {
            (Some(_), None) => Direction::Asc,
            (None, Some(_)) => Direction::Desc,
            _ => usual,
        });
        let bound = |name: &str, text: &str| P::from_text(text).ok_or_else(|| P::invalid(name, text));
        let mode = Mode::parse(args, (before, after), dialect, P::from_text, bound)?;
        let params = Self { limit, mode, direction };
        within_reach(params.walk().skip)?;
        Ok(params)
    }

    /// The same, in the store's terms.
    pub(crate) fn walk(&self) -> Walk<P> {
        let mut walk =
            Walk { after: None, before: None, direction: self.direction, skip: 0, limit: self.limit };
        match &self.mode {
            Mode::Beginning => {}
            Mode::Page(page) => walk.skip = (page - 1).saturating_mul(u64::from(self.limit)),
            Mode::Range { after, before } => {
                walk.after = after.as_ref().map(|(_, place)| *place);
                walk.before = before.as_ref().map(|(_, place)| *place);
            }
            Mode::Cursor(place) => match self.direction {
                Direction::Asc => walk.after = Some(*place),
                Direction::Desc => walk.before = Some(*place),
            },
        }
        walk
    }
}

/// Whether a page may skip so many items.
pub(crate) fn within_reach(skip: u64) -> Result<(), InvalidParams> {
    if skip > OFFSET_MAX {
        return Err(InvalidParams::rule("page", TOO_FAR));
    }
    Ok(())
}

/// A text field; an empty one is an absent one.
pub(super) fn text(args: &Args<'_>, name: &str) -> Result<Option<String>, InvalidParams> {
    Ok(args.optional::<String>(name)?.filter(|text| !text.is_empty()))
}

/// What there is to be said of a text that is no cursor, in the words that clients match on.
pub(crate) fn cursor_is_invalid(field: &str, text: &str) -> InvalidParams {
    InvalidParams::rule(field, format!("Cursor Validation Err: {text} is invalid"))
}
