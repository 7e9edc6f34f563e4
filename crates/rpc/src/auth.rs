//! Who calls: a credential becomes a [`Caller`], and a method needs one.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;
use time::OffsetDateTime;
use vitrine_store::{KeyRecord, Store, StoreError};

use crate::key;
use crate::limit::{Bucket, Now};
use crate::settings::AuthSettings;
use crate::tiers::{Category, Tier, Tiers};

/// How long it may take to read what has changed. A connection may be lost without a word; another is not.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(5);

/// A caller whose credential is good. Only [`Keyring`] makes one.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The key's id, for logs; `None` for callers without a key, where they are allowed.
    pub(crate) key_id: Option<i64>,
    pub(crate) tier: Tier,
    /// By category.
    buckets: Arc<[Bucket; Category::COUNT]>,
}

/// Why there is no caller.
#[derive(Debug)]
pub(crate) enum Refused {
    /// No credential.
    Missing,
    /// Nobody's key, or a revoked one.
    Unknown,
    /// A key whose time is over.
    Expired,
    /// The database cannot be asked.
    Unavailable(Option<StoreError>),
}

/// The keys that this server has seen, and those that it knows to be nobody's.
#[derive(Debug)]
pub(crate) struct Keyring {
    store: Store,
    tiers: Tiers,
    stale_max: Duration,
    known: RwLock<Known>,
    /// Digests that are nobody's, each with the generation in which that was found out. Bounded.
    unknown: Cache<[u8; 32], u64>,
    /// One lookup at a time: a flood of made-up keys cannot take the database's connections.
    lookup: tokio::sync::Mutex<()>,
    anonymous: Option<Caller>,
    /// When the database last said that nothing has changed since what is known here.
    confirmed: Mutex<Instant>,
}

#[derive(Debug, Default)]
struct Known {
    by_digest: HashMap<[u8; 32], Entry>,
    /// Moves whenever keys may have changed: what was read before it moved may be out of date.
    generation: u64,
    /// The database's own such number, as of the last reading.
    epoch: Option<i64>,
}

#[derive(Debug, Clone)]
struct Entry {
    caller: Caller,
    expires_at: Option<OffsetDateTime>,
    revoked: bool,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no key"),
            Self::Unknown => f.write_str("nobody's key, or a revoked one"),
            Self::Expired => f.write_str("an expired key"),
            Self::Unavailable(None) => f.write_str("keys cannot be checked"),
            Self::Unavailable(Some(error)) => write!(f, "keys cannot be checked: {error}"),
        }
    }
}

impl Caller {
    /// The bucket that a category's calls are taken from.
    pub(crate) fn bucket(&self, category: Category) -> &Bucket {
        &self.buckets[category.index()]
    }
}

impl Keyring {
    pub(crate) fn new(store: Store, tiers: Tiers, anonymous: Option<Tier>, settings: &AuthSettings) -> Self {
        let anonymous = anonymous.map(|tier| caller(&tiers, None, tier));
        Self {
            store,
            tiers,
            stale_max: Duration::from_secs(settings.key_stale_max_seconds),
            known: RwLock::default(),
            unknown: Cache::new(settings.unknown_keys_max),
            lookup: tokio::sync::Mutex::default(),
            anonymous,
            confirmed: Mutex::new(Instant::now()),
        }
    }

    /// The caller behind a credential. A key that was seen before costs no query, nor does an unknown one.
    pub(crate) async fn caller(
        &self,
        credential: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Caller, Refused> {
        let Some(text) = credential else {
            return self.anonymous.clone().ok_or(Refused::Missing);
        };
        let digest = key::digest(text);
        if let Some(found) = self.remembered(&digest, now) {
            return found;
        }
        let _one_at_a_time = self.lookup.lock().await;
        loop {
            if let Some(found) = self.remembered(&digest, now) {
                return found;
            }
            self.look_up(&digest).await?;
        }
    }

    /// Asks the database, over and over, whether a key has changed. Never returns.
    pub(crate) async fn follow(&self, every: Duration) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match tokio::time::timeout(REFRESH_TIMEOUT, self.refresh()).await {
                Ok(Ok(())) => {
                    *self.confirmed.lock().expect("nothing panics while it holds this lock") = Instant::now();
                }
                Ok(Err(error)) => tracing::debug!(%error, "keys cannot be confirmed"),
                Err(_) => tracing::debug!("keys cannot be confirmed: the database does not answer"),
            }
        }
    }

    /// Whether keys were confirmed so lately that they still count.
    pub(crate) fn is_current(&self) -> bool {
        self.confirmed.lock().expect("nothing panics while it holds this lock").elapsed() <= self.stale_max
    }

    fn remembered(&self, digest: &[u8; 32], now: OffsetDateTime) -> Option<Result<Caller, Refused>> {
        let known = self.known.read().expect("nothing panics while it holds this lock");
        if let Some(entry) = known.by_digest.get(digest) {
            return Some(if entry.revoked {
                Err(Refused::Unknown)
            } else if entry.expires_at.is_some_and(|end| end <= now) {
                Err(Refused::Expired)
            } else if !self.is_current() {
                Err(Refused::Unavailable(None))
            } else {
                Ok(entry.caller.clone())
            });
        }
        let current = self.unknown.get(digest) == Some(known.generation);
        current.then_some(Err(Refused::Unknown))
    }

    /// Reads a key and remembers what came of it, unless keys have changed meanwhile.
    async fn look_up(&self, digest: &[u8; 32]) -> Result<(), Refused> {
        let generation = self.known.read().expect("nothing panics while it holds this lock").generation;
        let record = self.store.find_key(digest).await.map_err(|error| Refused::Unavailable(Some(error)))?;
        let mut known = self.known.write().expect("nothing panics while it holds this lock");
        if known.generation != generation {
            return Ok(());
        }
        match record {
            Some(record) => {
                let entry = self.entry(&record, None);
                known.by_digest.insert(*digest, entry);
            }
            None => self.unknown.insert(*digest, generation),
        }
        Ok(())
    }

    /// Reads all known keys again if any key of the database has changed.
    async fn refresh(&self) -> Result<(), StoreError> {
        let epoch = self.store.key_epoch().await?;
        let key_ids: Vec<i64> = {
            let mut known = self.known.write().expect("nothing panics while it holds this lock");
            if known.epoch == Some(epoch) {
                return Ok(());
            }
            // From here on nothing that was read before counts; a lookup under way asks again.
            known.generation += 1;
            known.by_digest.values().filter_map(|entry| entry.caller.key_id).collect()
        };
        let records = self.store.keys_by_id(&key_ids).await?;
        let mut known = self.known.write().expect("nothing panics while it holds this lock");
        let fresh: HashMap<_, _> = records
            .iter()
            .map(|record| (record.digest, self.entry(record, known.by_digest.get(&record.digest))))
            .collect();
        // Keys that were looked up since `key_ids` was taken are as new as that reading.
        known.by_digest.retain(|_, entry| entry.caller.key_id.is_none_or(|id| !key_ids.contains(&id)));
        known.by_digest.extend(fresh);
        known.epoch = Some(epoch);
        Ok(())
    }

    /// What is remembered of a key. A bucket outlives every change but that of the tier.
    fn entry(&self, record: &KeyRecord, before: Option<&Entry>) -> Entry {
        // A tier that this server's file does not have opens nothing but the least.
        let tier = self.tiers.find(&record.tier).unwrap_or_else(|| {
            tracing::warn!(
                key_id = record.key_id,
                tier = record.tier,
                "key {} has a tier that tiers.toml lacks",
                record.key_id
            );
            Tiers::least()
        });
        let caller = match before {
            Some(entry) if entry.caller.tier == tier => entry.caller.clone(),
            _ => caller(&self.tiers, Some(record.key_id), tier),
        };
        Entry { caller, expires_at: record.expires_at, revoked: record.revoked_at.is_some() }
    }
}

fn caller(tiers: &Tiers, key_id: Option<i64>, tier: Tier) -> Caller {
    let now = Now::read();
    let buckets = Category::ALL.map(|category| Bucket::new(tiers.limit(tier, category), now));
    Caller { key_id, tier, buckets: Arc::new(buckets) }
}
