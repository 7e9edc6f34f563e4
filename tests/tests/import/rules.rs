//! Which of two states of an asset holds, and what lists make of a change.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::Connection as _;
use vitrine_model::Pubkey;
use vitrine_tests::AssetSpec;
use vitrine_tests::assets::{self, pubkey};

use crate::{Done, World, ndjson, response};

const KEPT: &str =
    "SELECT slot_created, slot_updated, (convert_from(body, 'UTF8')::json #>> '{content,metadata,name}')
    FROM asset";

fn named(name: &str, created: u64, updated: u64) -> Value {
    let spec = AssetSpec { collection: Some((pubkey(1), true)), ..AssetSpec::new(pubkey(2)) };
    let mut asset = spec.json();
    asset["content"]["metadata"]["name"] = name.into();
    asset["slot_created"] = created.into();
    asset["slot_updated"] = updated.into();
    asset
}

#[tokio::test]
async fn the_newer_slot_wins() {
    let world = World::new().await;
    let without_slots = |name| {
        let mut asset = named(name, 0, 0);
        asset.as_object_mut().unwrap().retain(|member, _| !member.starts_with("slot_"));
        asset
    };
    let steps = [
        ("created", named("A", 5, 10), (5, 10, "A")),
        ("older", named("B", 3, 9), (3, 10, "A")),
        ("updated", named("C", 7, 10), (3, 10, "C")),
        // As it was, seen later: it has not changed since.
        ("unchanged", named("C", 3, 12), (3, 10, "C")),
        ("older", named("D", 3, 11), (3, 10, "C")),
        ("unchanged", named("C", 2, 12), (2, 10, "C")),
        ("updated", named("E", 20, 21), (2, 21, "E")),
        ("older", without_slots("F"), (0, 21, "E")),
        ("updated", response(30, &[without_slots("G")]), (0, 30, "G")),
        ("older", response(29, &[without_slots("H")]), (0, 30, "G")),
        ("updated", response(30, &[without_slots("I")]), (0, 30, "I")),
    ];
    let mut connection = world.database.connect().await;
    for (at, (outcome, input, expected)) in steps.into_iter().enumerate() {
        assert_eq!(world.load(&[input]).count(outcome), 1, "step {at}");
        assets::unpack_bodies(&mut connection).await;
        let kept: (i64, i64, String) = sqlx::query_as(KEPT).fetch_one(&mut connection).await.unwrap();
        assert_eq!((kept.0, kept.1, kept.2.as_str()), expected, "step {at}");
        world.check().await;
    }
}

#[tokio::test]
async fn the_same_holds_within_one_file() {
    let world = World::new().await;
    let file = [named("old", 4, 10), named("first", 3, 12), named("second", 5, 12), named("older", 6, 11)];
    assert_eq!(world.load(&file).counts(), [1, 0, 0, 0, 3, 0]);
    let mut connection = world.database.connect().await;
    assets::unpack_bodies(&mut connection).await;
    let kept: (i64, i64, String) = sqlx::query_as(KEPT).fetch_one(&mut connection).await.unwrap();
    assert_eq!((kept.0, kept.1, kept.2.as_str()), (3, 12, "second"));
    world.check().await;
}

/// Two batches of one file that have an asset in common are not written at once: the first one is held up, and the
/// second one, with the later state, waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn batches_with_an_asset_in_common_keep_their_order() {
    let world = World::new().await;
    let (first, shared, last) = (pubkey(2), pubkey(1), pubkey(3));
    // A batch locks what is there in this order.
    assert!(first < shared);
    let state = |id: Pubkey, name: &str| {
        let mut asset = named(name, 1, 10);
        asset["id"] = id.to_string().into();
        asset
    };
    world.load(&[state(first, "A"), state(shared, "A")]);
    let mut holder = world.database.connect().await;
    let mut holding = holder.begin().await.unwrap();
    sqlx::query("SELECT FROM asset WHERE asset_id = $1 FOR UPDATE")
        .bind(first.as_bytes().as_slice())
        .execute(&mut *holding)
        .await
        .unwrap();

    let states = [state(first, "B"), state(shared, "B"), state(shared, "C"), state(last, "C")];
    let file = world.file("states.ndjson", ndjson(&states));
    let command = world.command(&[&file]).env("VITRINE_IMPORT_BATCH_ASSETS", "2");
    let child = command.env("VITRINE_IMPORT_WRITERS_MAX", "2").piped();
    let mut watcher = world.database.connect().await;
    let mut is = async |question: &'static str| -> bool {
        sqlx::query_scalar(question).fetch_one(&mut watcher).await.unwrap()
    };
    while !is("SELECT count(*) = 1 FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = 'vitrine write' AND wait_event_type = 'Lock'")
        .await
    {}
    // An import that did not wait would have written the second batch by then.
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(500) {
        assert!(is("SELECT count(*) = 2 FROM asset").await, "the second batch came first");
    }
    holding.rollback().await.unwrap();
    let done = tokio::task::spawn_blocking(|| Done::of(child.wait_with_output().unwrap())).await.unwrap();
    assert_eq!(done.whole().counts(), [1, 3, 0, 0, 0, 0]);
    assets::unpack_bodies(&mut watcher).await;
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT convert_from(body, 'UTF8')::json #>> '{content,metadata,name}' FROM asset ORDER BY asset_id",
    )
    .fetch_all(&mut watcher)
    .await
    .unwrap();
    assert_eq!(names, ["B", "C", "C"]);
    world.check().await;
}

/// Lists, default and with the unverified, and their grand totals, step by step.
#[tokio::test]
async fn lists_follow_their_members() {
    let world = World::new().await;
    let (red, blue) = (pubkey(1), pubkey(2));
    let (first, second) = (pubkey(3), pubkey(4));
    let of = |number: u64, slot: u64| AssetSpec {
        slot_created: 1,
        slot_updated: slot,
        collection: Some((red, true)),
        authority: Some(first),
        ..AssetSpec::new(pubkey(10 + number))
    };
    let load = |spec: AssetSpec| {
        let mut asset = spec.json();
        asset["slot_created"] = spec.slot_created.into();
        asset["slot_updated"] = spec.slot_updated.into();
        world.load(&[asset])
    };
    for number in 0..3 {
        load(of(number, 1));
    }
    let steps: [(&str, AssetSpec, [u64; 5]); 9] = [
        // red, red with the unverified, blue, of the first authority, of the second
        ("changes its collection", AssetSpec { collection: Some((blue, true)), ..of(0, 2) }, [2, 2, 1, 3, 0]),
        ("is burnt", AssetSpec { burnt: true, ..of(1, 2) }, [1, 1, 1, 2, 0]),
        (
            "is not verified any more",
            AssetSpec { collection: Some((red, false)), ..of(2, 2) },
            [0, 1, 1, 2, 0],
        ),
        ("is verified again", of(2, 3), [1, 1, 1, 2, 0]),
        ("changes its authority", AssetSpec { authority: Some(second), ..of(2, 4) }, [1, 1, 1, 1, 1]),
        ("burns and is compressed", AssetSpec { burnt: true, compressed: true, ..of(2, 5) }, [1, 1, 1, 2, 0]),
        ("is in no collection any more", AssetSpec { collection: None, ..of(2, 6) }, [0, 0, 1, 2, 0]),
        ("comes back from the dead", of(1, 3), [1, 1, 1, 3, 0]),
        ("leaves as the last one", AssetSpec { collection: None, ..of(1, 4) }, [0, 0, 1, 3, 0]),
    ];
    // Nobody has ever been there: an error, and not an empty list.
    assert_eq!(world.group("collection", &blue.to_string(), json!({})).await.status, 404);
    for (what, spec, [verified, all, blues, firsts, seconds]) in steps {
        assert_eq!(load(spec).count("updated"), 1, "{what}");
        let red = red.to_string();
        assert_eq!(world.members("collection", &red, false).await, (verified, verified), "{what}: verified");
        assert_eq!(world.members("collection", &red, true).await, (all, all), "{what}: all");
        assert_eq!(
            world.members("collection", &blue.to_string(), false).await,
            (blues, blues),
            "{what}: blue"
        );
        for (authority, members) in [(first, firsts), (second, seconds)] {
            let params =
                json!({ "authorityAddress": authority.to_string(), "options": { "showGrandTotal": true } });
            let reply = world.client.call(&world.key, "getAssetsByAuthority", params).await;
            let found = &reply.json()["result"];
            if authority == second && found.is_null() {
                // Until its first member.
                assert_eq!((reply.status.as_u16(), members), (404, 0), "{what}");
            } else {
                assert_eq!(
                    (found["total"].as_u64(), found["grand_total"].as_u64()),
                    (Some(members), Some(members)),
                    "{what}"
                );
            }
        }
        world.check().await;
    }
    // Emptied, it is an empty list; one that nobody was ever in stays unknown.
    assert_eq!(world.group("collection", &red.to_string(), json!({})).await.status, 200);
    assert_eq!(world.group("collection", &pubkey(99).to_string(), json!({})).await.status, 404);
}

#[tokio::test]
async fn the_last_indexed_slot_is_the_lowest_that_was_stated() {
    let world = World::new().await;
    let asset =
        |number| AssetSpec { collection: Some((pubkey(1), true)), ..AssetSpec::new(pubkey(number)) }.json();
    let steps: [(Vec<Value>, u64); 6] = [
        (vec![asset(10)], 0),
        (vec![response(500, &[asset(11)])], 500),
        (vec![response(900, &[asset(12)])], 500),
        (vec![response(400, &[asset(13)]), response(300, &[asset(14)])], 300),
        (vec![asset(15)], 300),
        // An asset by itself, as getAsset answers it, states one too.
        (
            vec![{
                let mut one = asset(16);
                one["last_indexed_slot"] = json!(200);
                one
            }],
            200,
        ),
    ];
    for (input, expected) in steps {
        world.import(&[&world.file("input", ndjson(&input))]).whole();
        let status = world.client.get("/status").await.json();
        assert_eq!(status["last_indexed_slot"], expected, "{status}");
        let list = world.group("collection", &pubkey(1).to_string(), json!({})).await.json();
        assert_eq!(list["result"]["last_indexed_slot"], expected);
    }
}
