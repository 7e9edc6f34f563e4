//! The events of a leaf, put together.

use vitrine_model::Pubkey;
use vitrine_store::AssetSources;

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
}

/// Puts the events of a leaf together: for each member the newest event that says something of it wins. Events may be
/// missing in between.
///
/// `None` as long as no event has told the leaf or its metadata: what an asset is called, nobody knows before its mint
/// or an update was seen. An event that is not of this version's form says nothing.
pub fn fold(sources: &AssetSources) -> Option<Leaf> {
    let changes = sources.leaf.iter().map(|change| change.event.as_str());
    // A leaf that was decompressed never changes again.
    let events = changes.chain(sources.events.iter().map(|event| event.event.as_str()));
    let mut all = LeafEvent::default();
    for event in events.filter_map(|event| serde_json::from_str::<LeafEvent>(event).ok()) {
        all.leaf = event.leaf.or(all.leaf);
        all.metadata = event.metadata.or(all.metadata);
        all.authority = event.authority.or(all.authority);
        all.fate = event.fate.or(all.fate);
    }
    let newest = sources.leaf.last()?;
    Some(Leaf {
        tree: newest.tree,
        seq: newest.seq,
        state: all.leaf?,
        metadata: all.metadata?,
        authority: all.authority,
        fate: all.fate.unwrap_or(Fate::InTree),
    })
}
