//! Accounts of MPL Agent Identity: which MPL Core asset is an agent, and the agent's token.
//!
//! The first byte of an account is its key, which names the layout of the rest. The layouts are those of the program's
//! own client, `mpl-agent-identity` 0.3. An asset's account is found at the address that the program derives from
//! `agent_identity` and the asset's address. The signer of an agent has no account: its address is derived by MPL Core.

use vitrine_model::Pubkey;

use super::Reason;
use super::bytes::Cursor;

/// The address of the program.
pub const PROGRAM_ID: &str = "1DREGFgysWYxLnRnKQnwrxnJQeSMk2HmGaC6whw2B2p";

/// An account that the program owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// No data, or key 0.
    Uninitialized,
    /// An identity, of either version.
    AgentIdentity(AgentIdentity),
}

/// What makes an asset an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentIdentity {
    /// What the program found its address with.
    pub bump: u8,
    /// The MPL Core asset.
    pub asset: Pubkey,
    /// The agent's token. None in version 1, which has no place for it, and while it is not set.
    pub agent_token: Option<Pubkey>,
}

/// Decodes an account that the program owns. Bytes behind the layout are not looked at.
pub fn decode(data: &[u8]) -> Result<Account, Reason> {
    if data.is_empty() {
        return Ok(Account::Uninitialized);
    }
    let mut cursor = Cursor::new(data);
    match cursor.u8("key")? {
        0 => Ok(Account::Uninitialized),
        1 => agent_identity(&mut cursor).map(Account::AgentIdentity),
        2 => agent_identity_v2(&mut cursor).map(Account::AgentIdentity),
        unknown => Err(Reason::BadTag { field: "key", value: unknown.into() }),
    }
}

fn agent_identity(cursor: &mut Cursor<'_>) -> Result<AgentIdentity, Reason> {
    let bump = cursor.u8("bump")?;
    cursor.take("padding", 6)?;
    Ok(AgentIdentity { bump, asset: cursor.key("asset")?, agent_token: None })
}

fn agent_identity_v2(cursor: &mut Cursor<'_>) -> Result<AgentIdentity, Reason> {
    let identity = agent_identity(cursor)?;
    let token = cursor.key("agent_token")?;
    cursor.take("reserved", 32)?;
    Ok(AgentIdentity { agent_token: (*token.as_bytes() != [0; 32]).then_some(token), ..identity })
}
