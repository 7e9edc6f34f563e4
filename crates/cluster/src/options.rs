//! What a caller may choose, and the one place that reads the environment.

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::ClusterError;

/// Whether Postgres may be fetched from the network where the machine has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Download {
    /// Never: a missing Postgres is an error.
    Never,
    /// Ask on the terminal; without a terminal the answer is no.
    #[default]
    Ask,
    /// Without asking.
    Always,
}

/// What the process environment says, read once by [`Environment::from_process`].
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `PG_BIN`: the folder of Postgres's programs.
    pub pg_bin: Option<PathBuf>,
    /// `PATH`.
    pub path: Option<OsString>,
    /// `XDG_DATA_HOME`.
    pub xdg_data_home: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// The system's folder for temporary files.
    pub temp_dir: PathBuf,
    /// Whether a question can be asked: stdin and stderr are terminals.
    pub terminal: bool,
}

/// How to open a [`crate::Cluster`].
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// The folder that holds everything; created where missing.
    pub data_dir: PathBuf,
    /// The folder of Postgres's programs. Where it is set it must hold Postgres 15 or newer.
    pub pg_bin: Option<PathBuf>,
    /// Folders searched after `pg_bin`, in this order; those without Postgres 15 or newer are passed over.
    pub search: Vec<PathBuf>,
    /// Where a short socket folder goes when the data dir's own path is too long.
    pub temp_dir: PathBuf,
    /// Whether Postgres may be downloaded.
    pub download: Download,
    /// Whether [`Download::Ask`] can ask.
    pub terminal: bool,
    /// The bound on a download with its unpacking.
    pub download_timeout: Duration,
    /// The bound on waiting for another process's start or stop, and on a start with its recovery.
    pub start_timeout: Duration,
    /// The bound on a stop with its checkpoint.
    pub stop_timeout: Duration,
    /// More Postgres settings, later ones win; used by the start, not by an adoption. Those that fix where
    /// Postgres listens cannot be changed.
    pub settings: Vec<(String, String)>,
}

impl Environment {
    /// Reads the environment of this process: the only place of the crate that does.
    pub fn from_process() -> Self {
        let folder = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        Self {
            pg_bin: folder("PG_BIN"),
            path: env::var_os("PATH"),
            xdg_data_home: folder("XDG_DATA_HOME"),
            home: folder("HOME"),
            temp_dir: env::temp_dir(),
            terminal: io::stdin().is_terminal() && io::stderr().is_terminal(),
        }
    }

    /// The platform's data folder for Vitrine: `/var/lib/vitrine` for root, else the user's own.
    pub fn default_data_dir(&self) -> Result<PathBuf, ClusterError> {
        if rustix::process::geteuid().is_root() {
            return Ok(PathBuf::from("/var/lib/vitrine"));
        }
        self.user_data_dir()
    }

    fn user_data_dir(&self) -> Result<PathBuf, ClusterError> {
        // The XDG specification: a relative path is invalid and counts as unset.
        let xdg = self.xdg_data_home.as_deref().filter(|path| path.is_absolute());
        let home = self.home.as_deref().filter(|path| path.is_absolute());
        match (xdg, home) {
            (_, Some(home)) if cfg!(target_os = "macos") => {
                Ok(home.join("Library/Application Support/vitrine"))
            }
            (Some(xdg), _) => Ok(xdg.join("vitrine")),
            (None, Some(home)) => Ok(home.join(".local/share/vitrine")),
            (None, None) => Err(ClusterError::NoHome),
        }
    }
}

impl ClusterOptions {
    /// The defaults for a data dir on a machine with this environment:
    /// at most 5 minutes for a download, 2 minutes for a start or a stop, and a question before a download.
    pub fn new(data_dir: impl Into<PathBuf>, environment: &Environment) -> Self {
        let mut search: Vec<PathBuf> =
            environment.path.iter().flat_map(|path| env::split_paths(path).collect::<Vec<_>>()).collect();
        search.extend(crate::binaries::system_folders());
        Self {
            data_dir: data_dir.into(),
            pg_bin: environment.pg_bin.clone(),
            search,
            temp_dir: environment.temp_dir.clone(),
            download: Download::default(),
            terminal: environment.terminal,
            download_timeout: Duration::from_mins(5),
            start_timeout: Duration::from_mins(2),
            stop_timeout: Duration::from_mins(2),
            settings: Vec::new(),
        }
    }

    /// [`ClusterOptions::new`] with the environment of this process.
    pub fn from_env(data_dir: impl AsRef<Path>) -> Self {
        Self::new(data_dir.as_ref(), &Environment::from_process())
    }
}

/// [`Environment::default_data_dir`] of this process.
pub fn default_data_dir() -> Result<PathBuf, ClusterError> {
    Environment::from_process().default_data_dir()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    #[cfg(not(target_os = "macos"))]
    fn the_users_data_dir_follows_xdg() {
        let mut environment = Environment { home: Some("/home/a".into()), ..Environment::default() };
        assert_eq!(environment.user_data_dir().unwrap(), Path::new("/home/a/.local/share/vitrine"));
        environment.xdg_data_home = Some("relative".into());
        assert_eq!(environment.user_data_dir().unwrap(), Path::new("/home/a/.local/share/vitrine"));
        environment.xdg_data_home = Some("/x".into());
        assert_eq!(environment.user_data_dir().unwrap(), Path::new("/x/vitrine"));
        assert!(matches!(Environment::default().user_data_dir(), Err(ClusterError::NoHome)));
    }
}
