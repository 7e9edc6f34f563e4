//! `showNativeBalance`: the owner's lamports beside the owner's assets.

use serde_json::{Value, json};
use tokio::time::timeout;
use vitrine_tests::Node;
use vitrine_tests::assets::pubkey;
use vitrine_tests::node::{Act, answer, refusal};
use vitrine_tests::server::PATIENCE;

use super::World;

fn page(option: &str) -> Value {
    json!({ "ownerAddress": pubkey(900).to_string(), option: { "showNativeBalance": true } })
}

#[tokio::test]
async fn a_page_of_an_owner_has_the_balance_that_the_node_tells() {
    let node = Node::answering(r#"{"context":{"slot":1},"value":18446744073709551615}"#).await;
    let world = World::new(&node, &[]).await;
    for option in ["options", "displayOptions"] {
        for params in [
            page(option),
            json!([pubkey(900).to_string(), null, null, null, null, null, page(option)[option]]),
        ] {
            let result = world.client().result(&world.key, "getAssetsByOwner", params).await;
            assert_eq!(
                result["nativeBalance"],
                json!({ "lamports": u64::MAX, "price_per_sol": 0.0, "total_price": 0.0 })
            );
            assert_eq!(result["items"].as_array().unwrap().len(), 3);
            // Behind the items, as the last member.
            assert_eq!(result.as_object().unwrap().len(), 7, "{:?}", result.as_object().unwrap().keys());
        }
    }
    assert!(node.calls().iter().all(|call| {
        call["method"] == "getBalance" && call["params"] == json!([pubkey(900).to_string()])
    }));
    for params in [
        page("options"),
        json!({ "ownerAddress": pubkey(900).to_string(), "options": { "showNativeBalance": true, "showFungible": true } }),
    ] {
        for method in ["searchAssets", "getAssetsByOwner"] {
            let result = world.client().result(&world.key, method, params.clone()).await;
            assert_eq!(result["nativeBalance"]["lamports"], json!(u64::MAX), "{method} {params}");
            assert_eq!(result["items"].as_array().unwrap().len(), 3);
        }
    }
    // Whose balance?
    let nobodys =
        json!({ "authorityAddress": pubkey(900).to_string(), "options": { "showNativeBalance": true } });
    let reply = world.client().call(&world.key, "searchAssets", nobodys).await;
    assert_eq!(
        reply.json()["error"]["data"],
        json!({ "field": "ownerAddress", "reason": r#"Need to specify "ownerAddress" when using "showNativeBalance""# })
    );
    let asked = node.calls().len();
    // Who does not ask for it, and lists that are nobody's, have none.
    let owner = json!({ "ownerAddress": pubkey(900).to_string() });
    assert!(
        world.client().result(&world.key, "getAssetsByOwner", owner).await.get("nativeBalance").is_none()
    );
    let authority =
        json!({ "authorityAddress": pubkey(900).to_string(), "options": { "showNativeBalance": true } });
    world.client().call(&world.key, "getAssetsByAuthority", authority).await;
    assert_eq!(node.calls().len(), asked);
}

#[tokio::test]
async fn without_a_balance_the_page_comes_all_the_same() {
    let acts = [
        Act::Answer(refusal(r#"{"code":-32602,"message":"Invalid param"}"#)),
        Act::Answer(answer("1")),
        Act::Answer(answer(r#"{"value":-1}"#)),
        Act::Answer(answer(&format!("\"{}\"", "x".repeat(100_000)))),
        Act::Answer("<html>".to_owned()),
        Act::Status(500, String::new()),
        Act::Raw(Vec::new()),
        Act::Hold(answer(r#"{"value":1}"#)),
    ];
    let turn = std::sync::atomic::AtomicUsize::new(0);
    let count = acts.len();
    let node = Node::start(move |_| {
        acts[turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % acts.len()].clone()
    })
    .await;
    let settings = [
        ("VITRINE_UPSTREAM_BALANCE_TIMEOUT_MS", "200"),
        // No page waits for these.
        ("VITRINE_UPSTREAM_TIMEOUT_MS", "3600000"),
        ("VITRINE_SERVER_CALL_TIMEOUT_MS", "3600000"),
    ];
    let world = World::new(&node, &settings).await;
    for _ in 0..count {
        let client = world.client();
        let listed = client.result(&world.key, "getAssetsByOwner", page("options"));
        let result = timeout(PATIENCE, listed).await.expect("the page waits for nobody");
        assert!(result.get("nativeBalance").is_none(), "{result}");
        assert_eq!(result["items"].as_array().unwrap().len(), 3);
    }
    assert_eq!(node.calls().len(), count);
}

#[tokio::test]
async fn without_an_upstream_there_is_no_balance() {
    let world = World::at("", &[("VITRINE_RPC_STRICT_PARAMS", "true")]).await;
    let result = world.client().result(&world.key, "getAssetsByOwner", page("options")).await;
    assert!(result.get("nativeBalance").is_none());
    assert_eq!(result["items"].as_array().unwrap().len(), 3);
}
