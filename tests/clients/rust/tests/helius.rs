//! The Rust crate `helius`, told where the server is by `Helius::new_with_url`, reads what the shipped sample holds.

use std::env;

use helius::Helius;
use helius::error::HeliusError;
use helius::types::{
    Asset, AssetList, AssetSortBy, AssetSortDirection, AssetSorting, DisplayOptions, GetAsset, GetAssetBatch,
    GetAssetOptions, GetAssetProof, GetAssetProofBatch, GetAssetSignatures, GetAssetsByAuthority,
    GetAssetsByCreator, GetAssetsByGroup, GetAssetsByOwner, GetNftEditions, GetTokenAccounts, Interface,
    SearchAssets, SearchAssetsOptions,
};
use serde_json::{Value, json};

const UNKNOWN: &str = "11111111111111111111111111111112";
const COLLECTION: &str = "4cSURXn9xALz5m8Y1NRcbzjRgbk4QRKvaJWehbS4dXBx";
const OWNER: &str = "DEjjHeLy5MWFCRGcgdXyiyRaLemMCtbDvgABX6nXVeVX";
const AUTHORITY: &str = "37L6jX8qdYiNV51JgYNPtMfru7WRAqkUuYoar3dWQZ86";
const UNVERIFIED_CREATOR: &str = "op4ncMouYGmYBFiXUKcE3foa1D4gEA8fiB7WATf2Suq";

/// What the typed asset has of the asset that was imported.
const MEMBERS: [&str; 9] =
    ["id", "interface", "authorities", "compression", "royalty", "creators", "ownership", "mutable", "burnt"];

/// How the next page is asked for.
#[derive(Clone, Default)]
struct Place {
    page: u32,
    cursor: Option<String>,
    before: Option<String>,
    after: Option<String>,
}

fn client() -> Helius {
    let base = env::var("VITRINE_CLIENTS_URL").expect("see tests/clients/README.md");
    let key = env::var("VITRINE_CLIENTS_KEY").expect("see tests/clients/README.md");
    Helius::new_with_url(&format!("{base}/?api-key={key}")).unwrap()
}

fn sample() -> Vec<Value> {
    let text = include_str!("../../../../crates/vitrine/sample/assets.ndjson");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The ids of a list in its default order: descending by their bytes.
fn list(is_member: impl Fn(&Value) -> bool) -> Vec<String> {
    let is_listed = |asset: &&Value| asset["burnt"] != true || asset["compression"]["compressed"] == true;
    let assets = sample();
    let mut ids: Vec<String> = assets
        .iter()
        .filter(is_listed)
        .filter(|asset| is_member(asset))
        .map(|asset| asset["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort_by_cached_key(|id| bs58::decode(id).into_vec().unwrap());
    ids.reverse();
    assert!(ids.len() > 3, "a list of one page proves nothing");
    ids
}

fn has(asset: &Value, list: &str, member: &str, value: &str) -> bool {
    asset[list].as_array().unwrap().iter().any(|element| element[member] == value)
}

fn in_collection(asset: &Value) -> bool {
    let groups = asset["grouping"].as_array().unwrap();
    groups.iter().any(|group| group["group_value"] == COLLECTION && group["verified"] != false)
}

/// A typed asset against the one that was imported.
fn is_same(found: &Asset, asset: &Value) {
    let typed = serde_json::to_value(found).unwrap();
    for member in MEMBERS {
        assert_eq!(typed[member], asset[member], "{member} of {}", asset["id"]);
    }
    assert_eq!(typed["content"]["json_uri"], asset["content"]["json_uri"]);
    assert_eq!(typed["content"]["metadata"]["name"], asset["content"]["metadata"]["name"]);
}

/// Reads a list from `first` on, in pages of `limit`, until one is empty; `next` says how the page after one is asked for.
async fn walk(
    read: impl AsyncFn(u32, Place) -> Result<AssetList, HeliusError>,
    expected: &[String],
    first: Place,
    next: impl Fn(&AssetList, &Place) -> Place,
) {
    let limit = u32::try_from(expected.len().div_ceil(3)).unwrap();
    let (mut found, mut place) = (Vec::new(), first);
    loop {
        let page = read(limit, place.clone()).await.unwrap();
        assert_eq!(usize::try_from(page.total).unwrap(), page.items.len());
        if page.items.is_empty() {
            break;
        }
        found.extend(page.items.iter().map(|asset| asset.id.clone()));
        place = next(&page, &place);
    }
    assert_eq!(found, expected);
}

/// Reads a list by page, by cursor, and by its last id.
async fn walk_in_every_way(
    read: impl AsyncFn(u32, Place) -> Result<AssetList, HeliusError>,
    expected: &[String],
) {
    let numbered = |_: &AssetList, place: &Place| Place { page: place.page + 1, ..Place::default() };
    walk(&read, expected, Place { page: 1, ..Place::default() }, numbered).await;
    // The lists of owners and authorities send `page: 0` here.
    let by_cursor = |page: &AssetList, _: &Place| Place { cursor: page.cursor.clone(), ..Place::default() };
    walk(&read, expected, Place::default(), by_cursor).await;
    let last = |page: &AssetList, _: &Place| {
        let before = page.items.last().map(|asset| asset.id.clone());
        Place { before, ..Place::default() }
    };
    walk(&read, expected, Place::default(), last).await;
}

#[tokio::test]
async fn get_asset() {
    let rpc = client().rpc();
    for asset in sample() {
        let id = asset["id"].as_str().unwrap().to_owned();
        let found = rpc.get_asset(GetAsset { id, display_options: None }).await.unwrap().unwrap();
        is_same(&found, &asset);
        assert_eq!(found.token_info.is_some(), asset.get("token_info").is_some());
    }
}

#[tokio::test]
async fn get_asset_of_an_unknown_id_is_an_error() {
    let unknown = GetAsset { id: UNKNOWN.to_owned(), display_options: None };
    assert!(client().rpc().get_asset(unknown).await.is_err());
}

#[tokio::test]
async fn get_asset_with_display_options() {
    let fox = sample().into_iter().find(|asset| asset["content"]["metadata"]["name"] == "Fox #9713").unwrap();
    let options = GetAssetOptions { show_collection_metadata: true, ..GetAssetOptions::default() };
    let asked = GetAsset { id: fox["id"].as_str().unwrap().to_owned(), display_options: Some(options) };
    let found = client().rpc().get_asset(asked).await.unwrap().unwrap();
    let groups = found.grouping.unwrap();
    let metadata = groups[0].collection_metadata.as_ref().unwrap();
    assert_eq!(metadata.name.as_deref(), Some("Famous Fox Federation"));
}

#[tokio::test]
async fn get_asset_batch() {
    let assets = sample();
    let id = |place: usize| assets[place]["id"].as_str().unwrap().to_owned();
    let ids = vec![id(1), UNKNOWN.to_owned(), id(0), id(1)];
    let found = client().rpc().get_asset_batch(GetAssetBatch { ids, display_options: None }).await.unwrap();
    let [Some(one), None, Some(other), Some(again)] = found.as_slice() else { panic!("{found:?}") };
    is_same(one, &assets[1]);
    is_same(other, &assets[0]);
    is_same(again, &assets[1]);
}

#[tokio::test]
async fn get_assets_by_group() {
    let rpc = client().rpc();
    let read = async |limit, place: Place| {
        let Place { page, cursor, before, after } = place;
        let asked = GetAssetsByGroup {
            group_key: "collection".to_owned(),
            group_value: COLLECTION.to_owned(),
            limit: Some(limit),
            page: (page > 0).then_some(page),
            cursor,
            before,
            after,
            ..GetAssetsByGroup::default()
        };
        rpc.get_assets_by_group(asked).await
    };
    walk_in_every_way(read, &list(in_collection)).await;
}

#[tokio::test]
async fn get_assets_by_owner() {
    let rpc = client().rpc();
    let read = async |limit, place: Place| {
        let Place { page, cursor, before, after } = place;
        let asked = GetAssetsByOwner {
            owner_address: OWNER.to_owned(),
            limit: Some(limit),
            page,
            cursor,
            before,
            after,
            ..GetAssetsByOwner::default()
        };
        rpc.get_assets_by_owner(asked).await
    };
    walk_in_every_way(read, &list(|asset| asset["ownership"]["owner"] == OWNER)).await;
}

#[tokio::test]
async fn search_assets_with_the_balance_that_the_node_tells() {
    let asked = SearchAssets {
        owner_address: Some(OWNER.to_owned()),
        limit: Some(1),
        page: Some(1),
        options: Some(SearchAssetsOptions { show_native_balance: true, ..SearchAssetsOptions::default() }),
        ..SearchAssets::default()
    };
    let found = client().rpc().search_assets(asked).await.unwrap();
    assert_eq!(found.native_balance.unwrap().lamports, 123_456_789);
    assert_eq!(found.items.len(), 1);
}

#[tokio::test]
async fn get_assets_by_authority() {
    let rpc = client().rpc();
    let read = async |limit, place: Place| {
        let Place { page, cursor, before, after } = place;
        let asked = GetAssetsByAuthority {
            authority_address: AUTHORITY.to_owned(),
            limit: Some(limit),
            page,
            cursor,
            before,
            after,
            ..GetAssetsByAuthority::default()
        };
        rpc.get_assets_by_authority(asked).await
    };
    walk_in_every_way(read, &list(|asset| has(asset, "authorities", "address", AUTHORITY))).await;
}

#[tokio::test]
async fn get_assets_by_creator() {
    let rpc = client().rpc();
    let read = async |limit, place: Place| {
        let Place { page, cursor, before, after } = place;
        let asked = GetAssetsByCreator {
            creator_address: UNVERIFIED_CREATOR.to_owned(),
            only_verified: Some(false),
            limit: Some(limit),
            page: (page > 0).then_some(page),
            cursor,
            before,
            after,
            ..GetAssetsByCreator::default()
        };
        rpc.get_assets_by_creator(asked).await
    };
    walk_in_every_way(read, &list(|asset| has(asset, "creators", "address", UNVERIFIED_CREATOR))).await;
}

#[tokio::test]
async fn a_sorted_list_with_its_grand_total() {
    let asked = GetAssetsByGroup {
        group_key: "collection".to_owned(),
        group_value: COLLECTION.to_owned(),
        sort_by: Some(AssetSorting {
            sort_by: AssetSortBy::Created,
            sort_direction: Some(AssetSortDirection::Asc),
        }),
        limit: Some(5),
        page: Some(1),
        options: Some(DisplayOptions { show_grand_total: true, ..DisplayOptions::default() }),
        ..GetAssetsByGroup::default()
    };
    let found = client().rpc().get_assets_by_group(asked).await.unwrap();
    let mut expected: Vec<(u64, Vec<u8>, String)> = list(in_collection)
        .into_iter()
        .map(|id| {
            let assets = sample();
            let asset = assets.iter().find(|asset| asset["id"] == json!(id)).unwrap();
            (asset["slot_created"].as_u64().unwrap(), bs58::decode(&id).into_vec().unwrap(), id)
        })
        .collect();
    expected.sort();
    assert_eq!(found.grand_total, Some(expected.len() as u64));
    let ids: Vec<&String> = found.items.iter().map(|asset| &asset.id).collect();
    let first: Vec<&String> = expected.iter().take(5).map(|(_, _, id)| id).collect();
    assert_eq!(ids, first);
}

fn chain() -> Value {
    serde_json::from_str(include_str!("../../chain.json")).unwrap()
}

/// Compressed assets that are leaves of the tree.
fn leaves() -> Vec<Value> {
    let changes = chain()["trees"][0]["changes"].as_array().unwrap().clone();
    let is_leaf = |asset: &Value| changes.iter().any(|change| change["asset"] == asset["id"]);
    sample().into_iter().filter(is_leaf).collect()
}

#[tokio::test]
async fn get_asset_proof_and_get_asset_proof_batch() {
    let rpc = client().rpc();
    let leaves = leaves();
    assert!(leaves.len() > 3);
    let id = |asset: &Value| asset["id"].as_str().unwrap().to_owned();
    let mut ids: Vec<String> = leaves.iter().map(id).collect();
    ids.push(UNKNOWN.to_owned());
    let batch = rpc.get_asset_proof_batch(GetAssetProofBatch { ids }).await.unwrap();
    assert!(batch[UNKNOWN].is_none());
    for asset in &leaves {
        let alone = rpc.get_asset_proof(GetAssetProof { id: id(asset) }).await.unwrap().unwrap();
        let of_batch = batch[&id(asset)].as_ref().unwrap();
        for proof in [&alone, of_batch] {
            let leaf_id = asset["compression"]["leaf_id"].as_i64().unwrap();
            assert_eq!(asset["compression"]["asset_hash"], proof.leaf);
            assert_eq!(asset["compression"]["tree"], proof.tree_id);
            assert_eq!((i64::from(proof.node_index), proof.proof.len()), (32 + leaf_id, 5));
        }
        assert_eq!((&alone.root, &alone.proof), (&of_batch.root, &of_batch.proof));
    }
}

#[tokio::test]
async fn search_assets() {
    let rpc = client().rpc();
    let read = async |limit, place: Place| {
        let Place { page, cursor, before, after } = place;
        let asked = SearchAssets {
            owner_address: Some(OWNER.to_owned()),
            interface: Some(Interface::V1NFT),
            limit: Some(limit),
            page: (page > 0).then_some(page),
            cursor,
            before,
            after,
            ..SearchAssets::default()
        };
        rpc.search_assets(asked).await
    };
    let is_member = |asset: &Value| asset["ownership"]["owner"] == OWNER && asset["interface"] == "V1_NFT";
    walk_in_every_way(read, &list(is_member)).await;
}

/// Reads page by page until one is empty.
async fn all_pages<T>(read: impl AsyncFn(u32) -> Vec<T>) -> Vec<T> {
    let mut all = Vec::new();
    for page in 1.. {
        let items = read(page).await;
        if items.is_empty() {
            break;
        }
        all.extend(items);
    }
    all
}

#[tokio::test]
async fn get_signatures_for_asset() {
    let changes = chain()["trees"][0]["changes"].as_array().unwrap().clone();
    let moved = changes.last().unwrap()["asset"].as_str().unwrap().to_owned();
    let expected: Vec<(String, String)> = changes
        .iter()
        .filter(|change| change["asset"] == json!(moved))
        .map(|change| {
            let byte = u8::try_from(change["signature"].as_u64().unwrap()).unwrap();
            (bs58::encode([byte; 64]).into_string(), change["instruction"].as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(expected.len(), 3);
    let rpc = client().rpc();
    for limit in [1, 2, 5] {
        let read = async |page| {
            let asked = GetAssetSignatures {
                id: Some(moved.clone()),
                page: Some(page),
                limit: Some(limit),
                ..GetAssetSignatures::default()
            };
            rpc.get_signatures_for_asset(asked).await.unwrap().items
        };
        assert_eq!(all_pages(read).await, expected);
    }
}

#[tokio::test]
async fn get_token_accounts() {
    let rpc = client().rpc();
    let read = async |page| {
        let asked = GetTokenAccounts {
            owner: Some(OWNER.to_owned()),
            page: Some(page),
            limit: Some(2),
            ..GetTokenAccounts::default()
        };
        rpc.get_token_accounts(asked).await.unwrap().token_accounts
    };
    let found = all_pages(read).await;
    let chain = chain();
    let held: Vec<&Value> = chain["token_accounts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|account| account["owner"] == OWNER && account["amount"] != 0)
        .collect();
    assert!(held.len() > 2, "one page proves nothing");
    assert_eq!(found.len(), held.len());
    for account in held {
        let told = found.iter().find(|told| account["address"] == told.address).unwrap();
        assert_eq!(account["mint"].as_str(), told.mint.as_deref());
        assert_eq!(account["amount"].as_u64(), told.amount);
        assert_eq!(account["delegate"].as_str(), told.delegate.as_deref());
        assert_eq!(account["frozen"].as_bool().unwrap_or_default(), told.frozen);
    }
}

#[tokio::test]
async fn get_nft_editions() {
    let chain = chain();
    let master = &chain["master_editions"][0];
    let mint = master["mint"].as_str().unwrap().to_owned();
    let rpc = client().rpc();
    let read = async |page| {
        let asked = GetNftEditions { mint: Some(mint.clone()), page: Some(page), limit: Some(2) };
        rpc.get_nft_editions(asked).await.unwrap().editions
    };
    let editions = all_pages(read).await;
    let asked = GetNftEditions { mint: Some(mint.clone()), page: Some(1), limit: Some(10) };
    let found = client().rpc().get_nft_editions(asked).await.unwrap();
    assert_eq!(master["address"], found.master_edition_address);
    assert_eq!(
        (Some(found.supply), found.max_supply),
        (master["supply"].as_u64(), master["max_supply"].as_u64())
    );
    assert_eq!(found.editions.len(), editions.len());
    let told: Vec<Value> = editions
        .iter()
        .map(|edition| json!({ "address": edition.edition_address, "mint": edition.mint, "number": edition.edition, "parent": master["address"] }))
        .collect();
    assert_eq!(json!(told), chain["editions"]);
}
