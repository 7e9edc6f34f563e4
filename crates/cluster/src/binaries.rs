//! Postgres's own programs: where they are, and which version they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::account::Account;
use crate::download;
use crate::error::ClusterError;
use crate::options::ClusterOptions;

/// The oldest major version that Vitrine's schema runs on.
pub(crate) const OLDEST_MAJOR: u32 = 15;
/// What a folder must hold to be used.
const PROGRAMS: [&str; 3] = ["initdb", "postgres", "pg_ctl"];
/// Folders of one version each, as packages make them: parent, start of the name, rest of the path.
const PACKAGED: [(&str, &str, &str); 3] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
];

/// A folder with `initdb`, `postgres` and `pg_ctl` of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binaries {
    /// The folder.
    pub(crate) folder: PathBuf,
    /// The major version, as in 15.
    pub(crate) major: u32,
}

impl Binaries {
    /// Finds Postgres for a data dir, of the major version that its cluster needs where there is one, or
    /// downloads it where the options allow that.
    pub(crate) fn find(
        options: &ClusterOptions,
        data_dir: &Path,
        pgdata: &Path,
        wanted: Option<u32>,
        account: Option<&Account>,
    ) -> Result<Self, ClusterError> {
        let downloads = data_dir.join("postgres-bin");
        let candidates = candidates(options, &downloads)?;
        match choose(&candidates, wanted) {
            Some(binaries) => {
                if let Some(account) = account {
                    account.check_can_enter(&resolved(&binaries.folder), &binaries.folder)?;
                }
                Ok(binaries.clone())
            }
            None => match download::postgres(options, &downloads, wanted, account)? {
                Some(folder) => Self::probe(&folder)
                    .map_err(|reason| ClusterError::DownloadFailed { path: folder, reason }),
                None => Err(missing(options, &candidates, pgdata, wanted)),
            },
        }
    }

    /// The path of one of the programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Whether this build can compress with lz4: it is asked to, and to tell the value it would use.
    pub(crate) fn has_lz4(&self, pgdata: &Path) -> bool {
        let mut command = Command::new(self.program("postgres"));
        command.args([
            "-C",
            "wal_compression",
            "-c",
            "wal_compression=lz4",
            "-c",
            "config_file=/dev/null",
            "-D",
        ]);
        let output = command.arg(pgdata).stdin(Stdio::null()).output();
        output.is_ok_and(|output| output.status.success() && output.stdout.trim_ascii() == b"lz4")
    }

    /// Looks at one folder; the error says what is wrong with it, as in "it is FOLDER, …".
    fn probe(folder: &Path) -> Result<Self, String> {
        if let Some(missing) = PROGRAMS.iter().find(|name| !folder.join(name).is_file()) {
            return Err(format!("which holds no `{missing}`"));
        }
        let output = Command::new(folder.join("postgres")).arg("--version").stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("whose `postgres` does not run ({error})"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        match parse_major(&text) {
            Some(major) if major >= OLDEST_MAJOR => Ok(Self { folder: folder.to_owned(), major }),
            Some(major) => Err(format!("which holds Postgres {major}")),
            None => Err(format!("whose `postgres --version` says {:?}", text.trim())),
        }
    }
}

/// Where packages put Postgres, the highest version first in each place.
pub(crate) fn system_folders() -> Vec<PathBuf> {
    PACKAGED
        .into_iter()
        .flat_map(|(parent, prefix, rest)| {
            versioned_folders(Path::new(parent), prefix).into_iter().map(move |folder| folder.join(rest))
        })
        .collect()
}

/// The sub-folders whose name is `prefix` and then maybe a version, the highest version first.
fn versioned_folders(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut folders: Vec<(Vec<u32>, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = name.to_str()?.strip_prefix(prefix)?.trim_start_matches('@');
            let parts = version.split('.').map_while(|part| part.parse().ok()).collect();
            Some((parts, entry.path()))
        })
        .collect();
    folders.sort();
    folders.into_iter().rev().map(|(_, path)| path).collect()
}

/// All usable folders, in the order in which they are preferred. A `PG_BIN` that is not usable is an error.
fn candidates(options: &ClusterOptions, downloads: &Path) -> Result<Vec<Binaries>, ClusterError> {
    let mut found = Vec::new();
    if let Some(folder) = &options.pg_bin {
        let problem = |problem| ClusterError::PgBin { path: folder.clone(), problem };
        found.push(Binaries::probe(folder).map_err(problem)?);
    }
    let downloaded = versioned_folders(downloads, "").into_iter().map(|folder| folder.join("bin"));
    for folder in options.search.iter().cloned().chain(downloaded) {
        // A relative entry of PATH means another folder after a change of directory.
        if !folder.is_absolute() {
            continue;
        }
        match Binaries::probe(&folder) {
            Ok(binaries) => found.push(binaries),
            Err(problem) if folder.join("initdb").is_file() => {
                tracing::warn!(folder = %folder.display(), "passed over {}, {problem}", folder.display());
            }
            Err(_) => {}
        }
    }
    Ok(found)
}

fn choose(candidates: &[Binaries], wanted: Option<u32>) -> Option<&Binaries> {
    candidates.iter().find(|binaries| wanted.is_none_or(|wanted| binaries.major == wanted))
}

fn missing(
    options: &ClusterOptions,
    candidates: &[Binaries],
    pgdata: &Path,
    wanted: Option<u32>,
) -> ClusterError {
    if let Some(wanted) = wanted
        && !candidates.is_empty()
    {
        let mut found: Vec<String> = Vec::new();
        for binaries in candidates {
            let text = format!("{} ({})", binaries.major, binaries.folder.display());
            if !found.contains(&text) {
                found.push(text);
            }
        }
        return ClusterError::OtherMajor { path: pgdata.to_owned(), wanted, found: found.join(", ") };
    }
    let mut looked_in: Vec<String> = options.search.iter().map(|path| path.display().to_string()).collect();
    looked_in.extend(PACKAGED.map(|(parent, prefix, rest)| format!("{parent}/{prefix}*/{rest}")));
    looked_in.dedup();
    ClusterError::PostgresMissing { looked_in: looked_in.join(", ") }
}

/// Where the programs really are: Postgres itself follows symbolic links to find its libraries.
fn resolved(folder: &Path) -> PathBuf {
    let program = fs::canonicalize(folder.join("postgres")).unwrap_or_else(|_| folder.join("postgres"));
    program.parent().unwrap_or(folder).to_owned()
}

/// The major version out of `postgres (PostgreSQL) 15.13 (Debian …)`, also of `18beta1` and `19devel`.
fn parse_major(text: &str) -> Option<u32> {
    let version = text.split_once("(PostgreSQL)")?.1.trim_start();
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version.get(..digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::options::{Download, Environment};

    /// A folder with programs that only say their version.
    ///
    /// A shell writes them: while this process holds a program open for writing, a process that another test
    /// starts inherits it, and until that one has executed something else nobody can run the program.
    fn fake(parent: &Path, name: &str, version: &str) -> PathBuf {
        let folder = parent.join(name).join("bin");
        fs::create_dir_all(&folder).unwrap();
        let text = format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n");
        let script = "text=$1; shift; for path do printf %s \"$text\" > \"$path\" && chmod 755 \"$path\" || exit 1; done";
        let status = Command::new("sh")
            .args(["-c", script, "sh", &text])
            .args(PROGRAMS.map(|program| folder.join(program)))
            .status();
        assert!(status.unwrap().success());
        folder
    }

    fn options(data_dir: &Path, search: Vec<PathBuf>) -> ClusterOptions {
        let mut options = ClusterOptions::new(data_dir, &Environment::default());
        options.search = search;
        options.download = Download::Never;
        options
    }

    fn find(options: &ClusterOptions, wanted: Option<u32>) -> Result<Binaries, ClusterError> {
        Binaries::find(options, &options.data_dir, &options.data_dir.join("pgdata"), wanted, None)
    }

    #[test]
    fn versions_are_read() {
        assert_eq!(parse_major("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(parse_major("postgres (PostgreSQL) 19devel"), Some(19));
        assert_eq!(parse_major("postgres (PostgreSQL) 9.6.24"), Some(9));
        assert_eq!(parse_major("postgres (PostgreSQL) "), None);
        assert_eq!(parse_major("postgres 15.1"), None);
    }

    #[test]
    fn highest_version_first_by_number() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["postgresql@9.6", "postgresql@17", "postgresql", "postgresql@16", "redis"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let folders = versioned_folders(dir.path(), "postgresql");
        let names: Vec<_> = folders.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["postgresql@17", "postgresql@16", "postgresql@9.6", "postgresql"]);
    }

    #[test]
    fn old_and_incomplete_folders_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let incomplete = fake(dir.path(), "incomplete", "17.1");
        fs::remove_file(incomplete.join("pg_ctl")).unwrap();
        let old = fake(dir.path(), "old", "14.9");
        let new = fake(dir.path(), "new", "16.2");
        let found = find(&options(dir.path(), vec![incomplete, old, new.clone()]), None).unwrap();
        assert_eq!(found, Binaries { folder: new, major: 16 });
    }

    #[test]
    fn a_cluster_gets_the_programs_of_its_own_major_version() {
        let dir = tempfile::tempdir().unwrap();
        let mut options =
            options(dir.path(), vec![fake(dir.path(), "a", "17.1"), fake(dir.path(), "b", "15.2")]);
        assert_eq!(find(&options, None).unwrap().major, 17);
        assert_eq!(find(&options, Some(15)).unwrap().major, 15);
        options.pg_bin = Some(fake(dir.path(), "c", "18.0"));
        assert_eq!(find(&options, None).unwrap().major, 18);
        let error = find(&options, Some(16)).unwrap_err().to_string();
        assert!(error.contains("initialised by Postgres 16"), "{error}");
        assert!(error.contains("18 (") && error.contains("17 (") && error.contains("15 ("), "{error}");
    }

    #[test]
    fn a_previous_download_is_found_last() {
        let dir = tempfile::tempdir().unwrap();
        let downloaded = fake(&dir.path().join("postgres-bin"), "17.5.0", "17.5");
        assert_eq!(find(&options(dir.path(), vec![]), None).unwrap().folder, downloaded);
        let installed = fake(dir.path(), "installed", "16.2");
        assert_eq!(find(&options(dir.path(), vec![installed.clone()]), None).unwrap().folder, installed);
    }

    #[test]
    fn pg_bin_must_be_right() {
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(dir.path(), vec![fake(dir.path(), "fine", "17.1")]);
        options.pg_bin = Some(fake(dir.path(), "old", "14.9"));
        let error = find(&options, None).unwrap_err().to_string();
        assert!(error.contains("old/bin, which holds Postgres 14"), "{error}");
        options.pg_bin = Some(dir.path().join("nowhere"));
        let error = find(&options, None).unwrap_err().to_string();
        assert!(error.contains("nowhere, which holds no `initdb`"), "{error}");
    }

    #[test]
    fn a_missing_postgres_says_what_to_install() {
        let dir = tempfile::tempdir().unwrap();
        let error = find(&options(dir.path(), vec!["/opt/none".into()]), None).unwrap_err();
        assert!(matches!(error, ClusterError::PostgresMissing { .. }), "{error}");
        let text = error.to_string();
        for part in
            ["/opt/none", "apt-get install postgresql", "brew install postgresql@17", "--download-postgres"]
        {
            assert!(text.contains(part), "{text}");
        }
    }
}
