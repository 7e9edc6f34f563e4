//! Advisory locks on files of the data dir. The system lets go of them when a process ends, however it ends.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::data_dir::DataDir;
use crate::error::{ClusterError, io_at};

/// How often a lock that is waited for is tried.
const RETRY: Duration = Duration::from_millis(20);

/// The right to serve a data dir: held by one `vitrine up` at a time, until it is dropped.
#[derive(Debug)]
pub struct ServeLock {
    _held: Lock,
}

/// A lock file; the lock, where one is held, ends with the value.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

impl ServeLock {
    /// Takes the lock of a data dir (created where missing), or says which process has it.
    pub fn acquire(data_dir: impl AsRef<Path>) -> Result<Self, ClusterError> {
        let data_dir = DataDir::prepare(data_dir.as_ref())?;
        let mut lock = Lock::open(&data_dir, "up.lock")?;
        if !lock.try_exclusive()? {
            return Err(ClusterError::AlreadyServed { data_dir: data_dir.path, holder: lock.holder() });
        }
        lock.sign()?;
        Ok(Self { _held: lock })
    }
}

impl Lock {
    /// Opens the lock file without taking the lock.
    pub(crate) fn open(data_dir: &DataDir, name: &str) -> Result<Self, ClusterError> {
        Ok(Self { file: data_dir.open_file(name)?, path: data_dir.path.join(name) })
    }

    /// The lock under which one process at a time decides to start or to stop.
    pub(crate) fn start(data_dir: &DataDir, timeout: Duration) -> Result<Self, ClusterError> {
        let mut lock = Self::open(data_dir, "start.lock")?;
        let deadline = Instant::now() + timeout;
        while !lock.try_exclusive()? {
            if Instant::now() >= deadline {
                let (holder, path) = (lock.holder(), lock.path.clone());
                return Err(ClusterError::StartLockBusy { path, holder, waited: timeout });
            }
            thread::sleep(RETRY);
        }
        lock.sign()?;
        Ok(lock)
    }

    /// Shares the lock. It never waits long: the exclusive lock is only held by a holder of the start lock,
    /// and so must be our caller.
    pub(crate) fn share(&self) -> Result<(), ClusterError> {
        self.file.lock_shared().map_err(io_at("lock", &self.path))
    }

    /// Lets go of the lock, also for copies of the file that a child being started may still hold.
    pub(crate) fn release(&self) -> Result<(), ClusterError> {
        self.file.unlock().map_err(io_at("unlock", &self.path))
    }

    /// Takes the lock for ourselves alone, unless somebody else has it.
    pub(crate) fn try_exclusive(&self) -> Result<bool, ClusterError> {
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(io_at("lock", &self.path)(error)),
        }
    }

    /// Writes our process id into the file, for the error of whoever comes second.
    fn sign(&mut self) -> Result<(), ClusterError> {
        let signed = self.file.set_len(0).and_then(|()| self.file.rewind());
        let signed = signed.and_then(|()| writeln!(self.file, "{}", std::process::id()));
        signed.map_err(io_at("write", &self.path))
    }

    fn holder(&mut self) -> String {
        let mut text = String::new();
        let read = self.file.rewind().and_then(|()| (&self.file).take(32).read_to_string(&mut text));
        match (read, text.trim()) {
            (Ok(_), pid) if !pid.is_empty() => pid.to_owned(),
            _ => "unknown".to_owned(),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file lets go as well, unless a child being started holds a copy of it for a moment.
        if let Err(error) = self.release() {
            tracing::debug!(%error, "a lock was not released by hand");
        }
    }
}
