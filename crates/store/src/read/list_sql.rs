//! The statements of a list page: every shape there is, made once from static pieces.
//!
//! A statement answers with one head row (watermark and total; its `asset_id` is null) and then the page's
//! rows in page order. The order needs no sort: keys come from an index in page order, and each body is
//! fetched by primary key in a nested loop over them.
//!
//! Parameters: `$1..$3` the list (kind, key, value), `$4` the limit, then by [`Bound`]:
//! `Offset` `$5` offset; `Greater` and `Less` `$5` id; `Between` `$5` lower and `$6` upper id;
//! `Behind` `$5` slot and `$6` id.

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
    /// Whether the splices come with the bodies.
    pub(crate) splices: bool,
}

/// How the page is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Bound {
    Offset,
    Greater,
    Less,
    Between,
    Behind,
}

static STATEMENTS: LazyLock<HashMap<Shape, &'static str>> =
    LazyLock::new(|| shapes().map(|shape| (shape, &*compose(shape).leak())).collect());

impl Shape {
    /// The shape of a plan.
    pub(crate) fn of(plan: &ListPlan) -> Self {
        let bound = match (plan.start, plan.sort, plan.direction) {
            (Start::Offset(_) | Start::Range { after: None, before: None }, _, _) => Bound::Offset,
            (Start::Range { after: Some(_), before: Some(_) }, _, _) => Bound::Between,
            (Start::Range { after: Some(_), before: None }, _, _)
            | (Start::Behind(_), Sort::Id, Direction::Asc) => Bound::Greater,
            (Start::Range { after: None, before: Some(_) }, _, _)
            | (Start::Behind(_), Sort::Id, Direction::Desc) => Bound::Less,
            (Start::Behind(Position { .. }), Sort::Created | Sort::Updated, _) => Bound::Behind,
        };
        Self {
            sort: plan.sort,
            direction: plan.direction,
            bound,
            unverified: plan.unverified,
            splices: !plan.display.as_model().is_plain(),
        }
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
        let splices = if self.splices { "_splices" } else { "" };
        format!("list_{sort}_{direction}_{bound}{unverified}{splices}")
    }
}

/// Every shape that a plan can have.
pub(crate) fn shapes() -> impl Iterator<Item = Shape> {
    use Bound::{Behind, Between, Greater, Less, Offset};
    let sorts: [(Sort, &[Bound]); 3] = [
        (Sort::Id, &[Offset, Greater, Less, Between]),
        (Sort::Created, &[Offset, Behind]),
        (Sort::Updated, &[Offset, Behind]),
    ];
    sorts.into_iter().flat_map(|(sort, bounds)| {
        bounds.iter().flat_map(move |&bound| {
            [Direction::Asc, Direction::Desc].into_iter().flat_map(move |direction| {
                [(false, false), (false, true), (true, false), (true, true)]
                    .into_iter()
                    .map(move |(unverified, splices)| Shape { sort, direction, bound, unverified, splices })
            })
        })
    })
}

fn compose(shape: Shape) -> String {
    let splices = if shape.splices { ", asset.splices" } else { ", NULL::bytea" };
    // A list whose members are all unverified is there, and empty to those who did not ask for them.
    let total =
        if shape.unverified { "sum(total)" } else { "coalesce(sum(total) FILTER (WHERE verified), 0)" };
    [
        "WITH list AS MATERIALIZED (\n    SELECT list_id, verified, total FROM asset_list\n    WHERE kind = $1 AND key = $2 AND value = $3\n),\nwhole AS MATERIALIZED (\n    SELECT ",
        total,
        "::bigint AS total FROM list HAVING count(*) > 0\n)\nSELECT (SELECT slot FROM watermark WHERE source = 'import') AS slot,\n       (SELECT total FROM whole) AS total,\n       NULL::bytea AS asset_id, NULL::bigint AS position, NULL::bytea AS body, NULL::bytea AS splices\nUNION ALL\nSELECT NULL, NULL, page.asset_id, page.position, asset.body",
        splices,
        "\nFROM (\n",
        &page_of_keys(shape),
        "\n) AS page\nJOIN asset ON asset.asset_id = page.asset_id",
    ]
    .concat()
}

fn page_of_keys(shape: Shape) -> String {
    let limit = match shape.bound {
        // A page past the end would skip every key to find nothing: the total says so first.
        Bound::Offset => {
            "\n    LIMIT CASE WHEN $5::bigint < (SELECT total FROM whole) THEN $4::bigint ELSE 0 END OFFSET $5::bigint"
        }
        _ => "\n    LIMIT $4::bigint",
    };
    let order = index_order(shape);
    if shape.unverified {
        let verified = member_range(shape, " WHERE verified");
        let unverified = member_range(shape, " WHERE NOT verified");
        [
            "    SELECT member.asset_id, member.position FROM (\n    (",
            &verified,
            order,
            ")\n    UNION ALL\n    (",
            &unverified,
            order,
            ")\n    ) AS member\n    ORDER BY ",
            position_order(shape),
            limit,
        ]
        .concat()
    } else {
        [&member_range(shape, " WHERE verified"), order, limit].concat()
    }
}

/// One index range of one list.
fn member_range(shape: Shape, which: &'static str) -> String {
    let (position, key) = match shape.sort {
        Sort::Id => ("0::bigint", "member.asset_id"),
        Sort::Created => ("member.slot_created", "(member.slot_created, member.asset_id)"),
        Sort::Updated => ("member.slot_updated", "(member.slot_updated, member.asset_id)"),
    };
    let bound = match (shape.bound, shape.direction) {
        (Bound::Offset, _) => "",
        (Bound::Greater, _) => " > $5",
        (Bound::Less, _) => " < $5",
        (Bound::Between, _) => " > $5 AND member.asset_id < $6",
        (Bound::Behind, Direction::Asc) => " > ($5, $6)",
        (Bound::Behind, Direction::Desc) => " < ($5, $6)",
    };
    let bounded = if bound.is_empty() { ["", "", ""] } else { [" AND ", key, bound] };
    [
        "    SELECT member.asset_id, ",
        position,
        " AS position\n    FROM list_member AS member\n    WHERE member.list_id = (SELECT list_id FROM list",
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
