//! The pass-through: what goes to the upstream node, what comes back, and what happens when nothing does.

#![expect(clippy::unwrap_used, reason = "tests")]

mod answers;
mod balance;
mod gates;
mod long;
mod secrets;
mod troubles;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use vitrine_store::Store;
use vitrine_tests::assets::{self, pubkey};
use vitrine_tests::client::make_key;
use vitrine_tests::server::PATIENCE;
use vitrine_tests::{AssetSpec, Client, Database, Node, Server};

/// A server in front of a node, with a few assets, and a key without a limit.
struct World {
    /// Dropped before the database that it uses.
    server: Server,
    store: Store,
    key: String,
    _database: Database,
}

impl World {
    async fn new(node: &Node, settings: &[(&str, &str)]) -> Self {
        Self::at(&node.url(), settings).await
    }

    async fn at(url: &str, settings: &[(&str, &str)]) -> Self {
        let database = Database::new().await;
        let store = database.store();
        let owned: Vec<AssetSpec> = (0..3)
            .map(|number| AssetSpec { owner: Some(pubkey(900)), ..AssetSpec::new(pubkey(number)) })
            .collect();
        assets::write(&store, &owned).await;
        let (key, _) = make_key(&store, "enterprise", None).await;
        let settings = [&[("VITRINE_UPSTREAM_RPC_URL", url)], settings].concat();
        let server = Server::start(&database, &settings);
        Self { server, store, key, _database: database }
    }

    fn client(&self) -> Client {
        self.server.client()
    }

    /// The three doors with the key in the path or query: Helius, Infura, Triport.
    fn doors(&self) -> [String; 3] {
        doors(&self.key)
    }

    /// An asset can be read.
    async fn serves_assets(&self) {
        let (client, path) = (self.client(), &self.doors()[0]);
        let reply = timeout(PATIENCE, client.post(path, asset(7))).await.expect("assets are served");
        assert_eq!(reply.json()["result"]["id"], json!(pubkey(1).to_string()), "{}", reply.text);
    }
}

fn doors(key: &str) -> [String; 3] {
    [format!("/?api-key={key}"), format!("/v3/{key}"), format!("/sol/{key}")]
}

/// The body of a call.
fn call(id: impl Into<Value>, method: &str, params: impl Into<Value>) -> String {
    let (id, params) = (id.into(), params.into());
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}

/// The body of a call for an asset that there is.
fn asset(id: u32) -> String {
    call(id, "getAsset", json!({ "id": pubkey(1).to_string() }))
}

/// Looks until something holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        sleep(Duration::from_millis(10)).await;
    }
}
