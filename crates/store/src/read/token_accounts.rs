//! Token accounts of an owner, of a mint, or of both.

use std::collections::HashMap;
use std::sync::LazyLock;

use sqlx::Row;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use vitrine_model::{Json, Pubkey, Slot};

use super::walk;
use crate::chain_plan::{Holding, TokenAccountsPlan};
use crate::plan::Direction;
use crate::{Store, StoreError};

/// What tells one statement from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Shape {
    key: Key,
    with_empty: bool,
    direction: Direction,
}

/// What token accounts are found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Owner,
    Mint,
    Both,
}

static STATEMENTS: LazyLock<HashMap<Shape, &'static str>> =
    LazyLock::new(|| shapes().map(|shape| (shape, &*compose(shape).leak())).collect());

/// Token accounts, from one snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenAccounts {
    /// The watermark: up to which slot everything is indexed.
    pub last_indexed_slot: Slot,
    /// In the plan's order.
    pub items: Vec<TokenAccountRow>,
}

/// A token account that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenAccountRow {
    /// Its address.
    pub address: Pubkey,
    /// What it holds.
    pub mint: Pubkey,
    /// Who holds it.
    pub owner: Pubkey,
    /// How much, in base units.
    pub amount: u64,
    /// Who may move some of it.
    pub delegate: Option<Pubkey>,
    /// How much of it, in base units.
    pub delegated_amount: u64,
    /// Whether it cannot be moved.
    pub frozen: bool,
    /// Who may close the account, besides its owner.
    pub close_authority: Option<Pubkey>,
    /// Its extensions.
    pub extensions: Option<Json>,
}

/// Name and text of every statement, for the tests that hold them against golden files and plans.
pub(super) fn statements() -> Vec<(String, &'static str)> {
    let name = |shape: Shape| {
        let key = format!("{:?}", shape.key).to_lowercase();
        let empty = if shape.with_empty { "_with_empty" } else { "" };
        let direction = format!("{:?}", shape.direction).to_lowercase();
        format!("token_accounts_{key}{empty}_{direction}")
    };
    shapes().map(|shape| (name(shape), STATEMENTS[&shape])).collect()
}

impl Store {
    /// Token accounts that are open, in the order of their addresses.
    pub async fn token_accounts(&self, plan: &TokenAccountsPlan) -> Result<TokenAccounts, StoreError> {
        self.reading(|| async {
            let mut connection = self.read().await?;
            let rows = query(plan).fetch_all(&mut *connection).await?;
            connection.done();
            let last_indexed_slot = walk::slot(&rows)?;
            let items = walk::items(&rows, 1).map(item).collect::<Result<_, _>>()?;
            Ok(TokenAccounts { last_indexed_slot, items })
        })
        .await
    }
}

fn shapes() -> impl Iterator<Item = Shape> {
    [Key::Owner, Key::Mint, Key::Both].into_iter().flat_map(|key| {
        [false, true].into_iter().flat_map(move |with_empty| {
            [Direction::Asc, Direction::Desc].map(|direction| Shape { key, with_empty, direction })
        })
    })
}

/// `$1` the owner or the mint, `$2` less than the addresses, `$3` greater, `$4` the limit, `$5` how many to skip, `$6` the
/// mint where `$1` is the owner of both.
fn compose(shape: Shape) -> String {
    let columns =
        "address, asset_id, token_owner, token_amount, token_delegate, token_delegated_amount, token_frozen,
        token_close_authority, token_extensions";
    let order = match shape.direction {
        Direction::Asc => "address",
        Direction::Desc => "address DESC",
    };
    let range = |amount: &str| {
        let key = match shape.key {
            Key::Owner => "token_owner = $1",
            Key::Mint => "asset_id = $1",
            // Few: what an owner has of one mint is in one account, and rarely in some more.
            Key::Both => "token_owner = $1 AND asset_id = $6 AND NOT closed",
        };
        format!(
            "SELECT {columns}\n    FROM account\n    WHERE kind = 1{amount} AND {key} AND address > $2 AND address < $3\n    ORDER BY {order}"
        )
    };
    let page = match (shape.key, shape.with_empty) {
        (Key::Both, true) => range(""),
        // Not `> 0`, for which an index of all holdings of the mint would do.
        (Key::Both, false) => range(" AND token_amount <> 0"),
        (_, false) => range(" AND token_amount > 0"),
        (_, true) => {
            let (some, none) = (range(" AND token_amount > 0"), range(" AND token_amount = 0"));
            format!(
                "SELECT {columns}\n    FROM (\n    ({some})\n    UNION ALL\n    ({none})\n    ) AS merged\n    ORDER BY {order}"
            )
        }
    };
    let slot = watermark!();
    format!(
        "SELECT head.slot, page.address, page.asset_id, page.token_owner, page.token_amount::text, page.token_delegate,
       page.token_delegated_amount::text, page.token_frozen, page.token_close_authority, page.token_extensions
FROM (SELECT {slot} AS slot) AS head
LEFT JOIN LATERAL (
    {page}
    LIMIT $4 OFFSET $5
) AS page ON true"
    )
}

fn query(plan: &TokenAccountsPlan) -> Query<'static, sqlx::Postgres, PgArguments> {
    let (key, first, second) = match plan.holding {
        Holding::Owner(owner) => (Key::Owner, owner, None),
        Holding::Mint(mint) => (Key::Mint, mint, None),
        Holding::Both { owner, mint } => (Key::Both, owner, Some(mint)),
    };
    let shape = Shape { key, with_empty: plan.with_empty, direction: plan.walk.direction };
    let (after, before) = walk::addresses(plan.walk.after, plan.walk.before);
    let query = sqlx::query(STATEMENTS[&shape])
        .bind(*first.as_bytes())
        .bind(after)
        .bind(before)
        .bind(i64::from(plan.walk.limit))
        .bind(walk::skip(&plan.walk));
    match second {
        Some(mint) => query.bind(*mint.as_bytes()),
        None => query,
    }
}

fn item(row: &PgRow) -> Result<TokenAccountRow, StoreError> {
    let address = walk::address(row, 1)?;
    let extensions = row.try_get::<Option<&str>, _>(9)?.map(Json::parse).transpose();
    Ok(TokenAccountRow {
        address,
        mint: walk::address(row, 2)?,
        owner: walk::address(row, 3)?,
        amount: walk::whole(row, 4)?,
        delegate: walk::optional_address(row, 5)?,
        delegated_amount: walk::whole(row, 6)?,
        frozen: row.try_get(7)?,
        close_authority: walk::optional_address(row, 8)?,
        extensions: extensions.map_err(|error| StoreError::Inconsistent {
            table: "account",
            column: "token_extensions",
            key: address.to_string(),
            reason: error.to_string(),
        })?,
    })
}
