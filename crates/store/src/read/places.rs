//! Where the pages of long lists begin: remembered, so that a page number need not be counted from the start.
//!
//! What is remembered holds for one version of a list. The statement that uses it says the version too, and
//! reads nothing where the list has another one by now: a memory can cost a second try, and no wrong page.

use std::sync::Arc;
use std::time::Instant;

use futures_util::TryStreamExt;
use sqlx::Row;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::list::ListPage;
use super::list_sql::survey_sql;
use super::members::{Head, Origin, Seek, pubkey, slot};
use crate::plan::{ListPlan, Position, Start};
use crate::positions::{Order, Positions, Survey, survey_step};
use crate::{Store, StoreError};

/// From how many skipped members on a list is surveyed: what skipping them costs is then about a millisecond.
const SURVEY_FROM: u64 = 16_384;

/// Nothing is remembered of shorter lists: to skip so many members costs next to nothing.
const LEARN_FROM: u64 = 256;

/// From how many members on a page by number is looked for from both ends: to say so in one statement costs as much as
/// to skip a tenth of them.
const FAR_FROM: u64 = 1_024;

/// To look for the first member of a page, and then for the page from there on, costs as much more as to skip so many.
const BACK_COSTS: u64 = 128;

/// What is remembered of all lists.
#[derive(Debug)]
pub(crate) struct Places {
    positions: Positions,
    /// One survey at a time: it reads a whole list, and there are pages to read.
    surveying: Arc<Semaphore>,
}

impl Places {
    /// Remembers about so many places; 0: none.
    pub(crate) fn new(places_max: usize) -> Self {
        Self { positions: Positions::new(places_max), surveying: Arc::new(Semaphore::new(1)) }
    }

    /// Where to start reading for a plan: where the fewest members have to be skipped.
    pub(super) fn seek(&self, plan: &ListPlan) -> Seek {
        let Start::Offset(offset @ 1..) = plan.start else { return Seek::plain(plan.start) };
        let Some(near) = self.positions.near(&Order::of(plan), offset) else { return Self::without(plan) };
        let version = Some(near.version);
        let below = near.below.map(|(skipped, position)| {
            let origin = Origin::Start(Start::Behind(position));
            Seek { origin, skip: offset - skipped, version }
        });
        let above = near.above.map(|(skipped, position)| {
            let origin = Origin::Back(position);
            Seek { origin, skip: skipped - 1 - offset, version }
        });
        let ends = Self::without(plan);
        [
            (below, below.map_or(0, |seek| seek.skip)),
            (above, above.map_or(0, |seek| seek.skip + BACK_COSTS)),
            (Some(ends), ends.skipped(near.total).saturating_add(BACK_COSTS)),
        ]
        .into_iter()
        .filter_map(|(seek, costs)| Some((seek?, costs)))
        .min_by_key(|(_, costs)| *costs)
        .map_or(ends, |(seek, _)| seek)
    }

    /// Where to start reading for a plan by which nothing is known: a far page from the nearer end of its list.
    pub(super) fn without(plan: &ListPlan) -> Seek {
        match plan.start {
            Start::Offset(offset @ FAR_FROM..) if plan.limit > 0 => {
                Seek { origin: Origin::NearerEnd, skip: offset, version: None }
            }
            start => Seek::plain(start),
        }
    }

    /// Remembers where a page ended: there the next one begins.
    pub(super) fn learn(&self, plan: &ListPlan, head: &Head, page: &ListPage) {
        let (Start::Offset(offset), Some(version), Some(last)) = (plan.start, head.version, page.last) else {
            return;
        };
        let skipped = offset + u64::from(page.count);
        if head.total.is_some_and(|total| total >= LEARN_FROM && skipped < total) {
            self.positions.learn(&Order::of(plan), version, head.total, &[(skipped, last)]);
        }
    }

    /// Forgets a version that does not hold any more.
    pub(super) fn forget(&self, plan: &ListPlan, version: i64) {
        self.positions.forget(&Order::of(plan), version);
    }
}

/// A survey while it is made; it ends however that ends.
struct Surveying {
    places: Arc<Places>,
    order: Order,
    survey: Survey,
    worked: bool,
    _turn: OwnedSemaphorePermit,
}

impl Drop for Surveying {
    fn drop(&mut self) {
        self.places.positions.finish_survey(&self.order, &self.survey, self.worked, Instant::now());
    }
}

impl Store {
    /// How many keys a page would have to skip before its own, at most, as far as is known now.
    pub fn skips(&self, plan: &ListPlan) -> u64 {
        self.places.seek(plan).skip
    }

    /// Has a list surveyed beside the calls, after one that had to skip far.
    pub(super) fn survey_after(&self, plan: &ListPlan, seek: &Seek, head: &Head) {
        let (Some(total), Some(version)) = (head.total, head.version) else { return };
        if seek.skipped(Some(total)) < SURVEY_FROM || seek.skip >= total || self.read_connections_max() < 2 {
            // A survey holds a connection, and pages need one.
            return;
        }
        // Where another list is being surveyed, the next far page of this one asks again.
        let Ok(turn) = Arc::clone(&self.places.surveying).try_acquire_owned() else { return };
        let (order, now) = (Order::of(plan), Instant::now());
        let Some(survey) = self.places.positions.begin_survey(&order, version, now) else { return };
        let places = Arc::clone(&self.places);
        let surveying = Surveying { places, order, survey, worked: false, _turn: turn };
        let (store, step) = (self.clone(), survey_step(total));
        tokio::spawn(async move {
            // All of it moves in here: what is dropped at the end is the whole.
            let mut surveying = surveying;
            match store.survey(&surveying.order, step).await {
                Ok(()) => surveying.worked = true,
                Err(error) => {
                    tracing::warn!(%error, "a list could not be surveyed: far pages of it stay slow");
                }
            }
        });
    }

    /// Walks over a list's keys and remembers every `step`th place.
    async fn survey(&self, order: &Order, step: u64) -> Result<(), StoreError> {
        let mut connection = self.read().await?;
        let mut rows = sqlx::query(survey_sql(order.sort, order.direction, order.unverified))
            .bind(order.list.kind.code())
            .bind(order.list.key.clone())
            .bind(order.list.value.clone())
            .bind(i64::try_from(step).unwrap_or(i64::MAX))
            .fetch(&mut *connection);
        let (mut places, mut version) = (Vec::new(), None);
        while let Some(row) = rows.try_next().await? {
            version = row.try_get::<Option<i64>, _>(0)?;
            let skipped = u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0);
            let id = pubkey(row.try_get(2)?)?;
            places.push((skipped, Position { slot: slot("list_member", row.try_get(3)?)?, id }));
        }
        drop(rows);
        connection.done();
        if let Some(version) = version {
            self.places.positions.learn(order, version, None, &places);
        }
        Ok(())
    }
}
