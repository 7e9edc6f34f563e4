//! What the second version of Bubblegum does to a leaf.

use rand::Rng as _;
use rand::rngs::StdRng;
use vitrine_ingest::decode::bubblegum::{
    Collection, asset_data_hash, collection_hash, creator_hash, data_hash,
};
use vitrine_ingest::decode::transaction::Transaction;

use super::wire::{
    ASSET_DATA_V2, BIND_V2, BURN_V2, DELEGATE_AND_FREEZE_V2, DELEGATE_V2, FREEZE_V2, MINT_V2,
    SET_COLLECTION_V2, THAW_AND_REVOKE_V2, THAW_V2, TRANSFER_V2, UNVERIFY_V2, UPDATE_V2, VERIFY_V2,
};
use super::{Around, Fate, Grove};

const FROZEN: u8 = 1;
const BOUND: u8 = 4;

/// Which members a leaf is handed in with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Those of its metadata as hashes.
    Hashes,
    /// The hash of its collection besides.
    Collection,
    /// No hashes: the metadata follow.
    Metadata,
}

impl Grove {
    pub(super) fn mint_v2(&mut self, random: &mut StdRng, around: &Around<'_>, at: usize) -> Transaction {
        let key = around.collection(random);
        self.leaves[at].collection = random.random::<bool>().then_some(Collection { verified: true, key });
        let mut args = self.leaves[at].metadata(true).to_bytes();
        // No data, and nothing that says what they are.
        args.extend([0, 0]);
        let owner = self.leaves[at].owner;
        self.write(around.slot, at, &MINT_V2, owner, args)
    }

    pub(super) fn step_v2(&mut self, random: &mut StdRng, around: &Around<'_>, at: usize) -> Transaction {
        let slot = around.slot;
        let next = around.anybody(random);
        let args = self.args_v2(at, Shape::Hashes);
        let with_collection = self.args_v2(at, Shape::Collection);
        let mut with_metadata = self.args_v2(at, Shape::Metadata);
        with_metadata.extend(self.leaves[at].metadata(true).to_bytes());
        let before = self.leaves[at].clone();
        let leaf = &mut self.leaves[at];
        let (kind, other, args) = match random.random_range(0..14) {
            0..3 => {
                (leaf.owner, leaf.delegate) = (next, next);
                (&TRANSFER_V2, next, args)
            }
            3 => {
                leaf.delegate = next;
                (&DELEGATE_V2, next, with_collection)
            }
            4 => {
                leaf.delegate = next;
                leaf.flags |= FROZEN;
                (&DELEGATE_AND_FREEZE_V2, next, with_collection)
            }
            5 => {
                leaf.delegate = leaf.owner;
                leaf.flags &= !FROZEN;
                (&THAW_AND_REVOKE_V2, leaf.owner, with_collection)
            }
            6 => {
                leaf.flags ^= FROZEN;
                let kind = if leaf.flags & FROZEN == 0 { &THAW_V2 } else { &FREEZE_V2 };
                (kind, next, args)
            }
            7 => {
                leaf.flags |= BOUND;
                (&BIND_V2, next, args)
            }
            8 => {
                let data = [next.as_bytes()[0]; 5];
                leaf.data = Some(data.to_vec());
                // What is behind the leaf: the bytes, and that they may be anything.
                let new = [vec![1, 5, 0, 0, 0], data.to_vec(), vec![1, 0]].concat();
                (&ASSET_DATA_V2, next, [args, new].concat())
            }
            9 => return self.burn_v2(slot, at, args),
            10 => {
                let key = around.collection(random);
                leaf.collection = Some(Collection { verified: true, key });
                (&SET_COLLECTION_V2, key, with_metadata)
            }
            11 if !leaf.creators.is_empty() => {
                let creator = leaf.creators[0];
                leaf.turn(creator);
                let kind = if creator.verified { &UNVERIFY_V2 } else { &VERIFY_V2 };
                (kind, creator.address, with_metadata)
            }
            _ => {
                let renamed = self.renamed(random, around, at);
                (&UPDATE_V2, next, [with_metadata, renamed].concat())
            }
        };
        self.write_with(slot, at, kind, &before, other, args)
    }

    fn burn_v2(&mut self, slot: u64, at: usize, args: Vec<u8>) -> Transaction {
        self.removed(slot, at, &BURN_V2, Fate::Gone, args)
    }

    fn args_v2(&self, at: usize, shape: Shape) -> Vec<u8> {
        let leaf = &self.leaves[at];
        // Nobody looks at the root here.
        let mut args = vec![9; 32];
        if shape != Shape::Metadata {
            args.extend(data_hash(&leaf.metadata(true)));
            args.extend(creator_hash(&leaf.creators));
        }
        if shape == Shape::Collection {
            args.push(1);
            args.extend(collection_hash(leaf.collection.map(|collection| collection.key)));
        }
        args.push(1);
        args.extend(asset_data_hash(leaf.data.as_deref()));
        args.extend([1, leaf.flags]);
        args.extend((at as u64).to_le_bytes());
        args.extend(u32::try_from(at).unwrap().to_le_bytes());
        args
    }
}
