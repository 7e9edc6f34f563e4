//! `vitrine ingest --remake`: every asset of the chain is made again of what is stored of it.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use vitrine_model::Pubkey;
use vitrine_store::{ChainWritten, Store, StoreError, Written};

use super::TIDY_FROM;
use crate::normalise::compose;
use crate::retry::retry;

/// Assets that are made again in one transaction: few, for an ingest beside it waits for the rows that this one locks.
const PAGE_ASSETS: u32 = 256;

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemakeSummary {
    /// Assets that were made again and committed.
    pub assets: u64,
    /// What became of them; `stale` are those that an import has written since, and that stay.
    pub written: Written,
    /// The last of them, in the order of their ids: the rest is behind it.
    pub last: Option<Pubkey>,
    /// It was cancelled before its end.
    pub interrupted: bool,
    /// From the start until now.
    pub elapsed: Duration,
}

/// Why it ended before its end. What the summary counts is committed.
#[derive(Debug, thiserror::Error)]
#[error("{source}; {} assets are made again{}", summary.assets, summary.go_on())]
pub struct RemakeError {
    /// What the store said.
    source: StoreError,
    /// How far it came.
    summary: Box<RemakeSummary>,
}

impl RemakeSummary {
    /// How the rest is done, as the end of a sentence.
    pub fn go_on(&self) -> String {
        self.last.map_or_else(String::new, |last| format!("; --remake --after {last} does the rest"))
    }

    /// How far it is, in parts of 65,536: ids are as good as random.
    pub fn place(&self) -> u64 {
        self.last.map_or(0, |last| u64::from(u16::from_be_bytes([last.as_bytes()[0], last.as_bytes()[1]])))
    }

    /// Assets that are other ones than before.
    pub fn changed(&self) -> u64 {
        self.written.created + self.written.updated + self.written.removed
    }
}

/// Makes all assets of the chain behind `after` (from the first on: none) again, in the order of their ids, a page a
/// transaction: what is stored is then what this version makes of it. Others may write meanwhile. A page may wait for a
/// store that is away for as long as `store_patience`; `on_page` is told of each that is committed.
pub async fn remake(
    store: &Store,
    after: Option<Pubkey>,
    store_patience: Duration,
    on_page: &mut (dyn FnMut(&RemakeSummary) + Send),
    cancel: watch::Receiver<bool>,
) -> Result<RemakeSummary, RemakeError> {
    let started = Instant::now();
    let mut summary = RemakeSummary { last: after, ..RemakeSummary::default() };
    let failed = |summary: &RemakeSummary, source| RemakeError { source, summary: Box::new(summary.clone()) };
    loop {
        let after = summary.last;
        let page = || async move {
            let ids = store.chain_asset_ids(after, PAGE_ASSETS).await?;
            let written = store.remake_whole(&ids, &compose).await?;
            Ok((ids, written))
        };
        let done = if *cancel.borrow() {
            None
        } else {
            retry(page, StoreError::is_transient, store_patience, cancel.clone()).await
        };
        let Some(done) = done else {
            summary.interrupted = true;
            break;
        };
        let (ids, written) = done.map_err(|source| failed(&summary, source))?;
        let Some(&last) = ids.last() else { break };
        summary.assets += ids.len() as u64;
        summary.written += written;
        summary.last = Some(last);
        summary.elapsed = started.elapsed();
        on_page(&summary);
    }
    if !summary.interrupted && summary.changed() >= TIDY_FROM {
        let written = ChainWritten { assets: summary.written, ..ChainWritten::default() };
        let tidy = || store.finish_ingest(&written, TIDY_FROM);
        match retry(tidy, StoreError::is_transient, store_patience, cancel).await {
            Some(tidied) => tidied.map_err(|source| failed(&summary, source))?,
            None => summary.interrupted = true,
        }
    }
    summary.elapsed = started.elapsed();
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_knows_how_far_it_is() {
        let mut summary = RemakeSummary::default();
        assert_eq!((summary.place(), summary.go_on()), (0, String::new()));
        let mut last = [0; 32];
        (last[0], last[1]) = (0x80, 1);
        summary.last = Some(Pubkey::from_bytes(last));
        assert_eq!(summary.place(), 0x8001);
        assert!(summary.go_on().contains(&Pubkey::from_bytes(last).to_string()));
        summary.written = Written { created: 1, updated: 2, unchanged: 4, stale: 8, removed: 16 };
        assert_eq!(summary.changed(), 19);
    }
}
