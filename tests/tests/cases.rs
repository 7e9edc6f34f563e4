//! The contract, case by case: `tests/cases/**.json`, each a request and its whole answer.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use vitrine_tests::case::{self, Case};
use vitrine_tests::chain;
use vitrine_tests::{Database, Server, Vitrine};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn world_file(name: &str) -> PathBuf {
    ["ndjson", "json"]
        .iter()
        .map(|extension| folder("worlds").join(format!("{name}.{extension}")))
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("there is no world {name}"))
}

/// Runs all cases of a topic, those with the same world and settings on one server.
async fn run(topic: &str) {
    let mut groups: BTreeMap<(String, String), Vec<Case>> = BTreeMap::new();
    for case in case::load(&folder("cases").join(topic)) {
        let settings = serde_json::to_string(&case.settings).unwrap();
        groups.entry((case.world.clone(), settings)).or_default().push(case);
    }
    let (mut passed, mut failures) = (0, Vec::new());
    for ((world, _), cases) in groups {
        let file = world_file(&world);
        let database = Database::new().await;
        let store = database.store();
        let imported = Vitrine::new(&["import"]).arg(&file).on(&database).output();
        assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
        let on_chain = folder("worlds").join(format!("{world}.chain.json"));
        if on_chain.exists() {
            chain::write(&mut database.connect().await, &chain::read(&on_chain)).await;
        }
        let settings: Vec<(String, String)> = cases[0].settings.iter().map(variable).collect();
        let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (&**name, &**value)).collect();
        let server = Server::start(&database, &settings);
        let (client, world) = (server.client(), case::world(&file));
        for case in cases {
            match case.run(&client, &store, &world).await {
                Ok(()) => passed += 1,
                Err(problem) => {
                    let path = case.path.strip_prefix(folder("cases")).unwrap().display();
                    failures.push(format!("{path} ({})\n  {problem}", case.about));
                }
            }
        }
        store.close().await;
    }
    println!("{topic}: {passed} cases passed, {} failed", failures.len());
    assert!(passed > 0, "{topic} has no cases");
    assert!(failures.is_empty(), "{} cases failed:\n{}", failures.len(), failures.join("\n"));
}

/// A setting's environment variable.
fn variable((name, value): (&String, &serde_json::Value)) -> (String, String) {
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    (format!("VITRINE_{}", name.replace('.', "_").to_uppercase()), value)
}

/// One test a topic, and a test that no topic is left out.
macro_rules! topics {
    ($($test:ident = $folder:literal),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $test() {
                run($folder).await;
            }
        )*

        #[test]
        fn every_topic_has_a_test() {
            let mut folders: Vec<String> = std::fs::read_dir(folder("cases"))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            folders.sort();
            let mut tests = vec![$($folder),*];
            tests.sort_unstable();
            assert_eq!(folders, tests);
        }
    };
}

topics! {
    auth = "auth",
    documents = "documents",
    get_asset = "getAsset",
    get_asset_changes = "getAssetChanges",
    get_asset_proof = "getAssetProof",
    get_asset_proofs = "getAssetProofs",
    get_asset_signatures = "getAssetSignatures",
    get_asset_signatures_v2 = "getAssetSignaturesV2",
    get_assets = "getAssets",
    get_assets_by_authority = "getAssetsByAuthority",
    get_assets_by_creator = "getAssetsByCreator",
    get_assets_by_group = "getAssetsByGroup",
    get_assets_by_owner = "getAssetsByOwner",
    get_grouping = "getGrouping",
    get_nft_editions = "getNftEditions",
    get_token_accounts = "getTokenAccounts",
    http = "http",
    json_rpc = "json_rpc",
    search_assets = "searchAssets",
    tiers = "tiers",
}
