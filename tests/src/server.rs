//! The product as a process.

use std::io::{BufRead, BufReader, PipeReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::client::Client;
use crate::postgres::Database;

/// How long anything may take that is not about time.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// The `vitrine` command with its arguments and environment.
pub struct Vitrine(Command);

/// A running `vitrine serve` or `vitrine up`.
pub struct Server {
    child: Child,
    pub base: String,
    lines: Mutex<Receiver<String>>,
    seen: Vec<String>,
    /// Held open, for nobody to read.
    _unread: Option<PipeReader>,
}

/// A binary of this package, beside the running test's own.
pub fn sibling(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let candidates = [test.parent().unwrap().join(name), test.parent().unwrap().parent().unwrap().join(name)];
    candidates
        .into_iter()
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("{name} is built with the tests"))
}

/// Whether servers keep nothing, unless a test says what one keeps: every answer must be the same (`VITRINE_TEST_CACHES=off`).
const CACHES: &str = "VITRINE_TEST_CACHES";
const CACHES_OFF: [(&str, &str); 3] = [
    ("VITRINE_CACHE_BODY_BYTES_MAX", "0"),
    ("VITRINE_CACHE_PLACES_MAX", "0"),
    ("VITRINE_CACHE_PAGE_BYTES_MAX", "0"),
];

impl Vitrine {
    /// A command that knows nothing of the caller's own environment.
    pub fn new(arguments: &[&str]) -> Self {
        let mut command = Command::new(sibling("vitrine-under-test"));
        command.args(arguments).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let known = ["DATABASE_URL", "RUST_LOG", "UPSTREAM_RPC_URL"].iter().any(|known| name == *known);
            if known || name.to_string_lossy().starts_with("VITRINE_") {
                command.env_remove(name);
            }
        }
        match std::env::var(CACHES).as_deref() {
            Ok("off") => _ = command.envs(CACHES_OFF),
            Ok(other) => panic!("{CACHES} is off or not set, and not {other}"),
            Err(_) => {}
        }
        Self(command)
    }

    #[must_use]
    pub fn on(self, database: &Database) -> Self {
        self.env("DATABASE_URL", &database.url())
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.0.arg(argument);
        self
    }

    /// Runs to the end.
    pub fn output(mut self) -> Output {
        self.0.output().unwrap()
    }

    /// Runs to the end with something to read on stdin.
    pub fn output_with(mut self, input: &[u8]) -> Output {
        let mut child =
            self.0.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writing = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().unwrap();
        let _ = writing.join();
        output
    }

    /// Starts it, without waiting for anything.
    pub fn spawn(mut self) -> Child {
        self.0.spawn().unwrap()
    }

    /// Starts it with pipes to write to and to read from.
    pub fn piped(mut self) -> Child {
        self.0.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Starts a server and waits until it says where it listens.
    pub fn serve(mut self) -> Server {
        let mut child = self.0.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let readers: [Box<dyn BufRead + Send>; 2] =
            [Box::new(BufReader::new(stdout)), Box::new(BufReader::new(stderr))];
        for reader in readers {
            let sender = sender.clone();
            std::thread::spawn(move || {
                reader.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
            });
        }
        let mut server =
            Server { child, base: String::new(), lines: Mutex::new(lines), seen: Vec::new(), _unread: None };
        let line = server.wait_for("serv", |line| line.contains("http://")).unwrap_or_else(|| {
            panic!("the server did not start: {}", server.seen.join("\n"));
        });
        server.base = address(&line);
        server
    }

    /// Starts a server whose stdout and stderr are one pipe that nobody reads any more once it has said where it listens, but
    /// that nobody closes either.
    pub fn serve_unread(mut self) -> Server {
        let (output, input) = std::io::pipe().unwrap();
        let child = self.0.stdout(input.try_clone().unwrap()).stderr(input).spawn().unwrap();
        // The command holds the pipe's other end.
        drop(self);
        let base = BufReader::new(&output)
            .lines()
            .map_while(Result::ok)
            .find(|line| line.contains("serving http://"))
            .map(|line| address(&line))
            .expect("the server starts");
        // No line will come.
        let (_, lines) = channel();
        Server { child, base, lines: Mutex::new(lines), seen: Vec::new(), _unread: Some(output) }
    }
}

/// The address in a line.
fn address(line: &str) -> String {
    let start = line.find("http://").unwrap();
    // In JSON a quote follows.
    let address = line[start..].split(|c: char| c.is_whitespace() || c == '"').next().unwrap();
    address.trim_end_matches('/').to_owned()
}

impl Server {
    /// `vitrine serve` on a free port.
    pub fn start(database: &Database, settings: &[(&str, &str)]) -> Self {
        settings
            .iter()
            .fold(
                Vitrine::new(&["serve", "--listen", "127.0.0.1:0"]).on(database),
                |vitrine, (name, value)| vitrine.env(name, value),
            )
            .serve()
    }

    pub fn client(&self) -> Client {
        Client::new(&self.base)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line of output that has this text and passes, within the patience of a test.
    pub fn wait_for(&mut self, text: &str, passes: impl Fn(&str) -> bool) -> Option<String> {
        let end = Instant::now() + PATIENCE;
        while let Ok(line) =
            self.lines.get_mut().unwrap().recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            self.seen.push(line.clone());
            if line.contains(text) && passes(&line) {
                return Some(line);
            }
        }
        None
    }

    /// All output up to now.
    pub fn output(&mut self) -> String {
        self.seen.extend(self.lines.get_mut().unwrap().try_iter());
        self.seen.join("\n")
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end.
    pub fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the server does not end: {}", self.output());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// SIGTERM and the end.
    pub fn stop(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
