//! What went in is asked for again.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use vitrine_model::Pubkey;
use vitrine_model::merkle::{self, Hash};

use crate::answer::excerpt;
use crate::bench::Bench;
use crate::chain::{Expected, World, Written};
use crate::http::{Connection, post};
use crate::postgres::Database;
use crate::server::{Caches, Server};

/// Things that are asked for, evenly spread.
const ASKED: u64 = 200;

/// A server that is asked.
struct Asked {
    server: Server,
    connection: Connection,
    path: String,
}

/// Everything is there, nothing contradicts itself, and some of the things are as they must be.
pub(super) async fn check(bench: &Bench, database: &Database, world: World, written: &Written) -> Result<()> {
    let mut connection = database.connect().await?;
    let (assets, letters): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT value FROM counter WHERE name = 'assets'), (SELECT count(*) FROM dead_letter)",
    )
    .fetch_one(&mut connection)
    .await?;
    ensure!(u64::try_from(assets)? == written.assets, "{assets} assets, of {}", written.assets);
    ensure!(letters == 0, "{letters} dead letters");
    let report = bench.launcher.run(database, &["verify"]).await?;
    bench.say(&format!("verify: {}", report.trim()));

    let path = format!("/?api-key={}", bench.launcher.create_key(database).await?);
    let server = bench.launcher.serve(database, Caches::On).await?;
    let connection = Connection::open(server.address).await?;
    let mut asked = Asked { server, connection, path };
    // An odd step meets all kinds.
    let step = (world.things() / ASKED).max(1) | 1;
    for thing in (0..world.things()).step_by(usize::try_from(step)?) {
        let expected = World::expected(thing)?;
        asked.asset(&expected).await.with_context(|| format!("thing {thing}, {}", expected.id))?;
        if let Some(tree) = expected.tree {
            let root = written.roots.iter().find(|(of, _)| *of == tree).context("a tree nobody planted")?.1;
            asked.proof(expected.id, root).await.with_context(|| format!("the proof of {}", expected.id))?;
        }
    }
    asked.server.stop().await
}

impl Asked {
    async fn asset(&mut self, expected: &Expected) -> Result<()> {
        let asset = self.call("getAsset", expected.id).await?;
        ensure!(asset.get("id") == Some(&json!(expected.id.to_string())), "another id: {asset}");
        for (pointer, value) in &expected.members {
            let found = asset.pointer(pointer);
            ensure!(found == Some(value), "{pointer} is {found:?} and must be {value}: {asset}");
        }
        Ok(())
    }

    /// The proof leads to the root that the tree has.
    async fn proof(&mut self, id: Pubkey, root: Hash) -> Result<()> {
        let proof = self.call("getAssetProof", id).await?;
        let hash = |value: &Value| -> Result<Hash> {
            Ok(*value.as_str().context("no text")?.parse::<Pubkey>()?.as_bytes())
        };
        ensure!(hash(&proof["root"])? == root, "another root: {proof}");
        let siblings = proof["proof"].as_array().context("no proof")?;
        let siblings: Vec<Hash> = siblings.iter().map(hash).collect::<Result<_>>()?;
        let index = proof["node_index"].as_u64().context("no node_index")? - (1 << siblings.len());
        let found = merkle::root(hash(&proof["leaf"])?, index, &siblings);
        ensure!(found == root, "it leads to another root: {proof}");
        Ok(())
    }

    async fn call(&mut self, method: &str, id: Pubkey) -> Result<Value> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"id": id.to_string()}});
        let request = post(self.server.address, &self.path, None, &body.to_string());
        let mut answer = Vec::new();
        let head = self.connection.collect(&request, &mut answer).await?;
        ensure!(head.status == 200, "status {}: {}", head.status, excerpt(&answer, 0));
        let mut answer: Value = serde_json::from_slice(&answer)?;
        answer.get_mut("result").map(Value::take).context("no result")
    }
}
