//! Agent identities by hand: no real account is at hand, and the program's client is not linked for 40 bytes.

use proptest::prelude::*;
use vitrine_ingest::decode::Reason;
use vitrine_ingest::decode::agent_identity::{Account, AgentIdentity, decode};

use crate::token::key;

fn v1() -> Vec<u8> {
    [&[1, 254, 0, 0, 0, 0, 0, 0][..], &[3; 32]].concat()
}

fn v2(token: u8) -> Vec<u8> {
    let mut data = [&v1()[..], &[token; 32], &[0; 32]].concat();
    data[0] = 2;
    data
}

#[test]
fn identities_of_both_versions_are_read() {
    let identity =
        |agent_token| Ok(Account::AgentIdentity(AgentIdentity { bump: 254, asset: key(3), agent_token }));
    assert_eq!((v1().len(), v2(4).len()), (40, 104), "the lengths that the program's client states");
    assert_eq!(decode(&v1()), identity(None));
    assert_eq!(decode(&v2(0)), identity(None));
    assert_eq!(decode(&v2(4)), identity(Some(key(4))));
    assert_eq!(decode(&[v2(4), vec![1]].concat()), identity(Some(key(4))));
}

#[test]
fn what_is_none_is_told() {
    assert_eq!(decode(&[]), Ok(Account::Uninitialized));
    assert_eq!(decode(&[0; 40]), Ok(Account::Uninitialized));
    assert_eq!(decode(&[3; 200]), Err(Reason::BadTag { field: "key", value: 3 }));
    let fields = [(1, "bump"), (2, "padding"), (8, "asset"), (40, "agent_token"), (72, "reserved")];
    for end in 1..104 {
        let (at, field) = fields.into_iter().rfind(|&(at, _)| at <= end).unwrap();
        assert_eq!(decode(&v2(4)[..end]), Err(Reason::Truncated { field, at }), "{end}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_an_account_or_a_reason(data in prop::collection::vec(any::<u8>(), 0..120), first in 0..4_u8) {
        let _ = decode(&data);
        let _ = decode(&[&[first], &data[..]].concat());
    }
}
