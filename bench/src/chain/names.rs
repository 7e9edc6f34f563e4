//! What things of the chain are called, and whose they are: each a function of the thing's number.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use vitrine_model::Pubkey;

use super::Age;

/// Seeds everything.
const SEED: u64 = 0x69_6e_67_65_73_74;

/// How many things share a collection, a fungible mint, an artist, about.
pub(super) const PER_COLLECTION: u64 = 1_000;

/// What addresses and numbers are of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tag {
    Thing,
    Holder,
    Owner,
    Authority,
    Collection,
    CoreCollection,
    Fungible,
    Tree,
    Uri,
}

pub(super) fn id(thing: u64) -> Pubkey {
    key(Tag::Thing, thing)
}

pub(super) fn owner(thing: u64, age: Age) -> Pubkey {
    key(Tag::Owner, thing / 4 + if age == Age::New { 0 } else { 1 << 32 })
}

pub(super) fn name(word: &str, thing: u64) -> String {
    format!("{word} #{thing}")
}

pub(super) fn supply(thing: u64, age: Age) -> u64 {
    1_000 + thing + u64::from(age == Age::Changed)
}

/// As long as those of Arweave are.
pub(super) fn uri(tag: Tag, number: u64) -> String {
    format!("https://arweave.net/{}", Pubkey::from_bytes(stream(Tag::Uri, number << 4 | tag as u64).random()))
}

pub(super) fn key(tag: Tag, number: u64) -> Pubkey {
    Pubkey::from_bytes(stream(tag, number).random())
}

pub(super) fn stream(tag: Tag, number: u64) -> StdRng {
    StdRng::seed_from_u64(SEED ^ ((tag as u64 + 1) << 56) ^ number)
}
