//! A tree of compressed assets, and the transactions that fill and move its leaves, as validators would have run them.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use vitrine_ingest::decode::bubblegum::{
    BUBBLEGUM, LeafSchema, Metadata, TokenProgramVersion, TokenStandard, V1Members, asset_id, creator_hash,
    data_hash,
};
use vitrine_ingest::decode::compression::{SPL_ACCOUNT_COMPRESSION, SPL_NOOP};
use vitrine_model::Pubkey;
use vitrine_model::merkle::{Hash, empty, parent};

/// Levels below the root: 16,384 leaves.
pub(crate) const DEPTH: u8 = 14;

/// A tree as it is now.
#[derive(Debug)]
pub(crate) struct Grove {
    /// Its address.
    pub(crate) tree: Pubkey,
    nodes: HashMap<u32, Hash>,
    /// The number of the next change.
    pub(crate) seq: u64,
}

/// A leaf as it is after an instruction.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    /// Its place.
    pub(crate) index: u32,
    /// Who has it.
    pub(crate) owner: Pubkey,
    /// What it is called.
    pub(crate) name: String,
    /// Where its document is.
    pub(crate) uri: String,
}

/// The accounts of an instruction by their roles: `m` the tree, `o` the owner before, `d` the delegate, who is the owner,
/// `n` the owner after, `.` any other.
struct Kind {
    discriminator: [u8; 8],
    name: &'static str,
    accounts: &'static str,
}

const CREATE: Kind =
    Kind { discriminator: [165, 83, 136, 142, 89, 202, 47, 220], name: "CreateTree", accounts: ".m....." };
const MINT: Kind =
    Kind { discriminator: [145, 98, 192, 118, 184, 147, 118, 104], name: "MintV1", accounts: ".odm....." };
const TRANSFER: Kind =
    Kind { discriminator: [163, 52, 200, 231, 140, 3, 69, 186], name: "Transfer", accounts: ".odnm..." };

/// The place of an asset's accounts in a message: each address once.
#[derive(Default)]
struct Keys(Vec<Pubkey>);

impl Grove {
    /// A tree without leaves, which is not made yet.
    pub(crate) fn new(tree: Pubkey) -> Self {
        Self { tree, nodes: HashMap::new(), seq: 0 }
    }

    /// The hash at its top.
    pub(crate) fn root(&self) -> Option<Hash> {
        self.nodes.get(&1).copied()
    }

    /// The transaction that makes it.
    pub(crate) fn plant(&mut self, slot: u64) -> Result<Value> {
        let log = self.set(0, [0; 32])?;
        let sizes = [u32::from(DEPTH).to_le_bytes(), 64_u32.to_le_bytes()].concat();
        let args = [CREATE.discriminator.to_vec(), sizes, vec![0]].concat();
        let nobody = Pubkey::from_bytes([0; 32]);
        Ok(self.transaction(slot, &CREATE, [nobody, nobody], &args, None, &log))
    }

    /// The transaction that mints a leaf.
    pub(crate) fn mint(&mut self, slot: u64, leaf: &Leaf) -> Result<Value> {
        let args = [MINT.discriminator.to_vec(), leaf.metadata().to_bytes()].concat();
        self.change(slot, &MINT, leaf, leaf.owner, &args)
    }

    /// The transaction that gives a leaf to the owner that it has now.
    pub(crate) fn transfer(&mut self, slot: u64, before: &Leaf, leaf: &Leaf) -> Result<Value> {
        let old = before.schema(self.tree)?;
        let mut args = TRANSFER.discriminator.to_vec();
        // Nobody looks at the root here.
        args.extend([9; 32]);
        args.extend(old.data_hash);
        args.extend(old.creator_hash);
        args.extend(old.nonce.to_le_bytes());
        args.extend(leaf.index.to_le_bytes());
        self.change(slot, &TRANSFER, leaf, before.owner, &args)
    }

    fn change(&mut self, slot: u64, kind: &Kind, leaf: &Leaf, before: Pubkey, args: &[u8]) -> Result<Value> {
        let schema = leaf.schema(self.tree)?;
        let log = self.set(leaf.index, schema.hash())?;
        Ok(self.transaction(slot, kind, [before, leaf.owner], args, Some(&schema), &log))
    }

    /// Puts a hash in the place of a leaf, and logs the nodes above it.
    fn set(&mut self, index: u32, hash: Hash) -> Result<Vec<u8>> {
        let mut node = (1_u32 << DEPTH) + index;
        self.nodes.insert(node, hash);
        let mut path = vec![(hash, node)];
        for level in 0..DEPTH {
            node /= 2;
            let bare = empty(level).context("a tree is less deep")?;
            let of = |node: u32| self.nodes.get(&node).copied().unwrap_or(bare);
            let above = parent(&of(2 * node), &of(2 * node + 1));
            self.nodes.insert(node, above);
            path.push((above, node));
        }
        let mut log = vec![0, 0];
        log.extend(self.tree.as_bytes());
        log.extend(u32::try_from(path.len())?.to_le_bytes());
        for (hash, node) in path {
            log.extend(hash);
            log.extend(node.to_le_bytes());
        }
        log.extend(self.seq.to_le_bytes());
        log.extend(index.to_le_bytes());
        self.seq += 1;
        Ok(log)
    }

    /// As `getTransaction` answers it in the encoding `json`.
    fn transaction(
        &self,
        slot: u64,
        kind: &Kind,
        [before, after]: [Pubkey; 2],
        args: &[u8],
        leaf: Option<&LeafSchema>,
        log: &[u8],
    ) -> Value {
        let mut keys = Keys::default();
        let accounts = kind.accounts.bytes().enumerate().map(|(place, role)| match role {
            b'm' => self.tree,
            b'o' | b'd' => before,
            b'n' => after,
            _ => self.numbered(place),
        });
        let accounts: Vec<usize> = accounts.map(|key| keys.place(key)).collect();
        let outer = keys.call(BUBBLEGUM, &accounts, args, None);
        let mut inner = Vec::new();
        if let Some(leaf) = leaf {
            inner.push(keys.call(SPL_NOOP, &[], &leaf_event(leaf), Some(2)));
        }
        let tree = keys.place(self.tree);
        inner.push(keys.call(SPL_ACCOUNT_COMPRESSION, &[tree], &[0; 8], Some(2)));
        inner.push(keys.call(SPL_NOOP, &[], log, Some(3)));
        let balances = vec![1_000_000_000_u64 + slot; keys.0.len()];
        let keys: Vec<String> = keys.0.iter().map(Pubkey::to_string).collect();
        json!({"transaction": {
            "slot": slot,
            "blockTime": 1_600_000_000 + slot / 2,
            "meta": {
                "computeUnitsConsumed": 54_321, "err": null, "fee": 5_000,
                "innerInstructions": [{"index": 0, "instructions": inner}],
                "loadedAddresses": {"readonly": [], "writable": []},
                "logMessages": logs(kind.name), "postBalances": balances, "postTokenBalances": [],
                "preBalances": balances, "preTokenBalances": [], "rewards": [], "status": {"Ok": null},
            },
            "transaction": {
                "message": {
                    "accountKeys": keys, "instructions": [outer], "recentBlockhash": self.tree.to_string(),
                    "header": {"numReadonlySignedAccounts": 0, "numReadonlyUnsignedAccounts": 5,
                               "numRequiredSignatures": 1},
                },
                "signatures": [bs58::encode(self.signature()).into_string()],
            },
            "version": "legacy",
        }})
    }

    /// Of the last change.
    fn signature(&self) -> [u8; 64] {
        let mut signature = [7; 64];
        signature[..32].copy_from_slice(self.tree.as_bytes());
        signature[32..40].copy_from_slice(&self.seq.to_be_bytes());
        signature
    }

    /// An account that nobody looks at.
    fn numbered(&self, place: usize) -> Pubkey {
        let mut bytes = *self.tree.as_bytes();
        bytes[0] = 200;
        bytes[1] = u8::try_from(place).unwrap_or(u8::MAX);
        Pubkey::from_bytes(bytes)
    }
}

impl Leaf {
    /// The asset's id.
    pub(crate) fn id(&self, tree: Pubkey) -> Result<Pubkey> {
        asset_id(tree, self.index.into()).context("an id of a leaf")
    }

    fn schema(&self, tree: Pubkey) -> Result<LeafSchema> {
        let metadata = self.metadata();
        Ok(LeafSchema {
            id: self.id(tree)?,
            owner: self.owner,
            delegate: self.owner,
            nonce: self.index.into(),
            data_hash: data_hash(&metadata),
            creator_hash: creator_hash(&metadata.creators),
            v2: None,
        })
    }

    fn metadata(&self) -> Metadata<'_> {
        Metadata {
            name: &self.name,
            symbol: "LEAF",
            uri: &self.uri,
            seller_fee_basis_points: 250,
            primary_sale_happened: false,
            is_mutable: true,
            token_standard: Some(TokenStandard::NonFungible),
            creators: Vec::new(),
            collection: None,
            v1: Some(V1Members {
                edition_nonce: None,
                uses: None,
                token_program_version: TokenProgramVersion::Original,
            }),
        }
    }
}

impl Keys {
    fn place(&mut self, key: Pubkey) -> usize {
        self.0.iter().position(|known| *known == key).unwrap_or_else(|| {
            self.0.push(key);
            self.0.len() - 1
        })
    }

    fn call(&mut self, program: Pubkey, accounts: &[usize], data: &[u8], height: Option<u32>) -> Value {
        json!({
            "accounts": accounts, "data": bs58::encode(data).into_string(),
            "programIdIndex": self.place(program), "stackHeight": height,
        })
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
    let length = u32::try_from(event.len()).unwrap_or(u32::MAX).to_le_bytes();
    [vec![1, 0], length.to_vec(), event].concat()
}

/// What programs log; nobody reads it, but it has to be read over.
fn logs(name: &str) -> Vec<String> {
    let (bubblegum, compression, noop) = (BUBBLEGUM, SPL_ACCOUNT_COMPRESSION, SPL_NOOP);
    vec![
        format!("Program {bubblegum} invoke [1]"),
        format!("Program log: Instruction: {name}"),
        format!("Program {noop} invoke [2]"),
        format!("Program {noop} success"),
        format!("Program {compression} invoke [2]"),
        format!("Program {noop} invoke [3]"),
        format!("Program {noop} success"),
        format!("Program {compression} consumed 21987 of 180000 compute units"),
        format!("Program {compression} success"),
        format!("Program {bubblegum} success"),
    ]
}
