//! Stands between a program and Postgres, counts what the program asks, and lets it fall at a question that is chosen
//! beforehand: before Postgres hears it, or before the program hears the answer.
//!
//! The messages: <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, UnixStream, unix};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use vitrine_store::{DatabaseSettings, Store};
use vitrine_tests::Database;

/// What ends in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fall {
    /// Nothing: questions are counted.
    Never,
    /// The question with this number, from 1 on, does not reach Postgres.
    Before(u64),
    /// It does, and nobody hears the answer. Only questions that may end a transaction are counted.
    Behind(u64),
}

/// A proxy on a port of its own, until it is dropped.
pub(crate) struct Proxy {
    options: PgConnectOptions,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

struct State {
    socket: PathBuf,
    fall: Fall,
    asked: AtomicU64,
    fell: AtomicBool,
    has_fallen: Notify,
    /// The program's end of the connection stays open until then.
    released: Notify,
}

impl Proxy {
    pub(crate) async fn before(database: &Database, fall: Fall) -> Self {
        let options: PgConnectOptions = database.url().parse().unwrap();
        let folder = options.get_socket().expect("the tests' Postgres listens on a socket");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            socket: Path::new(folder).join(format!(".s.PGSQL.{}", options.get_port())),
            fall,
            asked: AtomicU64::new(0),
            fell: AtomicBool::new(false),
            has_fallen: Notify::new(),
            released: Notify::new(),
        });
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                // A side that goes away ends it, in whatever way.
                tokio::spawn(async move { state.pass(client).await.ok() });
            }
        });
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(port)
            .username(options.get_username())
            .database(options.get_database().unwrap())
            .ssl_mode(sqlx::postgres::PgSslMode::Disable);
        Self { options, state, accepting }
    }

    /// A store behind it.
    pub(crate) fn store(&self) -> Store {
        Store::new(&self.options, &DatabaseSettings::default())
    }

    /// For `DATABASE_URL`.
    pub(crate) fn url(&self) -> String {
        self.options.to_url_lossy().to_string()
    }

    /// How many questions were asked, of those that are counted.
    pub(crate) fn asked(&self) -> u64 {
        self.state.asked.load(Ordering::SeqCst)
    }

    /// Returns when the question has come; Postgres has ended its session by then.
    pub(crate) async fn fallen(&self) {
        self.state.has_fallen.notified().await;
    }

    pub(crate) fn has_fallen(&self) -> bool {
        self.state.fell.load(Ordering::SeqCst)
    }

    /// Lets the program see that its connection is gone, if it is still there.
    pub(crate) fn release(&self) {
        self.state.released.notify_one();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl State {
    async fn pass(&self, client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let (mut from_client, to_client) = client.into_split();
        let (from_postgres, mut to_postgres) = UnixStream::connect(&self.socket).await?.into_split();
        // The first message has no kind.
        let length = from_client.read_u32().await?;
        to_postgres.write_u32(length).await?;
        forward(&mut from_client, &mut to_postgres, length).await?;
        let silent = Arc::new(AtomicBool::new(false));
        let answers = tokio::spawn(answer(from_postgres, to_client, Arc::clone(&silent)));
        loop {
            let (kind, length) = (from_client.read_u8().await?, from_client.read_u32().await?);
            let falls = self.falls(kind);
            silent.fetch_or(falls, Ordering::SeqCst);
            if !falls || matches!(self.fall, Fall::Behind(_)) {
                to_postgres.write_u8(kind).await?;
                to_postgres.write_u32(length).await?;
                forward(&mut from_client, &mut to_postgres, length).await?;
            }
            if falls {
                to_postgres.shutdown().await?;
                let held = answers.await;
                self.fell.store(true, Ordering::SeqCst);
                self.has_fallen.notify_one();
                self.released.notified().await;
                drop(held);
                return Ok(());
            }
        }
    }

    /// Counts a message, and says whether it is the one.
    fn falls(&self, kind: u8) -> bool {
        let counts = match self.fall {
            Fall::Behind(_) => kind == b'Q',
            // A simple query, as BEGIN and COMMIT are; the end of an extended one; data of a COPY and its end.
            Fall::Never | Fall::Before(_) => matches!(kind, b'Q' | b'S' | b'd' | b'c'),
        };
        if !counts {
            return false;
        }
        let number = 1 + self.asked.fetch_add(1, Ordering::SeqCst);
        matches!(self.fall, Fall::Before(at) | Fall::Behind(at) if number == at)
    }
}

/// Passes the rest of a message on, whose length counts itself.
async fn forward(from: &mut OwnedReadHalf, to: &mut unix::OwnedWriteHalf, length: u32) -> io::Result<()> {
    copy(&mut from.take(u64::from(length) - 4), to).await.map(drop)
}

/// Passes answers on, until Postgres ends the session. Once nobody may hear them, they are dropped, and the program's end
/// stays open for as long as what this returns is there.
async fn answer(
    mut from_postgres: unix::OwnedReadHalf,
    mut to_client: OwnedWriteHalf,
    silent: Arc<AtomicBool>,
) -> OwnedWriteHalf {
    let mut bytes = vec![0; 16_384];
    while let Ok(read @ 1..) = from_postgres.read(&mut bytes).await {
        // A program that has gone away hears nothing.
        if !silent.load(Ordering::SeqCst) && to_client.write_all(&bytes[..read]).await.is_err() {
            break;
        }
    }
    if !silent.load(Ordering::SeqCst) {
        let _ = to_client.shutdown().await;
    }
    to_client
}
