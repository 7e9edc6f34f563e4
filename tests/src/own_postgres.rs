//! A Postgres of a test's own: to be killed, frozen and started again.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;
use tokio::time::{Duration, Instant, sleep};
use vitrine_cluster::{Cluster, ClusterOptions};
use vitrine_store::{DatabaseSettings, Store};

use crate::postgres;
use crate::server::PATIENCE;

/// A private cluster; Linux only, for it finds Postgres's processes in `/proc`.
pub struct OwnPostgres {
    cluster: Cluster,
    options: ClusterOptions,
    _folder: TempDir,
}

impl OwnPostgres {
    /// A new cluster with all migrations.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Its own user must be able to enter, also when the tests run as root.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let options = postgres::options(&folder.path().join("data"));
        let cluster = open(options.clone()).await;
        let postgres = Self { cluster, options, _folder: folder };
        let store = postgres.store();
        store.migrate(PATIENCE).await.unwrap();
        store.close().await;
        postgres
    }

    /// For `DATABASE_URL`; the same after each start.
    pub fn url(&self) -> String {
        self.cluster.url()
    }

    /// The socket that it listens on.
    pub fn socket(&self) -> std::path::PathBuf {
        self.cluster.socket_dir().join(format!(".s.PGSQL.{}", self.cluster.port()))
    }

    pub fn store(&self) -> Store {
        Store::new(&self.connect_options(), &DatabaseSettings::default())
    }

    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect_with(&self.connect_options()).await.unwrap()
    }

    /// SIGKILL for the postmaster and all its children; returns when they are gone.
    pub async fn kill(&self) {
        // The postmaster first, or it would start anew what dies.
        let children = self.children();
        let postmaster = pid(self.cluster.pid());
        kill_process(postmaster, Signal::KILL).unwrap();
        for child in &children {
            // One that has ended by itself is as good.
            let _ = kill_process(*child, Signal::KILL);
        }
        let end = Instant::now() + PATIENCE;
        while children.iter().chain([&postmaster]).any(|process| runs(*process)) {
            assert!(Instant::now() < end, "Postgres survives SIGKILL");
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Starts it again on the same data and address.
    pub async fn restart(&mut self) {
        self.cluster = open(self.options.clone()).await;
    }

    /// Returns at the moment from which on Postgres answers queries.
    pub async fn accepts(&self) -> Instant {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Ok(mut connection) = PgConnection::connect_with(&self.connect_options()).await
                && connection.ping().await.is_ok()
            {
                return Instant::now();
            }
            assert!(Instant::now() < end, "Postgres does not come back");
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// All its processes stand still: who asks gets no answer, and no refusal either.
    pub fn freeze(&self) {
        self.signal_all(Signal::STOP);
    }

    /// The opposite of [`Self::freeze`].
    pub fn thaw(&self) {
        self.signal_all(Signal::CONT);
    }

    fn signal_all(&self, signal: Signal) {
        let postmaster = pid(self.cluster.pid());
        let _ = kill_process(postmaster, signal);
        for child in self.children() {
            let _ = kill_process(child, signal);
        }
    }

    fn connect_options(&self) -> PgConnectOptions {
        self.url().parse::<PgConnectOptions>().unwrap().disable_statement_logging()
    }

    fn children(&self) -> Vec<Pid> {
        let parent = self.cluster.pid().to_string();
        let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let process: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let (_, parent) = stat(process)?;
            Some((process, parent))
        });
        processes.filter(|(_, of)| *of == parent).filter_map(|(process, _)| Pid::from_raw(process)).collect()
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        // A frozen Postgres could not be stopped.
        self.thaw();
    }
}

async fn open(options: ClusterOptions) -> Cluster {
    tokio::task::spawn_blocking(move || Cluster::open(&options)).await.unwrap().unwrap()
}

fn pid(process: u32) -> Pid {
    Pid::from_raw(process.cast_signed()).unwrap()
}

/// State and parent of a process.
fn stat(process: i32) -> Option<(char, String)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The command's name, in brackets, may hold anything.
    let mut fields = stat.rsplit(')').next()?.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.to_owned()))
}

fn runs(process: Pid) -> bool {
    stat(process.as_raw_nonzero().get()).is_some_and(|(state, _)| state != 'Z')
}
