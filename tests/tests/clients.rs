//! The clients of DAS, unmodified, against a server on the shipped sample: Node runs `tests/clients`, Cargo
//! `tests/clients/rust`.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use vitrine_tests::client::make_key;
use vitrine_tests::node::{Act, answer, refusal};
use vitrine_tests::{Database, Node, Server, Vitrine, chain};

/// Lamports of everybody, as `lib/known.js` has them.
const LAMPORTS: u64 = 123_456_789;

/// A server on the shipped sample and what the chain is like around it, with a Solana node behind it.
struct World {
    /// Dropped before the database and the node that it uses.
    server: Server,
    key: String,
    node: Node,
    _database: Database,
}

/// A folder of the repository.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A node that knows the balance of everybody, and the accounts of `clients/accounts.json`.
async fn node_of_the_chain() -> Node {
    let text = std::fs::read_to_string(folder("clients/accounts.json")).unwrap();
    let accounts: Value = serde_json::from_str(&text).unwrap();
    let told = move |address: &Value| match &accounts[address.as_str().unwrap()] {
        Value::Null => Value::Null,
        account => json!({
            "data": [account["data"], "base64"], "owner": account["owner"], "lamports": account["lamports"],
            "executable": false, "rentEpoch": 0, "space": 0,
        }),
    };
    Node::start(move |request| {
        let of = &request["params"][0];
        let value = match request["method"].as_str().unwrap() {
            "getBalance" => json!(LAMPORTS),
            "getAccountInfo" => told(of),
            "getMultipleAccounts" => of.as_array().unwrap().iter().map(&told).collect(),
            _ => return Act::Answer(refusal(r#"{"code":-32601,"message":"Method not found"}"#)),
        };
        Act::Answer(answer(&json!({ "context": { "slot": 1 }, "value": value }).to_string()))
    })
    .await
}

async fn world() -> World {
    let database = Database::new().await;
    for file in ["../crates/vitrine/sample/assets.ndjson", "clients/second.ndjson"] {
        let imported = Vitrine::new(&["import"]).arg(folder(file)).on(&database).output();
        assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    }
    let on_chain = chain::read(&folder("clients/chain.json"));
    chain::write(&mut database.connect().await, &on_chain).await;
    let store = database.store();
    // No tier with a rate: how often a key may call is not what clients are asked about.
    let (key, _) = make_key(&store, "enterprise", None).await;
    store.close().await;
    let node = node_of_the_chain().await;
    let server = Server::start(&database, &[("VITRINE_UPSTREAM_RPC_URL", &node.url())]);
    World { server, key, node, _database: database }
}

/// Runs a program in a folder, told where the server is, and gives the methods that the node was asked for.
async fn run(program: &str, arguments: &[&str], folder: PathBuf) -> Vec<String> {
    let world = world().await;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(folder)
        .env("VITRINE_CLIENTS_URL", &world.server.base)
        .env("VITRINE_CLIENTS_KEY", &world.key);
    // The node answers on this thread's runtime while the clients run.
    let status = tokio::task::spawn_blocking(move || command.status()).await.unwrap();
    assert!(
        status.unwrap_or_else(|error| panic!("{program}: {error}")).success(),
        "a client failed: see above"
    );
    let received = world.node.received();
    assert!(received.iter().all(|request| !request.contains(&world.key)), "the key stays here");
    world.node.calls().iter().map(|call| call["method"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
#[ignore = "takes Node and `npm ci` in tests/clients: .ci/run sees to both"]
async fn node() {
    let asked = run("node", &["--test"], folder("clients")).await;
    // The paths of clients through accounts are no paths of their own.
    for method in ["getBalance", "getAccountInfo", "getMultipleAccounts"] {
        assert!(asked.iter().any(|asked| asked == method), "nobody asked for {method}");
    }
    assert!(asked.iter().all(|method| !method.contains("Asset")), "ours are ours: {asked:?}");
}

#[tokio::test]
#[ignore = "builds the crate `helius` with all of Solana's: minutes"]
async fn rust() {
    let asked = run(env!("CARGO"), &["test", "--locked"], folder("clients/rust")).await;
    assert_eq!(asked, ["getBalance"]);
}
