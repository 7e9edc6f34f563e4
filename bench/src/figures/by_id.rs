//! Assets by their ids: one at a time, and a thousand in a call.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use vitrine_model::Pubkey;

use crate::answer;
use crate::bench::Bench;
use crate::compare::{Entry, compare};
use crate::data::Data;
use crate::http::{Connection, post};
use crate::load::{Answer, Call};
use crate::plain_bodies::PLAIN_BODIES;
use crate::rounds::{Asked, course};
use crate::scenario::Lane;
use crate::server::Server;
use crate::site::Site;

/// Assets of a call, and how many calls with other assets take turns.
const SHAPES: [(usize, usize); 2] = [(1, 64), (1000, 8)];
const LANES: [Lane; 4] = [Lane::Cached, Lane::Plain, Lane::Postgres, Lane::Empty];

/// The name of the rows of calls for so many assets.
pub(crate) fn name(assets: usize, connections: usize) -> String {
    match assets {
        1 => format!("getAsset/x{connections}"),
        _ => format!("getAssets/{assets}/x{connections}"),
    }
}

/// Calls whose answers were found right.
struct Prepared {
    calls: Vec<Call>,
    scripts: Vec<PathBuf>,
    bytes: usize,
}

/// Measures.
pub(crate) async fn run(bench: &mut Bench, site: &Site, empty: &Server) -> Result<()> {
    for (assets, calls) in SHAPES {
        let wanted: Vec<usize> =
            [1, 16].into_iter().filter(|&x| bench.options.wants(&name(assets, x))).collect();
        if wanted.is_empty() {
            continue;
        }
        let prepared = prepare(bench, site, assets, calls).await?;
        for connections in wanted {
            let asked = Asked {
                calls: &prepared.calls,
                scripts: &prepared.scripts,
                sent_bytes: prepared.bytes,
                encoding: None,
                connections,
            };
            let mut entries = Vec::new();
            for lane in LANES {
                let load = asked.of(bench, site, lane, empty)?;
                entries.push(Entry { name: name(assets, connections), lane, load });
            }
            let course = course(bench, assets, connections);
            compare(bench, entries, course, &[]).await?;
        }
    }
    Ok(())
}

/// Asks each call of both servers, with and without what they remember, and checks every asset of it.
async fn prepare(bench: &Bench, site: &Site, assets: usize, calls: usize) -> Result<Prepared> {
    let mut prepared = Prepared { calls: Vec::new(), scripts: Vec::new(), bytes: 0 };
    for call in 0..calls {
        let indexes = indexes(site.data, assets, call);
        let body = body(site.data, &indexes);
        let mut answers = Vec::new();
        for server in [&site.plain, &site.cached, &site.cached] {
            let mut connection = Connection::open(server.address).await?;
            let mut answer = Vec::new();
            let head =
                connection.collect(&post(server.address, &site.path, None, &body), &mut answer).await?;
            ensure!(head.status == 200, "status {}: {}", head.status, answer::excerpt(&answer, 0));
            answers.push(answer);
        }
        let answer = answers.swap_remove(0);
        ensure!(answers.iter().all(|other| *other == answer), "the servers answer differently");
        check(&answer, site.data, &indexes)?;
        prepared.bytes = answer.len();
        let file = format!("by-id-{assets}-{call}");
        let statement = statement(site.data, &indexes);
        prepared.scripts.push(bench.write_statement(&format!("{file}.sql"), &statement)?);
        let answer = Answer::Bytes(bench.write_answer(&format!("{file}.json"), &answer)?);
        prepared.calls.push(Call { body, answer });
    }
    Ok(prepared)
}

/// The assets of a call: spread over all, each once.
fn indexes(data: Data, assets: usize, call: usize) -> Vec<u64> {
    // A prime that shares no factor with a round number of assets: no asset comes again before all others.
    const STEP: u64 = 618_033_989;
    let first = call * assets;
    (first..first + assets).map(|place| (place as u64 * STEP) % data.assets()).collect()
}

fn id(data: Data, index: u64) -> Pubkey {
    Pubkey::from_bytes(data.member(index).id)
}

fn body(data: Data, indexes: &[u64]) -> String {
    let ids: Vec<String> = indexes.iter().map(|&index| format!("\"{}\"", id(data, index))).collect();
    let (method, params) = match ids.as_slice() {
        [id] => ("getAsset", format!(r#""id":{id}"#)),
        ids => ("getAssets", format!(r#""ids":[{}]"#, ids.join(","))),
    };
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}}}}}"#)
}

/// The same bodies by primary key, one by one.
fn statement(data: Data, indexes: &[u64]) -> String {
    let mut ids = String::new();
    for &index in indexes {
        let comma = if ids.is_empty() { "" } else { "," };
        let _ = write!(ids, "{comma}\"\\\\x");
        for byte in data.member(index).id {
            let _ = write!(ids, "{byte:02x}");
        }
        ids.push('"');
    }
    format!(
        "SELECT plain.body FROM unnest('{{{ids}}}'::bytea[]) AS wanted (id) JOIN {PLAIN_BODIES} AS plain \
         ON asset_id = wanted.id"
    )
}

/// Compares an answer with the assets that it must hold, to their last member. Each says as of when it is known.
fn check(answer: &[u8], data: Data, indexes: &[u64]) -> Result<()> {
    let mut answer: Value = serde_json::from_slice(answer).context("not JSON")?;
    let result = answer["result"].take();
    let mut items = match result {
        Value::Array(items) => items,
        one => vec![one],
    };
    ensure!(items.len() == indexes.len(), "{} assets instead of {}", items.len(), indexes.len());
    let mut text = Vec::new();
    for (item, &index) in items.iter_mut().zip(indexes) {
        if let Some(item) = item.as_object_mut() {
            item.remove("last_indexed_slot");
        }
        text.clear();
        data.write(index, 0, &mut text);
        answer::check_item(item, &serde_json::from_slice(&text)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::collections::HashSet;

    use super::*;

    fn answer(data: Data, indexes: &[u64]) -> Vec<u8> {
        let mut items = Vec::new();
        for &index in indexes {
            let mut text = Vec::new();
            data.write(index, 0, &mut text);
            let text = String::from_utf8(text).unwrap();
            items.push(text.trim_end().replacen('{', "{\"last_indexed_slot\":5,", 1));
        }
        format!(r#"{{"jsonrpc":"2.0","result":[{}],"id":1}}"#, items.join(",")).into_bytes()
    }

    #[test]
    fn calls_ask_for_other_assets_each() {
        let data = Data::new(100_000);
        let all: HashSet<u64> = (0..8).flat_map(|call| indexes(data, 1000, call)).collect();
        assert_eq!(all.len(), 8000);
    }

    #[test]
    fn a_wrong_asset_and_a_missing_one_are_told() {
        let data = Data::new(1_000);
        check(&answer(data, &[3, 5]), data, &[3, 5]).unwrap();
        assert!(check(&answer(data, &[5, 3]), data, &[3, 5]).is_err());
        assert!(check(&answer(data, &[3]), data, &[3, 5]).is_err());
        assert!(check(br#"{"jsonrpc":"2.0","result":null,"id":1}"#, data, &[3]).is_err());
    }

    #[test]
    fn requests_and_statements_name_the_assets() {
        let data = Data::new(1_000);
        let one: Value = serde_json::from_str(&body(data, &[7])).unwrap();
        assert_eq!(
            (&one["method"], &one["params"]["id"]),
            (&"getAsset".into(), &id(data, 7).to_string().into())
        );
        let many: Value = serde_json::from_str(&body(data, &[7, 8])).unwrap();
        assert_eq!(many["params"]["ids"].as_array().unwrap().len(), 2);
        assert_eq!(statement(data, &[7, 8]).matches("\\\\x").count(), 2);
    }
}
