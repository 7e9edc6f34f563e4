//! Connections for reads, on loan.
//!
//! A pool of the driver's own asks each connection that comes back whether it still answers: a round trip a call. Here
//! only those are asked that come back in the middle of something, once that is ended: nobody waits for it any more. The
//! others are trusted, unless they are older than the last failure of any, and a read that meets a broken one is made again.

use std::io::ErrorKind;
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use deadpool::managed::{
    Manager, Metrics, Object, Pool, PoolConfig, PoolError, QueueMode, RecycleError, RecycleResult,
};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Row};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};

use crate::StoreError;

/// A connection older than this is replaced: what a session of Postgres has gathered is freed from time to time.
const AGE_MAX: Duration = Duration::from_mins(30);

/// How long to wait before another try to connect to a Postgres that is starting.
const RETRY: Duration = Duration::from_millis(50);

/// Which session this is. A number alone comes again, after a restart or on another server behind the same address.
const IDENTITY: &str = "SELECT pid, (extract(epoch FROM backend_start) * 1000000)::bigint
    FROM pg_stat_activity WHERE pid = pg_backend_pid()";

/// How long a connection that was given up has to say that it was at the end of a statement, as after an error: most are.
const AT_ONCE: Duration = Duration::from_millis(10);

/// How long one try may take to have a statement ended that nobody waits for any more.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a session has to say that its statement was ended before that is tried again.
const CANCEL_AGAIN: Duration = Duration::from_millis(250);

/// Ends the statement that a session is at, if it is at one. A role may do that to its own sessions.
const CANCEL: &str = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity
    WHERE pid = $1 AND (extract(epoch FROM backend_start) * 1000000)::bigint = $2";

/// When any connection last failed; shared by all pools of a store.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastFailure(Arc<Mutex<Option<Instant>>>);

/// What is the same for every connection of a pool.
#[derive(Debug)]
pub(crate) struct ReadOptions {
    /// Where to connect, and as whom.
    pub(crate) connect: PgConnectOptions,
    /// What each session sets once.
    pub(crate) session: &'static str,
    /// Connections, at most.
    pub(crate) connections_max: u32,
    /// How long somebody may wait for one.
    pub(crate) acquire_timeout: Duration,
    /// How long one that came back in the middle of something may take to end that.
    pub(crate) release_timeout: Duration,
    /// Who ends it; `None`: it ends by itself.
    pub(crate) canceller: Option<Arc<Canceller>>,
}

/// A pool of connections for reads. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub(crate) struct Reads {
    pool: Pool<Connector>,
    acquire_timeout: Duration,
    release_timeout: Duration,
    canceller: Option<Arc<Canceller>>,
}

/// Ends statements of other sessions, one at a time, over a connection that is never busy for long.
#[derive(Debug)]
pub(crate) struct Canceller {
    over: Reads,
    one: Semaphore,
}

/// Which session of the database, among all that there ever were.
#[derive(Debug, Clone, Copy)]
struct Identity {
    pid: i32,
    /// When it began, in microseconds.
    start: i64,
}

/// A connection, and which session it is to the database.
#[derive(Debug)]
struct Session {
    connection: PgConnection,
    identity: Identity,
}

#[derive(Debug)]
struct Connector {
    options: PgConnectOptions,
    session: &'static str,
    last_failure: LastFailure,
}

/// A connection on loan.
#[derive(Debug)]
pub(crate) struct Lease {
    /// There until the lease ends.
    session: Option<Object<Connector>>,
    /// A turn that ends when the connection is free again, whoever gave it up.
    turn: Option<OwnedSemaphorePermit>,
    /// Whether its last answer was read to the end.
    idle: bool,
    release_timeout: Duration,
    canceller: Option<Arc<Canceller>>,
    last_failure: LastFailure,
}

impl LastFailure {
    /// From now on no connection that is open at this moment is used again.
    pub(crate) fn note(&self) {
        *self.0.lock().expect("nothing panics while it holds this lock") = Some(Instant::now());
    }

    /// Whether a connection of this age was made since.
    pub(crate) fn is_older_than(&self, age: Duration) -> bool {
        let last: Option<Instant> = *self.0.lock().expect("nothing panics while it holds this lock");
        last.is_none_or(|failure| failure.elapsed() > age)
    }
}

impl Reads {
    /// Makes the pool without connecting: the first lease does.
    pub(crate) fn new(options: ReadOptions, last_failure: LastFailure) -> Self {
        let ReadOptions { connect, session, connections_max, acquire_timeout, release_timeout, canceller } =
            options;
        let connector = Connector { options: connect, session, last_failure };
        let mut config = PoolConfig::new(connections_max as usize);
        // The one that was used last has everything at hand.
        config.queue_mode = QueueMode::Lifo;
        let pool = Pool::builder(connector).config(config).build();
        let pool = pool.expect("only a pool with timeouts of its own has to name a runtime");
        Self { pool, acquire_timeout, release_timeout, canceller }
    }

    /// A connection, as soon as one is free.
    pub(crate) async fn lease(&self) -> Result<Lease, StoreError> {
        let session = match timeout(self.acquire_timeout, self.pool.get()).await {
            Ok(Ok(session)) => session,
            Ok(Err(PoolError::Backend(error))) => return Err(error.into()),
            Ok(Err(PoolError::Closed)) => return Err(sqlx::Error::PoolClosed.into()),
            // The pool has neither timeouts nor hooks of its own.
            Err(_) | Ok(Err(_)) => return Err(sqlx::Error::PoolTimedOut.into()),
        };
        let last_failure = self.pool.manager().last_failure.clone();
        Ok(Lease {
            session: Some(session),
            turn: None,
            idle: false,
            release_timeout: self.release_timeout,
            canceller: self.canceller.clone(),
            last_failure,
        })
    }

    /// How many connections there are: (open, idle).
    pub(crate) fn connections(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size, status.available)
    }

    /// How many connections there may be.
    pub(crate) fn connections_max(&self) -> usize {
        self.pool.status().max_size
    }

    /// Gives no connection any more, and closes those that are idle.
    pub(crate) fn close(&self) {
        self.pool.close();
    }
}

impl Canceller {
    pub(crate) fn new(over: Reads) -> Self {
        Self { over, one: Semaphore::new(1) }
    }

    /// The turn to end a statement, and what it is done over. Nothing is lost where nobody waits for this to the end.
    async fn ready(&self) -> Result<(SemaphorePermit<'_>, Lease), StoreError> {
        let turn = self.one.acquire().await.map_err(|_| sqlx::Error::PoolClosed)?;
        Ok((turn, self.over.lease().await?))
    }
}

/// Ends what a session is at. False where that is not known to be over: it may still come, and meet another statement.
async fn cancel(over: &mut Lease, identity: Identity) -> bool {
    // The signal is sent before this is answered, and seen before the session reads its next message.
    let query = sqlx::query(CANCEL).bind(identity.pid).bind(identity.start);
    match timeout(CANCEL_TIMEOUT, query.execute(&mut **over)).await {
        Ok(Ok(_)) => {
            over.idle = true;
            true
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "a statement that nobody waits for could not be ended");
            false
        }
        Err(_) => false,
    }
}

impl Session {
    /// Has the session end what it is at, as often as it takes: one that has not yet read its statement takes no notice. False
    /// where something may still come and end another statement.
    async fn end(&mut self, canceller: Option<&Canceller>) -> Result<bool, sqlx::Error> {
        let Some(canceller) = canceller else { return self.settle().await.map(|()| true) };
        let (identity, mut certain) = (self.identity, true);
        {
            let mut settled = pin!(self.settle());
            // Who is at no statement says so, and so does a connection that is broken: there is nothing to end.
            if let Ok(settled) = timeout(AT_ONCE, &mut settled).await {
                return settled.map(|()| true);
            }
            loop {
                let ready = tokio::select! {
                    biased;
                    settled = &mut settled => break settled?,
                    ready = canceller.ready() => ready,
                };
                match ready {
                    Ok((_turn, mut over)) => certain &= cancel(&mut over, identity).await,
                    Err(error) => {
                        tracing::debug!(%error, "there is no connection to end a statement over that nobody waits for");
                    }
                }
                if let Ok(settled) = timeout(CANCEL_AGAIN, &mut settled).await {
                    break settled?;
                }
            }
        }
        // It may have been ready before the last signal.
        self.settle().await.map(|()| certain)
    }

    /// Reads what is still to come, and asks whether there is still somebody.
    async fn settle(&mut self) -> Result<(), sqlx::Error> {
        match self.connection.ping().await {
            // What was ended says so first.
            Err(sqlx::Error::Database(_)) => self.connection.ping().await,
            other => other,
        }
    }
}

impl Manager for Connector {
    type Type = Session;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<Session, sqlx::Error> {
        let mut connection = loop {
            match PgConnection::connect_with(&self.options).await {
                // Whoever waits for this has a timeout.
                Err(error) if is_starting(&error) => sleep(RETRY).await,
                other => break other?,
            }
        };
        if !self.session.is_empty() {
            sqlx::raw_sql(self.session).execute(&mut connection).await?;
        }
        let row = sqlx::raw_sql(IDENTITY).fetch_one(&mut connection).await?;
        let identity = Identity { pid: row.try_get(0)?, start: row.try_get(1)? };
        Ok(Session { connection, identity })
    }

    async fn recycle(&self, _: &mut Session, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        if metrics.age() < AGE_MAX && self.last_failure.is_older_than(metrics.age()) {
            Ok(())
        } else {
            Err(RecycleError::message("it is too old"))
        }
    }
}

/// Whether a Postgres is about to be there.
fn is_starting(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => matches!(error.kind(), ErrorKind::ConnectionRefused),
        sqlx::Error::Database(error) => error.is_transient_in_connect_phase(),
        _ => false,
    }
}

impl Lease {
    /// Ends the lease of a connection whose last answer was read to the end: it is free at once.
    pub(crate) fn done(mut self) {
        self.idle = true;
    }

    /// The connection, and where a turn is put that is to last as long as the lease, and as what was under way then.
    pub(crate) fn parts(&mut self) -> (&mut PgConnection, &mut Option<OwnedSemaphorePermit>) {
        let session = self.session.as_mut().expect("it is there until the lease ends");
        (&mut session.connection, &mut self.turn)
    }
}

impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.session.as_ref().expect("it is there until the lease ends").connection
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.parts().0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut session) = self.session.take() else { return };
        if self.idle {
            return;
        }
        // Without a runtime there is nobody who could wait: it is closed.
        let Ok(runtime) = Handle::try_current() else { return drop(Object::take(session)) };
        let (release_timeout, last_failure) = (self.release_timeout, self.last_failure.clone());
        let (canceller, turn) = (self.canceller.take(), self.turn.take());
        runtime.spawn(async move {
            match timeout(release_timeout, session.end(canceller.as_deref())).await {
                Ok(Ok(true)) => drop(session),
                Ok(Ok(false)) => drop(Object::take(session)),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "a connection to the database is given up");
                    drop(Object::take(session));
                }
                // A network that has swallowed a connection never says so.
                Err(_) => {
                    tracing::warn!("a connection to the database says nothing any more and is given up");
                    last_failure.note();
                    drop(Object::take(session));
                }
            }
            drop(turn);
        });
    }
}
