//! Every form that assets may come in.

use std::io::Write;

use serde_json::Value;
use vitrine_tests::AssetSpec;
use vitrine_tests::assets::pubkey;

use crate::{Done, World, ndjson, response};

/// Forty assets of a collection of their own.
fn assets(form: u64) -> Vec<Value> {
    let asset = |number| {
        AssetSpec { collection: Some((pubkey(form), true)), ..AssetSpec::new(pubkey(form * 1_000 + number)) }
            .json()
    };
    (0..40).map(asset).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 1).unwrap()
}

#[tokio::test]
async fn each_form_is_read_from_a_file_and_from_stdin() {
    let world = World::new().await;
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    let array = |assets: Vec<Value>| Value::Array(assets);
    let forms: Vec<(&str, Vec<u8>)> = vec![
        ("assets.ndjson", ndjson(&assets(1)).into()),
        ("crlf.ndjson", ndjson(&assets(2)).replace('\n', "\r\n").into()),
        ("array.json", pretty(&array(assets(3))).into()),
        ("line.json", array(assets(4)).to_string().into()),
        ("response.json", pretty(&response(7, &assets(5))).into()),
        ("result.json", response(7, &assets(6))["result"].to_string().into()),
        ("responses.ndjson", ndjson(&[response(7, &assets(7)[..20]), response(8, &assets(7)[20..])]).into()),
        ("assets.ndjson.gz", gzip(&ndjson(&assets(8)))),
        ("response.json.gz", gzip(&pretty(&response(7, &assets(9))))),
        ("assets.ndjson.zst", zstd(&ndjson(&assets(10)))),
        // Two archives, one after the other, are one.
        ("members.gz", [gzip(&ndjson(&assets(11)[..20])), gzip(&ndjson(&assets(11)[20..]))].concat()),
        ("frames.zst", [zstd(&ndjson(&assets(12)[..20])), zstd(&ndjson(&assets(12)[20..]))].concat()),
        // What it is says the content, not the name.
        ("no_suffix", gzip(&pretty(&array(assets(13))))),
    ];
    for (form, (name, bytes)) in (1..).zip(&forms) {
        let path = world.file(name, bytes);
        let from_file = world.import(&[&path]).whole();
        assert_eq!(from_file.counts(), [40, 0, 0, 0, 0, 0], "{name}");
        let members = world.members("collection", &pubkey(form).to_string(), false).await;
        assert_eq!(members, (40, 40), "{name}");
        let from_stdin = Done::of(world.command(&[&"-"]).output_with(bytes)).whole();
        assert_eq!(from_stdin.counts(), [0, 0, 40, 0, 0, 0], "{name} by stdin");
    }
    assert_eq!(world.assets().await, 40 * u64::try_from(forms.len()).unwrap());
    world.check().await;
}

#[tokio::test]
async fn several_files_are_one_import() {
    let world = World::new().await;
    let (first, second) = (world.file("a", ndjson(&assets(1))), world.file("b", gzip(&ndjson(&assets(2)))));
    let done =
        Done::of(world.command(&[&first, &"-", &second]).output_with(ndjson(&assets(3)).as_bytes())).whole();
    assert_eq!(done.counts(), [120, 0, 0, 0, 0, 0]);
    assert_eq!(Done::of(world.command(&[&"-", &"-"]).output_with(b"")).code, 2, "stdin can be read once");
    world.check().await;
}

#[tokio::test]
async fn nothing_is_an_import_too() {
    let world = World::new().await;
    for (name, bytes) in
        [("empty", Vec::new()), ("blank", b"\n \r\n".to_vec()), ("array", b"[]".to_vec()), ("gz", gzip(""))]
    {
        let done = world.import(&[&world.file(name, bytes)]).whole();
        assert_eq!(done.counts(), [0; 6], "{name}");
    }
    world.check().await;
}
