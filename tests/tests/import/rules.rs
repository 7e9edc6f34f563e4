//! Which of two states of an asset holds, and what lists make of a change.

use serde_json::{Value, json};
use vitrine_tests::AssetSpec;
use vitrine_tests::assets::pubkey;

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
    let kept: (i64, i64, String) =
        sqlx::query_as(KEPT).fetch_one(&mut world.database.connect().await).await.unwrap();
    assert_eq!((kept.0, kept.1, kept.2.as_str()), (3, 12, "second"));
    world.check().await;
}

/// Batches of one asset, and more writers than assets: what comes later in the file is still what stays.
#[tokio::test]
async fn the_last_of_a_file_stays_whoever_writes_it() {
    const ASSETS: u64 = 3;
    const STATES: u64 = 60;
    let world = World::new().await;
    let state = |number: u64| {
        let mut asset = named(&number.to_string(), 1, 10);
        // Runs of one asset, and turns of several.
        let which = if number.is_multiple_of(7) { 0 } else { number % ASSETS };
        asset["id"] = pubkey(100 + which).to_string().into();
        asset
    };
    let states: Vec<Value> = (0..STATES).map(state).collect();
    let file = world.file("states.ndjson", ndjson(&states));
    let one_by_one = [("VITRINE_IMPORT_BATCH_ASSETS", "1"), ("VITRINE_IMPORT_WRITERS_MAX", "4")];
    let command =
        one_by_one.iter().fold(world.command(&[&file]), |command, (name, value)| command.env(name, value));
    let done = Done::of(command.output()).whole();
    assert_eq!(done.counts(), [ASSETS, STATES - ASSETS, 0, 0, 0, 0]);

    let mut connection = world.database.connect().await;
    for which in 0..ASSETS {
        let id = pubkey(100 + which);
        let last = states.iter().rfind(|state| state["id"] == id.to_string()).unwrap();
        let name: String = sqlx::query_scalar(
            "SELECT convert_from(body, 'UTF8')::json #>> '{content,metadata,name}' FROM asset WHERE asset_id = $1",
        )
        .bind(id.as_bytes().as_slice())
        .fetch_one(&mut connection)
        .await
        .unwrap();
        assert_eq!(name, last["content"]["metadata"]["name"]);
    }
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
