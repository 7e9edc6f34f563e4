//! Whole walks: every item once, in order, and then an empty page.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;

use super::repeat::{Seen, ids, report};
use super::{PLACE, Report, Spec, Walk};
use crate::answer;
use crate::http::{Connection, post};

/// Walks on all connections side by side.
pub(super) struct Walks {
    spec: Spec,
    walk: Walk,
    ids: Rc<[[u8; 32]]>,
    walkers: Vec<Walker>,
}

/// One on its way.
struct Walker {
    connection: Connection,
    /// The request for the page that is next; none behind the last one.
    request: Option<String>,
    /// Its number, from 1 on.
    number: usize,
}

impl Walks {
    /// Connects; nothing warms up.
    pub(super) async fn open(spec: &Spec, walk: &Walk) -> Result<Self> {
        let ids = ids(&std::fs::read(&walk.ids).with_context(|| walk.ids.display().to_string())?);
        let walkers = (0..spec.connections).map(async |_| {
            let connection = Connection::open(spec.address).await?;
            Ok::<_, anyhow::Error>(Walker { connection, request: Some(walk.first.clone()), number: 1 })
        });
        Ok(Self { spec: spec.clone(), walk: walk.clone(), ids, walkers: try_join_all(walkers).await? })
    }

    /// Walks on for so long.
    pub(super) async fn slice(&mut self, length: Duration) -> Result<Report> {
        let (spec, walk, ids) = (&self.spec, &self.walk, &*self.ids);
        let start = Instant::now();
        let end = start + length;
        let seen = try_join_all(self.walkers.iter_mut().map(async |walker| {
            let (mut seen, mut body) = (Seen::new()?, Vec::new());
            while Instant::now() < end && walker.page(spec, walk, ids, &mut seen, &mut body).await? {}
            Ok::<_, anyhow::Error>(seen)
        }));
        let seen = seen.await?;
        report(&seen, start.elapsed(), self.walkers.iter().all(|walker| walker.request.is_none()))
    }
}

impl Walker {
    /// Asks for the next page and checks it; false where there is none left.
    async fn page(
        &mut self,
        spec: &Spec,
        walk: &Walk,
        ids: &[[u8; 32]],
        seen: &mut Seen,
        body: &mut Vec<u8>,
    ) -> Result<bool> {
        let Some(request) = &self.request else { return Ok(false) };
        let page = self.number;
        let start = (page - 1) * walk.limit;
        let wanted = &ids[start.min(ids.len())..(start + walk.limit).min(ids.len())];
        let request = post(spec.address, &spec.path, spec.accept_encoding.as_deref(), request);
        let start = Instant::now();
        let head = self.connection.collect(&request, body).await?;
        seen.add(start, head.length)?;
        ensure!(head.status == 200, "page {page}: status {}: {}", head.status, answer::excerpt(body, 0));
        let head = answer::check_ids(body, wanted).with_context(|| format!("page {page}"))?;
        ensure!(walk.by_number || wanted.is_empty() || head.cursor.is_some(), "page {page} has no cursor");
        self.number += 1;
        let place = if walk.by_number { Some(self.number.to_string()) } else { head.cursor };
        self.request = place.filter(|_| !wanted.is_empty()).map(|place| walk.next.replace(PLACE, &place));
        Ok(true)
    }
}
