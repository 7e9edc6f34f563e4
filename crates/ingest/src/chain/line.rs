//! A line of what the chain said becomes what is stored of it. Pure.

use std::borrow::Cow;
use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use vitrine_model::{Pubkey, Slot};
use vitrine_store::{AccountContent, AccountSeen, DeadLetter, LeafEventSeen, TreeChange};

use crate::decode::named_json::from_json;
use crate::decode::transaction::{Transaction, signature_of_packet};
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
    #[must_use]
    pub fn unpacked(mut self) -> Self {
        if let Some(packed) = self.packed.take()
            && let Some(AccountContent::Data { data, .. }) = self.content()
        {
            *data = unpack(&packed).expect("what was unpacked once is unpacked again");
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
    // Plugins of validators say it in their own words. Without it, whatever comes first of a slot would stand.
    #[serde(default, alias = "writeVersion")]
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
    #[serde(borrow)]
    transaction: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Signed {
    signatures: Vec<String>,
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
    let line: Line<'_> = from_json(text)?;
    match (line.account, line.transaction) {
        (Some(account), None) => tell_account(account.get(), text),
        (None, Some(transaction)) => tell_transaction(transaction.get(), text),
        (None, None) => Err("neither an account nor a transaction".to_owned()),
        (Some(_), Some(_)) => Err("an account and a transaction at once".to_owned()),
    }
}

fn tell_account(json: &str, line: &str) -> Result<Told, String> {
    let parsed: AccountLine<'_> = from_json(json).map_err(|error| format!("the account: {error}"))?;
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
            // Kept for a version that can read it, if it has a name. No version will read what is not there: that is for
            // whoever asked the node for it.
            let named = if error.is_wrong_form() { None } else { name(json) };
            let (slot, key) = named.ok_or_else(|| format!("the transaction: {error}"))?;
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
    let slot = Slot::new(name.slot)?;
    let signature = match (name.signature, name.transaction.map(RawValue::get)) {
        (Some(signature), _) => signature.into_owned(),
        (None, Some(packet)) if packet.starts_with('[') => {
            return Some((slot, signature_of_packet(packet)?.to_vec()));
        }
        (None, transaction) => {
            serde_json::from_str::<Signed>(transaction?).ok()?.signatures.into_iter().next()?
        }
    };
    let mut bytes = [0; 64];
    let length = bs58::decode(signature).onto(&mut bytes).ok()?;
    (length == bytes.len()).then_some((slot, bytes.to_vec()))
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
mod tests;
