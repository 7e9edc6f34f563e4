//! A transaction to what is stored of it.

use vitrine_store::{AccountContent, AccountKind, AccountSeen, LeafEventSeen, TreeChange};

use super::super::program::TOKEN_2022;
use super::LeafEvent;
use crate::decode::bubblegum::{Event, Kind, events};
use crate::decode::compression::{ChangeLog, LogEvent, is_compression, log_of};
use crate::decode::transaction::{Instruction, Transaction};

/// The deepest tree that the compression programs make.
const DEPTH_MAX: usize = 30;
/// `CloseAccount`, by the number of the instruction in SPL Token and Token-2022.
const CLOSE_ACCOUNT: u8 = 9;

/// What a transaction tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransactionSeen {
    /// The changes of trees, in the order in which they ran. Those that no asset is known for are among them: proofs
    /// need their hashes.
    pub tree_changes: Vec<TreeChange>,
    /// The events that changed no tree.
    pub leaf_events: Vec<LeafEventSeen>,
    /// The accounts of Token-2022 that it closed. Their write version is 0: what an update of the account itself tells
    /// of the same slot is better.
    pub accounts: Vec<AccountSeen>,
    /// What was not understood, in words. The rest holds; the transaction is worth another look after an upgrade.
    pub problems: Vec<String>,
}

/// Takes a transaction apart. One that failed tells nothing.
pub fn transaction(tx: &Transaction) -> TransactionSeen {
    let mut seen = TransactionSeen::default();
    for (at, instruction) in tx.instructions.iter().enumerate() {
        if is_compression(instruction.program)
            && let Some(change) = change(tx, at).transpose()
        {
            match change {
                Ok(change) => seen.tree_changes.push(change),
                Err(problem) => seen.problems.push(format!("instruction {at}: {problem}")),
            }
        }
        seen.accounts.extend(closed(tx, instruction));
    }
    for (at, event) in events(tx) {
        match event {
            Ok(event) => seen.understand(tx, &event),
            Err(error) => seen.problems.push(format!("instruction {at} of Bubblegum: {error}")),
        }
    }
    seen
}

impl TransactionSeen {
    /// Puts an event beside the change that it is of.
    fn understand(&mut self, tx: &Transaction, event: &Event<'_>) {
        let Some((asset_id, leaf)) = LeafEvent::read(event) else { return };
        let name = name(event.instruction.kind);
        let text = match serde_json::to_string(&leaf) {
            Ok(text) => text,
            Err(error) => return self.problems.push(format!("instruction {}: {error}", event.at)),
        };
        let Some(log) = &event.change_log else {
            self.leaf_events.push(LeafEventSeen {
                asset_id,
                slot: tx.slot,
                signature: *tx.signature.as_bytes(),
                // A transaction has 1232 bytes, and 64 calls at most.
                position: u32::try_from(event.at).unwrap_or(u32::MAX),
                instruction: name,
                event: text,
            });
            return;
        };
        let change =
            self.tree_changes.iter_mut().find(|change| (change.tree, change.seq) == (log.tree, log.seq));
        // There is none where the change itself was no change: then that is the problem.
        if let Some(change) = change {
            change.asset_id = Some(asset_id);
            change.inherits = leaf.inherits();
            change.instruction = Some(name);
            change.event = Some(text);
        }
    }
}

/// The name of an instruction as getAssetSignatures shows it: that of the program, in capitals at the beginnings of its
/// words. A test of the decoder holds [`Kind`] against the program's names.
fn name(kind: Kind) -> String {
    format!("{kind:?}")
}

/// The change that the instruction at `at`, one of a compression program, made. `None` for one that made none.
fn change(tx: &Transaction, at: usize) -> Result<Option<TreeChange>, String> {
    let Some(log) = log_of(tx, at) else { return Ok(None) };
    let log = match LogEvent::decode(&log.data) {
        Ok(LogEvent::ChangeLog(log)) => log,
        Ok(LogEvent::ApplicationData(_)) => return Ok(None),
        Err(reason) => return Err(format!("the change of a tree: {reason}")),
    };
    if !tx.instructions[at].accounts.contains(&log.tree) {
        return Err(format!("a change of the tree {}, which the instruction was not for", log.tree));
    }
    if !leads_to_the_root(&log) {
        return Err(format!(
            "change {} of the tree {} is no path from a leaf to the root",
            log.seq, log.tree
        ));
    }
    Ok(Some(TreeChange {
        tree: log.tree,
        program: tx.instructions[at].program,
        seq: log.seq,
        leaf_index: log.index.into(),
        slot: tx.slot,
        signature: *tx.signature.as_bytes(),
        asset_id: None,
        instruction: None,
        event: None,
        inherits: None,
        path: log.path.into_iter().map(|node| node.node).collect(),
    }))
}

/// Whether the nodes are those above a leaf that a tree of this depth has.
fn leads_to_the_root(log: &ChangeLog) -> bool {
    let Some(depth @ 1..=DEPTH_MAX) = log.path.len().checked_sub(1) else { return false };
    let leaves = 1_u32 << depth;
    log.index < leaves
        && i64::try_from(log.seq).is_ok()
        && log.path.iter().enumerate().all(|(height, node)| node.index == (leaves + log.index) >> height)
}

/// The account that an instruction of Token-2022 closed. Its mints can be closed, and nothing but the transaction may
/// tell; those of SPL Token cannot.
fn closed(tx: &Transaction, instruction: &Instruction) -> Option<AccountSeen> {
    if instruction.program != TOKEN_2022 || instruction.data.first() != Some(&CLOSE_ACCOUNT) {
        return None;
    }
    Some(AccountSeen {
        address: *instruction.accounts.first()?,
        slot: tx.slot,
        write_version: 0,
        kind: AccountKind::Unknown,
        asset_id: None,
        content: AccountContent::Closed,
        tells_of: Vec::new(),
    })
}
