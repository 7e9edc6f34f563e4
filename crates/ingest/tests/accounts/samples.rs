//! Token accounts by hand: the bytes of mints and token accounts, and of extensions.

use proptest::prelude::*;

/// Every extension of a mint: its type, and the bytes of its value; those of the metadata are its shortest.
pub(crate) const MINT_EXTENSIONS: [(u16, usize); 19] = [
    (1, 108),
    (3, 32),
    (4, 65),
    (6, 1),
    (9, 0),
    (10, 52),
    (12, 32),
    (14, 64),
    (16, 129),
    (18, 64),
    (19, 80),
    (20, 64),
    (21, 80),
    (22, 64),
    (23, 72),
    (24, 196),
    (25, 56),
    (26, 33),
    (28, 32),
];

/// Every extension of a token account: its type, and the bytes of its value.
pub(crate) const ACCOUNT_EXTENSIONS: [(u16, usize); 9] =
    [(2, 8), (5, 295), (7, 0), (8, 1), (11, 1), (13, 0), (15, 1), (17, 64), (27, 0)];

/// An optional key: a flag of four bytes, and 32 bytes in any case.
pub(crate) fn coption(key: Option<u8>) -> Vec<u8> {
    [&[u8::from(key.is_some()), 0, 0, 0][..], &[key.unwrap_or(0); 32]].concat()
}

/// A mint of 1,000 tokens with 6 decimals: authority 1, freeze authority 2.
pub(crate) fn mint() -> Vec<u8> {
    [&coption(Some(1))[..], &1000_u64.to_le_bytes(), &[6, 1], &coption(Some(2))].concat()
}

/// A frozen token account of owner 2 with 5 tokens of mint 1: delegate 3 for 4 of them, close authority 4.
pub(crate) fn token_account() -> Vec<u8> {
    let (amount, delegated) = (5_u64.to_le_bytes(), 4_u64.to_le_bytes());
    let native = [0; 12];
    let keys = [[1; 32], [2; 32]].concat();
    [&keys[..], &amount, &coption(Some(3)), &[2], &native, &delegated, &coption(Some(4))].concat()
}

/// `base` padded, with an account type and these extensions.
pub(crate) fn extended(base: &[u8], account_type: u8, extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut data = base.to_vec();
    data.resize(165, 0);
    data.push(account_type);
    for (kind, value) in extensions {
        data.extend(kind.to_le_bytes());
        data.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
        data.extend(value);
    }
    data
}

/// A string as borsh has it.
pub(crate) fn text(text: &str) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_le_bytes()[..], text.as_bytes()].concat()
}

/// The value of a metadata extension.
pub(crate) fn metadata(authority: u8, name: &str, additional: &[(&str, &str)]) -> Vec<u8> {
    let mut value = [[authority; 32], [9; 32]].concat();
    for part in [name, "SYM", "https://example.com/a.json"] {
        value.extend(text(part));
    }
    value.extend(u32::try_from(additional.len()).unwrap().to_le_bytes());
    for (key, part) in additional {
        value.extend(text(key));
        value.extend(text(part));
    }
    value
}

/// A value of so many bytes, often of small ones, sometimes zeros, seldom one byte more or less.
fn value(len: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => prop::collection::vec(any::<u8>(), len),
        4 => prop::collection::vec(0..3_u8, len),
        2 => Just(vec![0; len]),
        1 => prop::collection::vec(0..3_u8, len.saturating_sub(1)..=len + 1),
    ]
}

fn metadata_value() -> impl Strategy<Value = Vec<u8>> {
    let pairs = prop::collection::vec((".{0,8}", ".{0,8}"), 0..4);
    (0..3_u8, ".{0,12}", pairs, prop::collection::vec(any::<u8>(), 0..3)).prop_map(
        |(authority, name, pairs, room)| {
            let pairs: Vec<_> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            [metadata(authority, &name, &pairs), room].concat()
        },
    )
}

/// An extension of one of these types, seldom of another one.
fn extension(known: &'static [(u16, usize)]) -> impl Strategy<Value = (u16, Vec<u8>)> {
    let known = prop::sample::select(known).prop_flat_map(|(kind, len)| {
        let value = if kind == 19 { metadata_value().boxed() } else { value(len).boxed() };
        (Just(kind), value)
    });
    let other = (prop_oneof![0..64_u16, any::<u16>()], prop::collection::vec(any::<u8>(), 0..9));
    prop_oneof![12 => known, 1 => other]
}

/// An account of Token-2022 with extensions.
pub(crate) fn any_extended() -> impl Strategy<Value = Vec<u8>> {
    let mints = prop::collection::vec(extension(&MINT_EXTENSIONS), 0..8)
        .prop_map(|extensions| extended(&mint(), 1, &extensions));
    let accounts = prop::collection::vec(extension(&ACCOUNT_EXTENSIONS), 0..5)
        .prop_map(|extensions| extended(&token_account(), 2, &extensions));
    prop_oneof![2 => mints, 1 => accounts]
}
