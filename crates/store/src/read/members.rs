//! The members of a page with their bodies: read by one statement, or by their keys and what is kept of them.

use std::collections::HashMap;

use bytes::Bytes;
use futures_util::TryStreamExt;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{Decode, Postgres, Row, ValueRef};
use vitrine_encoding::{Block, Encoding};
use vitrine_model::{Json, Pubkey, Slot};

use super::body::{self, Items};
use super::list_sql::{Columns, Shape, head_sql};
use super::turns::{ENCODED_IN_A_ROW, Turns, UNPACKED_IN_A_ROW};
use crate::cache::{Body, BodyCache, BodyKey, Member};
use crate::pages::{ListVersions, PageKeys};
use crate::plan::{ListPlan, Position, Start};
use crate::stored_body::StoredBody;
use crate::{Sort, StoreError};

/// Bodies by primary key. `$1` the ids.
pub(super) const BODIES: &str = "SELECT asset_id, version, body, splices FROM asset WHERE asset_id = ANY($1)";

/// Where a page starts: what a plan says, or what is remembered of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seek {
    pub(super) origin: Origin,
    /// Members to skip from there on, or back from there.
    pub(super) skip: u64,
    /// The version of the list for which that holds; `None`: for any.
    pub(super) version: Option<i64>,
}

/// From where the first member of a page is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// In the page's direction from here on.
    Start(Start),
    /// From the beginning of the list, or back from its end where that is nearer.
    NearerEnd,
    /// Back from this member, which counts as the first one that is met.
    Back(Position),
}

/// What one snapshot says of a list as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// The watermark.
    pub(super) slot: Slot,
    /// All members, whatever bounds the page; `None` if the list never had any.
    pub(super) total: Option<u64>,
    /// Changes whenever a place in the page's order may have; `None` where that is not known.
    pub(super) version: Option<i64>,
    /// Change with every change of a member; of a page that is read by its keys.
    pub(super) changed: ListVersions,
}

/// Members in page order, on their way to bodies.
#[derive(Debug, Default)]
pub(super) struct Members {
    keys: Vec<BodyKey>,
    /// What the page shows; `None` where it is still to be encoded.
    bodies: Vec<Option<Body>>,
    /// Plain bodies that others are to be encoded from, by the same places; empty where none are.
    plain: Vec<Option<Body>>,
    /// The sort key of the last one.
    last_slot: Slot,
    /// A collection whose metadata the page will show, as far as is known without its bodies: where these have to be read, it is
    /// read with them.
    along: Option<Pubkey>,
    /// What was read of it; `None` where nothing was, or there is no such asset.
    came_along: Option<(Pubkey, Option<Json>)>,
}

/// The page's items, appended as its rows come in: one statement, and one copy of each body.
pub(super) async fn items(
    connection: &mut PgConnection,
    plan: &ListPlan,
    seek: &Seek,
) -> Result<(Head, Items, Option<Position>), StoreError> {
    let (mut head, mut items, mut last) = (Head::default(), Items::new(plan.max_bytes), None);
    let mut turns = Turns::of(UNPACKED_IN_A_ROW);
    let mut rows = query(plan, seek, Columns::Bodies).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        // Values as they came: the checks of types that go with `try_get` cost as much as a copy.
        let (asset_id, body) = (row.try_get_raw(3)?, row.try_get_raw(6)?);
        if asset_id.is_null() {
            head = head_of(&row)?;
            continue;
        }
        let id = pubkey(asset_id.as_bytes().map_err(sqlx::Error::Decode)?)?;
        let body = StoredBody::decode(body).map_err(sqlx::Error::Decode)?;
        let length = items.unpack(id, &body)?;
        last = Some(row);
        turns.after(length).await;
    }
    let last = match last {
        Some(row) => Some(Position { slot: position(&row)?, id: pubkey(row.try_get(3)?)? }),
        None => None,
    };
    Ok((head, items, last))
}

/// The page's members with their splices, by one statement.
pub(super) async fn by_rows(
    connection: &mut PgConnection,
    plan: &ListPlan,
    seek: &Seek,
) -> Result<(Head, Members), StoreError> {
    let (mut head, mut members, mut bytes) = (Head::default(), Members::default(), 0);
    let mut turns = Turns::of(UNPACKED_IN_A_ROW);
    let mut rows = query(plan, seek, Columns::Splices).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let Some(asset_id) = row.try_get::<Option<&[u8]>, _>(3)? else {
            head = head_of(&row)?;
            continue;
        };
        let (id, body): (_, StoredBody<'_>) = (pubkey(asset_id)?, row.try_get(6)?);
        let length = body.plain_len(id)?;
        bytes += length;
        within(bytes, plan.max_bytes)?;
        members.push(id, row.try_get(5)?, Body::plain(id, &body, row.try_get(7)?)?);
        members.last_slot = position(&row)?;
        turns.after(length).await;
    }
    Ok((head, members))
}

/// The page's members by their keys: bodies come from `cache`, and those that are not there from the database.
/// `None` where one has changed between the two statements.
pub(super) async fn by_keys(
    connection: &mut PgConnection,
    cache: &BodyCache,
    plan: &ListPlan,
    seek: &Seek,
    encoding: Encoding,
) -> Result<Option<(Head, Members)>, StoreError> {
    let row = query(plan, seek, Columns::Keys).fetch_one(&mut *connection).await?;
    let head = Head { changed: versions_of(&row, 6, plan)?, ..head_of(&row)? };
    let Some(ids) = row.try_get::<Option<&[u8]>, _>(3)? else { return Ok(Some((head, Members::default()))) };
    let last_slot = position(&row)?;
    let versions: Vec<i64> = row.try_get(5)?;
    let ids = ids.chunks(32).map(pubkey).collect::<Result<Vec<_>, _>>()?;
    let members = Members::new(ids.into_iter().zip(versions), encoding, last_slot).in_list_of(plan);
    let filled = fill(connection, cache, plan.max_bytes, members).await?;
    Ok(filled.map(|members| (head, members)))
}

/// What the list of a plan is now, without its page.
pub(super) async fn head(connection: &mut PgConnection, plan: &ListPlan) -> Result<Head, StoreError> {
    let row = of_list(head_sql(plan.sort, plan.unverified), plan).fetch_one(connection).await?;
    Ok(Head { changed: versions_of(&row, 3, plan)?, ..head_of(&row)? })
}

/// The members with their bodies: from `cache`, and those that are not there from the database. `None` where one has
/// changed since its key was read.
pub(super) async fn fill(
    connection: &mut PgConnection,
    cache: &BodyCache,
    max_bytes: usize,
    mut members: Members,
) -> Result<Option<Members>, StoreError> {
    members.look_up(cache);
    let wanted = members.wanted_plain(cache);
    let complete = read_plain(connection, cache, max_bytes, &mut members, wanted).await?;
    Ok(complete.then_some(members))
}

impl Members {
    /// Members in page order; `last_slot` is the sort key of the last one.
    pub(super) fn new(
        members: impl Iterator<Item = (Pubkey, i64)>,
        encoding: Encoding,
        last_slot: Slot,
    ) -> Self {
        let mut before = None;
        let keys = members.map(|(id, version)| {
            let member = Member { id, version };
            let behind = before.replace(member).filter(|_| encoding != Encoding::Identity);
            BodyKey { member, encoding, behind }
        });
        Self { keys: keys.collect(), last_slot, ..Self::default() }
    }

    /// Members of a plan's list.
    pub(super) fn in_list_of(mut self, plan: &ListPlan) -> Self {
        self.along = plan.list.collection().filter(|_| plan.display.collection_metadata);
        self
    }

    /// The members of a remembered page.
    pub(super) fn of(keys: &PageKeys, encoding: Encoding) -> Self {
        let members = keys.members.iter().map(|member| (member.id, member.version));
        Self::new(members, encoding, keys.last_slot)
    }

    /// What is to be remembered of the page.
    pub(super) fn keys(&self) -> PageKeys {
        PageKeys { members: self.keys.iter().map(|key| key.member).collect(), last_slot: self.last_slot }
    }

    /// Members that stand behind nothing that is known: each is encoded by itself.
    pub(super) fn apart(members: impl Iterator<Item = (Pubkey, i64)>, encoding: Encoding) -> Self {
        let keys = members.map(|(id, version)| {
            let member = Member { id, version };
            BodyKey { member, encoding, behind: None }
        });
        Self { keys: keys.collect(), ..Self::default() }
    }

    /// Appends a member with its plain body.
    pub(super) fn push(&mut self, id: Pubkey, version: i64, body: Body) {
        let member = Member { id, version };
        self.keys.push(BodyKey { member, encoding: Encoding::Identity, behind: None });
        self.bodies.push(Some(body));
    }

    /// The last one's place in the order.
    pub(super) fn last(&self) -> Option<Position> {
        self.keys.last().map(|key| Position { slot: self.last_slot, id: key.member.id })
    }

    /// What the page shows by id, once everything is encoded.
    pub(super) fn bodies(&self) -> impl Iterator<Item = (Pubkey, &Body)> {
        let bodies = self.bodies.iter().map(|body| body.as_ref().expect("each body is kept or read"));
        self.keys.iter().zip(bodies).map(|(key, body)| (key.member.id, body))
    }

    /// Plain bodies and their splices.
    pub(super) fn parts(&self) -> impl Iterator<Item = (Pubkey, &Bytes, &Bytes)> {
        self.bodies().map(|(id, body)| (id, body.block.bytes(), &body.splices))
    }

    /// What the page shows, once everything is encoded.
    pub(super) fn into_blocks(self) -> impl Iterator<Item = Block> {
        self.bodies.into_iter().map(|body| body.expect("each body is kept, read or encoded").block)
    }

    fn look_up(&mut self, cache: &BodyCache) {
        self.bodies = self.keys.iter().map(|key| cache.get(key)).collect();
    }

    /// The places whose plain bodies have to be read. A body that is missing is made from its plain bytes and, where
    /// it is encoded, from those in front of it.
    fn wanted_plain(&mut self, cache: &BodyCache) -> Vec<usize> {
        if self.bodies.iter().all(Option::is_some) {
            return Vec::new();
        }
        let encoded = self.keys[0].encoding != Encoding::Identity;
        if encoded {
            self.plain = vec![None; self.keys.len()];
        }
        let mut wanted = Vec::new();
        for place in 0..self.keys.len() {
            let behind_missing = self.keys.get(place + 1).is_some_and(|next| next.behind.is_some())
                && self.bodies[place + 1].is_none();
            if self.bodies[place].is_some() && !behind_missing {
                continue;
            }
            if encoded {
                let member = self.keys[place].member;
                let key = BodyKey { member, encoding: Encoding::Identity, behind: None };
                self.plain[place] = cache.get(&key);
            }
            if self.plain.get(place).is_none_or(Option::is_none) {
                wanted.push(place);
            }
        }
        wanted
    }

    /// Makes and keeps the encoded bodies that are missing. This takes time and no database.
    pub(super) async fn encode(&mut self, cache: &BodyCache) {
        let mut turns = Turns::of(ENCODED_IN_A_ROW);
        for (place, key) in self.keys.iter().enumerate() {
            let (None, Some(Some(plain))) = (&self.bodies[place], self.plain.get(place)) else { continue };
            let behind = key.behind.and_then(|_| self.plain[place - 1].as_ref());
            let body = plain.encoded(key.encoding, behind);
            cache.keep(*key, &body);
            self.bodies[place] = Some(body);
            turns.after(plain.block.plain_len()).await;
        }
    }
}

/// Reads the plain bodies at these places. False where one is of another version than its key, or gone.
async fn read_plain(
    connection: &mut PgConnection,
    cache: &BodyCache,
    max_bytes: usize,
    members: &mut Members,
    wanted: Vec<usize>,
) -> Result<bool, StoreError> {
    if wanted.is_empty() {
        return Ok(true);
    }
    let (mut left, mut turns) = (wanted.len(), Turns::of(UNPACKED_IN_A_ROW));
    let places: HashMap<Pubkey, usize> =
        wanted.into_iter().map(|place| (members.keys[place].member.id, place)).collect();
    let mut bytes: usize = members.bodies.iter().flatten().map(|body| body.block.plain_len()).sum();
    let along = members.along.filter(|id| !places.contains_key(id));
    members.came_along = along.map(|id| (id, None));
    let mut rows = bodies_of(places.keys().copied().chain(along)).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let id = pubkey(row.try_get(0)?)?;
        let Some(&place) = places.get(&id) else {
            let mut plain = Vec::new();
            members.came_along = Some((id, Some(shown(id, &row, &mut plain)?)));
            turns.after(plain.len()).await;
            continue;
        };
        let key = members.keys[place];
        if row.try_get::<i64, _>(1)? != key.member.version {
            return Ok(false);
        }
        let body: StoredBody<'_> = row.try_get(2)?;
        let length = body.plain_len(id)?;
        if members.bodies[place].is_none() {
            bytes += length;
            within(bytes, max_bytes)?;
        }
        let body = Body::plain(id, &body, row.try_get(3)?)?;
        if key.encoding == Encoding::Identity {
            cache.keep(key, &body);
            members.bodies[place] = Some(body);
        } else {
            members.plain[place] = Some(body);
        }
        left -= 1;
        turns.after(length).await;
    }
    Ok(left == 0)
}

/// What the members' collections show of themselves, each as it is now.
pub(super) async fn metadata(
    connection: &mut PgConnection,
    members: &mut Members,
) -> Result<HashMap<Pubkey, Json>, StoreError> {
    let mut ids = body::collections(members.parts().map(|(id, _, splices)| (id, &**splices)))?;
    let mut metadata = HashMap::new();
    if let Some((id, found)) = members.came_along.take() {
        ids.remove(&id);
        metadata.extend(found.map(|shown| (id, shown)));
    }
    if ids.is_empty() {
        return Ok(metadata);
    }
    let (mut plain, mut turns) = (Vec::new(), Turns::of(UNPACKED_IN_A_ROW));
    let mut rows = bodies_of(ids.into_iter()).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let id = pubkey(row.try_get(0)?)?;
        metadata.insert(id, shown(id, &row, &mut plain)?);
        turns.after(plain.len()).await;
    }
    Ok(metadata)
}

/// What a collection shows of itself, by its row, whose body is unpacked into `plain`.
fn shown(id: Pubkey, row: &PgRow, plain: &mut Vec<u8>) -> Result<Json, StoreError> {
    let body: StoredBody<'_> = row.try_get(2)?;
    plain.clear();
    body.append_to(id, plain)?;
    vitrine_model::collection_metadata(plain).map_err(|error| {
        let (table, column, key) = ("asset", "body", id.to_string());
        StoreError::Inconsistent { table, column, key, reason: error.to_string() }
    })
}

fn bodies_of(ids: impl Iterator<Item = Pubkey>) -> Query<'static, Postgres, PgArguments> {
    by_ids(BODIES, ids)
}

/// A statement whose one parameter is the ids.
pub(super) fn by_ids(
    sql: &'static str,
    ids: impl Iterator<Item = Pubkey>,
) -> Query<'static, Postgres, PgArguments> {
    let ids: Vec<[u8; 32]> = ids.map(|id| *id.as_bytes()).collect();
    sqlx::query(sql).bind(ids)
}

/// The plan's statement with its values bound (order: `list_sql.rs`).
fn query(plan: &ListPlan, seek: &Seek, columns: Columns) -> Query<'static, Postgres, PgArguments> {
    let query = of_list(Shape::of(plan, seek.origin, columns).sql(), plan)
        .bind(i64::from(plan.limit))
        // A place beyond i64 is beyond every list.
        .bind(i64::try_from(seek.skip).unwrap_or(i64::MAX))
        .bind(seek.version);
    let position = match seek.origin {
        Origin::NearerEnd | Origin::Start(Start::Offset(_) | Start::Range { after: None, before: None }) => {
            return query;
        }
        Origin::Start(Start::Range { after: Some(after), before: Some(before) }) => {
            return query.bind(*after.as_bytes()).bind(*before.as_bytes());
        }
        Origin::Start(Start::Range { after: Some(id), .. } | Start::Range { before: Some(id), .. }) => {
            return query.bind(*id.as_bytes());
        }
        Origin::Start(Start::Behind(position)) | Origin::Back(position) => position,
    };
    let query = if plan.sort == Sort::Id { query } else { query.bind(position.slot.as_i64()) };
    query.bind(*position.id.as_bytes())
}

/// A statement whose first parameters are the list.
fn of_list(sql: &'static str, plan: &ListPlan) -> Query<'static, Postgres, PgArguments> {
    sqlx::query(sql).bind(plan.list.kind.code()).bind(plan.list.key.clone()).bind(plan.list.value.clone())
}

/// The versions in a row, from this column on.
fn versions_of(row: &PgRow, at: usize, plan: &ListPlan) -> Result<ListVersions, StoreError> {
    let unverified = if plan.unverified { row.try_get(at + 1)? } else { None };
    Ok(ListVersions { verified: row.try_get(at)?, unverified })
}

fn head_of(row: &PgRow) -> Result<Head, StoreError> {
    Ok(Head {
        slot: slot("watermark", row.try_get::<Option<i64>, _>(0)?.unwrap_or(0))?,
        total: row.try_get::<Option<i64>, _>(1)?.map(|total| u64::try_from(total).unwrap_or(0)),
        version: row.try_get(2)?,
        changed: ListVersions::default(),
    })
}

/// The sort key of a row besides its id; 0 where there is none.
fn position(row: &PgRow) -> Result<Slot, StoreError> {
    slot("list_member", row.try_get::<Option<i64>, _>(4)?.unwrap_or(0))
}

pub(super) fn within(bytes: usize, max_bytes: usize) -> Result<(), StoreError> {
    if bytes > max_bytes {
        return Err(StoreError::TooLarge { max_bytes });
    }
    Ok(())
}

pub(crate) fn pubkey(bytes: &[u8]) -> Result<Pubkey, StoreError> {
    Pubkey::try_from(bytes).map_err(|error| StoreError::Inconsistent {
        table: "asset",
        column: "asset_id",
        key: format!("{bytes:02x?}"),
        reason: error.to_string(),
    })
}

pub(super) fn slot(table: &'static str, value: i64) -> Result<Slot, StoreError> {
    Slot::from_i64(value).ok_or_else(|| StoreError::Inconsistent {
        table,
        column: "slot",
        key: value.to_string(),
        reason: "a slot is not negative".to_owned(),
    })
}
