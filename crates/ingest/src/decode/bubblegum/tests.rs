//! What needs no real transaction: the table of instructions, pairs of calls and logs, what an instruction changes.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashSet;

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use vitrine_model::Slot;

use super::super::Reason;
use super::super::compression::{MPL_ACCOUNT_COMPRESSION, MPL_NOOP, SPL_ACCOUNT_COMPRESSION, SPL_NOOP};
use super::super::transaction::{self, Signature, Transaction};
use super::layout::{Emits, LAYOUTS, Layout};
use super::*;

fn key(byte: u8) -> Pubkey {
    Pubkey::from_bytes([byte; 32])
}

/// A name of the program for one of ours.
fn snake(name: &str) -> String {
    let letters = name.chars().enumerate().flat_map(|(at, letter)| {
        let gap = (at > 0 && letter.is_ascii_uppercase()).then_some('_');
        gap.into_iter().chain([letter.to_ascii_lowercase()])
    });
    letters.collect()
}

fn layout(kind: Kind) -> &'static Layout {
    LAYOUTS.iter().find(|layout| layout.kind == kind).unwrap()
}

/// An instruction of this kind whose account number n is the key n + 1.
fn instruction(kind: Kind, args: &[u8]) -> transaction::Instruction {
    let layout = layout(kind);
    let accounts = (1..).map(key).take(layout.accounts.len()).collect();
    let data = [&layout.discriminator, args].concat();
    transaction::Instruction { program: BUBBLEGUM, accounts, data, outer: 0, height: Some(1) }
}

fn call(program: Pubkey, data: Vec<u8>, height: u32) -> transaction::Instruction {
    transaction::Instruction { program, accounts: vec![], data, outer: 0, height: Some(height) }
}

fn transaction(instructions: Vec<transaction::Instruction>) -> Transaction {
    Transaction {
        slot: Slot::default(),
        signature: Signature::from_bytes([1; 64]),
        block_time: None,
        succeeded: true,
        instructions,
    }
}

/// The arguments of `transfer` and its like.
const LEAF_V1: [u8; 108] = [1; 108];

/// `transfer` has its tree fifth.
const TREE: Pubkey = Pubkey::from_bytes([5; 32]);

fn change_log_data(tree: Pubkey, leaf: [u8; 32]) -> Vec<u8> {
    let mut data = vec![0, 0];
    data.extend(tree.as_bytes());
    data.extend([1, 0, 0, 0]);
    data.extend(leaf);
    data.extend([0; 16]);
    data
}

fn leaf_data(leaf: [u8; 32]) -> Vec<u8> {
    let mut event = vec![1, 0, 0];
    event.extend([3; 32 * 3 + 8 + 32 * 2]);
    event.extend(leaf);
    let mut data = vec![1, 0];
    data.extend(u32::try_from(event.len()).unwrap().to_le_bytes());
    data.extend(event);
    data
}

/// What the program calls for a transfer, from the height that it runs at.
fn transfer_at(height: u32, leaf: u8) -> Vec<transaction::Instruction> {
    let mut transfer = instruction(Kind::Transfer, &LEAF_V1);
    transfer.height = Some(height);
    vec![
        transfer,
        call(SPL_NOOP, leaf_data([leaf; 32]), height + 1),
        call(SPL_ACCOUNT_COMPRESSION, vec![], height + 1),
        call(SPL_NOOP, change_log_data(TREE, [leaf; 32]), height + 2),
    ]
}

fn only(transaction: &Transaction) -> Result<Event<'_>, EventError> {
    let mut events = events(transaction);
    let (_, event) = events.next().unwrap();
    assert!(events.next().is_none());
    event
}

#[test]
fn instructions_are_told_by_the_hashes_of_their_names() {
    for layout in LAYOUTS {
        let name = snake(&format!("{:?}", layout.kind));
        let hash = Sha256::digest(format!("global:{name}"));
        assert_eq!(layout.discriminator, hash[..8], "{name}");
    }
    let kinds: HashSet<Kind> = LAYOUTS.iter().map(|layout| layout.kind).collect();
    assert_eq!((kinds.len(), LAYOUTS.len()), (36, 36));
}

#[test]
fn accounts_have_one_place_and_trees_that_change_have_one() {
    for layout in LAYOUTS {
        let names: HashSet<Account> = layout.accounts.iter().copied().collect();
        assert_eq!(names.len(), layout.accounts.len(), "{:?}", layout.kind);
        if layout.emits != Emits::Nothing {
            assert!(names.contains(&Account::MerkleTree), "{:?}", layout.kind);
        }
    }
}

#[test]
fn the_program_is_that_of_the_chain() {
    assert_eq!(BUBBLEGUM.to_string(), "BGUMAp9Gq7iTEuizy4pqaxsTyUCBK68MDfK752saRPUY");
}

#[test]
fn an_account_left_out_is_none() {
    let mut transfer = instruction(Kind::TransferV2, &[0; 32 * 3 + 2 + 12]);
    transfer.accounts[2] = BUBBLEGUM;
    let transfer = Instruction::decode(&transfer).unwrap();
    assert_eq!(transfer.accounts.get(Account::Authority), None);
    assert_eq!(transfer.accounts.get(Account::LeafOwner), Some(key(4)));
    assert_eq!(transfer.accounts.get(Account::Voucher), None);
    let named: Vec<_> = transfer.accounts.iter().take(4).collect();
    let expected = [
        (Account::TreeConfig, Some(key(1))),
        (Account::Payer, Some(key(2))),
        (Account::Authority, None),
        (Account::LeafOwner, Some(key(4))),
    ];
    assert_eq!(named, expected);
}

#[test]
fn what_is_no_instruction_has_a_reason() {
    let mut transfer = instruction(Kind::Transfer, &LEAF_V1);
    transfer.accounts.pop();
    assert_eq!(Instruction::decode(&transfer), Err(Reason::Truncated { field: "accounts", at: 7 }));
    let unknown = call(BUBBLEGUM, vec![1, 0, 0, 0, 0, 0, 0, 0], 1);
    assert_eq!(Instruction::decode(&unknown), Err(Reason::BadTag { field: "discriminator", value: 1 }));
    let short = call(BUBBLEGUM, vec![1; 7], 1);
    assert_eq!(Instruction::decode(&short), Err(Reason::Truncated { field: "discriminator", at: 0 }));
    for len in 0..LEAF_V1.len() {
        assert!(Instruction::decode(&instruction(Kind::Transfer, &LEAF_V1[..len])).is_err(), "{len}");
    }
}

#[test]
fn an_instruction_has_its_own_logs_at_any_depth() {
    for height in 1..4 {
        // Whoever calls the program may log what they like in front of it and behind it.
        let mut calls: Vec<_> = (1..height).map(|height| call(key(99), vec![], height)).collect();
        if height > 1 {
            calls.push(call(SPL_NOOP, leaf_data([66; 32]), height));
        }
        let at = calls.len();
        calls.extend(transfer_at(height, 7));
        if height > 1 {
            calls.push(call(SPL_NOOP, change_log_data(TREE, [66; 32]), height));
        }
        let mut transaction = transaction(calls);
        for has_heights in [true, false] {
            if !has_heights {
                transaction.instructions.iter_mut().skip(1).for_each(|call| call.height = None);
            }
            let event = only(&transaction).unwrap();
            assert_eq!((event.at, event.instruction.kind), (at, Kind::Transfer));
            assert_eq!(event.change_log.unwrap().leaf(), Some([7; 32]), "{height} {has_heights}");
            assert_eq!(event.leaf.unwrap().leaf_hash, [7; 32]);
        }
    }
}

#[test]
fn instructions_that_follow_one_another_keep_their_logs_apart() {
    let mut calls = vec![call(key(99), vec![], 1)];
    calls.extend(transfer_at(2, 7));
    calls.extend(transfer_at(2, 8));
    let mut transaction = transaction(calls);
    for has_heights in [true, false] {
        if !has_heights {
            transaction.instructions.iter_mut().skip(1).for_each(|call| call.height = None);
        }
        let logged: Vec<_> =
            events(&transaction).map(|(at, event)| (at, event.unwrap().leaf.unwrap().leaf_hash[0])).collect();
        assert_eq!(logged, [(1, 7), (5, 8)]);
    }
    // The second one's logs are not the first one's, should that have none.
    transaction.instructions.drain(2..5);
    let first = events(&transaction).next().unwrap().1;
    assert_eq!(first, Err(EventError::NoChangeLog));
}

#[test]
fn both_families_of_programs_log() {
    let mut calls = transfer_at(1, 7);
    calls[1].program = MPL_NOOP;
    calls[2].program = MPL_ACCOUNT_COMPRESSION;
    calls[3].program = MPL_NOOP;
    assert!(only(&transaction(calls)).unwrap().change_log.is_some());
}

#[test]
fn a_forged_log_is_not_taken() {
    // A program that is called like a compression program in the message, by another program's hand.
    let mut calls = transfer_at(1, 7);
    calls[2].program = key(98);
    assert_eq!(only(&transaction(calls)), Err(EventError::NoChangeLog));
    let mut calls = transfer_at(1, 7);
    calls[3].height = Some(2);
    assert_eq!(only(&transaction(calls)), Err(EventError::NoChangeLog));
}

#[test]
fn logs_that_do_not_belong_to_the_instruction_are_refused() {
    let with = |at: usize, data: Vec<u8>| {
        let mut calls = transfer_at(1, 7);
        calls[at].data = data;
        only(&transaction(calls)).unwrap_err()
    };
    assert_eq!(with(1, leaf_data([8; 32])), EventError::WrongLeaf);
    let error = EventError::WrongTree { tree: TREE, logged: key(6) };
    assert_eq!(with(3, change_log_data(key(6), [7; 32])), error);
    assert_eq!(with(1, change_log_data(TREE, [7; 32])), EventError::WrongEvent);
    assert_eq!(with(3, leaf_data([7; 32])), EventError::WrongEvent);
    assert_eq!(with(3, vec![]), EventError::Log(Reason::Truncated { field: "event", at: 0 }));
    let uninitialized = vec![1, 0, 1, 0, 0, 0, 0];
    assert_eq!(with(1, uninitialized), EventError::Log(Reason::BadTag { field: "event_type", value: 0 }));
    let short = with(0, vec![]);
    assert_eq!(short, EventError::Instruction(Reason::Truncated { field: "discriminator", at: 0 }));
    let mut calls = transfer_at(1, 7);
    calls.remove(1);
    assert_eq!(only(&transaction(calls)), Err(EventError::NoLeaf));
}

#[test]
fn a_burn_logs_no_leaf_and_a_delegate_of_a_tree_nothing() {
    let burn = transaction(vec![
        instruction(Kind::Burn, &LEAF_V1),
        call(SPL_ACCOUNT_COMPRESSION, vec![], 2),
        call(SPL_NOOP, change_log_data(key(4), [0; 32]), 3),
    ]);
    let event = only(&burn).unwrap();
    assert_eq!((event.leaf, event.change_log.unwrap().leaf()), (None, Some([0; 32])));
    let delegate = transaction(vec![instruction(Kind::SetTreeDelegate, &[])]);
    let event = only(&delegate).unwrap();
    assert_eq!((event.leaf, event.change_log), (None, None));
}

#[test]
fn a_leaf_event_states_one_version() {
    for (version, schema) in [(0, 1), (1, 0)] {
        let event = [&[1, version, schema][..], &[0; 300]].concat();
        let reason = Reason::BadTag { field: "version", value: version.into() };
        assert_eq!(LeafSchemaEvent::decode(&event), Err(reason));
    }
    let event = [&[1, 1, 1][..], &[0; 3 * 32 + 8 + 4 * 32], &[5], &[9; 32]].concat();
    let v2 = LeafSchemaEvent::decode(&event).unwrap().schema.v2.unwrap();
    assert!(v2.flags.is_frozen() && v2.flags.is_non_transferable() && !v2.flags.is_permanently_frozen());
    assert!(Flags(2).is_permanently_frozen() && !Flags(2).is_frozen());
}

fn metadata() -> Metadata<'static> {
    let creator = |byte, verified| Creator { address: key(byte), verified, share: 50 };
    Metadata {
        name: "name",
        symbol: "",
        uri: "https://example.com",
        seller_fee_basis_points: 500,
        primary_sale_happened: false,
        is_mutable: true,
        token_standard: Some(TokenStandard::NonFungible),
        creators: vec![creator(6, false), creator(40, true)],
        collection: Some(Collection { verified: false, key: key(50) }),
        v1: Some(V1Members {
            edition_nonce: Some(3),
            uses: Some(Uses { use_method: UseMethod::Multiple, remaining: 1, total: 2 }),
            token_program_version: TokenProgramVersion::Original,
        }),
    }
}

/// The metadata behind an instruction of this kind, whose arguments are the parts.
fn behind(kind: Kind, parts: &[&[u8]]) -> Option<Metadata<'static>> {
    let instruction = instruction(kind, &parts.concat());
    // The text of a test lives as long as the test: what is compared has to own nothing.
    Instruction::decode(Box::leak(Box::new(instruction))).unwrap().metadata()
}

#[test]
fn an_instruction_changes_the_metadata_that_it_was_given() {
    let given = metadata();
    let bytes = given.to_bytes();
    let collection =
        |verified, key| Metadata { collection: Some(Collection { verified, key }), ..metadata() };
    assert_eq!(behind(Kind::MintV1, &[&bytes]), Some(given.clone()));
    assert_eq!(behind(Kind::MintToCollectionV1, &[&bytes]), Some(collection(true, key(50))));
    let leaf = [1; 108].as_slice();
    assert_eq!(behind(Kind::VerifyCollection, &[leaf, &bytes]), Some(collection(true, key(50))));
    let verified = collection(true, key(50)).to_bytes();
    assert_eq!(behind(Kind::UnverifyCollection, &[leaf, &verified]), Some(given.clone()));
    let new = behind(Kind::SetAndVerifyCollection, &[leaf, &bytes, &[60; 32]]);
    assert_eq!(new, Some(collection(true, key(60))));
    // The creator is the sixth account.
    let mut signed = given.clone();
    signed.creators[0].verified = true;
    assert_eq!(behind(Kind::VerifyCreator, &[leaf, &bytes]), Some(signed.clone()));
    assert_eq!(behind(Kind::UnverifyCreator, &[leaf, &signed.to_bytes()]), Some(given));
    assert_eq!(behind(Kind::DecompressV1, &[&bytes]), None);
    assert_eq!(behind(Kind::Transfer, &[leaf]), None);
}

#[test]
fn version_2_sets_collections_and_lets_the_payer_sign() {
    let given = Metadata {
        v1: None,
        collection: None,
        creators: vec![Creator { address: key(2), verified: false, share: 100 }],
        ..metadata()
    };
    let args = [&[1; 32][..], &[0, 0], &[0; 12], &given.to_bytes()].concat();
    let set = Metadata { collection: Some(Collection { verified: true, key: key(9) }), ..given.clone() };
    assert_eq!(behind(Kind::SetCollectionV2, &[&args]), Some(set.clone()));
    let mut removal = instruction(Kind::SetCollectionV2, &[&args[..46], &set.to_bytes()].concat());
    removal.accounts[8] = BUBBLEGUM;
    assert_eq!(Instruction::decode(&removal).unwrap().metadata(), Some(given.clone()));
    let mut verify = instruction(Kind::VerifyCreatorV2, &args);
    verify.accounts[2] = BUBBLEGUM;
    let signed = Instruction::decode(&verify).unwrap().metadata().unwrap();
    assert!(signed.creators[0].verified);
}

#[test]
fn an_update_replaces_what_it_names() {
    let bytes = metadata().to_bytes();
    let leaf = [1; 32 + 8 + 4].as_slice();
    assert_eq!(behind(Kind::UpdateMetadata, &[leaf, &bytes, &[0; 7]]), Some(metadata()));
    let update: &[&[u8]] = &[
        leaf,
        &bytes,
        &[1, 1, 0, 0, 0, b'n', 1, 1, 0, 0, 0, b's', 1, 1, 0, 0, 0, b'u'],
        &[1, 0, 0, 0, 0, 1, 7, 0, 1, 1, 1, 0],
    ];
    let expected = Metadata {
        name: "n",
        symbol: "s",
        uri: "u",
        creators: vec![],
        seller_fee_basis_points: 7,
        primary_sale_happened: true,
        is_mutable: false,
        ..metadata()
    };
    assert_eq!(behind(Kind::UpdateMetadata, update), Some(expected));
}

proptest! {
    #[test]
    fn no_arguments_panic(kind in 0..LAYOUTS.len(), args: Vec<u8>, accounts in 0_usize..20) {
        let data = [&LAYOUTS[kind].discriminator, args.as_slice()].concat();
        let accounts = (1..).map(key).take(accounts).collect();
        let instruction = transaction::Instruction { program: BUBBLEGUM, accounts, data, outer: 0, height: None };
        if let Ok(instruction) = Instruction::decode(&instruction) {
            let _ = (instruction.metadata(), instruction.leaf());
        }
    }

    #[test]
    fn no_logs_panic(leaf: Vec<u8>, change_log: Vec<u8>, marked: bool) {
        let mut calls = transfer_at(1, 7);
        let mark = |data: Vec<u8>, kind| if marked { [vec![kind, 0], data].concat() } else { data };
        calls[1].data = mark(leaf, 1);
        calls[3].data = mark(change_log, 0);
        let _ = only(&transaction(calls));
    }

    #[test]
    fn metadata_is_read_as_it_is_written(
        texts: [String; 3], numbers: (u16, bool, bool, Option<u8>, Option<(u64, u64)>), has: (bool, bool, bool),
        creators: Vec<([u8; 32], bool, u8)>,
    ) {
        let (has_standard, has_collection, is_v1) = has;
        let (fee, primary_sale_happened, is_mutable, edition_nonce, uses) = numbers;
        let creator = |&(address, verified, share): &([u8; 32], bool, u8)| {
            Creator { address: Pubkey::from_bytes(address), verified, share }
        };
        let uses = uses.map(|(remaining, total)| Uses { use_method: UseMethod::Single, remaining, total });
        let token_program_version = TokenProgramVersion::Token2022;
        let metadata = Metadata {
            name: &texts[0],
            symbol: &texts[1],
            uri: &texts[2],
            seller_fee_basis_points: fee,
            primary_sale_happened,
            is_mutable,
            token_standard: has_standard.then_some(TokenStandard::NonFungibleEdition),
            creators: creators.iter().map(creator).collect(),
            collection: has_collection.then_some(Collection { verified: true, key: key(3) }),
            v1: is_v1.then_some(V1Members { edition_nonce, uses, token_program_version }),
        };
        let bytes = metadata.to_bytes();
        let mut cursor = super::super::bytes::Cursor::new(&bytes);
        let read = if is_v1 { Metadata::read_v1(&mut cursor) } else { Metadata::read_v2(&mut cursor) };
        prop_assert_eq!(read, Ok(metadata));
        prop_assert!(cursor.rest().is_empty());
    }
}
