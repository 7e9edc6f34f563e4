//! Lines in every form, good and bad.

#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use vitrine_store::AccountContent;

use super::*;
use crate::source::Place;

const ADDRESS: &str = "843gdpsTE4DoJz3ZoBsEjAqT8UgAcyF5YojygGgGZE1f";
const TOKEN: &str = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA";
const METADATA: &str = "metaqbxxUerdq28cj1RbAWkYQm3ybzjb6a8bt518x1s";

fn line(text: &str) -> Result<Told, BadRecord> {
    read(Record { place: Place { line: 7, item: None }, text: text.as_bytes().to_vec(), stated_slot: None })
}

fn account_line(data: &[u8], encoding: &str) -> String {
    let data = STANDARD.encode(data);
    format!(
        r#"{{"account":{{"slot":5,"write_version":3,"pubkey":"{ADDRESS}","lamports":1,"owner":"{TOKEN}","rentEpoch":0,"data":["{data}","{encoding}"]}}}}"#
    )
}

/// A mint with a supply of 1.
fn mint() -> Vec<u8> {
    let mut mint = vec![0; 82];
    mint[36] = 1;
    mint[45] = 1;
    mint
}

#[test]
fn an_account_in_each_encoding_is_the_same() {
    let plain = line(&account_line(&mint(), "base64")).unwrap();
    let seen = &plain.accounts[0];
    assert_eq!((plain.slot.get(), seen.write_version), (5, 3));
    assert!(matches!(&seen.content, AccountContent::Data { data, .. } if *data == mint()));
    for encoding in ["base64+zstd", "zstd+base64"] {
        let packed = zstd::encode_all(&mint()[..], 3).unwrap();
        let told = line(&account_line(&packed, encoding)).unwrap().unpacked();
        assert_eq!(told.accounts, plain.accounts);
    }
}

#[test]
fn what_is_packed_stays_packed_until_a_batch_takes_it_and_counts_whole() {
    // A metadata account: nothing is read of the room behind its members.
    let mut padded = vec![4];
    padded.extend([7; 64]);
    padded.resize(ACCOUNT_BYTES_MAX, 0);
    let frame = zstd::encode_all(&padded[..], 3).unwrap();
    let text = account_line(&frame, "base64+zstd").replace(TOKEN, METADATA);
    let told = line(&text).unwrap();
    assert!(text.len() < 10_000 && told.bytes == text.len() + ACCOUNT_BYTES_MAX);
    assert!(
        matches!(&told.accounts[0].content, AccountContent::Data { data, .. } if data.is_empty()),
        "the bytes wait in their frame"
    );
    let told = told.unpacked();
    assert!(matches!(&told.accounts[0].content, AccountContent::Data { data, .. } if *data == padded));
    let plain = account_line(&padded, "base64").replace(TOKEN, METADATA);
    assert_eq!(line(&plain).unwrap().accounts, told.accounts);
}

#[test]
fn a_frame_that_wants_a_large_window_is_refused() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(WINDOW_LOG_MAX + 1).unwrap();
    std::io::Write::write_all(&mut encoder, &mint()).unwrap();
    let bad = line(&account_line(&encoder.finish().unwrap(), "base64+zstd")).unwrap_err();
    assert!(bad.reason.contains("the account: data: ") && bad.reason.contains("memory"), "{}", bad.reason);
}

#[test]
fn an_account_that_does_not_decode_is_a_dead_letter() {
    let text = account_line(&[1; 70], "base64");
    let told = line(&text).unwrap();
    let letter = told.dead_letter.unwrap();
    assert_eq!((letter.kind, letter.slot.get(), letter.input.as_str()), ("account", 5, text.as_str()));
    assert_eq!(letter.key, ADDRESS.parse::<Pubkey>().unwrap().as_bytes());
    assert!(told.accounts.is_empty() && !letter.reason.is_empty());
}

/// A transaction that moves lamports, in a form.
fn transaction_line(transaction: &Value) -> String {
    json!({ "transaction": transaction }).to_string()
}

fn signature() -> String {
    bs58::encode([3; 64]).into_string()
}

/// As `getTransaction` answers it.
fn transaction() -> Value {
    json!({
        "slot": 9, "version": "legacy",
        "meta": {"err": null, "innerInstructions": [], "loadedAddresses": {"writable": [], "readonly": []}},
        "transaction": {
            "signatures": [signature()],
            "message": {"accountKeys": [ADDRESS], "instructions": [{"programIdIndex": 0, "accounts": [0], "data": "1"}]},
        },
    })
}

/// The bytes of the same.
fn packet(version: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1];
    bytes.extend([3; 64]);
    bytes.extend(version);
    bytes.extend([1, 0, 1, 1]);
    bytes.extend(ADDRESS.parse::<Pubkey>().unwrap().as_bytes());
    bytes.extend([8; 32]);
    bytes.extend([1, 0, 1, 0, 1, 0]);
    bytes
}

/// The transaction with one thing changed, by its JSON pointer; the parent is there.
fn with(pointer: &str, value: Value) -> String {
    let mut record = transaction();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    record.pointer_mut(parent).unwrap()[name] = value;
    transaction_line(&record)
}

fn encoded(bytes: &[u8], encoding: &str) -> String {
    let text = if encoding == "base58" { bs58::encode(bytes).into_string() } else { STANDARD.encode(bytes) };
    with("/transaction", json!([text, encoding]))
}

#[test]
fn each_form_of_a_transaction_is_read() {
    let flat = json!({
        "slot": 9, "signature": signature(), "version": 0, "accountKeys": [ADDRESS], "innerInstructions": [],
        "instructions": [{"programIdIndex": 0, "accounts": [], "data": ""}],
    });
    let mut failed = transaction();
    failed["meta"] = json!({"err": {"InstructionError": [0, "Custom"]}});
    for text in [
        transaction_line(&transaction()),
        with("/version", json!(0)),
        with("/meta/loadedAddresses", json!(null)),
        encoded(&packet(&[]), "base64"),
        encoded(&packet(&[]), "base58"),
        transaction_line(&flat),
        transaction_line(&failed),
    ] {
        let told = line(&text).unwrap_or_else(|bad| panic!("{text}: {}", bad.reason));
        assert_eq!((told.slot.get(), told.dead_letter), (9, None), "{text}");
    }
}

#[test]
fn a_transaction_of_tomorrow_is_a_dead_letter_by_its_name() {
    for text in [
        with("/version", json!(1)),
        with("/transaction/message/accountKeys", json!([])),
        encoded(&packet(&[0x81]), "base64"),
        encoded(&packet(&[0x81]), "base58"),
    ] {
        let letter = line(&text).unwrap().dead_letter.unwrap();
        assert_eq!((letter.kind, letter.slot.get(), letter.key), ("transaction", 9, vec![3; 64]), "{text}");
        assert_eq!(letter.input, text);
    }
}

/// What a source has to tell otherwise is bad, and the reason names the member.
#[test]
fn a_wrong_form_is_bad_and_names_its_member() {
    let account = |from: &str, to: &str| {
        let text = account_line(&mint(), "base64");
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    let cases = [
        // getAccountInfo, as it is: nobody says whose it is.
        (r#"{"account":{"context":{"slot":5},"value":{"lamports":1}}}"#.to_owned(), "missing field `slot`"),
        // getProgramAccounts, as it is: nobody says as of when.
        (format!(r#"{{"account":{{"pubkey":"{ADDRESS}","account":{{}}}}}}"#), "missing field `slot`"),
        (account("\"lamports\":1", "\"lamports\":\"1\""), "lamports: invalid type"),
        (account("\"slot\":5", "\"slot\":-5"), "slot: invalid value"),
        (account("\"data\":[", "\"data\":{\"parsed\":1},\"other\":["), "data: invalid type: map"),
        (account("\"data\":[", "\"data\":\"z\",\"other\":["), "data: invalid type: string"),
        (account("\"base64\"", "\"base58\""), "data: the encoding \"base58\""),
        (account("\"base64\"", "7"), "data[1]: invalid type"),
        (account(TOKEN, "Token"), "owner: "),
        (account(ADDRESS, "11"), "pubkey: "),
        (with("/meta", json!(null)), "no meta"),
        (with("/meta/innerInstructions", json!(null)), "no innerInstructions"),
        (with("/meta/innerInstructions", json!([{"index": "0"}])), "innerInstructions[0].index: "),
        (with("/transaction/signatures", json!([])), "not signed"),
        (with("/transaction/signatures", json!(["1"])), "signatures[0]: "),
        (with("/transaction/message/accountKeys", json!([{"pubkey": ADDRESS}])), "\"jsonParsed\""),
        (with("/transaction/message/accountKeys", json!(["0"])), "message.accountKeys[0]: "),
        (
            with("/transaction/message/instructions", json!([{"programIdIndex": 256}])),
            "instructions[0].programIdIndex: ",
        ),
        (
            with(
                "/transaction/message/instructions",
                json!([{"programIdIndex": 0, "accounts": [0], "data": "0"}]),
            ),
            "instructions[0].data: ",
        ),
        (with("/transaction", json!("3Bxs")), "invalid type: string"),
        (with("/transaction", json!(["AQ==", "base16"])), "the encoding \"base16\""),
        (with("/transaction", json!(["A", "base64"])), "transaction: "),
        (with("/slot", json!(u64::MAX)), "no slot"),
        (with("/slot", json!("9")), "slot: invalid type"),
    ];
    for (text, reason) in cases {
        let bad = line(&text).unwrap_err();
        assert!(bad.reason.contains(reason), "{text:.200}: {}", bad.reason);
        assert!(
            bad.reason.starts_with("the account: ") || bad.reason.starts_with("the transaction: "),
            "{}",
            bad.reason
        );
    }
}

#[test]
fn a_write_version_has_two_spellings() {
    let text = account_line(&mint(), "base64");
    let told = line(&text.replace("write_version", "writeVersion")).unwrap();
    assert_eq!(told.accounts, line(&text).unwrap().accounts);
    assert_eq!(told.accounts[0].write_version, 3);
}

#[test]
fn what_is_neither_is_bad() {
    let bomb = zstd::encode_all(&vec![0; ACCOUNT_BYTES_MAX + 1][..], 1).unwrap();
    let cases = [
        ("{".to_owned(), "EOF"),
        ("[1]".to_owned(), "invalid"),
        ("{}".to_owned(), "neither"),
        (r#"{"account":{},"transaction":{}}"#.to_owned(), "at once"),
        (r#"{"account":{"slot":1}}"#.to_owned(), "missing field"),
        (r#"{"transaction":{"slot":1}}"#.to_owned(), "transaction"),
        (account_line(&mint(), "base64").replace(ADDRESS, "x"), "pubkey"),
        (account_line(&mint(), "base58"), "base58"),
        (account_line(&mint(), "base64").replace("[\"", "[\"%"), "data"),
        (account_line(&mint(), "base64+zstd"), "data"),
        (account_line(&bomb, "base64+zstd"), "more than"),
        (account_line(&mint(), "base64").replace(":5,", ":18446744073709551615,"), "no slot"),
        (account_line(&mint(), "base64").replace(":3,", ":18446744073709551615,"), "write_version"),
    ];
    for (text, reason) in cases {
        let bad = line(&text).unwrap_err();
        assert!(bad.reason.contains(reason), "{text:.100}: {}", bad.reason);
        assert_eq!((bad.place.line, bad.raw.as_slice()), (7, text.as_bytes()));
    }
    let bad = read(Record { place: Place { line: 1, item: None }, text: vec![0xff], stated_slot: None });
    assert_eq!(bad.unwrap_err().reason, "not UTF-8: byte 1 of it is invalid");
}
