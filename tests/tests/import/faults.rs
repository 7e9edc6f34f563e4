//! Lines that are no assets, and files that cannot be read.

use std::io::Write;

use serde_json::Value;
use vitrine_tests::AssetSpec;
use vitrine_tests::assets::pubkey;

use crate::{Done, World, ndjson};

fn asset(number: u64) -> Value {
    AssetSpec { collection: Some((pubkey(1), true)), ..AssetSpec::new(pubkey(100 + number)) }.json()
}

fn assets(numbers: std::ops::Range<u64>) -> Vec<Value> {
    numbers.map(asset).collect()
}

/// Four good lines, and four bad ones: with their numbers and what the reason must name.
fn damaged() -> (String, [(u64, &'static str); 4]) {
    let lines = [
        asset(0).to_string(),
        r#"{"interface":"V1_NFT","id":"#.to_owned(),
        asset(1).to_string(),
        r#"{"interface":"V1_NFT","id":"0OIl"}"#.to_owned(),
        String::new(),
        "this is no JSON \u{1b}[2J".to_owned(),
        asset(2).to_string(),
        asset(3).to_string().replace("\"burnt\":false", "\"burnt\":\"no\""),
        asset(4).to_string(),
    ];
    (lines.join("\n"), [(2, "EOF"), (4, "id"), (6, "JSON"), (8, "burnt")])
}

#[tokio::test]
async fn a_bad_line_is_told_with_its_number_and_reason_and_stops_nothing() {
    let world = World::new().await;
    let (text, bad) = damaged();
    let file = world.file("assets.ndjson", text);
    let rejects = world.folder.path().join("rejects.ndjson");
    let done = world.import(&[&file, &"--rejects", &rejects]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(done.counts(), [4, 0, 0, 0, 0, 4]);
    for (line, reason) in bad {
        let told = done.stderr.lines().find(|told| told.contains(&format!("assets.ndjson:{line}: ")));
        assert!(told.is_some_and(|told| told.contains(reason)), "line {line}: {}", done.stderr);
    }
    assert!(!done.stderr.contains('\u{1b}'), "the input steers no terminal");
    assert_eq!(world.members("collection", &pubkey(1).to_string(), false).await, (4, 4));

    // What was kept can be mended and loaded.
    let kept = std::fs::read_to_string(&rejects).unwrap();
    assert_eq!(kept.lines().count(), 4, "{kept}");
    let mended = kept
        .replace("\"burnt\":\"no\"", "\"burnt\":false")
        .replace(r#"{"interface":"V1_NFT","id":"0OIl"}"#, &asset(5).to_string())
        .replace("this is no JSON \u{1b}[2J", "");
    let mended = mended.replacen("{\"interface\":\"V1_NFT\",\"id\":\n", "", 1);
    let again = world.import(&[&world.file("mended.ndjson", mended)]).whole();
    assert_eq!(again.counts(), [2, 0, 0, 0, 0, 0]);
    assert_eq!(world.members("collection", &pubkey(1).to_string(), false).await, (6, 6));
    world.check().await;
}

#[tokio::test]
async fn a_bad_item_of_an_array_is_told_by_its_number() {
    let world = World::new().await;
    let text = format!("[\n{},\n{{\"id\":7}},\n{}\n]", asset(0), asset(1));
    let done = world.import(&[&world.file("array.json", text)]);
    assert_eq!((done.code, done.counts()), (0, [2, 0, 0, 0, 0, 1]), "{}", done.stderr);
    assert!(done.stderr.contains("array.json:3 item 2: "), "{}", done.stderr);
    world.check().await;
}

#[tokio::test]
async fn strict_loads_nothing_of_a_file_with_a_bad_line() {
    let world = World::new().await;
    let (text, _) = damaged();
    let (bad, good) = (world.file("bad.ndjson", &text), world.file("good.ndjson", ndjson(&assets(10..15))));
    let rejects = world.folder.path().join("rejects.ndjson");
    let done = world.import(&[&"--strict", &"--rejects", &rejects, &bad, &good]);
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert_eq!(done.counts(), [5, 0, 0, 0, 0, 4]);
    assert!(done.stderr.contains("bad.ndjson:2: ") && done.summary.contains("refused"), "{}", done.stderr);
    assert_eq!(std::fs::read_to_string(&rejects).unwrap().lines().count(), 4);
    assert_eq!(world.assets().await, 5);

    let done = Done::of(world.command(&[&"--strict", &"-"]).output_with(text.as_bytes()));
    assert_eq!((done.code, world.assets().await), (1, 5), "{}", done.stderr);
    let done = Done::of(world.command(&[&"--strict", &"-"]).output_with(ndjson(&assets(20..30)).as_bytes()));
    assert_eq!((done.code, world.assets().await), (0, 15), "{}", done.stderr);
    world.check().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_read_fails_and_the_others_go_on() {
    let world = World::new().await;
    let (first, last) = (world.file("a", ndjson(&assets(0..5))), world.file("b", ndjson(&assets(5..10))));
    let missing = world.folder.path().join("missing.ndjson");
    let done = world.import(&[&first, &missing, &world.folder.path(), &last]);
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains("missing.ndjson") && done.summary.contains("not read"), "{}", done.stderr);
    assert_eq!((done.count("created"), world.assets().await), (10, 10));
    // A place for rejects that is none is told before anything is loaded.
    let done = world.import(&[&"--rejects", &missing.join("x"), &world.file("c", ndjson(&assets(10..15)))]);
    assert_eq!((done.code, world.assets().await), (1, 10), "{}", done.stderr);
    world.check().await;
}

#[tokio::test]
async fn what_comes_before_a_truncation_is_loaded_and_the_whole_file_loads_the_rest() {
    let world = World::new().await;
    let text = ndjson(&assets(0..3_000));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    let whole = encoder.finish().unwrap();
    let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
    let array = format!("[{}]", text.trim().replace('\n', ","));
    let mut before = 0;
    for (name, bytes) in [("cut.gz", &whole[..]), ("cut.zst", &zstd), ("cut.json", array.as_bytes())] {
        let done = world.import(&[&world.file(name, &bytes[..bytes.len() / 2])]);
        assert_eq!(done.code, 1, "{name}");
        assert!(done.stderr.contains(name) && done.stderr.contains("truncated"), "{}", done.stderr);
        let loaded = world.assets().await;
        assert!(loaded >= before && loaded < 3_000, "{name}: {loaded}");
        before = loaded;
        world.check().await;
    }
    assert!(before > 500, "{before}");
    let done = world.import(&[&world.file("whole.gz", &whole)]).whole();
    assert_eq!(done.counts(), [3_000 - before, 0, before, 0, 0, 0]);
    assert_eq!(world.members("collection", &pubkey(1).to_string(), false).await, (1_000, 3_000));
    world.check().await;
}

#[tokio::test]
async fn a_database_without_its_migrations_is_refused() {
    let database = vitrine_tests::Database::empty().await;
    let output = vitrine_tests::Vitrine::new(&["import", "-"]).on(&database).output_with(b"");
    let done = Done::of(output);
    assert!(done.code == 1 && done.stderr.contains("vitrine migrate"), "{}", done.stderr);
}
