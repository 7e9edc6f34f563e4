//! What a batch changes of the accounts that are stored: pure.
//!
//! An account is two registers, each by (slot, write version): its newest update, and its newest content. What comes out
//! depends on the set of updates and not on their order: [decision 15](../../../../../docs/decisions/0015-assets-from-sources.md).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use vitrine_model::{Pubkey, Slot};

use crate::chain::{AccountContent, AccountKind, AccountSeen};

/// Orders the updates of an account: slot, then write version.
pub(super) type Moment = (Slot, u64);

/// What is stored of an account, as far as updates are held against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Register {
    /// What its newest content is; unknown where none was seen.
    pub(super) kind: AccountKind,
    /// The asset that its newest content names, or that others told of.
    pub(super) asset_id: Option<Pubkey>,
    /// Its newest update; none where others only told of it.
    pub(super) newest: Option<Moment>,
    /// Whether that closed it.
    pub(super) closed: bool,
    /// Its newest update with content.
    pub(super) content: Option<Moment>,
    /// The lowest slot of an update with content.
    pub(super) slot_first: Option<Slot>,
    /// What its newest content lends to others: a collection's authority and share of royalties, of MPL Core.
    pub(super) lends: (Option<Pubkey>, Option<u16>),
}

/// A row that changes.
#[derive(Debug)]
pub(super) struct Row<'b> {
    pub(super) address: Pubkey,
    pub(super) register: Register,
    /// The update whose content is written; none where the stored content stays.
    pub(super) content: Option<&'b AccountSeen>,
}

/// What a batch changes. Rows are in the order of their addresses.
#[derive(Debug, Default)]
pub(super) struct Changes<'b> {
    /// Rows to insert.
    pub(super) inserted: Vec<Row<'b>>,
    /// Rows whose content is replaced.
    pub(super) replaced: Vec<Row<'b>>,
    /// Rows whose content stays.
    pub(super) adjusted: Vec<Row<'b>>,
    /// The assets that these are parts of.
    pub(super) touched: BTreeSet<Pubkey>,
    /// The collections whose authority or share of royalties is another one now: those who share them change.
    pub(super) collections: BTreeSet<Pubkey>,
    /// The mints of changed token accounts.
    pub(super) held: BTreeSet<Pubkey>,
    /// Updates that changed nothing: older than what is stored, or the same.
    pub(super) stale: u64,
}

impl Default for Register {
    fn default() -> Self {
        Self {
            kind: AccountKind::Unknown,
            asset_id: None,
            newest: None,
            closed: false,
            content: None,
            slot_first: None,
            lends: (None, None),
        }
    }
}

impl Register {
    /// Takes an update in; says whether its content is the newest now.
    ///
    /// Of two updates at one moment the open one counts: one that says how an account ended up, and not what a
    /// transaction meant to do, has a write version.
    fn take(&mut self, update: &AccountSeen) -> bool {
        let moment = (update.slot, update.write_version);
        let closes = update.ends();
        if self.newest.is_none_or(|newest| moment > newest || (moment == newest && self.closed && !closes)) {
            self.newest = Some(moment);
            self.closed = closes;
        }
        if closes {
            return false;
        }
        self.slot_first = self.slot_first.into_iter().chain([update.slot]).min();
        if self.content.is_some_and(|content| moment <= content) {
            return false;
        }
        self.content = Some(moment);
        self.kind = update.kind;
        self.asset_id = update.asset_id.or(self.asset_id);
        self.lends = update.lends();
        true
    }

    /// Another account says which asset this one is a part of.
    fn tell(&mut self, asset_id: Pubkey) {
        self.asset_id = self.asset_id.or(Some(asset_id));
    }
}

/// Every address that a batch writes, in order. The collection of a member is one of them, known or not: whoever changes
/// its authority waits for whoever adds a member, and the other way round. `shared` are others of which the same is true.
pub(super) fn addresses(updates: &[AccountSeen], shared: &BTreeSet<Pubkey>) -> BTreeSet<Pubkey> {
    let others = updates.iter().flat_map(|update| update.tells_of.iter().copied().chain(update.collection()));
    updates.iter().map(|update| update.address).chain(others).chain(shared.iter().copied()).collect()
}

/// Holds a batch against what is stored; `shared` as in [`addresses`].
pub(super) fn changes<'b>(
    updates: &'b [AccountSeen],
    shared: &BTreeSet<Pubkey>,
    stored: &HashMap<Pubkey, Register>,
) -> Changes<'b> {
    let mut changes = Changes::default();
    let mut rows: BTreeMap<Pubkey, Row<'b>> = BTreeMap::new();
    let row_of = |address: Pubkey| Row {
        address,
        register: stored.get(&address).copied().unwrap_or_default(),
        content: None,
    };
    for &address in shared {
        rows.entry(address).or_insert_with(|| row_of(address));
    }
    // Last of all what belongs to others: it ends accounts that are known, and makes none known. There are more accounts of
    // other programs than there are of ours.
    let (foreign, ours): (Vec<_>, Vec<_>) =
        updates.iter().partition(|update| update.content == AccountContent::Foreign);
    for update in ours.into_iter().chain(foreign) {
        if update.content == AccountContent::Foreign
            && !rows.contains_key(&update.address)
            && !stored.contains_key(&update.address)
        {
            continue;
        }
        let row = rows.entry(update.address).or_insert_with(|| row_of(update.address));
        let before = row.register;
        if row.register.take(update) {
            row.content = Some(update);
        }
        changes.stale += u64::from(row.register == before);
        if let Some(collection) = update.collection() {
            rows.entry(collection).or_insert_with(|| row_of(collection));
        }
        if let Some(asset_id) = update.asset_id {
            for &told in &update.tells_of {
                rows.entry(told).or_insert_with(|| row_of(told)).register.tell(asset_id);
            }
        }
    }
    for row in rows.into_values() {
        changes.add(stored.get(&row.address), row);
    }
    changes
}

impl<'b> Changes<'b> {
    fn add(&mut self, before: Option<&Register>, row: Row<'b>) {
        if before == Some(&row.register) {
            return;
        }
        for register in before.into_iter().chain([&row.register]) {
            match (register.asset_id, register.kind) {
                (Some(mint), AccountKind::Token) => drop(self.held.insert(mint)),
                (Some(asset_id), _) => drop(self.touched.insert(asset_id)),
                (None, _) => {}
            }
        }
        if before.map_or((None, None), |register| register.lends) != row.register.lends {
            self.collections.insert(row.address);
        }
        match (before, row.content) {
            (None, _) => self.inserted.push(row),
            (Some(_), Some(_)) => self.replaced.push(row),
            (Some(_), None) => self.adjusted.push(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ADDRESSES: u8 = 3;

    fn key(byte: u8) -> Pubkey {
        Pubkey::from_bytes([byte; 32])
    }

    /// An update: whose, when, whether it closes; an edition (address 0) does not name its asset, a mint (1) tells of it.
    fn update(address: u8, slot: u64, write_version: u64, closes: bool) -> AccountSeen {
        let content = if closes {
            AccountContent::Closed
        } else {
            // What one moment says, it always says.
            let data = vec![address, slot.to_le_bytes()[0], write_version.to_le_bytes()[0]];
            AccountContent::Data { program: key(9), data, edition: None, tie: None }
        };
        let open = |value| if closes { None } else { Some(value) };
        AccountSeen {
            address: key(address),
            slot: Slot::new(slot).expect("a slot"),
            write_version,
            kind: if closes { AccountKind::Unknown } else { AccountKind::Mint },
            asset_id: if address == 0 { None } else { open(key(1)) },
            content,
            tells_of: if address == 1 { open(key(0)).into_iter().collect() } else { Vec::new() },
        }
    }

    /// Rows as a table would have them after these batches.
    fn table(batches: &[Vec<AccountSeen>]) -> BTreeMap<Pubkey, (Register, Option<AccountContent>)> {
        let mut table: BTreeMap<Pubkey, (Register, Option<AccountContent>)> = BTreeMap::new();
        for batch in batches {
            let stored = table.iter().map(|(address, (register, _))| (*address, *register)).collect();
            let changes = changes(batch, &BTreeSet::new(), &stored);
            for row in changes.inserted.iter().chain(&changes.replaced).chain(&changes.adjusted) {
                let place = table.entry(row.address).or_default();
                place.0 = row.register;
                if let Some(update) = row.content {
                    place.1 = Some(update.content.clone());
                }
            }
        }
        table
    }

    proptest! {
        #[test]
        fn any_order_and_any_batches_end_in_the_same_rows(
            seeds in proptest::collection::vec((0..ADDRESSES, 1..5_u64, 0..3_u64, any::<bool>()), 1..12),
            order in any::<u64>(),
            cut in 1..6_usize,
        ) {
            let updates: Vec<_> =
                seeds.iter().map(|&(address, slot, version, closes)| update(address, slot, version, closes)).collect();
            let expected = table(std::slice::from_ref(&updates));
            // Another order, with one of them twice.
            let mut other = updates.clone();
            other.push(updates[0].clone());
            let mut state = order;
            for at in (1..other.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                other.swap(at, usize::try_from(state >> 33).expect("31 bits") % (at + 1));
            }
            let batches: Vec<_> = other.chunks(cut).map(<[AccountSeen]>::to_vec).collect();
            prop_assert_eq!(table(&batches), expected);
        }
    }

    #[test]
    fn what_touches_an_asset_and_what_does_not() {
        let first = [update(1, 5, 0, false)];
        let none = BTreeSet::new();
        let told = changes(&first, &none, &HashMap::new());
        assert_eq!((told.inserted.len(), told.stale), (2, 0), "the mint, and the edition that it tells of");
        assert_eq!(told.touched, BTreeSet::from([key(1)]));
        let stored = told.inserted.iter().map(|row| (row.address, row.register)).collect();
        let again = changes(&first, &none, &stored);
        assert_eq!((again.stale, again.touched.len()), (1, 0), "the same once more is nothing");
        let earlier = [update(1, 3, 0, false)];
        let earlier = changes(&earlier, &none, &stored);
        assert_eq!(earlier.adjusted.len(), 1, "an older one still says that the account was there");
        let closed = [update(1, 4, 0, true)];
        assert_eq!(changes(&closed, &none, &stored).stale, 1, "an older end says nothing");
    }
}
