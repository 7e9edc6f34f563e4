//! Bubblegum's instructions as it is called with them, and what it logs.

use serde_json::{Value, json};
use vitrine_ingest::decode::bubblegum::{BUBBLEGUM, LeafSchema};
use vitrine_ingest::decode::compression::{
    MPL_ACCOUNT_COMPRESSION, MPL_NOOP, SPL_ACCOUNT_COMPRESSION, SPL_NOOP,
};
use vitrine_ingest::decode::transaction::{Instruction, Signature, Transaction};
use vitrine_model::{Pubkey, Slot};

/// What an instruction is told by, and its accounts: the roles of those that matter, `.` for the
/// others.
pub(super) struct Kind {
    pub(super) discriminator: [u8; 8],
    pub(super) accounts: &'static str,
}

pub(super) const CREATE: Kind =
    Kind { discriminator: [165, 83, 136, 142, 89, 202, 47, 220], accounts: "tm....." };
pub(super) const MINT: Kind =
    Kind { discriminator: [145, 98, 192, 118, 184, 147, 118, 104], accounts: "todm....." };
pub(super) const TRANSFER: Kind =
    Kind { discriminator: [163, 52, 200, 231, 140, 3, 69, 186], accounts: "todnm..." };
pub(super) const DELEGATE: Kind =
    Kind { discriminator: [90, 147, 75, 178, 85, 88, 4, 137], accounts: "todnm..." };
pub(super) const BURN: Kind =
    Kind { discriminator: [116, 110, 29, 56, 107, 219, 42, 93], accounts: "todm..." };
pub(super) const REDEEM: Kind =
    Kind { discriminator: [184, 12, 86, 149, 70, 196, 97, 225], accounts: "todmv..." };
pub(super) const CANCEL: Kind =
    Kind { discriminator: [111, 76, 232, 50, 39, 175, 48, 242], accounts: "tomv..." };
pub(super) const DECOMPRESS: Kind =
    Kind { discriminator: [54, 85, 76, 70, 228, 250, 164, 81], accounts: "vo.i........." };
pub(super) const VERIFY: Kind =
    Kind { discriminator: [52, 17, 96, 132, 71, 4, 85, 194], accounts: "todm.c..." };
pub(super) const UNVERIFY: Kind =
    Kind { discriminator: [107, 178, 57, 39, 105, 115, 112, 152], accounts: "todm.c..." };
pub(super) const SET_COLLECTION: Kind =
    Kind { discriminator: [235, 242, 121, 216, 158, 234, 180, 234], accounts: "todm............" };
pub(super) const UPDATE: Kind =
    Kind { discriminator: [170, 182, 43, 239, 97, 78, 225, 186], accounts: "t....od.m...." };
pub(super) const CREATE_V2: Kind =
    Kind { discriminator: [55, 99, 95, 215, 142, 203, 227, 205], accounts: "tm....." };
pub(super) const MINT_V2: Kind =
    Kind { discriminator: [120, 121, 23, 146, 173, 110, 199, 205], accounts: "t...odmk....." };
pub(super) const TRANSFER_V2: Kind =
    Kind { discriminator: [119, 40, 6, 235, 234, 221, 248, 49], accounts: "t..odnmk..." };
pub(super) const DELEGATE_V2: Kind =
    Kind { discriminator: [95, 87, 125, 140, 181, 131, 128, 227], accounts: "t.odnm..." };
pub(super) const DELEGATE_AND_FREEZE_V2: Kind =
    Kind { discriminator: [17, 229, 35, 218, 190, 241, 250, 123], accounts: "t.odnm..." };
pub(super) const THAW_AND_REVOKE_V2: Kind =
    Kind { discriminator: [86, 214, 190, 37, 167, 4, 28, 116], accounts: "t.dom..." };
pub(super) const BURN_V2: Kind =
    Kind { discriminator: [115, 210, 34, 240, 232, 143, 183, 16], accounts: "t..odmk....." };
pub(super) const FREEZE_V2: Kind =
    Kind { discriminator: [200, 151, 244, 102, 16, 195, 255, 3], accounts: "t..odmk..." };
pub(super) const THAW_V2: Kind =
    Kind { discriminator: [96, 133, 101, 93, 82, 220, 146, 191], accounts: "t..odmk..." };
pub(super) const BIND_V2: Kind =
    Kind { discriminator: [181, 141, 206, 58, 242, 199, 152, 168], accounts: "t..odmk..." };
pub(super) const ASSET_DATA_V2: Kind =
    Kind { discriminator: [59, 56, 111, 43, 95, 14, 11, 61], accounts: "t..odmk..." };
pub(super) const UPDATE_V2: Kind =
    Kind { discriminator: [43, 103, 89, 42, 121, 242, 62, 72], accounts: "t..odmk..." };
pub(super) const SET_COLLECTION_V2: Kind =
    Kind { discriminator: [229, 35, 61, 91, 15, 14, 99, 160], accounts: "t...odmkn....." };
pub(super) const VERIFY_V2: Kind =
    Kind { discriminator: [85, 138, 140, 42, 22, 241, 118, 102], accounts: "t.codm..." };
pub(super) const UNVERIFY_V2: Kind =
    Kind { discriminator: [174, 112, 29, 142, 230, 100, 239, 7], accounts: "t.codm..." };

#[expect(clippy::too_many_arguments, reason = "all that a transaction is made of")]
pub(super) fn transaction(
    slot: u64,
    number: u64,
    (tree, is_v2): (Pubkey, bool),
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
    let (noop, compression) =
        if is_v2 { (MPL_NOOP, MPL_ACCOUNT_COMPRESSION) } else { (SPL_NOOP, SPL_ACCOUNT_COMPRESSION) };
    let mut instructions = vec![call(BUBBLEGUM, accounts, data, 1)];
    instructions.extend(leaf.map(|leaf| call(noop, Vec::new(), leaf_event(leaf), 2)));
    if let Some(log) = log {
        instructions.push(call(compression, vec![tree], vec![0; 8], 2));
        instructions.push(call(noop, Vec::new(), log, 3));
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
    // An event of a leaf, the versions of the event and of the leaf.
    let version = u8::from(leaf.v2.is_some());
    let mut event = vec![1, version, version];
    for key in [leaf.id, leaf.owner, leaf.delegate] {
        event.extend(key.as_bytes());
    }
    event.extend(leaf.nonce.to_le_bytes());
    event.extend(leaf.data_hash);
    event.extend(leaf.creator_hash);
    if let Some(v2) = &leaf.v2 {
        event.extend(v2.collection_hash);
        event.extend(v2.asset_data_hash);
        event.push(v2.flags.0);
    }
    event.extend(leaf.hash());
    let len = u32::try_from(event.len()).unwrap().to_le_bytes();
    [vec![1, 0], len.to_vec(), event].concat()
}

/// A transaction as a line of `vitrine ingest`, in its flat form.
pub(crate) fn line(transaction: &Transaction) -> Value {
    let mut keys: Vec<Pubkey> = Vec::new();
    let mut place = |key: &Pubkey| {
        keys.iter().position(|known| known == key).unwrap_or_else(|| {
            keys.push(*key);
            keys.len() - 1
        })
    };
    let mut outer: Vec<Value> = Vec::new();
    let mut inner: Vec<Value> = Vec::new();
    for call in &transaction.instructions {
        let accounts: Vec<usize> = call.accounts.iter().map(&mut place).collect();
        let mut told = json!({
            "programIdIndex": place(&call.program), "accounts": accounts, "data": bs58::encode(&call.data).into_string(),
        });
        if call.height == Some(1) {
            inner.push(json!({ "index": outer.len(), "instructions": [] }));
            outer.push(told);
        } else {
            told["stackHeight"] = call.height.into();
            inner.last_mut().unwrap()["instructions"].as_array_mut().unwrap().push(told);
        }
    }
    json!({ "transaction": {
        "slot": transaction.slot.get(), "signature": bs58::encode(transaction.signature.as_bytes()).into_string(),
        "accountKeys": keys.iter().map(ToString::to_string).collect::<Vec<_>>(), "instructions": outer,
        "innerInstructions": inner, "err": null,
    } })
}
