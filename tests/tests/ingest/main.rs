//! `vitrine ingest`, as a process: what it reads, what it keeps, and how it ends. What it makes of real inputs, the cases of
//! another server say.

#![expect(clippy::unwrap_used, reason = "tests")]

mod inputs;
mod interruptions;
mod letters;
mod remake;

use std::path::PathBuf;
use std::process::Output;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use tempfile::TempDir;
use vitrine_ingest::normalise::compose;
use vitrine_model::Pubkey;
use vitrine_tests::assets::{self, AssetSpec};
use vitrine_tests::client::make_key;
use vitrine_tests::{Client, Database, Server, Vitrine, consistency};

const SPL_TOKEN: &str = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA";

struct World {
    database: Database,
    client: Client,
    key: String,
    folder: TempDir,
    _server: Server,
}

/// How an ingest ended.
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

    fn ingest(&self, lines: &[Value]) -> Done {
        let text: String = lines.iter().flat_map(|line| [line.to_string(), "\n".to_owned()]).collect();
        self.ingest_text(&text, &[])
    }

    fn ingest_text(&self, text: &str, arguments: &[&str]) -> Done {
        let command = Vitrine::new(&["ingest", "-"]).on(&self.database);
        let command = arguments.iter().fold(command, Vitrine::arg);
        Done::of(command.output_with(text.as_bytes()))
    }

    /// The command, with these arguments.
    fn command(&self, arguments: &[&str]) -> Vitrine {
        let command = Vitrine::new(&["ingest"]).on(&self.database);
        arguments.iter().fold(command, Vitrine::arg)
    }

    fn run(&self, arguments: &[&str]) -> Done {
        Done::of(self.command(arguments).output())
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    async fn count(&self, statement: &'static str) -> u64 {
        count(&mut self.database.connect().await, statement).await
    }

    async fn asset(&self, id: Pubkey) -> Option<Value> {
        let reply = self.client.call(&self.key, "getAsset", json!({ "id": id.to_string() })).await.json();
        reply.get("result").cloned()
    }

    async fn owned(&self, owner: Pubkey) -> Value {
        let params = json!({ "ownerAddress": owner.to_string(), "page": 1 });
        self.client.result(&self.key, "getAssetsByOwner", params).await
    }

    async fn check(&self) {
        consistency::check(&self.database).await;
    }
}

async fn count(connection: &mut PgConnection, statement: &'static str) -> u64 {
    let count: i64 = sqlx::query_scalar(statement).fetch_one(connection).await.unwrap();
    u64::try_from(count).unwrap()
}

impl Done {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().expect("it ends by itself"),
            summary: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Asserts how it ended, and that the summary says all of this.
    #[track_caller]
    fn says(&self, code: i32, texts: &[&str]) {
        for text in texts {
            assert!(self.summary.contains(text), "{text:?}: {}{}", self.summary, self.stderr);
        }
        assert_eq!(self.code, code, "{}{}", self.summary, self.stderr);
    }
}

fn account(address: Pubkey, slot: u64, data: &[u8]) -> Value {
    let lamports = u64::from(!data.is_empty());
    json!({ "account": {
        "slot": slot, "write_version": 0, "pubkey": address.to_string(), "lamports": lamports, "owner": SPL_TOKEN,
        "executable": false, "rentEpoch": 0, "data": [STANDARD.encode(data), "base64"],
    } })
}

/// A mint of which there is one.
fn mint(address: Pubkey, slot: u64) -> Value {
    let mut data = [0; 82];
    (data[36], data[45]) = (1, 1);
    account(address, slot, &data)
}

fn token(address: Pubkey, slot: u64, mint: Pubkey, owner: Pubkey) -> Value {
    let mut data = [0; 165];
    data[..32].copy_from_slice(mint.as_bytes());
    data[32..64].copy_from_slice(owner.as_bytes());
    (data[64], data[108]) = (1, 1);
    account(address, slot, &data)
}

#[tokio::test]
async fn accounts_become_an_asset_that_follows_its_holder() {
    let world = World::new().await;
    let [nft, first, second, alice, bob] = [1, 2, 3, 4, 5].map(assets::pubkey);
    // The token account comes before its mint.
    let lines = [token(first, 7, nft, alice), mint(nft, 5)];
    let done = world.ingest(&lines);
    done.says(0, &["2 lines", "3 accounts changed", "0 not decoded, 0 rejected; assets: 1 created"]);
    assert_eq!(world.asset(nft).await.unwrap()["ownership"]["owner"], alice.to_string());
    let owned = world.owned(alice).await;
    assert_eq!((&owned["total"], &owned["last_indexed_slot"]), (&json!(1), &json!(7)));

    world
        .ingest(&lines)
        .says(0, &["0 accounts changed, 2 updates were known or older", "0 created, 0 updated"]);

    // It moves: each of the two accounts is seen, and the one that was left is closed.
    world.ingest(&[token(second, 9, nft, bob), account(first, 9, &[])]).says(0, &["1 updated"]);
    assert_eq!(world.asset(nft).await.unwrap()["ownership"]["owner"], bob.to_string());
    assert_eq!(world.owned(alice).await["total"], 0);
    // What is older says nothing, and does not open the account again.
    world.ingest(&[token(first, 8, nft, alice)]).says(0, &["0 updated"]);
    assert_eq!(world.owned(bob).await["total"], 1);
    world.check().await;
}

#[tokio::test]
async fn what_is_bad_is_named_and_what_does_not_decode_is_kept() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let rejects = folder.path().join("rejects.ndjson");
    let nft = assets::pubkey(1);
    let undecodable = account(assets::pubkey(2), 4, &[1; 70]);
    let text = format!("{}\n{{\"neither\":1}}\n{undecodable}\nno json\n", mint(nft, 5));
    let done = world.ingest_text(&text, &["--rejects", rejects.to_str().unwrap()]);
    done.says(0, &["4 lines", "1 not decoded, 2 rejected", "1 created", "--retry-dead-letters"]);
    assert!(done.stderr.contains("standard input:2: neither"), "{}", done.stderr);
    assert!(done.stderr.contains("standard input:4: "), "{}", done.stderr);
    assert_eq!(std::fs::read_to_string(rejects).unwrap(), "{\"neither\":1}\nno json\n");
    // A line is missing: nobody says up to where the source is in.
    assert_eq!(world.owned(assets::pubkey(9)).await["last_indexed_slot"], 0);

    let retry = || Done::of(Vitrine::new(&["ingest", "--retry-dead-letters"]).on(&world.database).output());
    retry().says(0, &["1 dead letters", "1 not decoded"]);
    let letters = async || world.client.get("/status").await.json()["dead_letters"].clone();
    assert_eq!(letters().await, 1);
    let mut connection = world.database.connect().await;
    let attempts: Vec<i32> =
        sqlx::query_scalar("SELECT attempts FROM dead_letter").fetch_all(&mut connection).await.unwrap();
    assert_eq!(attempts, [2]);
    // As if a version that did not know mints had left one.
    let line = mint(assets::pubkey(3), 6).to_string();
    sqlx::query(
        "INSERT INTO dead_letter VALUES (sha256(convert_to($1, 'UTF8')), 6, 'account', $2, 'once', $1, now(), 1)",
    )
    .bind(line)
    .bind(assets::pubkey(3).as_bytes().as_slice())
    .execute(&mut connection)
    .await
    .unwrap();
    assert_eq!(letters().await, 2);
    retry().says(0, &["2 dead letters", "1 not decoded", "1 created"]);
    assert_eq!(letters().await, 1);
    assert!(world.asset(assets::pubkey(3)).await.is_some());
    retry().says(0, &["1 dead letters", "1 not decoded", "0 created"]);
    world.check().await;
}

#[tokio::test]
async fn an_ingest_that_misses_something_fails() {
    let world = World::new().await;
    let missing = Done::of(Vitrine::new(&["ingest", "/nonexistent/a.ndjson"]).on(&world.database).output());
    missing.says(1, &["files not read to their end: 1"]);
    let twice = Done::of(Vitrine::new(&["ingest", "-", "-"]).on(&world.database).output());
    twice.says(2, &[]);
    let none = Done::of(Vitrine::new(&["ingest"]).on(&world.database).output());
    none.says(2, &[]);
}

/// Of an import and the chain, the newer one stays; what the chain said before, it may take back.
#[tokio::test]
async fn imports_and_the_chain_share_assets() {
    let world = World::new().await;
    let [nft, holder, alice] = [1, 2, 3].map(assets::pubkey);
    world.ingest(&[mint(nft, 5), token(holder, 6, nft, alice)]).says(0, &["1 created"]);
    let store = world.database.store();
    let imported = AssetSpec { slot_updated: 100, ..AssetSpec::new(nft) };
    assets::write(&store, &[imported]).await;
    let name = |asset: &Value| asset["content"]["metadata"]["name"].clone();
    let imported = name(&world.asset(nft).await.unwrap());
    assert!(imported.is_string());
    world.ingest(&[token(holder, 50, nft, assets::pubkey(4))]).says(0, &["1 older than what is stored"]);
    assert_eq!(name(&world.asset(nft).await.unwrap()), imported);
    world.ingest(&[token(holder, 101, nft, alice)]).says(0, &["1 updated"]);
    assert_eq!(world.owned(alice).await["total"], 1);
    assert_ne!(name(&world.asset(nft).await.unwrap()), imported);
    // The holder is gone: what is left of the asset is older than it was, and stands all the same.
    world.ingest(&[account(holder, 102, &[])]).says(0, &["1 updated"]);
    assert_eq!(world.owned(alice).await["total"], 0);
    world.check().await;

    // A version that makes nothing of it, and one that does.
    let removed = store.remake(&[nft], &|_| None).await.unwrap();
    assert_eq!(removed.removed, 1);
    assert!(world.asset(nft).await.is_none());
    let members: i64 =
        sqlx::query_scalar("SELECT count(*) + (SELECT sum(total) FROM asset_list)::bigint FROM list_member")
            .fetch_one(&mut world.database.connect().await)
            .await
            .unwrap();
    assert_eq!(members, 0, "no list has it, and no total counts it");
    assert_eq!(store.remake(&[nft], &compose).await.unwrap().created, 1);
    assert!(world.asset(nft).await.is_some());
    assert_eq!(store.remake(&[nft], &compose).await.unwrap().unchanged, 1);
    world.check().await;
    store.close().await;
}
