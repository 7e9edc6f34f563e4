//! What a caller wants, as plain data: comparable, printable, without a word of SQL.

use vitrine_encoding::Encoding;
use vitrine_model::{ListKind, Pubkey, Slot};

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPlan {
    /// Which list.
    pub list: ListRef,
    /// Whether unverified members stand in it too.
    pub unverified: bool,
    /// What the page is ordered by; ties break by asset id in the same direction.
    pub sort: Sort,
    /// Which end comes first.
    pub direction: Direction,
    /// Where the page starts.
    pub start: Start,
    /// The most items on the page; 0 asks for the totals alone.
    pub limit: u32,
    /// Which optional parts each item shows.
    pub display: Display,
    /// The most bytes that the items may have together, before any encoding.
    pub max_bytes: usize,
    /// What the answer is sent in: items that are kept in it come in it. Others come plain.
    pub encoding: Encoding,
}

/// Assets by their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetsPlan {
    /// Which, in the order of the answer; one that stands twice is answered twice.
    pub ids: Vec<Pubkey>,
    /// Which optional parts each asset shows.
    pub display: Display,
    /// Whether each asset begins with `last_indexed_slot`.
    pub last_indexed_slot: bool,
    /// The most bytes that the assets may have together, before any encoding.
    pub max_bytes: usize,
    /// What the answer is sent in: assets that are kept in it come in it. Others come plain.
    pub encoding: Encoding,
}

/// The group key of collections.
const COLLECTION: &str = "collection";

/// A list by its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ListRef {
    /// Group, authority, creator or owner.
    pub kind: ListKind,
    /// The group key; empty for the other kinds.
    pub key: String,
    /// The 32 bytes of a pubkey, or the text of a group value.
    pub value: Vec<u8>,
}

impl ListRef {
    /// The list of an authority, a creator or an owner.
    pub fn of(kind: ListKind, address: Pubkey) -> Self {
        Self { kind, key: String::new(), value: address.as_bytes().to_vec() }
    }

    /// The members of a collection.
    pub(crate) fn of_collection(id: Pubkey) -> Self {
        Self { kind: ListKind::Group, key: COLLECTION.to_owned(), value: id.as_bytes().to_vec() }
    }

    /// The collection that every member is in; `None` where they may be in different ones.
    pub(crate) fn collection(&self) -> Option<Pubkey> {
        let is_one = self.kind == ListKind::Group && self.key == COLLECTION;
        if is_one { Pubkey::try_from(&*self.value).ok() } else { None }
    }
}

/// What a list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sort {
    /// The asset's id, as its 32 bytes.
    Id,
    /// The slot in which the asset was created.
    Created,
    /// The slot of the asset's last change.
    Updated,
}

/// Ascending or descending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Smallest first.
    Asc,
    /// Largest first.
    Desc,
}

/// Where a page starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Start {
    /// After so many items from the beginning: page numbers.
    Offset(u64),
    /// Right behind this item in the page's own order: cursors.
    Behind(Position),
    /// Within this open range of ids, whatever the direction. Only with [`Sort::Id`].
    Range {
        /// Ids greater than this one.
        after: Option<Pubkey>,
        /// Ids less than this one.
        before: Option<Pubkey>,
    },
}

/// An item's place in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// The sort key; 0 for [`Sort::Id`], which has none besides the id.
    pub slot: Slot,
    /// The tie-break.
    pub id: Pubkey,
}

/// The display options that change an item's bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four options, each on or off")]
pub struct Display {
    /// `showUnverifiedCollections`
    pub unverified: bool,
    /// `showCollectionMetadata`
    pub collection_metadata: bool,
    /// `showFungible`
    pub fungible: bool,
    /// `showInscription`
    pub inscription: bool,
    /// What goes before a file's uri to make its `cdn_uri`.
    pub cdn_base: Option<String>,
}

impl Display {
    /// The same, in the renderer's terms.
    pub(crate) fn as_model(&self) -> vitrine_model::Display<'_> {
        vitrine_model::Display {
            unverified: self.unverified,
            collection_metadata: self.collection_metadata,
            fungible: self.fungible,
            inscription: self.inscription,
            cdn_base: self.cdn_base.as_deref(),
            holding: None,
        }
    }
}
