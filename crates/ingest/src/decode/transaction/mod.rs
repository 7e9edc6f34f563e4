//! A transaction as Solana ran it: one flat list of instructions, each behind the one that called it.
//!
//! Three texts are read, by [`Transaction::from_json`]: the answer of `getTransaction` in the encodings `json`, `base64`
//! and `base58` (`transaction`, `meta` and `slot` side by side), and a flat object with `slot`, `signature`, `accountKeys`,
//! `instructions` and `innerInstructions`, whose `accountKeys` are all accounts, static and loaded. In all of them the
//! data of instructions is base58.

mod json;
mod wire;

use std::fmt;

use vitrine_model::{Pubkey, Slot};

use super::Reason;

/// The first signature of a transaction, which names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature([u8; 64]);

/// A transaction with its instructions in the order in which they ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The slot it landed in.
    pub slot: Slot,
    /// Its name.
    pub signature: Signature,
    /// Seconds since 1970 at which its block was produced, by the validators' estimate, where the source says so.
    pub block_time: Option<i64>,
    /// Whether it took effect. One that did not has no instructions here: nothing of what it tried came to be.
    pub succeeded: bool,
    /// All instructions: each one of the message, and directly behind it what it called.
    pub instructions: Vec<Instruction>,
}

/// An instruction with its accounts looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// The program it was for.
    pub program: Pubkey,
    /// Its accounts, in the order that the program was given.
    pub accounts: Vec<Pubkey>,
    /// Its data.
    pub data: Vec<u8>,
    /// The place of its instruction in the message, from 0: its own, or of the one that led to this call.
    pub outer: usize,
    /// How deep the call is: 1 in the message, 2 what that calls. `None` for calls where the node did not record it.
    pub height: Option<u32>,
}

/// Why a text is not a transaction that can be taken apart.
#[derive(Debug, thiserror::Error)]
pub enum TransactionError {
    /// Not JSON, or not of the shape that Solana's RPC has.
    #[error("not a transaction of getTransaction: {0}")]
    Json(String),
    /// An encoding that is none of `json`, `base64` and `base58`.
    #[error("transaction: the encoding {0:?} is none of json, base64 and base58")]
    Encoding(String),
    /// Not of the encoding that it says.
    #[error("transaction: {0}")]
    Bytes(String),
    /// A format that is newer than this version.
    #[error("version: {0:?} is neither \"legacy\" nor 0")]
    Version(String),
    /// The bytes of the transaction are not of the format that validators exchange.
    #[error("the transaction's bytes: {0}")]
    Wire(#[from] Reason),
    /// Bytes behind the end of the transaction.
    #[error("{0} bytes behind the transaction")]
    Trailing(usize),
    /// A slot above [`Slot::MAX`].
    #[error("no slot: {0}")]
    Slot(u64),
    /// No signature.
    #[error("the transaction is not signed")]
    NoSignature,
    /// No `meta`: whether the transaction succeeded is not known.
    #[error("no meta: the node does not say whether the transaction succeeded")]
    NoMeta,
    /// No inner instructions, not even an empty list: the node did not record them.
    #[error("no innerInstructions: the node did not record what the instructions called")]
    NoInnerInstructions,
    /// The index of an account that the transaction does not have.
    #[error("account {index} of {accounts}")]
    Account {
        /// The index, from 0.
        index: u8,
        /// How many accounts there are.
        accounts: usize,
    },
    /// Inner instructions of an instruction that the message does not have.
    #[error("inner instructions of instruction {index} of {instructions}")]
    Outer {
        /// The index, from 0.
        index: usize,
        /// How many instructions the message has.
        instructions: usize,
    },
    /// A call that is more than one step deeper than the instruction in front of it, or as high as the message.
    #[error("a call of height {height} behind one of height {before}")]
    Height {
        /// What is stated.
        height: u32,
        /// What is stated for the instruction in front of it.
        before: u32,
    },
    /// Not as many loaded addresses as the message asks for.
    #[error("{loaded} loaded addresses where the message looks up {stated}")]
    Loaded {
        /// How many the message looks up.
        stated: usize,
        /// How many `loadedAddresses` has.
        loaded: usize,
    },
}

/// The parts of a message that instructions are made of, however they were encoded.
struct Message {
    keys: Vec<Pubkey>,
    /// How many addresses are looked up in tables: they stand behind the keys.
    lookups: Option<usize>,
    instructions: Vec<Compiled>,
}

/// An instruction whose accounts are places in a list.
struct Compiled {
    program: u8,
    accounts: Vec<u8>,
    data: Vec<u8>,
}

/// The calls of one instruction of the message.
struct Calls {
    outer: usize,
    calls: Vec<(Compiled, Option<u32>)>,
}

impl TransactionError {
    /// Whether the source has to tell it in another form: one that this version may be too old for is something else.
    pub fn is_wrong_form(&self) -> bool {
        match self {
            Self::Json(_)
            | Self::Encoding(_)
            | Self::Bytes(_)
            | Self::Slot(_)
            | Self::NoSignature
            | Self::NoMeta
            | Self::NoInnerInstructions
            | Self::Loaded { .. } => true,
            Self::Version(_)
            | Self::Wire(_)
            | Self::Trailing(_)
            | Self::Account { .. }
            | Self::Outer { .. }
            | Self::Height { .. } => false,
        }
    }
}

/// The name of a transaction that was refused, out of its pair of text and encoding: its bytes begin with it.
pub(crate) fn signature_of_packet(transaction: &str) -> Option<[u8; 64]> {
    let bytes = json::packet(transaction).ok()?;
    match bytes.split_first()? {
        (1..0x80, rest) => rest.first_chunk().copied(),
        _ => None,
    }
}

impl Transaction {
    /// Reads a transaction; the forms are those of the module.
    pub fn from_json(text: &str) -> Result<Self, TransactionError> {
        json::read(text)
    }

    /// What the instruction at `at` called itself, in order, each with its place. Where the node did not record how deep
    /// calls are, these are all calls behind it that the same instruction of the message led to.
    pub fn calls(&self, at: usize) -> impl Iterator<Item = (usize, &Instruction)> {
        let caller = self.instructions.get(at);
        let steps = move |call: &Instruction| match (caller?.height, call.height) {
            (Some(from), Some(to)) => to.checked_sub(from),
            _ => Some(1),
        };
        self.instructions
            .iter()
            .enumerate()
            .skip(at.saturating_add(1))
            .take_while(move |(_, call)| caller.is_some_and(|caller| caller.outer == call.outer))
            .take_while(move |(_, call)| steps(call).is_some_and(|steps| steps > 0))
            .filter(move |(_, call)| steps(call) == Some(1))
    }
}

impl Message {
    /// The instructions, each followed by its calls.
    fn flatten(self, inner: Vec<Calls>) -> Result<Vec<Instruction>, TransactionError> {
        let instructions = self.instructions.len();
        let mut calls: Vec<_> = (0..instructions).map(|_| Vec::new()).collect();
        for Calls { outer, calls: more } in inner {
            let of = calls.get_mut(outer).ok_or(TransactionError::Outer { index: outer, instructions })?;
            of.extend(more);
        }
        let mut flat = Vec::with_capacity(instructions + calls.iter().map(Vec::len).sum::<usize>());
        for (outer, (instruction, calls)) in self.instructions.into_iter().zip(calls).enumerate() {
            let known = check_heights(&calls)?;
            flat.push(instruction.resolve(&self.keys, outer, Some(1))?);
            for (call, height) in calls {
                flat.push(call.resolve(&self.keys, outer, height.filter(|_| known))?);
            }
        }
        Ok(flat)
    }
}

impl Compiled {
    fn resolve(
        self,
        keys: &[Pubkey],
        outer: usize,
        height: Option<u32>,
    ) -> Result<Instruction, TransactionError> {
        let key = |index: u8| {
            let key = keys.get(usize::from(index)).copied();
            key.ok_or(TransactionError::Account { index, accounts: keys.len() })
        };
        Ok(Instruction {
            program: key(self.program)?,
            accounts: self.accounts.iter().map(|&index| key(index)).collect::<Result<_, _>>()?,
            data: self.data,
            outer,
            height,
        })
    }
}

impl Signature {
    /// The signature of these bytes.
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The 64 bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&bs58::encode(self.0).into_string())
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({self})")
    }
}

/// Whether the heights of all calls are known. Where they are, each has to be one that the call in front of it allows.
fn check_heights(calls: &[(Compiled, Option<u32>)]) -> Result<bool, TransactionError> {
    let mut before = 1;
    for (_, height) in calls {
        let Some(height) = *height else { return Ok(false) };
        if height < 2 || height > before + 1 {
            return Err(TransactionError::Height { height, before });
        }
        before = height;
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
