//! The program's instructions with what they logged.

use vitrine_model::Pubkey;

use super::super::Reason;
use super::super::compression::{ChangeLog, LogEvent, is_compression, is_noop, log_of};
use super::super::transaction::{self, Transaction};
use super::BUBBLEGUM;
use super::instruction::Instruction;
use super::kind::Account;
use super::layout::Emits;
use super::leaf::LeafSchemaEvent;

/// An instruction with what it logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The place of the instruction in [`Transaction::instructions`].
    pub at: usize,
    /// The instruction.
    pub instruction: Instruction<'a>,
    /// The leaf behind it, for instructions that write one.
    pub leaf: Option<LeafSchemaEvent>,
    /// The change of the tree, for instructions that change one. It is of the instruction's own tree, and its leaf is
    /// the one beside it.
    pub change_log: Option<ChangeLog>,
}

/// Why an instruction of the program is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The instruction itself.
    #[error("the instruction: {0}")]
    Instruction(Reason),
    /// What it logged.
    #[error("what it logged: {0}")]
    Log(Reason),
    /// It should have logged a leaf, and has not.
    #[error("it logged no leaf")]
    NoLeaf,
    /// It should have changed a tree, and nothing says so.
    #[error("it logged no change of a tree")]
    NoChangeLog,
    /// Application data where a change of a tree is logged, or the other way round.
    #[error("it logged one kind of event in the place of another")]
    WrongEvent,
    /// What it logged is of another tree.
    #[error("it was for the tree {tree} and logged a change of {logged}")]
    WrongTree {
        /// The tree among the accounts.
        tree: Pubkey,
        /// The tree of the change.
        logged: Pubkey,
    },
    /// The leaf that it logged is not the one that changed in the tree.
    #[error("it logged a leaf that is not the one in the tree")]
    WrongLeaf,
}

/// What an instruction logged, as bytes.
struct Logs<'a> {
    leaf: Option<&'a [u8]>,
    change_log: &'a [u8],
}

/// All instructions of the program in a transaction, in the order in which they ran, each with its place: those of the
/// message as well as those that other programs called.
pub fn events(transaction: &Transaction) -> impl Iterator<Item = (usize, Result<Event<'_>, EventError>)> {
    let instructions = transaction.instructions.iter().enumerate();
    instructions
        .filter(|(_, instruction)| instruction.program == BUBBLEGUM)
        .map(|(at, instruction)| (at, event(transaction, at, instruction)))
}

fn event<'a>(
    transaction: &'a Transaction,
    at: usize,
    instruction: &'a transaction::Instruction,
) -> Result<Event<'a>, EventError> {
    let (instruction, layout) = Instruction::read(instruction).map_err(EventError::Instruction)?;
    if layout.emits == Emits::Nothing {
        return Ok(Event { at, instruction, leaf: None, change_log: None });
    }
    let logs = logs(transaction, at).ok_or(EventError::NoChangeLog)?;
    let change_log = change_log(logs.change_log)?;
    let leaf = logs.leaf.map(leaf).transpose()?;
    if let Some(tree) = instruction.accounts.get(Account::MerkleTree)
        && tree != change_log.tree
    {
        return Err(EventError::WrongTree { tree, logged: change_log.tree });
    }
    match &leaf {
        Some(leaf) if change_log.leaf() != Some(leaf.leaf_hash) => return Err(EventError::WrongLeaf),
        None if layout.emits == Emits::Leaf => return Err(EventError::NoLeaf),
        _ => {}
    }
    Ok(Event { at, instruction, leaf, change_log: Some(change_log) })
}

/// The program logs the leaf, then calls the compression program, which logs the change. Where the heights of calls are
/// not known, the calls of others follow its own: it never calls itself, so its own end in front of its next instruction
/// at the latest, and come first in any case.
fn logs(transaction: &Transaction, at: usize) -> Option<Logs<'_>> {
    let mut leaf = None;
    for (at, call) in transaction.calls(at).take_while(|(_, call)| call.program != BUBBLEGUM) {
        if is_noop(call.program) {
            leaf = leaf.or(Some(call.data.as_slice()));
        } else if is_compression(call.program) {
            return log_of(transaction, at).map(|log| Logs { leaf, change_log: &log.data });
        }
    }
    None
}

fn change_log(data: &[u8]) -> Result<ChangeLog, EventError> {
    match LogEvent::decode(data).map_err(EventError::Log)? {
        LogEvent::ChangeLog(change_log) => Ok(change_log),
        LogEvent::ApplicationData(_) => Err(EventError::WrongEvent),
    }
}

fn leaf(data: &[u8]) -> Result<LeafSchemaEvent, EventError> {
    match LogEvent::decode(data).map_err(EventError::Log)? {
        LogEvent::ApplicationData(data) => LeafSchemaEvent::decode(data).map_err(EventError::Log),
        LogEvent::ChangeLog(_) => Err(EventError::WrongEvent),
    }
}
