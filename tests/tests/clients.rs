//! The clients of DAS, unmodified, against a server on the shipped sample: Node runs `tests/clients`.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::Command;

use vitrine_tests::client::make_key;
use vitrine_tests::{Database, Server, Vitrine};

/// A folder of the repository.
fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[tokio::test]
#[ignore = "takes Node and `npm ci` in tests/clients: .ci/run sees to both"]
async fn every_client_reads_what_is_known() {
    let database = Database::new().await;
    let sample = folder("../crates/vitrine/sample/assets.ndjson");
    let imported = Vitrine::new(&["import"]).arg(sample).on(&database).output();
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    let store = database.store();
    // No tier with a rate: how often a key may call is not what clients are asked about.
    let (key, _) = make_key(&store, "enterprise", None).await;
    store.close().await;
    let server = Server::start(&database, &[]);
    let status = Command::new("node")
        .arg("--test")
        .current_dir(folder("clients"))
        .env("VITRINE_CLIENTS_URL", &server.base)
        .env("VITRINE_CLIENTS_KEY", &key)
        .status()
        .expect("node is there");
    assert!(status.success(), "a client failed: see above");
}
