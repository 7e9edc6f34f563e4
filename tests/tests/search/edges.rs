//! Searches at their limits: rows from before, time that runs out, holdings that are too many.

use serde_json::{Value, json};
use sqlx::Row;
use vitrine_encoding::Encoding;
use vitrine_store::{Conditions, Direction, Display, Filter, SearchPlan, Sort, Start, StoreError};
use vitrine_tests::assets::{self, pubkey};
use vitrine_tests::client::make_key;
use vitrine_tests::{AssetSpec, Database, Server, consistency};

/// Rows that were written before there were searches.
const FROM_BEFORE: &str = "
    DELETE FROM list_member USING asset_list WHERE asset_list.list_id = list_member.list_id AND kind > 4;
    UPDATE asset SET facts_version = 0, listed = false, token_class = 0, supply = NULL, royalty_model = NULL,
        royalty_basis_points = NULL, json_uri_digest = NULL, name = NULL, creators_signed = 0,
        list_ids = ARRAY(SELECT list_id FROM list_member WHERE list_member.asset_id = asset.asset_id ORDER BY list_id);
    DELETE FROM asset_list WHERE kind > 4";

fn owned(number: u64) -> AssetSpec {
    AssetSpec {
        owner: Some(pubkey(1_000_000)),
        creator: Some((pubkey(2_000_000), number.is_multiple_of(2))),
        collection: Some((pubkey(3_000_000), !number.is_multiple_of(3))),
        burnt: number.is_multiple_of(5),
        compressed: number.is_multiple_of(2),
        ..AssetSpec::new(pubkey(number))
    }
}

#[tokio::test]
async fn rows_from_before_are_filled_in() {
    let database = Database::new().await;
    let store = database.store();
    let specs: Vec<AssetSpec> = (0..2_500).map(owned).collect();
    assets::write(&store, &specs).await;
    let mut connection = database.connect().await;
    let fingerprint = "SELECT md5(string_agg(a::text, ',' ORDER BY asset_id)) FROM (
        SELECT asset_id, slot_created, slot_updated, slot_seen, digest, version, body, listed, token_class, supply,
               royalty_basis_points, json_uri_digest, name, creators_signed, facts_version, cardinality(list_ids)
        FROM asset) AS a";
    let before: String = sqlx::query_scalar(fingerprint).fetch_one(&mut connection).await.unwrap();
    sqlx::raw_sql(FROM_BEFORE).execute(&mut connection).await.unwrap();
    let between: String = sqlx::query_scalar(fingerprint).fetch_one(&mut connection).await.unwrap();
    assert_ne!(before, between);
    // A store that does not remember the lists that are gone.
    let store = database.store();
    assert_eq!(store.fill_in_facts().await.unwrap(), 2_500);
    assert_eq!(store.fill_in_facts().await.unwrap(), 0);
    let after: String = sqlx::query_scalar(fingerprint).fetch_one(&mut connection).await.unwrap();
    assert_eq!(before, after);
    consistency::check(&database).await;
}

#[tokio::test]
async fn a_search_that_runs_out_of_time_says_what_it_lacks() {
    let database = Database::new().await;
    let store = database.store();
    let specs: Vec<AssetSpec> = (1..100).map(owned).collect();
    assets::write(&store, &specs).await;
    let key = make_key(&store, "enterprise", None).await.0;
    let server = Server::start(&database, &[("VITRINE_DATABASE_READ_STATEMENT_TIMEOUT_MS", "1000")]);
    let client = server.client();
    client.result(&key, "searchAssets", json!({ "royaltyAmount": 500 })).await;
    let mut connection = database.connect().await;
    // How long a list is goes by what it says of itself.
    let long = "UPDATE asset_list SET total = 1000000 WHERE kind = 1";
    sqlx::raw_sql(long).execute(&mut connection).await.unwrap();
    // From now on no statement gets at an asset.
    sqlx::raw_sql("BEGIN; LOCK TABLE asset IN ACCESS EXCLUSIVE MODE").execute(&mut connection).await.unwrap();
    let owner = pubkey(1_000_000).to_string();
    let group = json!(["collection", pubkey(3_000_000).to_string()]);
    for (method, params, code) in [
        ("searchAssets", json!({ "royaltyAmount": 500 }), -32602),
        ("searchAssets", json!({ "royaltyAmount": 500, "negate": true }), -32602),
        // A short list is read in time, unless the database is busy.
        ("searchAssets", json!({ "ownerAddress": owner }), -32000),
        // So is a long one of which every member will do, and what somebody holds: there is nothing to be narrowed.
        ("searchAssets", json!({ "grouping": group }), -32000),
        ("searchAssets", json!({ "grouping": group, "royaltyAmount": 500 }), -32602),
        ("searchAssets", json!({ "grouping": group, "not": { "owners": [pubkey(7).to_string()] } }), -32602),
        ("searchAssets", json!({ "ownerAddress": owner, "tokenType": "all" }), -32000),
        ("getAssetsByOwner", json!({ "ownerAddress": owner, "options": { "showFungible": true } }), -32000),
    ] {
        let reply = client.call(&key, method, params.clone()).await;
        let body: Value = reply.json();
        assert_eq!(body["error"]["code"], code, "{params}: {}", reply.text);
        assert_eq!(reply.status, if code == -32602 { 400 } else { 503 });
        if let Some(reason) = body["error"]["data"]["reason"].as_str() {
            assert!(reason.starts_with("Search Error. ") && reason.contains("ownerAddress"), "{reason}");
        }
    }
    sqlx::raw_sql("ROLLBACK").execute(&mut connection).await.unwrap();
    client.result(&key, "searchAssets", json!({ "royaltyAmount": 500 })).await;
}

#[tokio::test]
async fn holdings_are_shown_and_too_many_are_sorted_by_id_alone() {
    let database = Database::new().await;
    let store = database.store();
    let owner = pubkey(9_000_000);
    let token = AssetSpec::new(pubkey(1));
    let mut json = token.json();
    json["ownership"]["ownership_model"] = "token".into();
    json["ownership"]["owner"] = "".into();
    json["token_info"] = json!({ "supply": 1_000, "decimals": 2 });
    let asset = vitrine_model::Asset::from_das(&json.to_string()).unwrap();
    let change = vitrine_store::AssetChange {
        facts: asset.facts(),
        rendered: asset.render().pack(),
        ..token.change()
    };
    store.write_assets(&[change], None).await.unwrap();
    let mut connection = database.connect().await;
    for (address, amount) in [(10_u64, 3_i64), (11, 40), (12, 0)] {
        sqlx::query(
            "INSERT INTO account (address, kind, asset_id, slot, write_version, closed, token_owner, token_amount)
             VALUES ($1, 1, $2, 1, 1, false, $3, $4)",
        )
        .bind(*pubkey(address).as_bytes())
        .bind(*pubkey(1).as_bytes())
        .bind(*owner.as_bytes())
        .bind(amount)
        .execute(&mut connection)
        .await
        .unwrap();
    }
    let key = make_key(&store, "enterprise", None).await.0;
    let server = Server::start(&database, &[]);
    let client = server.client();
    let fungible = json!({ "showFungible": true, "showGrandTotal": true });
    let held = json!({
        "supply": 1_000, "decimals": 2, "balance": 43, "associated_token_address": pubkey(11).to_string(),
    });
    for (method, params) in [
        (
            "searchAssets",
            json!({ "ownerAddress": owner.to_string(), "tokenType": "fungible", "options": fungible }),
        ),
        (
            "searchAssets",
            json!({ "ownerAddress": owner.to_string(), "tokenType": "all", "options": fungible, "sortBy": { "sortBy": "created" } }),
        ),
        ("getAssetsByOwner", json!({ "ownerAddress": owner.to_string(), "options": fungible })),
    ] {
        let page = client.result(&key, method, params).await;
        assert_eq!(page["items"][0]["token_info"], held, "{page:#}");
        assert_eq!((&page["total"], &page["grand_total"]), (&json!(1), &json!(1)));
    }
    // The account of the wallet's own, once it is there, is named before the one with the most.
    let associated = vitrine_model::associated_token_addresses(owner, pubkey(1)).next().unwrap();
    sqlx::query(
        "INSERT INTO account (address, kind, asset_id, slot, write_version, closed, token_owner, token_amount)
         VALUES ($1, 1, $2, 1, 1, false, $3, 7)",
    )
    .bind(*associated.as_bytes())
    .bind(*pubkey(1).as_bytes())
    .bind(*owner.as_bytes())
    .execute(&mut connection)
    .await
    .unwrap();
    let params = json!({ "ownerAddress": owner.to_string(), "options": fungible });
    let shown = client.result(&key, "getAssetsByOwner", params).await["items"][0]["token_info"].take();
    assert_eq!(shown["balance"], 50);
    assert_eq!(shown["associated_token_address"], associated.to_string());
    let plain = client
        .result(&key, "searchAssets", json!({ "ownerAddress": owner.to_string(), "tokenType": "fungible" }))
        .await;
    assert_eq!((&plain["total"], plain["items"][0].get("token_info")), (&json!(1), None));
    // 10,001 more tokens, of which nobody knows more than that they are held.
    sqlx::query(
        "INSERT INTO account (address, kind, asset_id, slot, write_version, closed, token_owner, token_amount)
         SELECT sha256(number::text::bytea), 1, sha256(('t' || number)::bytea), 1, 1, false, $1, 1
         FROM generate_series(1, 10001) AS number",
    )
    .bind(*owner.as_bytes())
    .execute(&mut connection)
    .await
    .unwrap();
    let params = |sort: &str| json!({ "ownerAddress": owner.to_string(), "tokenType": "all", "sortBy": { "sortBy": sort } });
    assert_eq!(client.result(&key, "searchAssets", params("id")).await["total"], 1);
    let reply = client.call(&key, "searchAssets", params("updated")).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]["data"]["field"]), (400, &json!("sortBy")));
}

#[tokio::test]
async fn a_uri_that_many_share_is_found_all_the_same() {
    let database = Database::new().await;
    let store = database.store();
    let mut changes: Vec<_> = (0..10_050)
        .map(|number| {
            let spec = AssetSpec { slot_created: number, ..owned(number * 2 + 1) };
            let mut json = AssetSpec { burnt: false, ..spec.clone() }.json();
            json["content"]["json_uri"] = "https://same.test".into();
            let asset = vitrine_model::Asset::from_das(&json.to_string()).unwrap();
            vitrine_store::AssetChange {
                facts: asset.facts(),
                rendered: asset.render().pack(),
                ..spec.change()
            }
        })
        .collect();
    changes.sort_by_key(|change| change.id);
    for batch in changes.chunks(5_000) {
        store.write_assets(batch, None).await.unwrap();
    }
    let key = make_key(&store, "enterprise", None).await.0;
    let server = Server::start(&database, &[]);
    let params = json!({
        "jsonUri": "https://same.test", "limit": 3, "sortBy": { "sortBy": "created" }, "options": { "showGrandTotal": true },
    });
    let page = server.client().result(&key, "searchAssets", params).await;
    let ids: Vec<&str> =
        page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    let last: Vec<String> = (10_047..10_050).rev().map(|number| pubkey(number * 2 + 1).to_string()).collect();
    assert_eq!((ids, &page["grand_total"]), (last.iter().map(String::as_str).collect(), &json!(10_050)));
    // Slots in which few were created lead to them, of a list and of all; slots of too many lead to nothing.
    let owner = pubkey(1_000_000).to_string();
    for of in [json!({}), json!({ "ownerAddress": owner })] {
        for (after, before, total) in [(10, 14, 3), (20, 21, 0), (1, 20_000, 10_048)] {
            for sort in ["id", "created", "updated"] {
                let mut params = of.clone();
                params["createdAt"] = json!({ "after": after, "before": before });
                params["sortBy"] = json!({ "sortBy": sort });
                params["limit"] = json!(2);
                params["options"] = json!({ "showGrandTotal": true });
                let page = server.client().result(&key, "searchAssets", params.clone()).await;
                assert_eq!(
                    (&page["grand_total"], &page["total"]),
                    (&json!(total), &json!(total.min(2))),
                    "{params}"
                );
                params.as_object_mut().unwrap().remove("options");
                params["page"] = json!(2);
                let page = server.client().result(&key, "searchAssets", params.clone()).await;
                assert_eq!(page["total"], (total - 2).clamp(0, 2), "{params}");
            }
        }
    }
    let mut connection = database.connect().await;
    let row =
        sqlx::query("SELECT count(*) FROM asset WHERE NOT listed").fetch_one(&mut connection).await.unwrap();
    assert_eq!(row.get::<i64, _>(0), 0);
}

#[tokio::test]
async fn pages_of_several_lists_reach_so_far() {
    let database = Database::new().await;
    let store = database.store();
    let specs: Vec<AssetSpec> = (0..30)
        .map(|number| AssetSpec {
            collection: Some((pubkey(3_000_000 + number % 3), true)),
            ..AssetSpec::new(pubkey(number))
        })
        .collect();
    assets::write(&store, &specs).await;
    let key = make_key(&store, "enterprise", None).await.0;
    let mut connection = database.connect().await;
    // What is allowed goes by what the lists say of themselves.
    sqlx::query("UPDATE asset_list SET total = 1000000 WHERE kind = 1")
        .execute(&mut connection)
        .await
        .unwrap();
    let server = Server::start(&database, &[]);
    let client = server.client();
    let collections = |count: u64| -> Vec<String> {
        (0..count).map(|number| pubkey(3_000_000 + number).to_string()).collect()
    };
    for (count, limit, page, total) in [
        (3, 7, 2, Some(7)),
        (3, 1_000, 40, Some(0)),
        (3, 1_000, 41, None),
        (2, 1_000, 60, Some(0)),
        (2, 1_000, 61, None),
        (1, 1_000, 501, Some(0)),
    ] {
        let params = json!({ "collections": collections(count), "limit": limit, "page": page });
        let reply = client.call(&key, "searchAssets", params.clone()).await;
        let body = reply.json();
        if let Some(total) = total {
            assert_eq!(body["result"]["total"], total, "{params}: {}", reply.text);
        } else {
            assert_eq!((reply.status.as_u16(), &body["error"]["data"]["field"]), (400, &json!("page")));
            let reason = body["error"]["data"]["reason"].as_str().unwrap();
            assert!(reason.starts_with("Pagination Error. ") && reason.contains("cursor"), "{reason}");
        }
    }
}

#[tokio::test]
async fn a_search_that_is_refused_leaves_its_connection_free() {
    let database = Database::new().await;
    let specs: Vec<AssetSpec> = (0..30)
        .map(|number| AssetSpec {
            collection: Some((pubkey(3_000_000 + number % 3), true)),
            ..AssetSpec::new(pubkey(number))
        })
        .collect();
    assets::write(&database.store(), &specs).await;
    let mut connection = database.connect().await;
    let long = "UPDATE asset_list SET total = 1000000 WHERE kind = 1";
    sqlx::raw_sql(long).execute(&mut connection).await.unwrap();
    let store = database.store();
    let collections = (0..3).map(|number| pubkey(3_000_000 + number)).collect();
    let plan = SearchPlan {
        filter: Filter {
            conditions: Conditions { collections: Some(collections), ..Conditions::default() },
            ..Filter::default()
        },
        sort: Sort::Id,
        direction: Direction::Asc,
        start: Start::Offset(40_000),
        limit: 1_000,
        count: false,
        display: Display::default(),
        max_bytes: usize::MAX,
        encoding: Encoding::Identity,
    };
    let refused = store.search(&plan).await;
    assert!(matches!(refused, Err(StoreError::TooDeep { .. })), "{refused:?}");
    // Nobody has to end anything: it is there again before the caller goes on.
    assert_eq!(store.read_connections(), (1, 1));
}
