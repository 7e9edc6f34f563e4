//! The database against itself: what every write must leave behind, however it came about.
//!
//! [`verify`] reads one snapshot with memory that does not grow with the database. What Postgres can compare is compared
//! there ([`Contradiction`]); bodies are parsed and rendered again, assets of the chain are made
//! again of what is stored of them, and the nodes of trees are hashed again.

mod asset;
mod report;
mod tree;

use vitrine_store::{Contradiction, Gap, Snapshot, Store, StoreError, StoredTree};

use crate::normalise::{compose, unread};

pub use report::{Check, Finding, Report};

/// Assets that are read at once, each with its body.
const PAGE_ASSETS: u32 = 256;
/// Trees, and nodes of a tree, that are read at once.
const PAGE_TREES: u32 = 4096;
/// Places that are told of one kind of contradiction, or gaps of one tree: of a database that is wrong everywhere nobody
/// wants them all.
const PLACES_MAX: u32 = 100;

/// What happens on the way.
#[derive(Debug)]
pub enum Event<'a> {
    /// Something is wrong, or missing.
    Found(&'a Finding),
    /// So far it has come.
    Progress(&'a Report),
}

/// Where a run has come to.
struct Run<'a> {
    snapshot: Snapshot,
    report: Report,
    on_event: &'a mut (dyn FnMut(Event<'_>) + Send),
}

/// Holds the database against itself. An error is one of reading; what is wrong with the data is in the report.
pub async fn verify(
    store: &Store,
    on_event: &mut (dyn FnMut(Event<'_>) + Send),
) -> Result<Report, StoreError> {
    let snapshot = store.snapshot().await?;
    let mut run = Run { snapshot, report: Report::default(), on_event };
    run.contradictions().await?;
    run.assets().await?;
    run.chain_assets().await?;
    run.trees().await?;
    let Run { snapshot, report, .. } = run;
    snapshot.close().await?;
    Ok(report)
}

impl Run<'_> {
    fn found(&mut self, finding: &Finding) {
        self.report.count(finding.check);
        (self.on_event)(Event::Found(finding));
    }

    fn found_all(&mut self, findings: &[Finding]) {
        for finding in findings {
            self.found(finding);
        }
    }

    fn progress(&mut self) {
        (self.on_event)(Event::Progress(&self.report));
    }

    async fn contradictions(&mut self) -> Result<(), StoreError> {
        for kind in Contradiction::all() {
            for place in self.snapshot.contradictions(kind, PLACES_MAX).await? {
                self.found(&Finding { check: Check::Stored(kind), place });
            }
            self.progress();
        }
        Ok(())
    }

    async fn assets(&mut self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.snapshot.assets(after, PAGE_ASSETS).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id);
            for stored in &page {
                self.report.assets += 1;
                self.found_all(&asset::findings(stored));
            }
            self.progress();
        }
    }

    async fn chain_assets(&mut self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.snapshot.chain_assets(after, PAGE_ASSETS).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.sources.id);
            for stored in &page {
                self.report.chain_assets += 1;
                for what in stored.differing(compose(&stored.sources).as_ref()) {
                    let place = format!("asset {}: {what}", stored.sources.id);
                    self.found(&Finding { check: Check::Remade, place });
                }
                for what in unread(&stored.sources) {
                    let place = format!("asset {}: {what}", stored.sources.id);
                    self.found(&Finding { check: Check::Unread, place });
                }
            }
            self.progress();
        }
    }

    async fn trees(&mut self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.snapshot.trees(after, PAGE_TREES).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.tree);
            for &tree in &page {
                self.report.trees += 1;
                let gaps = self.snapshot.gaps(tree.tree, PLACES_MAX).await?;
                self.found_all(&gaps.iter().map(|gap| tree::gap(tree, *gap)).collect::<Vec<_>>());
                self.missing(tree, &gaps).await?;
                self.nodes(tree, !gaps.is_empty()).await?;
            }
        }
    }

    /// Counts what is missing, and tells of the gaps that are not named one by one.
    async fn missing(&mut self, tree: StoredTree, named: &[Gap]) -> Result<(), StoreError> {
        if named.is_empty() {
            return Ok(());
        }
        let (changes, gaps) = self.snapshot.missing(tree.tree).await?;
        self.report.missing.0 += changes;
        self.report.missing.1 += 1;
        if let Some(further) = tree::further(tree, named, changes, gaps) {
            self.found(&further);
        }
        Ok(())
    }

    async fn nodes(&mut self, tree: StoredTree, has_gaps: bool) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            let page = self.snapshot.nodes(tree, after, PAGE_TREES).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.index;
            for node in &page {
                self.report.nodes += 1;
                self.found_all(tree::finding(tree, has_gaps, node).as_slice());
            }
            self.progress();
        }
    }
}
