//! A server that keeps what it has read answers what one answers that keeps nothing: the same bytes, whatever was
//! written in between, however small its memory is, and in every encoding.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
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

/// Servers on one database, by what they keep. The first one keeps nothing.
const SERVERS: [(&str, &str, &str); 4] = [
    ("nothing", "0", "0"),
    ("everything", "100000000", "1000000"),
    ("some bodies", "60000", "2048"),
    ("places alone", "0", "1000000"),
];

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
    let servers = SERVERS.map(|(name, bodies, places)| {
        let settings = [("VITRINE_CACHE_BODY_BYTES_MAX", bodies), ("VITRINE_CACHE_PLACES_MAX", places)];
        (name, Server::start(&database, &settings))
    });
    let mut chance = StdRng::seed_from_u64(20_261_121);
    for round in 0..ROUNDS {
        let changed: Vec<AssetSpec> = (0..MEMBERS)
            .filter(|_| round == 0 || chance.random_bool(0.1))
            .collect::<Vec<_>>()
            .into_iter()
            .map(|number| AssetSpec {
                slot_updated: 1_000 * round as u64 + chance.random_range(0..1_000),
                ..random_spec(number, &mut chance)
            })
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
    let servers = ["0", "1000000"].map(|places| {
        let settings = [("VITRINE_CACHE_BODY_BYTES_MAX", "0"), ("VITRINE_CACHE_PLACES_MAX", places)];
        (places, Server::start(&database, &settings))
    });
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
            same(&servers, &path, &page(number, sort), "identity").await;
        }
    }
    assets::write(&store, &members(MEMBERS..MEMBERS + 90, false)).await;
    for sort in ["id", "created", "updated"] {
        same(&servers, &path, &page(3, sort), "identity").await;
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
        let kept = database.store().with_cache(&CacheSettings { body_bytes_max, places_max: 0 });
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
    let plan = ListPlan { start: Start::Offset(39_000), ..far_page(authority, &mut chance) };
    assert_eq!(store.skips(&plan), 39_000, "nothing is known yet");
    store.list(&plan).await.unwrap();
    // The survey runs beside the calls: it is there soon.
    let soon = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while store.skips(&ListPlan { start: Start::Offset(30_000), ..plan.clone() }) > 8_192 {
        assert!(tokio::time::Instant::now() < soon, "no survey was made");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}
