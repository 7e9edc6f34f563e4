//! The chain as the store keeps it, in memory: registers of accounts, sets of events.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use vitrine_ingest::normalise::leaf::TransactionSeen;
use vitrine_ingest::normalise::{AccountUpdate, account, compose};
use vitrine_model::{Display, Pubkey, Slot, splice};
use vitrine_store::{
    AccountContent, AccountKind, AccountSeen, AssetSources, Composed, CoreTie, Document, Holder, LeafChange,
    LeafEvent, LeafEventSeen, SourceAccount, TokenAccount, TreeChange,
};

/// Orders updates of an account.
type Order = (Slot, u64);

#[derive(Default)]
pub(crate) struct Chain {
    accounts: BTreeMap<Pubkey, Row>,
    changes: BTreeMap<(Pubkey, u64), TreeChange>,
    events: BTreeMap<(Slot, [u8; 64], u32), LeafEventSeen>,
    pub(crate) documents: Vec<Document>,
}

#[derive(Default)]
struct Row {
    /// The newest update, and whether it closed the account.
    newest: Option<(Order, bool)>,
    first: Option<Slot>,
    content: Option<(Order, AccountSeen)>,
    told_by: Option<Pubkey>,
}

impl Row {
    fn asset(&self) -> Option<Pubkey> {
        self.content.as_ref().and_then(|(_, seen)| seen.asset_id).or(self.told_by)
    }

    fn kind(&self) -> AccountKind {
        self.content.as_ref().map_or(AccountKind::Unknown, |(_, seen)| seen.kind)
    }

    fn closed(&self) -> bool {
        self.newest.is_some_and(|(_, closed)| closed)
    }

    fn tie(&self) -> Option<CoreTie> {
        match self.content.as_ref()?.1.content {
            AccountContent::Data { tie, .. } => tie,
            AccountContent::Closed | AccountContent::Foreign | AccountContent::Token(_) => None,
        }
    }

    fn holder(&self, address: Pubkey) -> Option<((Order, Pubkey), Holder)> {
        let (order, seen) = self.content.as_ref()?;
        let AccountContent::Token(account) = &seen.content else { return None };
        let account = TokenAccount::clone(account);
        let holds = account.amount > 0 && !self.closed();
        holds.then_some(((*order, address), Holder { address, slot: order.0, account }))
    }
}

impl Chain {
    /// Takes an update in, as [`account`] has it.
    pub(crate) fn update(&mut self, update: &AccountUpdate<'_>) {
        self.account(account(update).unwrap());
    }

    fn account(&mut self, seen: AccountSeen) {
        for address in &seen.tells_of {
            self.accounts.entry(*address).or_default().told_by = seen.asset_id;
        }
        if seen.content == AccountContent::Foreign && !self.accounts.contains_key(&seen.address) {
            return;
        }
        let row = self.accounts.entry(seen.address).or_default();
        let order = (seen.slot, seen.write_version);
        let closed = matches!(seen.content, AccountContent::Closed | AccountContent::Foreign);
        if row.newest.is_none_or(|(newest, _)| newest <= order) {
            row.newest = Some((order, closed));
        }
        row.first = row.first.into_iter().chain([seen.slot]).min();
        if !closed && row.content.as_ref().is_none_or(|(newest, _)| *newest <= order) {
            row.content = Some((order, seen));
        }
    }

    /// Takes a transaction in.
    pub(crate) fn transaction(&mut self, seen: TransactionSeen) {
        assert_eq!(seen.problems, [""; 0]);
        for change in seen.tree_changes {
            self.changes.insert((change.tree, change.seq), change);
        }
        for event in seen.leaf_events {
            self.events.insert((event.slot, event.signature, event.position), event);
        }
        for seen in seen.accounts {
            self.account(seen);
        }
    }

    fn sources(&self, id: Pubkey) -> AssetSources {
        let own = || self.accounts.iter().filter(|(_, row)| row.asset() == Some(id));
        let others = own().filter(|(_, row)| row.kind() != AccountKind::Token);
        let accounts = others.map(|(address, row)| {
            let data = row.content.as_ref().and_then(|(_, seen)| match &seen.content {
                AccountContent::Data { program, data, .. } => Some((*program, data.clone())),
                AccountContent::Closed | AccountContent::Foreign | AccountContent::Token(_) => None,
            });
            let slot = row.newest.map(|((slot, _), _)| slot).unwrap_or_default();
            SourceAccount { address: *address, kind: row.kind(), slot, closed: row.closed(), data }
        });
        let holders = own().filter_map(|(address, row)| row.holder(*address));
        let changes = || self.changes.values().filter(|change| change.asset_id == Some(id));
        let leaf = changes().filter_map(|change| {
            Some(LeafChange {
                tree: change.tree,
                seq: change.seq,
                leaf_index: change.leaf_index,
                slot: change.slot,
                instruction: change.instruction.clone()?,
                event: change.event.clone()?,
                inherited: change.inherits.and_then(|collection| self.basis_points(collection)),
            })
        });
        let events = || self.events.values().filter(|event| event.asset_id == id);
        let firsts = own().filter_map(|(_, row)| row.first);
        let firsts =
            firsts.chain(changes().map(|change| change.slot)).chain(events().map(|event| event.slot));
        AssetSources {
            id,
            slot_created: firsts.min().unwrap_or_default(),
            accounts: accounts.collect(),
            collection_authority: own().find_map(|(_, row)| self.authority(row)),
            holder: holders.max_by_key(|(order, _)| *order).map(|(_, holder)| holder),
            leaf: leaf.collect(),
            events: events()
                .map(|event| LeafEvent {
                    slot: event.slot,
                    instruction: event.instruction.clone(),
                    event: event.event.clone(),
                })
                .collect(),
            documents: self.documents.clone(),
        }
    }

    /// Who may change the collection that an asset is tied to.
    fn authority(&self, row: &Row) -> Option<Pubkey> {
        let Some(CoreTie::Member { collection }) = row.tie() else { return None };
        match self.accounts.get(&collection)?.tie()? {
            CoreTie::Collection { authority, .. } => Some(authority),
            CoreTie::Member { .. } => None,
        }
    }

    fn basis_points(&self, collection: Pubkey) -> Option<u16> {
        match self.accounts.get(&collection)?.tie()? {
            CoreTie::Collection { basis_points, .. } => basis_points,
            CoreTie::Member { .. } => None,
        }
    }

    /// The asset.
    pub(crate) fn compose(&self, id: Pubkey) -> Option<Composed> {
        compose(&self.sources(id))
    }

    /// The asset as an answer with these options has it; null where there is none.
    pub(crate) fn answer(&self, id: Pubkey, display: &Display<'_>) -> Value {
        let Some(composed) = self.compose(id) else { return Value::Null };
        let rendered = &composed.change.rendered;
        let mut out = Vec::new();
        let body = rendered.body.unpack().unwrap();
        splice(&body, &rendered.splices, display, &HashMap::new(), &mut out).unwrap();
        serde_json::from_slice(&out).unwrap()
    }
}
