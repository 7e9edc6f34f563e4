//! The JSON around a transaction, as Solana's RPC writes it.
//! <https://solana.com/docs/rpc/json-structures>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use vitrine_model::{Pubkey, PubkeyError, Slot};

use super::super::base58;
use super::super::named_json::from_json;
use super::{Calls, Compiled, Message, Signature, Transaction, TransactionError, wire};

/// The most bytes that one program may hand to another (`MAX_CPI_INSTRUCTION_DATA_LEN`). An instruction of the message
/// is bound by the size of a packet, which is less.
const MAX_DATA_BYTES: usize = 10 * 1024;

/// The most characters that base58 takes for [`MAX_DATA_BYTES`]: log 256 / log 58 a byte, which is below 1.366. Reading
/// base58 takes time with the square of its length.
const MAX_DATA_CHARACTERS: usize = MAX_DATA_BYTES * 1366 / 1000;

/// The most characters that base58 takes for the 64 bytes of a signature.
const SIGNATURE_CHARACTERS_MAX: usize = 88;
/// The most characters that base58 takes for a packet, which has 1232 bytes.
const MAX_PACKET_CHARACTERS: usize = 1232 * 1366 / 1000 + 1;

/// An answer of `getTransaction`. The flat form has no `transaction`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    slot: u64,
    block_time: Option<i64>,
    version: Option<Version>,
    #[serde(borrow)]
    transaction: Option<&'a RawValue>,
    meta: Option<Meta>,
}

/// The format of a transaction: `"legacy"`, or the number of a later one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Version {
    Number(u64),
    Name(String),
}

/// What a transaction led to.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    err: Option<IgnoredAny>,
    inner_instructions: Option<Vec<Inner>>,
    loaded_addresses: Option<Loaded>,
}

/// The flat form, as far as [`Record`] has not read it: what a message and [`Meta`] have, side by side.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Flat {
    signature: Name,
    account_keys: Vec<Key>,
    instructions: Vec<Outer>,
    err: Option<IgnoredAny>,
    inner_instructions: Option<Vec<Inner>>,
    loaded_addresses: Option<Loaded>,
}

/// A transaction in the encoding `json`.
#[derive(Deserialize)]
struct Plain {
    signatures: Vec<Name>,
    message: PlainMessage,
}

/// A transaction in the encoding `jsonParsed`, which leaves out the data of the instructions that the node knows.
#[derive(Deserialize)]
struct PlainParsed {
    #[expect(dead_code, reason = "only its type matters")]
    message: ParsedMessage,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ParsedMessage {
    #[expect(dead_code, reason = "only its type matters")]
    account_keys: Vec<ParsedKey>,
}

#[derive(Deserialize)]
struct ParsedKey {
    #[expect(dead_code, reason = "only its type matters")]
    pubkey: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlainMessage {
    account_keys: Vec<Key>,
    instructions: Vec<Outer>,
    address_table_lookups: Option<Vec<Lookup>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lookup {
    writable_indexes: Vec<u8>,
    readonly_indexes: Vec<u8>,
}

#[derive(Deserialize)]
struct Loaded {
    writable: Vec<Key>,
    readonly: Vec<Key>,
}

#[derive(Deserialize)]
struct Inner {
    index: usize,
    instructions: Vec<Outer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outer {
    program_id_index: u8,
    accounts: Vec<u8>,
    data: Data,
    stack_height: Option<u32>,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Key(Pubkey);

/// The data of an instruction.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Data(Vec<u8>);

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Name(Signature);

/// Reads any of the three forms.
pub(super) fn read(text: &str) -> Result<Transaction, TransactionError> {
    let record: Record<'_> = parsed(text)?;
    record.version.as_ref().map_or(Ok(()), Version::check)?;
    let (signature, message, meta) = match record.transaction {
        Some(transaction) => {
            let (signature, message) = encoded(transaction.get())?;
            (signature, message, record.meta.ok_or(TransactionError::NoMeta)?)
        }
        None => flat(text)?,
    };
    let slot = Slot::new(record.slot).ok_or(TransactionError::Slot(record.slot))?;
    let succeeded = meta.err.is_none();
    let instructions = if succeeded { instructions(message, meta)? } else { Vec::new() };
    Ok(Transaction { slot, signature, block_time: record.block_time, succeeded, instructions })
}

fn flat(text: &str) -> Result<(Signature, Message, Meta), TransactionError> {
    let flat: Flat = parsed(text)?;
    let Flat { err, inner_instructions, loaded_addresses, .. } = flat;
    let instructions = compiled(flat.instructions);
    let message = Message { keys: keys(flat.account_keys), lookups: None, instructions };
    Ok((flat.signature.0, message, Meta { err, inner_instructions, loaded_addresses }))
}

/// A transaction as an object, or as a pair of text and encoding.
fn encoded(transaction: &str) -> Result<(Signature, Message), TransactionError> {
    if transaction.starts_with('[') {
        return wire::read(&packet(transaction)?);
    }
    let Plain { signatures, message } = parsed(transaction).map_err(|error| {
        let is_parsed = serde_json::from_str::<PlainParsed>(transaction).is_ok();
        if is_parsed { TransactionError::Encoding("jsonParsed".to_owned()) } else { error }
    })?;
    let signature = signatures.first().ok_or(TransactionError::NoSignature)?;
    let lookups = message.address_table_lookups.unwrap_or_default();
    let addresses =
        lookups.iter().map(|lookup| lookup.writable_indexes.len() + lookup.readonly_indexes.len());
    let message = Message {
        keys: keys(message.account_keys),
        lookups: Some(addresses.sum()),
        instructions: compiled(message.instructions),
    };
    Ok((signature.0, message))
}

/// The bytes of a transaction that is a pair of text and encoding.
pub(super) fn packet(transaction: &str) -> Result<Vec<u8>, TransactionError> {
    let (text, encoding): (String, String) = parsed(transaction)?;
    match encoding.as_str() {
        "base64" => STANDARD.decode(text).map_err(|error| TransactionError::Bytes(error.to_string())),
        "base58" if text.len() > MAX_PACKET_CHARACTERS => {
            let len = text.len();
            Err(TransactionError::Bytes(format!("{len} characters, of at most {MAX_PACKET_CHARACTERS}")))
        }
        "base58" => base58::decode(&text).map_err(|error| TransactionError::Bytes(error.to_string())),
        _ => Err(TransactionError::Encoding(encoding)),
    }
}

fn parsed<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, TransactionError> {
    from_json(text).map_err(TransactionError::Json)
}

/// The instructions with their accounts and calls.
fn instructions(mut message: Message, meta: Meta) -> Result<Vec<super::Instruction>, TransactionError> {
    let inner = meta.inner_instructions.ok_or(TransactionError::NoInnerInstructions)?;
    let loaded = meta.loaded_addresses.map_or_else(Vec::new, |loaded| {
        let mut addresses = keys(loaded.writable);
        addresses.extend(keys(loaded.readonly));
        addresses
    });
    if let Some(stated) = message.lookups
        && stated != loaded.len()
    {
        return Err(TransactionError::Loaded { stated, loaded: loaded.len() });
    }
    message.keys.extend(loaded);
    message.flatten(inner.into_iter().map(Calls::from).collect())
}

fn keys(keys: Vec<Key>) -> Vec<Pubkey> {
    keys.into_iter().map(|key| key.0).collect()
}

fn compiled(instructions: Vec<Outer>) -> Vec<Compiled> {
    instructions.into_iter().map(Compiled::from).collect()
}

impl Version {
    fn check(&self) -> Result<(), TransactionError> {
        match self {
            Self::Number(0) => Ok(()),
            Self::Name(name) if name == "legacy" => Ok(()),
            Self::Number(number) => Err(TransactionError::Version(number.to_string())),
            Self::Name(name) => Err(TransactionError::Version(name.clone())),
        }
    }
}

impl From<Outer> for Compiled {
    fn from(instruction: Outer) -> Self {
        Self {
            program: instruction.program_id_index,
            accounts: instruction.accounts,
            data: instruction.data.0,
        }
    }
}

impl From<Inner> for Calls {
    fn from(inner: Inner) -> Self {
        let calls = inner.instructions.into_iter().map(|call| {
            let height = call.stack_height;
            (call.into(), height)
        });
        Self { outer: inner.index, calls: calls.collect() }
    }
}

impl TryFrom<String> for Key {
    type Error = PubkeyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

impl TryFrom<String> for Data {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() > MAX_DATA_CHARACTERS {
            return Err(format!("data of {} characters, of at most {MAX_DATA_CHARACTERS}", text.len()));
        }
        let data = base58::decode(&text).map_err(|error| format!("data: {error}"))?;
        if data.len() > MAX_DATA_BYTES {
            return Err(format!("data of {} bytes, of at most {MAX_DATA_BYTES}", data.len()));
        }
        Ok(Self(data))
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() > SIGNATURE_CHARACTERS_MAX {
            return Err(format!("a signature of {} characters", text.len()));
        }
        let bytes = base58::decode(&text).map_err(|error| format!("a signature: {error}"))?;
        let bytes = bytes.try_into();
        let bytes =
            bytes.map_err(|bytes: Vec<u8>| format!("a signature of {} bytes, not 64", bytes.len()))?;
        Ok(Self(Signature::from_bytes(bytes)))
    }
}
