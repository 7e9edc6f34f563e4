//! What accounts and trees go through, and what is left of their assets: other programs take accounts over, trees are made
//! again, and collections have more members than a transaction should touch.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::Value;
use vitrine_ingest::decode::bubblegum::asset_id;
use vitrine_ingest::normalise::compose;
use vitrine_ingest::normalise::leaf::{
    Fate, LeafCollection, LeafEvent, LeafMetadata, LeafState, LeafStateV2,
};
use vitrine_ingest::verify::verify;
use vitrine_model::merkle::{Hash, empty, parent};
use vitrine_model::{Pubkey, Slot};
use vitrine_store::{AccountSeen, ChainBatch, ChainWritten, Store, TreeChange};
use vitrine_tests::accounts::{
    AccountAt, CoreAsset, CoreAuthority, CoreCollection, Metadata, Mint, TokenAccount,
};
use vitrine_tests::assets::{self, pubkey};
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
        body.map(|body| serde_json::from_slice(&assets::body(&body)).unwrap())
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

/// A tree as its program keeps it.
struct Tree {
    address: Pubkey,
    depth: u8,
    nodes: HashMap<u64, Hash>,
    seq: u64,
}

impl Tree {
    /// One of depth 2.
    fn new(address: Pubkey) -> Self {
        Self::deep(address, 2)
    }

    fn deep(address: Pubkey, depth: u8) -> Self {
        Self { address, depth, nodes: HashMap::new(), seq: 0 }
    }

    fn node(&self, node: u64) -> Hash {
        let level = self.depth - u8::try_from(node.ilog2()).unwrap();
        self.nodes.get(&node).copied().unwrap_or_else(|| empty(level).unwrap())
    }

    /// The next change: of a leaf to this hash.
    fn set(&mut self, slot: u64, leaf: u64, hash: Hash) -> TreeChange {
        let mut path = vec![hash];
        let mut node = (1 << self.depth) + leaf;
        self.nodes.insert(node, hash);
        while node > 1 {
            node /= 2;
            let above = parent(&self.node(2 * node), &self.node(2 * node + 1));
            self.nodes.insert(node, above);
            path.push(above);
        }
        self.seq += 1;
        TreeChange {
            tree: self.address,
            program: pubkey(3),
            seq: self.seq - 1,
            leaf_index: leaf,
            slot: Slot::new(slot).unwrap(),
            signature: [u8::try_from(slot).unwrap(); 64],
            asset_id: None,
            instruction: None,
            event: None,
            inherits: None,
            path,
        }
    }

    /// An instruction on a leaf that makes it this one's.
    fn run(&mut self, slot: u64, name: &str, leaf: u64, owner: Pubkey) -> TreeChange {
        let burns = name == "BurnV2";
        let hash = if burns { [0; 32] } else { [u8::try_from(slot).unwrap(); 32] };
        let change = self.set(slot, leaf, hash);
        let of_hash = Pubkey::from_bytes;
        let state = LeafState {
            owner,
            delegate: owner,
            nonce: leaf,
            data_hash: of_hash([1; 32]),
            creator_hash: of_hash([2; 32]),
            hash: of_hash(hash),
            v2: None,
        };
        let metadata = LeafMetadata {
            name: format!("Minted in {slot}"),
            symbol: String::new(),
            uri: String::new(),
            seller_fee_basis_points: 0,
            primary_sale_happened: false,
            is_mutable: true,
            creators: Vec::new(),
            collection: None,
            edition_nonce: None,
            uses: None,
        };
        let event = LeafEvent {
            leaf: Some(state),
            metadata: name.starts_with("Mint").then_some(metadata),
            authority: None,
            fate: Some(if burns { Fate::Burnt } else { Fate::InTree }),
        };
        TreeChange {
            asset_id: asset_id(self.address, leaf),
            instruction: Some(name.to_owned()),
            event: Some(serde_json::to_string(&event).unwrap()),
            ..change
        }
    }
}

/// The same change, of a leaf of version 2 that owes what its collection says.
fn inheriting(change: TreeChange, collection: Pubkey) -> TreeChange {
    let mut event: LeafEvent = serde_json::from_str(change.event.as_deref().unwrap()).unwrap();
    let hash = Pubkey::from_bytes([4; 32]);
    let v2 = LeafStateV2 { collection_hash: hash, asset_data_hash: hash, flags: 0 };
    event.leaf = event.leaf.map(|leaf| LeafState { v2: Some(v2), ..leaf });
    let inherits = event.metadata.is_some().then_some(collection);
    event.metadata = event.metadata.map(|metadata| LeafMetadata {
        seller_fee_basis_points: u16::MAX,
        collection: Some(LeafCollection { key: collection, verified: true }),
        ..metadata
    });
    TreeChange { event: Some(serde_json::to_string(&event).unwrap()), inherits, ..change }
}

/// A collection of MPL Core with royalties.
fn with_royalties(address: Pubkey, basis_points: u16, slot: u64) -> AccountSeen {
    let collection = CoreCollection {
        authority: pubkey(9),
        name: "All".to_owned(),
        uri: String::new(),
        minted: 1,
        size: 1,
    };
    let mut data = collection.data();
    let place = data.len() as u64 + 9;
    // The plugin of number 0: its share, nobody who gets it, no rules.
    let plugin = [vec![0], basis_points.to_le_bytes().to_vec(), vec![0; 5]].concat();
    data.push(3);
    data.extend((place + plugin.len() as u64).to_le_bytes());
    data.extend(plugin);
    // The registry: one plugin, of the update authority; none that is external.
    data.extend([4, 1, 0, 0, 0, 0, 2]);
    data.extend(place.to_le_bytes());
    data.extend([0; 4]);
    at(address, CoreAsset::PROGRAM, data, slot).seen()
}

/// How many assets of MPL Core have this authority.
async fn shown(database: &Database, authority: Pubkey) -> u64 {
    let bodies: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT body FROM asset").fetch_all(&mut database.connect().await).await.unwrap();
    let has = |body: &Vec<u8>| {
        let asset: Value = serde_json::from_slice(&assets::body(body)).unwrap();
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
        // Each form with a mint, each account with the first form.
        for which in if program == STRANGER { 0..4 } else { 0..1 } {
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

/// Changes of one account that wait are one pass over those who share it; one that somebody is at does not count for them.
#[tokio::test]
async fn changes_that_wait_are_one_pass() {
    const DUE: &str = "SELECT count(*) FROM remake_due";
    let world = World::new().await;
    let large = pubkey(10);
    world.write([collection(large, pubkey(20), 5)]).await;
    world.write((0..3).map(|number| member(1_000 + number, large, 6))).await;
    let change = async |slot: u64| {
        let changes = batch([collection(large, pubkey(20 + slot), slot)]);
        world.store.write_chain_batch(&changes, &compose).await.unwrap();
    };
    for slot in 7..12 {
        change(slot).await;
        assert_eq!(world.count(DUE).await, 1);
    }
    // Somebody has taken it, and may have read what is made anew: the next change is not in it.
    let mut connection = world.database.connect().await;
    sqlx::raw_sql("BEGIN; SELECT FROM remake_due FOR UPDATE").execute(&mut connection).await.unwrap();
    for slot in 12..15 {
        change(slot).await;
        assert_eq!(world.count(DUE).await, 2);
    }
    sqlx::raw_sql("ROLLBACK").execute(&mut connection).await.unwrap();
    // One that has begun made its first assets of what was there before.
    sqlx::raw_sql(
        "DELETE FROM remake_due WHERE remake_id = (SELECT max(remake_id) FROM remake_due);
                   UPDATE remake_due SET after = '\\x00'",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    for slot in 15..18 {
        change(slot).await;
        assert_eq!(world.count(DUE).await, 2);
    }
    while world.store.remake_due(&compose).await.unwrap().is_some() {}
    assert_eq!((world.count(DUE).await, shown(&world.database, pubkey(37)).await), (0, 3));
    world.end().await;
}

/// A tree is closed when it is empty, and made again at its address: its assets have the ids of those before.
#[tokio::test]
async fn a_tree_that_is_made_again_begins_anew() {
    let world = World::new().await;
    let mut random = StdRng::seed_from_u64(11);
    let [alice, bob, carol] = [1, 2, 3].map(pubkey);
    for number in 0..40 {
        let address = pubkey(1_000 + number);
        let mut tree = Tree::new(address);
        let mut changes = vec![tree.set(10, 0, [0; 32])];
        changes.extend(
            [("MintV2", 0, 11), ("TransferV2", 0, 12), ("MintV2", 1, 13)]
                .map(|(name, leaf, slot)| tree.run(slot, name, leaf, alice)),
        );
        changes.extend([(1, 14), (0, 15)].map(|(leaf, slot)| tree.run(slot, "BurnV2", leaf, alice)));
        assert_eq!(tree.node(1), empty(2).unwrap());
        let mut tree = Tree::new(address);
        changes.push(tree.set(20, 0, [0; 32]));
        changes.push(tree.run(21, "MintV2", 0, bob));
        changes.push(tree.run(22, "TransferV2", 0, carol));
        if number > 0 {
            changes.shuffle(&mut random);
        }
        while !changes.is_empty() {
            let part = changes.split_off(changes.len() - random.random_range(1..=changes.len().min(4)));
            let batch = ChainBatch { tree_changes: part, ..ChainBatch::default() };
            world.store.write_chain(&batch, &compose).await.unwrap();
        }
        let [again, gone] = [0, 1].map(|leaf| asset_id(address, leaf).unwrap());
        let asset = world.asset(again).await.unwrap();
        assert_eq!(asset["ownership"]["owner"], carol.to_string(), "{number}");
        assert_eq!(asset["content"]["metadata"]["name"], "Minted in 21", "{number}");
        assert_eq!((&asset["burnt"], &asset["compression"]["seq"]), (&false.into(), &2.into()), "{number}");
        assert_eq!(world.asset(gone).await.unwrap()["burnt"], true, "{number}");
        let proofs = world.store.proofs(&[again, gone]).await.unwrap().proofs;
        assert_eq!((proofs.len(), proofs[&again].root), (1, tree.node(1)), "{number}");
    }
    // No gaps either: each life has all its numbers.
    let report = verify(&world.store, &mut |_| {}).await.unwrap();
    assert!(report.found.is_empty() && report.nodes > 0, "{:?}", report.found);
    world.end().await;
}

/// A tree may be made again with another depth: whatever comes first, the newest life counts, and its nodes are its own.
#[tokio::test]
async fn a_tree_may_be_made_again_with_another_depth() {
    let mut random = StdRng::seed_from_u64(12);
    let [alice, bob] = [1, 2].map(pubkey);
    let address = pubkey(1_000);
    for depths in [[3, 4], [4, 3]] {
        let mut tree = Tree::deep(address, depths[0]);
        // The last leaf: in the deeper tree it is outside of the other one.
        let last = (1 << depths[0]) - 1;
        let mut changes = vec![tree.set(10, 0, [0; 32])];
        changes.extend(
            [("MintV2", 0, 11), ("MintV2", last, 12), ("BurnV2", 0, 13), ("BurnV2", last, 14)]
                .map(|(name, leaf, slot)| tree.run(slot, name, leaf, alice)),
        );
        assert_eq!(tree.node(1), empty(depths[0]).unwrap());
        let mut tree = Tree::deep(address, depths[1]);
        changes.push(tree.set(20, 0, [0; 32]));
        changes.extend(
            [("MintV2", 0, 21), ("MintV2", 1, 22), ("TransferV2", 0, 23)]
                .map(|(name, leaf, slot)| tree.run(slot, name, leaf, bob)),
        );
        let [again, gone] = [0, last].map(|leaf| asset_id(address, leaf).unwrap());
        let mut tables: Option<Vec<String>> = None;
        for order in 0..6 {
            match order {
                0 => {}
                1 => changes.reverse(),
                _ => changes.shuffle(&mut random),
            }
            let world = World::new().await;
            for change in &changes {
                let batch = ChainBatch { tree_changes: vec![change.clone()], ..ChainBatch::default() };
                world.store.write_chain(&batch, &compose).await.unwrap();
            }
            let found = world.store.proofs(&[again, gone]).await.unwrap();
            assert!(found.unsound.is_empty(), "{depths:?}, {order}: {:?}", found.unsound);
            assert_eq!(found.proofs.len(), 1, "{depths:?}, {order}");
            let proof = &found.proofs[&again];
            assert_eq!((proof.root, proof.siblings.len()), (tree.node(1), usize::from(depths[1])));
            let rows: Vec<String> = sqlx::query_scalar(
                "SELECT to_jsonb(tree)::text FROM tree UNION ALL SELECT to_jsonb(tree_node)::text FROM tree_node
                 UNION ALL SELECT to_jsonb(tree_change)::text FROM tree_change ORDER BY 1",
            )
            .fetch_all(&mut world.database.connect().await)
            .await
            .unwrap();
            assert_eq!(tables.get_or_insert_with(|| rows.clone()), &rows, "{depths:?}, {order}");
            let report = verify(&world.store, &mut |_| {}).await.unwrap();
            assert!(report.found.is_empty() && report.nodes > 0, "{depths:?}, {order}: {:?}", report.found);
            world.end().await;
        }
    }
}

/// Two writers go over one tree at the same time, and what they tell overlaps: each waits for the other one's row of the tree,
/// and none holds what the other one needs.
#[tokio::test]
async fn writers_of_a_tree_do_not_block_each_other() {
    const ROUNDS: u64 = 60;
    let world = World::new().await;
    let others = [world.database.store(), world.database.store()];
    let address = pubkey(1_000);
    let mut tree = Tree::new(address);
    // Signatures are of the slot, and all changes of one round are of one slot.
    let rounds: Vec<Vec<TreeChange>> =
        (1..=ROUNDS).map(|slot| (0..6).map(|leaf| tree.set(slot, leaf % 4, [7; 32])).collect()).collect();
    for round in &rounds {
        let of = |places: &[usize]| ChainBatch {
            tree_changes: places.iter().map(|&place| round[place].clone()).collect(),
            ..ChainBatch::default()
        };
        // The last one is there; one writer goes over it again, and the other one notes what is missing in front of it.
        world.store.write_chain(&of(&[5]), &compose).await.unwrap();
        let [again, before] = [of(&[1, 5]), of(&[0, 2, 4])];
        let (one, other) =
            tokio::join!(others[0].write_chain(&again, &compose), others[1].write_chain(&before, &compose));
        one.unwrap();
        other.unwrap();
        assert_eq!(
            world.count("SELECT coalesce(sum(missing), 0)::bigint FROM tree_change").await,
            1,
            "the fourth one of the round"
        );
        world.store.write_chain(&of(&[3]), &compose).await.unwrap();
    }
    assert_eq!(world.store.gap_totals().await.unwrap().changes, 0);
    for store in others {
        store.close().await;
    }
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(world.count(deadlocks).await, 0);
    world.end().await;
}

/// What one life of a tree does not tell of an asset, another one does not tell either.
#[tokio::test]
async fn lives_of_a_tree_are_not_mixed() {
    let world = World::new().await;
    let address = pubkey(1_000);
    let [alice, bob] = [1, 2].map(pubkey);
    let mut tree = Tree::new(address);
    let first =
        [tree.set(10, 0, [0; 32]), tree.run(11, "MintV2", 0, alice), tree.run(12, "BurnV2", 0, alice)];
    let mut tree = Tree::new(address);
    let making = tree.set(20, 0, [0; 32]);
    let [mint, transfer] =
        [(21, "MintV2"), (22, "TransferV2")].map(|(slot, name)| tree.run(slot, name, 0, bob));
    let id = asset_id(address, 0).unwrap();
    let write = async |changes: Vec<TreeChange>| {
        let batch = ChainBatch { tree_changes: changes, ..ChainBatch::default() };
        world.store.write_chain(&batch, &compose).await.unwrap();
        world.asset(id).await
    };
    assert_eq!(write(first.to_vec()).await.unwrap()["burnt"], true);
    // What it is called now, nobody has said.
    assert_eq!(write(vec![making, transfer]).await, None);
    let minted = write(vec![mint]).await.unwrap();
    assert_eq!(minted["content"]["metadata"]["name"], "Minted in 21");
    world.end().await;
}

/// A leaf may owe what its collection says: that is shown, whichever of the two is seen first, and when it changes.
#[tokio::test]
async fn a_leaf_owes_what_its_collection_says() {
    let world = World::new().await;
    let write = async |changes: &[TreeChange], accounts: Vec<AccountSeen>| {
        let batch = ChainBatch { tree_changes: changes.to_vec(), accounts, ..ChainBatch::default() };
        world.store.write_chain(&batch, &compose).await.unwrap();
    };
    for (number, leaf_first) in [(0, true), (1, false)] {
        let (address, all) = (pubkey(1_000 + number), pubkey(2_000 + number));
        let mut tree = Tree::new(address);
        let minted = [tree.set(10, 0, [0; 32]), inheriting(tree.run(11, "MintV2", 0, pubkey(1)), all)];
        let moved = [inheriting(tree.run(14, "TransferV2", 0, pubkey(2)), all)];
        let royalty = async || {
            let asset = world.asset(asset_id(address, 0).unwrap()).await.unwrap();
            let royalty = &asset["royalty"];
            assert_eq!(
                (&royalty["sfbp_inherited"], &royalty["basis_points_raw"]),
                (&true.into(), &65_535.into())
            );
            royalty["basis_points"].as_u64().unwrap()
        };
        if leaf_first {
            write(&minted, Vec::new()).await;
            assert_eq!(royalty().await, 0, "nobody knows yet");
            write(&[], vec![with_royalties(all, 250, 5)]).await;
        } else {
            write(&[], vec![with_royalties(all, 250, 5)]).await;
            write(&minted, Vec::new()).await;
        }
        assert_eq!(royalty().await, 250);
        write(&moved, Vec::new()).await;
        assert_eq!(royalty().await, 250, "a transfer says nothing of it");
        write(&[], vec![with_royalties(all, 400, 6)]).await;
        assert_eq!(royalty().await, 400);
        write(&[], vec![with_royalties(all, 300, 4)]).await;
        assert_eq!(royalty().await, 400, "what is older says nothing");
        write(&[], vec![collection(all, pubkey(9), 7)]).await;
        assert_eq!(royalty().await, 0, "it has none any more");
    }
    world.end().await;
}
