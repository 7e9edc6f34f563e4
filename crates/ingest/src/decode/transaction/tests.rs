//! The same transactions in all forms, and what is refused.

#![expect(clippy::unwrap_used, reason = "tests")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn key(byte: u8) -> Pubkey {
    Pubkey::from_bytes([byte; 32])
}

fn texts(bytes: &[u8]) -> Vec<String> {
    bytes.iter().map(|&byte| key(byte).to_string()).collect()
}

fn name() -> String {
    bs58::encode([9; 64]).into_string()
}

/// An instruction with these numbers: of its program, of its accounts, and its data.
fn instruction(program: u8, accounts: &[u8], data: &[u8], height: Option<u32>) -> Value {
    let data = bs58::encode(data).into_string();
    json!({"programIdIndex": program, "accounts": accounts, "data": data, "stackHeight": height})
}

/// Two instructions over the static accounts 1 and 2 and the loaded ones 3 (writable) and 4; the second one calls.
fn meta(heights: [Option<u32>; 4]) -> Value {
    let calls: Vec<Value> =
        heights.iter().zip(1..).map(|(height, data)| instruction(1, &[0], &[data], *height)).collect();
    json!({
        "err": null,
        "innerInstructions": [{"index": 1, "instructions": calls}],
        "loadedAddresses": {"writable": texts(&[3]), "readonly": texts(&[4])},
    })
}

const HEIGHTS: [Option<u32>; 4] = [Some(2), Some(3), Some(3), Some(2)];

fn outer() -> Value {
    json!([instruction(0, &[], &[], None), instruction(3, &[2, 0], &[0, 0, 255], Some(1))])
}

fn plain() -> Value {
    json!({
        "slot": 5, "blockTime": 1_700_000_000, "version": 0, "meta": meta(HEIGHTS),
        "transaction": {
            "signatures": [name()],
            "message": {
                "accountKeys": texts(&[1, 2]),
                "header": {"numRequiredSignatures": 1},
                "instructions": outer(),
                "addressTableLookups": [
                    {"accountKey": key(7).to_string(), "writableIndexes": [4], "readonlyIndexes": [6]},
                ],
            },
        },
    })
}

/// The bytes of the same transaction.
fn wire() -> Vec<u8> {
    let mut bytes = vec![1];
    bytes.extend([9; 64]);
    bytes.extend([0x80, 1, 0, 1, 2]);
    bytes.extend([[1; 32], [2; 32], [8; 32]].as_flattened());
    bytes.extend([2, 0, 0, 0, 3, 2, 2, 0, 3, 0, 0, 255, 1]);
    bytes.extend([7; 32]);
    bytes.extend([1, 4, 1, 6]);
    bytes
}

fn encoded(bytes: &[u8]) -> Value {
    let mut record = plain();
    record["transaction"] = json!([STANDARD.encode(bytes), "base64"]);
    record
}

fn flat() -> Value {
    let mut record = meta(HEIGHTS);
    record["slot"] = json!(5);
    record["blockTime"] = json!(1_700_000_000);
    record["signature"] = json!(name());
    record["accountKeys"] = json!(texts(&[1, 2, 3, 4]));
    record["instructions"] = outer();
    record["loadedAddresses"] = Value::Null;
    record
}

fn read(record: &Value) -> Result<Transaction, TransactionError> {
    Transaction::from_json(&record.to_string())
}

fn refusal(record: &Value) -> String {
    read(record).unwrap_err().to_string()
}

fn calls(transaction: &Transaction, at: usize) -> Vec<usize> {
    transaction.calls(at).map(|(at, _)| at).collect()
}

#[test]
fn all_forms_give_the_same_instructions() {
    let transaction = read(&plain()).unwrap();
    let call = |data, height| Instruction {
        program: key(2),
        accounts: vec![key(1)],
        data: vec![data],
        outer: 1,
        height: Some(height),
    };
    let first = Instruction { program: key(1), accounts: vec![], data: vec![], outer: 0, height: Some(1) };
    let second = Instruction {
        program: key(4),
        accounts: vec![key(3), key(1)],
        data: vec![0, 0, 255],
        outer: 1,
        height: Some(1),
    };
    let expected = Transaction {
        slot: Slot::new(5).unwrap(),
        signature: Signature::from_bytes([9; 64]),
        block_time: Some(1_700_000_000),
        succeeded: true,
        instructions: vec![first, second, call(1, 2), call(2, 3), call(3, 3), call(4, 2)],
    };
    assert_eq!(transaction, expected);
    assert_eq!(transaction.signature.to_string(), name());
    assert_eq!(read(&encoded(&wire())).unwrap(), expected);
    let mut base58 = encoded(&wire());
    base58["transaction"] = json!([bs58::encode(wire()).into_string(), "base58"]);
    assert_eq!(read(&base58).unwrap(), expected);
    assert_eq!(read(&flat()).unwrap(), expected);
}

#[test]
fn a_legacy_transaction_has_no_version_and_no_lookups() {
    let mut bytes = wire();
    bytes.remove(65);
    bytes.truncate(bytes.len() - 37);
    let mut record = encoded(&bytes);
    record["meta"]["loadedAddresses"] = Value::Null;
    assert_eq!(refusal(&record), "account 3 of 2");
    record["meta"]["loadedAddresses"] = json!({"writable": texts(&[3, 4]), "readonly": []});
    assert_eq!(refusal(&record), "2 loaded addresses where the message looks up 0");
    let programs = bytes.len() - 10;
    assert_eq!(bytes[programs..], [0, 0, 3, 2, 2, 0, 3, 0, 0, 255][..]);
    bytes[programs + 2] = 1;
    bytes[programs + 4] = 1;
    let mut record = encoded(&bytes);
    record["meta"]["loadedAddresses"] = Value::Null;
    assert_eq!(read(&record).unwrap().instructions[1].accounts, [key(2), key(1)]);
}

#[test]
fn calls_are_those_one_step_below() {
    let transaction = read(&plain()).unwrap();
    assert!(calls(&transaction, 0).is_empty());
    assert_eq!(calls(&transaction, 1), [2, 5]);
    assert_eq!(calls(&transaction, 2), [3, 4]);
    for at in [3, 4, 5, 6, usize::MAX] {
        assert!(calls(&transaction, at).is_empty(), "{at}");
    }
}

#[test]
fn without_heights_calls_are_all_that_follow() {
    for heights in [[None; 4], [Some(2), None, Some(7), Some(2)]] {
        let mut record = plain();
        record["meta"] = meta(heights);
        let transaction = read(&record).unwrap();
        assert!(calls(&transaction, 0).is_empty());
        assert_eq!(calls(&transaction, 1), [2, 3, 4, 5]);
        assert_eq!(calls(&transaction, 3), [4, 5]);
        assert!(transaction.instructions[2..].iter().all(|call| call.height.is_none()));
    }
}

#[test]
fn a_failed_transaction_has_no_instructions() {
    let mut record = plain();
    record["meta"]["err"] = json!({"InstructionError": [0, {"Custom": 1}]});
    record["meta"]["innerInstructions"] = Value::Null;
    let transaction = read(&record).unwrap();
    assert!(!transaction.succeeded);
    assert_eq!(transaction.instructions, []);
    let mut record = flat();
    record["err"] = json!("AccountInUse");
    assert!(!read(&record).unwrap().succeeded);
}

#[test]
fn what_the_node_left_out_is_named() {
    let mut record = plain();
    record["meta"] = Value::Null;
    assert!(matches!(read(&record), Err(TransactionError::NoMeta)));
    for mut record in [plain(), flat()] {
        let meta = if record["meta"].is_object() { &mut record["meta"] } else { &mut record };
        meta["innerInstructions"] = Value::Null;
        assert!(matches!(read(&record), Err(TransactionError::NoInnerInstructions)));
    }
    let mut record = plain();
    record["meta"]["loadedAddresses"] = Value::Null;
    assert_eq!(refusal(&record), "0 loaded addresses where the message looks up 2");
    record["transaction"]["signatures"] = json!([]);
    assert!(matches!(read(&record), Err(TransactionError::NoSignature)));
}

#[test]
fn a_format_of_tomorrow_is_named_and_may_be_read_tomorrow() {
    for (version, is_read) in
        [(json!("legacy"), true), (json!(0), true), (json!(1), false), (json!("2"), false)]
    {
        for mut record in [plain(), encoded(&wire()), flat()] {
            record["version"] = version.clone();
            let error = read(&record).err();
            assert_eq!(error.is_none(), is_read, "{version}: {error:?}");
            assert!(error.is_none_or(|error| !error.is_wrong_form()));
        }
    }
}

#[test]
fn numbers_that_point_nowhere_are_refused() {
    let mut record = plain();
    record["transaction"]["message"]["instructions"][1]["accounts"][0] = json!(4);
    assert_eq!(refusal(&record), "account 4 of 4");
    let mut record = plain();
    record["meta"]["innerInstructions"][0]["index"] = json!(2);
    assert_eq!(refusal(&record), "inner instructions of instruction 2 of 2");
    let mut record = plain();
    record["slot"] = json!(1_u64 << 63);
    assert_eq!(refusal(&record), "no slot: 9223372036854775808");
    for (heights, height, before) in [([2, 4, 2, 2], 4, 2), ([3, 2, 2, 2], 3, 1), ([2, 1, 2, 2], 1, 2)] {
        record = plain();
        record["meta"] = meta(heights.map(Some));
        let expected = format!("a call of height {height} behind one of height {before}");
        assert_eq!(refusal(&record), expected, "{heights:?}");
    }
}

#[test]
fn texts_that_are_not_what_they_should_be_are_refused() {
    let mut record = plain();
    record["transaction"]["message"]["instructions"][1]["data"] = json!("0");
    assert!(refusal(&record).contains("data: "), "{}", refusal(&record));
    for data in ["z".repeat(14_000), "1".repeat(10_241)] {
        record["transaction"]["message"]["instructions"][1]["data"] = json!(data);
        assert!(refusal(&record).contains("of at most"), "{}", refusal(&record));
    }
    let mut record = plain();
    record["transaction"]["message"]["accountKeys"][0] = json!(7);
    assert!(refusal(&record).contains("message.accountKeys[0]: invalid type"), "{}", refusal(&record));
    record["transaction"]["message"]["accountKeys"] = json!([{"pubkey": key(1).to_string(), "signer": true}]);
    let parsed = "transaction: the encoding \"jsonParsed\" is none of json, base64 and base58";
    assert_eq!(refusal(&record), parsed);
    for signature in [name() + "1", "1".repeat(63), "l".to_owned()] {
        let mut record = flat();
        record["signature"] = json!(signature);
        assert!(refusal(&record).contains("a signature"), "{}", refusal(&record));
    }
    let mut record = encoded(&wire());
    record["transaction"][1] = json!("base16");
    assert_eq!(refusal(&record), "transaction: the encoding \"base16\" is none of json, base64 and base58");
    for (text, encoding) in [("?", "base64"), ("0", "base58"), (&"z".repeat(1_700), "base58")] {
        record["transaction"] = json!([text, encoding]);
        assert!(matches!(read(&record), Err(TransactionError::Bytes(_))), "{encoding}");
    }
    for text in ["", "{}", "[]", "null", "{\"slot\":1}", "{\"slot\":1,\"transaction\":7,\"meta\":{}}"] {
        assert!(Transaction::from_json(text).is_err(), "{text}");
    }
}

#[test]
fn bytes_end_where_the_transaction_does() {
    let bytes = wire();
    for len in 0..bytes.len() {
        assert!(read(&encoded(&bytes[..len])).is_err(), "{len} bytes");
    }
    let mut long = bytes.clone();
    long.extend([0, 0]);
    assert_eq!(refusal(&encoded(&long)), "2 bytes behind the transaction");
    let mut newer = bytes.clone();
    newer[65] = 0x81;
    assert_eq!(refusal(&encoded(&newer)), "the transaction's bytes: version: 1 is none of its values");
    assert!(matches!(read(&encoded(&[0])), Err(TransactionError::NoSignature)));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = wire::read(&bytes);
    }

    #[test]
    fn no_change_of_the_bytes_panics(at in 0_usize..300, byte: u8) {
        let mut bytes = wire();
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        let _ = read(&encoded(&bytes));
    }

    #[test]
    fn no_change_of_the_text_panics(at: proptest::sample::Index, text in "[\\[\\]{}\",:0-9a-z]{0,3}") {
        let mut record = plain().to_string();
        let at = at.index(record.len());
        record.replace_range(at..=at, &text);
        let _ = Transaction::from_json(&record);
    }
}
