//! An update of an account becomes what is stored of it.

use vitrine_model::{Pubkey, Slot};
use vitrine_store::{AccountContent, AccountKind, AccountSeen, CoreTie, Edition, TokenAccount};

use super::program::{
    AGENT_IDENTITY, INSCRIPTION, MPL_CORE, SYSTEM, TOKEN_METADATA, edition_of, token_program,
};
use crate::decode::mpl_core::{InternalPlugin, UpdateAuthority};
use crate::decode::token_metadata::{MasterEdition, Metadata, TokenStandard};
use crate::decode::{Reason, agent_identity, inscription, mpl_core, spl_token, token_metadata};

/// An account as of a slot, as a validator tells of it.
#[derive(Clone, Copy, Debug)]
pub struct AccountUpdate<'a> {
    /// The account's address.
    pub address: Pubkey,
    /// The program that owns it.
    pub owner: Pubkey,
    /// What it holds; 0 where it was closed.
    pub lamports: u64,
    /// Its bytes.
    pub data: &'a [u8],
    /// The slot.
    pub slot: Slot,
    /// Orders updates of one slot.
    pub write_version: u64,
}

/// What an account says, before slot and address are put beside it.
struct Said {
    kind: AccountKind,
    asset_id: Option<Pubkey>,
    content: AccountContent,
    tells_of: Vec<Pubkey>,
}

/// What is stored of an update.
///
/// Bytes are stored as they came, after they were decoded once: what does not decode is the [`Reason`]. An account that
/// its program emptied counts as closed, as one does that has no lamports left or went back to the system program. One
/// that no asset has a use for is [`AccountContent::Foreign`]: it may have been another one before.
pub fn account(update: &AccountUpdate<'_>) -> Result<AccountSeen, Reason> {
    let closed = update.lamports == 0 || (update.owner == SYSTEM && update.data.is_empty());
    let said = if closed { Said::closed() } else { by_program(update)? };
    Ok(AccountSeen {
        address: update.address,
        slot: update.slot,
        write_version: update.write_version,
        kind: said.kind,
        asset_id: said.asset_id,
        content: said.content,
        tells_of: said.tells_of,
    })
}

fn by_program(update: &AccountUpdate<'_>) -> Result<Said, Reason> {
    if let Some(program) = token_program(update.owner) {
        return token(update, program);
    }
    match update.owner {
        owner if owner == TOKEN_METADATA => metadata(update),
        owner if owner == MPL_CORE => core(update),
        owner if owner == INSCRIPTION => Ok(match inscription::decode(update.data)? {
            inscription::Account::Uninitialized => Said::closed(),
            inscription::Account::Inscription(inscription) => {
                Said::of(update, AccountKind::Inscription, Some(inscription.root))
            }
            inscription::Account::Other => Said::foreign(),
        }),
        owner if owner == AGENT_IDENTITY => Ok(match agent_identity::decode(update.data)? {
            agent_identity::Account::Uninitialized => Said::closed(),
            agent_identity::Account::AgentIdentity(identity) => {
                Said::of(update, AccountKind::AgentIdentity, Some(identity.asset))
            }
        }),
        _ => Ok(Said::foreign()),
    }
}

fn token(update: &AccountUpdate<'_>, program: spl_token::Program) -> Result<Said, Reason> {
    Ok(match spl_token::decode(program, update.data)? {
        spl_token::Account::Uninitialized => Said::closed(),
        spl_token::Account::Multisig => Said::foreign(),
        spl_token::Account::Mint(mint) => {
            // Only what cannot be divided has an edition.
            let edition = if mint.decimals == 0 { edition_of(update.address) } else { None };
            let said = Said::of(update, AccountKind::Mint, Some(update.address));
            Said { tells_of: edition.into_iter().collect(), ..said }
        }
        spl_token::Account::TokenAccount(account) => Said {
            kind: AccountKind::Token,
            asset_id: Some(account.mint),
            content: AccountContent::Token(token_account(update.owner, &account)),
            tells_of: Vec::new(),
        },
    })
}

fn token_account(program: Pubkey, account: &spl_token::TokenAccount<'_>) -> TokenAccount {
    // An account with nothing but room for extensions has none. Numbers and texts are all there is, so it can be written.
    let extensions = account.extensions.as_ref().and_then(|all| serde_json::to_string(all).ok());
    TokenAccount {
        program,
        owner: account.owner,
        amount: account.amount,
        delegate: account.delegate,
        delegated_amount: account.delegated_amount,
        frozen: account.state == spl_token::AccountState::Frozen,
        close_authority: account.close_authority,
        extensions: extensions.filter(|json| json != "{}"),
    }
}

fn metadata(update: &AccountUpdate<'_>) -> Result<Said, Reason> {
    use token_metadata::Account;
    Ok(match token_metadata::decode(update.data)? {
        Account::Uninitialized => Said::closed(),
        Account::Metadata(metadata) => {
            let said = Said::of(update, AccountKind::Metadata, Some(metadata.mint));
            let edition = if may_have_edition(&metadata) { edition_of(metadata.mint) } else { None };
            Said { tells_of: edition.into_iter().collect(), ..said }
        }
        Account::MasterEdition(master) => {
            let MasterEdition { supply, max_supply, .. } = master;
            Said::edition(update, Edition::Master { supply, max_supply })
        }
        Account::Edition(print) => {
            Said::edition(update, Edition::Print { parent: print.parent, number: print.edition })
        }
        // What a record of a programmable NFT's token says is on the token account as well: it is frozen but while it
        // moves, and its delegate is the record's.
        Account::TokenRecord(_) | Account::Other(_) => Said::foreign(),
    })
}

fn may_have_edition(metadata: &Metadata<'_>) -> bool {
    !matches!(metadata.token_standard, Some(TokenStandard::Fungible | TokenStandard::FungibleAsset))
}

fn core(update: &AccountUpdate<'_>) -> Result<Said, Reason> {
    use mpl_core::Account;
    let (kind, tie) = match mpl_core::decode(update.data)? {
        Account::Uninitialized => return Ok(Said::closed()),
        // Nobody but a ledger knows what is behind the hash.
        Account::HashedAsset { .. } => return Ok(Said::foreign()),
        Account::Asset(asset, _) => (AccountKind::CoreAsset, member(asset.update_authority)),
        Account::Collection(collection, plugins) => {
            let authority = collection.update_authority;
            let basis_points = plugins.internal.iter().find_map(|record| match record.plugin {
                InternalPlugin::Royalties { basis_points, .. } => Some(basis_points),
                _ => None,
            });
            (AccountKind::CoreCollection, Some(CoreTie::Collection { authority, basis_points }))
        }
        Account::Group(..) => (AccountKind::CoreGroup, None),
    };
    let (program, data) = (update.owner, update.data.to_vec());
    let content = AccountContent::Data { program, data, edition: None, tie };
    Ok(Said { kind, asset_id: Some(update.address), content, tells_of: Vec::new() })
}

fn member(authority: UpdateAuthority) -> Option<CoreTie> {
    match authority {
        UpdateAuthority::Collection(collection) => Some(CoreTie::Member { collection }),
        UpdateAuthority::None | UpdateAuthority::Address(_) => None,
    }
}

impl Said {
    fn closed() -> Self {
        Self {
            kind: AccountKind::Unknown,
            asset_id: None,
            content: AccountContent::Closed,
            tells_of: Vec::new(),
        }
    }

    /// An account that no asset is made of.
    fn foreign() -> Self {
        Self { content: AccountContent::Foreign, ..Self::closed() }
    }

    fn of(update: &AccountUpdate<'_>, kind: AccountKind, asset_id: Option<Pubkey>) -> Self {
        let content = AccountContent::Data {
            program: update.owner,
            data: update.data.to_vec(),
            edition: None,
            tie: None,
        };
        Self { kind, asset_id, content, tells_of: Vec::new() }
    }

    fn edition(update: &AccountUpdate<'_>, edition: Edition) -> Self {
        let (program, data) = (update.owner, update.data.to_vec());
        let content = AccountContent::Data { program, data, edition: Some(edition), tie: None };
        Self { kind: AccountKind::Edition, asset_id: None, content, tells_of: Vec::new() }
    }
}
