//! What a chain says: lines of `vitrine ingest` about so many things, first how each came to be, then one change of each.
//!
//! Thing `i` is a function of `i`, so that whoever wants to know what an answer should be need not ask the database. Of
//! ten things four are NFTs (a mint, who holds it, metadata, an edition), two are assets of MPL Core, one is a mint of
//! Token-2022 with its metadata and two holders, one holds a fungible token, and two are leaves of a tree.

mod grove;
mod layout;

use std::io::Write;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use vitrine_ingest::decode::{pda, spl_token};
use vitrine_model::Pubkey;
use vitrine_model::merkle::Hash;
use vitrine_tests::accounts::{
    AccountAt, CoreAsset, CoreAuthority, CoreCollection, Metadata, Mint, TokenAccount, master_edition,
};

use grove::{Grove, Leaf};
use layout::{Plugin, mint_with_metadata, token_account_for_good, with_plugins};

/// Seeds everything.
const SEED: u64 = 0x69_6e_67_65_73_74;

/// The first slot, and how many things come to be in one.
const FIRST_SLOT: u64 = 300_000_000;
const PER_SLOT: u64 = 20;

/// How many things follow one pattern of kinds.
const PATTERN: u64 = 10;

/// Leaves of a tree.
const LEAVES: u64 = 1 << grove::DEPTH;

/// How many things share a collection, a fungible mint, an artist, about.
const PER_COLLECTION: u64 = 1_000;

/// A prime beyond any number of things: the order of changes.
const SPREAD: u64 = 2_654_435_761;

/// Where Token Metadata pads names and uris to.
const NAME_BYTES: usize = 32;
const URI_BYTES: usize = 200;

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

/// What addresses and numbers are of.
#[derive(Debug, Clone, Copy)]
enum Tag {
    Thing,
    Holder,
    Owner,
    Authority,
    Collection,
    CoreCollection,
    Fungible,
    Tree,
    Uri,
}

/// What a thing's asset must be like in an answer: members by JSON pointer, below the result.
#[derive(Debug)]
pub(crate) struct Expected {
    /// Its id.
    pub(crate) id: Pubkey,
    /// The root of its tree, where it is a leaf of one.
    pub(crate) tree: Option<Pubkey>,
    /// Pointers and values.
    pub(crate) members: Vec<(&'static str, Value)>,
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
            let shared = self.shared(thing);
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

    /// What things have in common, told before the first that has it.
    fn shared(self, thing: u64) -> Vec<AccountAt> {
        let slot = self.slot(thing, Age::New);
        let first = thing / PATTERN * PATTERN;
        let number = thing / PER_COLLECTION;
        // The first of its kind in the first pattern of a collection.
        if !first.is_multiple_of(PER_COLLECTION) {
            return Vec::new();
        }
        match thing - first {
            4 => {
                let address = key(Tag::CoreCollection, number);
                let collection = CoreCollection {
                    authority: key(Tag::Authority, number),
                    name: format!("Collection {number}"),
                    uri: uri(Tag::CoreCollection, number),
                    minted: 200,
                    size: 200,
                };
                let royalties = Plugin::royalties(420, key(Tag::Authority, number));
                let data = with_plugins(collection.data(), &[royalties]);
                vec![account(address, CoreAsset::PROGRAM, data, slot, 0)]
            }
            7 => {
                let mint = key(Tag::Fungible, number);
                let authority = key(Tag::Authority, number);
                let minted =
                    Mint { supply: 1 << 40, decimals: 6, authority: Some(authority), freeze_authority: None };
                let metadata = Metadata {
                    authority,
                    mint,
                    name: format!("Coin {number}"),
                    symbol: "COIN".to_owned(),
                    uri: uri(Tag::Fungible, number),
                    fee: 0,
                    creators: Vec::new(),
                    mutable: true,
                    standard: 2,
                    collection: None,
                };
                vec![
                    account(mint, Mint::PROGRAM, minted.data(), slot, 0),
                    account(derived(mint, &[]), Metadata::PROGRAM, metadata.data(), slot, 1),
                ]
            }
            _ => Vec::new(),
        }
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

    /// What a thing's asset is after its change; of one that holds a fungible token, what that token is.
    pub(crate) fn expected(thing: u64) -> Result<Expected> {
        let owner = owner(thing, Age::Changed).to_string();
        let number = thing / PER_COLLECTION;
        let (mut id, mut tree) = (id(thing), None);
        let members = match Self::kind(thing) {
            Kind::Nft => vec![
                ("/content/metadata/name", json!(name("Fox", thing))),
                ("/content/json_uri", json!(uri(Tag::Uri, thing))),
                ("/ownership/owner", json!(owner)),
                ("/grouping/0/group_value", json!(key(Tag::Collection, number).to_string())),
                ("/royalty/basis_points", json!(500)),
            ],
            Kind::Core => vec![
                ("/interface", json!("MplCoreAsset")),
                ("/content/metadata/name", json!(name("Core", thing))),
                ("/ownership/owner", json!(owner)),
                ("/grouping/0/group_value", json!(key(Tag::CoreCollection, number).to_string())),
                ("/plugins/attributes/data/attribute_list/0/value", json!(format!("value {thing}"))),
            ],
            Kind::Token2022 => vec![
                ("/content/metadata/name", json!(name("Token", thing))),
                ("/token_info/supply", json!(supply(thing, Age::Changed))),
                ("/mint_extensions/metadata/symbol", json!("T22")),
            ],
            Kind::Holding => {
                id = key(Tag::Fungible, number);
                vec![("/token_info/supply", json!(1_u64 << 40)), ("/token_info/decimals", json!(6))]
            }
            Kind::Leaf => {
                let (of, leaf) = leaf(thing, Age::Changed)?;
                (id, tree) = (leaf.id(of)?, Some(of));
                vec![
                    ("/content/metadata/name", json!(leaf.name)),
                    ("/ownership/owner", json!(owner)),
                    ("/compression/tree", json!(of.to_string())),
                    ("/compression/leaf_id", json!(leaf.index)),
                ]
            }
        };
        Ok(Expected { id, tree, members })
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

/// Address, program, data.
type Told = (Pubkey, &'static str, Vec<u8>);

fn nft(thing: u64, age: Age) -> Vec<Told> {
    let mint = id(thing);
    let holder = |age| key(Tag::Holder, 2 * thing + u64::from(age == Age::Changed));
    let held = |owner, amount| TokenAccount { mint, owner, amount, delegate: None, frozen: false }.data();
    if age == Age::Changed {
        return vec![
            (holder(Age::New), Mint::PROGRAM, held(owner(thing, Age::New), 0)),
            (holder(age), Mint::PROGRAM, held(owner(thing, age), 1)),
        ];
    }
    let number = thing / PER_COLLECTION;
    let edition = derived(mint, &[b"edition"]);
    let minted = Mint { supply: 1, decimals: 0, authority: Some(edition), freeze_authority: Some(edition) };
    // Older accounts are padded with zeros, newer ones are not.
    let padded = |text: String, bytes: usize| {
        let padding = if thing.is_multiple_of(2) { bytes - text.len() } else { 0 };
        text + &"\0".repeat(padding)
    };
    let metadata = Metadata {
        authority: key(Tag::Authority, number),
        mint,
        name: padded(name("Fox", thing), NAME_BYTES),
        symbol: "FOX".to_owned(),
        uri: padded(uri(Tag::Uri, thing), URI_BYTES),
        fee: 500,
        creators: vec![(key(Tag::Authority, number), true, 0), (key(Tag::Owner, number), false, 100)],
        mutable: true,
        standard: 0,
        collection: Some((key(Tag::Collection, number), true)),
    };
    vec![
        (mint, Mint::PROGRAM, minted.data()),
        (holder(age), Mint::PROGRAM, held(owner(thing, age), 1)),
        (derived(mint, &[]), Metadata::PROGRAM, metadata.data()),
        (edition, Metadata::PROGRAM, master_edition(0, Some(0))),
    ]
}

fn core(thing: u64, age: Age) -> Vec<u8> {
    let asset = CoreAsset {
        owner: owner(thing, age),
        authority: CoreAuthority::Collection(key(Tag::CoreCollection, thing / PER_COLLECTION)),
        name: name("Core", thing),
        uri: uri(Tag::Uri, thing),
    };
    let attributes: Vec<_> =
        (0..6).map(|at| (format!("trait {at}"), format!("value {}", thing + at))).collect();
    with_plugins(asset.data(), &[Plugin::freeze_delegate(), Plugin::attributes(&attributes)])
}

fn token_2022(thing: u64, age: Age) -> Vec<Told> {
    let (mint, authority) = (id(thing), key(Tag::Authority, thing / PER_COLLECTION));
    let supply = supply(thing, age);
    let minted = Mint { supply, decimals: 2, authority: Some(authority), freeze_authority: None };
    let texts = [&*name("Token", thing), "T22", &*uri(Tag::Uri, thing)];
    let program = spl_token::Program::Token2022.id();
    let holder = |number: u64, amount| {
        let owner = owner(thing + number, Age::New);
        let held = TokenAccount { mint, owner, amount, delegate: None, frozen: false };
        (key(Tag::Holder, 2 * thing + number), program, token_account_for_good(held.data()))
    };
    let mint = (mint, program, mint_with_metadata(minted.data(), mint, authority, texts));
    match age {
        Age::New => vec![mint, holder(0, supply / 2), holder(1, supply - supply / 2)],
        Age::Changed => vec![mint, holder(0, supply / 2)],
    }
}

fn holding(thing: u64, age: Age) -> TokenAccount {
    let mint = key(Tag::Fungible, thing / PER_COLLECTION);
    let amount = supply(thing, age);
    TokenAccount { mint, owner: owner(thing, Age::New), amount, delegate: None, frozen: false }
}

fn leaf(thing: u64, age: Age) -> Result<(Pubkey, Leaf)> {
    let number = thing / PATTERN * 2 + thing % 2;
    let leaf = Leaf {
        index: u32::try_from(number % LEAVES)?,
        owner: owner(thing, age),
        name: name("Leaf", thing),
        uri: uri(Tag::Uri, thing),
    };
    Ok((key(Tag::Tree, number / LEAVES), leaf))
}

fn account(address: Pubkey, program: &str, data: Vec<u8>, slot: u64, write_version: u64) -> AccountAt {
    let owner = program.parse().unwrap_or_else(|_| Pubkey::from_bytes([0; 32]));
    AccountAt { address, owner, data: Some(data), slot, write_version }
}

fn metadata_program() -> Pubkey {
    account(Pubkey::from_bytes([0; 32]), Metadata::PROGRAM, Vec::new(), 0, 0).owner
}

/// The account that Token Metadata derives from a mint and more.
fn derived(mint: Pubkey, more: &[&[u8]]) -> Pubkey {
    let program = metadata_program();
    let seeds = [&[b"metadata", program.as_bytes().as_slice(), mint.as_bytes()], more].concat();
    pda(&seeds, &program).unwrap_or(mint)
}

fn id(thing: u64) -> Pubkey {
    key(Tag::Thing, thing)
}

fn owner(thing: u64, age: Age) -> Pubkey {
    key(Tag::Owner, thing / 4 + if age == Age::New { 0 } else { 1 << 32 })
}

fn name(word: &str, thing: u64) -> String {
    format!("{word} #{thing}")
}

fn supply(thing: u64, age: Age) -> u64 {
    1_000 + thing + u64::from(age == Age::Changed)
}

/// As long as those of Arweave are.
fn uri(tag: Tag, number: u64) -> String {
    format!("https://arweave.net/{}", Pubkey::from_bytes(stream(Tag::Uri, number << 4 | tag as u64).random()))
}

fn key(tag: Tag, number: u64) -> Pubkey {
    Pubkey::from_bytes(stream(tag, number).random())
}

fn stream(tag: Tag, number: u64) -> StdRng {
    StdRng::seed_from_u64(SEED ^ ((tag as u64 + 1) << 56) ^ number)
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
