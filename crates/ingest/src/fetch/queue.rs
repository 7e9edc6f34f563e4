//! Works off the queue of documents: so many at a time, so many of one host, until nothing is due or somebody stops it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng as _;
use rand::rngs::StdRng;
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep};
use tracing::{debug, error, warn};
use vitrine_model::Pubkey;
use vitrine_store::{DueDocument, Kept, Store, StoreError};

use super::backoff;
use super::{Client, ClientError, DocumentSettings, Failure};
use crate::normalise::compose;
use crate::retry::{cancelled, retry};

/// Hosts that are looked at in one statement.
const HOSTS_MAX: u32 = 256;

/// How often the queue is looked at where nothing else calls for it.
const POLL: Duration = Duration::from_secs(1);

/// The shortest wait between two looks.
const POLL_MIN: Duration = Duration::from_millis(10);

/// Bytes of bodies that are written in one transaction when a document arrives, about: of a large one fewer assets than
/// `remake_assets_max` are made anew in one.
const REMAKE_BYTES: usize = 16 * 1024 * 1024;

/// What o'clock it is.
pub type Clock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// When a fetcher ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchEnd {
    /// When no document is due within `drain_wait_seconds`.
    Drained,
    /// Never.
    Never,
}

/// What a fetcher did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FetchSummary {
    /// Documents that arrived.
    pub fetched: u64,
    /// Tries that failed, those of documents that were given up with them.
    pub failed: u64,
    /// Documents that were given up.
    pub given_up: u64,
    /// Documents that no asset named any more when they came.
    pub unnamed: u64,
    /// Assets that were made anew.
    pub remade: u64,
    /// It was cancelled before its end.
    pub interrupted: bool,
}

/// Why a fetcher ended before its end. What was under way is due again later.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The queue cannot be read, or the store was away for too long.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A part of the fetcher failed: a fault of ours.
    #[error("a fetch ended unexpectedly")]
    Worker,
}

/// Fetches documents. Any number may run on one database at a time.
pub struct Fetcher {
    worker: Arc<Worker>,
    store_patience: Duration,
    random: StdRng,
    fetches: JoinSet<Settled>,
    in_flight: HashMap<Id, DueDocument>,
    /// The host behind which the next look begins; empty: at the first one.
    after: String,
    /// Since when the store is away.
    away_since: Option<Instant>,
    summary: FetchSummary,
}

/// What all fetches share.
struct Worker {
    store: Store,
    /// How long a write may wait for the store: within the time for which the document is ours.
    patience: Duration,
    client: Client,
    settings: DocumentSettings,
    clock: Clock,
}

/// What became of a document that was taken.
type Settled = Result<Outcome, StoreError>;

enum Outcome {
    Fetched {
        remade: u64,
    },
    Remade {
        remade: u64,
    },
    Failed,
    GivenUp,
    Unnamed,
    /// It is due again as if it had not been taken.
    GivenBack {
        remade: u64,
    },
    /// Another fetcher has it.
    Lost,
}

/// How the making anew of assets ended.
enum Remade {
    All,
    Cancelled,
    Lost,
}

impl Fetcher {
    /// A fetcher on a store. `random` spreads the tries, `clock` says when they are due; a store that is away is waited
    /// for as long as `store_patience`.
    pub fn new(
        store: Store,
        settings: &DocumentSettings,
        clock: Clock,
        random: StdRng,
        store_patience: Duration,
    ) -> Result<Self, ClientError> {
        let client = Client::new(settings)?;
        let patience = store_patience.min(settings.lease() / 4);
        let worker = Worker { store, patience, client, settings: settings.clone(), clock };
        Ok(Self {
            worker: Arc::new(worker),
            store_patience,
            random,
            fetches: JoinSet::new(),
            in_flight: HashMap::new(),
            after: String::new(),
            away_since: None,
            summary: FetchSummary::default(),
        })
    }

    /// Fetches until `end`, or until `cancel` becomes true: what is under way then is due again at once.
    pub async fn run(
        mut self,
        end: FetchEnd,
        mut cancel: watch::Receiver<bool>,
    ) -> Result<FetchSummary, FetchError> {
        loop {
            let next = match self.fill(&cancel).await {
                Ok(next) => {
                    self.away_since = None;
                    next
                }
                Err(error) => {
                    self.bear(error)?;
                    Some(POLL)
                }
            };
            let drained = next.is_none_or(|wait| wait.as_secs() > self.worker.settings.drain_wait_seconds);
            if end == FetchEnd::Drained && drained && self.fetches.is_empty() {
                return Ok(self.summary);
            }
            tokio::select! {
                biased;
                () = cancelled(&mut cancel) => {
                    self.summary.interrupted = true;
                    // Those that wait for a server give their documents back; what is being written is written.
                    while let Some(settled) = self.fetches.join_next_with_id().await {
                        self.settle(settled)?;
                    }
                    return Ok(self.summary);
                }
                Some(settled) = self.fetches.join_next_with_id() => self.settle(settled)?,
                () = sleep(next.unwrap_or(POLL).clamp(POLL_MIN, POLL)) => {}
            }
            while let Some(settled) = self.fetches.try_join_next_with_id() {
                self.settle(settled)?;
            }
        }
    }

    /// Takes what is due and there is room for, and says after what time to look again; none if nothing waits.
    ///
    /// Hosts are gone through in a circle, so that one with many documents does not keep others waiting.
    async fn fill(&mut self, cancel: &watch::Receiver<bool>) -> Result<Option<Duration>, StoreError> {
        let whole_circle = self.after.is_empty();
        loop {
            let room = (self.worker.settings.fetches_max as usize).saturating_sub(self.fetches.len());
            if room == 0 {
                return Ok(Some(POLL));
            }
            let hosts = self.worker.store.document_hosts(&self.after, HOSTS_MAX).await?;
            if let Some(last) = self.take(&hosts, room, cancel).await? {
                self.after = last;
            } else if hosts.len() == HOSTS_MAX as usize {
                self.after = hosts.last().cloned().unwrap_or_default();
            } else {
                self.after.clear();
                break;
            }
        }
        if !whole_circle {
            return Ok(Some(POLL_MIN));
        }
        let next = self.worker.store.next_document().await?;
        Ok(next.map(|next| {
            let wait = next - (self.worker.clock)();
            // What is due and was not taken waits for its host.
            if wait.is_positive() { wait.unsigned_abs() } else { POLL }
        }))
    }

    /// How many documents each host may give, of those that may give any.
    fn rooms(&self, hosts: &[String]) -> Vec<(String, u32)> {
        let most = self.worker.settings.fetches_per_host_max;
        let mut busy: HashMap<&str, u32> = HashMap::new();
        for due in self.in_flight.values() {
            *busy.entry(&due.host).or_default() += 1;
        }
        hosts
            .iter()
            .filter(|host| !self.worker.client.leaves_alone(host))
            .map(|host| (host.clone(), most.saturating_sub(busy.get(host.as_str()).copied().unwrap_or(0))))
            .filter(|(_, room)| *room > 0)
            .collect()
    }

    /// Takes documents of these hosts from the queue and starts to fetch them. If that took all the room there was, says
    /// up to which host it came.
    async fn take(
        &mut self,
        hosts: &[String],
        room: usize,
        cancel: &watch::Receiver<bool>,
    ) -> Result<Option<String>, StoreError> {
        let rooms = self.rooms(hosts);
        if rooms.is_empty() {
            return Ok(None);
        }
        let now = (self.worker.clock)();
        let most = u32::try_from(room).unwrap_or(u32::MAX);
        let taken =
            self.worker.store.take_documents(&rooms, most, now, now + self.worker.settings.lease()).await?;
        let last = taken.iter().map(|due| &due.host).max().filter(|_| taken.len() >= room).cloned();
        for due in taken {
            let (worker, document, random) = (Arc::clone(&self.worker), due.clone(), self.random.random());
            let cancel = cancel.clone();
            let fetch = self.fetches.spawn(async move { worker.settle(&document, random, cancel).await });
            self.in_flight.insert(fetch.id(), due);
        }
        Ok(last)
    }

    /// Counts what became of a document.
    fn settle(&mut self, settled: Result<(Id, Settled), JoinError>) -> Result<(), FetchError> {
        let (id, settled) = settled.map_err(|_| FetchError::Worker)?;
        self.in_flight.remove(&id);
        match settled {
            Ok(outcome) => self.summary.count(&outcome),
            Err(error) => self.bear(error)?,
        }
        Ok(())
    }

    /// Bears with a store that is away, for a while.
    fn bear(&mut self, error: StoreError) -> Result<(), StoreError> {
        let since = *self.away_since.get_or_insert_with(Instant::now);
        if !error.is_transient() || since.elapsed() > self.store_patience {
            return Err(error);
        }
        warn!(error = %error, "the store is away, documents wait");
        Ok(())
    }
}

impl Worker {
    /// Brings a document that was taken to an end.
    async fn settle(&self, due: &DueDocument, random: f64, cancel: watch::Receiver<bool>) -> Settled {
        let settled = if due.tries > self.settings.attempts_max {
            // Whoever took it before did not live to say how it ended.
            self.fail(due, &Failure::Unfinished, random, &cancel).await
        } else if due.arrived {
            let bytes = due.body_bytes;
            self.remake(due, due.made_to, bytes, &cancel).await.map(|(ended, remade)| match ended {
                Remade::All => Outcome::Remade { remade },
                Remade::Cancelled => Outcome::GivenBack { remade },
                Remade::Lost => Outcome::Lost,
            })
        } else {
            self.fetch(due, random, &cancel).await
        };
        match settled {
            // What is wrong with one document or asset must not keep the others waiting, nor come up for ever.
            Err(error) if !error.is_transient() => {
                error!(error = %error, "the assets of a document cannot be written");
                self.fail(due, &Failure::NotMade, random, &cancel).await
            }
            settled => settled,
        }
    }

    async fn fetch(&self, due: &DueDocument, random: f64, cancel: &watch::Receiver<bool>) -> Settled {
        let mut stopped = cancel.clone();
        let fetched = tokio::select! {
            fetched = self.client.fetch(&due.uri, due.tries) => fetched,
            () = cancelled(&mut stopped) => Err(Failure::Busy { left: Duration::ZERO }),
        };
        match fetched {
            Ok(json) => self.keep(due, json.as_str(), cancel).await,
            Err(Failure::Busy { left }) => {
                let until = (self.clock)() + left;
                self.persist(cancel, || self.store.release_document(due, until)).await?;
                Ok(Outcome::GivenBack { remade: 0 })
            }
            Err(failure) => self.fail(due, &failure, random, cancel).await,
        }
    }

    async fn keep(&self, due: &DueDocument, body: &str, cancel: &watch::Receiver<bool>) -> Settled {
        let now = (self.clock)();
        let until = now + self.settings.lease();
        match self.persist(cancel, || self.store.keep_document(due, body, now, until)).await? {
            Kept::Stored => {
                let (_, remade) = self.remake(due, None, body.len(), cancel).await?;
                Ok(Outcome::Fetched { remade })
            }
            Kept::Same => Ok(Outcome::Fetched { remade: 0 }),
            Kept::Unnamed => Ok(Outcome::Unnamed),
            Kept::Lost => Ok(Outcome::Lost),
        }
    }

    async fn fail(
        &self,
        due: &DueDocument,
        failure: &Failure,
        random: f64,
        cancel: &watch::Receiver<bool>,
    ) -> Settled {
        let wait = backoff::wait(&self.settings, due.tries, failure.retry_after(), random)
            .filter(|_| !failure.is_final());
        debug!(tries = due.tries, reason = %failure, given_up = wait.is_none(), "a document did not come");
        let next_try = wait.map(|wait| (self.clock)() + wait);
        let reason = failure.to_string();
        match self.persist(cancel, || self.store.fail_document(due, &reason, next_try)).await? {
            Kept::Stored | Kept::Same if next_try.is_none() => Ok(Outcome::GivenUp),
            Kept::Stored | Kept::Same => Ok(Outcome::Failed),
            Kept::Unnamed => Ok(Outcome::Unnamed),
            Kept::Lost => Ok(Outcome::Lost),
        }
    }

    /// Asks the store, again where it is away or has no connection free, for a while: what has come must not wait for its next
    /// turn because many came at once. Who is stopped tries once more and no longer.
    async fn persist<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        cancel: &watch::Receiver<bool>,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, StoreError> {
        match retry(&mut attempt, StoreError::is_transient, self.patience, cancel.clone()).await {
            Some(result) => result,
            None => attempt().await,
        }
    }

    /// Makes the assets anew that name a document, page by page behind `after`, and says how many. Where it is cancelled between two
    /// pages, the rest is due at once; what is done stays done.
    async fn remake(
        &self,
        due: &DueDocument,
        mut after: Option<Pubkey>,
        body_bytes: usize,
        cancel: &watch::Receiver<bool>,
    ) -> Result<(Remade, u64), StoreError> {
        let within = u32::try_from(REMAKE_BYTES / body_bytes.max(1)).unwrap_or(u32::MAX);
        let most = self.settings.remake_assets_max.min(within).max(1);
        let mut remade = 0;
        loop {
            if *cancel.borrow() {
                let now = (self.clock)();
                let given_back = self.persist(cancel, || self.store.release_document(due, now)).await?;
                return Ok((if given_back { Remade::Cancelled } else { Remade::Lost }, remade));
            }
            let ids = self.persist(cancel, || self.store.assets_naming(due, after, most)).await?;
            if !ids.is_empty() {
                self.persist(cancel, || self.store.remake(&ids, &compose)).await?;
            }
            remade += ids.len() as u64;
            after = ids.last().copied();
            let part = after.filter(|_| ids.len() == most as usize);
            let part = part.map(|to| (to, (self.clock)() + self.settings.lease()));
            if !self.persist(cancel, || self.store.note_remade(due, part)).await? {
                return Ok((Remade::Lost, remade));
            }
            if part.is_none() {
                return Ok((Remade::All, remade));
            }
        }
    }
}

impl FetchSummary {
    fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Fetched { remade } => {
                self.fetched += 1;
                self.remade += remade;
            }
            Outcome::Remade { remade } | Outcome::GivenBack { remade } => self.remade += remade,
            Outcome::Failed => self.failed += 1,
            Outcome::GivenUp => {
                self.failed += 1;
                self.given_up += 1;
            }
            Outcome::Unnamed => self.unnamed += 1,
            Outcome::Lost => {}
        }
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("summary", &self.summary).finish_non_exhaustive()
    }
}
