//! What a search wants, as plain data.

use vitrine_encoding::Encoding;
use vitrine_model::{Pubkey, RoyaltyModel, Slot, TokenClass};

use crate::plan::{Direction, Display, ListRef, Sort, Start};

/// A page of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPlan {
    /// What is looked for.
    pub filter: Filter,
    /// What the page is ordered by; ties break by asset id in the same direction.
    pub sort: Sort,
    /// Which end comes first.
    pub direction: Direction,
    /// Where the page starts.
    pub start: Start,
    /// The most items on the page; 0 asks for the total alone.
    pub limit: u32,
    /// Whether all that match are counted.
    pub count: bool,
    /// Which optional parts each item shows.
    pub display: Display,
    /// The most bytes that the items may have together, before any encoding.
    pub max_bytes: usize,
    /// What the answer is sent in: items that are kept in it come in it. Others come plain.
    pub encoding: Encoding,
}

/// Which assets a search finds, among those that lists show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only of these classes, whatever else is asked for; of all where it is empty.
    pub classes: Vec<TokenClass>,
    /// In none of these lists, whatever else is asked for: neither as verified members nor as others.
    pub not: Vec<ListRef>,
    /// Collections that the assets are verified members of none of, whatever else is asked for.
    pub not_collections: Vec<Pubkey>,
    /// Fungible tokens too that the conditions' owner holds some of.
    pub holdings: Option<Holdings>,
    /// Whether one of the conditions is enough.
    pub any: bool,
    /// Whether those are wanted for which the conditions do not hold.
    pub negate: bool,
    /// What has to hold.
    pub conditions: Conditions,
}

/// Which token accounts make their owner a holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holdings {
    /// Empty ones too.
    pub zero: bool,
}

/// What has to hold of an asset; what is `None` is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// It has this owner.
    pub owner: Option<Pubkey>,
    /// This authority may change it.
    pub authority: Option<Pubkey>,
    /// This creator made it.
    pub creator: Option<Pubkey>,
    /// That creator (or, without one, any creator of it) has signed, or has not.
    pub creator_verified: Option<bool>,
    /// It is a verified member of this group.
    pub group: Option<ListRef>,
    /// It is a verified member of one of these collections.
    pub collections: Option<Vec<Pubkey>>,
    /// It has this delegate.
    pub delegate: Option<Pubkey>,
    /// It lives in this tree.
    pub tree: Option<Pubkey>,
    /// Its royalties go to this address.
    pub royalty_target: Option<Pubkey>,
    /// It is an agent with this token.
    pub agent_token: Option<Pubkey>,
    /// It has this interface.
    pub interface: Option<String>,
    /// It is of one of these classes.
    pub classes: Option<Vec<TokenClass>>,
    /// It cannot be moved now.
    pub frozen: Option<bool>,
    /// There are so many of it.
    pub supply: Option<u64>,
    /// It is the asset of this mint.
    pub supply_mint: Option<Pubkey>,
    /// It lives in a tree.
    pub compressed: Option<bool>,
    /// It may be moved into a tree.
    pub compressible: Option<bool>,
    /// Who gets the royalties.
    pub royalty_model: Option<RoyaltyModel>,
    /// Royalties in hundredths of a percent.
    pub royalty_basis_points: Option<u64>,
    /// It is no more.
    pub burnt: Option<bool>,
    /// Its document is at this uri.
    pub json_uri: Option<String>,
    /// Its name has this text in it.
    pub name: Option<String>,
    /// It is an agent.
    pub is_agent: Option<bool>,
    /// This address signs for it.
    pub asset_signer: Option<Pubkey>,
    /// It is a collection: of MPL Core, or one that has verified members.
    pub collection_nft: Option<bool>,
    /// It was created in one of these slots.
    pub created: Option<SlotRange>,
}

/// Slots, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotRange {
    /// The first.
    pub first: Slot,
    /// The last.
    pub last: Slot,
}

impl Conditions {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How many things are asked for. Whether a creator has signed is part of asking for that creator.
    pub(crate) fn asked(&self) -> usize {
        let Self { owner, authority, creator, creator_verified, group, collections, delegate, tree, .. } =
            self;
        let Self { royalty_target, agent_token, interface, classes, frozen, supply, supply_mint, .. } = self;
        let Self { compressed, compressible, royalty_model, royalty_basis_points, burnt, json_uri, .. } =
            self;
        let Self { name, is_agent, asset_signer, collection_nft, created, .. } = self;
        let addresses = [owner, authority, creator, delegate, tree, royalty_target, agent_token, supply_mint]
            .map(Option::is_some);
        let flags = [frozen, compressed, compressible, burnt, is_agent, collection_nft].map(Option::is_some);
        let others = [
            creator_verified.is_some() && creator.is_none(),
            group.is_some(),
            collections.is_some(),
            interface.is_some(),
            classes.is_some(),
            supply.is_some(),
            royalty_model.is_some(),
            royalty_basis_points.is_some(),
            json_uri.is_some(),
            name.is_some(),
            asset_signer.is_some(),
            created.is_some(),
        ];
        [&addresses[..], &flags, &others].concat().into_iter().filter(|is_asked| *is_asked).count()
    }

    /// The same without those that lists answer: by owner, authority, creator, group, collections, delegate, tree,
    /// royalty target and agent token.
    #[must_use]
    pub(crate) fn without_lists(&self) -> Self {
        Self {
            owner: None,
            authority: None,
            creator: None,
            creator_verified: self.creator_verified.filter(|_| self.creator.is_none()),
            group: None,
            collections: None,
            delegate: None,
            tree: None,
            royalty_target: None,
            agent_token: None,
            ..self.clone()
        }
    }
}
