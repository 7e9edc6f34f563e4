//! `vitrine import`, as a process: what it reads, what it makes of it, and how it fails.

#![expect(clippy::unwrap_used, reason = "tests")]

mod faults;
mod forms;
mod interruptions;
mod lossless;
mod rules;

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;
use vitrine_tests::client::make_key;
use vitrine_tests::{Client, Database, Reply, Server, Vitrine, consistency};

/// A database with a server on it, and a folder for files.
struct World {
    database: Database,
    client: Client,
    key: String,
    folder: TempDir,
    _server: Server,
}

/// How an import ended.
struct Done {
    code: i32,
    summary: String,
    stderr: String,
}

impl World {
    async fn new() -> Self {
        let database = Database::new().await;
        let server = Server::start(&database, &[]);
        let store = database.store();
        let (key, _) = make_key(&store, "enterprise", None).await;
        store.close().await;
        let folder = tempfile::tempdir().unwrap();
        Self { client: server.client(), database, key, folder, _server: server }
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The command, with these flags and files.
    fn command(&self, arguments: &[&dyn AsRef<Path>]) -> Vitrine {
        let command = Vitrine::new(&["import"]).on(&self.database);
        arguments.iter().fold(command, |command, argument| command.arg((*argument).as_ref()))
    }

    fn import(&self, arguments: &[&dyn AsRef<Path>]) -> Done {
        Done::of(self.command(arguments).output())
    }

    /// Imports one NDJSON file of these assets.
    fn load(&self, assets: &[Value]) -> Done {
        Done::of(self.command(&[&"-"]).output_with(ndjson(assets).as_bytes())).whole()
    }

    async fn group(&self, key: &str, value: &str, options: Value) -> Reply {
        let params = json!({ "groupKey": key, "groupValue": value, "page": 1, "options": options });
        self.client.call(&self.key, "getAssetsByGroup", params).await
    }

    /// How many there are in a group: on its first page, and in all.
    async fn members(&self, key: &str, value: &str, unverified: bool) -> (u64, u64) {
        let options = json!({ "showGrandTotal": true, "showUnverifiedCollections": unverified });
        let result = &self.group(key, value, options).await.json()["result"];
        let items = result["items"].as_array().unwrap_or_else(|| panic!("{value}: {result}"));
        assert_eq!(result["total"], items.len());
        (u64::try_from(items.len()).unwrap(), result["grand_total"].as_u64().unwrap())
    }

    async fn count(&self, statement: &'static str) -> u64 {
        let count: i64 =
            sqlx::query_scalar(statement).fetch_one(&mut self.database.connect().await).await.unwrap();
        u64::try_from(count).unwrap()
    }

    async fn assets(&self) -> u64 {
        self.count("SELECT count(*) FROM asset").await
    }

    async fn check(&self) {
        consistency::check(&self.database).await;
    }
}

impl Done {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().expect("it ends by itself"),
            summary: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Asserts that everything was taken.
    fn whole(self) -> Self {
        assert_eq!((self.code, self.count("rejected")), (0, 0), "{}{}", self.summary, self.stderr);
        self
    }

    /// A number of the summary, by the words that follow it.
    fn count(&self, what: &str) -> u64 {
        let numbers = self.summary.lines().next().unwrap_or_default().split([':', ',']);
        let number =
            numbers.filter_map(|part| part.trim().split_once(' ')).find(|(_, text)| text.starts_with(what));
        number.unwrap_or_else(|| panic!("no {what}: {} {}", self.summary, self.stderr)).0.parse().unwrap()
    }

    /// Created, updated, unchanged, older, superseded, rejected.
    fn counts(&self) -> [u64; 6] {
        ["created", "updated", "unchanged", "older", "superseded", "rejected"].map(|what| self.count(what))
    }
}

fn ndjson(assets: &[Value]) -> String {
    assets.iter().flat_map(|asset| [asset.to_string(), "\n".to_owned()]).collect()
}

/// A list method's answer, as it is saved.
fn response(last_indexed_slot: u64, assets: &[Value]) -> Value {
    json!({
        "jsonrpc": "2.0", "id": "test",
        "result": {
            "last_indexed_slot": last_indexed_slot, "total": assets.len(), "limit": 1000, "page": 1, "items": assets,
        },
    })
}
