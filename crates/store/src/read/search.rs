//! A page of a search: what leads to assets, and what is then held against each that was found.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;
use sqlx::{Connection, Postgres, Row};
use vitrine_encoding::Encoding;
use vitrine_model::{Holding, Json, Pubkey, Slot};

use super::body::Items;
use super::holdings::holdings;
use super::lanes::{Lane, Turn};
use super::lead::{self, Lead, Lists};
use super::list::ListPage;
use super::members::{self, Members};
use super::search_sql::{self, Driver, GATHERED_MAX, LISTED_MAX, Shape};
use crate::plan::{Direction, Position, Sort, Start};
use crate::search::{Conditions, SearchPlan, SlotRange};
use crate::write::bits;
use crate::{Store, StoreError};

/// How long a search of which nobody can tell how long it takes may take among half of the connections.
pub(crate) const BRIEF: Duration = Duration::from_millis(250);

/// Less than every id, and greater than every id.
const BELOW_ALL: &[u8] = &[];
const ABOVE_ALL: &[u8] = &[0xff; 33];

/// Name and text of every statement of a search, for the tests that hold them against golden files and plans.
pub fn statements() -> Vec<(String, &'static str)> {
    search_sql::statements()
}

/// The types of the parameters of a search's pages and counts.
pub fn types() -> [&'static str; 38] {
    search_sql::TYPES
}

/// A page's keys, and the watermark.
struct Keys {
    slot: Slot,
    members: Members,
}

/// What a page is made of, as one snapshot has it.
struct Found {
    slot: Slot,
    total: Option<u64>,
    members: Members,
    metadata: HashMap<Pubkey, Json>,
    holdings: HashMap<Pubkey, Holding>,
}

/// What became of a search.
enum Tried {
    Done(Box<Found>),
    /// It takes another turn than it had.
    Again(Lane),
}

/// How long the statements of a search may run.
#[derive(Clone, Copy)]
struct Clock {
    /// `None`: it will be short, and each statement has the time that every statement has.
    lane: Option<Lane>,
    end: Instant,
}

impl Store {
    /// Reads a page of a search, from one snapshot. [`StoreError::TooBroad`] where nothing leads to what is looked for
    /// in time, [`StoreError::Deadline`] where what does is all that is asked for, [`StoreError::Crowded`] where others like it take all the turns, [`StoreError::TooMany`] and
    /// [`StoreError::TooDeep`] where more would have to be sorted than is.
    pub async fn search(&self, plan: &SearchPlan) -> Result<ListPage, StoreError> {
        self.reading(|| self.read_search(plan)).await
    }

    /// All tries together have the time of one statement.
    async fn read_search(&self, plan: &SearchPlan) -> Result<ListPage, StoreError> {
        let end = Instant::now() + self.read_timeout;
        let mut turn = None;
        loop {
            match self.try_search(plan, end, turn.take()).await? {
                Tried::Done(found) => return self.page(plan, *found).await,
                Tried::Again(lane) => {
                    // Half of what is left is for the search itself.
                    let wait = self.acquire_timeout.min(end.saturating_duration_since(Instant::now()) / 2);
                    turn = Some((lane, self.lanes.wait(lane, wait).await?));
                }
            }
        }
    }

    /// Searches with a turn, or without one as long as none is needed.
    async fn try_search(
        &self,
        plan: &SearchPlan,
        end: Instant,
        turn: Option<(Lane, Turn)>,
    ) -> Result<Tried, StoreError> {
        let mut lease = self.read().await?;
        let (connection, held) = lease.parts();
        let (mut lane, turn) = turn.unzip();
        *held = turn;
        let begin = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        let mut transaction = begin.await?;
        let lists = lists(&mut transaction, plan).await?;
        // Where they are what the page is ordered by, the slots are a range of it already.
        let gather_created = plan.sort != Sort::Created || plan.count;
        let leads = lead::leads(&plan.filter, &lists, gather_created);
        if let Some(wanted) = lead::lane(&leads, plan.count).filter(|wanted| lane < Some(*wanted)) {
            let Some(turn) = self.lanes.take(wanted) else {
                // Nobody waits with a connection in their hands.
                transaction.commit().await?;
                lease.done();
                return Ok(Tried::Again(wanted));
            };
            *held = Some(turn);
            lane = Some(wanted);
        }
        let brief = Instant::now() + BRIEF;
        let clock = Clock { lane, end: if lane == Some(Lane::Brief) { brief.min(end) } else { end } };
        let found = self.found(&mut transaction, plan, &lists, &leads, clock).await;
        match found {
            Ok(found) => {
                transaction.commit().await?;
                lease.done();
                Ok(Tried::Done(Box::new(found)))
            }
            Err(error) if is_between_statements(&error) => {
                transaction.rollback().await?;
                lease.done();
                match error {
                    StoreError::Deadline(_) if clock.end != end => Ok(Tried::Again(Lane::Long)),
                    StoreError::Deadline(_) if lane.is_some() && lead::is_narrowed(&plan.filter, &leads) => {
                        Err(StoreError::TooBroad)
                    }
                    error => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// All that is read for a page.
    async fn found(
        &self,
        connection: &mut PgConnection,
        plan: &SearchPlan,
        lists: &Lists,
        leads: &[Lead],
        clock: Clock,
    ) -> Result<Found, StoreError> {
        let Some((lead, keys)) = first(connection, plan, lists, leads, clock).await? else {
            let slot: Option<i64> =
                sqlx::query_scalar(search_sql::WATERMARK).fetch_optional(&mut *connection).await?;
            let slot = members::slot("watermark", slot.unwrap_or(0))?;
            let members = Members::default();
            return Ok(Found {
                slot,
                total: Some(0),
                members,
                metadata: HashMap::new(),
                holdings: HashMap::new(),
            });
        };
        let total = if plan.count { Some(count(connection, plan, lists, lead, clock).await?) } else { None };
        let members = members::fill(connection, &self.bodies, plan.max_bytes, keys.members).await?;
        let Some(mut members) = members else { return Err(torn(lead)) };
        let metadata = if plan.display.collection_metadata {
            members::metadata(connection, &mut members).await?
        } else {
            HashMap::new()
        };
        let holdings = match plan.filter.conditions.owner {
            Some(owner) if plan.display.fungible => holdings(connection, owner, &members).await?,
            _ => HashMap::new(),
        };
        Ok(Found { slot: keys.slot, total, members, metadata, holdings })
    }

    /// What is left to do needs no database.
    async fn page(&self, plan: &SearchPlan, found: Found) -> Result<ListPage, StoreError> {
        let Found { slot: last_indexed_slot, total, mut members, metadata, holdings } = found;
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
        Ok(ListPage { last_indexed_slot, total, items, count, last })
    }
}

impl Clock {
    /// Gives the next statement what is left.
    async fn set(self, connection: &mut PgConnection) -> Result<(), StoreError> {
        if self.lane.is_some() {
            let left = self.end.saturating_duration_since(Instant::now());
            // 0 would be no bound at all.
            let left = left.as_millis().max(1).to_string();
            sqlx::query(search_sql::TIME).bind(left).execute(connection).await?;
        }
        Ok(())
    }
}

/// Whether the last statement was over when this was said: there is nothing to end then.
fn is_between_statements(error: &StoreError) -> bool {
    matches!(error, StoreError::Deadline(_) | StoreError::TooDeep { .. } | StoreError::TooMany { .. })
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
async fn first<'l>(
    connection: &mut PgConnection,
    plan: &SearchPlan,
    lists: &Lists,
    leads: &'l [Lead],
    clock: Clock,
) -> Result<Option<(&'l Lead, Keys)>, StoreError> {
    for lead in leads {
        if reach(plan, lead) > LISTED_MAX {
            return Err(StoreError::TooDeep { max: LISTED_MAX });
        }
        clock.set(connection).await?;
        let shape = Shape::Page(lead.driver, plan.sort, plan.direction);
        let row = query(shape.sql(), plan, lists, lead).fetch_one(&mut *connection).await?;
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

/// How many members of several lists are put in order for a page, at most: of each as many as the page and all in front
/// of it may need. Of one list, and of all assets, none are.
fn reach(plan: &SearchPlan, lead: &Lead) -> i64 {
    if lead.driver != Driver::Lists {
        return 0;
    }
    let lists = i64::try_from(lead.lists.len()).unwrap_or(i64::MAX);
    lists.saturating_mul(i64::from(plan.limit).saturating_add(skip(plan))).min(lead.total)
}

/// How many are skipped: a place beyond that is beyond every list.
fn skip(plan: &SearchPlan) -> i64 {
    let Start::Offset(offset) = plan.start else { return 0 };
    i64::try_from(offset).unwrap_or(i64::MAX).min(i64::MAX / 2)
}

/// All that match, whatever bounds the page.
async fn count(
    connection: &mut PgConnection,
    plan: &SearchPlan,
    lists: &Lists,
    lead: &Lead,
    clock: Clock,
) -> Result<u64, StoreError> {
    clock.set(connection).await?;
    let row = query(Shape::Count(lead.driver).sql(), plan, lists, lead).fetch_one(connection).await?;
    Ok(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0))
}

/// A statement with the values of a search (order: `search_sql::TYPES`).
fn query(
    sql: &'static str,
    plan: &SearchPlan,
    lists: &Lists,
    lead: &Lead,
) -> Query<'static, Postgres, PgArguments> {
    let (slot, low, high) = bounds(plan);
    let filter = &plan.filter;
    let query = sqlx::query(sql)
        .bind(i64::from(plan.limit))
        .bind(skip(plan))
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
        .bind(few.created && lead.lists.is_empty())
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

/// In one snapshot a key and its body are of one version.
fn torn(lead: &Lead) -> StoreError {
    StoreError::Inconsistent {
        table: "list_member",
        column: "version",
        key: format!("{lead:?}"),
        reason: "it is not the asset's".to_owned(),
    }
}
