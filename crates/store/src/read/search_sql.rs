//! The statements of a search: every shape there is, made once from static pieces.
//!
//! A [`Driver`] finds assets in page order, and every other condition is held against the rows that it finds, so that
//! a page is full and behind its cursor comes the next one. Conditions are parameters that may be null: which of them are
//! asked for does not change the statement.
//!
//! Parameters: [`TYPES`], in order.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::plan::{Direction, Sort};

/// The most candidates that are sorted.
pub(crate) const GATHERED_MAX: i64 = 10_000;

/// The most members of several lists that are put in order for a page: a first page of a thousand of all the lists that a
/// search can name, which are 112 (`lead.rs`; a hundred of them collections).
pub(crate) const LISTED_MAX: i64 = 120_000;

/// What leads to the assets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Driver {
    /// One list, in its own order.
    List,
    /// Several lists: a page of each, sorted together.
    Lists,
    /// A key that few assets share, or slots in which few were created, of a list or of all: they are gathered, up to
    /// [`GATHERED_MAX`] of them, and sorted.
    Few,
    /// An owner's list, and the fungible tokens that the owner holds. By id two ranges are merged; by another order
    /// the tokens are gathered, up to [`GATHERED_MAX`] of them, and sorted.
    Held,
    /// All assets, in page order.
    All,
    /// The same, with conditions of which one is enough, or that must not hold.
    Sift,
}

/// What tells one statement from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    Page(Driver, Sort, Direction),
    Count(Driver),
}

/// The types of the parameters.
pub(crate) const TYPES: [&str; 38] = [
    // 1 to 5: limit, skip; slot and id of a bound, upper id
    "bigint",
    "bigint",
    "bigint",
    "bytea",
    "bytea", //
    // 6, 7: classes; lists that it must not stand in
    "smallint[]",
    "bigint[]", //
    // 8 to 10: lists that it must stand in; lists of a creator, lists of collections of which one is enough
    "bigint[]",
    "bigint[]",
    "bigint[]", //
    // 11 to 15: interface, classes, creators_signed, frozen, supply
    "text",
    "smallint[]",
    "smallint",
    "boolean",
    "bigint", //
    // 16 to 20: supply_mint, compressed, compressible, royalty_model, royalty_basis_points
    "bytea",
    "boolean",
    "boolean",
    "smallint",
    "bigint", //
    // 21 to 26: burnt, json_uri_digest, name, is_agent, asset_signer, collection_nft
    "boolean",
    "bytea",
    "bytea",
    "boolean",
    "bytea",
    "boolean", //
    // 27 to 29: first and last slot_created, whether that is asked for
    "bigint",
    "bigint",
    "boolean", //
    // 30 to 33: the driver's lists; its json_uri_digest, asset_signer or asset_id
    "bigint[]",
    "bytea",
    "bytea",
    "bytea", //
    // 34, 35: the holder; empty accounts too
    "bytea",
    "boolean", //
    // 36, 37: whether one condition is enough; whether they must not hold
    "boolean",
    "boolean", //
    // 38: whether the slots of 27 and 28 are the driver's, of all assets
    "boolean",
];

/// A condition: the parameter that asks for it, and what it asks. The first is of several lists: here all of them, and
/// where one condition is enough any of them.
const CONDITIONS: [(&str, &str); 20] = [
    ("$8::bigint[]", "asset.list_ids @> $8"),
    ("$9::bigint[]", "asset.list_ids && $9"),
    ("$10::bigint[]", "asset.list_ids && $10"),
    ("$11::text", "asset.interface = $11"),
    ("$12::smallint[]", "asset.token_class = ANY($12)"),
    ("$13::smallint", "asset.creators_signed & $13 <> 0"),
    ("$14::boolean", "asset.frozen = $14"),
    ("$15::bigint", "asset.supply = $15"),
    ("$16::bytea", "(asset.asset_id = $16 AND NOT asset.compressed AND asset.interface NOT LIKE 'MplCore%')"),
    ("$17::boolean", "asset.compressed = $17"),
    ("$18::boolean", "asset.compressible = $18"),
    ("$19::smallint", "asset.royalty_model = $19"),
    ("$20::bigint", "asset.royalty_basis_points = $20"),
    ("$21::boolean", "asset.burnt = $21"),
    ("$22::bytea", "asset.json_uri_digest = $22"),
    ("$23::bytea", "position($23 IN asset.name) > 0"),
    ("$24::boolean", "asset.is_agent = $24"),
    ("$25::bytea", "asset.asset_signer = $25"),
    (
        "$26::boolean",
        "(asset.interface = 'MplCoreCollection' OR EXISTS (SELECT FROM asset_list AS own WHERE own.kind = 1 AND own.key = 'collection' AND own.value = asset.asset_id AND own.verified AND own.total > 0)) = $26",
    ),
    ("$29::boolean", "asset.slot_created BETWEEN $27 AND $28"),
];

/// What holds of every asset that is found.
const ALWAYS: &str =
    "asset.listed\n      AND asset.token_class = ANY($6)\n      AND NOT asset.list_ids && $7::bigint[]";

/// The tokens of a holder, each once.
const HELD: &str = "    SELECT DISTINCT account.asset_id FROM account\n    WHERE account.kind = 1 AND NOT account.closed AND account.token_owner = $34\n      AND (account.token_amount > 0 OR $35::boolean)";

/// What an owner holds of these assets, over all accounts, and one of these: `$1` the owner, `$2` the ids.
pub(crate) const HOLDINGS: &str = "SELECT shown.asset_id, held.balance::text AS balance, held.accounts, held.address
FROM UNNEST($2::bytea[]) AS shown (asset_id)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(account.token_amount), 0) AS balance, count(*) AS accounts,
           (SELECT one.address FROM account AS one
            WHERE one.kind = 1 AND NOT one.closed AND one.token_owner = $1 AND one.asset_id = shown.asset_id
            ORDER BY one.address LIMIT 1) AS address
    FROM account
    WHERE account.kind = 1 AND NOT account.closed AND account.token_owner = $1 AND account.asset_id = shown.asset_id
) AS held
WHERE held.accounts > 0";

/// Of an owner's accounts of these mints the associated one, else the fullest: `$1` the owner, `$2` the mints, `$3` and `$4` where
/// the associated one of each is by either token program.
pub(crate) const NAMED: &str = "SELECT shown.asset_id, held.address
FROM UNNEST($2::bytea[], $3::bytea[], $4::bytea[]) AS shown (asset_id, by_token, by_token_2022)
CROSS JOIN LATERAL (
    SELECT account.address FROM account
    WHERE account.kind = 1 AND NOT account.closed AND account.token_owner = $1 AND account.asset_id = shown.asset_id
    ORDER BY (account.address = shown.by_token OR account.address = shown.by_token_2022) DESC NULLS LAST,
             account.token_amount DESC, account.address DESC
    LIMIT 1
) AS held";

/// Lists by their names, as they are in this snapshot: `$1` kinds, `$2` keys, `$3` values.
pub(crate) const LISTS: &str = "SELECT wanted.place, list.list_id, list.verified, list.total
FROM UNNEST($1::smallint[], $2::text[], $3::bytea[]) WITH ORDINALITY AS wanted (kind, key, value, place)
JOIN asset_list AS list USING (kind, key, value)";

/// How long the next statements of the transaction may run: `$1` milliseconds.
pub(crate) const TIME: &str = "SELECT set_config('statement_timeout', $1, true)";

/// The watermark alone, for an answer without items.
pub(crate) const WATERMARK: &str = "SELECT slot FROM watermark ORDER BY slot LIMIT 1";

static STATEMENTS: LazyLock<HashMap<Shape, &'static str>> =
    LazyLock::new(|| shapes().map(|shape| (shape, &*compose(shape).leak())).collect());

impl Shape {
    /// The statement of this shape.
    pub(crate) fn sql(self) -> &'static str {
        STATEMENTS[&self]
    }

    /// A name for the statement, as its golden file has it.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Page(driver, sort, direction) => {
                format!("search_{driver:?}_{sort:?}_{direction:?}").to_lowercase()
            }
            Self::Count(driver) => format!("search_{driver:?}_count").to_lowercase(),
        }
    }
}

/// Every shape that a plan can have.
pub(crate) fn shapes() -> impl Iterator<Item = Shape> {
    let drivers = [Driver::List, Driver::Lists, Driver::Few, Driver::Held, Driver::All, Driver::Sift];
    drivers.into_iter().flat_map(|driver| {
        let orders = [Sort::Id, Sort::Created, Sort::Updated]
            .into_iter()
            .flat_map(|sort| [Direction::Asc, Direction::Desc].map(|direction| (sort, direction)));
        let pages = orders.map(move |(sort, direction)| Shape::Page(driver, sort, direction));
        pages.chain([Shape::Count(driver)])
    })
}

/// Names and texts of all statements.
pub(crate) fn statements() -> Vec<(String, &'static str)> {
    let pages = shapes().map(|shape| (shape.name(), shape.sql()));
    let others = [
        ("search_lists", LISTS),
        ("search_holdings", HOLDINGS),
        ("search_named", NAMED),
        ("search_time", TIME),
        ("search_watermark", WATERMARK),
    ];
    pages.chain(others.map(|(name, sql)| (name.to_owned(), sql))).collect()
}

fn compose(shape: Shape) -> String {
    match shape {
        Shape::Page(driver, sort, direction) => page(driver, Order { sort, direction }),
        Shape::Count(driver) => {
            // The order is of no use; an order by id is one that every driver has without a sort.
            let order = Order { sort: Sort::Id, direction: Direction::Asc };
            let Found { with, gathered, rows } = found(driver, order, false);
            [with, "SELECT count(*) AS total, ", gathered, " AS gathered\nFROM (\n", &rows, "\n) AS found"]
                .concat()
        }
    }
}

/// The page's keys in one row, with the watermark and the number of candidates that were gathered.
fn page(driver: Driver, order: Order) -> String {
    let last = match (order.sort, order.direction) {
        (Sort::Id, _) => "NULL::bigint",
        (_, Direction::Asc) => "max(page.position)",
        (_, Direction::Desc) => "min(page.position)",
    };
    let Found { with, gathered, rows } = found(driver, order, true);
    [
        with,
        "SELECT (SELECT slot FROM watermark ORDER BY slot LIMIT 1) AS slot, ",
        gathered,
        " AS gathered,\n       string_agg(page.asset_id, ''::bytea) AS asset_ids, ",
        last,
        " AS position, array_agg(page.version) AS versions\nFROM (\n",
        &rows,
        "\nLIMIT $1 OFFSET $2\n) AS page",
    ]
    .concat()
}

/// A page's order.
#[derive(Debug, Clone, Copy)]
struct Order {
    sort: Sort,
    direction: Direction,
}

/// What finds assets: the rows `asset_id`, `position`, `version`, in page order.
struct Found {
    with: &'static str,
    gathered: &'static str,
    rows: String,
}

const NOTHING_GATHERED: &str = "0::bigint";
const FEW_GATHERED: &str = "(SELECT count(*) FROM few)";
const HELD_GATHERED: &str = "(SELECT count(*) FROM held)";

/// A limit of one more than may be gathered tells that there are more. [`GATHERED_MAX`] and one.
const FEW: &str = "WITH few AS MATERIALIZED (
    (SELECT asset.asset_id FROM asset WHERE asset.json_uri_digest = $31 LIMIT 10001)
    UNION ALL
    (SELECT asset.asset_id FROM asset WHERE asset.asset_signer = $32 LIMIT 10001)
    UNION ALL
    (SELECT asset.asset_id FROM asset WHERE asset.asset_id = $33)
    UNION ALL
    (SELECT member.asset_id FROM list_member AS member
     WHERE member.list_id = ($30::bigint[])[1] AND member.slot_created BETWEEN $27 AND $28 LIMIT 10001)
    UNION ALL
    (SELECT asset.asset_id FROM asset WHERE $38::boolean AND asset.slot_created BETWEEN $27 AND $28 LIMIT 10001)
)
";

/// Nothing is looked up where more were gathered than are sorted.
const FEW_ARE_FEW: &str = "\nWHERE (SELECT count(*) FROM few) <= 10000";
const HELD_ARE_FEW: &str = "\nWHERE (SELECT count(*) FROM held) <= 10000";

/// Likewise. An asset of which there are several accounts comes once.
const GATHER_HELD: &str = "WITH held AS MATERIALIZED (
    SELECT DISTINCT account.asset_id FROM account
    WHERE account.kind = 1 AND NOT account.closed AND account.token_owner = $34
      AND (account.token_amount > 0 OR $35::boolean)
    ORDER BY account.asset_id LIMIT 10001
)
";

/// What a driver finds; `bounded` by the page, or all of it.
fn found(driver: Driver, order: Order, bounded: bool) -> Found {
    let (with, gathered, rows) = match driver {
        Driver::List => ("", NOTHING_GATHERED, list(order, bounded, &conditions())),
        Driver::Lists => ("", NOTHING_GATHERED, lists(order, bounded)),
        Driver::Few => (FEW, FEW_GATHERED, candidates(("few", FEW_ARE_FEW), order, bounded, &conditions())),
        Driver::Held if order.sort == Sort::Id => ("", NOTHING_GATHERED, held(order, bounded)),
        Driver::Held => (GATHER_HELD, HELD_GATHERED, held(order, bounded)),
        Driver::All => {
            let span = if bounded { order.span(Rows::Asset) } else { "" };
            ("", NOTHING_GATHERED, all(order, bounded, &[&conditions(), span].concat()))
        }
        Driver::Sift => ("", NOTHING_GATHERED, all(order, bounded, &sifted())),
    };
    Found { with, gathered, rows }
}

/// The members of the first of the driver's lists.
fn list(order: Order, bounded: bool, conditions: &str) -> String {
    let rows = member_rows("($30::bigint[])[1]", order, bounded, conditions);
    [&rows, "\nORDER BY ", order.by_columns(Rows::Member)].concat()
}

/// As many members of each list as a page may need, sorted together. An asset of several lists counts in the first.
fn lists(order: Order, bounded: bool) -> String {
    let once = "\n      AND list.list_id = (SELECT min(own) FROM unnest(asset.list_ids) AS own WHERE own = ANY($30::bigint[]))";
    let rows = member_rows("list.list_id", order, bounded, &[&conditions(), once].concat());
    let enough = ["\nORDER BY ", order.by_columns(Rows::Member), "\nLIMIT $1 + $2"];
    let sorted = ["\nORDER BY ", order.by_position()];
    let (enough, sorted) = if bounded { (enough.concat(), sorted.concat()) } else { Default::default() };
    [
        "SELECT found.asset_id, found.position, found.version\nFROM unnest($30::bigint[]) AS list (list_id)\nCROSS JOIN LATERAL (\n",
        &rows,
        &enough,
        "\n) AS found",
        &sorted,
    ]
    .concat()
}

/// An owner's list, and the fungible tokens that the owner holds and that are not in that list.
fn held(order: Order, bounded: bool) -> String {
    let owned = list(order, bounded, &conditions());
    let others = "\n      AND asset.token_class = 1 AND NOT asset.list_ids && $30::bigint[]";
    let tokens = [&conditions(), others].concat();
    let tokens = if order.sort == Sort::Id {
        let bound = if bounded { order.bound(Rows::Account) } else { "" };
        let accounts =
            ["(\n", HELD, bound, "\n    ORDER BY ", order.by_columns(Rows::Account), "\n)"].concat();
        candidates((&accounts, ""), order, false, &tokens)
    } else {
        candidates(("held", HELD_ARE_FEW), order, bounded, &tokens)
    };
    [
        "SELECT found.asset_id, found.position, found.version FROM (\n(",
        &owned,
        ")\nUNION ALL\n(",
        &tokens,
        ")\n) AS found\nORDER BY ",
        order.by_position(),
    ]
    .concat()
}

/// Those of some candidates for which the conditions hold, unless `few_enough` says that they are too many.
fn candidates((from, few_enough): (&str, &str), order: Order, bounded: bool, conditions: &str) -> String {
    let bound = if bounded { order.bound(Rows::Asset) } else { "" };
    [
        "SELECT candidate.asset_id, asset.position, asset.version\nFROM ",
        from,
        " AS candidate\nCROSS JOIN LATERAL (\n    SELECT ",
        order.position(Rows::Asset),
        " AS position, asset.version FROM asset\n    WHERE asset.asset_id = candidate.asset_id",
        bound,
        "\n      AND ",
        conditions,
        "\n    OFFSET 0\n) AS asset",
        few_enough,
        "\nORDER BY ",
        order.by_candidate(),
    ]
    .concat()
}

/// All assets in page order.
fn all(order: Order, bounded: bool, conditions: &str) -> String {
    let bound = if bounded { order.bound(Rows::Asset) } else { "" };
    [
        "SELECT asset.asset_id, ",
        order.position(Rows::Asset),
        " AS position, asset.version\nFROM asset\nWHERE ",
        conditions,
        bound,
        "\nORDER BY ",
        order.by_columns(Rows::Asset),
    ]
    .concat()
}

/// Those members of a list for which the conditions hold. `OFFSET 0` keeps the planner from turning the join around:
/// the list leads, and each asset is looked up.
fn member_rows(list: &str, order: Order, bounded: bool, conditions: &str) -> String {
    let (span, bound) =
        if bounded { (order.span(Rows::Member), order.bound(Rows::Member)) } else { ("", "") };
    [
        "SELECT member.asset_id, ",
        order.position(Rows::Member),
        " AS position, member.version\nFROM list_member AS member\nCROSS JOIN LATERAL (\n    SELECT FROM asset\n    WHERE asset.asset_id = member.asset_id\n      AND ",
        conditions,
        "\n    OFFSET 0\n) AS asset\nWHERE member.list_id = ",
        list,
        span,
        bound,
    ]
    .concat()
}

/// All that are asked for hold.
fn conditions() -> String {
    let conditions = CONDITIONS.map(|(given, holds)| format!("\n      AND ({given} IS NULL OR {holds})"));
    [ALWAYS, &conditions.concat()].concat()
}

/// All that are asked for hold, or one of them, or not.
fn sifted() -> String {
    let all = CONDITIONS.map(|(given, holds)| format!("({given} IS NULL OR {holds})"));
    let mut any = CONDITIONS.map(|(given, holds)| format!("({given} IS NOT NULL AND {holds})"));
    any[0] = any[0].replace("@>", "&&");
    [
        ALWAYS,
        "\n      AND coalesce(CASE WHEN $36::boolean THEN ",
        &any.join("\n        OR "),
        "\n      ELSE ",
        &all.join("\n        AND "),
        " END, false) <> $37::boolean",
    ]
    .concat()
}

/// The rows that a range is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    Member,
    Asset,
    Account,
}

impl Order {
    /// The sort key besides the id.
    fn position(self, rows: Rows) -> &'static str {
        match (self.sort, rows) {
            (Sort::Id, _) | (_, Rows::Account) => "0::bigint",
            (Sort::Created, Rows::Member) => "member.slot_created",
            (Sort::Created, Rows::Asset) => "asset.slot_created",
            (Sort::Updated, Rows::Member) => "member.slot_updated",
            (Sort::Updated, Rows::Asset) => "asset.slot_updated",
        }
    }

    /// Where the page lies, in the columns of an index.
    fn bound(self, rows: Rows) -> &'static str {
        match (self.sort, self.direction, rows) {
            (Sort::Id, _, Rows::Member) => "\n  AND member.asset_id > $4 AND member.asset_id < $5",
            (Sort::Id, _, Rows::Asset) => "\n  AND asset.asset_id > $4 AND asset.asset_id < $5",
            (_, _, Rows::Account) => "\n      AND account.asset_id > $4 AND account.asset_id < $5",
            (Sort::Created, Direction::Asc, Rows::Member) => {
                "\n  AND (member.slot_created, member.asset_id) > ($3, $4)"
            }
            (Sort::Created, Direction::Desc, Rows::Member) => {
                "\n  AND (member.slot_created, member.asset_id) < ($3, $4)"
            }
            (Sort::Created, Direction::Asc, Rows::Asset) => {
                "\n  AND (asset.slot_created, asset.asset_id) > ($3, $4)"
            }
            (Sort::Created, Direction::Desc, Rows::Asset) => {
                "\n  AND (asset.slot_created, asset.asset_id) < ($3, $4)"
            }
            (Sort::Updated, Direction::Asc, Rows::Member) => {
                "\n  AND (member.slot_updated, member.asset_id) > ($3, $4)"
            }
            (Sort::Updated, Direction::Desc, Rows::Member) => {
                "\n  AND (member.slot_updated, member.asset_id) < ($3, $4)"
            }
            (Sort::Updated, Direction::Asc, Rows::Asset) => {
                "\n  AND (asset.slot_updated, asset.asset_id) > ($3, $4)"
            }
            (Sort::Updated, Direction::Desc, Rows::Asset) => {
                "\n  AND (asset.slot_updated, asset.asset_id) < ($3, $4)"
            }
        }
    }

    /// What is asked of the creation, where that is what rows are ordered by.
    fn span(self, rows: Rows) -> &'static str {
        match (self.sort, rows) {
            (Sort::Created, Rows::Member) => "\n  AND member.slot_created BETWEEN $27 AND $28",
            (Sort::Created, Rows::Asset) => "\n  AND asset.slot_created BETWEEN $27 AND $28",
            _ => "",
        }
    }

    /// The order in the columns of an index.
    fn by_columns(self, rows: Rows) -> &'static str {
        match (self.sort, self.direction, rows) {
            (Sort::Id, Direction::Asc, Rows::Member) => "member.asset_id",
            (Sort::Id, Direction::Desc, Rows::Member) => "member.asset_id DESC",
            (Sort::Id, Direction::Asc, Rows::Asset) => "asset.asset_id",
            (Sort::Id, Direction::Desc, Rows::Asset) => "asset.asset_id DESC",
            (_, Direction::Asc, Rows::Account) => "account.asset_id",
            (_, Direction::Desc, Rows::Account) => "account.asset_id DESC",
            (Sort::Created, Direction::Asc, Rows::Member) => "member.slot_created, member.asset_id",
            (Sort::Created, Direction::Desc, Rows::Member) => {
                "member.slot_created DESC, member.asset_id DESC"
            }
            (Sort::Created, Direction::Asc, Rows::Asset) => "asset.slot_created, asset.asset_id",
            (Sort::Created, Direction::Desc, Rows::Asset) => "asset.slot_created DESC, asset.asset_id DESC",
            (Sort::Updated, Direction::Asc, Rows::Member) => "member.slot_updated, member.asset_id",
            (Sort::Updated, Direction::Desc, Rows::Member) => {
                "member.slot_updated DESC, member.asset_id DESC"
            }
            (Sort::Updated, Direction::Asc, Rows::Asset) => "asset.slot_updated, asset.asset_id",
            (Sort::Updated, Direction::Desc, Rows::Asset) => "asset.slot_updated DESC, asset.asset_id DESC",
        }
    }

    /// The order of candidates with what was fetched for them.
    fn by_candidate(self) -> &'static str {
        match (self.sort, self.direction) {
            (Sort::Id, Direction::Asc) => "candidate.asset_id",
            (Sort::Id, Direction::Desc) => "candidate.asset_id DESC",
            (_, Direction::Asc) => "asset.position, candidate.asset_id",
            (_, Direction::Desc) => "asset.position DESC, candidate.asset_id DESC",
        }
    }

    /// The order of ranges that are put together.
    fn by_position(self) -> &'static str {
        match (self.sort, self.direction) {
            (Sort::Id, Direction::Asc) => "found.asset_id",
            (Sort::Id, Direction::Desc) => "found.asset_id DESC",
            (_, Direction::Asc) => "found.position, found.asset_id",
            (_, Direction::Desc) => "found.position DESC, found.asset_id DESC",
        }
    }
}
