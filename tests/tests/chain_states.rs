//! What accounts and trees go through, and what is left of their assets: other programs take accounts over, trees are made
//! again, and collections have more members than a transaction should touch.

#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use vitrine_ingest::normalise::compose;
use vitrine_model::{Pubkey, Slot};
use vitrine_store::{AccountSeen, ChainBatch, ChainWritten, Store};
use vitrine_tests::accounts::{
    AccountAt, CoreAsset, CoreAuthority, CoreCollection, Metadata, Mint, TokenAccount,
};
use vitrine_tests::assets::pubkey;
use vitrine_tests::{Database, consistency};

/// A program that makes no assets.
const STRANGER: &str = "ComputeBudget111111111111111111111111111111";
/// The program of wallets.
const SYSTEM: &str = "11111111111111111111111111111111";

struct World {
    database: Database,
    store: Store,
}

impl World {
    async fn new() -> Self {
        let database = Database::new().await;
        Self { store: database.store(), database }
    }

    async fn write(&self, accounts: impl IntoIterator<Item = AccountSeen>) -> ChainWritten {
        self.store.write_chain(&batch(accounts), &compose).await.unwrap()
    }

    async fn asset(&self, id: Pubkey) -> Option<Value> {
        let body: Option<Vec<u8>> = sqlx::query_scalar("SELECT body FROM asset WHERE asset_id = $1")
            .bind(id.as_bytes())
            .fetch_optional(&mut self.database.connect().await)
            .await
            .unwrap();
        body.map(|body| serde_json::from_slice(&body).unwrap())
    }

    async fn count(&self, statement: &'static str) -> i64 {
        sqlx::query_scalar(statement).fetch_one(&mut self.database.connect().await).await.unwrap()
    }

    async fn end(self) {
        self.store.close().await;
        consistency::check(&self.database).await;
    }
}

fn batch(accounts: impl IntoIterator<Item = AccountSeen>) -> ChainBatch {
    ChainBatch { accounts: accounts.into_iter().collect(), ..ChainBatch::default() }
}

fn at(address: Pubkey, program: &str, data: Vec<u8>, slot: u64) -> AccountAt {
    AccountAt { address, owner: program.parse().unwrap(), data: Some(data), slot, write_version: 0 }
}

/// Accounts of an NFT in slot 5: its mint, its metadata and the token account of who holds it.
fn nft(number: u64) -> [AccountAt; 3] {
    let [mint, metadata, holder, owner] = [0, 1, 2, 3].map(|at| pubkey(number * 10 + at));
    let one = Mint { supply: 1, decimals: 0, authority: None, freeze_authority: None };
    let named = Metadata {
        authority: owner,
        mint,
        name: "Named".to_owned(),
        symbol: String::new(),
        uri: String::new(),
        fee: 0,
        creators: Vec::new(),
        mutable: true,
        standard: 0,
        collection: None,
    };
    let held = TokenAccount { mint, owner, amount: 1, delegate: None, frozen: false };
    [
        at(mint, Mint::PROGRAM, one.data(), 5),
        at(metadata, Metadata::PROGRAM, named.data(), 5),
        at(holder, Mint::PROGRAM, held.data(), 5),
    ]
}

fn member(number: u64, collection: Pubkey, slot: u64) -> AccountSeen {
    let authority = CoreAuthority::Collection(collection);
    let asset = CoreAsset { owner: pubkey(1), authority, name: format!("{number}"), uri: String::new() };
    asset.at(pubkey(number), slot).seen()
}

fn collection(address: Pubkey, authority: Pubkey, slot: u64) -> AccountSeen {
    let collection =
        CoreCollection { authority, name: "All".to_owned(), uri: String::new(), minted: 1, size: 1 };
    at(address, CoreAsset::PROGRAM, collection.data(), slot).seen()
}

/// How many assets of MPL Core have this authority.
async fn shown(database: &Database, authority: Pubkey) -> u64 {
    let bodies: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT body FROM asset").fetch_all(&mut database.connect().await).await.unwrap();
    let has = |body: &Vec<u8>| {
        let asset: Value = serde_json::from_slice(body).unwrap();
        asset["interface"] == "MplCoreAsset" && asset["authorities"][0]["address"] == authority.to_string()
    };
    bodies.iter().filter(|body| has(body)).count() as u64
}

/// All orders of these.
fn orders<T: Clone>(things: &[T]) -> Vec<Vec<T>> {
    let Some((first, others)) = things.split_first() else { return vec![Vec::new()] };
    let with_first = |order: Vec<T>| {
        (0..=order.len()).map(move |place| {
            let mut order = order.clone();
            order.insert(place, first.clone());
            order
        })
    };
    orders(others).into_iter().flat_map(with_first).collect()
}

/// Forms in which an account is of no asset any more.
fn elsewhere() -> [(&'static str, Vec<u8>); 4] {
    [
        (STRANGER, vec![1, 2, 3]),
        // A nonce, say.
        (SYSTEM, vec![7; 80]),
        // A multisig of SPL Token.
        (Mint::PROGRAM, vec![1; 355]),
        // A hash in the place of an asset of MPL Core.
        (CoreAsset::PROGRAM, [vec![2], vec![9; 32]].concat()),
    ]
}

/// Whatever an account becomes, it is not what it was: as if it had been closed, in any order of arrival.
#[tokio::test]
async fn an_account_that_goes_elsewhere_ends() {
    let world = World::new().await;
    let mut number = 100;
    for (program, data) in elsewhere() {
        let core = CoreAsset {
            owner: pubkey(1),
            authority: CoreAuthority::None,
            name: "Core".to_owned(),
            uri: String::new(),
        };
        for which in 0..4 {
            // Which account goes, and what is to be seen of that.
            let gone: fn(&Value) -> bool = match which {
                2 => |asset| asset["ownership"]["owner"] == "",
                1 => |asset| asset["burnt"] == false && asset["content"]["metadata"]["name"] == "Named",
                _ => |asset| asset["burnt"] == true,
            };
            let updates = |number: u64| {
                let accounts = nft(number);
                let (before, others) = match which {
                    3 => (core.at(pubkey(number * 10), 5), Vec::new()),
                    which => (accounts[which].clone(), accounts.to_vec()),
                };
                let later = AccountAt { slot: 7, ..before.clone() };
                let left = at(before.address, program, data.clone(), 9);
                let early = AccountAt { slot: 3, ..left.clone() };
                (others, [before, later, left, early])
            };
            let orders = orders(&[0, 1, 2, 3]);
            for order in orders {
                for together in [true, false] {
                    // Of an account of which nothing is known nothing is kept: something has to be first.
                    if !together && order[0] >= 2 {
                        continue;
                    }
                    number += 1;
                    let (others, updates) = updates(number);
                    let others = others.iter().filter(|other| other.address != updates[0].address);
                    world.write(others.map(AccountAt::seen)).await;
                    let updates = order.iter().map(|&at| updates[at].seen());
                    if together {
                        world.write(updates).await;
                    } else {
                        for update in updates {
                            world.write([update]).await;
                        }
                    }
                    let asset = world.asset(pubkey(number * 10)).await.unwrap();
                    assert!(gone(&asset), "{program}, account {which}, {order:?}, {together}: {asset:#}");
                }
            }
        }
    }
    // It may come back.
    world.write(nft(number).map(|account| AccountAt { slot: 20, ..account }.seen())).await;
    world.end().await;
}

#[tokio::test]
async fn accounts_of_others_leave_no_row() {
    let world = World::new().await;
    for (number, (program, data)) in (0..).zip(elsewhere()) {
        let written = world.write([at(pubkey(number), program, data, 5).seen()]).await;
        assert_eq!(written, ChainWritten::default());
    }
    assert_eq!(
        world.count("SELECT (SELECT count(*) FROM account) + (SELECT count(*) FROM chain_asset)").await,
        0
    );
    world.end().await;
}

/// More members than a page has get another authority; the process ends behind the first page.
#[tokio::test]
async fn a_large_collection_changes_page_by_page() {
    const MEMBERS: u64 = 2_300;
    let world = World::new().await;
    let (large, small) = (pubkey(10), pubkey(11));
    let [first, second, third] = [20, 21, 22].map(pubkey);
    world.write([collection(large, first, 5), collection(small, first, 5)]).await;
    world.write((0..MEMBERS).map(|number| member(1_000 + number, large, 6))).await;
    world.write([member(900, small, 6)]).await;
    assert_eq!(world.count("SELECT count(*) FROM remake_due").await, 0);
    let authorities = async |authority: Pubkey| shown(&world.database, authority).await;
    assert_eq!(authorities(first).await, MEMBERS + 1);

    let changes = batch([collection(small, second, 7), collection(large, second, 7)]);
    world.store.write_chain_batch(&changes, &compose).await.unwrap();
    assert_eq!(authorities(first).await, MEMBERS + 1, "the batch itself touches no member");
    let page = world.store.remake_due(&compose).await.unwrap().unwrap();
    assert_eq!((page.updated, authorities(second).await), (1_000, 1_000));
    // What is due is no fault, and it is not forgotten: nobody says that all is in before it is.
    consistency::check(&world.database).await;
    let World { database, store } = world;
    store.close().await;
    let world = World { store: database.store(), database };
    // Meanwhile it changes again, and one member besides.
    world
        .store
        .write_chain_batch(&batch([collection(large, third, 8), member(1_001, large, 8)]), &compose)
        .await
        .unwrap();
    let watermark = ChainBatch { watermark: Some(Slot::new(8).unwrap()), ..ChainBatch::default() };
    world.store.write_chain_batch(&watermark, &compose).await.unwrap();
    assert_eq!(world.count("SELECT count(*) FROM remake_due").await, 0);
    assert_eq!(world.count("SELECT slot FROM watermark WHERE source = 'ingest'").await, 8);
    let authorities = async |authority: Pubkey| shown(&world.database, authority).await;
    assert_eq!(
        (authorities(first).await, authorities(second).await, authorities(third).await),
        (0, 1, MEMBERS)
    );
    world.end().await;
}
