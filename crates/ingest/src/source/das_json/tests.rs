#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read, Write};

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::source::window::WINDOW_BYTES;
use crate::source::{Input, Progress, Record};
use vitrine_model::Slot;

const MAX: usize = 4096;

/// Gives a few bytes at a time, as pipes and sockets do.
struct Trickle {
    text: Cursor<Vec<u8>>,
    counts: Vec<usize>,
    turn: usize,
}

impl Trickle {
    fn stream(text: &[u8], counts: &[usize]) -> Stream {
        Box::new(Self { text: Cursor::new(text.to_vec()), counts: counts.to_vec(), turn: 0 })
    }
}

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.turn += 1;
        let count = self.counts[self.turn % self.counts.len()].min(buffer.len());
        self.text.read(&mut buffer[..count])
    }
}

/// What an input gives, and how it ended. It must not matter how it is looked ahead, nor how it is cut into reads.
fn read_in(text: &[u8], counts: &[usize]) -> (Vec<Entry>, Option<String>) {
    let copy = text.to_vec();
    let reopen = move || -> io::Result<Stream> { Ok(Box::new(Cursor::new(copy.clone()))) };
    let read = |scout| {
        let mut entries = Vec::new();
        for entry in Records::of(Trickle::stream(text, counts), MAX, scout) {
            match entry {
                Ok(entry) => entries.push(entry),
                Err(error) => return (entries, Some(error.to_string())),
            }
        }
        (entries, None)
    };
    let spooled = read(Scout::Spool);
    assert_eq!(spooled, read(Scout::Reopen(Box::new(reopen))));
    spooled
}

fn read(text: &str) -> (Vec<Entry>, Option<String>) {
    read_in(text.as_bytes(), &[WINDOW_BYTES])
}

/// One line for each entry: its place, its text or reason, the slot.
fn shown(text: &str) -> Vec<String> {
    let (entries, error) = read(text);
    let shown = entries.iter().map(|entry| match entry {
        Entry::Record(record) => {
            let slot = record.stated_slot.map(|slot| format!(" @{slot}")).unwrap_or_default();
            format!("{}: {}{slot}", record.place, std::str::from_utf8(&record.text).unwrap())
        }
        Entry::Bad(bad) => format!("{}: bad: {}", bad.place, bad.reason),
    });
    shown.chain(error.map(|error| format!("error: {error}"))).collect()
}

#[test]
fn every_shape_gives_its_assets() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("nothing", "", &[]),
        ("blanks", " \r\n\n", &[]),
        ("lines", "{\"a\":1}\n{\"a\":2}\n", &["line 1: {\"a\":1}", "line 2: {\"a\":2}"]),
        (
            "mark, CRLF, blank lines, no last feed",
            "\u{feff}{\"a\":1}\r\n\r\n \n{\"a\":2}",
            &["line 1: {\"a\":1}", "line 4: {\"a\":2}"],
        ),
        (
            "array",
            "[{\"a\":1},\n {\"a\":[2]}]",
            &["line 1, item 1: {\"a\":1}", "line 2, item 2: {\"a\":[2]}"],
        ),
        ("mark and array", "\u{feff}[{}]", &["line 1, item 1: {}"]),
        ("nulls are skipped", "[null,{\"a\":1},null]", &["line 1, item 2: {\"a\":1}"]),
        ("empty array", "[ ]", &[]),
        (
            "response",
            "{\"jsonrpc\":\"2.0\",\"result\":{\"total\":1,\"items\":[{\"a\":1}],\"x\":[{}]},\"id\":\"1\"}",
            &["line 1, item 1: {\"a\":1}"],
        ),
        (
            "bare result",
            "{\"total\":1,\"items\":[{\"a\":1},{\"a\":2}],\"limit\":1}",
            &["line 1, item 1: {\"a\":1}", "line 1, item 2: {\"a\":2}"],
        ),
        (
            "getAssetBatch",
            "{\"id\":1,\"result\":[{\"a\":1},null],\"jsonrpc\":\"2.0\"}",
            &["line 1, item 1: {\"a\":1}"],
        ),
        (
            "getAsset",
            "{\"jsonrpc\":\"2.0\",\"result\":{\"id\":\"x\",\"last_indexed_slot\":7},\"id\":1}",
            &["line 1: {\"id\":\"x\",\"last_indexed_slot\":7} @7"],
        ),
        (
            "getAsset, laid out",
            "{\n  \"result\": {\n    \"id\": \"x\"\n  }\n}\n",
            &["line 2: {\n    \"id\": \"x\"\n  }"],
        ),
        ("one asset, laid out", "{\n  \"id\": \"x\"\n}\n", &["line 1: {\n  \"id\": \"x\"\n}"]),
        (
            "laid out, one after the other",
            "{\n \"id\": 1\n}\n{\n \"id\": 2\n}\n[\n {}\n]",
            &["line 1: {\n \"id\": 1\n}", "line 4: {\n \"id\": 2\n}", "line 8, item 1: {}"],
        ),
        ("slot before", "{\"result\":{\"last_indexed_slot\":9,\"items\":[{}]}}", &["line 1, item 1: {} @9"]),
        (
            "slot behind",
            "{\"result\":{\"items\":[{},{}],\"last_indexed_slot\":9}}",
            &["line 1, item 1: {} @9", "line 1, item 2: {} @9"],
        ),
        ("slot behind, bare", "{\n\"items\":[{}],\n\"last_indexed_slot\": 9 }", &["line 2, item 1: {} @9"]),
        (
            "slot behind each of two",
            "{\n\"items\":[{}],\"last_indexed_slot\":8}{\"items\":[{}]}\n{\"items\":[{}],\"last_indexed_slot\":9}",
            &["line 2, item 1: {} @8", "line 2, item 1: {}", "line 3, item 1: {} @9"],
        ),
        (
            "slot of an item is not the response's",
            "{\"items\":[{\"last_indexed_slot\":3}]}",
            &["line 1, item 1: {\"last_indexed_slot\":3}"],
        ),
        (
            "slot beyond what can be kept",
            "{\"items\":[{}],\"last_indexed_slot\":18446744073709551615}",
            &["line 1, item 1: {}"],
        ),
        (
            "a response a line",
            "{\"items\":[{}],\"last_indexed_slot\":1}\n{\"a\":1}\n{\"result\":{\"items\":[null,{}]}}\n[{}]\n",
            &["line 1, item 1: {} @1", "line 2: {\"a\":1}", "line 3, item 2: {}", "line 4, item 1: {}"],
        ),
        (
            "brackets and escapes in strings",
            "[{\"a\":\"]}\\\"{[\\\\\"},{\"\\\"]\":1}]",
            &["line 1, item 1: {\"a\":\"]}\\\"{[\\\\\"}", "line 1, item 2: {\"\\\"]\":1}"],
        ),
        (
            "an asset with odd members",
            "{\"result\":{\"id\":\"x\",\"items\":3,\"result\":{}}}",
            &["line 1: {\"id\":\"x\",\"items\":3,\"result\":{}}"],
        ),
    ];
    for (name, text, expected) in cases {
        assert_eq!(shown(text), *expected, "{name}");
    }
}

#[test]
fn what_is_broken_leaves_the_rest_alone() {
    let array_end = "error: ends in the middle, at line 1: it is truncated";
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "a broken line is left to the parser",
            "{\"a\":1}\n{\"a\":\n{\"a\":3}\n",
            &["line 1: {\"a\":1}", "line 2: {\"a\":", "line 3: {\"a\":3}"],
        ),
        ("the first line is broken", "{\"a\":\"\n{\"a\":2}\n", &["line 1: {\"a\":\"", "line 2: {\"a\":2}"]),
        (
            "a response line is cut",
            "{\"a\":1}\n{\"items\":[{\"a\":2},{\"a\"\n{\"a\":3}\n",
            &[
                "line 1: {\"a\":1}",
                "line 2, item 1: {\"a\":2}",
                "line 2: bad: cut off at the end of the line",
                "line 3: {\"a\":3}",
            ],
        ),
        (
            "an error response",
            "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":1},\"id\":1}",
            &["line 1: bad: a response without assets: it has no result, or one that is null"],
        ),
        ("a bad scalar", "[1x,{\"a\":2}]", &["line 1, item 1: 1x", "line 1, item 2: {\"a\":2}"]),
        (
            "a missing inner bracket",
            "[{\"a\":[1},{\"a\":2}]",
            &["line 1, item 1: {\"a\":[1}", "line 1, item 2: {\"a\":2}"],
        ),
        (
            "a missing comma",
            "[{\"a\":1} {\"a\":2}]",
            &["line 1, item 1: {\"a\":1}", "line 1, item 2: {\"a\":2}"],
        ),
        (
            "an open string, an element a line",
            "[\n{\"a\":\"1},\n{\"a\":2}\n]\n",
            &["line 2, item 1: bad: cut off at the end of a line", "line 3, item 2: {\"a\":2}"],
        ),
        (
            "a line feed in a string",
            "[\n{\"a\":\"1\n2\"},\n{\"a\":2}\n]\n",
            &["line 2, item 1: {\"a\":\"1\n2\"}", "line 4, item 2: {\"a\":2}"],
        ),
        (
            "a foreign bracket",
            "[{\"a\":1},{\"a\":2],{\"a\":3}]",
            &[
                "line 1, item 1: {\"a\":1}",
                "error: is malformed at line 1: a closing bracket without its opening one, and the rest of it cannot be told apart",
            ],
        ),
        ("a truncated array", "[{\"a\":1},{\"a\":", &["line 1, item 1: {\"a\":1}", array_end]),
        ("a truncated array, between elements", "[{\"a\":1},", &["line 1, item 1: {\"a\":1}", array_end]),
        (
            "a truncated response",
            "{\"result\":{\"items\":[{\"a\":1}]",
            &["line 1, item 1: {\"a\":1}", array_end],
        ),
        (
            "a truncated response, slot lost",
            "{\"result\":{\"items\":[{\"a\":1}],\"last_ind",
            &["line 1, item 1: {\"a\":1}", array_end],
        ),
        (
            "words behind an array",
            "[{\"a\":1}] and so on\n{\"a\":2}",
            &[
                "line 1, item 1: {\"a\":1}",
                "line 1: bad: expected a JSON object or array",
                "line 2: {\"a\":2}",
            ],
        ),
        (
            "a broken key",
            "{\n\"a\" 1,\n\"b\":[\"}\"]}\n{\n\"a\":2}",
            &["line 1: {\n\"a\" 1,\n\"b\":[\"}\"]}", "line 4: {\n\"a\":2}"],
        ),
    ];
    for (name, text, expected) in cases {
        assert_eq!(shown(text), *expected, "{name}");
    }
}

/// Values mode by an outer array, then lines that are responses, each of them cut somewhere.
#[test]
fn a_cut_line_among_values_does_not_take_the_next_one() {
    let whole = "{\"result\":{\"items\":[{\"a\":\"x\"},{\"a\":[2]}],\"total\":2}}";
    for end in 1..whole.len() {
        let line = &whole[..end];
        // Here the next line may just as well be the next element.
        if line.ends_with("\"items\":[") || line.ends_with("},") {
            continue;
        }
        let text = format!("[{{}}]\n{line}\n{{\"items\":[{{\"last\":1}}]}}\n");
        let seen = shown(&text);
        assert_eq!(seen.last().unwrap(), "line 3, item 1: {\"last\":1}", "{text}");
        assert!(
            seen.iter().any(|entry| entry.starts_with("line 2") && entry.contains("bad: cut off")),
            "{text}"
        );
    }
}

#[test]
fn a_record_over_the_bound_is_skipped_and_its_start_kept() {
    let huge = format!("{{\"a\":\"{}\"}}", "x".repeat(3 * WINDOW_BYTES));
    let exact = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX - 8));
    assert_eq!(exact.len(), MAX);
    for text in [
        format!("{{}}\r\n{huge}\r\n{exact}\r\n"),
        format!("[{{}},\n{huge},\n{exact}]"),
        format!("[{{}}]\n{huge}\n{exact}"),
    ] {
        let (entries, error) = read(&text);
        assert_eq!(error, None);
        let [Entry::Record(_), Entry::Bad(bad), Entry::Record(last)] = &entries[..] else {
            panic!("{entries:?}")
        };
        assert_eq!(bad.place.line, 2);
        assert_eq!(bad.reason, "longer than 4096 bytes (import.record_bytes_max)");
        assert_eq!(bad.raw, huge.as_bytes()[..MAX]);
        assert_eq!((last.place.line, last.text.as_slice()), (3, exact.as_bytes()));
    }
}

#[test]
fn a_long_first_line_does_not_hide_the_shape() {
    let filler = "x".repeat(2 * WINDOW_BYTES);
    let text = format!("{{\"note\":\"{filler}\"}}\n{{\"a\":2}}\n");
    assert_eq!(shown(&text)[1], "line 2: {\"a\":2}");
    let text = format!(
        "{{\"jsonrpc\":\"2.0\",\"note\":\"{filler}\",\"result\":{{\"items\":[{{\"a\":1}}]}}}}\n{{\"a\":2}}"
    );
    assert_eq!(shown(&text), ["line 1, item 1: {\"a\":1}", "line 2: {\"a\":2}"]);
}

#[test]
fn a_truncated_gzip_gives_what_came_before() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    for line in 0..10_000 {
        writeln!(encoder, "{{\"line\":{line}}}").unwrap();
    }
    let whole = encoder.finish().unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&whole[..whole.len() / 2]).unwrap();
    let source = Source::new(Input::Path(file.path().into()), Arc::new(Progress::default()));
    let mut records = Records::open(&Arc::new(source), MAX).unwrap();
    let before = records.by_ref().take_while(Result::is_ok).count();
    assert!((1000..6000).contains(&before), "{before}");
    assert!(records.next().is_none());
}

#[test]
fn a_failure_while_spooling_comes_behind_what_was_read() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("no more"))
        }
    }
    let stream = Box::new(Cursor::new(b"{\"items\":[{\"a\":1},{\"a\":2}".to_vec()).chain(Broken));
    let seen: Vec<_> = Records::of(stream, MAX, Scout::Spool).collect();
    assert!(matches!(&seen[..], [Ok(_), Ok(_), Err(ReadError::Read { line: 1, .. })]), "{seen:?}");
}

/// A single line of some 200 MB, made as it is read, with one element that is far over the bound.
#[test]
fn memory_does_not_grow_with_the_input() {
    const ELEMENTS: u64 = 3000;
    const HUGE: u64 = 1500;
    const BOUND: usize = 128 * 1024;
    let element = |number: u64| {
        let length = if number == HUGE { 20_000_000 } else { 60_000 };
        let start = Cursor::new(format!("{{\"id\":{number},\"text\":\"").into_bytes());
        start.chain(io::repeat(b'x').take(length)).chain(Cursor::new(b"\"}, ".to_vec()))
    };
    let mut number = 0;
    let mut current = element(0);
    let body = ReadFn(move |buffer: &mut [u8]| {
        loop {
            let count = current.read(buffer)?;
            if count > 0 || number == ELEMENTS {
                return Ok(count);
            }
            number += 1;
            current = element(number);
        }
    });
    let stream = Cursor::new(b"[".to_vec()).chain(body).chain(Cursor::new(b"null]".to_vec()));
    let mut values = Values::new(Window::open(Box::new(stream)), BOUND, Scout::Itself);
    let (mut good, mut bad) = (0, 0);
    while let Some(entry) = values.next().unwrap() {
        assert!(values.held_bytes() <= WINDOW_BYTES);
        let held = match entry {
            Entry::Record(record) => {
                good += 1;
                record.text.capacity()
            }
            Entry::Bad(record) => {
                bad += 1;
                record.raw.capacity()
            }
        };
        assert!(held <= 2 * BOUND, "{held}");
    }
    assert_eq!((good, bad), (ELEMENTS, 1));
}

struct ReadFn<F>(F);

impl<F: FnMut(&mut [u8]) -> io::Result<usize>> Read for ReadFn<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (self.0)(buffer)
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["[a-z{}\\[\\],:\"\\\\]{0,8}", "\\PC{0,4}", Just("\n\u{1}".to_owned())];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![vec(inner.clone(), 0..4).prop_map(Value::from), any_object(inner)]
    })
}

fn any_object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let key = prop_oneof!["[a-z{}\\[\\],:\"\\\\]{0,6}", Just("last_indexed_slot".to_owned())];
    vec((key, inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect()))
}

/// The text of a value with blanks between its tokens, as `blanks` has them in turn.
fn spread(value: &Value, blanks: &mut dyn Iterator<Item = &'static str>, out: &mut String) {
    let mut list = |open: char, close: char, parts: Vec<(Option<&String>, &Value)>| {
        out.push(open);
        for (at, (key, value)) in parts.into_iter().enumerate() {
            out.push_str(if at == 0 { "" } else { "," });
            out.push_str(blanks.next().unwrap());
            if let Some(key) = key {
                out.push_str(&json!(key).to_string());
                out.push_str(blanks.next().unwrap());
                out.push(':');
                out.push_str(blanks.next().unwrap());
            }
            spread(value, blanks, out);
            out.push_str(blanks.next().unwrap());
        }
        out.push(close);
    };
    match value {
        Value::Array(values) => list('[', ']', values.iter().map(|value| (None, value)).collect()),
        Value::Object(members) => {
            list('{', '}', members.iter().map(|(key, value)| (Some(key), value)).collect());
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

proptest! {
    #[test]
    fn the_splitter_sees_what_a_parser_sees(
        elements in vec(prop_oneof![1 => Just(Value::Null), 4 => any_object(any_json())], 0..6),
        shape in 0..5,
        blanks in vec(prop_oneof![Just(""), Just(" "), Just("\n  "), Just("\r\n\t"), Just("\n ")], 1..9),
        counts in vec(1..9_usize, 1..5),
    ) {
        let list = Value::Array(elements.clone());
        let (whole, slot) = match shape {
            0 => (list, None),
            1 => (json!({"result": list, "id": 1}), None),
            2 => (json!({"result": {"items": list, "total": {"items": [1]}}, "id": 1}), None),
            // A map sorts its keys: "items" comes before the slot, "result" before "x".
            3 => (json!({"items": list, "last_indexed_slot": 5, "x": [{}]}), Slot::new(5)),
            _ => (json!({"result": {"a": 0, "items": list, "last_indexed_slot": 5}, "x": {}}), Slot::new(5)),
        };
        let mut text = String::new();
        spread(&whole, &mut blanks.iter().copied().cycle(), &mut text);
        let (entries, error) = read_in(text.as_bytes(), &counts);
        prop_assert_eq!(error, None);
        let mut expected = (1..).zip(&elements).filter(|(_, element)| !element.is_null());
        for entry in entries {
            let Entry::Record(record) = entry else { panic!("{entry:?} in {text}") };
            let (item, element) = expected.next().unwrap();
            prop_assert_eq!(record.place.item, Some(item));
            prop_assert_eq!(&serde_json::from_slice::<Value>(&record.text).unwrap(), element);
            prop_assert_eq!(record.stated_slot, slot);
        }
        prop_assert_eq!(expected.next(), None);
    }

    #[test]
    fn no_line_disturbs_another(
        lines in vec(prop_oneof![3 => any::<u64>().prop_map(Ok), 2 => "[^\n]{0,20}|\\{\"[a-z]{0,4}[\\[{\":,]{0,5}".prop_map(Err)], 0..8),
        feed in prop_oneof![Just("\n"), Just("\r\n")],
        counts in vec(1..9_usize, 1..5),
    ) {
        let mut text = format!("{{\"first\":0}}{feed}");
        for line in &lines {
            let line = line.as_ref().map_or_else(String::clone, |number| json!({"n": number}).to_string());
            text.extend([line.as_str(), feed]);
        }
        let (entries, error) = read_in(text.as_bytes(), &counts);
        prop_assert_eq!(error, None);
        for (line, number) in (2..).zip(&lines).filter_map(|(line, number)| Some((line, number.as_ref().ok()?))) {
            let expected = Entry::Record(Record {
                place: Place { line, item: None },
                text: json!({"n": number}).to_string().into(),
                stated_slot: None,
            });
            prop_assert_eq!(entries.iter().filter(|entry| **entry == expected).count(), 1);
        }
    }

    #[test]
    fn no_input_is_too_odd(text in "([\\[\\]{},:\"\\\\\n a1]|\"items\":|\"result\":|\"last_indexed_slot\":){0,40}", counts in vec(1..9_usize, 1..4)) {
        let bytes = text.len();
        let (entries, _) = read_in(text.as_bytes(), &counts);
        prop_assert!(entries.len() <= bytes);
    }
}
