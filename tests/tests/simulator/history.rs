//! A history of the chain: what happened to some assets, in the order in which it happened. A function of its seed.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use vitrine_ingest::decode::transaction::Transaction;
use vitrine_model::Pubkey;
use vitrine_tests::AssetSpec;
use vitrine_tests::accounts::{AccountAt, Mint, TokenAccount};

use crate::cores::Core;
use crate::grove::{Around, Grove, Token};
use crate::tokens::{Extension, Nft};

/// Steps of a history, each of one or more updates.
pub(crate) const STEPS: u32 = 20;

/// Something that a source tells.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    Account(AccountAt),
    Transaction(Transaction),
    /// What another server answered: an asset as JSON.
    Imported(String),
    /// A line that an earlier version could not decode, and kept.
    Dark(Box<Told>),
}

/// What happens, as it is made up.
pub(crate) struct Maker {
    pub(crate) random: StdRng,
    /// Makes the addresses of this history its own.
    salt: u64,
    keys: u32,
    pub(crate) slot: u64,
    write_version: u64,
    told: Vec<Told>,
    pub(crate) people: Vec<Pubkey>,
    pub(crate) collections: Vec<Pubkey>,
    uris: Vec<String>,
    pub(crate) nfts: Vec<Nft>,
    pub(crate) fungible: Option<(Pubkey, Vec<(Pubkey, TokenAccount)>)>,
    pub(crate) extensions: Vec<Extension>,
    pub(crate) core: Core,
    /// One of each version of Bubblegum, and one more of the first.
    groves: Vec<Grove>,
}

/// What happened under this seed.
pub(crate) fn history(seed: u64) -> Vec<Told> {
    history_at(seed, seed, STEPS)
}

/// What happened under this seed in so many steps, at other addresses for each `salt`.
pub(crate) fn history_at(seed: u64, salt: u64, steps: u32) -> Vec<Told> {
    let mut maker = Maker::new(seed, salt);
    for _ in 0..steps {
        maker.step();
    }
    maker.told
}

impl Maker {
    fn new(seed: u64, salt: u64) -> Self {
        let mut maker = Self {
            random: StdRng::seed_from_u64(seed),
            salt,
            keys: 0,
            slot: 100,
            write_version: 0,
            told: Vec::new(),
            people: Vec::new(),
            collections: Vec::new(),
            uris: uris(salt),
            nfts: Vec::new(),
            fungible: None,
            extensions: Vec::new(),
            core: Core::default(),
            groves: Vec::new(),
        };
        maker.people = (0..4).map(|_| maker.key()).collect();
        maker.collections = (0..2).map(|_| maker.key()).collect();
        maker.groves = [false, true, false].into_iter().map(|is_v2| Grove::new(maker.key(), is_v2)).collect();
        maker
    }

    /// An address that no other history has.
    pub(crate) fn key(&mut self) -> Pubkey {
        self.keys += 1;
        let mut bytes: [u8; 32] = self.random.random();
        bytes[8..16].copy_from_slice(&self.salt.to_be_bytes());
        bytes[16..20].copy_from_slice(&self.keys.to_be_bytes());
        Pubkey::from_bytes(bytes)
    }

    pub(crate) fn person(&mut self) -> Pubkey {
        self.people[self.random.random_range(0..self.people.len())]
    }

    pub(crate) fn uri(&mut self) -> String {
        self.uris[self.random.random_range(0..self.uris.len())].clone()
    }

    /// An account is written, or closed.
    pub(crate) fn account(&mut self, address: Pubkey, program: &str, data: Option<Vec<u8>>) {
        self.write_version += 1;
        let owner = program.parse().unwrap();
        let at = AccountAt { address, owner, data, slot: self.slot, write_version: self.write_version };
        self.told.push(Told::Account(at));
    }

    /// The same by a source that tells no write version: 0.
    pub(crate) fn account_unversioned(&mut self, address: Pubkey, program: &str, data: Vec<u8>) {
        let (owner, data) = (program.parse().unwrap(), Some(data));
        self.told.push(Told::Account(AccountAt { address, owner, data, slot: self.slot, write_version: 0 }));
    }

    pub(crate) fn transaction(&mut self, transaction: Transaction) {
        self.told.push(Told::Transaction(transaction));
    }

    fn step(&mut self) {
        // Several things may happen in one slot. Slots of the chain are even: what is imported is of the odd ones between.
        self.slot += 2 * self.random.random_range(0..3);
        match self.random.random_range(0..20) {
            0..6 => self.grove(),
            6..9 => self.nft(),
            9 => self.fungible(),
            10 | 11 => self.core_collection(),
            12..15 => self.core_asset(),
            15..17 => self.extension(),
            17 => self.inscribe(),
            18 => self.imported(),
            _ => self.nobody_understands(),
        }
    }

    fn grove(&mut self) {
        let at = self.random.random_range(0..self.groves.len());
        let collections: Vec<Pubkey> =
            self.collections.iter().copied().chain(self.core.collections()).collect();
        let around =
            Around { slot: self.slot, people: &self.people, collections: &collections, uris: &self.uris };
        let Some((transaction, token)) = self.groves[at].step(&mut self.random, &around) else { return };
        self.transaction(transaction);
        if let Some(Token { mint, owner, name, uri }) = token {
            let authority = self.person();
            self.mint(mint, owner, authority, name, uri);
        }
    }

    /// Another server tells of an asset, as of now. What happens on the chain from here on is newer.
    fn imported(&mut self) {
        let mut known: Vec<Pubkey> = self.groves.iter().flat_map(Grove::ids).collect();
        known.extend(self.nfts.iter().map(|nft| nft.mint));
        known.extend(self.core.addresses());
        known.extend(self.extensions.iter().map(|extension| extension.address));
        known.push(self.key());
        let id = known[self.random.random_range(0..known.len())];
        let spec = AssetSpec {
            owner: Some(self.person()),
            authority: Some(self.person()),
            creator: Some((self.person(), self.random.random())),
            collection: Some((self.collections[0], self.random.random())),
            burnt: self.random.random_bool(0.1),
            ..AssetSpec::new(id)
        };
        let mut asset = spec.json();
        asset["last_indexed_slot"] = (self.slot + 1).into();
        asset["content"]["metadata"]["name"] = format!("Imported {}", self.slot).into();
        self.told.push(Told::Imported(asset.to_string()));
        // Two of one slot would have an order.
        self.slot += 2;
    }

    /// A line that no version decodes, or one that no asset has a use for.
    fn nobody_understands(&mut self) {
        let (address, length) = (self.key(), self.random.random_range(1..80));
        if self.random.random() {
            self.account(address, Mint::PROGRAM, Some(vec![7; length]));
        } else {
            // Another program's.
            self.account(address, &self.people[0].to_string(), Some(vec![7; length]));
        }
    }
}

/// Where documents are: some that say what they are themselves, one that must not be fetched, one that is nowhere.
fn uris(salt: u64) -> Vec<String> {
    let data = |number: u64| format!("data:application/json,{{\"description\":\"{salt}/{number}\"}}");
    vec![
        data(0),
        data(1),
        data(2),
        // Of all histories.
        "data:application/json,{\"description\":\"of all\"}".to_owned(),
        "data:application/json,no".to_owned(),
        format!("http://127.0.0.1/{salt}"),
        "metadata.json".to_owned(),
    ]
}
