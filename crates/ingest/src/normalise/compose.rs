//! What is stored of an asset becomes the asset.

use vitrine_model::{Pubkey, Slot};
use vitrine_store::{AccountKind, AssetChange, AssetSources, Composed, SourceAccount};

use super::draft::Draft;
use super::program::token_program;
use super::token::Token;
use super::{core, leaf, token};
use crate::decode::agent_identity::{self, AgentIdentity};
use crate::decode::{inscription, mpl_core, spl_token, token_metadata};

/// The accounts of an asset, decoded. There is one of each at most, but for inscriptions, of which one is chosen.
///
/// An account that this version cannot decode is as good as not there.
#[derive(Debug, Default)]
pub(super) struct Accounts<'a> {
    pub(super) token: Token<'a>,
    pub(super) core: Option<(bool, mpl_core::Account<'a>)>,
    pub(super) inscription: Option<inscription::Inscription<'a>>,
    pub(super) agent: Option<AgentIdentity>,
}

/// Makes the asset. `None` where nothing is to be shown yet: of a print nothing but its edition is known, say.
///
/// What accounts say of an asset is newer than what its leaf says: a leaf that became a token never changes again. The
/// same sources give the same asset, to the byte.
pub fn compose(sources: &AssetSources) -> Option<Composed> {
    let accounts = Accounts::read(sources);
    let of_accounts = core::draft(&accounts, sources).or_else(|| token::draft(&accounts.token, sources));
    let of_leaf = leaf::fold(sources).map(leaf::Leaf::into_draft);
    let mut draft = match (of_accounts, of_leaf) {
        (Some(token), Some(leaf)) if accounts.token.metadata.is_none() => minted(token, leaf),
        (accounts, leaf) => accounts.or(leaf)?,
    };
    draft.inscription = accounts.inscription.as_ref().and_then(super::inscription::written);
    Some(composed(sources, draft, &accounts.token))
}

/// How many bytes an asset shows of a document, at most: whatever else it says of itself, that much is in its body because of
/// the document.
pub(crate) fn shown_bytes(document: &str) -> usize {
    let bytes = |document| {
        let rendered = Draft::default().into_asset(Pubkey::from_bytes([0; 32]), document).render();
        rendered.body.len() + rendered.splices.len()
    };
    bytes(Some(document)).saturating_sub(bytes(None))
}

/// A leaf that became a token whose metadata is not known yet: it is called what the leaf was called.
fn minted(token: Draft, leaf: Draft) -> Draft {
    Draft {
        ownership: token.ownership,
        burnt: token.burnt,
        token_info: token.token_info,
        compression: None,
        ..leaf
    }
}

fn composed(sources: &AssetSources, draft: Draft, token: &Token<'_>) -> Composed {
    let uri = draft.uri.clone();
    let document = sources.documents.iter().find(|document| *document.uri == *uri);
    let asset = draft.into_asset(sources.id, document.map(|document| &*document.body));
    let slot_updated = slot_updated(sources, token);
    let change = AssetChange {
        id: sources.id,
        slot_created: sources.slot_created,
        slot_updated,
        slot_seen: slot_updated,
        facts: asset.facts(),
        rendered: asset.render().pack(),
    };
    Composed { change, single: !token.is_divisible(), json_uri: (!uri.is_empty()).then_some(uri) }
}

/// The highest slot among all that the asset is made of.
fn slot_updated(sources: &AssetSources, token: &Token<'_>) -> Slot {
    let accounts = sources.accounts.iter().map(|account| account.slot);
    let leaf = sources.leaf.iter().map(|change| change.slot);
    let events = sources.events.iter().map(|event| event.slot);
    let holder = sources.holder.iter().filter(|_| token.is_single()).map(|holder| holder.slot);
    accounts.chain(leaf).chain(events).chain(holder).max().unwrap_or(sources.slot_created)
}

impl<'a> Accounts<'a> {
    fn read(sources: &'a AssetSources) -> Self {
        let mut all = Self::default();
        for account in &sources.accounts {
            if let Some((program, data)) = &account.data {
                all.add(sources.id, account, *program, data);
            } else if account.kind == AccountKind::Unknown {
                all.token.told_of.push(account.address);
            }
        }
        all
    }

    fn add(&mut self, id: Pubkey, account: &SourceAccount, program: Pubkey, data: &'a [u8]) {
        let closed = account.closed;
        match account.kind {
            AccountKind::Mint if account.address == id => {
                let program = token_program(program);
                if let Some(Ok(spl_token::Account::Mint(mint))) =
                    program.map(|program| spl_token::decode(program, data))
                {
                    self.token.mint = program.map(|program| (closed, program, mint));
                }
            }
            AccountKind::Metadata => {
                if let Ok(token_metadata::Account::Metadata(metadata)) = token_metadata::decode(data) {
                    self.token.metadata = Some((closed, metadata));
                }
            }
            AccountKind::Edition => {
                self.token.told_of.push(account.address);
                self.token.edition = token_metadata::decode(data).ok();
            }
            AccountKind::CoreAsset | AccountKind::CoreCollection | AccountKind::CoreGroup => {
                self.core = mpl_core::decode(data).ok().map(|decoded| (closed, decoded));
            }
            AccountKind::Inscription if !closed => {
                if let Ok(inscription::Account::Inscription(inscription)) = inscription::decode(data) {
                    // The one of the newest layout, and of several the first by address.
                    if self.inscription.as_ref().is_none_or(|other| other.layout < inscription.layout) {
                        self.inscription = Some(inscription);
                    }
                }
            }
            AccountKind::AgentIdentity if !closed => {
                if let Ok(agent_identity::Account::AgentIdentity(identity)) = agent_identity::decode(data) {
                    self.agent = Some(identity);
                }
            }
            _ => {}
        }
    }
}
