//! Nothing that a client can put into a body is a fault of the server's.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Deserialize;
use serde_json::{Value, json};
use vitrine_tests::raw::{Raw, RawReply, post};

use super::{World, call, collection, page};

/// How many mutated requests are sent.
const MUTATIONS: usize = 600;

/// A body, and the error that it gets in the Helius dialect: code and id.
type Case = (Vec<u8>, i64, Value);

fn group(value: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":5,"method":"getAssetsByGroup","params":{{"groupKey":"collection","groupValue":{value}}}}}"#
    )
}

fn bodies() -> Vec<Case> {
    let nobody = Value::Null;
    let of = |body: &str, code, id: Value| (body.as_bytes().to_vec(), code, id);
    let key = collection();
    let short = bs58(&[9; 31]);
    let long = bs58(&[9; 33]);
    vec![
        of("", -32700, nobody.clone()),
        of("nope", -32700, nobody.clone()),
        of("{", -32700, nobody.clone()),
        of("\0", -32700, nobody.clone()),
        of(&"[".repeat(10_000), -32700, nobody.clone()),
        of(&["[".repeat(10_000), "]".repeat(10_000)].concat(), -32700, nobody.clone()),
        of(&[r#"{"a":"#.repeat(10_000), "1".to_owned(), "}".repeat(10_000)].concat(), -32700, nobody.clone()),
        (b"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"\xff\"}".to_vec(), -32700, nobody.clone()),
        (
            b"\xef\xbb\xbf{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"getHealth\"}".to_vec(),
            -32700,
            nobody.clone(),
        ),
        of(r#"{"jsonrpc":"2.0","id":5,"method":"get\ud800"}"#, -32600, json!(5)),
        of(r#"{"jsonrpc":"2.0","id":5,"method":"a","method":"b"}"#, -32600, nobody.clone()),
        of(r#"{"jsonrpc":"2.0","id":5,"id":6,"method":"getHealth"}"#, -32600, nobody.clone()),
        of(r#"{"jsonrpc":"2.0","id":{},"method":"getHealth"}"#, -32600, nobody.clone()),
        of(r#"{"jsonrpc":"2.0","id":5,"method":"getNothing"}"#, -32601, json!(5)),
        of(r#"{"jsonrpc":"2.0","id":5,"method":""}"#, -32601, json!(5)),
        of(r#"{"jsonrpc":"2.0","id":5,"method":"getAssetsByGroup","params":7}"#, -32602, json!(5)),
        of(r#"{"jsonrpc":"2.0","id":5,"method":"getAssetsByGroup"}"#, -32602, json!(5)),
        of(&format!("[{}]", vec!["1"; 101].join(",")), -32600, nobody.clone()),
        of(&format!("[{}]", vec!["{}"; 100_000].join(",")), -32600, nobody.clone()),
        of(&group(r#""\ud800""#), -32602, json!(5)),
        of(&group(r#""\u0000""#), -32602, json!(5)),
        of(&group(&format!("\"{short}\"")), -32602, json!(5)),
        of(&group(&format!("\"{long}\"")), -32602, json!(5)),
        of(&group(&format!("\"{}0OIl\"", &key[4..])), -32602, json!(5)),
        of(&group(&format!("\"{}\"", "1".repeat(500_000))), -32602, json!(5)),
        of(&group(r#""","groupValue":"""#), -32602, json!(5)),
        of(&group(r#""","sortBy":{"sortBy":"id","sortBy":"id"}"#), -32602, json!(5)),
        of(&group(&format!(r#""{key}","limit":1e999"#)), -32602, json!(5)),
        of(&group(&format!(r#""{key}","limit":-0"#)), -32602, json!(5)),
        of(&group(&format!(r#""{key}","page":99999999999999999999"#)), -32602, json!(5)),
        of(&group(&format!(r#""{key}","limit":1001"#)), -32602, json!(5)),
    ]
}

/// Base58, for pubkeys of the wrong length.
fn bs58(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut digits: Vec<usize> = Vec::new();
    for byte in bytes {
        let mut carry = usize::from(*byte);
        for digit in &mut digits {
            carry += *digit << 8;
            *digit = carry % 58;
            carry /= 58;
        }
        while carry > 0 {
            digits.push(carry % 58);
            carry /= 58;
        }
    }
    digits.iter().rev().map(|digit| char::from(DIGITS[*digit])).collect()
}

#[tokio::test]
async fn bad_bodies_get_their_documented_errors() {
    let world = World::new(&[]).await;
    // All over one connection each: a bad body is no reason to close it.
    for (door, path) in world.doors().iter().enumerate() {
        let mut raw = Raw::connect(&world.server).await;
        for (body, code, id) in bodies() {
            let shown = String::from_utf8_lossy(&body[..body.len().min(100)]).into_owned();
            let reply = raw.exchange(&post(path, &[], &body)).await;
            let status = match (door, code) {
                (0, -32700 | -32600 | -32602) => 400,
                (2, -32601) => 403,
                _ => 200,
            };
            let answer = reply.json();
            assert_eq!(answer["error"]["code"], json!(code), "{path} {shown}: {answer}");
            assert_eq!((reply.status, &answer["id"]), (status, &id), "{path} {shown}: {answer}");
            assert_eq!(answer["jsonrpc"], json!("2.0"));
        }
        let reply = raw.exchange(&post(path, &[], page("still here", 1).as_bytes())).await;
        assert_eq!((reply.status, &reply.json()["id"]), (200, &json!("still here")));
    }
}

/// A value that is right for a parameter is not among those that are wrong for it.
fn wrong_values(right: &str) -> Vec<Value> {
    let all = [
        ("number", json!(1)),
        ("number", json!(0)),
        ("", json!(-1)),
        ("", json!(1.5)),
        ("", json!(4_294_967_296_u64)),
        ("bool", json!(true)),
        ("", json!("no such thing: 0OIl")),
        ("", json!([])),
        ("", json!([1])),
        ("object", json!({})),
        ("", json!([{}])),
    ];
    all.into_iter().filter(|(kind, _)| *kind != right).map(|(_, value)| value).collect()
}

#[tokio::test]
async fn wrong_types_in_every_parameter() {
    let world = World::new(&[]).await;
    let path = &world.doors()[0];
    let mut raw = Raw::connect(&world.server).await;
    // Parameter, what it is, where it stands.
    let shared = [
        ("sortBy", "object", ""),
        ("sortBy", "text", "sortBy"),
        ("sortDirection", "text", "sortBy"),
        ("limit", "number", ""),
        ("page", "number", ""),
        ("before", "text", ""),
        ("after", "text", ""),
        ("cursor", "text", ""),
        ("options", "object", ""),
        ("displayOptions", "object", ""),
        ("showUnverifiedCollections", "bool", "options"),
        ("showCollectionMetadata", "bool", "options"),
        ("showGrandTotal", "bool", "options"),
        ("showFungible", "bool", "options"),
        ("showInscription", "bool", "options"),
    ];
    let methods = [
        ("getAssetsByGroup", json!({ "groupKey": "collection", "groupValue": collection() })),
        ("getAssetsByAuthority", json!({ "authorityAddress": collection() })),
        ("getAssetsByOwner", json!({ "ownerAddress": collection() })),
        ("getAssetsByCreator", json!({ "creatorAddress": collection() })),
    ];
    let mut tried = 0;
    for (method, right) in methods {
        let own: Vec<(&str, &str, &str)> =
            right.as_object().unwrap().keys().map(|name| (name.as_str(), "text", "")).collect();
        for (name, kind, within) in own.into_iter().chain(shared) {
            for wrong in wrong_values(kind) {
                // Any text is the key of a group.
                if name == "groupKey" && wrong.is_string() {
                    continue;
                }
                let mut params = right.clone();
                if within.is_empty() {
                    params[name] = wrong.clone();
                } else {
                    params[within] = json!({ name: wrong });
                }
                let reply =
                    raw.exchange(&post(path, &[], call(tried, method, params.clone()).as_bytes())).await;
                let answer = reply.json();
                assert_eq!(
                    (reply.status, &answer["error"]["code"]),
                    (400, &json!(-32602)),
                    "{params}: {answer}"
                );
                assert_eq!(answer["id"], json!(tried));
                let field = answer["error"]["data"]["field"].as_str().unwrap();
                let named = if name == "displayOptions" { "options" } else { name };
                assert!(field == named || field == format!("{within}.{name}"), "{params}: {answer}");
                tried += 1;
            }
        }
    }
    assert!(tried > 300, "{tried}");
}

/// JSON-RPC as it has to be; the answers of a single call or of a batch.
fn well_formed(reply: &RawReply) -> Vec<Value> {
    if reply.status == 204 {
        assert!(reply.body.is_empty());
        return Vec::new();
    }
    let answer = reply.json();
    let answers = match answer {
        Value::Array(answers) => {
            assert!(!answers.is_empty());
            answers
        }
        one => vec![one],
    };
    for answer in &answers {
        let members = answer.as_object().unwrap();
        assert_eq!(members["jsonrpc"], json!("2.0"));
        assert!(members.contains_key("id") && members.len() == 3, "{answer}");
        let error = match (members.get("result"), members.get("error")) {
            (Some(_), None) => continue,
            (None, Some(error)) => error,
            _ => panic!("either a result or an error: {answer}"),
        };
        assert!(error["code"].is_i64() && error["message"].is_string(), "{answer}");
    }
    answers
}

/// A body with a few of its bytes changed.
fn mutate(random: &mut StdRng, body: &str) -> Vec<u8> {
    const PIECES: [&[u8]; 20] = [
        b"null",
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b":",
        b"\"",
        b"\\",
        b"\\u0000",
        b"\\ud83d",
        b"1e999",
        b"-",
        b"0.1",
        b"true",
        b"\0",
        b"\xff",
        b"\xc3",
        b" ",
        b"{\"id\":1}",
    ];
    let mut bytes = body.as_bytes().to_vec();
    for _ in 0..random.random_range(1..4) {
        let at = random.random_range(0..=bytes.len());
        let to = (at + random.random_range(0..12)).min(bytes.len());
        match random.random_range(0..5) {
            0 => drop(bytes.drain(at..to)),
            1 => drop(bytes.splice(at..to, PIECES[random.random_range(0..PIECES.len())].iter().copied())),
            2 => bytes.truncate(at),
            3 if at < bytes.len() => bytes[at] = random.random(),
            _ => {
                let again = bytes[at..to].to_vec();
                drop(bytes.splice(at..at, again));
            }
        }
    }
    bytes
}

/// What of a request is needed to know the id that its answer must have.
#[derive(Deserialize)]
struct Readable {
    id: Option<Value>,
}

#[tokio::test]
async fn mutated_requests_get_well_formed_answers() {
    let world = World::new(&[]).await;
    let sorted = json!({
        "groupKey": "collection", "groupValue": collection(), "page": 1, "limit": 3,
        "sortBy": { "sortBy": "created", "sortDirection": "asc" },
        "options": { "showGrandTotal": true, "showCollectionMetadata": true },
    });
    let requests = [
        page(71, 2),
        call("an id", "getAssetsByGroup", sorted),
        call(
            71,
            "getAssetsByGroup",
            json!(["collection", collection(), null, 2, 1, null, null, { "showFungible": true }]),
        ),
        call(71, "getAssetsByAuthority", json!({ "authorityAddress": collection(), "after": collection() })),
        format!("[{},{},{}]", page(1, 1), page(2, 1), call(3, "getHealth", json!([]))),
    ];
    let paths = world.doors();
    let seed: u64 = 0x5eed;
    let mut random = StdRng::seed_from_u64(seed);
    let mut raw = Raw::connect(&world.server).await;
    let (mut errors, mut results) = (0, 0);
    for number in 0..MUTATIONS {
        let body = mutate(&mut random, &requests[number % requests.len()]);
        let shown = String::from_utf8_lossy(&body).into_owned();
        let reply = raw.exchange(&post(&paths[number / 7 % 3], &[], &body)).await;
        assert!(reply.status < 500, "seed {seed}, {number}: {} for {shown}", reply.status);
        let answers = well_formed(&reply);
        errors += answers.iter().filter(|answer| answer.get("error").is_some()).count();
        results += answers.iter().filter(|answer| answer.get("result").is_some()).count();
        // What is no text is not JSON, although serde_json passes over it where nobody asks for the value.
        let text = String::from_utf8(body).unwrap_or_default();
        let readable = serde_json::from_str::<Readable>(&text).ok().filter(|_| !text.starts_with('['));
        if let (Some(Readable { id: Some(id) }), [answer]) = (readable, answers.as_slice()) {
            // What has a member twice is no request, and nobody's.
            let no_request = answer["error"]["code"] == json!(-32600) && answer["id"].is_null();
            assert!(answer["id"] == id || no_request, "{shown}: {answer}");
        }
    }
    assert!(errors > MUTATIONS / 3 && results > MUTATIONS / 20, "{errors} errors, {results} results");
    let log = {
        let World { mut server, .. } = world;
        server.output()
    };
    assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
}

#[tokio::test]
async fn what_is_no_http_gets_no_answer_or_a_400() {
    let world = World::new(&[]).await;
    let mut random = StdRng::seed_from_u64(7);
    let good = post(&world.doors()[0], &["accept: */*"], page(1, 1).as_bytes());
    for number in 0..150 {
        let mut bytes = good.clone();
        // The head only: a body that is announced and does not come is another matter.
        for _ in 0..3 {
            let at = random.random_range(0..60);
            bytes[at] = random.random();
        }
        let mut raw = Raw::connect(&world.server).await;
        raw.send(&bytes).await.unwrap();
        // Some mutations make a head that never ends, or a longer body: then the client has to.
        raw.finish().await;
        if let Some(reply) = raw.reply().await {
            assert!(reply.status < 500, "{number}: {} for {}", reply.status, String::from_utf8_lossy(&bytes));
        }
    }
    assert_eq!(world.server.client().get("/health").await.status, 200);
}
