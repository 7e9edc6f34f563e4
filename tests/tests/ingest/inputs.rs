//! Every form that an input may come in, and what becomes of inputs that are none.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};
use vitrine_model::Pubkey;
use vitrine_tests::assets::pubkey;

use super::{Done, World, account, count, mint};

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 1).unwrap()
}

/// Forty mints of a form.
fn mints(form: u64) -> Vec<String> {
    (0..40).map(|number| format!("{}\n", mint(pubkey(form * 1_000 + number), 5))).collect()
}

#[tokio::test]
async fn each_form_is_read_from_a_file_and_from_stdin() {
    let world = World::new().await;
    let text = |form| mints(form).concat();
    let halves = |form: u64, pack: fn(&str) -> Vec<u8>| {
        let lines = mints(form);
        [pack(&lines[..20].concat()), pack(&lines[20..].concat())].concat()
    };
    let forms: Vec<(&str, Vec<u8>)> = vec![
        ("plain", text(1).into()),
        ("crlf", text(2).replace('\n', "\r\n").into()),
        ("no_end", text(3).trim_end().into()),
        ("blank_lines", text(4).replace('\n', "\n\n \t\r\n").into()),
        ("mark", format!("\u{feff}{}", text(5)).into()),
        ("gzip", gzip(&text(6))),
        ("zstd", zstd(&text(7))),
        ("members", halves(8, gzip)),
        ("frames", halves(9, zstd)),
        ("marked.gz", gzip(&format!("\u{feff}{}", text(10)))),
    ];
    for (name, bytes) in &forms {
        let path = world.file(name, bytes);
        let done = world.run(&[path.to_str().unwrap()]);
        done.says(0, &["40 lines", "40 created", "0 not decoded, 0 rejected"]);
        let done = Done::of(world.command(&["-"]).output_with(bytes));
        done.says(0, &["40 lines", "0 created", "40 updates were known or older", "0 rejected"]);
    }
    // Several at once are one ingest.
    let [first, last] = ["plain", "zstd"].map(|name| world.folder.path().join(name));
    let all = world.command(&[first.to_str().unwrap(), "-", last.to_str().unwrap()]);
    Done::of(all.output_with(text(11).as_bytes())).says(0, &["120 lines", "40 created"]);
    assert_eq!(world.count("SELECT count(*) FROM asset").await, 40 * 11);
    world.check().await;
}

/// Whoever writes a line to a pipe and then nothing for an hour sees it written.
#[tokio::test]
async fn a_line_is_not_kept_back_for_the_next_one() {
    let world = World::new().await;
    let mut connection = world.database.connect().await;
    let mut child = world.command(&["-"]).piped();
    let mut stdin = child.stdin.take().unwrap();
    for number in 1..=3 {
        // A blank line or the beginning of the next one is no reason to wait either.
        let behind = if number == 3 { "{\"account\"" } else { "\n \r\n{\"account\"" };
        let line = format!("{}\n{behind}", mint(pubkey(number), 5));
        let line = if number == 1 { &line } else { line.strip_prefix("{\"account\"").unwrap() };
        stdin.write_all(line.as_bytes()).unwrap();
        while count(&mut connection, "SELECT count(*) FROM asset").await < number {
            assert!(child.try_wait().unwrap().is_none(), "it goes on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    stdin.write_all(b":{}}\n").unwrap();
    drop(stdin);
    Done::of(child.wait_with_output().unwrap()).says(0, &["4 lines", "3 created", "1 rejected"]);
}

#[tokio::test]
async fn nothing_is_an_ingest_too() {
    let world = World::new().await;
    for (name, bytes) in
        [("empty", Vec::new()), ("blank", b"\n \r\n".to_vec()), ("gz", gzip("")), ("zst", zstd(""))]
    {
        let path = world.file(name, bytes);
        world.run(&[path.to_str().unwrap()]).says(0, &["0 lines", "0 rejected"]);
    }
    // Nobody was told of any slot.
    assert_eq!(world.count("SELECT count(*) FROM watermark").await, 0);
}

#[tokio::test]
async fn an_input_that_cannot_be_read_fails_and_the_others_go_on() {
    let world = World::new().await;
    let text = (1..40).flat_map(mints).collect::<String>();
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    let good = world.file("good", mints(100).concat());
    for (name, path) in [
        ("cut.gz", world.file("cut.gz", cut(gzip(&text)))),
        ("cut.zst", world.file("cut.zst", cut(zstd(&text)))),
        ("missing", world.folder.path().join("missing")),
        ("a folder", world.folder.path().to_owned()),
    ] {
        let done = world.run(&[path.to_str().unwrap(), good.to_str().unwrap()]);
        done.says(1, &["files not read to their end: 1"]);
        assert!(done.stderr.contains(path.to_str().unwrap()), "{name}: {}", done.stderr);
        assert_eq!(name.starts_with("cut"), done.stderr.contains("truncated"), "{name}: {}", done.stderr);
        assert_eq!(world.count("SELECT count(*) FROM watermark").await, 0, "{name}");
    }
    let there = world.count("SELECT count(*) FROM asset").await;
    assert!(there > 40 && there < 40 * 40, "what comes before a truncation is in: {there}");
    world.check().await;
}

#[tokio::test]
async fn what_is_no_text_is_named_line_by_line() {
    let world = World::new().await;
    let mut bytes = mint(pubkey(1), 5).to_string().into_bytes();
    bytes.extend(b"\n\x00\x01\xfe\xff\n\x00\n");
    bytes.extend(mint(pubkey(2), 5).to_string().into_bytes());
    bytes.extend(b"\n\x1b[2J\n");
    let rejects = world.folder.path().join("rejects");
    let path = world.file("binary", &bytes);
    let done = world.run(&["--rejects", rejects.to_str().unwrap(), path.to_str().unwrap()]);
    done.says(0, &["5 lines", "2 created", "3 rejected"]);
    for line in [2, 3, 5] {
        assert!(done.stderr.contains(&format!("binary:{line}: ")), "{line}: {}", done.stderr);
    }
    assert!(done.stderr.contains("not UTF-8") && !done.stderr.contains('\u{1b}'), "{}", done.stderr);
    let kept: &[u8] = b"\x00\x01\xfe\xff\n\x00\n\x1b[2J\n";
    assert_eq!(std::fs::read(&rejects).unwrap(), kept);
    // An input among the rejects would never end, and a place that takes nothing says so.
    let both = path.to_str().unwrap();
    world.run(&["--rejects", both, both]).says(2, &[]);
    if cfg!(target_os = "linux") {
        let full = world.run(&["--rejects", "/dev/full", both]);
        assert_eq!(full.code, 1);
        assert!(full.stderr.contains("/dev/full, cannot be written"), "{}", full.stderr);
    }
    assert_eq!(world.count("SELECT count(*) FROM watermark").await, 0);
}

#[tokio::test]
async fn strict_takes_everything_and_fails_where_a_line_is_left_out() {
    let world = World::new().await;
    let strict = |lines: &[Value]| {
        let text: String = lines.iter().flat_map(|line| [line.to_string(), "\n".to_owned()]).collect();
        world.ingest_text(&text, &["--strict"])
    };
    strict(&[mint(pubkey(1), 5)]).says(0, &["1 created", "0 not decoded, 0 rejected"]);
    strict(&[json!({}), mint(pubkey(2), 5)]).says(1, &["1 created", "1 rejected"]);
    let undecodable = account(pubkey(9), 4, &[1; 70]);
    strict(&[undecodable, mint(pubkey(3), 5)]).says(1, &["1 created", "1 not decoded"]);
    world.run(&["--retry-dead-letters"]).says(0, &["1 dead letters", "1 not decoded"]);
    world.run(&["--retry-dead-letters", "--strict"]).says(1, &["1 not decoded"]);
    let mut connection = world.database.connect().await;
    sqlx::query("DELETE FROM dead_letter").execute(&mut connection).await.unwrap();
    world.run(&["--retry-dead-letters", "--strict"]).says(0, &["0 dead letters"]);
}

/// `VmHWM` of a process that runs, in bytes.
#[cfg(target_os = "linux")]
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse::<u64>().unwrap() * 1_024
}

/// Lines of a kilobyte that tell of ten megabytes each, one that tells of more than any account has, and a line of a hundred
/// megabytes: none of them is held whole with many others.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn memory_does_not_grow_with_what_is_packed_in_lines() {
    const LARGEST: usize = 10 * 1024 * 1024;
    const LARGE: u64 = 80;
    /// Less than all of them together, and more than the batches that are on their way (16 MiB and one account each).
    const PEAK_MAX: u64 = 512 << 20;
    let world = World::new().await;
    let packed = |address: Pubkey, size: usize| {
        // A metadata account: nothing is read of the room behind its members.
        let mut data = vec![4];
        data.extend([7; 32]);
        data.extend(address.as_bytes());
        data.resize(size, 0);
        let frame = zstd::encode_all(&data[..], 3).unwrap();
        let mut line = account(address, 5, &frame);
        line["account"]["data"][1] = json!("base64+zstd");
        line["account"]["owner"] = json!("metaqbxxUerdq28cj1RbAWkYQm3ybzjb6a8bt518x1s");
        let line = line.to_string();
        assert!(line.len() < 10_000);
        line
    };
    let mut child = world.command(&["-"]).env("VITRINE_LOG_FORMAT", "json").piped();
    let mut stdin = child.stdin.take().unwrap();
    let writing = tokio::task::spawn_blocking(move || {
        for number in 0..LARGE {
            writeln!(stdin, "{}", packed(pubkey(number), LARGEST)).unwrap();
        }
        writeln!(stdin, "{}", packed(pubkey(1_000), LARGEST + 1)).unwrap();
        stdin.write_all(b"{\"account\":\"").unwrap();
        for _ in 0..100 {
            stdin.write_all(&vec![b'x'; 1 << 20]).unwrap();
        }
        writeln!(stdin, "\"}}\n{}", mint(pubkey(2_000), 6)).unwrap();
        stdin
    });
    let stdin = writing.await.unwrap();
    let end = std::time::Instant::now() + 10 * vitrine_tests::server::PATIENCE;
    while world.count("SELECT count(*) FROM account WHERE kind IN (2, 3)").await < LARGE + 1 {
        assert!(std::time::Instant::now() < end, "they are not all in");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let peak = peak(child.id());
    drop(stdin);
    let done = Done::of(tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap());
    done.says(0, &["83 lines", "0 not decoded, 2 rejected"]);
    assert!(done.stderr.contains("more than 10485760 bytes"), "{}", done.stderr);
    assert!(peak < PEAK_MAX, "{peak} bytes of memory");
}
