//! What all lists are asked with: order, page, display options. Pure.

use vitrine_model::Pubkey;
use vitrine_store::{Direction, Position, Sort, Start};

use super::args::{Args, Field, field, pubkey};
use super::mode::{self, text};
use crate::cursor;
use crate::door::Dialect;
use crate::error::InvalidParams;

/// The most items of a page, and how many there are when nothing is said (decisions.md 1, "limit").
pub(crate) const LIMIT_MAX: u32 = 1000;

/// The fields that end every list method's parameters, in positional order (reference.md 1.1).
pub(crate) const TAIL: [Field; 7] = [
    field("sortBy"),
    field("limit"),
    field("page"),
    field("before"),
    field("after"),
    Field { name: "options", aliases: &["displayOptions"] },
    field("cursor"),
];

/// The display options, for methods that are no lists.
pub(crate) const DISPLAY: Field = TAIL[5];

const SORT_BY: [Field; 2] = [field("sortBy"), field("sortDirection")];

const OPTIONS: [Field; 7] = [
    field("showUnverifiedCollections"),
    field("showCollectionMetadata"),
    field("showGrandTotal"),
    field("showFungible"),
    field("showInscription"),
    field("showNativeBalance"),
    // For token accounts, and for tokens that somebody holds: assets without a supply are in no list.
    field("showZeroBalance"),
];

const LIMIT_TOO_LARGE: &str = "Pagination Error. Limit should not be greater than 1000.";
const ONLY_BY_ID: &str =
    "Pagination Sorting Error. Only sorting based on id is supported for this pagination option.";

/// A list's page as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListParams {
    pub(crate) sort: Sort,
    pub(crate) direction: Direction,
    pub(crate) limit: u32,
    pub(crate) mode: Mode,
    pub(crate) options: Options,
}

/// How a list's page is chosen: cursors are positions of its order, bounds are ids.
pub(crate) type Mode = mode::Mode<Position, Pubkey>;

/// `options`, also spelled `displayOptions`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "seven options, each on or off")]
pub(crate) struct Options {
    pub(crate) show_unverified_collections: bool,
    pub(crate) show_collection_metadata: bool,
    pub(crate) show_grand_total: bool,
    pub(crate) show_fungible: bool,
    pub(crate) show_inscription: bool,
    pub(crate) show_native_balance: bool,
    /// Of token accounts, and of lists of what somebody holds.
    pub(crate) show_zero_balance: bool,
}

impl ListParams {
    /// Reads the fields of [`TAIL`].
    pub(crate) fn parse(args: &Args<'_>, dialect: Dialect, strict: bool) -> Result<Self, InvalidParams> {
        let limit = limit(args)?;
        let (sort, by_id, stated) = sort_by(args, strict)?;
        let before = text(args, "before")?;
        let after = text(args, "after")?;
        let direction = stated.unwrap_or(match (&after, &before) {
            // Walking on by the last id works both ways without saying the direction.
            (Some(_), None) => Direction::Asc,
            _ => Direction::Desc,
        });
        let bound = |name: &str, text: &str| {
            if by_id { pubkey(name, text) } else { Err(InvalidParams::rule("sortBy", ONLY_BY_ID)) }
        };
        let cursor = |text: &str| cursor::decode(text, sort, direction);
        let mode = Mode::parse(args, (before, after), dialect, cursor, bound)?;
        let options = Options::parse(args, strict)?;
        Ok(Self { sort, direction, limit, mode, options })
    }

    /// Where the page starts.
    pub(crate) fn start(&self) -> Start {
        match &self.mode {
            Mode::Beginning => Start::Offset(0),
            Mode::Page(page) => Start::Offset((page - 1).saturating_mul(u64::from(self.limit))),
            Mode::Range { after, before } => Start::Range {
                after: after.as_ref().map(|(_, id)| *id),
                before: before.as_ref().map(|(_, id)| *id),
            },
            Mode::Cursor(position) => Start::Behind(*position),
        }
    }
}

/// The field `limit`.
pub(crate) fn limit(args: &Args<'_>) -> Result<u32, InvalidParams> {
    match args.whole("limit")? {
        None => Ok(LIMIT_MAX),
        Some(limit) => u32::try_from(limit)
            .ok()
            .filter(|limit| *limit <= LIMIT_MAX)
            .ok_or_else(|| InvalidParams::rule("limit", LIMIT_TOO_LARGE)),
    }
}

impl Options {
    /// Reads the field [`DISPLAY`].
    pub(crate) fn parse(args: &Args<'_>, strict: bool) -> Result<Self, InvalidParams> {
        let Some(raw) = args.raw(DISPLAY.name) else { return Ok(Self::default()) };
        let args = Args::nested(raw, "options.", &OPTIONS, strict)?;
        Ok(Self {
            show_unverified_collections: args.flag("showUnverifiedCollections")?,
            show_collection_metadata: args.flag("showCollectionMetadata")?,
            show_grand_total: args.flag("showGrandTotal")?,
            show_fungible: args.flag("showFungible")?,
            show_inscription: args.flag("showInscription")?,
            show_native_balance: args.flag("showNativeBalance")?,
            show_zero_balance: args.flag("showZeroBalance")?,
        })
    }
}

/// The sort, whether it is `id` by name, and the direction if it is said.
fn sort_by(args: &Args<'_>, strict: bool) -> Result<(Sort, bool, Option<Direction>), InvalidParams> {
    let Some(raw) = args.raw("sortBy") else { return Ok((Sort::Id, true, None)) };
    let args = Args::nested(raw, "sortBy.", &SORT_BY, strict)?;
    let (sort, by_id) = match args.optional::<String>("sortBy")?.as_deref() {
        None | Some("id" | "key") => (Sort::Id, true),
        // "a stable order of the server's choice"
        Some("none") => (Sort::Id, false),
        Some("created") => (Sort::Created, false),
        Some("updated" | "recent_action" | "recentAction") => (Sort::Updated, false),
        Some(other) => {
            let reason = format!(
                "unknown variant `{other}`, expected one of `id`, `created`, `updated`, `recent_action`, `none`"
            );
            return Err(InvalidParams::shape("sortBy.sortBy", reason));
        }
    };
    Ok((sort, by_id, sort_direction(&args)?))
}

/// The field `sortDirection`.
pub(crate) fn sort_direction(args: &Args<'_>) -> Result<Option<Direction>, InvalidParams> {
    match args.optional::<String>("sortDirection")?.as_deref() {
        None => Ok(None),
        Some("asc") => Ok(Some(Direction::Asc)),
        Some("desc") => Ok(Some(Direction::Desc)),
        Some(other) => {
            let reason = format!("unknown variant `{other}`, expected `asc` or `desc`");
            Err(InvalidParams::shape(args.path("sortDirection"), reason))
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::value::RawValue;
    use vitrine_model::Slot;

    use super::mode::{NO_MODE, ONE_MODE};
    use super::*;

    fn parse(json: &str, dialect: Dialect) -> Result<ListParams, InvalidParams> {
        let raw = RawValue::from_string(json.to_owned()).unwrap();
        ListParams::parse(&Args::parse(Some(&raw), &TAIL, false).unwrap(), dialect, false)
    }

    fn mode(json: &str, dialect: Dialect) -> Result<Mode, String> {
        parse(json, dialect)
            .map(|params| params.mode)
            .map_err(|error| format!("{}: {}", error.field, error.reason))
    }

    #[test]
    fn pages_beside_bounds_and_cursors() {
        let id = Pubkey::from_bytes([7; 32]);
        let after = Mode::Range { after: Some((id.to_string(), id)), before: None };
        let cursor = Mode::Cursor(Position { slot: Slot::default(), id });
        for dialect in [Dialect::Helius, Dialect::Infura, Dialect::Triport] {
            for page in ["", r#","page":0"#, r#","page":1"#, r#","page":null"#] {
                assert_eq!(mode(&format!(r#"{{"after":"{id}"{page}}}"#), dialect), Ok(after.clone()));
                assert_eq!(mode(&format!(r#"{{"cursor":"{id}"{page}}}"#), dialect), Ok(cursor.clone()));
            }
            for other in ["after", "before", "cursor"] {
                let both = mode(&format!(r#"{{"{other}":"{id}","page":2}}"#), dialect);
                assert_eq!(both, Err(format!("page: {ONE_MODE}")));
            }
            let both = mode(&format!(r#"{{"after":"{id}","cursor":"{id}"}}"#), dialect);
            assert_eq!(both, Err(format!("cursor: {ONE_MODE}")));
            assert_eq!(mode(r#"{"page":3,"before":"","after":"","cursor":""}"#, dialect), Ok(Mode::Page(3)));
        }
    }

    #[test]
    fn no_page_and_page_zero_by_dialect() {
        assert_eq!(mode("{}", Dialect::Helius), Ok(Mode::Beginning));
        assert_eq!(mode("{}", Dialect::Infura), Ok(Mode::Beginning));
        assert_eq!(mode("{}", Dialect::Triport), Ok(Mode::Page(1)));
        assert_eq!(mode(r#"{"page":0}"#, Dialect::Helius), Ok(Mode::Beginning));
        for dialect in [Dialect::Infura, Dialect::Triport] {
            assert_eq!(mode(r#"{"page":0}"#, dialect), Err(format!("page: {NO_MODE}")));
        }
    }

    #[test]
    fn the_direction_follows_a_lone_bound() {
        let id = Pubkey::from_bytes([7; 32]);
        let direction =
            |json: &str| parse(&json.replace("ID", &id.to_string()), Dialect::Helius).unwrap().direction;
        assert_eq!(direction("{}"), Direction::Desc);
        assert_eq!(direction(r#"{"after":"ID"}"#), Direction::Asc);
        assert_eq!(direction(r#"{"before":"ID"}"#), Direction::Desc);
        assert_eq!(direction(r#"{"before":"ID","after":"ID"}"#), Direction::Desc);
        assert_eq!(
            direction(r#"{"after":"ID","sortBy":{"sortBy":"id","sortDirection":"desc"}}"#),
            Direction::Desc
        );
    }

    #[test]
    fn bounds_only_by_id() {
        let id = Pubkey::from_bytes([7; 32]);
        for sort in ["created", "updated", "recent_action", "recentAction", "none"] {
            let json = format!(r#"{{"after":"{id}","sortBy":{{"sortBy":"{sort}"}}}}"#);
            assert_eq!(mode(&json, Dialect::Helius), Err(format!("sortBy: {ONLY_BY_ID}")));
        }
    }

    #[test]
    fn errors_name_the_nested_field() {
        for (json, field) in [
            (r#"{"limit":1001}"#, "limit"),
            (r#"{"limit":"10"}"#, "limit"),
            (r#"{"limit":-1}"#, "limit"),
            (r#"{"limit":1e999}"#, "limit"),
            (r#"{"page":1.5}"#, "page"),
            (r#"{"sortBy":"created"}"#, "sortBy"),
            (r#"{"sortBy":{"sortBy":"age"}}"#, "sortBy.sortBy"),
            (r#"{"sortBy":{"sortDirection":"up"}}"#, "sortBy.sortDirection"),
            (r#"{"options":{"showGrandTotal":1}}"#, "options.showGrandTotal"),
            (r#"{"options":[]}"#, "options"),
            (r#"{"before":"0OIl"}"#, "before"),
            (r#"{"cursor":"0OIl"}"#, "cursor"),
        ] {
            assert_eq!(
                parse(json, Dialect::Infura).map_err(|error| error.field),
                Err(field.to_owned()),
                "{json}"
            );
        }
    }
}
