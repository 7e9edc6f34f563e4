//! Changes to the bytes of an account.

use proptest::prelude::*;
use proptest::sample::Index;

/// A change to some bytes.
#[derive(Clone, Debug)]
pub(crate) enum Mutation {
    /// One bit turns.
    Flip(Index, u8),
    /// One byte becomes this small number: more often a tag that means something than a turned bit makes.
    Set(Index, u8),
    /// They end earlier.
    Truncate(Index),
    /// They go on.
    Extend(Vec<u8>),
}

impl Mutation {
    fn apply(&self, data: &mut Vec<u8>) {
        match self {
            Self::Extend(more) => data.extend(more),
            Self::Truncate(at) if !data.is_empty() => data.truncate(at.index(data.len())),
            Self::Flip(at, bit) if !data.is_empty() => {
                let at = at.index(data.len());
                data[at] ^= 1 << bit;
            }
            Self::Set(at, value) if !data.is_empty() => {
                let at = at.index(data.len());
                data[at] = *value;
            }
            Self::Truncate(_) | Self::Flip(..) | Self::Set(..) => {}
        }
    }
}

/// The bytes after each of the changes.
pub(crate) fn mutated(mut data: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
    for mutation in mutations {
        mutation.apply(&mut data);
    }
    data
}

/// None to three changes.
pub(crate) fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let mutation = prop_oneof![
        3 => (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        4 => (any::<Index>(), 0..24_u8).prop_map(|(at, value)| Mutation::Set(at, value)),
        2 => any::<Index>().prop_map(Mutation::Truncate),
        1 => prop::collection::vec(any::<u8>(), 1..40).prop_map(Mutation::Extend),
    ];
    prop::collection::vec(mutation, 0..=3)
}

/// Shows `hold` thousands of changes of these accounts.
pub(crate) fn each_mutated(accounts: Vec<Vec<u8>>, hold: impl Fn(&[u8])) {
    assert!(!accounts.is_empty(), "nothing to change");
    let config = ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(data in prop::sample::select(accounts), mutations in mutations())| {
        hold(&mutated(data, &mutations));
    });
}
