//! Making, starting and stopping a cluster with Postgres's own programs.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::binaries::Binaries;
use crate::data_dir::DataDir;
use crate::error::{ClusterError, io_at};
use crate::options::ClusterOptions;
use crate::postmaster::{self, Postmaster, State};
use crate::settings;

/// The superuser of every private cluster.
pub(crate) const USER: &str = "vitrine";
/// The start of the names of folders in which `initdb` works.
const INIT_PREFIX: &str = "pgdata.init-";
/// A log larger than this is set aside at the next start, bytes.
const LOG_MAX_BYTES: u64 = 16 << 20;
/// How much of the end of the log an error carries: lines, and the bytes that are read for them.
const TAIL_LINES: usize = 20;
const TAIL_BYTES: u64 = 16 << 10;
/// How often a server that is starting or stopping is looked at.
const POLL: Duration = Duration::from_millis(50);
/// Postgres refuses to start with this while processes of a killed server are still ending.
const ORPHANS_MESSAGE: &str = "pre-existing shared memory block";
/// Variables that would change what Postgres's programs do.
const PG_VARIABLES: [&str; 8] =
    ["PGDATA", "PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGOPTIONS", "PGTZ", "PGDATESTYLE"];

/// The major version that an existing cluster needs; `None` where there is no cluster yet.
pub(crate) fn cluster_major(pgdata: &Path) -> Result<Option<u32>, ClusterError> {
    let not_a_cluster = || ClusterError::NotACluster { path: pgdata.to_owned() };
    match fs::read_to_string(pgdata.join("PG_VERSION")) {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| not_a_cluster()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::read_dir(pgdata) {
            Ok(mut entries) => entries.next().map_or(Ok(None), |_| Err(not_a_cluster())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_at("read", pgdata)(error)),
        },
        Err(error) => Err(io_at("read", pgdata.join("PG_VERSION"))(error)),
    }
}

/// Makes a new cluster: in a folder beside `pgdata`, renamed into place when it is whole.
pub(crate) fn init(data_dir: &DataDir, binaries: &Binaries) -> Result<(), ClusterError> {
    let pgdata = data_dir.pgdata();
    remove_unfinished(&data_dir.path)?;
    let work = data_dir.path.join(format!("{INIT_PREFIX}{}", std::process::id()));
    DirBuilder::new().mode(0o700).create(&work).map_err(io_at("create", &work))?;
    if let Some(account) = &data_dir.account {
        lchown(&work, Some(account.uid), Some(account.gid)).map_err(io_at("give away", &work))?;
    }
    tracing::info!(path = %pgdata.display(), major = binaries.major, "making a Postgres cluster in {}", pgdata.display());
    let mut command = command(data_dir, binaries, "initdb");
    // Trust is safe here: only the owner of the socket's folder, and root, can reach the server at all.
    command.args(["-A", "trust", "-U", USER, "--encoding=UTF8", "--locale=C", "-D"]).arg(&work);
    let output = run(&mut command)?;
    if !output.status.success() {
        let output = said(&output);
        fs::remove_dir_all(&work).map_err(io_at("remove", &work))?;
        return Err(ClusterError::InitdbFailed { path: pgdata, output });
    }
    let conf = work.join("postgresql.conf");
    let include = || -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).open(&conf)?;
        writeln!(file, "\ninclude_if_exists = '{}'", settings::FILE)?;
        file.sync_all()
    };
    include().map_err(io_at("write", &conf))?;
    fs::rename(&work, &pgdata).map_err(io_at("rename into place", &pgdata))?;
    File::open(&data_dir.path).and_then(|folder| folder.sync_all()).map_err(io_at("sync", &data_dir.path))
}

/// Waits while a server is starting or stopping: the server that is ready then, or `None` when none runs.
pub(crate) fn settle(
    data_dir: &DataDir,
    pgdata: &Path,
    timeout: Duration,
) -> Result<Option<Postmaster>, ClusterError> {
    let deadline = Instant::now() + timeout;
    loop {
        let busy = match postmaster::inspect(pgdata)? {
            State::Ready(postmaster) => return Ok(Some(postmaster)),
            State::Absent => return Ok(None),
            State::Stale if !postmaster::has_orphans(pgdata) => {
                // Postgres would take the process that has the id now for a running server.
                let path = pgdata.join("postmaster.pid");
                tracing::warn!(path = %path.display(), "removing {}, which names no server", path.display());
                fs::remove_file(&path).map_err(io_at("remove", &path))?;
                return Ok(None);
            }
            State::Stale => 0,
            State::Busy(pid) => pid,
        };
        if Instant::now() >= deadline {
            let (path, log) = (pgdata.to_owned(), data_dir.log());
            let log_tail = log_tail(&log, 0);
            return Err(ClusterError::Unresponsive { path, pid: busy, waited: timeout, log, log_tail });
        }
        thread::sleep(POLL);
    }
}

/// Starts the server, crash recovery included, and waits until it is ready.
pub(crate) fn start(
    data_dir: &DataDir,
    pgdata: &Path,
    binaries: &Binaries,
    options: &ClusterOptions,
) -> Result<Postmaster, ClusterError> {
    let socket_dir = data_dir.socket_dir(&options.temp_dir)?;
    remove_sockets(&socket_dir)?;
    write_settings(data_dir, pgdata, binaries, &socket_dir, options)?;
    let log = data_dir.log();
    rotate_log(&log)?;
    let log_start = data_dir.open_file("postgres.log")?.metadata().map_err(io_at("read", &log))?.len();

    let deadline = Instant::now() + options.start_timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut command = command(data_dir, binaries, "pg_ctl");
        command.args(["start", "-s", "-w", "-t", &whole_seconds(left), "-D"]).arg(pgdata).arg("-l").arg(&log);
        let output = run(&mut command)?;
        if output.status.success()
            && let State::Ready(postmaster) = postmaster::inspect(pgdata)?
        {
            return Ok(postmaster);
        }
        let log_tail = log_tail(&log, log_start);
        if !log_tail.contains(ORPHANS_MESSAGE) || Instant::now() >= deadline {
            let path = pgdata.to_owned();
            return Err(ClusterError::StartFailed { path, output: said(&output), log, log_tail });
        }
        thread::sleep(POLL);
    }
}

/// Stops the server: open connections are cut, what they had not committed is rolled back. A server that is not
/// there is stopped.
pub(crate) fn stop(
    data_dir: &DataDir,
    pgdata: &Path,
    binaries: &Binaries,
    timeout: Duration,
) -> Result<(), ClusterError> {
    if !matches!(postmaster::inspect(pgdata)?, State::Ready(_) | State::Busy(_)) {
        return Ok(());
    }
    let mut command = command(data_dir, binaries, "pg_ctl");
    command.args(["stop", "-s", "-w", "-m", "fast", "-t", &whole_seconds(timeout), "-D"]).arg(pgdata);
    // A second Ctrl-C must not reach the program that waits for the end.
    command.process_group(0);
    let output = run(&mut command)?;
    let state = postmaster::inspect(pgdata)?;
    if output.status.success() || matches!(state, State::Absent | State::Stale) {
        return Ok(());
    }
    let (path, log) = (pgdata.to_owned(), data_dir.log());
    let log_tail = log_tail(&log, 0);
    Err(ClusterError::StopFailed { path, output: said(&output), log, log_tail })
}

/// One of Postgres's programs, run by the cluster's user, in a folder that this user can enter, and with messages
/// in English.
fn command(data_dir: &DataDir, binaries: &Binaries, program: &str) -> Command {
    let mut command = Command::new(binaries.program(program));
    // A group of its own: a terminal's Ctrl-C is for whoever asked for this, not for what runs half way.
    command.current_dir(&data_dir.path).stdin(Stdio::null()).env("LC_ALL", "C").process_group(0);
    for variable in PG_VARIABLES {
        command.env_remove(variable);
    }
    if let Some(account) = &data_dir.account {
        account.apply(&mut command);
    }
    command
}

fn run(command: &mut Command) -> Result<Output, ClusterError> {
    let program = command.get_program().to_owned();
    command.output().map_err(io_at("run", program))
}

/// What a program said, errors first, on one line.
fn said(output: &Output) -> String {
    let text = [&output.stderr, &output.stdout].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let lines: Vec<&str> = text.iter().flat_map(|text| text.lines()).map(str::trim).collect();
    let text = lines.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    if text.is_empty() { output.status.to_string() } else { text }
}

/// `pg_ctl` counts in seconds and takes none for no wait at all.
fn whole_seconds(timeout: Duration) -> String {
    timeout.as_secs().max(1).to_string()
}

/// Removes what an `initdb` that was killed left behind. Our caller holds the start lock: none is running.
fn remove_unfinished(data_dir: &Path) -> Result<(), ClusterError> {
    for entry in fs::read_dir(data_dir).map_err(io_at("read", data_dir))?.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(INIT_PREFIX.as_bytes()) {
            fs::remove_dir_all(entry.path()).map_err(io_at("remove", entry.path()))?;
        }
    }
    Ok(())
}

/// Removes sockets, and their lock files, that a killed server left: Postgres would refuse to start over a lock
/// file whose process id was used again. Our caller knows that no server runs.
fn remove_sockets(socket_dir: &Path) -> Result<(), ClusterError> {
    for entry in fs::read_dir(socket_dir).map_err(io_at("read", socket_dir))?.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(b".s.PGSQL.") {
            fs::remove_file(entry.path()).map_err(io_at("remove", entry.path()))?;
        }
    }
    Ok(())
}

fn write_settings(
    data_dir: &DataDir,
    pgdata: &Path,
    binaries: &Binaries,
    socket_dir: &Path,
    options: &ClusterOptions,
) -> Result<(), ClusterError> {
    let text =
        settings::render(settings::memory_mib(), binaries.has_lz4(pgdata), socket_dir, &options.settings)?;
    let path = pgdata.join(settings::FILE);
    let write = || -> io::Result<()> {
        // A new file renamed into place: a crash leaves the old settings or the new ones.
        let mut file = tempfile::NamedTempFile::new_in(pgdata)?;
        file.write_all(text.as_bytes())?;
        data_dir.give(file.as_file())?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        Ok(())
    };
    write().map_err(io_at("write", &path))
}

/// Sets a large log aside; the one set aside before is lost.
fn rotate_log(log: &Path) -> Result<(), ClusterError> {
    match fs::symlink_metadata(log) {
        Ok(metadata) if metadata.len() > LOG_MAX_BYTES => {
            fs::rename(log, log.with_extension("log.1")).map_err(io_at("set aside", log))
        }
        _ => Ok(()),
    }
}

/// The last lines of the log after a position, as far as they can be read.
fn log_tail(log: &Path, after: u64) -> String {
    let read = || -> io::Result<String> {
        let mut file = File::open(log)?;
        let from = file.metadata()?.len().saturating_sub(TAIL_BYTES).max(after);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_tail_is_the_last_lines_after_a_position() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        assert_eq!(log_tail(&log, 0), "");
        let lines: Vec<String> = (0..100).map(|n| format!("line {n}")).collect();
        fs::write(&log, lines.join("\n")).unwrap();
        assert_eq!(log_tail(&log, 0), lines[80..].join("\n"));
        let after = lines[..95].join("\n").len() + 1;
        assert_eq!(log_tail(&log, after as u64), lines[95..].join("\n"));
    }

    #[test]
    fn a_folder_with_other_things_is_no_cluster() {
        let dir = tempfile::tempdir().unwrap();
        let pgdata = dir.path().join("pgdata");
        assert_eq!(cluster_major(&pgdata).unwrap(), None);
        fs::create_dir(&pgdata).unwrap();
        assert_eq!(cluster_major(&pgdata).unwrap(), None);
        fs::write(pgdata.join("letter.txt"), "dear").unwrap();
        assert!(matches!(cluster_major(&pgdata), Err(ClusterError::NotACluster { .. })));
        fs::write(pgdata.join("PG_VERSION"), "16\n").unwrap();
        assert_eq!(cluster_major(&pgdata).unwrap(), Some(16));
        fs::write(pgdata.join("PG_VERSION"), "x").unwrap();
        assert!(matches!(cluster_major(&pgdata), Err(ClusterError::NotACluster { .. })));
    }

    #[test]
    fn a_large_log_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("postgres.log");
        let file = File::create(&log).unwrap();
        file.set_len(LOG_MAX_BYTES).unwrap();
        rotate_log(&log).unwrap();
        assert!(log.exists());
        file.set_len(LOG_MAX_BYTES + 1).unwrap();
        rotate_log(&log).unwrap();
        assert!(!log.exists() && dir.path().join("postgres.log.1").exists());
    }
}
