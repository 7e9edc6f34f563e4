//! A page of a list.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{Connection, Executor, Postgres, Row};
use vitrine_model::{Json, Pubkey, Slot};

use super::body::{self, Items, printable};
use super::list_sql::{Shape, shapes};
use crate::plan::{ListPlan, Position, Start};
use crate::{Store, StoreError};

/// A page of a list, from one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// The watermark: up to which slot everything is indexed.
    pub last_indexed_slot: Slot,
    /// All members of the list, whatever bounds the page; `None` if it never had any.
    pub total: Option<u64>,
    /// The items' bytes, comma-separated.
    pub items: Vec<u8>,
    /// The number of items.
    pub count: u32,
    /// The last item's place in the order; `None` on an empty page.
    pub last: Option<Position>,
}

/// Name and text of every statement of a list page, for the tests that hold them against golden files and plans.
pub fn statements() -> Vec<(String, &'static str)> {
    shapes().map(|shape| (shape.name(), shape.sql())).collect()
}

impl Store {
    /// Reads a page. One round trip; with collection metadata a second statement in the same snapshot.
    ///
    /// A connection that turns out to be broken costs one more try: a read can be made twice.
    pub async fn list(&self, plan: &ListPlan) -> Result<ListPage, StoreError> {
        match self.list_once(plan).await {
            Err(StoreError::Unavailable(error)) if !matches!(error, sqlx::Error::PoolTimedOut) => {
                self.note_failure();
                self.list_once(plan).await
            }
            other => other,
        }
    }

    async fn list_once(&self, plan: &ListPlan) -> Result<ListPage, StoreError> {
        if plan.display.collection_metadata {
            let mut connection = self.read().await?;
            let mut snapshot =
                connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
            let page = with_metadata(&mut snapshot, plan).await?;
            snapshot.commit().await?;
            return Ok(page);
        }
        let mut connection = self.read().await?;
        let mut rows = connection.fetch(query(plan));
        let mut page = Page::new(plan);
        let metadata = HashMap::new();
        while let Some(row) = rows.try_next().await? {
            page.take(&row, &metadata)?;
        }
        Ok(page.finish())
    }
}

/// The page, and then its distinct collections, in the caller's snapshot.
async fn with_metadata(snapshot: &mut PgConnection, plan: &ListPlan) -> Result<ListPage, StoreError> {
    let rows = within(snapshot, plan).await?;
    let mut members = Vec::with_capacity(rows.len());
    for row in &rows {
        if let (Some(asset_id), Some(splices)) = (row.try_get(2)?, row.try_get(5)?) {
            members.push((asset_id, splices));
        }
    }
    let ids: Vec<[u8; 32]> =
        body::collections(members.into_iter())?.iter().map(|id| *id.as_bytes()).collect();
    let mut metadata = HashMap::new();
    let mut collections =
        sqlx::query("SELECT asset_id, body FROM asset WHERE asset_id = ANY($1)").bind(ids).fetch(snapshot);
    while let Some(row) = collections.try_next().await? {
        let asset_id: &[u8] = row.try_get(0)?;
        let (id, shown) = metadata_of(asset_id, row.try_get(1)?)?;
        metadata.insert(id, shown);
    }
    let mut page = Page::new(plan);
    for row in &rows {
        page.take(row, &metadata)?;
    }
    Ok(page.finish())
}

/// The page's rows, as long as their bodies alone stay within the plan's bytes.
async fn within(snapshot: &mut PgConnection, plan: &ListPlan) -> Result<Vec<PgRow>, StoreError> {
    let (mut rows, mut bytes) = (Vec::new(), 0);
    let mut stream = snapshot.fetch(query(plan));
    while let Some(row) = stream.try_next().await? {
        bytes += row.try_get::<Option<&[u8]>, _>(4)?.map_or(0, <[u8]>::len);
        if bytes > plan.max_bytes {
            return Err(StoreError::TooLarge { max_bytes: plan.max_bytes });
        }
        rows.push(row);
    }
    Ok(rows)
}

fn metadata_of(asset_id: &[u8], body: &[u8]) -> Result<(Pubkey, Json), StoreError> {
    let shown = vitrine_model::collection_metadata(body).map_err(|error| StoreError::Inconsistent {
        table: "asset",
        column: "body",
        key: printable(asset_id),
        reason: error.to_string(),
    })?;
    Ok((pubkey(asset_id)?, shown))
}

/// The plan's statement with its values bound (order: `list_sql.rs`).
fn query(plan: &ListPlan) -> Query<'static, Postgres, PgArguments> {
    let query = sqlx::query(Shape::of(plan).sql())
        .bind(plan.list.kind.code())
        .bind(plan.list.key.clone())
        .bind(plan.list.value.clone())
        .bind(i64::from(plan.limit));
    match plan.start {
        // An offset beyond i64 is beyond every list.
        Start::Offset(offset) => query.bind(i64::try_from(offset).unwrap_or(i64::MAX)),
        Start::Range { after: None, before: None } => query.bind(0_i64),
        Start::Range { after: Some(after), before: Some(before) } => {
            query.bind(*after.as_bytes()).bind(*before.as_bytes())
        }
        Start::Range { after: Some(id), .. } | Start::Range { before: Some(id), .. } => {
            query.bind(*id.as_bytes())
        }
        Start::Behind(Position { id, .. }) if plan.sort == crate::Sort::Id => query.bind(*id.as_bytes()),
        Start::Behind(Position { slot, id }) => query.bind(slot.as_i64()).bind(*id.as_bytes()),
    }
}

/// A page while its rows come in.
struct Page<'p> {
    plan: &'p ListPlan,
    spliced: bool,
    items: Items,
    read: ListPage,
}

impl<'p> Page<'p> {
    fn new(plan: &'p ListPlan) -> Self {
        Self {
            plan,
            spliced: !plan.display.as_model().is_plain(),
            items: Items::new(plan.max_bytes),
            read: ListPage {
                last_indexed_slot: Slot::default(),
                total: None,
                items: Vec::new(),
                count: 0,
                last: None,
            },
        }
    }

    /// The head row or the next item.
    fn take(&mut self, row: &PgRow, metadata: &HashMap<Pubkey, Json>) -> Result<(), StoreError> {
        let Some(asset_id) = row.try_get::<Option<&[u8]>, _>(2)? else {
            self.read.last_indexed_slot = slot("watermark", row.try_get::<Option<i64>, _>(0)?.unwrap_or(0))?;
            self.read.total =
                row.try_get::<Option<i64>, _>(1)?.map(|total| u64::try_from(total).unwrap_or(0));
            return Ok(());
        };
        let body: &[u8] = row.try_get(4)?;
        if self.spliced {
            self.items.splice(asset_id, (body, row.try_get(5)?), &self.plan.display, metadata)?;
        } else {
            self.items.push(body)?;
        }
        self.read.last =
            Some(Position { slot: slot("list_member", row.try_get(3)?)?, id: pubkey(asset_id)? });
        Ok(())
    }

    fn finish(self) -> ListPage {
        let (items, count) = self.items.into_parts();
        ListPage { items, count, ..self.read }
    }
}

fn pubkey(bytes: &[u8]) -> Result<Pubkey, StoreError> {
    Pubkey::try_from(bytes).map_err(|error| StoreError::Inconsistent {
        table: "asset",
        column: "asset_id",
        key: printable(bytes),
        reason: error.to_string(),
    })
}

fn slot(table: &'static str, value: i64) -> Result<Slot, StoreError> {
    Slot::from_i64(value).ok_or_else(|| StoreError::Inconsistent {
        table,
        column: "slot",
        key: value.to_string(),
        reason: "a slot is not negative".to_owned(),
    })
}
