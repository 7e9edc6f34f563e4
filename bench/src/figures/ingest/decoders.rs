//! Decoders alone: one thread, accounts that lie in memory.

use std::hint::black_box;

use anyhow::{Context as _, Result, ensure};
use vitrine_ingest::decode::transaction::Transaction;
use vitrine_ingest::decode::{mpl_core, spl_token, token_metadata};
use vitrine_ingest::normalise::{AccountUpdate, account, leaf};
use vitrine_model::{Pubkey, Slot};
use vitrine_tests::accounts::AccountAt;

use crate::bench::Bench;
use crate::chain::{Age, Kind, World};
use crate::stats::{figure, float_len};
use crate::usage;

/// Different accounts of a kind: more than a first-level cache holds, as a stream of them would be.
const SAMPLES: u64 = 256;

/// Measures each kind.
pub(super) fn run(bench: &mut Bench, world: World) -> Result<()> {
    use spl_token::Program::{Token, Token2022};
    let nft = |at| samples(world, Kind::Nft, at);
    let of_2022 = |at| samples(world, Kind::Token2022, at);
    let mint = |program| {
        move |at: &AccountAt| matches!(spl_token::decode(program, data(at)), Ok(spl_token::Account::Mint(_)))
    };
    let held = |program| {
        move |at: &AccountAt| {
            matches!(spl_token::decode(program, data(at)), Ok(spl_token::Account::TokenAccount(_)))
        }
    };
    measure(bench, "a mint of SPL Token", &nft(0)?, size, mint(Token))?;
    measure(bench, "a token account of SPL Token", &nft(1)?, size, held(Token))?;
    measure(bench, "a mint of Token-2022 with its metadata", &of_2022(0)?, size, mint(Token2022))?;
    measure(bench, "a token account of Token-2022", &of_2022(1)?, size, held(Token2022))?;
    measure(bench, "a metadata account of Token Metadata", &nft(2)?, size, |at| {
        matches!(token_metadata::decode(data(at)), Ok(token_metadata::Account::Metadata(_)))
    })?;
    measure(bench, "a master edition", &nft(3)?, size, |at| {
        matches!(token_metadata::decode(data(at)), Ok(token_metadata::Account::MasterEdition(_)))
    })?;
    measure(bench, "an asset of MPL Core with two plugins", &samples(world, Kind::Core, 0)?, size, |at| {
        matches!(mpl_core::decode(data(at)), Ok(mpl_core::Account::Asset(..)))
    })?;
    measure(bench, "a metadata account, and where its edition is", &nft(2)?, size, |at| {
        let update = AccountUpdate {
            address: at.address,
            owner: at.owner,
            lamports: 1,
            data: data(at),
            slot: Slot::default(),
            write_version: 0,
        };
        account(&update).is_ok_and(|seen| !seen.tells_of.is_empty())
    })?;
    transactions(bench, world)
}

/// A transaction out of its text, and then what it says.
fn transactions(bench: &mut Bench, world: World) -> Result<()> {
    let texts: Vec<String> = things(world, Kind::Leaf)
        .map(|thing| {
            let line = world.mint_line(thing)?;
            Ok(line.get("transaction").context("a transaction")?.to_string())
        })
        .collect::<Result<_>>()?;
    let decoded: Vec<Transaction> =
        texts.iter().map(|text| Ok(Transaction::from_json(text)?)).collect::<Result<_>>()?;
    measure(bench, "a transaction, from its JSON", &texts, String::len, |text| {
        Transaction::from_json(text).is_ok_and(|transaction| transaction.succeeded)
    })?;
    let bytes = |transaction: &Transaction| {
        transaction
            .instructions
            .iter()
            .map(|call| call.data.len() + size_of::<Pubkey>() * call.accounts.len())
            .sum()
    };
    measure(bench, "what a transaction of Bubblegum says", &decoded, bytes, |transaction| {
        let seen = leaf::transaction(transaction);
        seen.problems.is_empty() && seen.tree_changes.iter().all(|change| change.event.is_some())
    })
}

/// Things of a kind.
fn things(world: World, kind: Kind) -> impl Iterator<Item = u64> {
    (0..world.things())
        .filter(move |thing| World::kind(*thing) == kind)
        .take(usize::try_from(SAMPLES).unwrap_or(1))
}

/// The accounts at a place among those of the things of a kind.
fn samples(world: World, kind: Kind, place: usize) -> Result<Vec<AccountAt>> {
    things(world, kind)
        .map(|thing| world.accounts(thing, Age::New)?.into_iter().nth(place).context("an account"))
        .collect()
}

fn data(account: &AccountAt) -> &[u8] {
    account.data.as_deref().unwrap_or_default()
}

fn size(account: &AccountAt) -> usize {
    data(account).len()
}

/// Decodes samples over and over; `decode` says whether it found what it must.
fn measure<T>(
    bench: &mut Bench,
    what: &str,
    samples: &[T],
    size: impl Fn(&T) -> usize,
    decode: impl Fn(&T) -> bool,
) -> Result<()> {
    ensure!(!samples.is_empty() && samples.iter().all(&decode), "{what} is decoded to something else");
    let bytes = float_len(samples.iter().map(size).sum::<usize>()) / float_len(samples.len());
    let least = bench.options.seconds().as_secs_f64() / 4.0;
    for _ in 0..bench.options.rounds() {
        let (start, mut spent, mut decoded) = (usage::of_this_thread(), 0.0, 0);
        while spent < least {
            for sample in samples {
                black_box(decode(black_box(sample)));
            }
            decoded += samples.len();
            spent = usage::of_this_thread() - start;
        }
        let each = spent / float_len(decoded);
        let (nanos, megabytes) = (each * 1e9, bytes / each / 1e6);
        let name = format!("decode: {what}");
        bench.say(&format!("{name:64}  {:>7} ns  {:>7} MB/s", figure(nanos), figure(megabytes)));
        bench.results.collect(&name, "ns", [nanos]);
        bench.results.collect(&format!("{name}, {} bytes", figure(bytes)), "MB/s", [megabytes]);
    }
    Ok(())
}
