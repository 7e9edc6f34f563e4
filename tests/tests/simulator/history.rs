//! A history of the chain: what happened to some assets, in the order in which it happened. A function of its seed.

use std::collections::VecDeque;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use vitrine_ingest::decode::pda;
use vitrine_ingest::normalise::leaf::{TransactionSeen, transaction};
use vitrine_model::Pubkey;
use vitrine_store::{AccountSeen, ChainBatch};
use vitrine_tests::accounts::{
    AccountAt, CoreAsset, CoreAuthority, CoreCollection, Metadata, Mint, TokenAccount, master_edition,
};

use crate::grove::{Grove, Token};

/// Steps of a history, each of one or more updates.
const STEPS: u32 = 24;

/// Something that a source tells.
#[derive(Clone)]
pub(crate) enum Told {
    Account(Box<AccountSeen>),
    Transaction(Box<TransactionSeen>),
}

/// What happens, as it is made up.
struct Maker {
    random: StdRng,
    seed: u64,
    keys: u32,
    slot: u64,
    write_version: u64,
    told: Vec<Told>,
    people: Vec<Pubkey>,
    collections: Vec<Pubkey>,
    core: Vec<(Pubkey, CoreAsset)>,
    core_collections: Vec<(Pubkey, CoreCollection)>,
    nfts: Vec<Nft>,
    fungible: Option<(Pubkey, Vec<(Pubkey, TokenAccount)>)>,
    grove: Grove,
}

/// A token of which there is one.
struct Nft {
    mint: Pubkey,
    metadata: Metadata,
    holder: (Pubkey, TokenAccount),
}

/// What happened under this seed.
pub(crate) fn history(seed: u64) -> Vec<Told> {
    let mut maker = Maker::new(seed);
    for _ in 0..STEPS {
        maker.step();
    }
    maker.told
}

/// What a source tells, as a batch of the store.
pub(crate) fn batch(told: impl IntoIterator<Item = Told>) -> ChainBatch {
    let mut batch = ChainBatch::default();
    for told in told {
        match told {
            Told::Account(account) => batch.accounts.push(*account),
            Told::Transaction(seen) => {
                batch.tree_changes.extend(seen.tree_changes);
                batch.leaf_events.extend(seen.leaf_events);
                batch.accounts.extend(seen.accounts);
            }
        }
    }
    batch
}

impl Maker {
    fn new(seed: u64) -> Self {
        let mut maker = Self {
            random: StdRng::seed_from_u64(seed),
            seed,
            keys: 0,
            slot: 100,
            write_version: 0,
            told: Vec::new(),
            people: Vec::new(),
            collections: Vec::new(),
            core: Vec::new(),
            core_collections: Vec::new(),
            nfts: Vec::new(),
            fungible: None,
            grove: Grove::new(Pubkey::from_bytes([0; 32])),
        };
        maker.people = (0..4).map(|_| maker.key()).collect();
        maker.collections = (0..2).map(|_| maker.key()).collect();
        maker.grove = Grove::new(maker.key());
        maker
    }

    /// An address that no other history has.
    fn key(&mut self) -> Pubkey {
        self.keys += 1;
        let mut bytes: [u8; 32] = self.random.random();
        bytes[8..16].copy_from_slice(&self.seed.to_be_bytes());
        bytes[16..20].copy_from_slice(&self.keys.to_be_bytes());
        Pubkey::from_bytes(bytes)
    }

    fn person(&mut self) -> Pubkey {
        self.people[self.random.random_range(0..self.people.len())]
    }

    fn uri(&mut self) -> String {
        format!("https://example.org/{}/{}", self.seed, self.random.random_range(0..4))
    }

    fn account(&mut self, address: Pubkey, program: &str, data: Option<Vec<u8>>) {
        self.write_version += 1;
        let owner = program.parse().unwrap();
        let at = AccountAt { address, owner, data, slot: self.slot, write_version: self.write_version };
        self.told.push(Told::Account(Box::new(at.seen())));
    }

    fn step(&mut self) {
        // Several things may happen in one slot.
        self.slot += self.random.random_range(0..3);
        match self.random.random_range(0..10) {
            0..3 => self.grove(),
            3..5 => self.nft(),
            5 => self.fungible(),
            6 => self.core_collection(),
            _ => self.core_asset(),
        }
    }

    fn grove(&mut self) {
        let Some((tx, token)) = self.grove.step(&mut self.random, self.slot, &self.people) else { return };
        let seen = transaction(&tx);
        assert_eq!(seen.problems, Vec::<String>::new(), "a transaction that nobody would have run");
        self.told.push(Told::Transaction(Box::new(seen)));
        if let Some(Token { mint, owner, name, uri }) = token {
            let authority = self.person();
            self.mint(mint, owner, authority, name, uri);
        }
    }

    fn nft(&mut self) {
        if self.nfts.is_empty() || self.random.random_ratio(1, 4) {
            let (mint, owner, authority, uri) = (self.key(), self.person(), self.person(), self.uri());
            let name = format!("Token {}", self.nfts.len());
            return self.mint(mint, owner, authority, name, uri);
        }
        let at = self.random.random_range(0..self.nfts.len());
        match self.random.random_range(0..8) {
            0..3 => self.transfer(at),
            3..6 => self.rename(at),
            6 => self.delegate(at),
            _ => self.burn(at),
        }
    }

    fn mint(&mut self, mint: Pubkey, owner: Pubkey, authority: Pubkey, name: String, uri: String) {
        let metadata = Metadata {
            authority,
            mint,
            name,
            symbol: "SIM".to_owned(),
            uri,
            fee: self.random.random_range(0..1_000),
            creators: vec![(authority, self.random.random(), 100)],
            mutable: true,
            standard: 0,
            collection: self.random.random_bool(0.5).then(|| (self.collections[0], false)),
        };
        let holder = (self.key(), TokenAccount { mint, owner, amount: 1, delegate: None, frozen: false });
        self.nfts.push(Nft { mint, metadata, holder });
        let at = self.nfts.len() - 1;
        self.tell_mint(at, 1);
        self.tell_holder(at);
        self.tell_metadata(at);
        self.account(edition_of(mint), Metadata::PROGRAM, Some(master_edition(0, Some(0))));
    }

    fn transfer(&mut self, at: usize) {
        let (owner, address) = (self.person(), self.key());
        let (old, mut account) = (self.nfts[at].holder.0, self.nfts[at].holder.1);
        account.owner = owner;
        account.delegate = None;
        account.frozen = false;
        self.nfts[at].holder = (address, account);
        let empty = TokenAccount { amount: 0, ..account };
        let data = self.random.random::<bool>().then(|| empty.data());
        // Both are written in the transaction, in either order; the old one may be closed with it.
        if self.random.random() {
            self.account(old, Mint::PROGRAM, data);
            self.tell_holder(at);
        } else {
            self.tell_holder(at);
            self.account(old, Mint::PROGRAM, data);
        }
    }

    fn rename(&mut self, at: usize) {
        let (uri, authority) = (self.uri(), self.person());
        let verified = self.random.random();
        let collection = self.collections[self.random.random_range(0..self.collections.len())];
        let metadata = &mut self.nfts[at].metadata;
        metadata.name = format!("{}'", metadata.name.chars().take(20).collect::<String>());
        metadata.uri = uri;
        metadata.authority = authority;
        metadata.collection = (!metadata.fee.is_multiple_of(3)).then_some((collection, verified));
        self.tell_metadata(at);
    }

    fn delegate(&mut self, at: usize) {
        let delegate = self.person();
        let frozen = self.random.random();
        let account = &mut self.nfts[at].holder.1;
        account.delegate = if account.delegate.is_some() { None } else { Some(delegate) };
        account.frozen = frozen && account.delegate.is_some();
        self.tell_holder(at);
    }

    fn burn(&mut self, at: usize) {
        let holder = self.nfts[at].holder.0;
        self.account(holder, Mint::PROGRAM, None);
        self.tell_mint(at, 0);
        let metadata = metadata_of(self.nfts[at].mint);
        self.account(metadata, Metadata::PROGRAM, None);
        self.account(edition_of(self.nfts[at].mint), Metadata::PROGRAM, None);
        self.nfts.swap_remove(at);
    }

    fn tell_mint(&mut self, at: usize, supply: u64) {
        let edition = Some(edition_of(self.nfts[at].mint));
        let mint = Mint { supply, decimals: 0, authority: edition, freeze_authority: edition };
        self.account(self.nfts[at].mint, Mint::PROGRAM, Some(mint.data()));
    }

    fn tell_holder(&mut self, at: usize) {
        let (address, account) = self.nfts[at].holder;
        self.account(address, Mint::PROGRAM, Some(account.data()));
    }

    fn tell_metadata(&mut self, at: usize) {
        let data = self.nfts[at].metadata.data();
        self.account(metadata_of(self.nfts[at].mint), Metadata::PROGRAM, Some(data));
    }

    fn fungible(&mut self) {
        let (mint, mut holders) = if let Some(fungible) = self.fungible.take() {
            fungible
        } else {
            let (mint, authority) = (self.key(), self.person());
            let metadata = Metadata {
                authority,
                mint,
                name: "Coin".to_owned(),
                symbol: "COIN".to_owned(),
                uri: self.uri(),
                fee: 0,
                creators: Vec::new(),
                mutable: false,
                standard: 2,
                collection: None,
            };
            self.account(metadata_of(mint), Metadata::PROGRAM, Some(metadata.data()));
            (mint, Vec::new())
        };
        if holders.len() < 3 {
            let account = TokenAccount {
                mint,
                owner: self.person(),
                amount: self.random.random_range(0..1_000),
                delegate: None,
                frozen: false,
            };
            holders.push((self.key(), account));
        } else {
            let at = self.random.random_range(0..holders.len());
            holders[at].1.amount = self.random.random_range(0..1_000);
        }
        let supply = holders.iter().map(|(_, account)| account.amount).sum();
        let minted = Mint { supply, decimals: 6, authority: Some(self.people[0]), freeze_authority: None };
        self.account(mint, Mint::PROGRAM, Some(minted.data()));
        for (address, account) in &holders {
            self.account(*address, Mint::PROGRAM, Some(account.data()));
        }
        self.fungible = Some((mint, holders));
    }

    fn core_collection(&mut self) {
        if self.core_collections.is_empty() || self.random.random_ratio(1, 3) {
            let (address, authority, uri) = (self.key(), self.person(), self.uri());
            let name = format!("Collection {}", self.core_collections.len());
            let collection = CoreCollection { authority, name, uri, minted: 0, size: 0 };
            self.account(address, CoreAsset::PROGRAM, Some(collection.data()));
            return self.core_collections.push((address, collection));
        }
        let at = self.random.random_range(0..self.core_collections.len());
        let authority = self.person();
        let size = self.random.random_range(0..9);
        let (address, collection) = &mut self.core_collections[at];
        (collection.authority, collection.size, collection.minted) = (authority, size, size);
        let (address, data) = (*address, collection.data());
        // One that is closed leaves one byte behind.
        let data = if self.random.random_ratio(1, 6) {
            self.core_collections.swap_remove(at);
            vec![0]
        } else {
            data
        };
        self.account(address, CoreAsset::PROGRAM, Some(data));
    }

    fn core_asset(&mut self) {
        let authority = match self.random.random_range(0..3) {
            0 => CoreAuthority::None,
            1 => CoreAuthority::Address(self.person()),
            _ if self.core_collections.is_empty() => CoreAuthority::None,
            _ => {
                let at = self.random.random_range(0..self.core_collections.len());
                CoreAuthority::Collection(self.core_collections[at].0)
            }
        };
        if self.core.is_empty() || self.random.random_ratio(1, 3) {
            let (address, owner, uri) = (self.key(), self.person(), self.uri());
            let name = format!("Core {}", self.core.len());
            self.core.push((address, CoreAsset { owner, authority, name, uri }));
            return self.tell_core(self.core.len() - 1);
        }
        let at = self.random.random_range(0..self.core.len());
        match self.random.random_range(0..6) {
            0..3 => self.core[at].1.owner = self.person(),
            3 => self.core[at].1.authority = authority,
            4 => self.core[at].1.uri = self.uri(),
            _ => {
                let (address, _) = self.core.swap_remove(at);
                let left = self.random.random::<bool>().then(|| vec![0]);
                return self.account(address, CoreAsset::PROGRAM, left);
            }
        }
        self.tell_core(at);
    }

    fn tell_core(&mut self, at: usize) {
        let (address, data) = (self.core[at].0, self.core[at].1.data());
        self.account(address, CoreAsset::PROGRAM, Some(data));
    }
}

/// In what order, how often and in which batches a history arrives.
pub(crate) fn delivery(random: &mut StdRng, history: &[Told]) -> VecDeque<Vec<Told>> {
    let mut told = history.to_vec();
    for one in history {
        if random.random_ratio(1, 5) {
            told.push(one.clone());
        }
    }
    // From nearly in order to any order at all.
    let reach = [2, 8, told.len()][random.random_range(0..3)];
    for at in 0..told.len() {
        let other = (at + random.random_range(0..reach)).min(told.len() - 1);
        told.swap(at, other);
    }
    let mut batches = VecDeque::new();
    while !told.is_empty() {
        let rest = told.split_off(random.random_range(1..=60).min(told.len()));
        batches.push_back(std::mem::replace(&mut told, rest));
    }
    batches
}

fn metadata_of(mint: Pubkey) -> Pubkey {
    let program: Pubkey = Metadata::PROGRAM.parse().unwrap();
    pda(&[b"metadata", program.as_bytes(), mint.as_bytes()], &program).unwrap()
}

fn edition_of(mint: Pubkey) -> Pubkey {
    let program: Pubkey = Metadata::PROGRAM.parse().unwrap();
    pda(&[b"metadata", program.as_bytes(), mint.as_bytes(), b"edition"], &program).unwrap()
}
