//! A line of what the chain said becomes what is stored of it. Pure.

use std::borrow::Cow;
use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use vitrine_model::{Pubkey, Slot};
use vitrine_store::{AccountContent, AccountSeen, DeadLetter, LeafEventSeen, TreeChange};

use crate::decode::transaction::Transaction;
use crate::normalise::{AccountUpdate, account, leaf};
use crate::source::{BadRecord, Record};

/// The most bytes that an account may have (`MAX_PERMITTED_DATA_LENGTH`).
const ACCOUNT_BYTES_MAX: usize = 10 * 1024 * 1024;
/// The most that a zstd frame may ask a reader to look back, as a power of two: more than an account may have. A frame that
/// asks for more would have its reader set 128 MiB aside.
const WINDOW_LOG_MAX: u32 = 24;

/// What a line tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The slot that it is of.
    pub slot: Slot,
    /// Accounts.
    pub accounts: Vec<AccountSeen>,
    /// Changes of trees.
    pub tree_changes: Vec<TreeChange>,
    /// Events that changed no tree.
    pub leaf_events: Vec<LeafEventSeen>,
    /// The line itself, where something of it could not be decoded.
    pub dead_letter: Option<DeadLetter>,
    /// The zstd frame that the account's bytes came in, while they are left out of it.
    packed: Option<Vec<u8>>,
    /// Bytes that it takes in a batch: those of the line, and of what is packed in it.
    pub bytes: usize,
}

impl Told {
    /// The same, with the account's bytes. A line of a kilobyte may tell of ten megabytes: between the reader, which counts
    /// lines, and a batch, which counts this, they stay packed.
    pub fn unpacked(mut self) -> Self {
        if let Some(packed) = self.packed.take() {
            if let Some(AccountContent::Data { data, .. }) = self.content() {
                *data = unpack(&packed).expect("what was unpacked once is unpacked again");
            }
        }
        self
    }

    /// Leaves the account's bytes out where the frame that they came in says as much with less.
    fn pack(&mut self, frame: Vec<u8>, unpacked: &[u8]) {
        if let Some(AccountContent::Data { data, .. }) = self.content()
            && frame.len() < data.len()
            && *data == unpacked
        {
            *data = Vec::new();
            self.bytes += unpacked.len();
            self.packed = Some(frame);
        }
    }

    /// What the account holds, of a line that tells of one.
    fn content(&mut self) -> Option<&mut AccountContent> {
        self.accounts.first_mut().map(|account| &mut account.content)
    }
}

/// A line: one of the two.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    account: Option<&'a RawValue>,
    #[serde(borrow)]
    transaction: Option<&'a RawValue>,
}

/// An account as Solana's RPC tells of one, with its address, its slot and what orders the updates of one slot.
#[derive(Deserialize)]
struct AccountLine<'a> {
    slot: u64,
    #[serde(default)]
    write_version: u64,
    #[serde(borrow)]
    pubkey: Cow<'a, str>,
    lamports: u64,
    #[serde(borrow)]
    owner: Cow<'a, str>,
    #[serde(borrow)]
    data: (Cow<'a, str>, Cow<'a, str>),
}

/// What names a transaction, whatever else is in it.
#[derive(Deserialize)]
struct Name<'a> {
    slot: u64,
    #[serde(borrow)]
    signature: Option<Cow<'a, str>>,
    transaction: Option<Signed>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Signed {
    Plain { signatures: Vec<String> },
    Other(serde::de::IgnoredAny),
}

/// Reads a line. What is no account and no transaction is bad; one whose bytes this version cannot decode is a dead letter.
pub fn read(record: Record) -> Result<Told, BadRecord> {
    let told = match std::str::from_utf8(&record.text) {
        Ok(text) => tell(text),
        Err(error) => Err(format!("not UTF-8: byte {} of it is invalid", error.valid_up_to() + 1)),
    };
    match told {
        Ok(told) => Ok(Told { bytes: told.bytes + record.text.len(), ..told }),
        Err(reason) => Err(BadRecord { place: record.place, reason, raw: record.text }),
    }
}

fn tell(text: &str) -> Result<Told, String> {
    let line: Line<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match (line.account, line.transaction) {
        (Some(account), None) => tell_account(account.get(), text),
        (None, Some(transaction)) => tell_transaction(transaction.get(), text),
        (None, None) => Err("neither an account nor a transaction".to_owned()),
        (Some(_), Some(_)) => Err("an account and a transaction at once".to_owned()),
    }
}

fn tell_account(json: &str, line: &str) -> Result<Told, String> {
    let parsed: AccountLine<'_> =
        serde_json::from_str(json).map_err(|error| format!("the account: {error}"))?;
    let key = |name: &str, text: &str| {
        text.parse::<Pubkey>().map_err(|error| format!("the account: {name}: {error}"))
    };
    let address = key("pubkey", &parsed.pubkey)?;
    let slot = slot(parsed.slot)?;
    if i64::try_from(parsed.write_version).is_err() {
        return Err(format!("the account: write_version: {} is above {}", parsed.write_version, i64::MAX));
    }
    let (data, frame) =
        bytes(&parsed.data.0, &parsed.data.1).map_err(|reason| format!("the account: data: {reason}"))?;
    let update = AccountUpdate {
        address,
        owner: key("owner", &parsed.owner)?,
        lamports: parsed.lamports,
        data: &data,
        slot,
        write_version: parsed.write_version,
    };
    Ok(match account(&update) {
        Ok(seen) => {
            let mut told = Told { slot, accounts: vec![seen], ..Told::default() };
            if let Some(frame) = frame {
                told.pack(frame, &data);
            }
            told
        }
        Err(reason) => Told {
            slot,
            dead_letter: Some(DeadLetter {
                slot,
                kind: "account",
                key: address.as_bytes().to_vec(),
                reason: reason.to_string(),
                input: line.to_owned(),
            }),
            ..Told::default()
        },
    })
}

fn tell_transaction(json: &str, line: &str) -> Result<Told, String> {
    let letter = |slot, key: &[u8], reason| {
        Some(DeadLetter { slot, kind: "transaction", key: key.to_vec(), reason, input: line.to_owned() })
    };
    let transaction = match Transaction::from_json(json) {
        Ok(transaction) => transaction,
        Err(error) => {
            // Kept for a version that can read it, if it has a name.
            let (slot, key) = name(json).ok_or_else(|| format!("the transaction: {error}"))?;
            return Ok(Told { slot, dead_letter: letter(slot, &key, error.to_string()), ..Told::default() });
        }
    };
    let slot = transaction.slot;
    let seen = leaf::transaction(&transaction);
    let dead_letter = if seen.problems.is_empty() {
        None
    } else {
        letter(slot, transaction.signature.as_bytes(), seen.problems.join("; "))
    };
    Ok(Told {
        slot,
        accounts: seen.accounts,
        tree_changes: seen.tree_changes,
        leaf_events: seen.leaf_events,
        dead_letter,
        ..Told::default()
    })
}

/// The slot and the signature of a transaction that cannot be read as a whole.
fn name(json: &str) -> Option<(Slot, Vec<u8>)> {
    let name: Name<'_> = serde_json::from_str(json).ok()?;
    let signature = match (name.signature, name.transaction) {
        (Some(signature), _) => signature.into_owned(),
        (None, Some(Signed::Plain { signatures })) => signatures.into_iter().next()?,
        (None, Some(Signed::Other(_)) | None) => return None,
    };
    let mut bytes = [0; 64];
    let length = bs58::decode(signature).onto(&mut bytes).ok()?;
    (length == bytes.len()).then_some((Slot::new(name.slot)?, bytes.to_vec()))
}

fn slot(slot: u64) -> Result<Slot, String> {
    Slot::new(slot).ok_or_else(|| format!("no slot: {slot}"))
}

/// The bytes of an account, in one of the encodings that Solana's RPC has for all bytes, and the frame that they were
/// packed in.
fn bytes(text: &str, encoding: &str) -> Result<(Vec<u8>, Option<Vec<u8>>), String> {
    let is_packed = match encoding {
        "base64" => false,
        "base64+zstd" | "zstd+base64" => true,
        other => return Err(format!("the encoding {other:?} is neither base64 nor base64+zstd")),
    };
    let decoded = STANDARD.decode(text).map_err(|error| error.to_string())?;
    if is_packed {
        return unpack(&decoded).map(|bytes| (bytes, Some(decoded)));
    }
    if decoded.len() > ACCOUNT_BYTES_MAX {
        return Err(too_long());
    }
    Ok((decoded, None))
}

/// What is in a zstd frame.
fn unpack(frame: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut stream = zstd::Decoder::new(frame).map_err(|error| error.to_string())?;
    stream.window_log_max(WINDOW_LOG_MAX).map_err(|error| error.to_string())?;
    let read = stream.take(ACCOUNT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    if bytes.len() > ACCOUNT_BYTES_MAX {
        return Err(too_long());
    }
    Ok(bytes)
}

fn too_long() -> String {
    format!("more than {ACCOUNT_BYTES_MAX} bytes")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use vitrine_store::AccountContent;

    use super::*;
    use crate::source::Place;

    const ADDRESS: &str = "843gdpsTE4DoJz3ZoBsEjAqT8UgAcyF5YojygGgGZE1f";
    const TOKEN: &str = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA";
    const CORE: &str = "CoREENxT6tW1HoK8ypY1SxRMZTcVPm7R94rH4PZNhX7d";

    fn line(text: &str) -> Result<Told, BadRecord> {
        read(Record {
            place: Place { line: 7, item: None },
            text: text.as_bytes().to_vec(),
            stated_slot: None,
        })
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
        // An asset of MPL Core, whose account may have any length.
        let mut asset = vec![1];
        asset.extend([7; 32]);
        asset.push(0);
        asset.extend([0; 9]);
        asset.resize(ACCOUNT_BYTES_MAX, 0);
        let frame = zstd::encode_all(&asset[..], 3).unwrap();
        let text = account_line(&frame, "base64+zstd").replace(TOKEN, CORE);
        let told = line(&text).unwrap();
        assert!(text.len() < 10_000 && told.bytes == text.len() + ACCOUNT_BYTES_MAX);
        assert!(
            matches!(&told.accounts[0].content, AccountContent::Data { data, .. } if data.is_empty()),
            "the bytes wait in their frame"
        );
        let told = told.unpacked();
        assert!(matches!(&told.accounts[0].content, AccountContent::Data { data, .. } if *data == asset));
        let plain = account_line(&asset, "base64").replace(TOKEN, CORE);
        assert_eq!(line(&plain).unwrap().accounts, told.accounts);
    }

    #[test]
    fn a_frame_that_wants_a_large_window_is_refused() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(WINDOW_LOG_MAX + 1).unwrap();
        std::io::Write::write_all(&mut encoder, &mint()).unwrap();
        let bad = line(&account_line(&encoder.finish().unwrap(), "base64+zstd")).unwrap_err();
        assert!(
            bad.reason.contains("the account: data: ") && bad.reason.contains("memory"),
            "{}",
            bad.reason
        );
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

    #[test]
    fn a_transaction_that_cannot_be_read_is_a_dead_letter_where_it_has_a_name() {
        let signature = bs58::encode([3; 64]).into_string();
        let flat = format!(r#"{{"transaction":{{"slot":9,"signature":"{signature}","accountKeys":[]}}}}"#);
        let nested = format!(
            r#"{{"transaction":{{"slot":9,"meta":null,"transaction":{{"signatures":["{signature}"],"message":{{}}}}}}}}"#
        );
        for text in [flat, nested] {
            let letter = line(&text).unwrap().dead_letter.unwrap();
            assert_eq!(
                (letter.kind, letter.slot.get(), letter.key),
                ("transaction", 9, vec![3; 64]),
                "{text}"
            );
        }
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
}
