//! A page of a list.

use vitrine_encoding::{Encoding, Piece};
use vitrine_model::Slot;

use super::body::Items;
use super::list_sql;
use super::members::{self, Head, Seek};
use crate::plan::{ListPlan, Position, Start};
use crate::{Store, StoreError};

/// A page of a list, from one snapshot.
#[derive(Debug, Clone)]
pub struct ListPage {
    /// The watermark: up to which slot everything is indexed.
    pub last_indexed_slot: Slot,
    /// All members of the list, whatever bounds the page; `None` if it never had any.
    pub total: Option<u64>,
    /// The items with what separates them, as they stand inside `"items":[…]`.
    pub items: Vec<Piece>,
    /// The number of items.
    pub count: u32,
    /// The last item's place in the order; `None` on an empty page.
    pub last: Option<Position>,
}

/// Name and text of every statement of a list page, for the tests that hold them against golden files and plans.
pub fn statements() -> Vec<(String, &'static str)> {
    list_sql::statements()
}

impl Store {
    /// Reads a page. One round trip where all bodies are kept, else two; one more for collection metadata.
    ///
    /// A connection that turns out to be broken costs one more try: a read can be made twice.
    pub async fn list(&self, plan: &ListPlan) -> Result<ListPage, StoreError> {
        match self.seek_and_read(plan).await {
            Err(StoreError::Unavailable(error)) if !matches!(error, sqlx::Error::PoolTimedOut) => {
                self.note_failure();
                self.seek_and_read(plan).await
            }
            other => other,
        }
    }

    /// Starts from a remembered place if there is one, and again without it if that no longer holds.
    async fn seek_and_read(&self, plan: &ListPlan) -> Result<ListPage, StoreError> {
        let seek = self.places.seek(plan);
        let (mut head, mut page) = self.read_page(plan, &seek).await?;
        if seek.version.is_some() && seek.version != head.version {
            self.places.forget(plan);
            (head, page) = self.read_page(plan, &Seek::plain(plan.start)).await?;
        }
        self.places.learn(plan, &head, &page);
        self.survey_after(plan, &seek, &head);
        Ok(page)
    }

    async fn read_page(&self, plan: &ListPlan, seek: &Seek) -> Result<(Head, ListPage), StoreError> {
        let plain = plan.display.as_model().is_plain();
        let mut connection = self.read().await?;
        if plain && !self.bodies.is_on() {
            let (head, items, last) = members::items(&mut connection, plan, seek).await?;
            return Ok((head, page(head, items, last)));
        }
        // Options splice into plain bytes.
        let encoding = if plain { plan.encoding } else { Encoding::Identity };
        let kept = match self.bodies.is_on() {
            true => members::by_keys(&mut connection, &self.bodies, plan, seek, encoding).await?,
            false => None,
        };
        let (head, members) = match kept {
            Some(read) => read,
            None => members::by_rows(&mut connection, plan, seek).await?,
        };
        let metadata = match plan.display.collection_metadata {
            true => members::metadata(&mut connection, &members).await?,
            false => Default::default(),
        };
        drop(connection);
        let (mut items, last) = (Items::new(plan.max_bytes), members.last());
        if plain {
            members.bodies.into_iter().try_for_each(|body| items.share(body.block))?;
        } else {
            for (id, body, splices) in members.parts() {
                items.splice(id, (body, splices), &plan.display, &metadata)?;
            }
        }
        Ok((head, page(head, items, last)))
    }
}

fn page(head: Head, items: Items, last: Option<Position>) -> ListPage {
    let (items, count) = items.into_parts();
    ListPage { last_indexed_slot: head.slot, total: head.total, items, count, last }
}

impl Seek {
    /// Where a plan says.
    pub(super) fn plain(start: Start) -> Self {
        let skip = if let Start::Offset(offset) = start { offset } else { 0 };
        Self { start, skip, version: None }
    }
}
