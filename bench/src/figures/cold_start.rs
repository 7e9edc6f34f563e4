//! From the start of the process to the first answer.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::answer;
use crate::bench::Bench;
use crate::data::Kind;
use crate::http::{Connection, post};
use crate::lists::Sort;
use crate::scenario::Request;
use crate::server::Caches;
use crate::site::Site;
use crate::stats::millis;

/// The name of the figure.
pub(crate) const COLD_START: &str = "cold start: from exec to the first answer of 10 items";

/// Items of the page.
const LIMIT: usize = 10;

/// Starts some servers, one after the other.
pub(crate) async fn run(bench: &mut Bench, site: &Site) -> Result<()> {
    if !bench.options.wants("cold-start") {
        return Ok(());
    }
    let members = site.list(Kind::Group, 0)?.ordered(Sort::Id, false);
    let ids: Vec<[u8; 32]> = members.iter().take(LIMIT).map(|member| member.id).collect();
    let (mut times, mut answer) = (Vec::new(), Vec::new());
    for _ in 0..bench.options.rounds().max(3) {
        let start = Instant::now();
        let server = bench.launcher.serve(&site.database, Caches::On).await?;
        let mut connection = Connection::open(server.address).await?;
        let request = post(server.address, &site.path, None, &Request::new(Kind::Group, 0, LIMIT).body());
        let head = connection.collect(&request, &mut answer).await?;
        times.push(millis(start.elapsed()));
        ensure!(head.status == 200, "cold start: status {}", head.status);
        answer::check_ids(&answer, &ids)?;
        server.stop().await?;
    }
    bench.results.collect(COLD_START, "ms", times);
    if let Some(figure) = bench.results.find(COLD_START) {
        bench.say(&format!("{COLD_START:64}  {} ms", figure.spread()));
    }
    Ok(())
}
