//! What transactions tell of compressed assets.
//!
//! [`transaction`] takes a transaction apart: each change of a tree, and with it, as JSON, the [`LeafEvent`] that the
//! instruction behind it makes of the leaf. All of that is stored; [`fold`] puts it together again,
//! in the order of the changes' numbers, whatever order they arrived in.

mod answer;
mod event;
mod fold;
mod transaction;

pub use event::{
    Fate, LeafCollection, LeafCreator, LeafEvent, LeafMetadata, LeafState, LeafStateV2, LeafUses,
};
pub(super) use fold::is_readable;
pub use fold::{Leaf, fold};
pub use transaction::{TransactionSeen, transaction};

#[cfg(test)]
mod tests;
