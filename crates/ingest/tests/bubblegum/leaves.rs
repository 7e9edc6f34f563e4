//! Leaves and their hashes, as the client has them.

use borsh::{BorshDeserialize, to_vec};
use mpl_bubblegum::types::{
    BubblegumEventType, Creator as TheirCreator, MetadataArgs, MetadataArgsV2, Version,
};
use mpl_bubblegum::{LeafSchemaEvent as TheirEvent, hash, utils};
use proptest::prelude::*;
use solana_program::pubkey::Pubkey as TheirPubkey;
use vitrine_ingest::decode::bubblegum::{
    Collection, Creator, Flags, LeafSchema, LeafSchemaEvent, Metadata, TokenProgramVersion, TokenStandard,
    UseMethod, Uses, V1Members, V2Members, asset_data_hash, asset_id, collection_hash, creator_hash,
    data_hash,
};
use vitrine_model::Pubkey;

use crate::client::Theirs;

fn keys() -> impl Strategy<Value = Pubkey> {
    any::<[u8; 32]>().prop_map(Pubkey::from_bytes)
}

prop_compose! {
    fn v2_members()(hashes: [[u8; 32]; 2], flags: u8) -> V2Members {
        V2Members { collection_hash: hashes[0], asset_data_hash: hashes[1], flags: Flags(flags) }
    }
}

prop_compose! {
    fn leaves()(
        keys in [keys(), keys(), keys()],
        nonce: u64,
        hashes: [[u8; 32]; 2],
        v2 in proptest::option::of(v2_members()),
    ) -> LeafSchema {
        let [id, owner, delegate] = keys;
        let [data_hash, creator_hash] = hashes;
        LeafSchema { id, owner, delegate, nonce, data_hash, creator_hash, v2 }
    }
}

prop_compose! {
    fn creators()(
        creators in proptest::collection::vec((keys(), any::<bool>(), any::<u8>()), 0..6),
    ) -> Vec<Creator> {
        creators.into_iter().map(|(address, verified, share)| Creator { address, verified, share }).collect()
    }
}

/// Metadata of version 2, whose texts are these.
fn metadata(
    texts: &[String; 3],
    fee: u16,
    creators: Vec<Creator>,
    collection: Option<Pubkey>,
) -> Metadata<'_> {
    Metadata {
        name: &texts[0],
        symbol: &texts[1],
        uri: &texts[2],
        seller_fee_basis_points: fee,
        primary_sale_happened: fee.is_multiple_of(2),
        is_mutable: fee.is_multiple_of(3),
        token_standard: fee.is_multiple_of(5).then_some(TokenStandard::NonFungible),
        creators,
        collection: collection.map(|key| Collection { verified: true, key }),
        v1: None,
    }
}

/// An event of the client for a leaf of ours.
fn event(leaf: &LeafSchema) -> TheirEvent {
    let version = if leaf.v2.is_some() { Version::V2 } else { Version::V1 };
    TheirEvent::new(version, Theirs::theirs(leaf), leaf.hash())
}

/// What the client reads and we refuse, with reason: an event without a type is none, and of two versions one is wrong.
fn is_refused(theirs: &TheirEvent) -> bool {
    theirs.event_type != BubblegumEventType::LeafSchemaEvent || theirs.version != theirs.schema.version()
}

proptest! {
    #[test]
    fn a_leaf_has_the_clients_hash(leaf in leaves()) {
        let theirs = mpl_bubblegum::types::LeafSchema::theirs(&leaf);
        prop_assert_eq!(leaf.hash(), theirs.hash());
        let event = event(&leaf);
        let ours = LeafSchemaEvent::decode(&to_vec(&event).unwrap());
        prop_assert_eq!(ours, Ok(LeafSchemaEvent { schema: leaf, leaf_hash: theirs.hash() }));
    }

    #[test]
    fn an_event_is_read_as_the_client_reads_it(
        leaf in leaves(),
        flip in proptest::option::of((any::<prop::sample::Index>(), 0_u32..8)),
        head in proptest::option::of([0_u8..3, 0_u8..3, 0_u8..3]),
        cut in proptest::option::weighted(0.3, any::<prop::sample::Index>()),
        more in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut bytes = to_vec(&event(&leaf)).unwrap();
        if let Some(head) = head {
            bytes[..3].copy_from_slice(&head);
        }
        if let Some((at, bit)) = flip {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        bytes.extend(more);
        let theirs = TheirEvent::deserialize(&mut bytes.as_slice()).ok().filter(|theirs| !is_refused(theirs));
        let ours = LeafSchemaEvent::decode(&bytes).ok();
        let read = ours.map(|ours| (Theirs::theirs(&ours.schema), ours.leaf_hash));
        prop_assert_eq!(read, theirs.map(|theirs| (theirs.schema, theirs.leaf_hash)));
    }

    #[test]
    fn metadata_has_the_clients_hashes(
        texts: [String; 3],
        fee: u16,
        creators in creators(),
        collection in proptest::option::of(keys()),
        uses in proptest::option::of((any::<u64>(), any::<u64>())),
        edition_nonce: Option<u8>,
        verified: bool,
    ) {
        let v2 = metadata(&texts, fee, creators.clone(), collection);
        prop_assert_eq!(data_hash(&v2), hash::hash_metadata(&MetadataArgsV2::theirs(&v2)).unwrap());
        let uses = uses.map(|(remaining, total)| Uses { use_method: UseMethod::Multiple, remaining, total });
        let members = V1Members { edition_nonce, uses, token_program_version: TokenProgramVersion::Original };
        let collection = collection.map(|key| Collection { verified, key });
        let v1 = Metadata { collection, v1: Some(members), ..v2 };
        prop_assert_eq!(data_hash(&v1), hash::hash_metadata(&MetadataArgs::theirs(&v1)).unwrap());
        let theirs = Vec::<TheirCreator>::theirs(&creators);
        prop_assert_eq!(creator_hash(&creators), hash::hash_creators(&theirs));
    }

    #[test]
    fn collections_and_data_have_the_clients_hashes(
        collection in proptest::option::of(keys()), data: Option<Vec<u8>>,
    ) {
        let theirs = collection.map(|key| TheirPubkey::theirs(&key));
        prop_assert_eq!(collection_hash(collection), hash::hash_collection_option(theirs).unwrap());
        let data = data.as_deref();
        prop_assert_eq!(asset_data_hash(data), hash::hash_asset_data_option(data).unwrap());
    }

    #[test]
    fn an_asset_has_the_clients_id(tree in keys(), nonce: u64) {
        let theirs = utils::get_asset_id(&TheirPubkey::theirs(&tree), nonce);
        prop_assert_eq!(asset_id(tree, nonce).map(|id| TheirPubkey::theirs(&id)), Some(theirs));
    }
}

#[test]
fn what_is_absent_has_the_clients_hash() {
    assert_eq!(collection_hash(None), hash::DEFAULT_COLLECTION_HASH);
    assert_eq!(asset_data_hash(None), hash::DEFAULT_ASSET_DATA_HASH);
}
