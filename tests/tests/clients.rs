//! The clients of DAS, unmodified, against a server on the shipped sample: Node runs `tests/clients`, Cargo
//! `tests/clients/rust`.

use std::path::{Path, PathBuf};
use std::process::Command;

use vitrine_tests::client::make_key;
use vitrine_tests::{Database, Server, Vitrine, chain};

/// A folder of the repository.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A server on the shipped sample and what the chain is like around it, its database, and a key.
async fn sample_server() -> (Server, Database, String) {
    let database = Database::new().await;
    let sample = folder("../crates/vitrine/sample/assets.ndjson");
    let imported = Vitrine::new(&["import"]).arg(sample).on(&database).output();
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    let on_chain = chain::read(&folder("clients/chain.json"));
    chain::write(&mut database.connect().await, &on_chain).await;
    let store = database.store();
    // No tier with a rate: how often a key may call is not what clients are asked about.
    let (key, _) = make_key(&store, "enterprise", None).await;
    store.close().await;
    (Server::start(&database, &[]), database, key)
}

/// Runs a program in a folder, told where the server is.
async fn run(program: &str, arguments: &[&str], folder: PathBuf) {
    let (server, _database, key) = sample_server().await;
    let status = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("VITRINE_CLIENTS_URL", &server.base)
        .env("VITRINE_CLIENTS_KEY", &key)
        .status()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(status.success(), "a client failed: see above");
}

#[tokio::test]
#[ignore = "takes Node and `npm ci` in tests/clients: .ci/run sees to both"]
async fn node() {
    run("node", &["--test"], folder("clients")).await;
}

#[tokio::test]
#[ignore = "builds the crate `helius` with all of Solana's: minutes"]
async fn rust() {
    run(env!("CARGO"), &["test", "--locked"], folder("clients/rust")).await;
}
