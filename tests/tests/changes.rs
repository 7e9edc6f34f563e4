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
use vitrine_tests::{AssetSpec, Database, Server};

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
        .map(|(id, slot, body)| (Pubkey::try_from(&*id).unwrap(), (Slot::from_i64(slot).unwrap(), body)))
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
