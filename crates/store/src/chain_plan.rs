//! What a caller wants of the chain's tables, and of the order of changes: plain data, as in `plan.rs`.

use vitrine_model::{Pubkey, Slot};

use crate::plan::{Direction, Display};

/// A part of an order: an open range of places, walked in a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walk<P> {
    /// Only what is greater, whatever the direction.
    pub after: Option<P>,
    /// Only what is less, whatever the direction.
    pub before: Option<P>,
    /// Which end comes first.
    pub direction: Direction,
    /// How many to skip from there on: page numbers.
    pub skip: u64,
    /// The most items.
    pub limit: u32,
}

/// The changes of a leaf, in the order of their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignaturesPlan {
    /// Which leaf.
    pub leaf: LeafRef,
    /// Which of its changes, by number.
    pub walk: Walk<u64>,
}

/// A leaf of a tree, by one of its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeafRef {
    /// The leaf of this asset.
    Asset(Pubkey),
    /// By its place.
    Place {
        /// The tree.
        tree: Pubkey,
        /// From 0.
        leaf_index: u64,
    },
}

/// Token accounts, in the order of their addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenAccountsPlan {
    /// Whose, or of what.
    pub holding: Holding,
    /// Whether those that hold nothing are listed, too.
    pub with_empty: bool,
    /// Which of them, by address.
    pub walk: Walk<Pubkey>,
}

/// Whose token accounts, or of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// All of an owner.
    Owner(Pubkey),
    /// All of a mint.
    Mint(Pubkey),
    /// Those of an owner that are of a mint.
    Both {
        /// The owner.
        owner: Pubkey,
        /// The mint.
        mint: Pubkey,
    },
}

/// The editions printed of a master edition, in the order of their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EditionsPlan {
    /// The mint of the master edition.
    pub mint: Pubkey,
    /// Which of them.
    pub walk: Walk<EditionPlace>,
}

/// An edition's place among those of its master edition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EditionPlace {
    /// Its number.
    pub number: u64,
    /// The address of its account: the tie-break.
    pub address: Pubkey,
}

/// Assets in the order of their last changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangesPlan {
    /// Only changes behind this place; `None`: from the first one on.
    pub after: Option<ChangePlace>,
    /// Only changes of a later slot, among those that were made before the walk began.
    pub after_slot: Option<Slot>,
    /// The most assets.
    pub limit: u32,
    /// Which optional parts each asset shows.
    pub display: Display,
    /// The most bytes that the assets may have together.
    pub max_bytes: usize,
}

/// A place in the order of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangePlace {
    /// Of which life of which database the place was told: it means nothing to another one.
    pub origin: i64,
    /// `asset.change_order`; -1 is in front of all.
    pub order: i64,
    /// The tie-break among the assets of one transaction.
    pub id: Pubkey,
    /// Where the order ended when the walk began: what has changed since then is told whatever its slot is.
    pub since: i64,
}
