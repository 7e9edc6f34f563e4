//! The data dir: its paths, who owns what in it, and what must be true before Postgres may use it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown, lchown};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::account::Account;
use crate::error::{ClusterError, io_at};

/// The port that names the socket file; nothing listens on it.
pub(crate) const PORT: u16 = 5432;
/// The bound of the system on the path of a socket, bytes, without the closing zero.
const SOCKET_PATH_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// A prepared data dir: it exists, and the user who runs Postgres can enter it.
#[derive(Debug, Clone)]
pub(crate) struct DataDir {
    /// The folder, absolute and without symbolic links.
    pub(crate) path: PathBuf,
    /// Who runs Postgres, where that is not ourselves.
    pub(crate) account: Option<Account>,
}

/// Whether a cluster has ever been made in this data dir.
pub fn exists(data_dir: &Path) -> bool {
    data_dir.join("pgdata").exists()
}

impl DataDir {
    /// Creates the folder where it is missing and finds out who runs Postgres in it.
    ///
    /// As root the folder is given to that user when it is new, empty or already ours: a folder with other
    /// people's files in it keeps its owner, and only what we make inside changes hands.
    pub(crate) fn prepare(path: &Path) -> Result<Self, ClusterError> {
        let path = std::path::absolute(path).map_err(io_at("resolve", path))?;
        check_name(&path)?;
        let account = Account::for_cluster(&path.join("pgdata"))?;
        if let Some(account) = &account {
            let parent = path.ancestors().skip(1).find(|parent| parent.exists()).unwrap_or(Path::new("/"));
            let parent = fs::canonicalize(parent).map_err(io_at("resolve", parent))?;
            account.check_can_enter(&parent, &path)?;
        }
        create_folder(&path, 0o700)?;
        let path = fs::canonicalize(&path).map_err(io_at("resolve", &path))?;
        check_name(&path)?;
        if let Some(account) = &account {
            let metadata = fs::metadata(&path).map_err(io_at("look at", &path))?;
            if metadata.uid() != account.uid && is_ours(&path)? {
                lchown(&path, Some(account.uid), Some(account.gid)).map_err(io_at("give away", &path))?;
            }
            account.check_can_enter(&path, &path)?;
        }
        Ok(Self { path, account })
    }

    /// The cluster as Postgres knows it.
    pub(crate) fn pgdata(&self) -> PathBuf {
        self.path.join("pgdata")
    }

    /// Where Postgres writes what it has to say.
    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("postgres.log")
    }

    /// Opens a file of ours for reading and writing, created where missing, and never through a symbolic
    /// link: as root we work in a folder that another user can write to.
    pub(crate) fn open_file(&self, name: &str) -> Result<File, ClusterError> {
        let path = self.path.join(name);
        let mut open = OpenOptions::new();
        let nofollow = OFlags::NOFOLLOW.bits().cast_signed();
        open.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(nofollow);
        let file = open.open(&path).map_err(io_at("open", &path))?;
        self.give(&file).map_err(io_at("give away", &path))?;
        Ok(file)
    }

    /// Gives an open file of root's to the user who runs Postgres.
    pub(crate) fn give(&self, file: &File) -> io::Result<()> {
        match &self.account {
            Some(account) if file.metadata()?.uid() == 0 => {
                fchown(file, Some(account.uid), Some(account.gid))
            }
            _ => Ok(()),
        }
    }

    /// The folder for the socket, mode 0700: `socket` in the data dir, else one in the temp dir whose name is
    /// a digest of the data dir's path.
    pub(crate) fn socket_dir(&self, temp_dir: &Path) -> Result<PathBuf, ClusterError> {
        let short = format!("vitrine-{:016x}", fnv1a(self.path.as_os_str().as_bytes()));
        let choices = [self.path.join("socket"), temp_dir.join(&short), Path::new("/tmp").join(&short)];
        let Some(folder) = choices.iter().find(|folder| fits(folder)) else {
            let path = socket_file(&choices[2], PORT);
            return Err(ClusterError::SocketPathTooLong { path, max: SOCKET_PATH_MAX });
        };
        create_folder(folder, 0o700)?;
        let metadata = fs::symlink_metadata(folder).map_err(io_at("look at", folder))?;
        let owner = match &self.account {
            // Just created by us, or given to nobody yet by an earlier start that was cut short.
            Some(account) if metadata.is_dir() && metadata.uid() == 0 => {
                lchown(folder, Some(account.uid), Some(account.gid)).map_err(io_at("give away", folder))?;
                account.uid
            }
            Some(account) => account.uid,
            None => rustix::process::geteuid().as_raw(),
        };
        let metadata = fs::symlink_metadata(folder).map_err(io_at("look at", folder))?;
        // The temp dir is shared: somebody else may have taken the name, or point it elsewhere.
        if !metadata.is_dir() || metadata.uid() != owner {
            return Err(ClusterError::ForeignSocketDir { path: folder.clone() });
        }
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(io_at("protect", folder))?;
        if let Some(account) = &self.account {
            account.check_can_enter(folder, folder)?;
        }
        Ok(folder.clone())
    }
}

/// The socket that Postgres makes in a folder.
pub(crate) fn socket_file(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!(".s.PGSQL.{port}"))
}

fn fits(folder: &Path) -> bool {
    socket_file(folder, PORT).as_os_str().len() <= SOCKET_PATH_MAX
}

/// `pg_ctl` hands paths to a shell within double quotes, and a URL must hold them as text.
fn check_name(path: &Path) -> Result<(), ClusterError> {
    let reason = match path.to_str() {
        None => "its name is not UTF-8",
        Some(text) if text.contains(['"', '$', '`', '\\']) || text.contains(char::is_control) => {
            "its name holds a quote, a dollar, a backslash or a control character"
        }
        Some(_) => return Ok(()),
    };
    Err(ClusterError::UnusablePath { path: path.to_owned(), reason })
}

/// Creates a folder with its parents; only the folder itself gets the mode.
fn create_folder(path: &Path, mode: u32) -> Result<(), ClusterError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(io_at("create", parent))?;
    }
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        other => other.map_err(io_at("create", path)),
    }
}

/// Whether a folder holds nothing, or a cluster of ours.
fn is_ours(path: &Path) -> Result<bool, ClusterError> {
    if path.join("start.lock").exists() {
        return Ok(true);
    }
    let mut entries = fs::read_dir(path).map_err(io_at("read", path))?.flatten();
    Ok(entries.all(|entry| entry.file_name() == "lost+found"))
}

/// A digest that stays the same in every build (FNV-1a, 64 bits): a name, not a secret.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_digest_is_fnv1a() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn names_that_a_shell_would_read_are_refused() {
        for name in ["/a\"b", "/a$b", "/a`b", "/a\\b", "/a\nb"] {
            assert!(
                matches!(check_name(Path::new(name)), Err(ClusterError::UnusablePath { .. })),
                "{name:?}"
            );
        }
        check_name(Path::new("/a b,c'd/é")).unwrap();
    }

    #[test]
    fn a_socket_path_fits_to_the_byte() {
        let file = "/.s.PGSQL.5432".len();
        let folder = |bytes: usize| PathBuf::from(format!("/{}", "x".repeat(bytes - 1)));
        assert!(fits(&folder(SOCKET_PATH_MAX - file)));
        assert!(!fits(&folder(SOCKET_PATH_MAX - file + 1)));
    }

    #[test]
    fn a_foreign_socket_folder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let temp = dir.path().join("temp");
        fs::create_dir(&temp).unwrap();
        let long = dir.path().join("x".repeat(SOCKET_PATH_MAX));
        let data_dir = DataDir { path: long.clone(), account: None };
        let name = format!("vitrine-{:016x}", fnv1a(long.as_os_str().as_bytes()));
        std::os::unix::fs::symlink(dir.path(), temp.join(name)).unwrap();
        let error = data_dir.socket_dir(&temp).unwrap_err();
        assert!(matches!(error, ClusterError::ForeignSocketDir { .. }), "{error}");
    }
}
