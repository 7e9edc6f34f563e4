//! Accounts as their programs lay them out, as far as tests need them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use vitrine_ingest::decode::{Reason, mpl_core, spl_token, token_metadata};
use vitrine_ingest::normalise::{AccountUpdate, account};
use vitrine_model::{Pubkey, Slot};
use vitrine_store::AccountSeen;

/// The program of what was closed.
const NOBODY: Pubkey = Pubkey::from_bytes([0; 32]);

/// An account as of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountAt {
    pub address: Pubkey,
    pub owner: Pubkey,
    /// None where it was closed.
    pub data: Option<Vec<u8>>,
    pub slot: u64,
    pub write_version: u64,
}

/// An asset of MPL Core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoreAsset {
    pub owner: Pubkey,
    pub authority: CoreAuthority,
    pub name: String,
    pub uri: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoreAuthority {
    None,
    Address(Pubkey),
    Collection(Pubkey),
}

/// A collection of MPL Core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoreCollection {
    pub authority: Pubkey,
    pub name: String,
    pub uri: String,
    pub minted: u32,
    pub size: u32,
}

/// A mint of SPL Token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mint {
    pub supply: u64,
    pub decimals: u8,
    pub authority: Option<Pubkey>,
    pub freeze_authority: Option<Pubkey>,
}

/// A token account of SPL Token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenAccount {
    pub mint: Pubkey,
    pub owner: Pubkey,
    pub amount: u64,
    pub delegate: Option<Pubkey>,
    pub frozen: bool,
}

/// A metadata account of Token Metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    pub authority: Pubkey,
    pub mint: Pubkey,
    pub name: String,
    pub symbol: String,
    pub uri: String,
    pub fee: u16,
    /// Address, verified, share.
    pub creators: Vec<(Pubkey, bool, u8)>,
    pub mutable: bool,
    pub standard: u8,
    pub collection: Option<(Pubkey, bool)>,
}

impl AccountAt {
    /// What is stored of it, if it can be decoded.
    pub fn told(&self) -> Result<AccountSeen, Reason> {
        let closed = self.data.is_none();
        account(&AccountUpdate {
            address: self.address,
            owner: if closed { NOBODY } else { self.owner },
            lamports: u64::from(!closed),
            data: self.data.as_deref().unwrap_or_default(),
            slot: Slot::new(self.slot).unwrap(),
            write_version: self.write_version,
        })
    }

    /// What is stored of an account of an asset.
    pub fn seen(&self) -> AccountSeen {
        self.told().unwrap()
    }

    /// As a line of `vitrine ingest`.
    pub fn line(&self) -> Value {
        let owner = if self.data.is_none() { NOBODY } else { self.owner };
        json!({ "account": {
            "slot": self.slot, "write_version": self.write_version, "pubkey": self.address.to_string(),
            "lamports": u64::from(self.data.is_some()), "owner": owner.to_string(), "executable": false, "rentEpoch": 0,
            "data": [STANDARD.encode(self.data.as_deref().unwrap_or_default()), "base64"],
        } })
    }
}

impl CoreAsset {
    pub const PROGRAM: &str = mpl_core::PROGRAM_ID;

    pub fn data(&self) -> Vec<u8> {
        let mut out = vec![1];
        out.extend_from_slice(self.owner.as_bytes());
        match self.authority {
            CoreAuthority::None => out.push(0),
            CoreAuthority::Address(key) => key_behind(&mut out, 1, &key),
            CoreAuthority::Collection(key) => key_behind(&mut out, 2, &key),
        }
        text(&mut out, &self.name);
        text(&mut out, &self.uri);
        // No seq.
        out.push(0);
        out
    }

    pub fn at(&self, address: Pubkey, slot: u64) -> AccountAt {
        AccountAt {
            address,
            owner: Self::PROGRAM.parse().unwrap(),
            data: Some(self.data()),
            slot,
            write_version: 0,
        }
    }
}

impl CoreCollection {
    pub fn data(&self) -> Vec<u8> {
        let mut out = vec![5];
        out.extend_from_slice(self.authority.as_bytes());
        text(&mut out, &self.name);
        text(&mut out, &self.uri);
        out.extend_from_slice(&self.minted.to_le_bytes());
        out.extend_from_slice(&self.size.to_le_bytes());
        out
    }
}

impl Mint {
    pub const PROGRAM: &str = spl_token::Program::Token.id();

    pub fn data(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(82);
        optional_key(&mut out, self.authority);
        out.extend_from_slice(&self.supply.to_le_bytes());
        out.extend_from_slice(&[self.decimals, 1]);
        optional_key(&mut out, self.freeze_authority);
        assert_eq!(out.len(), 82);
        out
    }
}

impl TokenAccount {
    pub fn data(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(165);
        out.extend_from_slice(self.mint.as_bytes());
        out.extend_from_slice(self.owner.as_bytes());
        out.extend_from_slice(&self.amount.to_le_bytes());
        optional_key(&mut out, self.delegate);
        out.push(if self.frozen { 2 } else { 1 });
        // It holds no native SOL.
        out.extend_from_slice(&[0; 12]);
        let delegated = if self.delegate.is_some() { self.amount } else { 0 };
        out.extend_from_slice(&delegated.to_le_bytes());
        optional_key(&mut out, None);
        assert_eq!(out.len(), 165);
        out
    }
}

impl Metadata {
    pub const PROGRAM: &str = token_metadata::PROGRAM_ID;

    pub fn data(&self) -> Vec<u8> {
        let mut out = vec![4];
        out.extend_from_slice(self.authority.as_bytes());
        out.extend_from_slice(self.mint.as_bytes());
        for part in [&self.name, &self.symbol, &self.uri] {
            text(&mut out, part);
        }
        out.extend_from_slice(&self.fee.to_le_bytes());
        if self.creators.is_empty() {
            out.push(0);
        } else {
            out.push(1);
            out.extend_from_slice(&u32::try_from(self.creators.len()).unwrap().to_le_bytes());
            for (address, verified, share) in &self.creators {
                out.extend_from_slice(address.as_bytes());
                out.extend_from_slice(&[u8::from(*verified), *share]);
            }
        }
        // Not sold yet; no edition nonce; a token standard.
        out.extend_from_slice(&[0, u8::from(self.mutable), 0, 1, self.standard]);
        match &self.collection {
            None => out.push(0),
            Some((key, verified)) => {
                out.extend_from_slice(&[1, u8::from(*verified)]);
                out.extend_from_slice(key.as_bytes());
            }
        }
        // No uses, no details of a collection, no rules.
        out.extend_from_slice(&[0, 0, 0]);
        out
    }
}

/// A master edition of Token Metadata.
pub fn master_edition(supply: u64, max_supply: Option<u64>) -> Vec<u8> {
    let mut out = vec![6];
    out.extend_from_slice(&supply.to_le_bytes());
    match max_supply {
        None => out.push(0),
        Some(max) => {
            out.push(1);
            out.extend_from_slice(&max.to_le_bytes());
        }
    }
    out
}

/// A text behind its length.
pub fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&u32::try_from(text.len()).unwrap().to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn key_behind(out: &mut Vec<u8>, tag: u8, key: &Pubkey) {
    out.push(tag);
    out.extend_from_slice(key.as_bytes());
}

/// SPL Token's own optional key: four bytes of tag, and the key's room in any case.
fn optional_key(out: &mut Vec<u8>, key: Option<Pubkey>) {
    out.extend_from_slice(&u32::from(key.is_some()).to_le_bytes());
    out.extend_from_slice(key.map_or([0; 32], |key| *key.as_bytes()).as_slice());
}
