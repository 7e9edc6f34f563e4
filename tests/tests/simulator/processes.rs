//! The same with processes: `vitrine ingest` and `vitrine import` are killed at questions that are spread over all that they
//! ask, and run again.

use std::io::Write as _;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};
use vitrine_model::Slot;
use vitrine_tests::{Database, Vitrine};

use crate::compare::{compare, findings};
use crate::history::{STEPS, Told, history_at};
use crate::proxy::{Fall, Proxy};
use crate::run::in_order;

const SEED: u64 = 3;

/// Processes that are killed.
const KILLED: u64 = 24;

/// What the two commands read.
struct Inputs {
    told: Vec<Told>,
    lines: String,
    assets: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Ingest,
    Import,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_that_runs_again_leaves_what_a_clean_run_does() {
    let (clean, killed) = (Database::new().await, Database::new().await);
    let store = clean.store();
    let mut asked = Vec::new();
    for command in [Command::Ingest, Command::Import] {
        let proxy = Proxy::before(&killed, Fall::Never).await;
        let inputs = Inputs::new(0);
        assert!(end(start(command, &inputs, &proxy.url())).await, "{command:?}");
        asked.push(proxy.asked());
    }
    let whole = Inputs::new(0);
    finish(&killed, &whole, [Command::Ingest, Command::Import]).await;
    in_order(&store, &whole.told).await;
    for number in 1..=KILLED {
        let inputs = Inputs::new(number);
        let (command, mut at) = match number % 4 {
            3 => (Command::Import, 1 + number * asked[1] / (KILLED + 1)),
            _ => (Command::Ingest, 1 + number * asked[0] / (KILLED + 1)),
        };
        // How often a process asks depends on which of its batches are written side by side: one that came to its end before
        // is killed earlier.
        while !kill(&killed, command, &inputs, at).await {
            at /= 2;
            assert!(at > 0, "{command:?} asks nothing");
        }
        // What was killed may come first or last.
        let orders = [[Command::Ingest, Command::Import], [Command::Import, Command::Ingest]];
        finish(&killed, &inputs, orders[usize::from(number % 2 == 0)]).await;
        in_order(&store, &inputs.told).await;
    }
    let lowest = Inputs::new(0).lowest();
    store.finish_import(Some(lowest)).await.unwrap();
    store.close().await;
    if let Err(difference) = compare(&clean, &killed).await {
        panic!("{difference}");
    }
    let store = killed.store();
    assert_eq!(findings(&store, true).await, Vec::new());
    store.close().await;
}

impl Inputs {
    fn new(number: u64) -> Self {
        let told = history_at(SEED, 1_000_000 + number, 2 * STEPS);
        let text = |imported: bool| {
            let of = told.iter().filter(|told| matches!(told, Told::Imported(_)) == imported);
            of.flat_map(|told| [told.line(), "\n".to_owned()]).collect::<String>()
        };
        Self { lines: text(false), assets: text(true), told }
    }

    /// The lowest slot that an import states.
    fn lowest(&self) -> Slot {
        let stated = self.told.iter().filter_map(|told| match told {
            Told::Imported(json) => {
                let asset: serde_json::Value = serde_json::from_str(json).unwrap();
                asset["last_indexed_slot"].as_u64()
            }
            _ => None,
        });
        stated.min().and_then(Slot::new).expect("the history has imports")
    }
}

fn start(command: Command, inputs: &Inputs, url: &str) -> Child {
    let (arguments, text): (&[&str], _) = match command {
        Command::Ingest => (&["ingest", "--fetch-documents", "-"], &inputs.lines),
        Command::Import => (&["import", "-"], &inputs.assets),
    };
    let mut child = Vitrine::new(arguments)
        .env("DATABASE_URL", url)
        .env("VITRINE_INGEST_BATCH_LINES", "9")
        .env("VITRINE_IMPORT_BATCH_ASSETS", "2")
        .env("VITRINE_DOCUMENTS_DRAIN_WAIT_SECONDS", "0")
        .piped();
    let (mut stdin, text) = (child.stdin.take().unwrap(), text.clone());
    // Who was killed reads no more.
    std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    child
}

/// Waits for the end of a process, and says whether it was a good one.
async fn end(child: Child) -> bool {
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
    if !output.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    }
    output.status.success()
}

/// Runs a command and kills it at a question; says whether it came to that.
async fn kill(database: &Database, command: Command, inputs: &Inputs, at: u64) -> bool {
    let fall = if at.is_multiple_of(5) { Fall::Behind(1 + at / 5) } else { Fall::Before(at) };
    let proxy = Proxy::before(database, fall).await;
    let child = start(command, inputs, &proxy.url());
    let process = Pid::from_child(&child);
    let mut ended = tokio::task::spawn_blocking(move || child.wait_with_output());
    tokio::select! {
        () = proxy.fallen() => {}
        _ = &mut ended => return false,
    }
    kill_process(process, Signal::KILL).unwrap();
    ended.await.unwrap().unwrap();
    proxy.release();
    true
}

/// Runs both commands to their ends.
async fn finish(database: &Database, inputs: &Inputs, commands: [Command; 2]) {
    // The documents that a killed process has taken would be due in minutes.
    sqlx::query("UPDATE document SET next_try = now() WHERE next_try IS NOT NULL")
        .execute(&mut database.connect().await)
        .await
        .unwrap();
    for command in commands {
        assert!(end(start(command, inputs, &database.url())).await, "{command:?}");
    }
}
