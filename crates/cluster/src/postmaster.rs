//! Whether a Postgres runs on a cluster: its pid file, its process, its socket.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, test_kill_process};

use crate::data_dir::socket_file;
use crate::error::{ClusterError, io_at};

/// The bound on one answer of a server that is ready.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// The message that asks a Postgres whether it speaks TLS: its length, and the code 80877103. It is answered
/// with one byte before any log-in, so that it tells a live server from a socket that is left over.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// A server that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Postmaster {
    /// Its process id.
    pub(crate) pid: u32,
    /// The port that names its socket.
    pub(crate) port: u16,
    /// The folder of its socket.
    pub(crate) socket_dir: PathBuf,
}

/// What runs on a cluster.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing; Postgres itself clears away what a dead server left.
    Absent,
    /// Nothing, but the pid file names a process that is not a server of this cluster: the id was used again.
    Stale,
    /// A server that is starting, recovering, stopping or not answering.
    Busy(u32),
    /// A server that answers.
    Ready(Postmaster),
}

/// The lines of `postmaster.pid`; a server that is starting has not written all of them.
#[derive(Debug, Default, PartialEq, Eq)]
struct PidFile {
    pid: u32,
    port: Option<u16>,
    socket_dir: Option<PathBuf>,
    ready: bool,
}

/// Looks at what runs on a cluster.
pub(crate) fn inspect(pgdata: &Path) -> Result<State, ClusterError> {
    let path = pgdata.join("postmaster.pid");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::Absent),
        Err(error) => return Err(io_at("read", path)(error)),
    };
    // A file without a process id was cut short by a crash; Postgres names it in its log and will not start.
    let Some(file) = parse_pid_file(&text) else {
        return Ok(State::Stale);
    };
    if !is_alive(file.pid) {
        return Ok(State::Absent);
    }
    if !works_in(file.pid, pgdata) {
        return Ok(State::Stale);
    }
    match file {
        PidFile { pid, port: Some(port), socket_dir: Some(socket_dir), ready: true }
            if answers(&socket_file(&socket_dir, port)) =>
        {
            Ok(State::Ready(Postmaster { pid, port, socket_dir }))
        }
        PidFile { pid, .. } => Ok(State::Busy(pid)),
    }
}

/// Whether any process of a server that died still works in this cluster; known on Linux only, elsewhere
/// Postgres's own check of its shared memory stands alone.
pub(crate) fn has_orphans(pgdata: &Path) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .any(|pid| works_in_by_proc(pid, pgdata))
}

fn parse_pid_file(text: &str) -> Option<PidFile> {
    let mut lines = text.lines();
    let pid = lines.next()?.trim().parse().ok().filter(|pid| *pid > 0)?;
    let mut lines = lines.skip(2);
    let port = lines.next().and_then(|line| line.trim().parse().ok());
    let socket_dir = lines.next().filter(|line| line.starts_with('/')).map(PathBuf::from);
    let ready = lines.nth(2).is_some_and(|line| line.trim() == "ready");
    Some(PidFile { pid, port, socket_dir, ready })
}

fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    // Another user's process is alive as well; whether it is a Postgres of ours is the next question.
    pid.is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// Whether a process is a server of this cluster.
fn works_in(pid: u32, pgdata: &Path) -> bool {
    if Path::new("/proc/self/cwd").exists() {
        return works_in_by_proc(pid, pgdata);
    }
    let output = Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("postgres"))
}

/// Every Postgres works in its cluster's folder. A dead process that nobody waited for has no folder any more.
fn works_in_by_proc(pid: u32, pgdata: &Path) -> bool {
    match fs::read_link(format!("/proc/{pid}/cwd")) {
        Ok(cwd) => cwd == pgdata,
        // Root in a container may not look (it lacks CAP_SYS_PTRACE): then any Postgres counts, because to
        // take a live server for a dead one would cost the data, and the other mistake only a message.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| is_postgres(&name))
        }
        Err(_) => false,
    }
}

fn is_postgres(name: &str) -> bool {
    matches!(name.trim(), "postgres" | "postmaster")
}

/// Whether a live server is behind this socket.
fn answers(socket: &Path) -> bool {
    let ask = || -> io::Result<()> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PING_TIMEOUT))?;
        stream.set_write_timeout(Some(PING_TIMEOUT))?;
        stream.write_all(&SSL_REQUEST)?;
        stream.read_exact(&mut [0])
    };
    ask().is_ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn pid_files_are_read_at_any_stage() {
        let whole = "42\n/d/pgdata\n1700000000\n5432\n/d/socket\n\n  1234  5\nready   \n";
        let file = parse_pid_file(whole).unwrap();
        let expected =
            PidFile { pid: 42, port: Some(5432), socket_dir: Some("/d/socket".into()), ready: true };
        assert_eq!(file, expected);
        assert!(!parse_pid_file(&whole.replace("ready   ", "starting")).unwrap().ready);
        assert_eq!(
            parse_pid_file("42\n/d\n17\n5432\n"),
            Some(PidFile { pid: 42, port: Some(5432), ..PidFile::default() })
        );
        assert_eq!(parse_pid_file(""), None);
        assert_eq!(parse_pid_file("-42\n"), None);
        assert_eq!(parse_pid_file("0\n"), None);
    }

    #[test]
    fn a_pid_that_was_used_again_is_stale() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(inspect(dir.path()).unwrap(), State::Absent);
        let write = |pid: u32| fs::write(dir.path().join("postmaster.pid"), format!("{pid}\n")).unwrap();
        write(std::process::id());
        assert_eq!(inspect(dir.path()).unwrap(), State::Stale);
        // Above the largest process id that Linux and macOS give out.
        write(4_194_305);
        assert_eq!(inspect(dir.path()).unwrap(), State::Absent);
        assert!(!has_orphans(dir.path()));
    }

    #[test]
    fn a_left_over_socket_does_not_answer() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("s");
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        assert!(socket.exists());
        assert!(!answers(&socket));
    }
}
