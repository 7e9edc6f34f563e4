//! The events of a leaf, put together.

use vitrine_model::Pubkey;
use vitrine_store::{AssetSources, LeafChange};

use super::{Fate, LeafEvent, LeafMetadata, LeafState};

/// A compressed asset, as far as its events are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The tree.
    pub tree: Pubkey,
    /// The number of the newest change of the leaf that is understood.
    pub seq: u64,
    /// The leaf: as it stands in the tree, or as it was when it was taken out.
    pub state: LeafState,
    /// The metadata.
    pub metadata: LeafMetadata,
    /// What Bubblegum keeps of the tree.
    pub authority: Option<Pubkey>,
    /// What became of it.
    pub fate: Fate,
    /// The share of its collection's royalties, in hundredths of a percent, where it inherits them and they are known.
    pub inherited: Option<u16>,
}

/// Puts the events of a leaf together: for each member the newest event that says something of it wins. Events may be
/// missing in between.
///
/// `None` as long as no event has told the leaf or its metadata: what an asset is called, nobody knows before its mint
/// or an update was seen. An event that is not of this version's form says nothing; `vitrine verify` names it.
///
/// A tree that was closed can be made again at its address, and gives its assets the ids that it gave before: what an
/// earlier life of the tree said of an asset is nothing to the one of now.
pub fn fold(sources: &AssetSources) -> Option<Leaf> {
    let life = last_life(&sources.leaf);
    let begin = life.first()?.slot;
    // A leaf that was decompressed never changes again.
    let of_life = sources.events.iter().filter(|event| event.slot >= begin);
    let changes = life.iter().map(|change| (change.event.as_str(), change.inherited));
    let events = changes.chain(of_life.map(|event| (event.event.as_str(), None)));
    let mut inherited = None;
    let mut all = LeafEvent::default();
    for (event, of_collection) in events.filter_map(|(event, inherited)| Some((read(event)?, inherited))) {
        if event.metadata.is_some() {
            inherited = of_collection;
        }
        all.leaf = event.leaf.or(all.leaf);
        all.metadata = event.metadata.or(all.metadata);
        all.authority = event.authority.or(all.authority);
        all.fate = event.fate.or(all.fate);
    }
    let newest = life.last()?;
    Some(Leaf {
        tree: newest.tree,
        seq: newest.seq,
        state: all.leaf?,
        metadata: all.metadata?,
        authority: all.authority,
        fate: all.fate.unwrap_or(Fate::InTree),
        inherited,
    })
}

/// The changes of the leaf since its tree was made last, of changes in the order of slots: numbers that do not grow, a mint,
/// and whatever follows a burn are of another life.
fn last_life(changes: &[LeafChange]) -> &[LeafChange] {
    let begins = |at: usize| {
        let (before, this) = (&changes[at - 1], &changes[at]);
        this.seq <= before.seq || is_mint(this) || is_burn(before)
    };
    let start = (1..changes.len()).rev().find(|&at| begins(at)).unwrap_or(0);
    &changes[start..]
}

fn is_mint(change: &LeafChange) -> bool {
    change.instruction.starts_with("Mint")
}

/// Nothing brings a leaf back that was burnt.
fn is_burn(change: &LeafChange) -> bool {
    change.instruction.starts_with("Burn")
}

fn read(event: &str) -> Option<LeafEvent> {
    serde_json::from_str(event).ok()
}

/// Whether an event as it is stored can be read; else it says nothing.
pub(in super::super) fn is_readable(event: &str) -> bool {
    read(event).is_some()
}
