//! A tree of compressed assets: what Bubblegum does to its leaves, as transactions that validators would have run.

mod second;
mod wire;

use std::collections::HashMap;

use rand::Rng as _;
use rand::rngs::StdRng;
use vitrine_ingest::decode::bubblegum::{
    BUBBLEGUM, Collection, Creator, Flags, LeafSchema, Metadata, TokenProgramVersion, TokenStandard,
    V1Members, V2Members, asset_data_hash, asset_id, collection_hash, creator_hash, data_hash,
};
use vitrine_ingest::decode::compression::Hash;
use vitrine_ingest::decode::transaction::Transaction;
use vitrine_model::Pubkey;
use vitrine_model::merkle::{empty, parent};

pub(crate) use wire::line;
use wire::{
    BURN, CANCEL, CREATE, CREATE_V2, DECOMPRESS, DELEGATE, Kind, MINT, REDEEM, SET_COLLECTION, TRANSFER,
    UNVERIFY, UPDATE, VERIFY, transaction,
};

/// Levels below the root.
const DEPTH: u8 = 3;

/// A tree and what is in it.
pub(crate) struct Grove {
    tree: Pubkey,
    /// Of Bubblegum's second version.
    is_v2: bool,
    nodes: HashMap<u32, Hash>,
    /// The number of the next change.
    seq: u64,
    leaves: Vec<Leaf>,
}

/// A leaf, and what became of it.
#[derive(Clone)]
struct Leaf {
    id: Pubkey,
    owner: Pubkey,
    delegate: Pubkey,
    name: String,
    uri: String,
    fee: u16,
    creators: Vec<Creator>,
    collection: Option<Collection>,
    /// Of version 2 alone.
    flags: u8,
    /// Likewise: its data.
    data: Option<Vec<u8>>,
    fate: Fate,
}

/// What there is beside a tree.
pub(crate) struct Around<'a> {
    pub(crate) slot: u64,
    pub(crate) people: &'a [Pubkey],
    /// Of MPL Core, as far as version 2 asks.
    pub(crate) collections: &'a [Pubkey],
    pub(crate) uris: &'a [String],
}

impl Around<'_> {
    fn anybody(&self, random: &mut StdRng) -> Pubkey {
        self.people[random.random_range(0..self.people.len())]
    }

    fn collection(&self, random: &mut StdRng) -> Pubkey {
        self.collections[random.random_range(0..self.collections.len())]
    }

    fn uri(&self, random: &mut StdRng) -> String {
        self.uris[random.random_range(0..self.uris.len())].clone()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    InTree,
    Redeemed,
    Gone,
}

impl Grove {
    pub(crate) fn new(tree: Pubkey, is_v2: bool) -> Self {
        Self { tree, is_v2, nodes: HashMap::new(), seq: 0, leaves: Vec::new() }
    }

    /// The assets that it has or had.
    pub(crate) fn ids(&self) -> impl Iterator<Item = Pubkey> {
        self.leaves.iter().map(|leaf| leaf.id)
    }

    /// The next transaction; none where there is nothing more to do. An asset that became a token is told of besides.
    pub(crate) fn step(
        &mut self,
        random: &mut StdRng,
        around: &Around<'_>,
    ) -> Option<(Transaction, Option<Token>)> {
        if self.seq == 0 {
            return Some((self.plant(around.slot), None));
        }
        let open: Vec<usize> =
            (0..self.leaves.len()).filter(|&at| self.leaves[at].fate != Fate::Gone).collect();
        let full = self.leaves.len() == 1 << DEPTH;
        if !full && (open.is_empty() || random.random_ratio(1, 4)) {
            return Some((self.mint(random, around), None));
        }
        if open.is_empty() {
            return None;
        }
        let at = open[random.random_range(0..open.len())];
        if self.is_v2 {
            return Some((self.step_v2(random, around, at), None));
        }
        if self.leaves[at].fate == Fate::Redeemed {
            return Some(self.redeemed(random, around.slot, at));
        }
        let slot = around.slot;
        let tx = match random.random_range(0..10) {
            0..3 => {
                let next = around.anybody(random);
                self.change(slot, at, &TRANSFER, next, |leaf| (leaf.owner, leaf.delegate) = (next, next))
            }
            3 => {
                let next = around.anybody(random);
                self.change(slot, at, &DELEGATE, next, |leaf| leaf.delegate = next)
            }
            4 => self.remove(slot, at, &BURN, Fate::Gone),
            5 => self.remove(slot, at, &REDEEM, Fate::Redeemed),
            6 => self.verify(random, around, at),
            7 => self.collect(slot, at, around.anybody(random)),
            _ => self.update(random, around, at),
        };
        Some((tx, None))
    }

    /// The tree itself is made: its first leaf, still empty, is logged as changed.
    fn plant(&mut self, slot: u64) -> Transaction {
        let log = self.set(0, [0; 32]);
        let nobody = Pubkey::from_bytes([0; 32]);
        let kind = if self.is_v2 { &CREATE_V2 } else { &CREATE };
        let accounts = kind.accounts.chars().map(|role| if role == 'm' { self.tree } else { nobody });
        let args = [u32::from(DEPTH).to_le_bytes(), 8_u32.to_le_bytes()].concat();
        let args = [args, vec![0]].concat();
        transaction(slot, self.seq, (self.tree, self.is_v2), kind, accounts.collect(), args, None, Some(log))
    }

    fn mint(&mut self, random: &mut StdRng, around: &Around<'_>) -> Transaction {
        let nonce = self.leaves.len() as u64;
        let owner = around.anybody(random);
        let creators = (0..random.random_range(0..3_u8))
            .map(|_| Creator { address: around.anybody(random), verified: false, share: 50 })
            .collect();
        self.leaves.push(Leaf {
            id: asset_id(self.tree, nonce).unwrap(),
            owner,
            delegate: owner,
            name: format!("Leaf {nonce}"),
            uri: around.uri(random),
            fee: 100,
            creators,
            collection: None,
            flags: 0,
            data: None,
            fate: Fate::InTree,
        });
        let at = self.leaves.len() - 1;
        if self.is_v2 {
            return self.mint_v2(random, around, at);
        }
        let args = self.leaves[at].metadata(false).to_bytes();
        self.write(around.slot, at, &MINT, owner, args)
    }

    /// A change that hands in the leaf's hashes, and then writes the leaf.
    fn change(
        &mut self,
        slot: u64,
        at: usize,
        kind: &Kind,
        next: Pubkey,
        change: impl FnOnce(&mut Leaf),
    ) -> Transaction {
        let args = self.leaf_args(at, true);
        let before = self.leaves[at].clone();
        change(&mut self.leaves[at]);
        self.write_with(slot, at, kind, &before, next, args)
    }

    fn verify(&mut self, random: &mut StdRng, around: &Around<'_>, at: usize) -> Transaction {
        let Some(creator) = self.leaves[at].creators.first().copied() else {
            return self.update(random, around, at);
        };
        let mut args = self.leaf_args(at, true);
        args.extend(self.leaves[at].metadata(false).to_bytes());
        let kind = if creator.verified { &UNVERIFY } else { &VERIFY };
        self.leaves[at].turn(creator);
        self.write(around.slot, at, kind, creator.address, args)
    }

    fn collect(&mut self, slot: u64, at: usize, key: Pubkey) -> Transaction {
        let mut args = self.leaf_args(at, true);
        args.extend(self.leaves[at].metadata(false).to_bytes());
        args.extend(key.as_bytes());
        self.leaves[at].collection = Some(Collection { verified: true, key });
        self.write(slot, at, &SET_COLLECTION, key, args)
    }

    fn update(&mut self, random: &mut StdRng, around: &Around<'_>, at: usize) -> Transaction {
        let mut args = self.leaf_args(at, false);
        args.extend(self.leaves[at].metadata(false).to_bytes());
        args.extend(self.renamed(random, around, at));
        self.write(around.slot, at, &UPDATE, self.leaves[at].owner, args)
    }

    /// Gives a leaf another name and uri, and returns the arguments that say so.
    fn renamed(&mut self, random: &mut StdRng, around: &Around<'_>, at: usize) -> Vec<u8> {
        let leaf = &mut self.leaves[at];
        leaf.name = format!("Leaf {at}, {}", around.slot);
        leaf.uri = around.uri(random);
        let mut args = Vec::new();
        for (is_there, text) in [(true, &leaf.name), (false, &leaf.name), (true, &leaf.uri)] {
            args.push(u8::from(is_there));
            if is_there {
                args.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
                args.extend(text.as_bytes());
            }
        }
        // No creators, fee, sale or mutability.
        args.extend([0; 4]);
        args
    }

    fn remove(&mut self, slot: u64, at: usize, kind: &Kind, fate: Fate) -> Transaction {
        let args = self.leaf_args(at, true);
        self.removed(slot, at, kind, fate, args)
    }

    fn removed(&mut self, slot: u64, at: usize, kind: &Kind, fate: Fate, args: Vec<u8>) -> Transaction {
        self.leaves[at].fate = fate;
        let log = self.set(at, [0; 32]);
        let accounts = self.accounts(kind, at, &self.leaves[at], self.tree);
        transaction(slot, self.seq, (self.tree, self.is_v2), kind, accounts, args, None, Some(log))
    }

    /// A leaf that was taken out is put back, or becomes a token.
    fn redeemed(&mut self, random: &mut StdRng, slot: u64, at: usize) -> (Transaction, Option<Token>) {
        if random.random() {
            self.leaves[at].fate = Fate::InTree;
            let log = self.set(at, self.leaf(at).hash());
            let accounts = self.accounts(&CANCEL, at, &self.leaves[at], self.tree);
            // It logs no leaf.
            return (
                transaction(
                    slot,
                    self.seq,
                    (self.tree, self.is_v2),
                    &CANCEL,
                    accounts,
                    vec![0; 32],
                    None,
                    Some(log),
                ),
                None,
            );
        }
        self.leaves[at].fate = Fate::Gone;
        let leaf = &self.leaves[at];
        let accounts = self.accounts(&DECOMPRESS, at, leaf, self.tree);
        let args = leaf.metadata(false).to_bytes();
        let tx = transaction(
            slot,
            1_000 + at as u64,
            (self.tree, self.is_v2),
            &DECOMPRESS,
            accounts,
            args,
            None,
            None,
        );
        let token =
            Token { mint: leaf.id, owner: leaf.owner, name: leaf.name.clone(), uri: leaf.uri.clone() };
        (tx, Some(token))
    }

    fn write(&mut self, slot: u64, at: usize, kind: &Kind, other: Pubkey, args: Vec<u8>) -> Transaction {
        let leaf = self.leaves[at].clone();
        self.write_with(slot, at, kind, &leaf, other, args)
    }

    fn write_with(
        &mut self,
        slot: u64,
        at: usize,
        kind: &Kind,
        before: &Leaf,
        other: Pubkey,
        args: Vec<u8>,
    ) -> Transaction {
        let leaf = self.leaf(at);
        let log = self.set(at, leaf.hash());
        let accounts = self.accounts(kind, at, before, other);
        transaction(slot, self.seq, (self.tree, self.is_v2), kind, accounts, args, Some(&leaf), Some(log))
    }

    fn leaf(&self, at: usize) -> LeafSchema {
        let leaf = &self.leaves[at];
        LeafSchema {
            id: leaf.id,
            owner: leaf.owner,
            delegate: leaf.delegate,
            nonce: at as u64,
            data_hash: data_hash(&leaf.metadata(self.is_v2)),
            creator_hash: creator_hash(&leaf.creators),
            v2: self.is_v2.then(|| V2Members {
                collection_hash: collection_hash(leaf.collection.map(|collection| collection.key)),
                asset_data_hash: asset_data_hash(leaf.data.as_deref()),
                flags: Flags(leaf.flags),
            }),
        }
    }

    fn leaf_args(&self, at: usize, with_hashes: bool) -> Vec<u8> {
        let leaf = self.leaf(at);
        // Nobody looks at the root here.
        let mut args = vec![9; 32];
        if with_hashes {
            args.extend(leaf.data_hash);
            args.extend(leaf.creator_hash);
        }
        args.extend(leaf.nonce.to_le_bytes());
        args.extend(u32::try_from(at).unwrap().to_le_bytes());
        args
    }

    fn accounts(&self, kind: &Kind, at: usize, leaf: &Leaf, other: Pubkey) -> Vec<Pubkey> {
        let numbered = |first: u8, number: usize| {
            let mut bytes = *self.tree.as_bytes();
            (bytes[0], bytes[1]) = (first, u8::try_from(number).unwrap());
            Pubkey::from_bytes(bytes)
        };
        kind.accounts
            .chars()
            .enumerate()
            .map(|(place, role)| match role {
                't' => numbered(201, 0),
                'm' => self.tree,
                'o' => leaf.owner,
                'd' => leaf.delegate,
                'i' => leaf.id,
                'n' | 'c' => other,
                // An optional account that is left out has the program's address in its place.
                'k' => leaf.collection.map_or(BUBBLEGUM, |collection| collection.key),
                'v' => numbered(202, at),
                _ => numbered(203, place),
            })
            .collect()
    }

    /// Puts a hash in the place of a leaf, and logs the nodes above it.
    fn set(&mut self, at: usize, hash: Hash) -> Vec<u8> {
        let index = u32::try_from(at).unwrap();
        let mut node = (1_u32 << DEPTH) + index;
        self.nodes.insert(node, hash);
        let mut path = vec![(hash, node)];
        for level in 0..DEPTH {
            node /= 2;
            let of = |node: u32| self.nodes.get(&node).copied().unwrap_or_else(|| empty(level).unwrap());
            let above = parent(&of(2 * node), &of(2 * node + 1));
            self.nodes.insert(node, above);
            path.push((above, node));
        }
        let mut log = vec![0, 0];
        log.extend(self.tree.as_bytes());
        log.extend(u32::try_from(path.len()).unwrap().to_le_bytes());
        for (hash, node) in path {
            log.extend(hash);
            log.extend(node.to_le_bytes());
        }
        log.extend(self.seq.to_le_bytes());
        log.extend(index.to_le_bytes());
        self.seq += 1;
        log
    }
}

/// What a leaf becomes when it is decompressed.
pub(crate) struct Token {
    pub(crate) mint: Pubkey,
    pub(crate) owner: Pubkey,
    pub(crate) name: String,
    pub(crate) uri: String,
}

impl Leaf {
    /// What its owner or somebody else says of a creator is turned round.
    fn turn(&mut self, creator: Creator) {
        for listed in &mut self.creators {
            if listed.address == creator.address {
                listed.verified = !creator.verified;
            }
        }
    }

    fn metadata(&self, is_v2: bool) -> Metadata<'_> {
        Metadata {
            name: &self.name,
            symbol: "LEAF",
            uri: &self.uri,
            seller_fee_basis_points: self.fee,
            primary_sale_happened: false,
            is_mutable: true,
            token_standard: Some(TokenStandard::NonFungible),
            creators: self.creators.clone(),
            collection: self.collection,
            v1: (!is_v2).then_some(V1Members {
                edition_nonce: None,
                uses: None,
                token_program_version: TokenProgramVersion::Original,
            }),
        }
    }
}
