//! The cluster as its users see it: opened, connected to, closed.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

use crate::binaries::Binaries;
use crate::control::{self, USER};
use crate::data_dir::DataDir;
use crate::error::{ClusterError, io_at};
use crate::locks::Lock;
use crate::options::ClusterOptions;
use crate::postmaster::Postmaster;

/// The database that `initdb` makes and that Vitrine lives in.
const DATABASE: &str = "postgres";

/// A running private Postgres, shared by everybody who has it open.
///
/// Dropping it is [`Cluster::close`] without the answer: the last user stops Postgres and waits for that.
#[derive(Debug)]
pub struct Cluster {
    data_dir: DataDir,
    pgdata: PathBuf,
    binaries: Binaries,
    postmaster: Postmaster,
    adopted: bool,
    start_timeout: Duration,
    stop_timeout: Duration,
    /// The shared lock that says "in use"; gone once the cluster is closed.
    in_use: Option<Lock>,
}

/// What closing a [`Cluster`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// Nobody else used it: Postgres was stopped.
    Stopped,
    /// Somebody else uses it: Postgres runs on.
    LeftRunning,
}

impl Cluster {
    /// Opens the cluster of a data dir: makes it where there is none, starts it where it is stopped (after a
    /// crash, too), and adopts it where it runs already.
    pub fn open(options: &ClusterOptions) -> Result<Self, ClusterError> {
        let data_dir = DataDir::prepare(&options.data_dir)?;
        let _deciding = Lock::start(&data_dir, options.start_timeout)?;
        let in_use = Lock::open(&data_dir, "cluster.lock")?;
        in_use.share()?;

        let pgdata = data_dir.pgdata();
        let major = control::cluster_major(&pgdata)?;
        let account = data_dir.account.as_ref();
        let binaries = Binaries::find(options, &data_dir.path, &pgdata, major, account)?;
        if major.is_none() {
            control::init(&data_dir, &binaries)?;
        }
        // The folder may be a link to another disk: Postgres works in the real one.
        let pgdata = fs::canonicalize(&pgdata).map_err(io_at("resolve", &pgdata))?;
        let running = control::settle(&data_dir, &pgdata, options.start_timeout)?;
        let adopted = running.is_some();
        let postmaster = match running {
            Some(postmaster) => postmaster,
            None => control::start(&data_dir, &pgdata, &binaries, options)?,
        };
        let (pid, path) = (postmaster.pid, pgdata.display());
        tracing::info!(pid, adopted, %path, "Postgres is running in {path} as process {pid}");
        let (start_timeout, stop_timeout) = (options.start_timeout, options.stop_timeout);
        let in_use = Some(in_use);
        Ok(Self { data_dir, pgdata, binaries, postmaster, adopted, start_timeout, stop_timeout, in_use })
    }

    /// The data dir, absolute and without symbolic links.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir.path
    }

    /// The folder of the programs in use, for a caller who wants `pg_dump` or `psql` of the same version.
    pub fn bin_dir(&self) -> &Path {
        &self.binaries.folder
    }

    /// The folder of the socket.
    pub fn socket_dir(&self) -> &Path {
        &self.postmaster.socket_dir
    }

    /// The port that names the socket; nothing listens on it.
    pub fn port(&self) -> u16 {
        self.postmaster.port
    }

    /// The superuser's name; the socket asks for no password.
    pub fn user(&self) -> &'static str {
        USER
    }

    /// The name of the database.
    pub fn database(&self) -> &'static str {
        DATABASE
    }

    /// Where to connect, in a form that libpq and sqlx read alike. TLS is off whatever the environment says: a
    /// socket has none.
    pub fn url(&self) -> String {
        let host = percent_encode(self.postmaster.socket_dir.as_os_str().as_bytes(), NON_ALPHANUMERIC);
        format!("postgres://{USER}@{host}:{}/{DATABASE}?sslmode=disable", self.postmaster.port)
    }

    /// Whether Postgres was already running when this was opened.
    pub fn adopted(&self) -> bool {
        self.adopted
    }

    /// The process id of the postmaster.
    pub fn pid(&self) -> u32 {
        self.postmaster.pid
    }

    /// Ends the use of the cluster, and stops Postgres unless somebody else uses it.
    pub fn close(mut self) -> Result<Closed, ClusterError> {
        self.release()
    }

    fn release(&mut self) -> Result<Closed, ClusterError> {
        let Some(in_use) = self.in_use.take() else {
            return Ok(Closed::LeftRunning);
        };
        // Under the start lock nobody can begin to use the cluster, so that letting go of the shared lock and
        // taking the exclusive one has nobody in between.
        let _deciding = Lock::start(&self.data_dir, self.start_timeout)?;
        in_use.release()?;
        if !in_use.try_exclusive()? {
            return Ok(Closed::LeftRunning);
        }
        control::stop(&self.data_dir, &self.pgdata, &self.binaries, self.stop_timeout)?;
        Ok(Closed::Stopped)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Err(error) = self.release() {
            tracing::warn!(%error, "the private Postgres was not stopped: {error}");
        }
    }
}
