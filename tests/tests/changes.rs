//! getAssetChanges: whoever follows it misses no change, whatever order writers commit in.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};
use vitrine_model::{Pubkey, Slot};
use vitrine_store::{ChangePlace, Changes, ChangesPlan, Display, Store};
use vitrine_tests::assets::{self, pubkey};
use vitrine_tests::client::make_key;
use vitrine_tests::{AssetSpec, Database, Server, Vitrine};

/// How long a change may take to show: other tests' transactions on the same Postgres hold it back.
const PATIENCE: Duration = Duration::from_mins(1);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

fn plan(after: Option<ChangePlace>, limit: u32) -> ChangesPlan {
    ChangesPlan { after, after_slot: None, limit, display: Display::default(), max_bytes: 1 << 26 }
}

async fn changes(store: &Store, after: Option<ChangePlace>, limit: u32) -> Changes {
    store.changes(&plan(after, limit)).await.unwrap().unwrap()
}

fn ids(changes: &Changes) -> Vec<Pubkey> {
    changes.items.iter().map(|item| id(&item.asset)).collect()
}

fn id(asset: &[u8]) -> Pubkey {
    let asset: Value = serde_json::from_slice(asset).unwrap();
    asset["id"].as_str().unwrap().parse().unwrap()
}

fn spec(number: u64, slot: u64) -> AssetSpec {
    // The slot is told in the body, so that each change is one.
    let described = usize::try_from(slot).unwrap();
    AssetSpec { slot_created: 1, slot_updated: slot, described, ..AssetSpec::new(pubkey(number)) }
}

/// Follows from a place until these ids were seen, and returns them in order, with the place behind them.
async fn follow(store: &Store, from: Option<ChangePlace>, count: usize) -> (Vec<Pubkey>, ChangePlace) {
    let (mut seen, mut place, end) = (Vec::new(), from, Instant::now() + PATIENCE);
    loop {
        let page = changes(store, place, 1_000).await;
        seen.extend(ids(&page));
        place = Some(page.last);
        if seen.len() >= count {
            return (seen, page.last);
        }
        assert!(Instant::now() < end, "{} of {count} changes", seen.len());
        tokio::time::sleep(PAUSE).await;
    }
}

#[tokio::test]
async fn a_change_that_is_committed_late_is_seen_all_the_same() {
    let database = Database::new().await;
    let store = database.store();
    assets::write(&store, &[spec(1, 5), spec(2, 5)]).await;
    let (first, place) = follow(&store, None, 2).await;
    assert_eq!(first.len(), 2);

    // One transaction begins first and ends last.
    let mut slow = database.connect().await;
    let mut late = slow.begin().await.unwrap();
    late.execute(
        "UPDATE asset SET change_order = (SELECT (life::bigint << 48) + pg_current_xact_id()::text::bigint
                                          FROM change_life WHERE origin = change_origin())
         WHERE asset_id = (SELECT asset_id FROM asset ORDER BY asset_id LIMIT 1)",
    )
    .await
    .unwrap();
    let others: Vec<AssetSpec> = (10..20).map(|number| spec(number, 9)).collect();
    assets::write(&store, &others).await;
    // What was committed meanwhile waits for it: else a follower would be past it.
    let meanwhile = changes(&store, Some(place), 1_000).await;
    assert_eq!((meanwhile.items.len(), meanwhile.caught_up), (0, true));
    late.commit().await.unwrap();

    let (seen, _) = follow(&store, Some(meanwhile.last), 11).await;
    assert_eq!(seen[0], pubkey(1).min(pubkey(2)), "the one that began first");
    assert_eq!(seen.len(), 11);
    store.close().await;
}

#[tokio::test]
async fn one_who_follows_many_writers_ends_with_what_is_stored() {
    let database = Database::new().await;
    let store = database.store();
    let writers: Vec<_> = (0..4_u64)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for round in 1..=25_u64 {
                    // Each its own assets, and some that all of them change.
                    let own = (0..5).map(|number| spec(1_000 * (writer + 1) + number, round));
                    let shared = (0..3).map(|number| spec(number, 4 * round + writer));
                    assets::write(&store, &own.chain(shared).collect::<Vec<_>>()).await;
                }
            })
        })
        .collect();
    let (mut mirror, mut place, end) = (BTreeMap::new(), None, Instant::now() + PATIENCE);
    loop {
        let over = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let page = changes(&store, place, 7).await;
        for item in &page.items {
            mirror.insert(id(&item.asset), (item.slot, item.asset.to_vec()));
        }
        place = Some(page.last);
        if over && page.caught_up && mirror == stored(&mut database.connect().await).await {
            break;
        }
        assert!(Instant::now() < end, "{} assets are followed", mirror.len());
        tokio::time::sleep(PAUSE).await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(mirror.len(), 23);
    store.close().await;
}

async fn stored(connection: &mut PgConnection) -> BTreeMap<Pubkey, (Slot, Vec<u8>)> {
    let rows: Vec<(Vec<u8>, i64, Vec<u8>)> =
        sqlx::query_as("SELECT asset_id, slot_updated, body FROM asset").fetch_all(connection).await.unwrap();
    rows.into_iter()
        .map(|(id, slot, body)| {
            (Pubkey::try_from(&*id).unwrap(), (Slot::from_i64(slot).unwrap(), assets::body(&body)))
        })
        .collect()
}

#[tokio::test]
async fn a_walk_in_small_pages_meets_each_asset_once_and_filters_by_slot() {
    let database = Database::new().await;
    let store = database.store();
    for round in 0..5_u64 {
        let batch: Vec<AssetSpec> = (0..20).map(|number| spec(100 * round + number, 10 + round)).collect();
        assets::write(&store, &batch).await;
    }
    let (all, end) = follow(&store, None, 100).await;
    let (mut seen, mut place) = (Vec::new(), None);
    loop {
        let page = changes(&store, place, 3).await;
        assert!(page.items.len() <= 3);
        seen.extend(ids(&page));
        place = Some(page.last);
        if page.caught_up {
            break;
        }
    }
    assert_eq!(seen, all, "in the same order, each once");
    // Unchanged and stale writes change nothing.
    assets::write(&store, &[spec(0, 10), spec(401, 3)]).await;
    assert_eq!(changes(&store, Some(end), 1_000).await.items.len(), 0);

    let later = ChangesPlan { after_slot: Slot::new(12), ..plan(None, 1_000) };
    let page = store.changes(&later).await.unwrap().unwrap();
    assert!(page.items.iter().all(|item| item.slot.get() > 12));
    assert_eq!((page.items.len(), page.caught_up), (40, true));
    store.close().await;
}

/// Somebody who begins with a slot has what was there before; what comes to be known only then is news, however old it is.
#[tokio::test]
async fn what_is_learnt_late_is_told_whatever_its_slot() {
    let database = Database::new().await;
    let store = database.store();
    assets::write(&store, &[spec(1, 5), spec(2, 15), spec(3, 16)]).await;
    follow(&store, None, 3).await;
    let later = |after, limit| ChangesPlan { after_slot: Slot::new(10), ..plan(after, limit) };
    let first = store.changes(&later(None, 1)).await.unwrap().unwrap();
    assert_eq!((first.items.len(), first.caught_up), (1, false));
    // A backfill, before the walk is at its end: one asset is new, one becomes older than the slot.
    assets::write(&store, &[spec(4, 6)]).await;
    let (_, end) = follow(&store, None, 4).await;
    let (mut seen, mut place) = (ids(&first), first.last);
    loop {
        let page = store.changes(&later(Some(place), 1)).await.unwrap().unwrap();
        seen.extend(ids(&page));
        place = page.last;
        if page.caught_up {
            break;
        }
    }
    seen.sort();
    let mut expected = vec![pubkey(2), pubkey(3), pubkey(4)];
    expected.sort();
    assert_eq!(seen, expected, "1 was there before, and 4 was not");
    assert_eq!((place.order, place.id), (end.order, end.id));
    store.close().await;
}

/// A number that no commit has used is used again after a crash: a place must not be behind it.
#[tokio::test]
async fn a_place_is_one_of_a_change() {
    let database = Database::new().await;
    let store = database.store();
    assets::write(&store, &[spec(1, 5), spec(2, 5)]).await;
    let (_, end) = follow(&store, None, 2).await;
    let mut connection = database.connect().await;
    let mut lost = connection.begin().await.unwrap();
    let number: i64 =
        sqlx::query_scalar("SELECT pg_current_xact_id()::text::bigint").fetch_one(&mut *lost).await.unwrap();
    lost.rollback().await.unwrap();
    assert!(number > end.order & ((1 << 48) - 1));
    for after_slot in [None, Slot::new(9)] {
        for after in [None, Some(end)] {
            let page = store.changes(&ChangesPlan { after_slot, ..plan(after, 10) }).await.unwrap().unwrap();
            assert!(page.caught_up);
            assert_eq!((page.last.order, page.last.id), (end.order, end.id));
        }
    }
    store.close().await;
}

/// Pages of one while others write: what has changed again comes again, once, and nothing else does.
#[tokio::test]
async fn an_asset_that_changes_between_two_pages_is_met_where_it_is_then() {
    let database = Database::new().await;
    let store = database.store();
    for round in 0..4_u64 {
        let batch: Vec<AssetSpec> = (0..5).map(|number| spec(10 * round + number, 7)).collect();
        assets::write(&store, &batch).await;
    }
    let (all, _) = follow(&store, None, 20).await;
    let first = changes(&store, None, 8).await;
    assert_eq!(ids(&first), all[..8]);
    // One that was read, one that was not, each twice; and one in one batch with a new one, which has burnt since.
    let number = |id: Pubkey| (0..40).find(|number| pubkey(*number) == id).unwrap();
    let (read, unread) = (number(all[2]), number(all[15]));
    for slot in [8, 9] {
        assets::write(&store, &[spec(read, slot)]).await;
        assets::write(&store, &[spec(unread, slot)]).await;
    }
    let burnt = AssetSpec { burnt: true, ..spec(99, 9) };
    assets::write(&store, &[burnt]).await;
    let (seen, place) = follow(&store, Some(first.last), 14).await;
    let rest = all[8..].iter().filter(|id| **id != pubkey(unread)).copied();
    let expected: Vec<Pubkey> = rest.chain([pubkey(read), pubkey(unread), pubkey(99)]).collect();
    assert_eq!(seen, expected);
    let end = changes(&store, Some(place), 10).await;
    assert_eq!((end.items.len(), end.caught_up, end.last), (0, true, place));
    store.close().await;
}

/// Options show of a changed asset what they show of it by its id.
#[tokio::test]
async fn changes_show_what_options_ask_for() {
    let database = Database::new().await;
    let world = concat!(env!("CARGO_MANIFEST_DIR"), "/worlds/foxes.ndjson");
    let imported = Vitrine::new(&["import"]).arg(world).on(&database).output();
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    let store = database.store();
    follow(&store, None, 18).await;
    let key = make_key(&store, "enterprise", None).await.0;
    let server = Server::start(&database, &[]);
    let client = server.client();
    let names = ["showUnverifiedCollections", "showCollectionMetadata", "showFungible", "showInscription"];
    let each = names.map(|name| json!({ name: true })).into_iter();
    let all: Value = names.iter().map(|name| ((*name).to_owned(), Value::Bool(true))).collect();
    let plain = client.call(&key, "getAssetChanges", json!({})).await.json()["result"]["items"].take();
    for options in each.chain([all]) {
        let changed = client.call(&key, "getAssetChanges", json!({ "options": options })).await.json();
        let items = changed["result"]["items"].as_array().unwrap();
        let ids: Vec<&Value> = items.iter().map(|item| &item["asset"]["id"]).collect();
        assert_eq!(ids.len(), 18);
        let by_ids = client.call(&key, "getAssets", json!({ "ids": ids, "options": options })).await.json();
        for (item, by_id) in items.iter().zip(by_ids["result"].as_array().unwrap()) {
            let mut by_id = by_id.clone();
            by_id.as_object_mut().unwrap().remove("last_indexed_slot");
            assert_eq!(item["asset"], by_id, "{options}");
        }
        assert_ne!(changed["result"]["items"], plain, "{options} shows nothing");
    }
    store.close().await;
}

#[tokio::test]
async fn a_call_looks_at_a_bounded_number_of_changes() {
    let database = Database::new().await;
    let store = database.store();
    assets::write(&store, &[spec(1, 5)]).await;
    let mut connection = database.connect().await;
    // 20,000 that were changed before, and one that the first call does not get to.
    connection
        .execute(
            "INSERT INTO asset SELECT decode(lpad(to_hex(n), 64, '0'), 'hex'), slot_created, slot_updated, slot_seen, interface,
                    owner, delegate, compressed, burnt, frozen, list_ids, digest, version, splices, body
             FROM asset, generate_series(1, 20000) AS n",
        )
        .await
        .unwrap();
    let later = |after| ChangesPlan { after_slot: Slot::new(5), ..plan(after, 10) };
    assets::write(&store, &[spec(2, 9)]).await;
    let (_, end) = follow(&store, None, 20_002).await;
    let first = store.changes(&later(None)).await.unwrap().unwrap();
    assert_eq!((first.items.len(), first.caught_up), (0, false), "a page without items is not the end");
    let second = store.changes(&later(Some(first.last))).await.unwrap().unwrap();
    assert_eq!((ids(&second), second.caught_up), (vec![pubkey(2)], true));
    assert!(second.last.order >= end.order);
    store.close().await;
}

#[tokio::test]
async fn another_life_of_a_database_refuses_the_cursors_of_the_one_before() {
    let database = Database::new().await;
    let store = database.store();
    assets::write(&store, &[spec(1, 5), spec(2, 5)]).await;
    let (_, place) = follow(&store, None, 2).await;
    // As a dump has it that was restored into another cluster: rows of numbers that transactions here do not reach yet.
    let mut connection = database.connect().await;
    connection.execute("UPDATE change_life SET origin = origin + 1").await.unwrap();
    connection.execute("UPDATE asset SET change_order = change_order + (1::bigint << 40)").await.unwrap();
    let foreign = ChangePlace { origin: place.origin + 1, ..place };
    assert_eq!(store.changes(&plan(Some(foreign), 10)).await.unwrap(), None);
    // What is there is shown at once, and what is written from now on comes behind it.
    let page = changes(&store, None, 10).await;
    assert_eq!((page.items.len(), page.caught_up), (2, true));
    assets::write(&store, &[spec(3, 6)]).await;
    let (seen, last) = follow(&store, Some(page.last), 1).await;
    assert_eq!(seen, [pubkey(3)]);
    // A place that this database has not come to is one of a future that it has lost.
    let future = ChangePlace { order: last.order + (1 << 40), ..last };
    assert_eq!(store.changes(&plan(Some(future), 10)).await.unwrap(), None);
    store.close().await;
}

#[tokio::test]
async fn a_client_follows_from_cursor_to_cursor() {
    let database = Database::new().await;
    let store = database.store();
    let burnt = AssetSpec { burnt: true, ..spec(2, 7) };
    assets::write(&store, &[spec(1, 5), burnt, spec(3, 9)]).await;
    follow(&store, None, 3).await;
    let key = make_key(&store, "basic", None).await.0;
    let server = Server::start(&database, &[]);
    let (client, path) = (server.client(), format!("/?api-key={key}"));
    let call = |params: Value| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "getAssetChanges", "params": params });
        let (client, path) = (&client, &path);
        async move {
            let headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
            let reply = client.send("POST", path, &headers, Some(body.to_string())).await.unwrap();
            serde_json::from_str::<Value>(&reply.text).unwrap()["result"].take()
        }
    };
    let first = call(json!({ "limit": 2 })).await;
    assert_eq!(
        (&first["total"], &first["limit"], &first["caught_up"]),
        (&json!(2), &json!(2), &json!(false))
    );
    let second = call(json!({ "limit": 2, "cursor": first["cursor"] })).await;
    assert_eq!((&second["total"], &second["caught_up"]), (&json!(1), &json!(true)));
    let items: Vec<&Value> =
        [&first, &second].iter().flat_map(|page| page["items"].as_array().unwrap()).collect();
    let mut expected = vec![(pubkey(1), 5, false), (pubkey(2), 7, true), (pubkey(3), 9, false)];
    expected.sort();
    for (item, (id, slot, burnt)) in items.iter().zip(expected) {
        assert_eq!(item["slot"], slot);
        assert_eq!(item["asset"]["id"], id.to_string());
        assert_eq!(item["asset"]["burnt"], burnt);
    }
    let third = call(json!([8, 10, null, { "showUnverifiedCollections": true }])).await;
    assert_eq!((&third["total"], &third["items"][0]["slot"]), (&json!(1), &json!(9)));
    store.close().await;
}
