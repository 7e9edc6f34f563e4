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

/// A list with all its members.
#[derive(Debug, Clone)]
pub(crate) struct List {
    /// What it is of.
    pub(crate) kind: Kind,
    /// Its number among those of its kind.
    pub(crate) number: u64,
    members: Vec<Member>,
}

impl List {
    /// The lists with these numbers, in their order: one pass over all assets.
    pub(crate) fn collect(data: Data, wanted: &[(Kind, u64)]) -> Vec<Self> {
        let mut lists: Vec<Self> =
            wanted.iter().map(|&(kind, number)| Self { kind, number, members: Vec::new() }).collect();
        let places: HashMap<(Kind, u64), usize> =
            wanted.iter().enumerate().map(|(place, &list)| (list, place)).collect();
        for index in 0..data.assets() {
            let mut member = None;
            for kind in [Kind::Group, Kind::Authority] {
                if let Some(&place) = places.get(&(kind, data.list_of(kind, index))) {
                    lists[place].members.push(*member.get_or_insert_with(|| data.member(index)));
                }
            }
        }
        lists
    }

    /// How many members it has.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// All members in page order.
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
            let list = List::collect(data, &[(Kind::Group, 0), (kind, number)]).swap_remove(1);
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
    fn slots_have_ties_that_ids_break() {
        let data = Data::new(3_000);
        let list = List::collect(data, &[(Kind::Group, 0)]).swap_remove(0);
        let ordered = list.ordered(Sort::Created, false);
        let ties = ordered.windows(2).filter(|pair| pair[0].created == pair[1].created).count();
        assert!(ties > 100, "{ties}");
    }
}
