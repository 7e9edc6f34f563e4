//! What goes in comes out.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use sqlx::Row;
use vitrine_model::Pubkey;
use vitrine_tests::assets::{self, pubkey};
use vitrine_tests::case::as_shown;
use vitrine_tests::random;

use crate::{World, ndjson};

const ASSETS: u64 = 400;

/// The group that all of them are in, and verified.
const GROUP: (&str, &str) = ("batch", "of this test");

fn assets(seed: u64) -> Vec<Value> {
    let mut random = StdRng::seed_from_u64(seed);
    let group = json!({ "group_key": GROUP.0, "group_value": GROUP.1 });
    (1..=ASSETS)
        .map(|number| random::asset(&mut random, pubkey(number), std::slice::from_ref(&group)))
        .collect()
}

/// Whether lists show it: not if it is burnt, or of supply 0, and not compressed.
fn is_listed(asset: &Value) -> bool {
    asset["compression"]["compressed"] == true
        || (asset["burnt"] != true && asset["token_info"]["supply"] != 0)
}

/// The asset with every option that adds something of its own.
fn with_options(asset: &Value) -> Value {
    let mut shown = as_shown(asset.clone());
    for name in ["token_info", "inscription"] {
        if let Some(value) = asset.get(name) {
            shown[name] = value.clone();
        }
    }
    let mut grouping = asset["grouping"].clone();
    for group in grouping.as_array_mut().unwrap().iter_mut().map(|group| group.as_object_mut().unwrap()) {
        group.remove("collection_metadata");
        group.entry("verified").or_insert(Value::Bool(true));
    }
    shown["grouping"] = grouping;
    shown
}

fn by_id(items: &Value) -> BTreeMap<String, Value> {
    let items = items.as_array().unwrap().iter();
    items.map(|item| (item["id"].as_str().unwrap().to_owned(), item.clone())).collect()
}

fn assert_same(found: &BTreeMap<String, Value>, expected: &BTreeMap<String, Value>) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (id, expected) in expected {
        assert_eq!(&found[id], expected, "{id}");
    }
}

#[tokio::test]
async fn random_assets_come_back_as_they_were() {
    let world = World::new().await;
    let assets = assets(1);
    let done = world.load(&assets);
    assert_eq!(done.counts(), [ASSETS, 0, 0, 0, 0, 0]);

    let listed = |show: fn(&Value) -> Value| -> BTreeMap<String, Value> {
        let listed = assets.iter().filter(|asset| is_listed(asset));
        listed.map(|asset| (asset["id"].as_str().unwrap().to_owned(), show(asset))).collect()
    };
    let plain = world.group(GROUP.0, GROUP.1, json!({})).await.json();
    assert_same(&by_id(&plain["result"]["items"]), &listed(|asset| as_shown(asset.clone())));
    let options = json!({ "showFungible": true, "showInscription": true, "showUnverifiedCollections": true });
    let full = world.group(GROUP.0, GROUP.1, options).await.json();
    assert_same(&by_id(&full["result"]["items"]), &listed(with_options));

    // What no list shows is kept all the same.
    let mut connection = world.database.connect().await;
    let rows = sqlx::query("SELECT asset_id, body FROM asset").fetch_all(&mut connection);
    let stored: BTreeMap<String, Value> = rows
        .await
        .unwrap()
        .iter()
        .map(|row| {
            let body: Vec<u8> = row.get(1);
            (
                Pubkey::from_bytes(row.get(0)).to_string(),
                serde_json::from_slice(&assets::body(&body)).unwrap(),
            )
        })
        .collect();
    let all = assets.iter().map(|asset| (asset["id"].as_str().unwrap().to_owned(), as_shown(asset.clone())));
    assert_same(&stored, &all.collect());
    assert!(assets.iter().any(|asset| !is_listed(asset)), "chance made none that is not listed");
    world.check().await;
}

#[tokio::test]
async fn another_server_that_loads_our_answer_answers_alike() {
    let first = World::new().await;
    let mut assets = assets(2);
    for (number, asset) in (0..).zip(&mut assets) {
        // Answers carry no slots but these, which all orders but that by id go by.
        asset["slot_created"] = json!(number % 7);
        asset["slot_updated"] = json!(10 + number % 5);
    }
    first.load(&assets);
    let every_option = json!({
        "showFungible": true, "showInscription": true, "showUnverifiedCollections": true,
        "showCollectionMetadata": true, "showGrandTotal": true,
    });
    let saved = first.group(GROUP.0, GROUP.1, every_option.clone()).await.text;

    let second = World::new().await;
    let listed = u64::try_from(assets.iter().filter(|asset| is_listed(asset)).count()).unwrap();
    let done = second.import(&[&second.file("saved.json", saved)]).whole();
    assert_eq!(done.counts(), [listed, 0, 0, 0, 0, 0]);
    for sort in ["id", "created", "updated"] {
        for direction in ["asc", "desc"] {
            for options in [json!({ "showGrandTotal": true }), every_option.clone()] {
                let mut texts = Vec::new();
                for world in [&first, &second] {
                    let params = json!({
                        "groupKey": GROUP.0, "groupValue": GROUP.1, "limit": 150, "options": options,
                        "sortBy": { "sortBy": sort, "sortDirection": direction },
                    });
                    texts.push(world.client.call(&world.key, "getAssetsByGroup", params).await.text);
                }
                assert_eq!(texts[0], texts[1], "{sort} {direction} {options}");
            }
        }
    }
    second.check().await;
}

#[tokio::test]
async fn the_same_file_again_changes_nothing() {
    let world = World::new().await;
    let text = ndjson(&assets(3));
    let file = world.file("assets.ndjson", &text);
    world.import(&[&file]).whole();
    // A row that is written again is another row.
    let rows = "SELECT sum(hashtext(format('%s %s %s', ctid, xmin, asset_id))) FROM asset";
    let lists = "SELECT sum(hashtext(format('%s %s', list_id, total))) FROM asset_list";
    let members = "SELECT sum(hashtext(format('%s %s %s', ctid, xmin, list_id))) FROM list_member";
    let mut connection = world.database.connect().await;
    let mut states = Vec::new();
    for _ in 0..2 {
        let mut state: Vec<i64> = Vec::new();
        for statement in [rows, lists, members] {
            state.push(sqlx::query_scalar(statement).fetch_one(&mut connection).await.unwrap());
        }
        states.push(state);
        assert_eq!(world.import(&[&file]).whole().counts(), [0, 0, ASSETS, 0, 0, 0]);
    }
    assert_eq!(states[0], states[1]);
    world.check().await;
}
