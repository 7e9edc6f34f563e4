//! A tree of compressed assets: what Bubblegum does to its leaves, as transactions that validators would have run.

use std::collections::HashMap;

use rand::Rng as _;
use rand::rngs::StdRng;
use vitrine_ingest::decode::bubblegum::{
    BUBBLEGUM, Collection, Creator, LeafSchema, Metadata, TokenProgramVersion, TokenStandard, V1Members,
    asset_id, creator_hash, data_hash,
};
use vitrine_ingest::decode::compression::{Hash, SPL_ACCOUNT_COMPRESSION, SPL_NOOP};
use vitrine_ingest::decode::transaction::{Instruction, Signature, Transaction};
use vitrine_model::merkle::{empty, parent};
use vitrine_model::{Pubkey, Slot};

/// Levels below the root.
const DEPTH: u8 = 3;

/// A tree and what is in it.
pub(crate) struct Grove {
    tree: Pubkey,
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
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    InTree,
    Redeemed,
    Gone,
}

/// What an instruction is told by, and its accounts: the roles of those that matter, `.` for the others.
struct Kind {
    discriminator: [u8; 8],
    accounts: &'static str,
}

const CREATE: Kind = Kind { discriminator: [165, 83, 136, 142, 89, 202, 47, 220], accounts: "tm....." };
const MINT: Kind = Kind { discriminator: [145, 98, 192, 118, 184, 147, 118, 104], accounts: "todm....." };
const TRANSFER: Kind = Kind { discriminator: [163, 52, 200, 231, 140, 3, 69, 186], accounts: "todnm..." };
const DELEGATE: Kind = Kind { discriminator: [90, 147, 75, 178, 85, 88, 4, 137], accounts: "todnm..." };
const BURN: Kind = Kind { discriminator: [116, 110, 29, 56, 107, 219, 42, 93], accounts: "todm..." };
const REDEEM: Kind = Kind { discriminator: [184, 12, 86, 149, 70, 196, 97, 225], accounts: "todmv..." };
const CANCEL: Kind = Kind { discriminator: [111, 76, 232, 50, 39, 175, 48, 242], accounts: "tomv..." };
const DECOMPRESS: Kind =
    Kind { discriminator: [54, 85, 76, 70, 228, 250, 164, 81], accounts: "vo.i........." };
const VERIFY: Kind = Kind { discriminator: [52, 17, 96, 132, 71, 4, 85, 194], accounts: "todm.c..." };
const UNVERIFY: Kind = Kind { discriminator: [107, 178, 57, 39, 105, 115, 112, 152], accounts: "todm.c..." };
const SET_COLLECTION: Kind =
    Kind { discriminator: [235, 242, 121, 216, 158, 234, 180, 234], accounts: "todm............" };
const UPDATE: Kind = Kind { discriminator: [170, 182, 43, 239, 97, 78, 225, 186], accounts: "t....od.m...." };

impl Grove {
    pub(crate) fn new(tree: Pubkey) -> Self {
        Self { tree, nodes: HashMap::new(), seq: 0, leaves: Vec::new() }
    }

    /// The next transaction; none where there is nothing more to do. An asset that became a token is told of besides.
    pub(crate) fn step(
        &mut self,
        random: &mut StdRng,
        slot: u64,
        people: &[Pubkey],
    ) -> Option<(Transaction, Option<Token>)> {
        if self.seq == 0 {
            return Some((self.plant(slot), None));
        }
        let anybody = |random: &mut StdRng| people[random.random_range(0..people.len())];
        let open: Vec<usize> =
            (0..self.leaves.len()).filter(|&at| self.leaves[at].fate != Fate::Gone).collect();
        let full = self.leaves.len() == 1 << DEPTH;
        if !full && (open.is_empty() || random.random_ratio(1, 4)) {
            return Some((self.mint(random, slot, anybody), None));
        }
        if open.is_empty() {
            return None;
        }
        let at = open[random.random_range(0..open.len())];
        if self.leaves[at].fate == Fate::Redeemed {
            return Some(self.redeemed(random, slot, at));
        }
        let tx = match random.random_range(0..10) {
            0..3 => {
                let next = anybody(random);
                self.change(slot, at, &TRANSFER, next, |leaf| (leaf.owner, leaf.delegate) = (next, next))
            }
            3 => {
                let next = anybody(random);
                self.change(slot, at, &DELEGATE, next, |leaf| leaf.delegate = next)
            }
            4 => self.remove(slot, at, &BURN, Fate::Gone),
            5 => self.remove(slot, at, &REDEEM, Fate::Redeemed),
            6 => self.verify(random, slot, at),
            7 => self.collect(slot, at, anybody(random)),
            _ => self.update(random, slot, at),
        };
        Some((tx, None))
    }

    /// The tree itself is made: its first leaf, still empty, is logged as changed.
    fn plant(&mut self, slot: u64) -> Transaction {
        let log = self.set(0, [0; 32]);
        let nobody = Pubkey::from_bytes([0; 32]);
        let accounts = CREATE.accounts.chars().map(|role| if role == 'm' { self.tree } else { nobody });
        let args = [u32::from(DEPTH).to_le_bytes(), 8_u32.to_le_bytes()].concat();
        let args = [args, vec![0]].concat();
        transaction(slot, self.seq, self.tree, &CREATE, accounts.collect(), args, None, Some(log))
    }

    fn mint(
        &mut self,
        random: &mut StdRng,
        slot: u64,
        anybody: impl Fn(&mut StdRng) -> Pubkey,
    ) -> Transaction {
        let nonce = self.leaves.len() as u64;
        let owner = anybody(random);
        let creators = (0..random.random_range(0..3_u8))
            .map(|_| Creator { address: anybody(random), verified: false, share: 50 })
            .collect();
        self.leaves.push(Leaf {
            id: asset_id(self.tree, nonce).unwrap(),
            owner,
            delegate: owner,
            name: format!("Leaf {nonce}"),
            uri: format!("https://example.org/leaf/{}", random.random_range(0..4)),
            fee: 100,
            creators,
            collection: None,
            fate: Fate::InTree,
        });
        let at = self.leaves.len() - 1;
        let args = self.leaves[at].metadata().to_bytes();
        self.write(slot, at, &MINT, owner, args)
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

    fn verify(&mut self, random: &mut StdRng, slot: u64, at: usize) -> Transaction {
        let Some(creator) = self.leaves[at].creators.first().copied() else {
            return self.update(random, slot, at);
        };
        let mut args = self.leaf_args(at, true);
        args.extend(self.leaves[at].metadata().to_bytes());
        let kind = if creator.verified { &UNVERIFY } else { &VERIFY };
        for listed in &mut self.leaves[at].creators {
            if listed.address == creator.address {
                listed.verified = !creator.verified;
            }
        }
        self.write(slot, at, kind, creator.address, args)
    }

    fn collect(&mut self, slot: u64, at: usize, key: Pubkey) -> Transaction {
        let mut args = self.leaf_args(at, true);
        args.extend(self.leaves[at].metadata().to_bytes());
        args.extend(key.as_bytes());
        self.leaves[at].collection = Some(Collection { verified: true, key });
        self.write(slot, at, &SET_COLLECTION, key, args)
    }

    fn update(&mut self, random: &mut StdRng, slot: u64, at: usize) -> Transaction {
        let mut args = self.leaf_args(at, false);
        args.extend(self.leaves[at].metadata().to_bytes());
        let leaf = &mut self.leaves[at];
        leaf.name = format!("Leaf {at}, {slot}");
        leaf.uri = format!("https://example.org/leaf/{}", random.random_range(0..4));
        for (is_there, text) in [(true, &leaf.name), (false, &leaf.name), (true, &leaf.uri)] {
            args.push(u8::from(is_there));
            if is_there {
                args.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
                args.extend(text.as_bytes());
            }
        }
        // No creators, fee, sale or mutability.
        args.extend([0; 4]);
        let owner = leaf.owner;
        self.write(slot, at, &UPDATE, owner, args)
    }

    fn remove(&mut self, slot: u64, at: usize, kind: &Kind, fate: Fate) -> Transaction {
        let args = self.leaf_args(at, true);
        self.leaves[at].fate = fate;
        let log = self.set(at, [0; 32]);
        let accounts = self.accounts(kind, at, &self.leaves[at], self.tree);
        transaction(slot, self.seq, self.tree, kind, accounts, args, None, Some(log))
    }

    /// A leaf that was taken out is put back, or becomes a token.
    fn redeemed(&mut self, random: &mut StdRng, slot: u64, at: usize) -> (Transaction, Option<Token>) {
        if random.random() {
            self.leaves[at].fate = Fate::InTree;
            let log = self.set(at, self.leaf(at).hash());
            let accounts = self.accounts(&CANCEL, at, &self.leaves[at], self.tree);
            // It logs no leaf.
            return (
                transaction(slot, self.seq, self.tree, &CANCEL, accounts, vec![0; 32], None, Some(log)),
                None,
            );
        }
        self.leaves[at].fate = Fate::Gone;
        let leaf = &self.leaves[at];
        let accounts = self.accounts(&DECOMPRESS, at, leaf, self.tree);
        let args = leaf.metadata().to_bytes();
        let tx = transaction(slot, 1_000 + at as u64, self.tree, &DECOMPRESS, accounts, args, None, None);
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
        transaction(slot, self.seq, self.tree, kind, accounts, args, Some(&leaf), Some(log))
    }

    fn leaf(&self, at: usize) -> LeafSchema {
        let leaf = &self.leaves[at];
        LeafSchema {
            id: leaf.id,
            owner: leaf.owner,
            delegate: leaf.delegate,
            nonce: at as u64,
            data_hash: data_hash(&leaf.metadata()),
            creator_hash: creator_hash(&leaf.creators),
            v2: None,
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
    fn metadata(&self) -> Metadata<'_> {
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
            v1: Some(V1Members {
                edition_nonce: None,
                uses: None,
                token_program_version: TokenProgramVersion::Original,
            }),
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "all that a transaction is made of")]
fn transaction(
    slot: u64,
    number: u64,
    tree: Pubkey,
    kind: &Kind,
    accounts: Vec<Pubkey>,
    args: Vec<u8>,
    leaf: Option<&LeafSchema>,
    log: Option<Vec<u8>>,
) -> Transaction {
    let call = |program, accounts, data, height| Instruction {
        program,
        accounts,
        data,
        outer: 0,
        height: Some(height),
    };
    let data = [kind.discriminator.to_vec(), args].concat();
    let mut instructions = vec![call(BUBBLEGUM, accounts, data, 1)];
    instructions.extend(leaf.map(|leaf| call(SPL_NOOP, Vec::new(), leaf_event(leaf), 2)));
    if let Some(log) = log {
        instructions.push(call(SPL_ACCOUNT_COMPRESSION, vec![tree], vec![0; 8], 2));
        instructions.push(call(SPL_NOOP, Vec::new(), log, 3));
    }
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(tree.as_bytes());
    signature[32..40].copy_from_slice(&number.to_le_bytes());
    Transaction {
        slot: Slot::new(slot).unwrap(),
        signature: Signature::from_bytes(signature),
        block_time: None,
        succeeded: true,
        instructions,
    }
}

/// The event in which Bubblegum logs a leaf, as application data.
fn leaf_event(leaf: &LeafSchema) -> Vec<u8> {
    let mut event = vec![1, 0, 0];
    for key in [leaf.id, leaf.owner, leaf.delegate] {
        event.extend(key.as_bytes());
    }
    event.extend(leaf.nonce.to_le_bytes());
    event.extend(leaf.data_hash);
    event.extend(leaf.creator_hash);
    event.extend(leaf.hash());
    let len = u32::try_from(event.len()).unwrap().to_le_bytes();
    [vec![1, 0], len.to_vec(), event].concat()
}
