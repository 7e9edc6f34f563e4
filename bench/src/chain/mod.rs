//! What a chain says: lines of `vitrine ingest` about so many things, first how each came to be, then one change of each.
//!
//! Thing `i` is a function of `i`, so that whoever wants to know what an answer should be need not ask the database. Of
//! ten things four are NFTs (a mint, who holds it, metadata, an edition), two are assets of MPL Core, one is a mint of
//! Token-2022 with its metadata and two holders, one holds a fungible token, and two are leaves of a tree.

mod expected;
mod grove;
mod layout;
mod names;
mod things;

use std::io::Write;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use vitrine_model::Pubkey;
use vitrine_model::merkle::Hash;
use vitrine_tests::accounts::{AccountAt, CoreAsset, Mint};

pub(crate) use expected::Expected;
use grove::Grove;
use names::id;
use things::{account, core, holding, leaf, metadata_program, nft, shared, token_2022};

/// The first slot, and how many things come to be in one.
const FIRST_SLOT: u64 = 300_000_000;
const PER_SLOT: u64 = 20;

/// How many things follow one pattern of kinds.
const PATTERN: u64 = 10;

/// Leaves of a tree.
const LEAVES: u64 = 1 << grove::DEPTH;

/// A prime beyond any number of things: the order of changes.
const SPREAD: u64 = 2_654_435_761;

/// What a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Of SPL Token and Token Metadata.
    Nft,
    /// Of MPL Core.
    Core,
    /// Of Token-2022.
    Token2022,
    /// An account that holds some of a fungible token of SPL Token.
    Holding,
    /// Compressed, of Bubblegum.
    Leaf,
}

/// Before a thing's change, and after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// As it came to be.
    New,
    /// Changed: another owner, or other amounts.
    Changed,
}

/// So many things.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World {
    things: u64,
}

/// What was written: lines of each age, and the trees as they are in the end.
#[derive(Debug)]
pub(crate) struct Written {
    /// Lines of how things came to be.
    pub(crate) new_lines: u64,
    /// Lines of changes.
    pub(crate) changed_lines: u64,
    /// Assets.
    pub(crate) assets: u64,
    /// Trees with their roots.
    pub(crate) roots: Vec<(Pubkey, Hash)>,
}

impl World {
    /// So many things, which make about two and a half times as many lines, and half as many when they change.
    pub(crate) fn new(things: u64) -> Self {
        Self { things }
    }

    /// How many there are.
    pub(crate) fn things(self) -> u64 {
        self.things
    }

    /// What a thing is.
    pub(crate) fn kind(thing: u64) -> Kind {
        match thing % PATTERN {
            0..4 => Kind::Nft,
            4..6 => Kind::Core,
            6 => Kind::Token2022,
            7 => Kind::Holding,
            _ => Kind::Leaf,
        }
    }

    /// Writes how all things came to be into the one, and what changed then into the other.
    pub(crate) fn write(self, new: &mut impl Write, changed: &mut impl Write) -> Result<Written> {
        let mut groves = Vec::new();
        let mut out = Lines { out: new, lines: 0 };
        let mut assets = 0;
        for thing in 0..self.things {
            let shared = shared(thing, self.slot(thing, Age::New));
            // A fungible mint, and a collection.
            assets += shared.iter().filter(|account| account.owner != metadata_program()).count() as u64;
            assets += u64::from(Self::kind(thing) != Kind::Holding);
            out.accounts(&shared)?;
            self.tell(thing, thing, Age::New, &mut groves, &mut out)?;
        }
        let new_lines = out.lines;
        let mut out = Lines { out: changed, lines: 0 };
        for turn in 0..self.things {
            let thing = u128::from(turn) * u128::from(SPREAD) % u128::from(self.things);
            self.tell(u64::try_from(thing)?, turn, Age::Changed, &mut groves, &mut out)?;
        }
        let roots = groves.iter().map(|grove| Some((grove.tree, grove.root()?)));
        let roots = roots.collect::<Option<_>>().context("a tree without a root")?;
        Ok(Written { new_lines, changed_lines: out.lines, assets, roots })
    }

    /// The lines about one thing. A tree counts its changes in the order of their slots: that of a leaf is its turn's.
    fn tell<W: Write>(
        self,
        thing: u64,
        turn: u64,
        age: Age,
        groves: &mut Vec<Grove>,
        out: &mut Lines<'_, W>,
    ) -> Result<()> {
        if Self::kind(thing) != Kind::Leaf {
            return out.accounts(&self.accounts(thing, age)?);
        }
        let slot = self.slot(turn, age);
        let (tree, leaf) = leaf(thing, age)?;
        let known = groves.iter().position(|grove| grove.tree == tree);
        let at = known.unwrap_or(groves.len());
        if known.is_none() {
            groves.push(Grove::new(tree));
            out.line(&groves[at].plant(slot)?)?;
        }
        let transaction = match age {
            Age::New => groves[at].mint(slot, &leaf)?,
            Age::Changed => groves[at].transfer(slot, &self::leaf(thing, Age::New)?.1, &leaf)?,
        };
        out.line(&transaction)
    }

    fn slot(self, turn: u64, age: Age) -> u64 {
        let later = if age == Age::New { 0 } else { self.things / PER_SLOT + 1 };
        FIRST_SLOT + later + turn / PER_SLOT
    }

    /// The accounts of a thing that has changed, or of one that is new; none of a leaf.
    pub(crate) fn accounts(self, thing: u64, age: Age) -> Result<Vec<AccountAt>> {
        let mut told = match Self::kind(thing) {
            Kind::Nft => nft(thing, age),
            Kind::Core => vec![(id(thing), CoreAsset::PROGRAM, core(thing, age))],
            Kind::Token2022 => token_2022(thing, age),
            Kind::Holding => vec![(id(thing), Mint::PROGRAM, holding(thing, age).data())],
            Kind::Leaf => Vec::new(),
        };
        let slot = self.slot(thing, age);
        told.drain(..)
            .zip(0..)
            .map(|((address, program, data), version)| Ok(account(address, program, data, slot, version)))
            .collect()
    }

    /// The line of a leaf's minting, in a tree of its own.
    pub(crate) fn mint_line(self, thing: u64) -> Result<Value> {
        let (tree, leaf) = leaf(thing, Age::New)?;
        Grove::new(tree).mint(self.slot(thing, Age::New), &leaf)
    }
}

/// Lines on their way out.
struct Lines<'w, W> {
    out: &'w mut W,
    lines: u64,
}

impl<W: Write> Lines<'_, W> {
    fn line(&mut self, line: &Value) -> Result<()> {
        serde_json::to_writer(&mut *self.out, line)?;
        self.lines += 1;
        Ok(self.out.write_all(b"\n")?)
    }

    fn accounts(&mut self, accounts: &[AccountAt]) -> Result<()> {
        accounts.iter().try_for_each(|account| self.line(&account_line(account)))
    }
}

/// An account as a line.
pub(crate) fn account_line(account: &AccountAt) -> Value {
    let data = account.data.as_deref().unwrap_or_default();
    json!({"account": {
        "slot": account.slot, "write_version": account.write_version, "pubkey": account.address.to_string(),
        "lamports": 2_039_280, "owner": account.owner.to_string(), "executable": false,
        "rentEpoch": u64::MAX, "space": data.len(), "data": [STANDARD.encode(data), "base64"],
    }})
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use vitrine_ingest::decode::transaction::Transaction;
    use vitrine_ingest::normalise::leaf::transaction;

    use super::*;

    #[test]
    fn the_same_world_is_told_in_the_same_words() {
        let tell = || {
            let (mut new, mut changed) = (Vec::new(), Vec::new());
            let written = World::new(100).write(&mut new, &mut changed).unwrap();
            (new, changed, written.new_lines, written.changed_lines, written.roots)
        };
        let first = tell();
        assert_eq!(first, tell());
        // 40 NFTs, 20 assets of MPL Core, 10 mints of Token-2022, 10 holdings, 20 leaves; a collection, a fungible token
        // of two accounts, and a tree.
        assert_eq!((first.2, first.3), (160 + 20 + 30 + 10 + 20 + 1 + 2 + 1, 80 + 20 + 20 + 10 + 20));
        let lines = first.0.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        assert_eq!(lines.count(), 244);
    }

    #[test]
    fn every_account_is_understood() {
        let world = World::new(20);
        for thing in 0..20 {
            for age in [Age::New, Age::Changed] {
                for account in world.accounts(thing, age).unwrap() {
                    let seen = account.seen();
                    assert!(seen.asset_id.is_some() || account.owner == metadata_program(), "{thing}");
                }
            }
        }
    }

    #[test]
    fn every_transaction_is_understood() {
        let (mut new, mut updated) = (Vec::new(), Vec::new());
        World::new(30).write(&mut new, &mut updated).unwrap();
        let mut changes = Vec::new();
        for line in [new, updated].concat().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line: Value = serde_json::from_slice(line).unwrap();
            if let Some(told) = line.get("transaction") {
                let seen = transaction(&Transaction::from_json(&told.to_string()).unwrap());
                assert_eq!(seen.problems, Vec::<String>::new());
                changes.extend(seen.tree_changes);
            }
        }
        assert_eq!(changes.len(), 1 + 6 + 6);
        assert!(changes.iter().skip(1).all(|change| change.event.is_some()));
    }
}
