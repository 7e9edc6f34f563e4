//! The user who runs Postgres: ourselves, or an unprivileged one where we are root.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{ClusterError, io_at};

/// Who runs Postgres when we are root, the first that exists.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// A user of this machine that is not root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// Its name, or the number where it has none.
    pub(crate) name: String,
    /// User id.
    pub(crate) uid: u32,
    /// Primary group id; other groups are dropped with root's rights.
    pub(crate) gid: u32,
}

impl Account {
    /// Who is to run Postgres on this cluster folder: `None` for ourselves, where we are not root.
    ///
    /// A cluster that exists keeps its owner, so that root can use one that another user made, and one
    /// made as `nobody` before a user `postgres` was there.
    pub(crate) fn for_cluster(pgdata: &Path) -> Result<Option<Self>, ClusterError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        if let Ok(metadata) = fs::metadata(pgdata)
            && metadata.uid() != 0
        {
            let (uid, gid) = (metadata.uid(), metadata.gid());
            return Ok(Some(Self { name: user_name(uid), uid, gid }));
        }
        let account = UNPRIVILEGED.into_iter().find_map(lookup);
        account.map(Some).ok_or(ClusterError::NoUnprivilegedUser)
    }

    /// Makes the command run as this user.
    pub(crate) fn apply(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Refuses a path with a folder on its way (itself included) that this user has no permission to search,
    /// and names that folder.
    pub(crate) fn check_can_enter(&self, path: &Path, wanted: &Path) -> Result<(), ClusterError> {
        let mut folders: Vec<&Path> = path.ancestors().collect();
        folders.reverse();
        for folder in folders {
            let metadata = fs::metadata(folder).map_err(io_at("look at", folder))?;
            if metadata.is_dir() && !self.may_search(metadata.uid(), metadata.gid(), metadata.mode()) {
                let (folder, path) = (PathBuf::from(folder), PathBuf::from(wanted));
                return Err(ClusterError::NotEnterable { folder, path, user: self.name.clone() });
            }
        }
        Ok(())
    }

    /// The classic rule: the first class that applies decides, even where a later one allows more.
    fn may_search(&self, uid: u32, gid: u32, mode: u32) -> bool {
        let bit = if uid == self.uid {
            0o100
        } else if gid == self.gid {
            0o010
        } else {
            0o001
        };
        mode & bit != 0
    }
}

/// Looks a user up in `/etc/passwd`, else through the system's other user databases.
fn lookup(name: &str) -> Option<Account> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    find_in_passwd(&passwd, |account| account.name == name).or_else(|| {
        let output = Command::new("getent").args(["passwd", name]).output().ok()?;
        find_in_passwd(&String::from_utf8_lossy(&output.stdout), |account| account.name == name)
    })
}

fn user_name(uid: u32) -> String {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    find_in_passwd(&passwd, |account| account.uid == uid)
        .map_or_else(|| uid.to_string(), |account| account.name)
}

/// The first line of a passwd file that is wanted; lines that are not users, and root by any name, are passed
/// over.
fn find_in_passwd(passwd: &str, wanted: impl Fn(&Account) -> bool) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let uid = parse_id(fields.nth(1)?)?;
        let gid = parse_id(fields.next()?)?;
        let account = Account { name, uid, gid };
        (account.uid != 0 && wanted(&account)).then_some(account)
    })
}

/// macOS writes the ids of `nobody` as -2.
fn parse_id(text: &str) -> Option<u32> {
    text.parse::<u32>().ok().or_else(|| text.parse::<i32>().ok().map(i32::cast_unsigned))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n# a comment\nbroken:x:y:z\ntoor:x:0:0::/:/bin/sh\n\
        nobody:*:-2:-2:Unprivileged User:/var/empty:/usr/bin/false\npostgres:x:101:104:,,,:/x:/bin/bash\n";

    #[test]
    fn passwd_lines_are_read() {
        let find = |name: &str| find_in_passwd(PASSWD, |account| account.name == name);
        let postgres = Account { name: "postgres".into(), uid: 101, gid: 104 };
        assert_eq!(find("postgres"), Some(postgres));
        assert_eq!(find("nobody").map(|account| account.uid), Some(u32::MAX - 1));
        assert_eq!(find("toor"), None, "root under another name is still root");
        assert_eq!(find("broken"), None);
    }

    #[test]
    fn the_first_class_that_applies_decides() {
        let account = Account { name: "a".into(), uid: 5, gid: 6 };
        assert!(account.may_search(5, 0, 0o700));
        assert!(!account.may_search(5, 6, 0o677));
        assert!(account.may_search(0, 6, 0o710));
        assert!(!account.may_search(0, 6, 0o701));
        assert!(account.may_search(0, 0, 0o711));
        assert!(!account.may_search(0, 0, 0o770));
    }
}
