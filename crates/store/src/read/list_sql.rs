//! The statements of a list page: every shape there is, made once from static pieces.
//!
//! A statement for bodies answers with one head row (its `asset_id` is null) and then the page's rows in page
//! order. The order needs no sort: keys come from an index in page order, and each body is fetched by primary
//! key in a nested loop over them. A statement for keys answers with one row: the head, and all keys in it.
//!
//! Parameters: `$1..$3` the list (kind, key, value), `$4` the limit, `$5` how many members to skip from the
//! bound on, `$6` the version that the list must have for that, or null, then by [`Bound`]:
//! `Greater` and `Less` `$7` id; `Between` `$7` lower and `$8` upper id; `Behind` and `Ahead` `$7` slot and `$8` id,
//! or `$7` id where the order has no slot.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::members::Origin;
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
    /// From the `$5`th member on (the first one is 0), which is looked for from the nearer end of the list.
    Nearer,
    /// From the member on that stands `$5` members ahead of the one at the bound.
    Ahead,
}

/// Every order that a list can be walked in, with its walk.
static SURVEYS: LazyLock<HashMap<Shape, &'static str>> = LazyLock::new(|| {
    let walks = shapes().filter(|shape| shape.bound == Bound::None && shape.columns == Columns::Keys);
    walks.map(|shape| (shape, &*survey(shape).leak())).collect()
});

/// What is said of a list as a whole.
static HEADS: LazyLock<HashMap<Shape, &'static str>> = LazyLock::new(|| {
    let heads = [Sort::Id, Sort::Updated]
        .into_iter()
        .flat_map(|sort| [false, true].map(|unverified| (sort, unverified)));
    heads
        .map(|(sort, unverified)| head_shape(sort, unverified))
        .map(|shape| (shape, &*head(shape).leak()))
        .collect()
});

static STATEMENTS: LazyLock<HashMap<Shape, &'static str>> =
    LazyLock::new(|| shapes().map(|shape| (shape, &*compose(shape).leak())).collect());

impl Shape {
    /// The shape of a plan that is read from `origin`.
    pub(crate) fn of(plan: &ListPlan, origin: Origin, columns: Columns) -> Self {
        let bound = match origin {
            Origin::NearerEnd => Bound::Nearer,
            Origin::Back(_) => Bound::Ahead,
            Origin::Start(start) => Bound::of(start, plan.sort, plan.direction),
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

impl Bound {
    fn of(start: Start, sort: Sort, direction: Direction) -> Self {
        match (start, sort, direction) {
            (Start::Offset(_) | Start::Range { after: None, before: None }, _, _) => Self::None,
            (Start::Range { after: Some(_), before: Some(_) }, _, _) => Self::Between,
            (Start::Range { after: Some(_), before: None }, _, _)
            | (Start::Behind(_), Sort::Id, Direction::Asc) => Self::Greater,
            (Start::Range { after: None, before: Some(_) }, _, _)
            | (Start::Behind(_), Sort::Id, Direction::Desc) => Self::Less,
            (Start::Behind(Position { .. }), Sort::Created | Sort::Updated, _) => Self::Behind,
        }
    }
}

/// Every shape that a plan can have.
pub(crate) fn shapes() -> impl Iterator<Item = Shape> {
    use Bound::{Ahead, Behind, Between, Greater, Less, Nearer, None};
    let sorts: [(Sort, &[Bound]); 3] = [
        (Sort::Id, &[None, Greater, Less, Between, Nearer, Ahead]),
        (Sort::Created, &[None, Behind, Nearer, Ahead]),
        (Sort::Updated, &[None, Behind, Nearer, Ahead]),
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

/// The head of an answer alone, with the versions by which a remembered page holds.
pub(crate) fn head_sql(sort: Sort, unverified: bool) -> &'static str {
    HEADS[&head_shape(sort, unverified)]
}

/// Ids and slots of creation change together: one statement for both.
fn head_shape(sort: Sort, unverified: bool) -> Shape {
    let sort = if sort == Sort::Updated { sort } else { Sort::Id };
    Shape { sort, direction: Direction::Asc, bound: Bound::None, unverified, columns: Columns::Keys }
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
    let heads = HEADS.iter().map(|(shape, sql)| (shape.name().replacen("list", "head", 1), *sql));
    pages.chain(surveys).chain(heads).collect()
}

fn head(shape: Shape) -> String {
    [HEAD, &changed(shape), "\nFROM (SELECT) AS one\nLEFT JOIN (\n", &list(shape), "\n) AS list ON true"]
        .concat()
}

/// The versions by which a remembered page holds: of each list that it is read from.
fn changed(shape: Shape) -> String {
    let unverified = if shape.unverified { ", list.unverified_changed" } else { "" };
    [", list.changed", unverified].concat()
}

fn compose(shape: Shape) -> String {
    match shape.columns {
        Columns::Keys => keys(shape),
        Columns::Bodies => rows(shape, "NULL", "NULL"),
        Columns::Splices => rows(shape, "asset.version", "asset.splices"),
    }
}

/// What stands in front of every answer.
const HEAD: &str =
    "SELECT (SELECT slot FROM watermark ORDER BY slot LIMIT 1) AS slot, list.total, list.version";

/// The list, in at most one row. Joins and no common table: each of those is one more node to start and to end, which
/// is most of what a short page costs.
fn list(shape: Shape) -> String {
    let version = match shape.sort {
        Sort::Id | Sort::Created => "members_version",
        Sort::Updated => "order_version",
    };
    if shape.unverified {
        let part = |which| {
            [" ON ", which, ".kind = $1 AND ", which, ".key = $2 AND ", which, ".value = $3 AND "].concat()
        };
        let sum = |of| {
            ["coalesce(verified.", of, " + unverified.", of, ", verified.", of, ", unverified.", of, ")"]
                .concat()
        };
        return [
            "    SELECT verified.list_id, unverified.list_id AS unverified_id,\n           ",
            &sum("total"),
            " AS total,\n           ",
            &sum(version),
            " AS version,\n           verified.order_version AS changed, unverified.order_version AS unverified_changed\n    FROM (SELECT) AS one\n    LEFT JOIN asset_list AS verified",
            &part("verified"),
            "verified.verified\n    LEFT JOIN asset_list AS unverified",
            &part("unverified"),
            "NOT unverified.verified",
        ]
        .concat();
    }
    // A list whose members are all unverified is there, and empty to those who did not ask for them.
    [
        "    SELECT CASE WHEN verified THEN list_id END AS list_id, CASE WHEN verified THEN total ELSE 0 END AS total,\n           CASE WHEN verified THEN ",
        version,
        " END AS version,\n           CASE WHEN verified THEN order_version END AS changed\n    FROM asset_list WHERE kind = $1 AND key = $2 AND value = $3\n    ORDER BY verified DESC LIMIT 1",
    ]
    .concat()
}

/// The head, and the page's rows with their bodies behind it. What nobody asks for costs both sides something on every
/// row all the same.
fn rows(shape: Shape, version: &'static str, splices: &'static str) -> String {
    let position = if shape.sort == Sort::Id { "NULL" } else { "page.position" };
    [
        "WITH list AS MATERIALIZED (\n",
        &list(shape),
        "\n)\n",
        HEAD,
        ",\n       NULL::bytea AS asset_id, NULL::bigint AS position, NULL::bigint AS asset_version,\n       NULL::bytea AS body, NULL::bytea AS splices\nFROM (SELECT) AS one LEFT JOIN list ON true\nUNION ALL\nSELECT NULL, NULL, NULL, page.asset_id, ",
        position,
        ", ",
        version,
        ", asset.body, ",
        splices,
        "\nFROM list",
        &first(shape),
        "\nCROSS JOIN LATERAL (\n",
        &page_of_keys(shape),
        "\n) AS page\nJOIN asset ON asset.asset_id = page.asset_id",
    ]
    .concat()
}

fn survey(shape: Shape) -> String {
    [
        "SELECT list.version, walk.place, walk.asset_id, walk.position\nFROM (\n",
        &list(shape),
        "\n) AS list\nCROSS JOIN LATERAL (\n    SELECT row_number() OVER (ORDER BY ",
        position_order(shape),
        ") AS place, member.asset_id, member.position\n    FROM (\n",
        &ranges(shape, ""),
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
        HEAD,
        ",\n       page.asset_ids, page.position, page.versions",
        &changed(shape),
        "\nFROM (SELECT) AS one\nLEFT JOIN (\n",
        &list(shape),
        "\n) AS list ON true",
        &first(shape),
        "\nLEFT JOIN LATERAL (\n    SELECT string_agg(page.asset_id, ''::bytea) AS asset_ids, ",
        last,
        " AS position, array_agg(page.version) AS versions\n    FROM (\n",
        &page_of_keys(shape),
        "\n    ) AS page\n) AS page ON true",
    ]
    .concat()
}

/// Whether what is said of the list holds for the version that it has.
const HOLDS: &str = "($6::bigint IS NULL OR $6::bigint IS NOT DISTINCT FROM list.version)";

/// Where a page begins that is not reached by skipping from a bound in its own direction: one key, found from the nearer
/// end of the list or by walking back from the bound. The end that is not the nearer one is not looked at: a limit of 0
/// asks for no row at all.
fn first(shape: Shape) -> String {
    let reversed = match shape.direction {
        Direction::Asc => Direction::Desc,
        Direction::Desc => Direction::Asc,
    };
    let back = |condition: &str| ranges(Shape { direction: reversed, ..shape }, condition);
    let found = match shape.bound {
        Bound::Nearer => [
            "    (\n",
            &ranges(shape, ""),
            "\n    LIMIT CASE WHEN $5::bigint < (list.total + 1) / 2 AND ",
            HOLDS,
            " THEN 1 ELSE 0 END OFFSET $5::bigint)\n    UNION ALL\n    (\n",
            &back(""),
            "\n    LIMIT CASE WHEN $5::bigint >= (list.total + 1) / 2 AND $5::bigint < list.total AND ",
            HOLDS,
            "\n          THEN 1 ELSE 0 END OFFSET greatest(list.total - 1 - $5::bigint, 0))",
        ]
        .concat(),
        Bound::Ahead => [
            &back(&up_to_bound(shape)),
            "\n    LIMIT CASE WHEN $5::bigint < list.total AND ",
            HOLDS,
            " THEN 1 ELSE 0 END OFFSET $5::bigint",
        ]
        .concat(),
        _ => return String::new(),
    };
    ["\nLEFT JOIN LATERAL (\n", &found, "\n) AS first ON true"].concat()
}

fn page_of_keys(shape: Shape) -> String {
    // A page past the end would skip every key to find nothing: the total says so first. So does the version
    // where the bound holds for that version alone.
    let limit = match shape.bound {
        // The first one was asked the same; where there is none, nothing follows it.
        Bound::Nearer | Bound::Ahead => "\n    LIMIT $4::bigint".to_owned(),
        _ => [
            "\n    LIMIT CASE WHEN $5::bigint < list.total AND ",
            HOLDS,
            "\n          THEN $4::bigint ELSE 0 END OFFSET $5::bigint",
        ]
        .concat(),
    };
    [&*ranges(shape, &within_bound(shape)), &limit].concat()
}

/// Keys of a list in the shape's order: one range, or two that are merged.
fn ranges(shape: Shape, condition: &str) -> String {
    let verified = member_range(shape, "list.list_id", condition);
    if !shape.unverified {
        return verified;
    }
    [
        "    SELECT member.asset_id, member.position, member.version FROM (\n    (",
        &verified,
        ")\n    UNION ALL\n    (",
        &member_range(shape, "list.unverified_id", condition),
        ")\n    ) AS member\n    ORDER BY ",
        position_order(shape),
    ]
    .concat()
}

/// One index range of one list; `condition` says which part of it.
fn member_range(shape: Shape, list_id: &'static str, condition: &str) -> String {
    let position = match shape.sort {
        Sort::Id => "0::bigint",
        Sort::Created => "member.slot_created",
        Sort::Updated => "member.slot_updated",
    };
    [
        "    SELECT member.asset_id, ",
        position,
        " AS position, member.version\n    FROM list_member AS member\n    WHERE member.list_id = ",
        list_id,
        condition,
        "\n    ORDER BY ",
        index_order(shape),
    ]
    .concat()
}

/// What a member is compared by.
fn key(shape: Shape) -> &'static str {
    match shape.sort {
        Sort::Id => " AND member.asset_id",
        Sort::Created => " AND (member.slot_created, member.asset_id)",
        Sort::Updated => " AND (member.slot_updated, member.asset_id)",
    }
}

/// Which members a page may show, by its bound alone.
fn within_bound(shape: Shape) -> String {
    let bound = match (shape.bound, shape.direction) {
        (Bound::None, _) => return String::new(),
        (Bound::Nearer | Bound::Ahead, direction) => match (direction, shape.sort) {
            (Direction::Asc, Sort::Id) => " >= first.asset_id",
            (Direction::Desc, Sort::Id) => " <= first.asset_id",
            (Direction::Asc, _) => " >= (first.position, first.asset_id)",
            (Direction::Desc, _) => " <= (first.position, first.asset_id)",
        },
        (Bound::Greater, _) => " > $7",
        (Bound::Less, _) => " < $7",
        (Bound::Between, _) => " > $7 AND member.asset_id < $8",
        (Bound::Behind, Direction::Asc) => " > ($7, $8)",
        (Bound::Behind, Direction::Desc) => " < ($7, $8)",
    };
    [key(shape), bound].concat()
}

/// The members up to the one at the bound, which is one of them.
fn up_to_bound(shape: Shape) -> String {
    let bound = match (shape.direction, shape.sort) {
        (Direction::Asc, Sort::Id) => " <= $7",
        (Direction::Desc, Sort::Id) => " >= $7",
        (Direction::Asc, _) => " <= ($7, $8)",
        (Direction::Desc, _) => " >= ($7, $8)",
    };
    [key(shape), bound].concat()
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
