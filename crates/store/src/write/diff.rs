//! What a batch changes, against what is stored: pure.

use std::collections::{BTreeMap, HashMap};
use std::ops::AddAssign;

use vitrine_model::{FACTS_VERSION, ListKey, Pubkey, Slot};

use super::{AssetChange, Owned, Written};

/// The stored state that a change is held against.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) slot_created: Slot,
    pub(super) slot_updated: Slot,
    pub(super) slot_seen: Slot,
    pub(super) digest: [u8; 16],
    pub(super) list_ids: Vec<i64>,
    pub(super) version: i64,
    /// Which facts are stored of it.
    pub(super) facts_version: i16,
}

/// The rows that a batch writes. Indexes point into the batch.
#[derive(Debug, Default)]
pub(super) struct Diff<'c> {
    /// Assets to insert, in order of id.
    pub(super) created: Vec<Row<'c>>,
    /// Assets to replace, in order of id.
    pub(super) replaced: Vec<Row<'c>>,
    /// Assets of which only slots change: created earlier, or seen later, than was known.
    pub(super) adjusted: Vec<Adjusted>,
    /// Assets to delete.
    pub(super) removed: Vec<Pubkey>,
    /// Lists that nobody has seen before, with the members that they begin with.
    pub(super) new_lists: BTreeMap<&'c ListKey, i64>,
    /// How known lists change.
    pub(super) lists: BTreeMap<i64, ListChange>,
    /// Members to insert.
    pub(super) entered: Vec<Member>,
    /// Members to delete.
    pub(super) left: Vec<(i64, Pubkey)>,
    /// Members whose slots or version change.
    pub(super) moved: Vec<Member>,
}

/// What becomes of a list as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ListChange {
    /// How its total changes.
    pub(super) total: i64,
    /// Whether a member enters, leaves or has its `slot_created` changed; if not, only `slot_updated` changes.
    pub(super) members: bool,
}

impl AddAssign for ListChange {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.members |= other.members;
    }
}

/// An asset's row.
#[derive(Debug)]
pub(super) struct Row<'c> {
    pub(super) change: &'c AssetChange,
    pub(super) slot_created: Slot,
    pub(super) list_ids: Vec<i64>,
    /// Lists whose ids are not known before they are made.
    unknown: Vec<&'c ListKey>,
}

/// An asset that is as it was, with better known slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Adjusted {
    pub(super) id: Pubkey,
    pub(super) slot_created: Slot,
    pub(super) slot_seen: Slot,
}

/// A row of `list_member`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Member {
    pub(super) list_id: i64,
    pub(super) asset_id: Pubkey,
    pub(super) slot_created: Slot,
    pub(super) slot_updated: Slot,
    pub(super) version: i64,
}

/// Holds `changes` (sorted, unique) against the `stored` ones; `known` are the ids of all lists that exist. What is
/// stored as its writer `owned` it becomes what the change says, slots and all.
pub(super) fn diff<'c>(
    changes: &'c [AssetChange],
    stored: &HashMap<Pubkey, Stored>,
    known: &HashMap<&'c ListKey, i64>,
    owned: &Owned,
) -> (Diff<'c>, Written) {
    let mut diff = Diff::default();
    let mut written = Written::default();
    for change in changes {
        match stored.get(&change.id) {
            None => {
                written.created += 1;
                diff.create(change, known);
            }
            Some(old) if owned.has(change.id, old.version) => {
                if old.is(change) {
                    written.unchanged += 1;
                } else {
                    written.updated += 1;
                    diff.replace(change, change.slot_created, old, known);
                }
            }
            Some(old) if change.slot_seen < old.slot_seen => {
                written.stale += 1;
                diff.adjust(change, old);
            }
            Some(old) if change.rendered.digest == old.digest => {
                written.unchanged += 1;
                if old.facts_version == FACTS_VERSION {
                    diff.adjust(change, old);
                } else {
                    diff.replace(change, change.slot_created.min(old.slot_created), old, known);
                }
            }
            Some(old) => {
                written.updated += 1;
                diff.replace(change, change.slot_created.min(old.slot_created), old, known);
            }
        }
    }
    for id in &owned.gone {
        if let Some(old) = stored.get(id).filter(|old| owned.has(*id, old.version)) {
            written.removed += 1;
            diff.remove(*id, old);
        }
    }
    (diff, written)
}

impl Stored {
    /// Whether it is just what the change says.
    fn is(&self, change: &AssetChange) -> bool {
        (self.slot_created, self.slot_updated, self.slot_seen)
            == (change.slot_created, change.slot_updated, change.slot_seen)
            && self.digest == change.rendered.digest
            && self.facts_version == FACTS_VERSION
    }
}

impl<'c> Diff<'c> {
    /// Fills in the ids of the lists that were made for this batch.
    pub(super) fn settle(&mut self, made: &HashMap<ListKey, i64>) {
        for row in self.created.iter_mut().chain(&mut self.replaced) {
            for key in row.unknown.drain(..) {
                let list_id = made[key];
                row.list_ids.push(list_id);
                self.entered.push(Member {
                    list_id,
                    asset_id: row.change.id,
                    slot_created: row.slot_created,
                    slot_updated: row.change.slot_updated,
                    version: row.change.rendered.version,
                });
            }
            row.list_ids.sort_unstable();
        }
        // In the order of the table's key, for locality and for one order of locks among all writers.
        self.entered.sort_unstable();
        self.left.sort_unstable();
        self.moved.sort_unstable();
    }

    fn create(&mut self, change: &'c AssetChange, known: &HashMap<&'c ListKey, i64>) {
        let row = self.row(change, change.slot_created, known);
        for &list_id in &row.list_ids {
            self.enter(list_id, &row);
        }
        self.created.push(row);
    }

    fn replace(
        &mut self,
        change: &'c AssetChange,
        slot_created: Slot,
        old: &Stored,
        known: &HashMap<&'c ListKey, i64>,
    ) {
        let row = self.row(change, slot_created, known);
        for &list_id in &row.list_ids {
            if old.list_ids.contains(&list_id) {
                self.shift(row.member(list_id), slot_created != old.slot_created);
            } else {
                self.enter(list_id, &row);
            }
        }
        for &list_id in old.list_ids.iter().filter(|list_id| !row.list_ids.contains(list_id)) {
            self.leave(list_id, change.id);
        }
        self.replaced.push(row);
    }

    fn remove(&mut self, id: Pubkey, old: &Stored) {
        for &list_id in &old.list_ids {
            self.leave(list_id, id);
        }
        self.removed.push(id);
    }

    /// A stale or an unchanged asset still tells when it was created, and as of when it is known.
    fn adjust(&mut self, change: &'c AssetChange, old: &Stored) {
        let slot_created = change.slot_created.min(old.slot_created);
        let slot_seen = change.slot_seen.max(old.slot_seen);
        if (slot_created, slot_seen) != (old.slot_created, old.slot_seen) {
            self.adjusted.push(Adjusted { id: change.id, slot_created, slot_seen });
        }
        if slot_created < old.slot_created {
            for &list_id in &old.list_ids {
                let Stored { slot_updated, version, .. } = *old;
                let member = Member { list_id, asset_id: change.id, slot_created, slot_updated, version };
                self.shift(member, true);
            }
        }
    }

    fn row(
        &mut self,
        change: &'c AssetChange,
        slot_created: Slot,
        known: &HashMap<&'c ListKey, i64>,
    ) -> Row<'c> {
        let mut row = Row { change, slot_created, list_ids: Vec::new(), unknown: Vec::new() };
        for key in &change.facts.lists {
            if let Some(&list_id) = known.get(key) {
                row.list_ids.push(list_id);
            } else {
                *self.new_lists.entry(key).or_default() += 1;
                row.unknown.push(key);
            }
        }
        row
    }

    fn enter(&mut self, list_id: i64, row: &Row<'_>) {
        self.entered.push(row.member(list_id));
        let list = self.lists.entry(list_id).or_default();
        list.total += 1;
        list.members = true;
    }

    fn leave(&mut self, list_id: i64, id: Pubkey) {
        self.left.push((list_id, id));
        let list = self.lists.entry(list_id).or_default();
        list.total -= 1;
        list.members = true;
    }

    fn shift(&mut self, member: Member, created: bool) {
        self.moved.push(member);
        self.lists.entry(member.list_id).or_default().members |= created;
    }
}

impl Row<'_> {
    /// The bytes that a statement has of it, but for what is small in each.
    pub(super) fn bytes(&self) -> usize {
        self.change.rendered.body.as_bytes().len() + self.change.rendered.splices.len()
    }

    fn member(&self, list_id: i64) -> Member {
        Member {
            list_id,
            asset_id: self.change.id,
            slot_created: self.slot_created,
            slot_updated: self.change.slot_updated,
            version: self.change.rendered.version,
        }
    }
}
