//! What goes over the socket: bad input, slow clients, encodings, rates, and what the log says of it.

#![expect(clippy::unwrap_used, reason = "tests")]

mod bad_input;
mod headers;
mod large;
mod log;
mod rates;
mod sockets;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use vitrine_store::Store;
use vitrine_tests::assets::{self, pubkey};
use vitrine_tests::client::make_key;
use vitrine_tests::server::PATIENCE;
use vitrine_tests::{AssetSpec, Database, Server};

/// A server on a collection of 40 assets, and a key without a limit.
struct World {
    /// Dropped before the database that it uses.
    server: Server,
    store: Store,
    key: String,
    key_id: i64,
    database: Database,
}

impl World {
    async fn new(settings: &[(&str, &str)]) -> Self {
        let database = Database::new().await;
        let store = database.store();
        let members: Vec<AssetSpec> = (0..40)
            .map(|number| {
                let collection = Some((pubkey(1_000), true));
                AssetSpec { collection, ..AssetSpec::new(pubkey(number)) }
            })
            .collect();
        assets::write(&store, &members).await;
        let (key, key_id) = make_key(&store, "enterprise", None).await;
        let server = Server::start(&database, settings);
        Self { server, store, key, key_id, database }
    }

    /// The three doors with the key in the path or query.
    fn doors(&self) -> [String; 3] {
        doors(&self.key)
    }
}

fn doors(key: &str) -> [String; 3] {
    [format!("/?api-key={key}"), format!("/v3/{key}"), format!("/sol/{key}")]
}

fn collection() -> String {
    pubkey(1_000).to_string()
}

/// The body of a call.
fn call(id: impl Into<Value>, method: &str, params: impl Into<Value>) -> String {
    let (id, params) = (id.into(), params.into());
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}

/// The body of a call for a page of the collection.
fn page(id: impl Into<Value>, limit: u32) -> String {
    let params = json!({ "groupKey": "collection", "groupValue": collection(), "limit": limit });
    call(id, "getAssetsByGroup", params)
}

/// Looks until something holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        sleep(Duration::from_millis(10)).await;
    }
}
