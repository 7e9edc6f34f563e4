//! What can go wrong with a private cluster, each with its path and what to do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How to get Postgres onto a machine: the end of every sentence that says it is not there.
const INSTALL: &str = "install it with `apt-get install postgresql` (Debian, Ubuntu) or \
    `brew install postgresql@17` (Homebrew)";

/// Why a private cluster could not be found, made, started, used or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// Neither the machine nor the data dir holds Postgres 15 or newer, and none was to be downloaded.
    #[error(
        "Postgres 15 or newer was not found in {looked_in}: {INSTALL}, or let it be downloaded \
        with `--download-postgres`"
    )]
    PostgresMissing {
        /// The folders that were looked in, for people.
        looked_in: String,
    },
    /// `PG_BIN` names a folder without Postgres in it, or with one that is too old.
    #[error("PG_BIN is {}, {problem}: point it at a folder with initdb, postgres and pg_ctl of Postgres 15 \
        or newer, or unset it", path.display())]
    PgBin {
        /// The folder that `PG_BIN` names.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The data dir was initialised by a major version whose programs are not on this machine.
    #[error("{} was initialised by Postgres {wanted}, but only Postgres {found} was found here: install \
        Postgres {wanted}, or set PG_BIN to its programs", path.display())]
    OtherMajor {
        /// The folder of the cluster.
        path: PathBuf,
        /// The major version that it needs.
        wanted: u32,
        /// The versions that were found, for people.
        found: String,
    },
    /// Postgres was to be downloaded, and that failed.
    #[error("Postgres could not be downloaded to {}: {reason}: {INSTALL}, or try again", path.display())]
    DownloadFailed {
        /// The folder that would hold it.
        path: PathBuf,
        /// What the downloader said.
        reason: String,
    },
    /// We are root, Postgres refuses to run as root, and there is no other user to run it as.
    #[error(
        "Postgres does not run as root, and this machine has neither a user `postgres` nor `nobody`: \
        create one, or run this as another user"
    )]
    NoUnprivilegedUser,
    /// The user who is to run Postgres cannot enter a folder on the way to the data dir or its programs.
    #[error("the user `{user}`, who runs Postgres here, cannot enter {}, which is on the way to {}: choose \
        another folder, or allow it with `chmod o+x {}`", folder.display(), path.display(), folder.display())]
    NotEnterable {
        /// The folder without search permission.
        folder: PathBuf,
        /// What was to be reached through it.
        path: PathBuf,
        /// The user's name.
        user: String,
    },
    /// The path of the data dir cannot be handed to Postgres's programs.
    #[error("the data dir {path:?} cannot be used, {reason}: choose another folder")]
    UnusablePath {
        /// The data dir.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// No folder is short enough for a unix socket.
    #[error("the socket path {} is longer than the {max} bytes that this system allows: choose a shorter \
        data dir", path.display())]
    SocketPathTooLong {
        /// The path that was tried last.
        path: PathBuf,
        /// The bound, bytes.
        max: usize,
    },
    /// The folder for the socket in the shared temp dir is not ours.
    #[error("{} is not a folder of the user who runs Postgres: remove it, or choose a shorter data dir",
        path.display())]
    ForeignSocketDir {
        /// The folder.
        path: PathBuf,
    },
    /// `pgdata` holds something that is no Postgres cluster.
    #[error("{} is not empty and is no Postgres cluster (it has no readable PG_VERSION): move it away, or \
        choose another data dir", path.display())]
    NotACluster {
        /// The folder.
        path: PathBuf,
    },
    /// A setting's name or value cannot be written to a Postgres configuration file.
    #[error(
        "the Postgres setting `{name}` cannot be written: a name is letters, digits, `_` and `.`, and a \
        value is one line"
    )]
    BadSetting {
        /// The setting's name.
        name: String,
    },
    /// `initdb` failed.
    #[error("initdb could not make a cluster in {}: {output}", path.display())]
    InitdbFailed {
        /// The folder of the cluster.
        path: PathBuf,
        /// What it said.
        output: String,
    },
    /// Postgres did not start, or not in time.
    #[error("Postgres did not start in {}: {output}\nlast lines of {}:\n{log_tail}", path.display(),
        log.display())]
    StartFailed {
        /// The folder of the cluster.
        path: PathBuf,
        /// What `pg_ctl` said.
        output: String,
        /// The log file.
        log: PathBuf,
        /// The last lines that this start added to it.
        log_tail: String,
    },
    /// A Postgres runs in the data dir, but it did not become ready in time.
    #[error("Postgres in {} (process {pid}) was not ready after {waited:?}: wait until it has recovered, or \
        stop it with `pg_ctl stop -D {}`\nlast lines of {}:\n{log_tail}", path.display(), path.display(),
        log.display())]
    Unresponsive {
        /// The folder of the cluster.
        path: PathBuf,
        /// The postmaster's process id.
        pid: u32,
        /// How long was waited.
        waited: Duration,
        /// The log file.
        log: PathBuf,
        /// Its last lines.
        log_tail: String,
    },
    /// Postgres did not stop, or not in time.
    #[error("Postgres in {} did not stop: {output}\nlast lines of {}:\n{log_tail}", path.display(),
        log.display())]
    StopFailed {
        /// The folder of the cluster.
        path: PathBuf,
        /// What `pg_ctl` said.
        output: String,
        /// The log file.
        log: PathBuf,
        /// Its last lines.
        log_tail: String,
    },
    /// Another process has been starting or stopping the cluster for too long.
    #[error("process {holder} has been starting or stopping the cluster of {} for {waited:?}: try again when \
        it is done", path.display())]
    StartLockBusy {
        /// The lock file.
        path: PathBuf,
        /// The process id in it, for people.
        holder: String,
        /// How long was waited.
        waited: Duration,
    },
    /// Another `vitrine up` serves this data dir.
    #[error("another `vitrine up` (process {holder}) already serves the data dir {}: stop it first, or choose \
        another --data-dir", data_dir.display())]
    AlreadyServed {
        /// The data dir.
        data_dir: PathBuf,
        /// The process id in the lock file, for people.
        holder: String,
    },
    /// The platform's data folder is unknown.
    #[error(
        "no default data dir: neither XDG_DATA_HOME nor HOME is set to an absolute path; name one with \
        --data-dir"
    )]
    NoHome,
    /// The operating system refused something.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as in "cannot … PATH".
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// Names the action and the path of an I/O error, for `map_err`.
pub(crate) fn io_at(
    action: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(io::Error) -> ClusterError {
    let path = path.into();
    move |source| ClusterError::Io { action, path, source }
}
