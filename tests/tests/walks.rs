//! Walking a list gives each member once, in order, whichever way it is walked.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use vitrine_model::Pubkey;
use vitrine_store::Store;
use vitrine_tests::assets::{self, pubkey};
use vitrine_tests::client::make_key;
use vitrine_tests::{AssetSpec, Client, Database, Server};

const SORTS: [&str; 4] = ["id", "created", "updated", "recent_action"];

/// A member as chance made it.
#[derive(Debug, Clone)]
struct Member {
    created: u64,
    updated: u64,
    /// Its membership in the collection, and of the creator: none, unverified, verified.
    membership: Option<bool>,
    burnt: bool,
    compressed: bool,
}

fn member() -> impl Strategy<Value = Member> {
    // Few slots, so that ties are common.
    let membership = prop_oneof![1 => Just(None), 2 => Just(Some(false)), 6 => Just(Some(true))];
    (0_u64..6, 0_u64..6, membership, prop::bool::weighted(0.1), prop::bool::weighted(0.3)).prop_map(
        |(created, updated, membership, burnt, compressed)| Member {
            created,
            updated,
            membership,
            burnt,
            compressed,
        },
    )
}

/// Which list is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Group,
    Creator,
    Authority,
    Owner,
}

#[derive(Debug, Clone)]
struct Walk {
    members: Vec<Member>,
    sort: &'static str,
    direction: &'static str,
    limit: usize,
    unverified: bool,
    by: By,
    /// Options that change what items show and must not change which there are.
    shown: [bool; 3],
}

fn walk() -> impl Strategy<Value = Walk> {
    (
        prop::collection::vec(member(), 0..60),
        prop::sample::select(SORTS.to_vec()),
        prop::sample::select(vec!["asc", "desc"]),
        prop_oneof![3 => 1_usize..12, 1 => Just(1_000)],
        any::<bool>(),
        prop_oneof![3 => Just(By::Group), 2 => Just(By::Creator), 1 => Just(By::Authority), 1 => Just(By::Owner)],
        any::<[bool; 3]>(),
    )
        .prop_map(|(members, sort, direction, limit, unverified, by, shown)| Walk {
            members,
            sort,
            direction,
            limit,
            unverified,
            by,
            shown,
        })
}

/// A server with a database, and a key without a limit.
struct World {
    runtime: Runtime,
    store: Store,
    client: Client,
    key: String,
    numbers: AtomicU64,
    _server: Server,
    _database: Database,
}

impl World {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let (database, server, store, key) = runtime.block_on(async {
            let database = Database::new().await;
            let server = Server::start(&database, &[]);
            let store = database.store();
            let key = make_key(&store, "enterprise", None).await.0;
            (database, server, store, key)
        });
        let client = server.client();
        Self { runtime, store, client, key, numbers: AtomicU64::new(1), _server: server, _database: database }
    }

    fn numbers(&self, count: usize) -> u64 {
        self.numbers.fetch_add(u64::try_from(count).unwrap() + 10, Ordering::Relaxed)
    }
}

/// The list of one walk: how to ask for it.
struct List<'w> {
    client: &'w Client,
    key: &'w str,
    method: &'static str,
    params: Value,
}

impl List<'_> {
    async fn page(&self, more: Value) -> Value {
        let mut params = self.params.clone();
        for (name, value) in more.as_object().unwrap() {
            params[name] = value.clone();
        }
        self.client.result(self.key, self.method, params).await
    }

    async fn by_number(&self) -> Vec<String> {
        let mut all = Vec::new();
        for page in 1.. {
            let ids = ids(&self.page(json!({ "page": page })).await);
            if ids.is_empty() {
                return all;
            }
            all.extend(ids);
        }
        unreachable!()
    }

    async fn by_cursor(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let page = self.page(json!({ "cursor": cursor })).await;
            let ids = ids(&page);
            assert_eq!(page.get("cursor").is_none(), ids.is_empty(), "a page has a cursor if it has an item");
            if ids.is_empty() {
                return all;
            }
            all.extend(ids);
            cursor = page["cursor"].clone();
        }
    }

    /// From bound to bound, in one direction.
    async fn by_range(&self, bound: &str) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        // All ids lie between these two, which are none.
        let mut last = Pubkey::from_bytes([if bound == "after" { 0 } else { 255 }; 32]).to_string();
        loop {
            let page = self.page(json!({ bound: last })).await;
            assert_eq!(page[bound], last.as_str(), "the bound is echoed");
            assert!(page.get("cursor").is_none(), "a range page has no cursor");
            let ids = ids(&page);
            let Some(next) = ids.last() else { return all };
            last.clone_from(next);
            all.extend(ids);
        }
    }
}

fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    assert_eq!(page["total"], items.len());
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// What the list is, by a plain filter and sort.
fn expected(specs: &[AssetSpec], walk: &Walk) -> Vec<String> {
    let mut members: Vec<&AssetSpec> = specs
        .iter()
        .filter(|spec| !spec.burnt || spec.compressed)
        .filter(|spec| match walk.by {
            By::Group => spec.collection.is_some_and(|(_, verified)| verified || walk.unverified),
            By::Creator => spec.creator.is_some_and(|(_, verified)| verified || walk.unverified),
            By::Authority | By::Owner => true,
        })
        .collect();
    members.sort_by_key(|spec| match walk.sort {
        "id" => (0, spec.id),
        "created" => (spec.slot_created, spec.id),
        _ => (spec.slot_updated, spec.id),
    });
    if walk.direction == "desc" {
        members.reverse();
    }
    members.iter().map(|spec| spec.id.to_string()).collect()
}

#[test]
fn every_walk_equals_a_plain_filter() {
    let world = World::new();
    let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    runner
        .run(&walk(), |walk| {
            world.runtime.block_on(check(&world, &walk));
            Ok(())
        })
        .unwrap();
}

async fn check(world: &World, walk: &Walk) {
    let first = world.numbers(walk.members.len());
    let (collection, somebody) = (pubkey(1 << 40 | first), pubkey(1 << 41 | first));
    let specs: Vec<AssetSpec> = (first..)
        .zip(&walk.members)
        .map(|(number, member)| AssetSpec {
            slot_created: member.created,
            slot_updated: member.updated,
            collection: member.membership.map(|verified| (collection, verified)),
            authority: Some(somebody),
            creator: member.membership.map(|verified| (somebody, verified)),
            owner: Some(somebody),
            burnt: member.burnt,
            compressed: member.compressed,
            ..AssetSpec::new(pubkey(number))
        })
        .collect();
    assets::write(&world.store, &specs).await;
    let expected = expected(&specs, walk);
    let mut params = json!({
        "sortBy": { "sortBy": walk.sort, "sortDirection": walk.direction },
        "limit": walk.limit,
        "options": {
            "showUnverifiedCollections": walk.unverified, "showGrandTotal": true,
            "showCollectionMetadata": walk.shown[0], "showFungible": walk.shown[1], "showInscription": walk.shown[2],
        },
    });
    let (method, named) = match walk.by {
        By::Group => {
            ("getAssetsByGroup", json!({ "groupKey": "collection", "groupValue": collection.to_string() }))
        }
        By::Creator => {
            let only_verified = !walk.unverified;
            let address = somebody.to_string();
            ("getAssetsByCreator", json!({ "creatorAddress": address, "onlyVerified": only_verified }))
        }
        By::Authority => ("getAssetsByAuthority", json!({ "authorityAddress": somebody.to_string() })),
        By::Owner => ("getAssetsByOwner", json!({ "ownerAddress": somebody.to_string() })),
    };
    params.as_object_mut().unwrap().extend(named.as_object().unwrap().clone());
    let list = List { client: &world.client, key: &world.key, method, params };
    if expected.is_empty() {
        let reply = world.client.call(&world.key, method, list.params.clone()).await;
        assert!(reply.status == 404 || reply.json()["result"]["total"] == 0, "{}", reply.text);
        return;
    }
    let first_page = list.page(json!({ "page": 1 })).await;
    assert_eq!(first_page["grand_total"], expected.len());
    assert_eq!(list.by_number().await, expected, "by number");
    assert_eq!(list.by_cursor().await, expected, "by cursor");
    if walk.sort == "id" {
        let (along, against) =
            if walk.direction == "asc" { ("after", "before") } else { ("before", "after") };
        assert_eq!(list.by_range(along).await, expected, "by range");
        // Against the direction a bound cuts off the far end: a page shows the beginning of what is left.
        let middle = &expected[expected.len() / 2];
        let page = list.page(json!({ against: middle })).await;
        let left: Vec<String> = expected[..expected.len() / 2].iter().take(walk.limit).cloned().collect();
        assert_eq!(ids(&page), left, "the other bound");
    }
}

/// While others enter and leave, a walk has no member twice and misses none that was there throughout.
#[test]
fn walks_while_members_come_and_go() {
    let world = World::new();
    let collection = pubkey(1 << 40);
    let of = |number: u64, there: bool| AssetSpec {
        slot_created: number % 7,
        slot_updated: number % 5,
        collection: there.then_some((collection, true)),
        ..AssetSpec::new(pubkey(number))
    };
    let steady: Vec<AssetSpec> = (1..401).map(|number| of(number, true)).collect();
    world.runtime.block_on(assets::write(&world.store, &steady));
    let steady: BTreeSet<String> = steady.iter().map(|spec| spec.id.to_string()).collect();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (world, stop) = (&world, &stop);
        // Also when an assertion fails: the scope waits for the writer.
        let ends = Ends(stop);
        let writer = scope.spawn(move || {
            let mut rounds = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                rounds += 1;
                let coming_and_going: Vec<AssetSpec> = (1_000..1_200)
                    .map(|number| AssetSpec {
                        slot_updated: 10 + rounds,
                        ..of(number, !(number + rounds).is_multiple_of(3))
                    })
                    .collect();
                world.runtime.block_on(assets::write(&world.store, &coming_and_going));
            }
            rounds
        });
        for sort in ["id", "created", "updated"] {
            for direction in ["asc", "desc"] {
                let params = json!({
                    "groupKey": "collection", "groupValue": collection.to_string(), "limit": 17,
                    "sortBy": { "sortBy": sort, "sortDirection": direction },
                });
                let list =
                    List { client: &world.client, key: &world.key, method: "getAssetsByGroup", params };
                let walked = world.runtime.block_on(list.by_cursor());
                whole(&walked, &steady, sort != "updated", &format!("{sort} {direction} by cursor"));
                if sort == "id" {
                    let bound = if direction == "asc" { "after" } else { "before" };
                    let walked = world.runtime.block_on(list.by_range(bound));
                    whole(&walked, &steady, true, &format!("{direction} by range"));
                }
            }
        }
        drop(ends);
        assert!(writer.join().unwrap() > 1, "nobody wrote meanwhile");
    });
}

struct Ends<'s>(&'s AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// `all_once`: also those that come and go are there at most once. By `updated` these may move ahead of the
/// walk and be met again; the steady ones may not.
fn whole(walked: &[String], steady: &BTreeSet<String>, all_once: bool, what: &str) {
    let met: Vec<&String> = walked.iter().filter(|id| all_once || steady.contains(*id)).collect();
    let once: HashSet<&String> = met.iter().copied().collect();
    assert_eq!(once.len(), met.len(), "{what}: a member twice");
    let missed: Vec<&String> = steady.iter().filter(|id| !once.contains(id)).collect();
    assert!(missed.is_empty(), "{what}: missed {missed:?}");
}
