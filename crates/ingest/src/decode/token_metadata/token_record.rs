//! The state of a token account that holds a programmable NFT.

use vitrine_model::Pubkey;

use crate::decode::Reason;
use crate::decode::bytes::Cursor;

/// What a programmable NFT's token account may do at present, and who acts for its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// The bump seed of the account's own address.
    pub bump: u8,
    /// Whether the token may move.
    pub state: TokenState,
    /// The revision of the rule set that the delegate was approved under.
    pub rule_set_revision: Option<u64>,
    /// Who acts for the owner.
    pub delegate: Option<Pubkey>,
    /// What the delegate may do.
    pub delegate_role: Option<TokenDelegateRole>,
    /// The only address that a delegate of role [`TokenDelegateRole::LockedTransfer`] may transfer to. Accounts of 47
    /// bytes are from before it.
    pub locked_transfer: Option<Pubkey>,
}

/// Whether a token of a programmable NFT may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the program's names")]
pub enum TokenState {
    Unlocked,
    Locked,
    Listed,
}

/// What the delegate of a programmable NFT's token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the program's names")]
pub enum TokenDelegateRole {
    Sale,
    Transfer,
    Utility,
    Staking,
    Standard,
    LockedTransfer,
    Migration,
}

const STATES: [TokenState; 3] = [TokenState::Unlocked, TokenState::Locked, TokenState::Listed];

const ROLES: [TokenDelegateRole; 7] = [
    TokenDelegateRole::Sale,
    TokenDelegateRole::Transfer,
    TokenDelegateRole::Utility,
    TokenDelegateRole::Staking,
    TokenDelegateRole::Standard,
    TokenDelegateRole::LockedTransfer,
    TokenDelegateRole::Migration,
];

/// Bytes of an account from before locked transfers. What it has behind its last member may be left over from a longer
/// state, so the length decides and not what is left.
const LEN_WITHOUT_LOCKED_TRANSFER: usize = 47;

/// Key 11, from behind the key.
pub(super) fn token_record(cursor: &mut Cursor<'_>) -> Result<TokenRecord, Reason> {
    let len = cursor.at() + cursor.rest().len();
    Ok(TokenRecord {
        bump: cursor.u8("bump")?,
        state: cursor.one_of("state", &STATES)?,
        rule_set_revision: cursor.option("rule_set_revision", |cursor| cursor.u64("rule_set_revision"))?,
        delegate: cursor.option("delegate", |cursor| cursor.key("delegate"))?,
        delegate_role: cursor.option("delegate_role", |cursor| cursor.one_of("delegate_role", &ROLES))?,
        locked_transfer: if len > LEN_WITHOUT_LOCKED_TRANSFER {
            cursor.option("locked_transfer", |cursor| cursor.key("locked_transfer"))?
        } else {
            None
        },
    })
}
