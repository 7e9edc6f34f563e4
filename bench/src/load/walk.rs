//! Whole walks: every item once, in order, and then an empty page.

use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;

use super::{PLACE, Report, Spec, Walk, repeat};
use crate::answer;
use crate::http::{Connection, post};

/// Walks on all connections side by side.
pub(super) async fn walk(spec: &Spec, walk: &Walk, go: &mut impl FnMut() -> Result<()>) -> Result<Report> {
    let ids = std::fs::read(&walk.ids).with_context(|| walk.ids.display().to_string())?;
    let ids = repeat::ids(&ids);
    let mut connections = try_join_all((0..spec.connections).map(|_| Connection::open(spec.address))).await?;
    go()?;
    let start = Instant::now();
    let walked = connections.iter_mut().map(|connection| one(spec, walk, Rc::clone(&ids), connection));
    let walked = try_join_all(walked).await?;
    let elapsed = start.elapsed();
    let mut latencies = Histogram::<u64>::new(3)?;
    let mut body_bytes = 0;
    for (more, bytes) in walked {
        latencies.add(more)?;
        body_bytes += bytes;
    }
    Ok(repeat::summary(&latencies, Vec::new(), body_bytes, elapsed))
}

async fn one(
    spec: &Spec,
    walk: &Walk,
    ids: Rc<[[u8; 32]]>,
    connection: &mut Connection,
) -> Result<(Histogram<u64>, u64)> {
    let mut latencies = Histogram::<u64>::new(3)?;
    let (mut body, mut bytes) = (Vec::new(), 0);
    let mut pages = ids.chunks(walk.limit).chain([&[][..]]);
    let mut request = walk.first.clone();
    for number in 2_usize.. {
        let Some(wanted) = pages.next() else { break };
        let request_bytes = post(spec.address, &spec.path, spec.accept_encoding.as_deref(), &request);
        let start = Instant::now();
        let head = connection.collect(&request_bytes, &mut body).await?;
        latencies.saturating_record(u64::try_from(start.elapsed().as_micros())?);
        bytes += u64::try_from(head.length)?;
        let page = number - 1;
        ensure!(head.status == 200, "page {page}: status {}: {}", head.status, answer::excerpt(&body, 0));
        let head = answer::check_ids(&body, wanted).with_context(|| format!("page {page}"))?;
        request = match (walk.by_number, head.cursor) {
            (true, _) => walk.next.replace(PLACE, &number.to_string()),
            (false, Some(cursor)) => walk.next.replace(PLACE, &cursor),
            (false, None) => {
                ensure!(wanted.is_empty(), "page {page} has no cursor");
                break;
            }
        };
    }
    Ok((latencies, bytes))
}
