//! The result of each method against its schema in the official OpenRPC document of DAS (`schemas/`).

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::{Value, json};
use vitrine_compare::{Known, METHODS, Question, Questions};
use vitrine_tests::client::make_key;
use vitrine_tests::{Client, Database, Server, Vitrine, chain};

/// How many questions are asked with each method, random but always the same.
const QUESTIONS: usize = 120;

/// What the document does not have.
const BEYOND: [&str; 2] = ["getAssetChanges", "getAssetSignaturesV2"];

/// What is answered about few assets alone.
const OF_THE_CHAIN: [&str; 6] = [
    "getAssetProof",
    "getAssetProofs",
    "getAssetSignatures",
    "getAssetSignaturesV2",
    "getTokenAccounts",
    "getNftEditions",
];

/// Where we leave the document: the end of a place in the result, what is said of it, and why.
const EXCEPTIONS: [(&str, &str, &str); 1] = [(
    "/token_info",
    "\"token_program\" is a required property",
    "an imported asset keeps the token_info that it came with, and not every server names the program",
)];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The schema of each method's result.
fn schemas() -> BTreeMap<String, Validator> {
    let text = std::fs::read_to_string(folder("schemas/metaplex-das-api.json")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let methods = document["methods"].as_array().unwrap();
    methods
        .iter()
        .map(|method| {
            let name = method["name"].as_str().unwrap().to_owned();
            (name, jsonschema::validator_for(&method["result"]["schema"]).unwrap())
        })
        .collect()
}

/// Assets of every kind that is imported, a tree, token accounts and editions.
async fn database() -> (Database, Vec<Value>) {
    let database = Database::new().await;
    let mut assets = Vec::new();
    for file in ["../crates/vitrine/sample/assets.ndjson", "worlds/foxes.ndjson", "worlds/search.ndjson"] {
        let imported = Vitrine::new(&["import"]).arg(folder(file)).on(&database).output();
        assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
        let text = std::fs::read_to_string(folder(file)).unwrap();
        assets.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
    }
    let on_chain = chain::read(&folder("clients/chain.json"));
    chain::write(&mut database.connect().await, &on_chain).await;
    (database, assets)
}

/// The results of all pages of a question, up to one that is an error.
async fn results(client: &Client, key: &str, question: &Question) -> Vec<Value> {
    let (mut results, mut params) = (Vec::new(), question.params.clone());
    for _ in 0..question.pages {
        let answer = client.call(key, question.method, params.clone().into()).await.json();
        let Some(result) = answer.get("result") else { break };
        results.push(result.clone());
        match question.walk.next(&params, &answer) {
            Some(next) => params = next,
            None => break,
        }
    }
    results
}

/// What of a result is held against a schema, and which method's that is: changed assets are assets.
fn parts(method: &'static str, result: &Value) -> Vec<(&'static str, Value)> {
    let items = result["items"].as_array().into_iter().flatten();
    match method {
        "getAssetChanges" => items.map(|item| ("getAsset", item["asset"].clone())).collect(),
        _ if BEYOND.contains(&method) => Vec::new(),
        _ => vec![(method, result.clone())],
    }
}

/// Whether a result tells of anything: a schema says little about an empty page.
fn is_full(result: &Value) -> bool {
    let list = ["items", "token_accounts", "editions"].iter().find_map(|name| result[*name].as_array());
    list.is_none_or(|elements| !elements.is_empty())
}

#[tokio::test]
async fn every_result_is_as_its_schema_says() {
    let schemas = schemas();
    let documented: BTreeSet<&str> = METHODS.into_iter().filter(|method| !BEYOND.contains(method)).collect();
    assert_eq!(schemas.keys().map(String::as_str).collect::<BTreeSet<_>>(), documented);
    let (database, assets) = database().await;
    let store = database.store();
    let (key, _) = make_key(&store, "enterprise", None).await;
    store.close().await;
    let server = Server::start(&database, &[]);
    let client = server.client();
    let on_chain = std::fs::read_to_string(folder("clients/chain.json")).unwrap();
    let (all, mut few) = (Known::of(&assets), Known::of(&named_in(&on_chain, &assets)));
    let on_chain: Value = serde_json::from_str(&on_chain).unwrap();
    few.add_holders(on_chain["token_accounts"].as_array().unwrap());
    let questions = METHODS.into_iter().flat_map(|method| {
        let known = if OF_THE_CHAIN.contains(&method) { &few } else { &all };
        Questions::new(known, vec![method], 1).take(QUESTIONS)
    });
    let (mut full, mut used) = (BTreeMap::from(METHODS.map(|method| (method, 0))), BTreeSet::new());
    let mut problems = BTreeSet::new();
    for question in questions {
        for result in results(&client, &key, &question).await {
            *full.get_mut(question.method).unwrap() += usize::from(is_full(&result));
            for (method, part) in parts(question.method, &result) {
                for error in schemas[method].iter_errors(&part) {
                    let place = error.instance_path().to_string();
                    match excepted(&place, &error.to_string()) {
                        Some(exception) => drop(used.insert(exception)),
                        None => drop(problems.insert(format!("{method} {}: {error}", pattern(&place)))),
                    }
                }
            }
        }
    }
    let problems: Vec<String> = problems.into_iter().take(40).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(full.values().all(|count| *count > 0), "nothing was told by some method: {full:?}");
    let unused: Vec<_> = EXCEPTIONS.iter().enumerate().filter(|(place, _)| !used.contains(place)).collect();
    assert!(unused.is_empty(), "exceptions that are none any more: {unused:?}");
}

/// The exception that lets a problem pass.
fn excepted(place: &str, problem: &str) -> Option<usize> {
    EXCEPTIONS.iter().position(|(end, said, _)| place.ends_with(end) && problem == *said)
}

/// What we serve beyond the official document is as ours says.
#[tokio::test]
async fn results_beyond_the_document_are_as_our_own_says() {
    let ours: Value = serde_json::from_str(vitrine_rpc::openrpc()).unwrap();
    let (database, _) = database().await;
    let store = database.store();
    let (key, _) = make_key(&store, "enterprise", None).await;
    store.close().await;
    let server = Server::start(&database, &[]);
    let on_chain: Value =
        serde_json::from_str(&std::fs::read_to_string(folder("clients/chain.json")).unwrap()).unwrap();
    let leaf = &on_chain["trees"][0]["changes"][0]["asset"];
    for (method, params) in
        [("getAssetSignaturesV2", json!({ "id": leaf })), ("getAssetChanges", json!({ "afterSlot": 0 }))]
    {
        let documented =
            ours["methods"].as_array().unwrap().iter().find(|one| one["name"] == method).unwrap();
        let mut schema = documented["result"]["schema"].clone();
        schema["components"] = ours["components"].clone();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let result = server.client().result(&key, method, params).await;
        assert!(!result["items"].as_array().unwrap().is_empty(), "{method}: {result}");
        let problems: Vec<String> = validator.iter_errors(&result).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{method}: {problems:?}");
        assert!(!validator.is_valid(&json!({ "items": [1] })), "{method}: the schema says something");
    }
}

/// The assets whose ids stand in a text.
fn named_in(text: &str, assets: &[Value]) -> Vec<Value> {
    assets.iter().filter(|asset| text.contains(asset["id"].as_str().unwrap())).cloned().collect()
}

/// A place without the numbers of elements, so that the same fault counts once.
fn pattern(place: &str) -> String {
    let steps = place.split('/').map(|step| if step.parse::<usize>().is_ok() { "*" } else { step });
    steps.collect::<Vec<_>>().join("/")
}
