//! Places in ordered lists, remembered for one version of each list. Pure: time is a parameter.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;

use crate::plan::{Direction, ListPlan, ListRef, Position, Sort};

/// The most places of one order.
const PLACES_PER_ORDER: usize = 2_048;

/// After a survey there is none, of any order, for this many times the time that it took.
const SURVEY_PAUSE: u32 = 10;

/// A list in one of its orders.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Order {
    pub(crate) list: ListRef,
    pub(crate) unverified: bool,
    pub(crate) sort: Sort,
    pub(crate) direction: Direction,
}

/// A place: how many members there are up to and including the one at this position.
pub(crate) type Place = (u64, Position);

/// What is remembered around a member of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Near {
    /// The version of the list for which all of it holds.
    pub(crate) version: i64,
    /// The members of the list, if that is known.
    pub(crate) total: Option<u64>,
    /// The last place in front of the member.
    pub(crate) below: Option<Place>,
    /// The first place that is the member, or behind it.
    pub(crate) above: Option<Place>,
}

/// The right to survey an order, and since when.
#[derive(Debug)]
pub(crate) struct Survey {
    version: i64,
    begun: Instant,
}

/// What is remembered of all orders. Those that nobody asks for make room.
#[derive(Debug)]
pub(crate) struct Positions {
    orders: Option<Cache<Order, Arc<Mutex<Places>>>>,
    /// From when on there may be another survey.
    next_survey: Mutex<Option<Instant>>,
}

/// What is remembered of one order.
#[derive(Debug, Default)]
struct Places {
    version: i64,
    total: Option<u64>,
    by_skipped: BTreeMap<u64, Position>,
    /// The version of the last survey, unless what it found was forgotten.
    surveyed: Option<i64>,
    surveying: bool,
}

impl Order {
    /// The order that a plan's page is a part of.
    pub(crate) fn of(plan: &ListPlan) -> Self {
        let (unverified, sort, direction) = (plan.unverified, plan.sort, plan.direction);
        Self { list: plan.list.clone(), unverified, sort, direction }
    }
}

/// How far apart the places of a survey are, for a list of so many members.
pub(crate) fn survey_step(total: u64) -> u64 {
    (total / 1_024).max(8_192)
}

impl Positions {
    /// Remembers about so many places; 0: none.
    pub(crate) fn new(places_max: usize) -> Self {
        let orders = (places_max > 0).then(|| Cache::new((places_max / PLACES_PER_ORDER).max(1)));
        Self { orders, next_survey: Mutex::default() }
    }

    /// What is remembered around the member that `offset` others stand in front of; `None` where nothing is known.
    pub(crate) fn near(&self, order: &Order, offset: u64) -> Option<Near> {
        let known = self.orders.as_ref()?.get(order)?;
        let known = lock(&known);
        let place = |(&skipped, &position): (&u64, &Position)| (skipped, position);
        let below = known.by_skipped.range(..=offset).next_back().map(place);
        let above = known.by_skipped.range((Excluded(offset), Unbounded)).next().map(place);
        let near = Near { version: known.version, total: known.total, below, above };
        (below.is_some() || above.is_some() || near.total.is_some()).then_some(near)
    }

    /// Remembers places of a version, and its total where that is told. Those of an older one are forgotten; an older one
    /// teaches nothing.
    pub(crate) fn learn(&self, order: &Order, version: i64, total: Option<u64>, places: &[Place]) {
        let Some(known) = self.known(order) else { return };
        let mut known = lock(&known);
        if known.at(version) {
            known.total = total.or(known.total);
            for &(skipped, position) in places {
                known.remember(skipped, position);
            }
        }
    }

    /// Forgets a version of an order that turned out to be no longer, or not yet, the list's: a restored database
    /// has older ones. The order may be surveyed again, after the usual pause.
    pub(crate) fn forget(&self, order: &Order, version: i64) {
        if let Some(known) = self.orders.as_ref().and_then(|orders| orders.get(order)) {
            let mut known = lock(&known);
            // What has been learnt of a later one meanwhile stays.
            if known.version == version {
                known.by_skipped.clear();
                known.version = 0;
                known.total = None;
                known.surveyed = None;
            }
        }
    }

    /// Whether to survey an order now: one caller at a time, once a version, and not all the time.
    pub(crate) fn begin_survey(&self, order: &Order, version: i64, now: Instant) -> Option<Survey> {
        if lock(&self.next_survey).is_some_and(|next| now < next) {
            return None;
        }
        let known = self.known(order)?;
        let mut known = lock(&known);
        if known.surveying || known.surveyed == Some(version) {
            return None;
        }
        known.surveying = true;
        Some(Survey { version, begun: now })
    }

    /// Ends a survey. One that came to nothing is made again after the pause.
    pub(crate) fn finish_survey(&self, order: &Order, survey: &Survey, worked: bool, now: Instant) {
        let Some(known) = self.known(order) else { return };
        let took = now.saturating_duration_since(survey.begun);
        let pause = took.saturating_mul(SURVEY_PAUSE).min(Duration::from_hours(1));
        *lock(&self.next_survey) = Some(now + pause);
        let mut known = lock(&known);
        known.surveying = false;
        known.surveyed = worked.then_some(survey.version);
    }

    fn known(&self, order: &Order) -> Option<Arc<Mutex<Places>>> {
        // In one step: of two who come first at once, only one may survey.
        let Ok(known) =
            self.orders.as_ref()?.get_or_insert_with(order, || Ok::<_, Infallible>(Arc::default()));
        Some(known)
    }
}

impl Places {
    /// Whether what is remembered is, now, of this version.
    fn at(&mut self, version: i64) -> bool {
        if version > self.version {
            self.by_skipped.clear();
            self.version = version;
            self.total = None;
        }
        version == self.version
    }

    fn remember(&mut self, skipped: u64, position: Position) {
        if self.by_skipped.len() >= PLACES_PER_ORDER && !self.by_skipped.contains_key(&skipped) {
            self.thin_out();
        }
        // After the others have been thinned out: who walks page after page needs the last one next.
        self.by_skipped.insert(skipped, position);
    }

    /// Drops at least half of the places, by their distance: to drop every other one would thin out the oldest
    /// part of a long walk again and again, until nothing of it is left.
    fn thin_out(&mut self) {
        let last = self.by_skipped.last_key_value().map_or(0, |(&skipped, _)| skipped);
        let (gap, mut next) = (last / (PLACES_PER_ORDER as u64 / 2) + 1, 0);
        self.by_skipped.retain(|&skipped, _| {
            let keep = skipped >= next;
            if keep {
                next = skipped.saturating_add(gap);
            }
            keep
        });
    }
}

fn lock<T>(places: &Mutex<T>) -> MutexGuard<'_, T> {
    places.lock().expect("nothing panics while it holds this lock")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use vitrine_model::{ListKind, Pubkey, Slot};

    use super::*;

    fn order(name: &[u8]) -> Order {
        let list = ListRef { kind: ListKind::Group, key: "collection".to_owned(), value: name.to_vec() };
        Order { list, unverified: false, sort: Sort::Id, direction: Direction::Asc }
    }

    /// The place of a member by its number.
    fn place(number: u64) -> Position {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        Position { slot: Slot::default(), id: Pubkey::from_bytes(id) }
    }

    fn skipped(positions: &Positions, offset: u64) -> Option<u64> {
        let (skipped, position) = positions.near(&order(b"a"), offset)?.below?;
        assert_eq!(position, place(skipped));
        Some(skipped)
    }

    fn met_from_behind(positions: &Positions, offset: u64) -> Option<u64> {
        let (skipped, position) = positions.near(&order(b"a"), offset)?.above?;
        assert_eq!(position, place(skipped));
        Some(skipped)
    }

    #[test]
    fn the_nearest_places_are_the_last_one_in_front_and_the_first_one_behind() {
        let positions = Positions::new(10_000);
        assert_eq!(skipped(&positions, u64::MAX), None);
        positions.learn(&order(b"a"), 5, None, &[(100, place(100)), (300, place(300))]);
        for (offset, expected, from_behind) in [
            (0, None, Some(100)),
            (99, None, Some(100)),
            (100, Some(100), Some(300)),
            (299, Some(100), Some(300)),
            (300, Some(300), None),
            (u64::MAX, Some(300), None),
        ] {
            assert_eq!(skipped(&positions, offset), expected, "{offset}");
            assert_eq!(met_from_behind(&positions, offset), from_behind, "{offset}");
        }
        assert_eq!(positions.near(&order(b"b"), 300), None);
        let other = Order { direction: Direction::Desc, ..order(b"a") };
        assert_eq!(positions.near(&other, 300), None);
    }

    #[test]
    fn a_total_is_that_of_its_version() {
        let positions = Positions::new(10_000);
        let total = || positions.near(&order(b"a"), 7).and_then(|near| near.total);
        positions.learn(&order(b"a"), 5, Some(1_000), &[]);
        assert_eq!(total(), Some(1_000), "also where no place is known");
        positions.learn(&order(b"a"), 5, None, &[(100, place(100))]);
        positions.learn(&order(b"a"), 4, Some(999), &[]);
        assert_eq!(total(), Some(1_000));
        positions.learn(&order(b"a"), 6, None, &[(100, place(100))]);
        assert_eq!(total(), None);
        positions.learn(&order(b"a"), 6, Some(1_001), &[]);
        positions.forget(&order(b"a"), 6);
        assert_eq!(positions.near(&order(b"a"), 7), None);
    }

    #[test]
    fn a_version_replaces_older_ones_and_is_not_replaced_by_them() {
        let positions = Positions::new(10_000);
        positions.learn(&order(b"a"), 5, None, &[(100, place(100))]);
        positions.learn(&order(b"a"), 6, None, &[(200, place(200))]);
        positions.learn(&order(b"a"), 5, None, &[(300, place(300))]);
        assert_eq!(skipped(&positions, 199), None);
        assert_eq!(skipped(&positions, 1_000), Some(200));
        assert_eq!(positions.near(&order(b"a"), 200).map(|near| near.version), Some(6));
        positions.forget(&order(b"a"), 5);
        assert_eq!(skipped(&positions, 1_000), Some(200), "what is known of a later version stays");
        positions.forget(&order(b"a"), 6);
        assert_eq!(skipped(&positions, 1_000), None);
    }

    /// The widest stretch of a list in which no place is remembered.
    fn widest_hole(positions: &Positions, total: u64) -> u64 {
        let holes = (0..total).step_by(100).map(|offset| offset - skipped(positions, offset).unwrap_or(0));
        holes.max().expect("a list with members")
    }

    #[test]
    fn a_walk_always_finds_the_page_before_and_what_is_kept_stays_spread() {
        for pages in [5_000, 50_000] {
            let (positions, total) = (Positions::new(PLACES_PER_ORDER), pages * 100);
            let step = survey_step(total);
            let survey: Vec<_> = (1..=total / step).map(|n| (n * step, place(n * step))).collect();
            positions.learn(&order(b"a"), 1, None, &survey);
            for page in 1..=pages {
                positions.learn(&order(b"a"), 1, None, &[(page * 100, place(page * 100))]);
                assert_eq!(skipped(&positions, page * 100), Some(page * 100));
                assert!(
                    lock(&positions.known(&order(b"a")).expect("learnt")).by_skipped.len()
                        <= PLACES_PER_ORDER
                );
            }
            // Thinning keeps gaps of 1/1,024 of the list; what stood between two kept places can double one.
            let hole = widest_hole(&positions, total);
            assert!(hole <= total / 512 + 200, "{pages}: {hole}");
        }
    }

    #[test]
    fn random_places_are_found_as_in_a_plain_set() {
        let (positions, mut model, mut state) = (Positions::new(10_000), BTreeSet::new(), 7_u64);
        let mut version = 0;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for _ in 0..20_000 {
            let (at, step) = (random(1_000), random(200));
            if step == 0 {
                positions.forget(&order(b"a"), version);
                (model, version) = (BTreeSet::new(), 0);
            } else if step < 100 {
                let learnt = version + i64::try_from(random(40)).expect("small") / 39 - i64::from(step < 5);
                positions.learn(&order(b"a"), learnt, None, &[(at, place(at))]);
                if learnt > version {
                    (model, version) = (BTreeSet::new(), learnt);
                }
                if learnt == version {
                    model.insert(at);
                }
            } else {
                let expected = model.range(..=at).next_back().copied();
                assert_eq!(skipped(&positions, at), expected, "version {version}, offset {at}");
                if let Some(near) = positions.near(&order(b"a"), at) {
                    assert_eq!(near.version, version);
                }
            }
        }
        assert!(version > 0);
    }

    #[test]
    fn of_many_who_come_first_one_surveys() {
        let (positions, now) = (Positions::new(1_000 * PLACES_PER_ORDER), Instant::now());
        for name in 0..500_u16 {
            let (order, together) = (order(&name.to_be_bytes()), std::sync::Barrier::new(4));
            let begin = || {
                together.wait();
                usize::from(positions.begin_survey(&order, 1, now).is_some())
            };
            let rights: usize = std::thread::scope(|scope| {
                let threads = [(); 4].map(|()| scope.spawn(begin));
                threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
            });
            assert_eq!(rights, 1, "{name}");
        }
    }

    #[test]
    fn what_is_forgotten_may_be_surveyed_again_after_the_pause() {
        let positions = Positions::new(10_000);
        let (order, start) = (order(b"a"), Instant::now());
        let after = |ms| start + Duration::from_millis(ms);
        let survey = positions.begin_survey(&order, 6, start).expect("the first one");
        positions.learn(&order, 6, None, &[(8_192, place(8_192))]);
        positions.finish_survey(&order, &survey, true, after(100));
        positions.forget(&order, 6);
        assert!(positions.begin_survey(&order, 6, after(1_099)).is_none());
        assert!(positions.begin_survey(&order, 6, after(1_100)).is_some());
        positions.learn(&order, 2, None, &[(50, place(50))]);
        assert_eq!(skipped(&positions, 60), Some(50), "the version of a restored database");
    }

    #[test]
    fn memory_is_bounded_and_none_is_none() {
        let none = Positions::new(0);
        none.learn(&order(b"a"), 1, None, &[(1, place(1))]);
        assert_eq!(skipped(&none, 1), None);
        assert!(none.begin_survey(&order(b"a"), 1, Instant::now()).is_none());
        let positions = Positions::new(4 * PLACES_PER_ORDER);
        for name in 0..100_u8 {
            positions.learn(&order(&[name]), 1, None, &[(1, place(1))]);
        }
        let kept = (0..100_u8).filter(|name| positions.near(&order(&[*name]), 1).is_some()).count();
        assert!(kept <= 4, "{kept}");
    }

    #[test]
    fn surveys_take_turns_and_pauses() {
        let positions = Positions::new(10_000);
        let (order, start) = (order(b"a"), Instant::now());
        let after = |ms| start + Duration::from_millis(ms);
        let survey = positions.begin_survey(&order, 1, start).expect("the first one");
        assert!(positions.begin_survey(&order, 2, after(50)).is_none(), "one at a time");
        positions.finish_survey(&order, &survey, true, after(100));
        assert!(positions.begin_survey(&order, 1, after(10_000)).is_none(), "it is known");
        assert!(positions.begin_survey(&order, 2, after(1_099)).is_none(), "not all the time");
        let survey = positions.begin_survey(&order, 2, after(1_100)).expect("after the pause");
        positions.finish_survey(&order, &survey, false, after(1_200));
        assert!(positions.begin_survey(&order, 2, after(2_199)).is_none(), "after a failure neither");
        assert!(positions.begin_survey(&order, 2, after(2_200)).is_some(), "it came to nothing");
    }

    #[test]
    fn long_lists_are_surveyed_in_longer_steps() {
        assert_eq!([0, 500_000, 1 << 23, 10 << 20].map(survey_step), [8_192, 8_192, 8_192, 10_240]);
    }
}
