//! How many statements a call sends, counted in Postgres's own log.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Result, ensure};

use crate::bench::Bench;
use crate::data::Kind;
use crate::http::{Connection, post};
use crate::lists::Sort;
use crate::scenario::Request;
use crate::server::{Caches, Server};
use crate::site::Site;
use crate::stats::{figure, float, float_len};

/// Names of the figures.
pub(crate) const REMEMBERED: &str = "round trips: statements a call, bodies in the cache";
pub(crate) const FILLING: &str = "round trips: statements a call, bodies not in the cache";
pub(crate) const PLAIN: &str = "round trips: statements a call, caches off";

/// Pages that are asked for.
const PAGES: usize = 20;

/// Items of a page.
const LIMIT: usize = 100;

/// Has Postgres log all statements of the database for a while, and counts those of calls.
pub(crate) async fn run(bench: &mut Bench, site: &Site) -> Result<()> {
    if !bench.options.wants("round-trips") {
        return Ok(());
    }
    let name = &site.database.name;
    bench.postgres.execute(format!("ALTER DATABASE {name} SET log_statement = 'all'")).await?;
    let counted = count(bench, site).await;
    bench.postgres.execute(format!("ALTER DATABASE {name} RESET log_statement")).await?;
    for (name, statements) in counted? {
        bench.say(&format!("{name:64}  {}", figure(statements)));
        bench.results.collect(name, "", [statements]);
    }
    Ok(())
}

async fn count(bench: &Bench, site: &Site) -> Result<[(&'static str, f64); 3]> {
    let members = site.list(Kind::Group, 0)?.ordered(Sort::Id, false);
    let bodies: Vec<String> = (1..=PAGES)
        .map(|page| {
            let before = vitrine_model::Pubkey::from_bytes(members[page * LIMIT - 1].id);
            Request::new(Kind::Group, 0, LIMIT).with("cursor", &format!("\"{before}\"")).body()
        })
        .collect();
    let cached = bench.launcher.serve(&site.database, Caches::On).await?;
    let plain = bench.launcher.serve(&site.database, Caches::Off).await?;
    let log = bench.postgres.log();
    let mut counted = [(FILLING, 0.0), (REMEMBERED, 0.0), (PLAIN, 0.0)];
    for ((_, statements), server) in counted.iter_mut().zip([&cached, &cached, &plain]) {
        *statements = calls(site, server, &bodies, &log).await?;
    }
    cached.stop().await?;
    plain.stop().await?;
    Ok(counted)
}

/// Statements a call, over all bodies once.
async fn calls(site: &Site, server: &Server, bodies: &[String], log: &Path) -> Result<f64> {
    let mut connection = Connection::open(server.address).await?;
    // Whatever a server does once for a connection to the database or for a key, it has done after this.
    let first = post(server.address, &site.path, None, &Request::new(Kind::Authority, 0, 1).body());
    let head = connection.call(&first, |_| {}).await?;
    ensure!(head.status == 200, "round trips: status {}", head.status);
    let mut file = File::open(log)?;
    file.seek(SeekFrom::End(0))?;
    for body in bodies {
        let request = post(server.address, &site.path, None, body);
        let head = connection.call(&request, |_| {}).await?;
        ensure!(head.status == 200, "round trips: status {}", head.status);
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(float(statements(&text)) / float_len(bodies.len()))
}

/// Statements in a part of the log, without those that no call waits for: about keys, and of a new session.
fn statements(log: &str) -> u64 {
    let mut count = 0;
    let mut entry = String::new();
    let mut end = |entry: &str| {
        let is_statement = entry.contains("LOG:  execute ") || entry.contains("LOG:  statement: ");
        // A session starts by setting things, and a pool may start one at any time.
        let is_of_call = !entry.contains("api_key") && !entry.contains("statement: SET ");
        count += u64::from(is_statement && is_of_call);
    };
    for line in log.lines() {
        // An entry goes on in lines that are indented.
        if !line.starts_with('\t') {
            end(&entry);
            entry.clear();
        }
        entry.push_str(line);
    }
    end(&entry);
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_of_calls_are_counted() {
        let log = "2026 [7] LOG:  execute sqlx_s_1: WITH list AS (\n\tSELECT 1\n\t)\n2026 [7] DETAIL:  parameters: $1 = \
                   '1'\n2026 [8] LOG:  execute sqlx_s_2: SELECT epoch\n\tFROM api_key_epoch\n2026 [7] LOG:  statement: \
                   BEGIN\n2026 [9] LOG:  statement: SET jit = off\n2026 [7] LOG:  checkpoint starting: time\n";
        assert_eq!(statements(log), 2);
        assert_eq!(statements(""), 0);
    }
}
