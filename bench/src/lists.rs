//! The lists as they must be answered, made from the generator and never from a database.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::data::{Data, Kind, Member};

/// What a list is sorted by; ties break by id, in the same direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Sort {
    /// The 32 bytes of the id.
    Id,
    /// The slot of creation.
    Created,
    /// The slot of the last change.
    Updated,
}

/// A list with its members: all of them, or the first ones in the order by id, descending.
#[derive(Debug, Clone)]
pub(crate) struct List {
    /// What it is of.
    pub(crate) kind: Kind,
    /// Its number among those of its kind.
    pub(crate) number: u64,
    members: Vec<Member>,
    length: usize,
}

impl List {
    /// The lists with these numbers, in their order, each with no more than its first members: one pass over all assets.
    pub(crate) fn collect(data: Data, wanted: &[(Kind, u64)], keep: usize) -> Vec<Self> {
        let mut lists: Vec<Self> = wanted
            .iter()
            .map(|&(kind, number)| Self { kind, number, members: Vec::new(), length: 0 })
            .collect();
        let places: HashMap<(Kind, u64), usize> =
            wanted.iter().enumerate().map(|(place, &list)| (list, place)).collect();
        for index in 0..data.assets() {
            let mut member = None;
            for kind in [Kind::Group, Kind::Authority] {
                if let Some(&place) = places.get(&(kind, data.list_of(kind, index))) {
                    lists[place].push(*member.get_or_insert_with(|| data.member(index)), keep);
                }
            }
        }
        for list in &mut lists {
            list.prune(keep);
        }
        lists
    }

    fn push(&mut self, member: Member, keep: usize) {
        self.length += 1;
        self.members.push(member);
        // Now and then: each time costs as much as there are.
        if self.members.len() >= keep.saturating_mul(2) {
            self.prune(keep);
        }
    }

    fn prune(&mut self, keep: usize) {
        if self.members.len() > keep {
            self.members.select_nth_unstable_by(keep, |a, b| compare(b, a, Sort::Id));
            self.members.truncate(keep);
        }
    }

    /// How many members it has, held or not.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// All members that are held, in page order.
    pub(crate) fn ordered(&self, sort: Sort, ascending: bool) -> Vec<Member> {
        let mut members = self.members.clone();
        members.sort_unstable_by(|a, b| {
            let order = compare(a, b, sort);
            if ascending { order } else { order.reverse() }
        });
        members
    }
}

fn compare(a: &Member, b: &Member, sort: Sort) -> Ordering {
    let slots = match sort {
        Sort::Id => Ordering::Equal,
        Sort::Created => a.created.cmp(&b.created),
        Sort::Updated => a.updated.cmp(&b.updated),
    };
    slots.then(a.id.cmp(&b.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By counting, for each member, those that stand before it.
    fn place_by_counting(all: &[Member], of: &Member, sort: Sort) -> usize {
        let slot = |member: &Member| match sort {
            Sort::Id => 0,
            Sort::Created => member.created,
            Sort::Updated => member.updated,
        };
        all.iter()
            .filter(|other| slot(other) > slot(of) || (slot(other) == slot(of) && other.id > of.id))
            .count()
    }

    #[test]
    fn pages_are_those_of_brute_force() {
        let data = Data::new(3_000);
        for (kind, number) in [(Kind::Group, 1), (Kind::Authority, 3), (Kind::Authority, 14)] {
            let list = List::collect(data, &[(Kind::Group, 0), (kind, number)], usize::MAX).swap_remove(1);
            let all: Vec<Member> = (0..data.assets())
                .filter(|&index| data.list_of(kind, index) == number)
                .map(|index| data.member(index))
                .collect();
            assert_eq!(list.len(), all.len());
            for sort in [Sort::Id, Sort::Created, Sort::Updated] {
                let ordered = list.ordered(sort, false);
                for (place, member) in ordered.iter().enumerate() {
                    assert_eq!(place_by_counting(&all, member, sort), place, "{sort:?}");
                }
                let mut ascending = list.ordered(sort, true);
                ascending.reverse();
                assert_eq!(ascending, ordered);
            }
        }
    }

    #[test]
    fn the_first_members_are_those_of_the_whole_list() {
        let data = Data::new(3_000);
        let wanted = [(Kind::Group, 0), (Kind::Authority, 14)];
        let all = List::collect(data, &wanted, usize::MAX);
        for keep in [1, 7, 1_000] {
            for (list, first) in all.iter().zip(List::collect(data, &wanted, keep)) {
                let whole = list.ordered(Sort::Id, false);
                assert_eq!(first.ordered(Sort::Id, false), whole[..keep.min(whole.len())]);
                assert_eq!((first.len(), list.len()), (whole.len(), whole.len()));
            }
        }
    }

    #[test]
    fn slots_have_ties_that_ids_break() {
        let data = Data::new(3_000);
        let list = List::collect(data, &[(Kind::Group, 0)], usize::MAX).swap_remove(0);
        let ordered = list.ordered(Sort::Created, false);
        let ties = ordered.windows(2).filter(|pair| pair[0].created == pair[1].created).count();
        assert!(ties > 100, "{ties}");
    }
}
