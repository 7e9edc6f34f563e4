//! A page of a search: what leads to assets, and what is then held against each that was found.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;
use sqlx::{Connection, Postgres, Row};
use tokio::time::timeout;
use vitrine_encoding::Encoding;
use vitrine_model::{Holding, Pubkey, Slot};

use super::body::Items;
use super::lead::{self, Lead, Lists};
use super::list::ListPage;
use super::members::{self, Members};
use super::search_sql::{self, Driver, GATHERED_MAX, Shape};
use crate::plan::{Direction, Position, Sort, Start};
use crate::search::{Conditions, SearchPlan, SlotRange};
use crate::write::bits;
use crate::{Store, StoreError};

/// A lead to so many assets is followed to its end in time, unless the database is busy: it is no fault of the search.
const SOON: i64 = 10_000;

/// The most token accounts that are read for what a page's holder holds: 20 for each item of a full page.
const ACCOUNTS_MAX: i64 = 20_000;

/// Less than every id, and greater than every id.
const BELOW_ALL: &[u8] = &[];
const ABOVE_ALL: &[u8] = &[0xff; 33];

/// Name and text of every statement of a search, for the tests that hold them against golden files and plans.
pub fn statements() -> Vec<(String, &'static str)> {
    search_sql::statements()
}

/// The types of the parameters of a search's pages and counts.
pub fn types() -> [&'static str; 37] {
    search_sql::TYPES
}

/// A page's keys, and the watermark.
struct Keys {
    slot: Slot,
    members: Members,
}

impl Store {
    /// Reads a page of a search, from one snapshot. [`StoreError::TooBroad`] where nothing leads to what is looked for
    /// in time, [`StoreError::TooMany`] where more would have to be sorted than is.
    pub async fn search(&self, plan: &SearchPlan) -> Result<ListPage, StoreError> {
        self.reading(|| self.read_search(plan)).await
    }

    async fn read_search(&self, plan: &SearchPlan) -> Result<ListPage, StoreError> {
        let mut lease = self.read().await?;
        let begun = Instant::now();
        let mut transaction = lease.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let connection: &mut PgConnection = &mut transaction;
        let lists = lists(connection, plan).await?;
        let Some((lead, keys)) = first(connection, plan, &lists).await? else {
            let slot: Option<i64> =
                sqlx::query_scalar(search_sql::WATERMARK).fetch_optional(&mut *connection).await?;
            transaction.commit().await?;
            lease.done();
            let (items, count) = Items::new(plan.max_bytes).into_parts();
            let last_indexed_slot = members::slot("watermark", slot.unwrap_or(0))?;
            return Ok(ListPage { last_indexed_slot, total: Some(0), items, count, last: None });
        };
        let total = if plan.count {
            // Page and total together have the time of one statement.
            let left = self.read_timeout.saturating_sub(begun.elapsed());
            Some(count(connection, plan, &lists, &lead, left).await?)
        } else {
            None
        };
        let members = members::fill(connection, &self.bodies, plan.max_bytes, keys.members).await?;
        let Some(mut members) = members else { return Err(torn(&lead)) };
        let metadata = if plan.display.collection_metadata {
            members::metadata(connection, &members).await?
        } else {
            HashMap::new()
        };
        let holdings = match plan.filter.conditions.owner {
            Some(owner) if plan.display.fungible => holdings(connection, owner, &members).await?,
            _ => HashMap::new(),
        };
        transaction.commit().await?;
        // What is left to do needs no database.
        lease.done();
        members.encode(&self.bodies).await;
        let (mut items, last, display) =
            (Items::new(plan.max_bytes), members.last(), plan.display.as_model());
        if display.is_plain() {
            members.into_blocks().try_for_each(|block| items.share(block))?;
        } else {
            for (id, body, splices) in members.parts() {
                let display = vitrine_model::Display { holding: holdings.get(&id).copied(), ..display };
                items.splice(id, (body, splices), &display, &metadata)?;
            }
        }
        let (items, count) = items.into_parts();
        Ok(ListPage { last_indexed_slot: keys.slot, total, items, count, last })
    }
}

/// The lists that a search names, as they are now.
async fn lists(connection: &mut PgConnection, plan: &SearchPlan) -> Result<Lists, StoreError> {
    let mut lists = Lists::new(&plan.filter);
    if lists.names().is_empty() {
        return Ok(lists);
    }
    let rows = sqlx::query(search_sql::LISTS)
        .bind(lists.names().iter().map(|name| name.kind.code()).collect::<Vec<_>>())
        .bind(lists.names().iter().map(|name| name.key.clone()).collect::<Vec<_>>())
        .bind(lists.names().iter().map(|name| name.value.clone()).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    for row in &rows {
        let place: i64 = row.try_get(0)?;
        let place = usize::try_from(place - 1).expect("an ordinality is positive");
        lists.found(
            place,
            lead::List { id: row.try_get(1)?, verified: row.try_get(2)?, total: row.try_get(3)? },
        );
    }
    Ok(lists)
}

/// The page by the first lead that can be followed; `None` where there is nothing to be found.
async fn first(
    connection: &mut PgConnection,
    plan: &SearchPlan,
    lists: &Lists,
) -> Result<Option<(Lead, Keys)>, StoreError> {
    for lead in lead::leads(&plan.filter, lists) {
        let shape = Shape::Page(lead.driver, plan.sort, plan.direction);
        let row = query(shape.sql(), plan, lists, &lead).fetch_one(&mut *connection).await;
        let row = row.map_err(|error| too_broad(error.into(), &lead))?;
        let gathered: i64 = row.try_get(1)?;
        if gathered > GATHERED_MAX && lead.driver == Driver::Held {
            return Err(StoreError::TooMany { max: GATHERED_MAX });
        }
        if gathered > GATHERED_MAX {
            continue;
        }
        let slot = members::slot("watermark", row.try_get::<Option<i64>, _>(0)?.unwrap_or(0))?;
        let members = match row.try_get::<Option<&[u8]>, _>(2)? {
            None => Members::default(),
            Some(ids) => {
                let ids = ids.chunks(32).map(members::pubkey).collect::<Result<Vec<_>, _>>()?;
                let versions: Vec<i64> = row.try_get(4)?;
                let last = members::slot("asset", row.try_get::<Option<i64>, _>(3)?.unwrap_or(0))?;
                let as_rendered = plan.display.as_model().is_plain();
                let encoding = if as_rendered { plan.encoding } else { Encoding::Identity };
                Members::new(ids.into_iter().zip(versions), encoding, last)
            }
        };
        return Ok(Some((lead, Keys { slot, members })));
    }
    Ok(None)
}

/// All that match, whatever bounds the page.
async fn count(
    connection: &mut PgConnection,
    plan: &SearchPlan,
    lists: &Lists,
    lead: &Lead,
    left: Duration,
) -> Result<u64, StoreError> {
    let row = query(Shape::Count(lead.driver).sql(), plan, lists, lead).fetch_one(connection);
    let row = if lead.total > SOON {
        timeout(left, row).await.map_err(|_| StoreError::TooBroad)?
    } else {
        row.await
    };
    let row = row.map_err(|error| too_broad(error.into(), lead))?;
    Ok(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0))
}

/// What an owner holds of a page's assets.
async fn holdings(
    connection: &mut PgConnection,
    owner: Pubkey,
    members: &Members,
) -> Result<HashMap<Pubkey, Holding>, StoreError> {
    let ids: Vec<[u8; 32]> = members.bodies().map(|(id, _)| *id.as_bytes()).collect();
    let mut rows = sqlx::query(search_sql::HOLDINGS)
        .bind(*owner.as_bytes())
        .bind(ids)
        .bind(ACCOUNTS_MAX)
        .fetch(connection);
    let mut holdings: HashMap<Pubkey, (Holding, u64)> = HashMap::new();
    while let Some(row) = rows.try_next().await? {
        let (id, account) = (members::pubkey(row.try_get(0)?)?, members::pubkey(row.try_get(1)?)?);
        let amount: u64 = row.try_get::<&str, _>(2)?.parse().map_err(|error| StoreError::Inconsistent {
            table: "account",
            column: "token_amount",
            key: account.to_string(),
            reason: format!("{error}"),
        })?;
        holdings
            .entry(id)
            .and_modify(|(holding, most)| {
                holding.balance = holding.balance.saturating_add(amount);
                if (amount, holding.account) > (*most, account) {
                    (holding.account, *most) = (account, amount);
                }
            })
            .or_insert((Holding { balance: amount, account }, amount));
    }
    Ok(holdings.into_iter().map(|(id, (holding, _))| (id, holding)).collect())
}

/// A statement with the values of a search (order: `search_sql::TYPES`).
fn query(
    sql: &'static str,
    plan: &SearchPlan,
    lists: &Lists,
    lead: &Lead,
) -> Query<'static, Postgres, PgArguments> {
    let (slot, low, high) = bounds(plan);
    let skip = if let Start::Offset(offset) = plan.start { offset } else { 0 };
    let filter = &plan.filter;
    let query = sqlx::query(sql)
        .bind(i64::from(plan.limit))
        .bind(i64::try_from(skip).unwrap_or(i64::MAX / 2).min(i64::MAX / 2))
        .bind(slot)
        .bind(low)
        .bind(high)
        .bind(lead::classes(&filter.classes))
        .bind(lists.not(filter));
    // Where one list after the other is all that is asked for, nothing is left to be held against its members.
    let nothing = Conditions::default();
    let conditions = if filter.any && lead.driver == Driver::Lists { &nothing } else { &filter.conditions };
    let query = with_conditions(query, conditions, filter.holdings.is_some(), lists);
    let few = lead.few.unwrap_or_default();
    query
        .bind(lead.lists.clone())
        .bind(few.json_uri)
        .bind(few.asset_signer.map(|signer| *signer.as_bytes()))
        .bind(few.id.map(|id| *id.as_bytes()))
        .bind(filter.conditions.owner.map(|owner| *owner.as_bytes()))
        .bind(filter.holdings.is_some_and(|holdings| holdings.zero))
        .bind(filter.any)
        .bind(filter.negate)
}

/// The parameters 8 to 29.
fn with_conditions(
    query: Query<'static, Postgres, PgArguments>,
    conditions: &Conditions,
    held: bool,
    lists: &Lists,
) -> Query<'static, Postgres, PgArguments> {
    let created = conditions.created;
    // Without a creator: whether any of them has signed.
    let signed = conditions.creator_verified.filter(|_| conditions.creator.is_none());
    let whenever = SlotRange { first: Slot::default(), last: Slot::MAX };
    let SlotRange { first, last } = created.unwrap_or(whenever);
    query
        .bind(lists.all_of(conditions, held))
        .bind(lists.creators(conditions))
        .bind(lists.collections(conditions))
        .bind(conditions.interface.clone())
        .bind(conditions.classes.as_deref().map(lead::classes))
        .bind(signed.map(|signed| if signed { 1_i16 } else { 2 }))
        .bind(conditions.frozen)
        .bind(conditions.supply.map(bits))
        .bind(conditions.supply_mint.map(|id| *id.as_bytes()))
        .bind(conditions.compressed)
        .bind(conditions.compressible)
        .bind(conditions.royalty_model.map(vitrine_model::RoyaltyModel::code))
        .bind(conditions.royalty_basis_points.map(bits))
        .bind(conditions.burnt)
        .bind(conditions.json_uri.as_deref().map(vitrine_model::uri_digest))
        .bind(conditions.name.as_ref().map(|name| name.clone().into_bytes()))
        .bind(conditions.is_agent)
        .bind(conditions.asset_signer.map(|signer| *signer.as_bytes()))
        .bind(conditions.collection_nft)
        .bind(first.as_i64())
        .bind(last.as_i64())
        .bind(created.map(|_| true))
}

/// Where a page lies: slot and id that it is behind, and for [`Sort::Id`] the ids that it is between.
fn bounds(plan: &SearchPlan) -> (i64, Vec<u8>, Vec<u8>) {
    let bytes = |id: Pubkey| id.as_bytes().to_vec();
    let (mut low, mut high) = (BELOW_ALL.to_vec(), ABOVE_ALL.to_vec());
    if plan.sort == Sort::Id {
        match (plan.start, plan.direction) {
            (Start::Offset(_), _) => {}
            (Start::Behind(Position { id, .. }), Direction::Asc) => low = bytes(id),
            (Start::Behind(Position { id, .. }), Direction::Desc) => high = bytes(id),
            (Start::Range { after, before }, _) => {
                low = after.map_or(low, bytes);
                high = before.map_or(high, bytes);
            }
        }
        return (0, low, high);
    }
    match (plan.start, plan.direction) {
        (Start::Behind(Position { slot, id }), _) => (slot.as_i64(), bytes(id), high),
        (_, Direction::Asc) => (-1, low, high),
        (_, Direction::Desc) => (i64::MAX, high.clone(), high),
    }
}

/// Out of time: whether that is a fault of the search.
fn too_broad(error: StoreError, lead: &Lead) -> StoreError {
    match error {
        StoreError::Deadline(_) if lead.total > SOON => StoreError::TooBroad,
        other => other,
    }
}

/// In one snapshot a key and its body are of one version.
fn torn(lead: &Lead) -> StoreError {
    StoreError::Inconsistent {
        table: "list_member",
        column: "version",
        key: format!("{lead:?}"),
        reason: "it is not the asset's".to_owned(),
    }
}
