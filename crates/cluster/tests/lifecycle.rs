//! The life of a private cluster, with the Postgres of this machine.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, getsid, kill_process, test_kill_process};
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;
use vitrine_cluster::{Closed, Cluster, ClusterError, ClusterOptions, Download, Environment, ServeLock};

/// Names the data dir for the process that [`spawn_holder`] starts.
const HOLDER: &str = "VITRINE_CLUSTER_TEST_HOLDER";

/// A folder that the user who runs Postgres can enter, also when the tests run as root.
fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

fn options(data_dir: &Path) -> ClusterOptions {
    let mut options = ClusterOptions::from_env(data_dir);
    options.download = Download::Never;
    options.settings = vec![("fsync".into(), "off".into())];
    options
}

fn pid(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed()).unwrap()
}

/// Whether a process runs; one that is dead and not waited for does not.
fn runs(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"));
    let zombie = stat.is_ok_and(|stat| stat.rsplit(')').next().unwrap().trim_start().starts_with('Z'));
    test_kill_process(pid(process)).is_ok() && !zombie
}

/// Connects with what the server's own client code uses.
fn connect(url: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
        let mut connection = options.connect().await.unwrap();
        connection.ping().await.unwrap();
        connection.close().await.unwrap();
    });
}

/// Another process that has the cluster open until it is killed.
fn spawn_holder(data_dir: &Path) -> (Child, u32) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "holder"])
        .env(HOLDER, data_dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let postmaster = lines
        .map(|line| line.unwrap())
        .find_map(|line| line.split_once("holder: ").map(|(_, pid)| pid.parse().unwrap()));
    (child, postmaster.unwrap())
}

/// The other process of the tests that need one; in any other run there is nothing to do.
#[test]
fn holder() {
    let Some(data_dir) = std::env::var_os(HOLDER) else {
        return;
    };
    let cluster = Cluster::open(&options(Path::new(&data_dir))).unwrap();
    println!("holder: {}", cluster.pid());
    std::thread::sleep(Duration::from_mins(1));
}

#[test]
fn starts_connects_stops_and_starts_again_within_two_seconds() {
    let dir = folder();
    let data_dir = dir.path().join("data, it's here");
    let first = Cluster::open(&options(&data_dir)).unwrap();
    assert!(!first.adopted());
    assert_eq!((first.user(), first.database(), first.port()), ("vitrine", "postgres", 5432));
    connect(&first.url());
    let process = first.pid();
    assert!(runs(process));

    // A Ctrl-C goes to the foreground process group of the terminal's session: Postgres leads one of its own.
    // (Ours is not asked for: its leader may live outside of a container, and then has no id here.)
    assert_eq!(getsid(Some(pid(process))).unwrap(), pid(process));

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(first.socket_dir()), 0o700);
    assert_eq!(mode(&data_dir.join("pgdata")), 0o700);
    let owner = fs::metadata(data_dir.join("pgdata")).unwrap().uid();
    // Postgres refuses to run as root, so that root's cluster belongs to somebody else.
    assert_eq!(owner == geteuid().as_raw(), !geteuid().is_root(), "owner {owner}");
    assert_eq!(fs::metadata(&data_dir).unwrap().uid(), owner);

    assert_eq!(first.close().unwrap(), Closed::Stopped);
    assert!(!runs(process));
    assert!(!data_dir.join("pgdata/postmaster.pid").exists());

    let begin = Instant::now();
    let second = Cluster::open(&options(&data_dir)).unwrap();
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(!second.adopted());
    connect(&second.url());
    let process = second.pid();
    drop(second);
    assert!(!runs(process), "a drop stops it as well");
}

#[test]
fn libpq_reads_the_url() {
    let dir = folder();
    let cluster = Cluster::open(&options(&dir.path().join("d"))).unwrap();
    let ready = Command::new(cluster.bin_dir().join("pg_isready")).args(["-d", &cluster.url()]).output();
    match ready {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        // Some packages of the server leave the client's programs out.
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
    }
    assert_eq!(cluster.close().unwrap(), Closed::Stopped);
}

#[test]
fn adopts_what_a_killed_process_left_behind() {
    let dir = folder();
    let data_dir = dir.path().join("d");
    let (mut holder, postmaster) = spawn_holder(&data_dir);
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(runs(postmaster));

    let cluster = Cluster::open(&options(&data_dir)).unwrap();
    assert!(cluster.adopted());
    assert_eq!(cluster.pid(), postmaster);
    connect(&cluster.url());
    assert_eq!(cluster.close().unwrap(), Closed::Stopped);
    assert!(!runs(postmaster));
}

#[test]
fn recovers_after_the_postmaster_was_killed() {
    let dir = folder();
    let data_dir = dir.path().join("d");
    let first = Cluster::open(&options(&data_dir)).unwrap();
    let (killed, socket_dir) = (first.pid(), first.socket_dir().to_owned());
    kill_process(pid(killed), Signal::KILL).unwrap();
    // At once: its children are still ending, its pid file and its socket are there.
    let second = Cluster::open(&options(&data_dir)).unwrap();
    assert!(!second.adopted());
    assert_ne!(second.pid(), killed);
    assert_eq!(second.socket_dir(), socket_dir);
    connect(&second.url());
    assert_eq!(first.close().unwrap(), Closed::LeftRunning);
    connect(&second.url());
    assert_eq!(second.close().unwrap(), Closed::Stopped);
}

#[test]
fn starts_over_a_pid_file_whose_id_was_used_again() {
    let dir = folder();
    let data_dir = dir.path().join("d");
    Cluster::open(&options(&data_dir)).unwrap().close().unwrap();
    let mut other = Command::new("sleep").arg("60").spawn().unwrap();
    let pid_file = data_dir.join("pgdata/postmaster.pid");
    fs::write(&pid_file, format!("{}\n{}\n1\n5432\n", other.id(), data_dir.display())).unwrap();
    fs::write(data_dir.join("socket/.s.PGSQL.5432.lock"), format!("{}\n", other.id())).unwrap();
    let cluster = Cluster::open(&options(&data_dir)).unwrap();
    assert!(!cluster.adopted());
    connect(&cluster.url());
    assert_eq!(cluster.close().unwrap(), Closed::Stopped);
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn the_last_user_stops_it_whoever_started_it() {
    let dir = folder();
    let data_dir = dir.path().join("d");
    let (mut holder, postmaster) = spawn_holder(&data_dir);
    let second = Cluster::open(&options(&data_dir)).unwrap();
    let third = Cluster::open(&options(&data_dir)).unwrap();
    assert!(second.adopted() && third.adopted());
    assert_eq!(second.close().unwrap(), Closed::LeftRunning);
    connect(&third.url());
    holder.kill().unwrap();
    holder.wait().unwrap();
    connect(&third.url());
    assert_eq!(third.close().unwrap(), Closed::Stopped);
    assert!(!runs(postmaster));
}

#[test]
fn many_openers_at_once_share_one_server() {
    let dir = folder();
    let data_dir = dir.path().join("d");
    let barrier = std::sync::Barrier::new(4);
    let stopped = std::thread::scope(|scope| {
        let open = || {
            let cluster = Cluster::open(&options(&data_dir)).unwrap();
            barrier.wait();
            let pid = cluster.pid();
            connect(&cluster.url());
            (pid, cluster.close().unwrap())
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
        let done: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(done.iter().all(|(pid, _)| *pid == done[0].0), "{done:?}");
        done.iter().filter(|(_, closed)| *closed == Closed::Stopped).count()
    });
    assert_eq!(stopped, 1);
    assert!(!data_dir.join("pgdata/postmaster.pid").exists());
}

#[test]
fn a_server_that_died_is_closed_without_an_error() {
    let dir = folder();
    let cluster = Cluster::open(&options(&dir.path().join("d"))).unwrap();
    kill_process(pid(cluster.pid()), Signal::KILL).unwrap();
    assert_eq!(cluster.close().unwrap(), Closed::Stopped);
}

#[test]
fn an_initdb_that_was_cut_short_leaves_nothing() {
    let dir = folder();
    let data_dir = dir.path().join("d");
    let half = data_dir.join("pgdata.init-1");
    fs::create_dir_all(&half).unwrap();
    fs::write(half.join("PG_VERSION"), "15\n").unwrap();
    if geteuid().is_root() {
        fs::set_permissions(&data_dir, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let cluster = Cluster::open(&options(&data_dir)).unwrap();
    assert!(!half.exists());
    connect(&cluster.url());
    assert_eq!(cluster.close().unwrap(), Closed::Stopped);
}

#[test]
fn a_failed_start_carries_the_log() {
    let dir = folder();
    let data_dir = dir.path().join("d");
    let mut bad = options(&data_dir);
    bad.settings.push(("work_mem".into(), "plenty".into()));
    let error = Cluster::open(&bad).unwrap_err();
    assert!(matches!(error, ClusterError::StartFailed { .. }), "{error}");
    assert!(error.to_string().contains(r#"invalid value for parameter "work_mem": "plenty""#), "{error}");
    // The cluster itself is whole, and a right start follows.
    let cluster = Cluster::open(&options(&data_dir)).unwrap();
    assert_eq!(cluster.close().unwrap(), Closed::Stopped);
}

#[test]
fn a_long_data_dir_gets_a_short_socket() {
    let dir = folder();
    let data_dir = dir.path().join("x".repeat(60)).join("y".repeat(60));
    let mut options = options(&data_dir);
    options.temp_dir = dir.path().to_owned();
    let cluster = Cluster::open(&options).unwrap();
    let socket_dir = cluster.socket_dir().to_owned();
    assert_eq!(socket_dir.parent(), Some(dir.path().canonicalize().unwrap().as_path()));
    assert_eq!(fs::metadata(&socket_dir).unwrap().permissions().mode() & 0o777, 0o700);
    connect(&cluster.url());

    // Whoever has another temp dir finds the same socket.
    options.temp_dir = PathBuf::from("/nowhere");
    let second = Cluster::open(&options).unwrap();
    assert_eq!(second.socket_dir(), socket_dir);
    second.close().unwrap();
    assert_eq!(cluster.close().unwrap(), Closed::Stopped);
}

#[test]
fn two_serve_locks_exclude_each_other() {
    let dir = folder();
    let data_dir = dir.path().join("d");
    let held = ServeLock::acquire(&data_dir).unwrap();
    let error = ServeLock::acquire(&data_dir).unwrap_err();
    assert!(matches!(error, ClusterError::AlreadyServed { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    assert!(text.contains(data_dir.canonicalize().unwrap().to_str().unwrap()), "{text}");
    drop(held);
    ServeLock::acquire(&data_dir).unwrap();
}

#[test]
fn a_folder_that_the_user_cannot_enter_is_refused_by_name() {
    if !geteuid().is_root() {
        // Only root has Postgres run by somebody else.
        return;
    }
    let dir = folder();
    let closed = dir.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let data_dir = closed.join("a/b");
    let error = Cluster::open(&options(&data_dir)).unwrap_err();
    let ClusterError::NotEnterable { folder, user, .. } = &error else { panic!("{error}") };
    assert_eq!(*folder, closed.canonicalize().unwrap());
    assert!(user == "postgres" || user == "nobody", "{user}");
    assert!(error.to_string().contains(&format!("cannot enter {}", folder.display())), "{error}");
    assert!(!closed.join("a").exists(), "a refusal creates nothing");
}

#[test]
fn other_peoples_files_keep_their_folder() {
    if !geteuid().is_root() {
        // Only root gives folders away.
        return;
    }
    let dir = folder();
    fs::write(dir.path().join("letter.txt"), "dear").unwrap();
    let cluster = Cluster::open(&options(dir.path())).unwrap();
    assert_eq!(fs::metadata(dir.path()).unwrap().uid(), 0);
    assert_ne!(fs::metadata(dir.path().join("pgdata")).unwrap().uid(), 0);
    connect(&cluster.url());
    assert_eq!(cluster.close().unwrap(), Closed::Stopped);
}

#[test]
fn a_missing_postgres_is_an_error_and_makes_no_cluster() {
    let dir = folder();
    let data_dir = dir.path().join("d");
    let mut options = ClusterOptions::new(&data_dir, &Environment::default());
    options.search = vec![dir.path().join("empty")];
    options.download = Download::Ask;
    let error = Cluster::open(&options).unwrap_err();
    assert!(matches!(error, ClusterError::PostgresMissing { .. }), "{error}");
    assert!(error.to_string().contains("--download-postgres"), "{error}");
    assert!(!data_dir.join("pgdata").exists());
}
