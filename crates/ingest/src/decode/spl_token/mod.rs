//! Accounts of SPL Token and of Token-2022: mints and token accounts, with the extensions of the latter.
//!
//! An account of either program has no tag in front. Without extensions its length tells what it is; with them, it is
//! padded to the length of a token account, and the byte behind that tells. The layouts are those of the programs' own
//! interface, `spl-token-2022-interface` 4; the tests hold the two against each other.

mod extensions;
mod layout;

pub use extensions::{
    AccountExtensions, ConfidentialMintBurn, ConfidentialTransferAccount, ConfidentialTransferFeeAmount,
    ConfidentialTransferFeeConfig, ConfidentialTransferMint, CpiGuard, DefaultAccountState, Faulty,
    GroupMemberPointer, GroupPointer, InterestBearingConfig, Marker, MemoTransfer, MetadataPointer,
    MintCloseAuthority, MintExtensions, PausableConfig, PermanentDelegate, PermissionedBurnConfig,
    ScaledUiAmountConfig, TokenGroup, TokenGroupMember, TokenMetadata, TransferFee, TransferFeeAmount,
    TransferFeeConfig, TransferHook, TransferHookAccount, Unknown,
};
pub use layout::{AeCiphertext, Base58, ElGamalCiphertext, ElGamalPubkey};

use serde::Serialize;
use vitrine_model::Pubkey;

use super::Reason;
use super::bytes::Cursor;

/// Bytes of a mint without extensions.
const MINT_BYTES: usize = 82;
/// Bytes of a token account without extensions, and where the account type stands in anything with extensions.
const TOKEN_ACCOUNT_BYTES: usize = 165;
/// Bytes of a multisig. The programs keep everything else from having this length.
const MULTISIG_BYTES: usize = 355;
/// Account types: not initialised, mint, token account.
const ACCOUNT_TYPES: [u8; 3] = [0, 1, 2];

/// The two programs. They write mints and token accounts alike; one of them writes extensions behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// SPL Token.
    Token,
    /// Token-2022.
    Token2022,
}

impl Program {
    /// The address of the program.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Token => "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
            Self::Token2022 => "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb",
        }
    }
}

/// An account that one of the programs owns.
#[derive(Clone, Debug, PartialEq)]
pub enum Account<'a> {
    /// No data, or data that no instruction has initialised yet.
    Uninitialized,
    /// Keys that sign together. No asset shows it.
    Multisig,
    /// A token.
    Mint(Mint<'a>),
    /// What one owner has of one token.
    TokenAccount(TokenAccount<'a>),
}

/// A mint: a token, fungible or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Mint<'a> {
    /// Who may mint more; none where the supply is fixed.
    pub mint_authority: Option<Pubkey>,
    /// Tokens there are, in the smallest unit.
    pub supply: u64,
    /// Digits behind the decimal point.
    pub decimals: u8,
    /// Who may freeze token accounts.
    pub freeze_authority: Option<Pubkey>,
    /// What is behind the account type; none where the account has no room for extensions.
    pub extensions: Option<Box<MintExtensions<'a>>>,
}

/// A token account.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenAccount<'a> {
    /// The token.
    pub mint: Pubkey,
    /// Whose tokens these are.
    pub owner: Pubkey,
    /// Tokens held, in the smallest unit.
    pub amount: u64,
    /// Who may move up to [`delegated_amount`](Self::delegated_amount) of them.
    pub delegate: Option<Pubkey>,
    /// Whether tokens may move.
    pub state: AccountState,
    /// For wrapped SOL the lamports that stay for rent; none for any other token.
    pub is_native: Option<u64>,
    /// What the delegate may still move, in the smallest unit.
    pub delegated_amount: u64,
    /// Who may close the account, if not the owner.
    pub close_authority: Option<Pubkey>,
    /// What is behind the account type; none where the account has no room for extensions.
    pub extensions: Option<Box<AccountExtensions<'a>>>,
}

/// The state of a token account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// Not written yet.
    Uninitialized,
    /// Tokens may move.
    Initialized,
    /// Tokens may not move.
    Frozen,
}

impl AccountState {
    const ALL: [Self; 3] = [Self::Uninitialized, Self::Initialized, Self::Frozen];
}

/// Decodes an account that `program` owns.
///
/// An extension that cannot be read does not fail the account: see [`MintExtensions::faulty`]. A length that nothing has
/// is [`Reason::BadTag`].
pub fn decode(program: Program, data: &[u8]) -> Result<Account<'_>, Reason> {
    match (program, data.len()) {
        (_, 0) => Ok(Account::Uninitialized),
        (_, MULTISIG_BYTES) => Ok(Account::Multisig),
        (_, MINT_BYTES) => mint(data),
        (_, TOKEN_ACCOUNT_BYTES) => token_account(data),
        (Program::Token2022, len) if len > TOKEN_ACCOUNT_BYTES => extended(data),
        (_, len) => Err(Reason::BadTag { field: "account length", value: len as u64 }),
    }
}

/// Decodes an account with an account type.
fn extended(data: &[u8]) -> Result<Account<'_>, Reason> {
    let mut cursor = Cursor::new(data);
    cursor.take("base", TOKEN_ACCOUNT_BYTES)?;
    match cursor.one_of("account_type", &ACCOUNT_TYPES)? {
        0 => Ok(Account::Uninitialized),
        1 => mint(data),
        _ => token_account(data),
    }
}

fn mint(data: &[u8]) -> Result<Account<'_>, Reason> {
    let mut cursor = Cursor::new(data);
    let mint_authority = coption(&mut cursor, "mint_authority", Cursor::key)?;
    let supply = cursor.u64("supply")?;
    let decimals = cursor.u8("decimals")?;
    let is_initialized = cursor.bool("is_initialized")?;
    let freeze_authority = coption(&mut cursor, "freeze_authority", Cursor::key)?;
    if !is_initialized {
        return Ok(Account::Uninitialized);
    }
    let extensions = if data.len() > MINT_BYTES {
        let padding = cursor.take("padding", TOKEN_ACCOUNT_BYTES - MINT_BYTES)?;
        if let Some(byte) = padding.iter().copied().find(|&byte| byte != 0) {
            return Err(Reason::BadTag { field: "padding", value: byte.into() });
        }
        Some(Box::new(MintExtensions::read(data, TOKEN_ACCOUNT_BYTES + 1)?))
    } else {
        None
    };
    Ok(Account::Mint(Mint { mint_authority, supply, decimals, freeze_authority, extensions }))
}

fn token_account(data: &[u8]) -> Result<Account<'_>, Reason> {
    let mut cursor = Cursor::new(data);
    let mut account = TokenAccount {
        mint: cursor.key("mint")?,
        owner: cursor.key("owner")?,
        amount: cursor.u64("amount")?,
        delegate: coption(&mut cursor, "delegate", Cursor::key)?,
        state: cursor.one_of("state", &AccountState::ALL)?,
        is_native: coption(&mut cursor, "is_native", Cursor::u64)?,
        delegated_amount: cursor.u64("delegated_amount")?,
        close_authority: coption(&mut cursor, "close_authority", Cursor::key)?,
        extensions: None,
    };
    if account.state == AccountState::Uninitialized {
        return Ok(Account::Uninitialized);
    }
    if data.len() > TOKEN_ACCOUNT_BYTES {
        account.extensions = Some(Box::new(AccountExtensions::read(data, TOKEN_ACCOUNT_BYTES + 1)?));
    }
    Ok(Account::TokenAccount(account))
}

/// A flag of four bytes, and a value that takes its bytes whether the flag is set or not.
fn coption<'a, T>(
    cursor: &mut Cursor<'a>,
    field: &'static str,
    read: impl FnOnce(&mut Cursor<'a>, &'static str) -> Result<T, Reason>,
) -> Result<Option<T>, Reason> {
    let flag = cursor.u32(field)?;
    let value = read(cursor, field)?;
    match flag {
        0 => Ok(None),
        1 => Ok(Some(value)),
        other => Err(Reason::BadTag { field, value: other.into() }),
    }
}
