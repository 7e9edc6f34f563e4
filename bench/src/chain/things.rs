//! The accounts of things of the chain, and what they have in common.

use anyhow::Result;
use vitrine_ingest::decode::{pda, spl_token};
use vitrine_model::Pubkey;
use vitrine_tests::accounts::{
    AccountAt, CoreAsset, CoreAuthority, CoreCollection, Metadata, Mint, TokenAccount, master_edition,
};

use super::grove::Leaf;
use super::layout::{Plugin, mint_with_metadata, token_account_for_good, with_plugins};
use super::names::{PER_COLLECTION, Tag, id, key, name, owner, supply, uri};
use super::{Age, LEAVES, PATTERN};

/// Where Token Metadata pads names and uris to.
const NAME_BYTES: usize = 32;
const URI_BYTES: usize = 200;

/// Address, program, data.
pub(super) type Told = (Pubkey, &'static str, Vec<u8>);

/// What things have in common, told before the first that has it.
pub(super) fn shared(thing: u64, slot: u64) -> Vec<AccountAt> {
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

pub(super) fn nft(thing: u64, age: Age) -> Vec<Told> {
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

pub(super) fn core(thing: u64, age: Age) -> Vec<u8> {
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

pub(super) fn token_2022(thing: u64, age: Age) -> Vec<Told> {
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

pub(super) fn holding(thing: u64, age: Age) -> TokenAccount {
    let mint = key(Tag::Fungible, thing / PER_COLLECTION);
    let amount = supply(thing, age);
    TokenAccount { mint, owner: owner(thing, Age::New), amount, delegate: None, frozen: false }
}

pub(super) fn leaf(thing: u64, age: Age) -> Result<(Pubkey, Leaf)> {
    let number = thing / PATTERN * 2 + thing % 2;
    let leaf = Leaf {
        index: u32::try_from(number % LEAVES)?,
        owner: owner(thing, age),
        name: name("Leaf", thing),
        uri: uri(Tag::Uri, thing),
    };
    Ok((key(Tag::Tree, number / LEAVES), leaf))
}

pub(super) fn account(
    address: Pubkey,
    program: &str,
    data: Vec<u8>,
    slot: u64,
    write_version: u64,
) -> AccountAt {
    let owner = program.parse().unwrap_or_else(|_| Pubkey::from_bytes([0; 32]));
    AccountAt { address, owner, data: Some(data), slot, write_version }
}

pub(super) fn metadata_program() -> Pubkey {
    account(Pubkey::from_bytes([0; 32]), Metadata::PROGRAM, Vec::new(), 0, 0).owner
}

/// The account that Token Metadata derives from a mint and more.
pub(super) fn derived(mint: Pubkey, more: &[&[u8]]) -> Pubkey {
    let program = metadata_program();
    let seeds = [&[b"metadata", program.as_bytes().as_slice(), mint.as_bytes()], more].concat();
    pda(&seeds, &program).unwrap_or(mint)
}
