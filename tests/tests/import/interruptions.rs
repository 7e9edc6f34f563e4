//! Imports that are cut off, that run side by side, and that are large.

use std::io::Write;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use vitrine_model::Pubkey;
use vitrine_tests::AssetSpec;
use vitrine_tests::assets::pubkey;
use vitrine_tests::server::PATIENCE;

use crate::{Done, World};

/// The default of `import.batch_assets`: what one transaction holds.
const BATCH: u64 = 5_000;

const COLLECTIONS: u64 = 7;

/// Makes lines quickly: the same asset but for its keys.
struct Lines {
    template: String,
}

impl Lines {
    /// Each line has so many bytes more than it needs.
    fn new(padding: usize) -> Self {
        let (id, collection) = (pubkey(1), pubkey(2));
        let mut asset = AssetSpec { collection: Some((collection, true)), ..AssetSpec::new(id) }.json();
        asset["content"]["metadata"]["description"] = "d".repeat(padding).into();
        let template =
            asset.to_string().replace(&collection.to_string(), "$C").replace(&id.to_string(), "$I");
        Self { template }
    }

    fn line(&self, number: u64) -> String {
        let (id, collection) = (pubkey(1_000 + number), Self::collection(number));
        self.template.replace("$I", &id.to_string()).replace("$C", &collection.to_string()) + "\n"
    }

    /// The asset as it is from a slot on, in a collection that depends on the slot.
    fn line_at(&self, number: u64, slot: u64) -> String {
        let line = self
            .line(number)
            .replace(&Self::collection(number).to_string(), &Self::collection(number + slot).to_string());
        line.replacen('{', &format!("{{\"slot_updated\":{slot},"), 1)
    }

    fn text(&self, numbers: impl Iterator<Item = u64>) -> String {
        numbers.map(|number| self.line(number)).collect()
    }

    fn collection(number: u64) -> Pubkey {
        pubkey(100 + number % COLLECTIONS)
    }
}

impl World {
    /// Waits until so many assets are committed.
    async fn committed(&self, assets: u64) -> u64 {
        let end = Instant::now() + PATIENCE;
        loop {
            let value = self.count("SELECT value FROM counter WHERE name = 'assets'").await;
            if value >= assets {
                return value;
            }
            assert!(Instant::now() < end, "only {value} of {assets} assets are in");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Each of these assets is there once, in its collection.
    async fn assert_all(&self, assets: u64) {
        assert_eq!(self.assets().await, assets);
        for collection in 0..COLLECTIONS {
            let members = (0..assets).filter(|number| number % COLLECTIONS == collection).count();
            let group = Lines::collection(collection).to_string();
            assert_eq!(self.members("collection", &group, false).await.1, u64::try_from(members).unwrap());
        }
        self.check().await;
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_import_loses_nothing_and_a_second_one_finishes() {
    const ASSETS: u64 = 60_000;
    let world = World::new().await;
    let file = world.file("assets.ndjson", Lines::new(0).text(0..ASSETS));
    let mut child = world.command(&[&file]).piped();
    world.committed(BATCH).await;
    child.kill().unwrap();
    child.wait().unwrap();
    // Whatever was being committed is now, or never will be.
    let settled = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vitrine write'
                   AND datname = current_database() AND state <> 'idle'";
    let end = Instant::now() + PATIENCE;
    while world.count(settled).await > 0 {
        assert!(Instant::now() < end, "the killed import's transaction does not end");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let before = world.assets().await;
    assert!((BATCH..ASSETS).contains(&before) && before.is_multiple_of(BATCH), "{before} assets");
    world.check().await;

    let done = world.import(&[&file]).whole();
    assert_eq!(done.counts(), [ASSETS - before, 0, before, 0, 0, 0]);
    world.assert_all(ASSETS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_import_says_so() {
    const ASSETS: u64 = 3 * BATCH;
    let world = World::new().await;
    let text = Lines::new(0).text(0..ASSETS);
    let mut child = world.command(&[&"-"]).piped();
    let mut stdin = child.stdin.take().unwrap();
    let half = text.len() / 2;
    // The pipe stays open: the import cannot be over.
    stdin.write_all(&text.as_bytes()[..half]).unwrap();
    world.committed(BATCH).await;
    signal(&child, Signal::INT);
    let done = Done::of(tokio::task::spawn_blocking(|| child.wait_with_output()).await.unwrap().unwrap());
    drop(stdin);
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert!(done.summary.contains("interrupted"), "{} {}", done.summary, done.stderr);
    let before = world.assets().await;
    assert_eq!(done.count("created"), before, "the summary counts what is in");
    world.check().await;

    let done = Done::of(world.command(&[&"-"]).output_with(text.as_bytes())).whole();
    assert_eq!(done.counts(), [ASSETS - before, 0, before, 0, 0, 0]);
    world.assert_all(ASSETS).await;
}

/// Somebody who follows a source writes a line now and then: it is in long before a batch is full, or the pipe ends.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_pipe_has_given_is_in_while_it_pauses() {
    let world = World::new().await;
    let lines = Lines::new(0);
    let mut child = world.command(&[&"-"]).piped();
    let mut stdin = child.stdin.take().unwrap();
    for (given, next) in [(0, 1), (1, 4), (4, 304)] {
        stdin.write_all(lines.text(given..next).as_bytes()).unwrap();
        assert_eq!(world.committed(next).await, next);
    }
    // What changes comes behind what was there, each in a batch of its own.
    for slot in 1..=3 {
        stdin.write_all(lines.line_at(0, slot).as_bytes()).unwrap();
        let end = Instant::now() + PATIENCE;
        while world.count("SELECT max(slot_updated) FROM asset").await < slot {
            assert!(Instant::now() < end, "slot {slot} is not in");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    drop(stdin);
    let done =
        tokio::task::spawn_blocking(|| Done::of(child.wait_with_output().unwrap())).await.unwrap().whole();
    assert_eq!(done.counts(), [304, 3, 0, 0, 0, 0]);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_imports_at_once_end_right() {
    const ASSETS: u64 = 12_000;
    let world = World::new().await;
    let lines = Lines::new(0);
    // Two thirds each, in opposite order: the middle third is written by both.
    let up = world.file("up.ndjson", lines.text(0..ASSETS / 3 * 2));
    let down = world.file("down.ndjson", lines.text((ASSETS / 3..ASSETS).rev()));
    let small = ["VITRINE_IMPORT_BATCH_ASSETS", "700"];
    let children = [&up, &down].map(|file| world.command(&[file]).env(small[0], small[1]).piped());
    let mut sum = [0; 6];
    for child in children {
        let done = tokio::task::spawn_blocking(|| Done::of(child.wait_with_output().unwrap()))
            .await
            .unwrap()
            .whole();
        for (sum, count) in sum.iter_mut().zip(done.counts()) {
            *sum += count;
        }
    }
    assert_eq!(sum, [ASSETS, 0, ASSETS / 3, 0, 0, 0]);
    world.assert_all(ASSETS).await;
}

/// Whoever comes first: the newest state of each asset is what is there.
#[tokio::test(flavor = "multi_thread")]
async fn imports_of_other_slots_at_once_end_with_the_newest() {
    const ASSETS: u64 = 4_000;
    let world = World::new().await;
    let lines = Lines::new(0);
    let files = [1, 2, 3].map(|slot| {
        let mut numbers: Vec<u64> = (0..ASSETS).collect();
        // Each has an order of its own.
        numbers.sort_by_key(|number| number.wrapping_mul(0x9e37_79b9 + slot) % ASSETS);
        let text: String = numbers.into_iter().map(|number| lines.line_at(number, slot)).collect();
        world.file(&format!("{slot}.ndjson"), text)
    });
    let children =
        files.map(|file| world.command(&[&file]).env("VITRINE_IMPORT_BATCH_ASSETS", "300").piped());
    for child in children {
        tokio::task::spawn_blocking(|| Done::of(child.wait_with_output().unwrap())).await.unwrap().whole();
    }
    for collection in 0..COLLECTIONS {
        let members = (0..ASSETS).filter(|number| (number + 3) % COLLECTIONS == collection).count();
        let group = Lines::collection(collection).to_string();
        let total = world.members("collection", &group, false).await.1;
        assert_eq!(total, u64::try_from(members).unwrap());
    }
    assert_eq!(world.count("SELECT count(*) FROM asset WHERE slot_updated = 3").await, ASSETS);
    world.check().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn memory_does_not_grow_with_the_input() {
    const ASSETS: u64 = 25_000;
    const PADDING: usize = 10_000;
    /// What it may take at most, bytes: less than the input, and twice what it takes.
    const PEAK_MAX: u64 = 200 << 20;
    let world = World::new().await;
    let mut child = world.command(&[&"-"]).piped();
    let mut stdin = child.stdin.take().unwrap();
    let writing = tokio::task::spawn_blocking(move || {
        let lines = Lines::new(PADDING);
        let mut bytes = 0;
        for number in 0..ASSETS {
            let line = lines.line(number);
            stdin.write_all(line.as_bytes()).unwrap();
            bytes += line.len();
        }
        (stdin, bytes)
    });
    let (stdin, bytes) = writing.await.unwrap();
    // The last batch is not full before the end of the input.
    world.committed(ASSETS * 9 / 10).await;
    let peak = peak_bytes(child.id());
    drop(stdin);
    let done =
        tokio::task::spawn_blocking(|| Done::of(child.wait_with_output().unwrap())).await.unwrap().whole();
    println!("{bytes} bytes read, {peak} bytes of memory at most, {}", done.summary);
    assert_eq!(done.count("created"), ASSETS);
    assert!(bytes > 250_000_000 && peak < PEAK_MAX, "{peak} bytes of memory for {bytes} of input");
    world.check().await;
}

/// `VmHWM` of a running process.
#[cfg(target_os = "linux")]
fn peak_bytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse::<u64>().unwrap() * 1_024
}
