//! What a run finds.

use std::collections::BTreeMap;
use std::fmt;

use vitrine_store::Contradiction;

/// What was held against what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// What Postgres compares.
    Stored(Contradiction),
    /// A body, with what is beside it, is no asset.
    Body,
    /// The asset that a body has is not rendered to its bytes, digest and version.
    Bytes,
    /// A column of an asset is not what its body says.
    Columns,
    /// An asset is not in the lists that its body says.
    Lists,
    /// An asset of the chain is another one when it is made again.
    Remade,
    /// What an asset of the chain is made of cannot be read: it was made without.
    Unread,
    /// A node of a tree is not the hash of the two below it.
    Node,
    /// The same in a tree of which changes were missed.
    UnprovenNode,
    /// Changes of a tree that nobody has seen.
    Gap,
}

/// A place where something is wrong, or missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was checked.
    pub check: Check,
    /// Where, and what is there, for a person.
    pub place: String,
}

/// What was looked at, and how often something was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Assets.
    pub assets: u64,
    /// Assets that are made of what is stored of the chain.
    pub chain_assets: u64,
    /// Trees.
    pub trees: u64,
    /// Nodes of trees above the leaves.
    pub nodes: u64,
    /// Changes of trees that were never seen, though later ones were, and in how many trees.
    pub missing: (u64, u64),
    /// What was found, and how often; of what Postgres compares, places beyond the first hundred of a kind are not
    /// counted.
    pub found: BTreeMap<Check, u64>,
}

impl Check {
    /// A short name that stays the same.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stored(kind) => kind.name(),
            Self::Body => "body",
            Self::Bytes => "bytes",
            Self::Columns => "columns",
            Self::Lists => "lists",
            Self::Remade => "remade",
            Self::Unread => "unread",
            Self::Node => "node",
            Self::UnprovenNode => "unproven_node",
            Self::Gap => "gap",
        }
    }

    /// Whether it is no fault of the database: what is missing was never seen, and reading it later makes it whole.
    pub fn is_warning(self) -> bool {
        matches!(self, Self::Gap | Self::UnprovenNode)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stored(Contradiction::Total) => "a list's total is not the number of its members",
            Self::Stored(Contradiction::StrayMember) => "a member of a list that its asset does not name",
            Self::Stored(Contradiction::MissingMember) => "an asset names a list that it is no member of",
            Self::Stored(Contradiction::MemberColumns) => "a member's slots or version are not its asset's",
            Self::Stored(Contradiction::Counter) => "the counter of assets is not their number",
            Self::Stored(Contradiction::MissingNode) => "a change of a tree is not in its nodes",
            Self::Stored(Contradiction::UnknownChainAsset) => "an asset of the chain is not known as one",
            Self::Stored(Contradiction::UnqueuedDocument) => "an asset's document is not in the queue",
            Self::Stored(Contradiction::Digest) => "a row is not under the digest of what it holds",
            Self::Stored(Contradiction::Missing) => {
                "a change of a tree does not say how many are missing before it"
            }
            Self::Stored(Contradiction::Index) => "an index is not valid",
            Self::Body => "a stored body is no asset",
            Self::Bytes => "a stored body is not what its asset renders to",
            Self::Columns => "an asset's columns are not what its body says",
            Self::Lists => "an asset is not in the lists that its body says",
            Self::Remade => "an asset of the chain is another one when it is made again",
            Self::Unread => "what an asset is made of cannot be read",
            Self::Node => "a node of a tree is not the hash of those below it",
            Self::UnprovenNode => "proofs through a node wait for changes that were not seen",
            Self::Gap => "changes of a tree were not seen",
        })
    }
}

impl Report {
    pub(super) fn count(&mut self, check: Check) {
        *self.found.entry(check).or_default() += 1;
    }

    /// How often something is wrong; warnings are not.
    pub fn faults(&self) -> u64 {
        self.found.iter().filter(|(check, _)| !check.is_warning()).map(|(_, count)| count).sum()
    }
}
