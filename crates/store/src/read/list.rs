//! A page of a list.

use std::collections::HashMap;

use sqlx::postgres::PgConnection;
use vitrine_encoding::{Encoding, Piece};
use vitrine_model::Slot;

use super::body::Items;
use super::list_sql;
use super::members::{self, Head, Members, Origin, Seek};
use super::places::Places;
use crate::pages::PageName;
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
    /// Reads a page. One round trip where all bodies are kept or none are, else two; one more where what was remembered of
    /// the list does not hold any more, and one for the metadata of collections, but for the one that comes along with the
    /// bodies.
    pub async fn list(&self, plan: &ListPlan) -> Result<ListPage, StoreError> {
        self.reading(|| self.seek_and_read(plan)).await
    }

    /// Starts from a remembered place if there is one, and again without it if that no longer holds.
    async fn seek_and_read(&self, plan: &ListPlan) -> Result<ListPage, StoreError> {
        // What follows goes by what was skipped in the end.
        let (mut seek, mut head, mut page) = self.read_page(plan, self.places.seek(plan)).await?;
        if let Some(version) = seek.outdated(&head) {
            self.places.forget(plan, version);
            (seek, head, page) = self.read_page(plan, Places::without(plan)).await?;
        }
        self.places.learn(plan, &head, &page);
        self.survey_after(plan, &seek, &head);
        Ok(page)
    }

    /// The page, and from where it was read.
    async fn read_page(&self, plan: &ListPlan, seek: Seek) -> Result<(Seek, Head, ListPage), StoreError> {
        let mut connection = self.read().await?;
        if plan.limit == 0 {
            // Nothing of the members is asked for.
            let head = members::head(&mut connection, plan).await?;
            connection.done();
            return Ok((seek, head, page(head, Items::new(plan.max_bytes), None)));
        }
        let as_rendered = plan.display.as_model().is_plain();
        if as_rendered && !self.bodies.is_on() {
            let (head, items, last) = members::items(&mut connection, plan, &seek).await?;
            connection.done();
            return Ok((seek, head, page(head, items, last)));
        }
        let (seek, head, mut members) = self.members(&mut connection, plan, seek, as_rendered).await?;
        let metadata = if plan.display.collection_metadata {
            members::metadata(&mut connection, &mut members).await?
        } else {
            HashMap::new()
        };
        // What is left to do needs no database.
        connection.done();
        members.encode(&self.bodies).await;
        let (mut items, last) = (Items::new(plan.max_bytes), members.last());
        if as_rendered {
            members.into_blocks().try_for_each(|block| items.share(block))?;
        } else {
            for (id, body, splices) in members.parts() {
                items.splice(id, (body, splices), &plan.display.as_model(), &metadata)?;
            }
        }
        Ok((seek, head, page(head, items, last)))
    }

    /// The page's members: by their keys where bodies are kept, and by one statement where none are, or where
    /// one has changed on the way; and from where they were read. Keys that are remembered are not read: the list says
    /// that it has not changed.
    async fn members(
        &self,
        connection: &mut PgConnection,
        plan: &ListPlan,
        mut seek: Seek,
        as_rendered: bool,
    ) -> Result<(Seek, Head, Members), StoreError> {
        if self.bodies.is_on() {
            // Options splice into plain bytes.
            let encoding = if as_rendered { plan.encoding } else { Encoding::Identity };
            let name = PageName::of(plan);
            let filled = if let Some(page) = self.pages.get(&name) {
                let head = members::head(connection, plan).await?;
                if head.changed == page.versions {
                    let members = Members::of(&page.keys, encoding).in_list_of(plan);
                    let filled = members::fill(connection, &self.bodies, plan.max_bytes, members).await?;
                    filled.map(|members| (Seek::NOTHING, head, members))
                } else {
                    if let Some(version) = seek.outdated(&head) {
                        self.places.forget(plan, version);
                        seek = Places::without(plan);
                    }
                    self.by_keys(connection, plan, seek, name, encoding).await?
                }
            } else {
                self.by_keys(connection, plan, seek, name, encoding).await?
            };
            if let Some(read) = filled {
                return Ok(read);
            }
        }
        let (head, members) = members::by_rows(connection, plan, &seek).await?;
        Ok((seek, head, members))
    }

    /// The page's members by their keys, which are noted.
    async fn by_keys(
        &self,
        connection: &mut PgConnection,
        plan: &ListPlan,
        seek: Seek,
        name: PageName,
        encoding: Encoding,
    ) -> Result<Option<(Seek, Head, Members)>, StoreError> {
        let read = members::by_keys(connection, &self.bodies, plan, &seek, encoding).await?;
        // From a place that does not hold any more nothing was read.
        if let Some((head, members)) = &read
            && seek.outdated(head).is_none()
        {
            self.pages.note(name, head.changed, || members.keys());
        }
        Ok(read.map(|(head, members)| (seek, head, members)))
    }

    /// Whether the keys of a plan's page are remembered, and asked of the database no more while its list stays as it is.
    pub fn remembers(&self, plan: &ListPlan) -> bool {
        self.pages.has(&PageName::of(plan))
    }
}

fn page(head: Head, items: Items, last: Option<Position>) -> ListPage {
    let (items, count) = items.into_parts();
    ListPage { last_indexed_slot: head.slot, total: head.total, items, count, last }
}

impl Seek {
    /// Of a page whose keys are remembered: nothing was skipped.
    const NOTHING: Self = Self { origin: Origin::Start(Start::Offset(0)), skip: 0, version: None };

    /// Where a plan says.
    pub(super) fn plain(start: Start) -> Self {
        let skip = if let Start::Offset(offset) = start { offset } else { 0 };
        Self { origin: Origin::Start(start), skip, version: None }
    }

    /// The version for which it held, where the list has another one.
    fn outdated(&self, head: &Head) -> Option<i64> {
        self.version.filter(|version| head.version != Some(*version))
    }

    /// How many members are skipped, at most, in a list of so many; `None`: nobody knows how many.
    pub(super) fn skipped(&self, total: Option<u64>) -> u64 {
        match (self.origin, total) {
            // What stands behind the end is not looked for.
            (Origin::NearerEnd, Some(total)) => {
                self.skip.min(total.saturating_sub(self.skip.saturating_add(1)))
            }
            _ => self.skip,
        }
    }
}
