//! The statements of a list page: every shape there is, made once from static pieces.
//!
//! A statement for bodies answers with one head row (its `asset_id` is null) and then the page's rows in page
//! order. The order needs no sort: keys come from an index in page order, and each body is fetched by primary
//! key in a nested loop over them. A statement for keys answers with one row: the head, and all keys in it.
//!
//! Parameters: `$1..$3` the list (kind, key, value), `$4` the limit, `$5` how many members to skip behind the
//! bound, `$6` the version that the list must have for that, or null, then by [`Bound`]:
//! `Greater` and `Less` `$7` id; `Between` `$7` lower and `$8` upper id; `Behind` `$7` slot and `$8` id.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::plan::{Direction, Sort, Start};
use crate::{ListPlan, Position};

/// What tells one statement from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Shape {
    pub(crate) sort: Sort,
    pub(crate) direction: Direction,
    pub(crate) bound: Bound,
    /// Unverified members too: two ranges, merged.
    pub(crate) unverified: bool,
    pub(crate) columns: Columns,
}

/// What a statement reads of each member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Columns {
    /// Ids and versions alone, from the narrow index.
    Keys,
    Bodies,
    /// Bodies and where options splice into them.
    Splices,
}

/// How the page is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Bound {
    None,
    Greater,
    Less,
    Between,
    Behind,
}

/// Every order that a list can be walked in, with its walk.
static SURVEYS: LazyLock<HashMap<Shape, &'static str>> = LazyLock::new(|| {
    let walks = shapes().filter(|shape| shape.bound == Bound::None && shape.columns == Columns::Keys);
    walks.map(|shape| (shape, &*survey(shape).leak())).collect()
});

static STATEMENTS: LazyLock<HashMap<Shape, &'static str>> =
    LazyLock::new(|| shapes().map(|shape| (shape, &*compose(shape).leak())).collect());

impl Shape {
    /// The shape of a plan that starts at `start`.
    pub(crate) fn of(plan: &ListPlan, start: Start, columns: Columns) -> Self {
        let bound = match (start, plan.sort, plan.direction) {
            (Start::Offset(_) | Start::Range { after: None, before: None }, _, _) => Bound::None,
            (Start::Range { after: Some(_), before: Some(_) }, _, _) => Bound::Between,
            (Start::Range { after: Some(_), before: None }, _, _)
            | (Start::Behind(_), Sort::Id, Direction::Asc) => Bound::Greater,
            (Start::Range { after: None, before: Some(_) }, _, _)
            | (Start::Behind(_), Sort::Id, Direction::Desc) => Bound::Less,
            (Start::Behind(Position { .. }), Sort::Created | Sort::Updated, _) => Bound::Behind,
        };
        Self { sort: plan.sort, direction: plan.direction, bound, unverified: plan.unverified, columns }
    }

    /// The statement of this shape.
    pub(crate) fn sql(self) -> &'static str {
        STATEMENTS[&self]
    }

    /// A name for the statement, as its golden file has it.
    pub(crate) fn name(self) -> String {
        let sort = match self.sort {
            Sort::Id => "id",
            Sort::Created => "created",
            Sort::Updated => "updated",
        };
        let direction = match self.direction {
            Direction::Asc => "asc",
            Direction::Desc => "desc",
        };
        let bound = format!("{:?}", self.bound).to_lowercase();
        let unverified = if self.unverified { "_unverified" } else { "" };
        let columns = format!("{:?}", self.columns).to_lowercase();
        format!("list_{sort}_{direction}_{bound}{unverified}_{columns}")
    }
}

/// Every shape that a plan can have.
pub(crate) fn shapes() -> impl Iterator<Item = Shape> {
    use Bound::{Behind, Between, Greater, Less, None};
    let sorts: [(Sort, &[Bound]); 3] = [
        (Sort::Id, &[None, Greater, Less, Between]),
        (Sort::Created, &[None, Behind]),
        (Sort::Updated, &[None, Behind]),
    ];
    let shapes = sorts.into_iter().flat_map(|(sort, bounds)| bounds.iter().map(move |&bound| (sort, bound)));
    let shapes = product(shapes, [Direction::Asc, Direction::Desc]);
    let shapes = product(shapes, [false, true]);
    product(shapes, [Columns::Keys, Columns::Bodies, Columns::Splices]).map(
        |((((sort, bound), direction), unverified), columns)| Shape {
            sort,
            direction,
            bound,
            unverified,
            columns,
        },
    )
}

/// A walk over all of a list's keys: every `$4`th place of it, with the version that the list has then.
pub(crate) fn survey_sql(sort: Sort, direction: Direction, unverified: bool) -> &'static str {
    SURVEYS[&Shape { sort, direction, bound: Bound::None, unverified, columns: Columns::Keys }]
}

fn product<A: Clone, B: Copy, const N: usize>(
    all: impl Iterator<Item = A>,
    with: [B; N],
) -> impl Iterator<Item = (A, B)> {
    all.flat_map(move |one| with.map(|other| (one.clone(), other)))
}

/// Names and texts of all statements.
pub(crate) fn statements() -> Vec<(String, &'static str)> {
    let pages = shapes().map(|shape| (shape.name(), shape.sql()));
    let surveys = SURVEYS.iter().map(|(shape, sql)| (shape.name().replacen("list", "survey", 1), *sql));
    pages.chain(surveys).collect()
}

fn compose(shape: Shape) -> String {
    [&list(shape), HEAD, &items(shape)].concat()
}

/// What stands in front of every answer.
const HEAD: &str = "\nSELECT (SELECT slot FROM watermark ORDER BY slot LIMIT 1) AS slot,\n       (SELECT total FROM whole) AS total,\n       (SELECT version FROM whole) AS version";

/// The list, and its parts together.
fn list(shape: Shape) -> String {
    let version = match shape.sort {
        Sort::Id | Sort::Created => "members_version",
        Sort::Updated => "order_version",
    };
    // A list whose members are all unverified is there, and empty to those who did not ask for them.
    let which = if shape.unverified { "" } else { " FILTER (WHERE verified)" };
    [
        "WITH list AS MATERIALIZED (\n    SELECT list_id, verified, total, ",
        version,
        " AS version FROM asset_list\n    WHERE kind = $1 AND key = $2 AND value = $3\n),\nwhole AS MATERIALIZED (\n    SELECT coalesce(sum(total)",
        which,
        ", 0)::bigint AS total,\n           sum(version)",
        which,
        "::bigint AS version\n    FROM list HAVING count(*) > 0\n)",
    ]
    .concat()
}

fn items(shape: Shape) -> String {
    // What nobody asks for costs both sides something on every row all the same.
    let (version, splices) = match shape.columns {
        Columns::Keys => return keys(shape),
        Columns::Bodies => ("NULL", "NULL"),
        Columns::Splices => ("asset.version", "asset.splices"),
    };
    let position = if shape.sort == Sort::Id { "NULL" } else { "page.position" };
    [
        ",\n       NULL::bytea AS asset_id, NULL::bigint AS position, NULL::bigint AS asset_version,\n       NULL::bytea AS body, NULL::bytea AS splices\nUNION ALL\nSELECT NULL, NULL, NULL, page.asset_id, ",
        position,
        ", ",
        version,
        ", asset.body, ",
        splices,
        "\nFROM (\n",
        &page_of_keys(shape),
        "\n) AS page\nJOIN asset ON asset.asset_id = page.asset_id",
    ]
    .concat()
}

fn survey(shape: Shape) -> String {
    [
        &list(shape),
        "\nSELECT (SELECT version FROM whole) AS version, walk.place, walk.asset_id, walk.position\nFROM (\n    SELECT row_number() OVER (ORDER BY ",
        position_order(shape),
        ") AS place, member.asset_id, member.position\n    FROM (\n",
        &ranges(shape),
        "\n    ) AS member\n) AS walk\nWHERE walk.place % $4::bigint = 0",
    ]
    .concat()
}

/// All keys in one row: 40 bytes each, and one row's work for both sides.
fn keys(shape: Shape) -> String {
    // Positions rise or fall along the page: the last one is the greatest or the least.
    let last = match (shape.sort, shape.direction) {
        (Sort::Id, _) => "NULL::bigint",
        (_, Direction::Asc) => "max(page.position)",
        (_, Direction::Desc) => "min(page.position)",
    };
    [
        ",\n       string_agg(page.asset_id, ''::bytea) AS asset_ids, ",
        last,
        " AS position, array_agg(page.version) AS versions\nFROM (\n",
        &page_of_keys(shape),
        "\n) AS page",
    ]
    .concat()
}

fn page_of_keys(shape: Shape) -> String {
    // A page past the end would skip every key to find nothing: the total says so first. So does the version
    // where the bound holds for that version alone.
    let limit = "\n    LIMIT CASE WHEN (SELECT $5::bigint < total AND ($6::bigint IS NULL OR $6::bigint IS NOT DISTINCT FROM version) FROM whole)\n          THEN $4::bigint ELSE 0 END OFFSET $5::bigint";
    [&ranges(shape), limit].concat()
}

/// The keys of a list in page order: one range, or two that are merged.
fn ranges(shape: Shape) -> String {
    let order = index_order(shape);
    let verified = [&member_range(shape, " WHERE verified"), order].concat();
    if !shape.unverified {
        return verified;
    }
    let unverified = [&member_range(shape, " WHERE NOT verified"), order].concat();
    [
        "    SELECT member.asset_id, member.position, member.version FROM (\n    (",
        &verified,
        ")\n    UNION ALL\n    (",
        &unverified,
        ")\n    ) AS member\n    ORDER BY ",
        position_order(shape),
    ]
    .concat()
}

/// One index range of one list.
fn member_range(shape: Shape, which: &'static str) -> String {
    let (position, key) = match shape.sort {
        Sort::Id => ("0::bigint", "member.asset_id"),
        Sort::Created => ("member.slot_created", "(member.slot_created, member.asset_id)"),
        Sort::Updated => ("member.slot_updated", "(member.slot_updated, member.asset_id)"),
    };
    let bound = match (shape.bound, shape.direction) {
        (Bound::None, _) => "",
        (Bound::Greater, _) => " > $7",
        (Bound::Less, _) => " < $7",
        (Bound::Between, _) => " > $7 AND member.asset_id < $8",
        (Bound::Behind, Direction::Asc) => " > ($7, $8)",
        (Bound::Behind, Direction::Desc) => " < ($7, $8)",
    };
    let bounded = if bound.is_empty() { ["", "", ""] } else { [" AND ", key, bound] };
    [
        "    SELECT member.asset_id, ",
        position,
        " AS position, member.version\n    FROM list_member AS member\n    WHERE member.list_id = (SELECT list_id FROM list",
        which,
        ")",
        bounded[0],
        bounded[1],
        bounded[2],
        "\n    ORDER BY ",
    ]
    .concat()
}

/// The order of a range of one list, in the columns of its index.
fn index_order(shape: Shape) -> &'static str {
    match (shape.sort, shape.direction) {
        (Sort::Id, Direction::Asc) => "member.asset_id",
        (Sort::Id, Direction::Desc) => "member.asset_id DESC",
        (Sort::Created, Direction::Asc) => "member.slot_created, member.asset_id",
        (Sort::Created, Direction::Desc) => "member.slot_created DESC, member.asset_id DESC",
        (Sort::Updated, Direction::Asc) => "member.slot_updated, member.asset_id",
        (Sort::Updated, Direction::Desc) => "member.slot_updated DESC, member.asset_id DESC",
    }
}

/// The order of merged ranges, in the columns that they share.
fn position_order(shape: Shape) -> &'static str {
    match (shape.sort, shape.direction) {
        (Sort::Id, Direction::Asc) => "member.asset_id",
        (Sort::Id, Direction::Desc) => "member.asset_id DESC",
        (_, Direction::Asc) => "member.position, member.asset_id",
        (_, Direction::Desc) => "member.position DESC, member.asset_id DESC",
    }
}
