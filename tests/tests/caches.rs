//! A server that keeps what it has read answers what one answers that keeps nothing: the same bytes, whatever was
//! written in between, however small its memory is, and in every encoding.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::read::GzDecoder;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use vitrine_encoding::{Encoding, Piece, Stream};
use vitrine_model::Pubkey;
use vitrine_store::{
    AssetsPlan, CacheSettings, Direction, Display, ListPage, ListPlan, ListRef, Sort, Start, Store,
};
use vitrine_tests::assets::{self, pubkey};
use vitrine_tests::client::make_key;
use vitrine_tests::raw::{self, Raw, RawReply};
use vitrine_tests::{AssetSpec, Database, Server};

const MEMBERS: u64 = 300;
const ROUNDS: usize = 12;
const CALLS_A_ROUND: usize = 60;

/// Servers on one database, by the bodies, places and pages that they keep. The first one keeps nothing.
const SERVERS: [(&str, [&str; 3]); 5] = [
    ("nothing", ["0", "0", "0"]),
    ("everything", ["100000000", "1000000", "16777216"]),
    ("some of each", ["60000", "2048", "4096"]),
    ("places alone", ["0", "1000000", "0"]),
    ("no pages", ["100000000", "1000000", "0"]),
];

/// Starts them all.
fn start_all(database: &Database) -> [(&'static str, Server); 5] {
    SERVERS.map(|(name, [bodies, places, pages])| {
        let settings = [
            ("VITRINE_CACHE_BODY_BYTES_MAX", bodies),
            ("VITRINE_CACHE_PLACES_MAX", places),
            ("VITRINE_CACHE_PAGE_BYTES_MAX", pages),
        ];
        (name, Server::start(database, &settings))
    })
}

fn random_spec(number: u64, chance: &mut StdRng) -> AssetSpec {
    AssetSpec {
        slot_created: chance.random_range(0..8),
        slot_updated: chance.random_range(0..1_000),
        collection: chance.random_bool(0.9).then(|| (pubkey(1 << 40), chance.random_bool(0.8))),
        // What changes the bytes of an asset that stays where it is.
        authority: Some(pubkey(2 << 40 | chance.random_range(0..3))),
        burnt: chance.random_bool(0.05),
        // Some are kept as they are and compressed each time.
        described: if number.is_multiple_of(90) { 70_000 } else { 0 },
        ..AssetSpec::new(pubkey(number))
    }
}

/// A method and what it is called with.
fn random_call(chance: &mut StdRng) -> (&'static str, Value) {
    match chance.random_range(0..10) {
        0..3 => ("getAssets", random_ids(chance)),
        3 => {
            let id = pubkey(chance.random_range(0..MEMBERS + 5)).to_string();
            ("getAsset", json!({ "id": id, "options": random_options(chance) }))
        }
        _ => ("getAssetsByGroup", random_params(chance)),
    }
}

/// Ids in any order, some of them twice, some of nobody.
fn random_ids(chance: &mut StdRng) -> Value {
    let count = *[0, 1, 2, 20, 400].choose(chance).unwrap();
    let ids: Vec<String> =
        (0..count).map(|_| pubkey(chance.random_range(0..MEMBERS + 30)).to_string()).collect();
    json!({ "ids": ids, "options": random_options(chance) })
}

fn random_options(chance: &mut StdRng) -> Value {
    json!({
        "showUnverifiedCollections": chance.random_bool(0.2),
        "showCollectionMetadata": chance.random_bool(0.2),
        "showFungible": chance.random_bool(0.2),
    })
}

fn random_params(chance: &mut StdRng) -> Value {
    let limit = *[1, 7, 50, 1_000].choose(chance).unwrap();
    let sort = *["id", "created", "updated"].choose(chance).unwrap();
    let direction = *["asc", "desc"].choose(chance).unwrap();
    let mut params = json!({
        "groupKey": "collection", "groupValue": pubkey(1 << 40).to_string(), "limit": limit,
        "sortBy": { "sortBy": sort, "sortDirection": direction },
        "options": {
            "showGrandTotal": true,
            "showUnverifiedCollections": chance.random_bool(0.3),
            "showCollectionMetadata": chance.random_bool(0.2),
            "showFungible": chance.random_bool(0.2),
        },
    });
    if chance.random_bool(0.8) {
        params["page"] = chance.random_range(1..=MEMBERS / limit + 2).into();
    }
    params
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_changes_no_answer() {
    let database = Database::new().await;
    let store = database.store();
    let key = make_key(&store, "enterprise", None).await.0;
    let servers = start_all(&database);
    let mut chance = StdRng::seed_from_u64(20_261_121);
    for round in 0..ROUNDS {
        // The collection shows another description each time; at first it is no asset, and then now and then its own member.
        let collection = AssetSpec {
            described: 10 * round,
            collection: (round % 2 == 0).then_some((pubkey(1 << 40), true)),
            ..AssetSpec::new(pubkey(1 << 40))
        };
        let changed: Vec<AssetSpec> = (0..MEMBERS)
            .filter(|_| round == 0 || chance.random_bool(0.1))
            .collect::<Vec<_>>()
            .into_iter()
            .map(|number| AssetSpec {
                slot_updated: 1_000 * round as u64 + chance.random_range(0..1_000),
                ..random_spec(number, &mut chance)
            })
            .chain((round > 2).then_some(AssetSpec { slot_updated: 1_000 * round as u64, ..collection }))
            .collect();
        assets::write(&store, &changed).await;
        for _ in 0..CALLS_A_ROUND {
            let call = random_call(&mut chance);
            // An answer of the first door has members that are spliced in, one of the second has none.
            let path =
                [format!("/?api-key={key}"), format!("/v3/{key}")].choose(&mut chance).unwrap().clone();
            let encoding = *["identity", "gzip", "zstd"].choose(&mut chance).unwrap();
            same(&servers, &path, &call, encoding).await;
        }
    }
}

/// Pages with unverified members are read from two lists as one: places are not those of before once there is a
/// second one.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_comes_later_moves_the_pages() {
    let database = Database::new().await;
    let store = database.store();
    let key = make_key(&store, "enterprise", None).await.0;
    let servers = start_all(&database);
    let members = |numbers: std::ops::Range<u64>, verified| -> Vec<AssetSpec> {
        let spec = |number| AssetSpec {
            collection: Some((pubkey(1 << 40), verified)),
            ..AssetSpec::new(pubkey(number))
        };
        numbers.map(spec).collect()
    };
    assets::write(&store, &members(0..MEMBERS, true)).await;
    let page = |page: u64, sort: &str| {
        let params = json!({
            "groupKey": "collection", "groupValue": pubkey(1 << 40).to_string(), "limit": 20, "page": page,
            "sortBy": { "sortBy": sort }, "options": { "showGrandTotal": true, "showUnverifiedCollections": true },
        });
        ("getAssetsByGroup", params)
    };
    let path = format!("/?api-key={key}");
    for sort in ["id", "created", "updated"] {
        for number in 1..=3 {
            // Often enough to be remembered.
            for _ in 0..3 {
                same(&servers, &path, &page(number, sort), "identity").await;
            }
        }
    }
    assets::write(&store, &members(MEMBERS..MEMBERS + 90, false)).await;
    for sort in ["id", "created", "updated"] {
        for _ in 0..3 {
            same(&servers, &path, &page(3, sort), "identity").await;
        }
    }
}

/// Asks everybody and holds the answers against the first one's.
async fn same(
    servers: &[(&str, Server)],
    path: &str,
    (method, params): &(&'static str, Value),
    encoding: &str,
) {
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    let accepted = format!("accept-encoding: {encoding}");
    let request = raw::post(path, &[&accepted], call.as_bytes());
    let mut expected: Option<String> = None;
    for (name, server) in servers {
        let reply = decoded(&Raw::connect(server).await.exchange(&request).await);
        match &expected {
            None => {
                let unknown = *method == "getAsset" && reply.to_lowercase().contains("not found");
                assert!(reply.contains("\"result\"") || unknown, "{method} {params}: {reply}");
                expected = Some(reply);
            }
            Some(expected) => {
                let call = format!("{name}, {encoding}, {path} {method} {params}");
                assert!(*expected == reply, "{call}:\n{reply}\nnot\n{expected}");
            }
        }
    }
}

fn decoded(reply: &RawReply) -> String {
    let mut text = String::new();
    match reply.header("content-encoding") {
        // Decoders that end with the first member or frame: there must be no second one.
        "gzip" => drop(GzDecoder::new(reply.body.as_slice()).read_to_string(&mut text).unwrap()),
        "zstd" => {
            let decoder = zstd::Decoder::with_buffer(reply.body.as_slice()).unwrap().single_frame();
            { decoder }.read_to_string(&mut text).unwrap();
        }
        _ => text = reply.text(),
    }
    text
}

/// Far pages of a long list, before and after it has been surveyed, and after its members have changed.
#[tokio::test(flavor = "multi_thread")]
async fn far_pages_stay_right() {
    const LONG: u64 = 40_000;
    let database = Database::new().await;
    let store = database.store();
    let kept = database.store().with_cache(&CacheSettings::default());
    let authority = pubkey(2 << 40);
    let specs: Vec<AssetSpec> = (0..LONG).map(|number| member(number, number % 997, authority)).collect();
    assets::write(&store, &specs).await;
    let mut chance = StdRng::seed_from_u64(7);
    for round in 0..4 {
        for _ in 0..40 {
            let plan = far_page(authority, &mut chance);
            let (one, other) = (store.list(&plan).await.unwrap(), kept.list(&plan).await.unwrap());
            assert_eq!(shown(&one), shown(&other), "{plan:?}");
        }
        // One leaves, one changes, one comes.
        let changed = [
            AssetSpec { authority: None, slot_updated: 5_000, ..member(round, 0, authority) },
            member(1_000 + round, 6_000, authority),
            member(LONG + round, 7_000, authority),
        ];
        assets::write(&store, &changed).await;
    }
}

fn member(number: u64, slot: u64, authority: Pubkey) -> AssetSpec {
    AssetSpec {
        slot_created: slot,
        slot_updated: slot,
        authority: Some(authority),
        ..AssetSpec::new(pubkey(number))
    }
}

fn far_page(authority: Pubkey, chance: &mut StdRng) -> ListPlan {
    ListPlan {
        list: ListRef {
            kind: vitrine_model::ListKind::Authority,
            key: String::new(),
            value: authority.as_bytes().to_vec(),
        },
        unverified: false,
        sort: *[Sort::Id, Sort::Created, Sort::Updated].choose(chance).unwrap(),
        direction: *[Direction::Asc, Direction::Desc].choose(chance).unwrap(),
        start: Start::Offset(chance.random_range(0..41_000)),
        limit: 10,
        display: Display::default(),
        max_bytes: 1 << 20,
        encoding: Encoding::Identity,
    }
}

fn shown(page: &ListPage) -> (Option<u64>, u32, String, Option<vitrine_store::Position>) {
    (page.total, page.count, text(page.items.clone()), page.last)
}

fn text(items: Vec<Piece>) -> String {
    String::from_utf8(Stream::new(items.into(), Encoding::Identity).flatten().collect()).unwrap()
}

/// Assets that change together are seen together, however many of them have to be read after the others.
#[tokio::test(flavor = "multi_thread")]
async fn assets_of_one_answer_are_of_one_moment() {
    const READS: u32 = 150;
    let database = Database::new().await;
    let together = |round: u64| -> Vec<AssetSpec> {
        (0..40).map(|number| member(number, round, pubkey(2 << 40 | round))).collect()
    };
    let store = database.store();
    assets::write(&store, &together(0)).await;
    let plan = AssetsPlan {
        ids: (0..40).map(pubkey).collect(),
        display: Display::default(),
        last_indexed_slot: false,
        max_bytes: 1 << 20,
        encoding: Encoding::Identity,
    };
    let ends = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let ends = Arc::clone(&ends);
        async move {
            for round in 1.. {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                assets::write(&store, &together(round)).await;
            }
        }
    });
    for body_bytes_max in [0, 40_000, 100_000_000] {
        let kept =
            database.store().with_cache(&CacheSettings { body_bytes_max, page_bytes_max: 0, places_max: 0 });
        let mut seen = BTreeSet::new();
        for _ in 0..READS {
            let answer = kept.assets(&plan).await.unwrap();
            assert_eq!(answer.found, 40);
            let items: Vec<Value> = serde_json::from_str(&format!("[{}]", text(answer.items))).unwrap();
            let ids: Vec<&str> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
            assert_eq!(ids, plan.ids.iter().map(Pubkey::to_string).collect::<Vec<_>>());
            let authorities: BTreeSet<&str> =
                items.iter().map(|item| item["authorities"][0]["address"].as_str().unwrap()).collect();
            assert_eq!(authorities.len(), 1, "{body_bytes_max}: {authorities:?}");
            seen.extend(authorities.into_iter().map(str::to_owned));
        }
        assert!(seen.len() > 1, "{body_bytes_max}: nobody wrote meanwhile");
    }
    ends.store(true, Ordering::Relaxed);
    writer.await.unwrap();
}

/// A deep page costs no more than the first once its list has been surveyed: what is skipped is bounded.
#[tokio::test(flavor = "multi_thread")]
async fn a_surveyed_list_is_not_counted_again() {
    const LONG: u64 = 40_000;
    let database = Database::new().await;
    let store: Store = database.store().with_cache(&CacheSettings::default());
    let authority = pubkey(2 << 40);
    let specs: Vec<AssetSpec> = (0..LONG).map(|number| member(number, number % 997, authority)).collect();
    assets::write(&store, &specs).await;
    let mut chance = StdRng::seed_from_u64(11);
    let plan = ListPlan { start: Start::Offset(20_000), ..far_page(authority, &mut chance) };
    assert_eq!(store.skips(&plan), 20_000, "nothing is known yet");
    store.list(&plan).await.unwrap();
    // The survey runs beside the calls: it is there soon.
    let soon = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while store.skips(&ListPlan { start: Start::Offset(30_000), ..plan.clone() }) > 4_096 {
        assert!(tokio::time::Instant::now() < soon, "no survey was made");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// A page of the collection, as a few clients would ask for it again and again.
fn page_of_collection(chance: &mut StdRng) -> ListPlan {
    let list = ListRef {
        kind: vitrine_model::ListKind::Group,
        key: "collection".to_owned(),
        value: pubkey(1 << 40).as_bytes().to_vec(),
    };
    let (sort, start) = match chance.random_range(0..4) {
        0 => (Sort::Id, Start::Range { after: Some(pubkey(chance.random_range(0..MEMBERS))), before: None }),
        1 => (Sort::Created, Start::Offset(chance.random_range(0..MEMBERS + 20))),
        2 => (Sort::Updated, Start::Offset(chance.random_range(0..3))),
        _ => (Sort::Id, Start::Offset(chance.random_range(0..MEMBERS))),
    };
    ListPlan {
        list,
        unverified: chance.random_bool(0.5),
        sort,
        start,
        limit: *[0, 1, 20, 1_000].choose(chance).unwrap(),
        display: Display { fungible: chance.random_bool(0.2), ..Display::default() },
        ..far_page(pubkey(0), chance)
    }
}

/// Reads a page twice and holds one against the other.
async fn same_page(store: &Store, kept: &Store, plan: &ListPlan) {
    let (one, other) = (store.list(plan).await.unwrap(), kept.list(plan).await.unwrap());
    assert_eq!(one.last_indexed_slot, other.last_indexed_slot, "{plan:?}");
    assert_eq!(shown(&one), shown(&other), "{plan:?}");
}

/// Pages that are asked for again and again between changes, and are remembered for as long as nothing has changed.
#[tokio::test(flavor = "multi_thread")]
async fn remembered_pages_change_no_answer() {
    let database = Database::new().await;
    let store = database.store();
    let kept = database.store().with_cache(&CacheSettings::default());
    let mut chance = StdRng::seed_from_u64(42);
    let all: Vec<AssetSpec> = (0..MEMBERS).map(|number| random_spec(number, &mut chance)).collect();
    assets::write(&store, &all).await;
    let plans: Vec<ListPlan> = (0..6).map(|_| page_of_collection(&mut chance)).collect();
    let (mut remembered, mut outlived) = (0, 0);
    for step in 0..2_000 {
        let changed = chance.random_bool(0.01);
        let plan = plans.choose(&mut chance).unwrap();
        remembered += usize::from(kept.remembers(plan));
        if changed {
            outlived += usize::from(kept.remembers(plan));
            let some: Vec<AssetSpec> = (0..chance.random_range(1..4))
                .map(|_| chance.random_range(0..MEMBERS))
                .collect::<BTreeSet<u64>>()
                .into_iter()
                .map(|number| AssetSpec { slot_updated: 2_000 + step, ..random_spec(number, &mut chance) })
                .collect();
            assets::write(&store, &some).await;
        }
        same_page(&store, &kept, plan).await;
    }
    assert!(
        remembered > 100 && outlived > 2,
        "{remembered} reads of remembered pages, {outlived} behind a change"
    );
}

/// A restored database has older members under older versions, and takes another course from there.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_database_is_not_remembered_otherwise() {
    const BACKUP: &str =
        "CREATE TABLE old_asset AS TABLE asset; CREATE TABLE old_member AS TABLE list_member;
         CREATE TABLE old_list AS TABLE asset_list";
    const RESTORE: &str = "BEGIN; DELETE FROM list_member; DELETE FROM asset;
         INSERT INTO asset SELECT * FROM old_asset; INSERT INTO list_member SELECT * FROM old_member;
         UPDATE asset_list AS list SET total = old.total, members_version = old.members_version,
             order_version = old.order_version FROM old_list AS old WHERE old.list_id = list.list_id; COMMIT";
    // As many versions more for one part as fewer for the other: their sum is the one of before, by which pages must not go.
    const OTHERWISE: &str = "BEGIN; DELETE FROM list_member USING asset_list AS list
             WHERE list.list_id = list_member.list_id AND list.verified AND list.kind = 1;
         UPDATE asset_list SET total = CASE WHEN verified THEN 0 ELSE total END,
             members_version = members_version + CASE WHEN verified THEN 3 ELSE -1 END,
             order_version = order_version + CASE WHEN verified THEN 5 ELSE -5 END WHERE kind = 1; COMMIT";
    let database = Database::new().await;
    let store = database.store();
    let kept = database.store().with_cache(&CacheSettings::default());
    let mut connection = database.connect().await;
    let mut chance = StdRng::seed_from_u64(9);
    let mut write = async |numbers: std::ops::Range<u64>, slot: u64| {
        let specs: Vec<AssetSpec> = numbers
            .map(|number| AssetSpec { slot_updated: slot, ..random_spec(number, &mut chance) })
            .collect();
        assets::write(&store, &specs).await;
    };
    write(0..MEMBERS, 1).await;
    sqlx::raw_sql(BACKUP).execute(&mut connection).await.unwrap();
    write(0..MEMBERS, 2).await;
    let mut of_the_plans = StdRng::seed_from_u64(10);
    let plans: Vec<ListPlan> = (0..12).map(|_| page_of_collection(&mut of_the_plans)).collect();
    let check = async || {
        for plan in &plans {
            // As often as it takes to be remembered.
            for _ in 0..64 {
                same_page(&store, &kept, plan).await;
                if kept.remembers(plan) || plan.limit == 0 {
                    break;
                }
            }
            // Of a page without items there is nothing to remember.
            assert!(kept.remembers(plan) || plan.limit == 0, "{plan:?}");
            same_page(&store, &kept, plan).await;
        }
    };
    check().await;
    sqlx::raw_sql(RESTORE).execute(&mut connection).await.unwrap();
    check().await;
    write(7..MEMBERS, 3).await;
    check().await;
    sqlx::raw_sql(OTHERWISE).execute(&mut connection).await.unwrap();
    check().await;
}

/// Members that change together are seen together and never as they were before, also where the page is remembered in
/// between.
#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_page_never_goes_back() {
    const REMEMBERED: usize = 20;
    let database = Database::new().await;
    let store = database.store();
    let kept = database.store().with_cache(&CacheSettings::default());
    let collection = Some((pubkey(1 << 40), true));
    let together = move |round: u64| -> Vec<AssetSpec> {
        let spec = |number| AssetSpec { collection, ..member(number, round, pubkey(2 << 40 | round)) };
        (0..40).map(spec).collect()
    };
    assets::write(&store, &together(0)).await;
    // A round of changes for each message: beside the reads that follow it, and then there is time to read again.
    let (more, mut wanted) = tokio::sync::mpsc::channel(1);
    let writer = tokio::spawn(async move {
        for round in 1.. {
            if wanted.recv().await.is_none() {
                return;
            }
            assets::write(&store, &together(round)).await;
        }
    });
    let plan = ListPlan {
        sort: Sort::Updated,
        start: Start::Offset(0),
        limit: 40,
        unverified: false,
        display: Display::default(),
        ..page_of_collection(&mut StdRng::seed_from_u64(1))
    };
    let numbers: HashMap<String, u64> =
        (0..100_000).map(|round| (pubkey(2 << 40 | round).to_string(), round)).collect();
    let (mut last, mut remembered, mut reads) = (0, 0, 0_usize);
    while remembered < REMEMBERED || last < 20 {
        reads += 1;
        let before = kept.remembers(&plan);
        let page = kept.list(&plan).await.unwrap();
        let items: Vec<Value> = serde_json::from_str(&format!("[{}]", text(page.items))).unwrap();
        let rounds: BTreeSet<u64> =
            items.iter().map(|item| numbers[item["authorities"][0]["address"].as_str().unwrap()]).collect();
        assert_eq!((items.len(), page.total, rounds.len()), (40, Some(40), 1), "{rounds:?}");
        let round = *rounds.first().unwrap();
        assert!(round >= last, "round {round} behind round {last}");
        remembered += usize::from(before && round == last);
        last = round;
        if reads.is_multiple_of(20) {
            // Where a round is still being written, the next one waits.
            let _ = more.try_send(());
        }
    }
    drop(more);
    writer.await.unwrap();
}
