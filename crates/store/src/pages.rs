//! Pages that are asked for again and again: their keys, remembered for one version of their lists. Pure.
//!
//! Every change of a member gives its list another version (`asset_list.order_version`), and no version comes again. So
//! a list that has the version at which a page was read has that page.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use vitrine_model::Slot;

use crate::cache::Member;
use crate::plan::{ListPlan, Start};
use crate::positions::Order;

/// How often a page is read at one version before its keys are kept, at first.
const READS_MIN: u32 = 2;

/// And at most, where that turned out to be too soon.
const READS_MAX: u32 = 64;

/// To ask in vain whether a page still holds costs what it saves in so many others.
const USES_MIN: u32 = 8;

/// What an entry costs besides its keys: its name, the list's own, and the memory's bookkeeping, about.
const ENTRY_BYTES: u64 = 300;

/// What an entry is expected to weigh: the memory is cut into shards that hold some of these each, and a page of 1,000
/// has to find room beside others of its kind.
const USUAL_BYTES: u64 = 16_384;

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PageName {
    order: Order,
    start: Start,
    limit: u32,
}

/// The versions of the lists that a page is read from; `None` for one that is not there, or not asked for. Their sum
/// would do for a list that only moves on; a restored one may reach a sum again by other parts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ListVersions {
    pub(crate) verified: Option<i64>,
    pub(crate) unverified: Option<i64>,
}

/// A page's members in order.
#[derive(Debug)]
pub(crate) struct PageKeys {
    pub(crate) members: Vec<Member>,
    /// The sort key of the last one.
    pub(crate) last_slot: Slot,
}

/// A page that is remembered.
#[derive(Debug)]
pub(crate) struct Remembered {
    /// The versions for which it holds.
    pub(crate) versions: ListVersions,
    pub(crate) keys: PageKeys,
    /// How often it was asked for since.
    uses: AtomicU32,
    /// How often it was read before it was kept.
    reads: u32,
}

/// What is known of pages. Those that nobody asks for make room.
#[derive(Debug)]
pub(crate) struct Pages(Option<Cache<PageName, Known, Weight>>);

#[derive(Debug, Clone)]
enum Known {
    /// Read so often at these versions, and to be kept after so many reads.
    Seen {
        versions: ListVersions,
        times: u32,
        wanted: u32,
    },
    Kept(Arc<Remembered>),
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<PageName, Known> for Weight {
    fn weight(&self, _: &PageName, known: &Known) -> u64 {
        let keys = match known {
            Known::Seen { .. } => 0,
            Known::Kept(page) => page.keys.members.capacity() * size_of::<Member>(),
        };
        keys as u64 + ENTRY_BYTES
    }
}

impl PageName {
    /// The page of a plan: whatever of it decides which members stand there.
    pub(crate) fn of(plan: &ListPlan) -> Self {
        Self { order: Order::of(plan), start: plan.start, limit: plan.limit }
    }
}

impl Pages {
    /// Remembers about so many bytes; 0: nothing.
    pub(crate) fn new(bytes_max: u64) -> Self {
        let pages = usize::try_from(bytes_max / USUAL_BYTES).unwrap_or(usize::MAX);
        Self((bytes_max > 0).then(|| Cache::with_weighter(pages.max(1), bytes_max, Weight)))
    }

    /// A page as it was at the versions that it says.
    pub(crate) fn get(&self, name: &PageName) -> Option<Arc<Remembered>> {
        match self.0.as_ref()?.get(name)? {
            Known::Seen { .. } => None,
            Known::Kept(page) => {
                page.uses.fetch_add(1, Ordering::Relaxed);
                Some(page)
            }
        }
    }

    /// Whether a page is remembered, at whatever versions.
    pub(crate) fn has(&self, name: &PageName) -> bool {
        self.0.as_ref().is_some_and(|pages| matches!(pages.peek(name), Some(Known::Kept(_))))
    }

    /// Notes that a page was read as it is at these versions. Its keys are asked for where it is worth to keep them: it was
    /// read before at the same ones, and more often the sooner it had changed whenever it was kept.
    pub(crate) fn note(&self, name: PageName, versions: ListVersions, keys: impl FnOnce() -> PageKeys) {
        let Some(pages) = &self.0 else { return };
        if versions == ListVersions::default() {
            // A list that is not there has no version to go by.
            pages.remove(&name);
            return;
        }
        let (times, wanted) = match pages.peek(&name) {
            Some(Known::Kept(page)) if page.versions == versions => return,
            Some(Known::Kept(page)) if page.uses.load(Ordering::Relaxed) <= USES_MIN => {
                (1, (page.reads * 2).min(READS_MAX))
            }
            None | Some(Known::Kept(_)) => (1, READS_MIN),
            Some(Known::Seen { versions: before, times, wanted }) if before == versions => {
                (times + 1, wanted)
            }
            Some(Known::Seen { wanted, .. }) => (1, wanted),
        };
        let known = if times < wanted {
            Known::Seen { versions, times, wanted }
        } else {
            Known::Kept(Arc::new(Remembered {
                versions,
                keys: keys(),
                uses: AtomicU32::new(0),
                reads: wanted,
            }))
        };
        pages.insert(name, known);
    }
}

#[cfg(test)]
mod tests {
    use vitrine_model::{ListKind, Pubkey};

    use super::*;
    use crate::plan::{Direction, ListRef, Sort};

    fn name(number: u64) -> PageName {
        let list = ListRef { kind: ListKind::Group, key: "collection".to_owned(), value: b"a".to_vec() };
        let order = Order { list, unverified: false, sort: Sort::Id, direction: Direction::Asc };
        PageName { order, start: Start::Offset(number), limit: 10 }
    }

    fn versions(version: i64) -> ListVersions {
        ListVersions { verified: Some(version), unverified: None }
    }

    /// The page of a version: its one member says which.
    fn page(version: i64) -> PageKeys {
        let member = Member { id: Pubkey::from_bytes([7; 32]), version };
        PageKeys { members: vec![member], last_slot: Slot::default() }
    }

    /// Reads a page as the store does, from a list that has this version. Whether it was remembered, and how often
    /// something was asked in vain.
    fn read(pages: &Pages, name: &PageName, version: i64) -> (bool, u32) {
        let mut in_vain = 0;
        if let Some(kept) = pages.get(name) {
            assert_eq!(kept.versions.verified, Some(kept.keys.members[0].version));
            if kept.versions == versions(version) {
                return (true, 0);
            }
            in_vain = 1;
        }
        pages.note(name.clone(), versions(version), || page(version));
        (false, in_vain)
    }

    #[test]
    fn a_page_is_kept_from_the_second_reading_at_one_version_on() {
        let pages = Pages::new(1 << 20);
        assert!(!read(&pages, &name(0), 1).0);
        assert!(!pages.has(&name(0)));
        assert!(!read(&pages, &name(0), 2).0);
        assert!(!read(&pages, &name(0), 2).0);
        assert!(pages.has(&name(0)) && !pages.has(&name(10)));
        assert!(read(&pages, &name(0), 2).0);
        assert_eq!(read(&pages, &name(0), 1), (false, 1), "an older version is another one");
        assert!(!pages.has(&name(0)));
    }

    #[test]
    fn both_parts_of_a_version_count() {
        let pages = Pages::new(1 << 20);
        let both =
            |verified, unverified| ListVersions { verified: Some(verified), unverified: Some(unverified) };
        for _ in 0..2 {
            pages.note(name(0), both(5, 5), || page(5));
        }
        assert_eq!(pages.get(&name(0)).map(|page| page.versions), Some(both(5, 5)));
        assert_ne!(both(5, 5), both(6, 4));
    }

    #[test]
    fn a_list_that_is_not_there_is_not_remembered() {
        let pages = Pages::new(1 << 20);
        for _ in 0..2 {
            pages.note(name(0), versions(1), || page(1));
        }
        assert!(pages.has(&name(0)));
        pages.note(name(0), ListVersions::default(), || page(0));
        assert!(!pages.has(&name(0)));
    }

    /// Whoever reads a list about as often as it changes must not pay for two statements each time.
    #[test]
    fn what_changes_all_the_time_is_hardly_ever_asked_in_vain() {
        for reads_a_version in [1, 2, 3, 5, 8] {
            let pages = Pages::new(1 << 20);
            let (mut reads, mut kept, mut in_vain) = (0, 0, 0);
            for version in 1..2_000 {
                for _ in 0..reads_a_version {
                    let (remembered, vainly) = read(&pages, &name(0), version);
                    (reads, kept, in_vain) = (reads + 1, kept + u32::from(remembered), in_vain + vainly);
                }
            }
            assert!(in_vain * 8 <= kept + 64, "{reads_a_version}: {in_vain} in vain, {kept} kept of {reads}");
        }
        let pages = Pages::new(1 << 20);
        let kept: u32 = (0..20_000).map(|at| u32::from(read(&pages, &name(0), 1 + at / 40).0)).sum();
        assert!(kept > 18_000, "{kept} of a list that is read 40 times a version");
    }

    #[test]
    fn memory_is_bounded_and_none_is_none() {
        let none = Pages::new(0);
        for _ in 0..3 {
            assert!(!read(&none, &name(0), 1).0);
        }
        let pages = Pages::new(10_000);
        for number in 0..1_000 {
            for _ in 0..3 {
                read(&pages, &name(number), 1);
            }
        }
        let kept = (0..1_000).filter(|number| pages.has(&name(*number))).count();
        assert!((1..=30).contains(&kept), "{kept} pages of 340 bytes in 10,000");
    }
}
