//! What each extension says, as JSON.

use serde_json::{Value, json};
use vitrine_ingest::decode::Reason;

use crate::samples::{ACCOUNT_EXTENSIONS, MINT_EXTENSIONS, extended, metadata, mint, text, token_account};
use crate::token::{as_mint, as_token_account, key};

/// The JSON of a mint with one extension.
fn on_mint(kind: u16, value: &[&[u8]]) -> Value {
    let data = extended(&mint(), 1, &[(kind, value.concat())]);
    let extensions = as_mint(&data).extensions.unwrap();
    assert_eq!((&extensions.unknown[..], &extensions.faulty[..]), (&[][..], &[][..]));
    json!(extensions)
}

/// The JSON of a token account with one extension.
fn on_account(kind: u16, value: &[&[u8]]) -> Value {
    let data = extended(&token_account(), 2, &[(kind, value.concat())]);
    let extensions = as_token_account(&data).extensions.unwrap();
    assert_eq!((&extensions.unknown[..], &extensions.faulty[..]), (&[][..], &[][..]));
    json!(extensions)
}

/// The text of a key of 32 such bytes.
fn text_of(byte: u8) -> String {
    key(byte).to_string()
}

/// The text of so many such bytes.
fn base58(byte: u8, len: usize) -> String {
    bs58::encode(vec![byte; len]).into_string()
}

#[test]
fn transfer_fees() {
    let fee = |epoch: u64, most: u64, points: u16| {
        [&epoch.to_le_bytes()[..], &most.to_le_bytes(), &points.to_le_bytes()].concat()
    };
    let (older, newer) = (fee(605, u64::MAX, 100), fee(606, 7, 65535));
    let shown = on_mint(1, &[&[1; 32], &[0; 32], &9_u64.to_le_bytes(), &older, &newer]);
    let expected = json!({"transfer_fee_config": {
        "transfer_fee_config_authority": text_of(1),
        "withdraw_withheld_authority": null,
        "withheld_amount": 9,
        "older_transfer_fee": {"epoch": 605, "maximum_fee": u64::MAX, "transfer_fee_basis_points": 100},
        "newer_transfer_fee": {"epoch": 606, "maximum_fee": 7, "transfer_fee_basis_points": 65535},
    }});
    assert_eq!(shown, expected);
    let withheld = on_account(2, &[&u64::MAX.to_le_bytes()]);
    assert_eq!(withheld, json!({"transfer_fee_amount": {"withheld_amount": u64::MAX}}));
}

#[test]
fn authorities_and_markers() {
    assert_eq!(on_mint(3, &[&[1; 32]]), json!({"mint_close_authority": {"close_authority": text_of(1)}}));
    assert_eq!(on_mint(3, &[&[0; 32]]), json!({"mint_close_authority": {"close_authority": null}}));
    assert_eq!(on_mint(12, &[&[1; 32]]), json!({"permanent_delegate": {"delegate": text_of(1)}}));
    assert_eq!(on_mint(28, &[&[1; 32]]), json!({"permissioned_burn_config": {"authority": text_of(1)}}));
    let hook = json!({"transfer_hook": {"authority": text_of(1), "program_id": text_of(2)}});
    assert_eq!(on_mint(14, &[&[1; 32], &[2; 32]]), hook);
    let pausable = json!({"pausable_config": {"authority": text_of(1), "paused": true}});
    assert_eq!(on_mint(26, &[&[1; 32], &[1]]), pausable);

    assert_eq!(on_mint(9, &[]), json!({"non_transferable": {}}));
    assert_eq!(on_account(7, &[]), json!({"immutable_owner": {}}));
    assert_eq!(on_account(13, &[]), json!({"non_transferable_account": {}}));
    assert_eq!(on_account(27, &[]), json!({"pausable_account": {}}));
    assert_eq!(on_account(8, &[&[1]]), json!({"memo_transfer": {"require_incoming_transfer_memos": true}}));
    assert_eq!(on_account(11, &[&[0]]), json!({"cpi_guard": {"lock_cpi": false}}));
    assert_eq!(on_account(15, &[&[2]]), json!({"transfer_hook_account": {"transferring": true}}));
    for (state, name) in [(0, "uninitialized"), (1, "initialized"), (2, "frozen")] {
        assert_eq!(on_mint(6, &[&[state]]), json!({"default_account_state": {"state": name}}));
    }
}

#[test]
fn pointers_groups_and_members() {
    let pointer = |address: &str| json!({"authority": null, address: text_of(2)});
    let value: [&[u8]; 2] = [&[0; 32], &[2; 32]];
    assert_eq!(on_mint(18, &value), json!({"metadata_pointer": pointer("metadata_address")}));
    assert_eq!(on_mint(20, &value), json!({"group_pointer": pointer("group_address")}));
    assert_eq!(on_mint(22, &value), json!({"group_member_pointer": pointer("member_address")}));
    let (one, many) = (1_u64.to_le_bytes(), 9_000_000_000_u64.to_le_bytes());
    let group = json!({"token_group": {
        "update_authority": text_of(1), "mint": text_of(2), "size": 1, "max_size": 9_000_000_000_u64,
    }});
    assert_eq!(on_mint(21, &[&[1; 32], &[2; 32], &one, &many]), group);
    let member = json!({"token_group_member": {"mint": text_of(1), "group": text_of(2), "member_number": 1}});
    assert_eq!(on_mint(23, &[&[1; 32], &[2; 32], &one]), member);
}

#[test]
fn metadata_with_additional_fields() {
    let value = metadata(1, "Näme", &[("rank", "1"), ("", "")]);
    let expected = json!({"metadata": {
        "update_authority": text_of(1),
        "mint": text_of(9),
        "name": "Näme",
        "symbol": "SYM",
        "uri": "https://example.com/a.json",
        "additional_metadata": [["rank", "1"], ["", ""]],
    }});
    assert_eq!(on_mint(19, &[&value]), expected);
    assert_eq!(on_mint(19, &[&value, &[0; 9]]), expected, "room behind the metadata says nothing");
    assert_eq!(on_mint(19, &[&metadata(0, "", &[])])["metadata"]["update_authority"], Value::Null);
}

#[test]
fn rates_and_multipliers() {
    let (from, until) = ((-5_i64).to_le_bytes(), 1_700_000_000_i64.to_le_bytes());
    let rates = [(-300_i16).to_le_bytes(), i16::MAX.to_le_bytes()];
    let shown = on_mint(10, &[&[1; 32], &from, &rates[0], &until, &rates[1]]);
    let expected = json!({"interest_bearing_config": {
        "rate_authority": text_of(1),
        "initialization_timestamp": -5,
        "pre_update_average_rate": -300,
        "last_update_timestamp": 1_700_000_000,
        "current_rate": 32767,
    }});
    assert_eq!(shown, expected);
    let scaled = |new: f64| on_mint(25, &[&[1; 32], &1.5_f64.to_le_bytes(), &until, &new.to_le_bytes()]);
    let mut expected = json!({"scaled_ui_amount_config": {
        "authority": text_of(1),
        "multiplier": 1.5,
        "new_multiplier_effective_timestamp": 1_700_000_000,
        "new_multiplier": 0.1,
    }});
    assert_eq!(scaled(0.1), expected);
    expected["scaled_ui_amount_config"]["new_multiplier"] = Value::Null;
    assert_eq!(scaled(f64::NAN), expected);
    assert_eq!(scaled(f64::INFINITY), expected);
}

#[test]
fn confidential_transfers() {
    let shown = on_mint(4, &[&[1; 32], &[1], &[0; 32]]);
    let expected = json!({"confidential_transfer_mint": {
        "authority": text_of(1), "auto_approve_new_accounts": true, "auditor_elgamal_pubkey": null,
    }});
    assert_eq!(shown, expected);
    let shown = on_mint(16, &[&[0; 32], &[2; 32], &[0], &[0; 64]]);
    let expected = json!({"confidential_transfer_fee_config": {
        "authority": null,
        "withdraw_withheld_authority_elgamal_pubkey": text_of(2),
        "harvest_to_mint_enabled": false,
        "withheld_amount": "1".repeat(64),
    }});
    assert_eq!(shown, expected);
    let shown = on_mint(24, &[&[1; 64], &[2; 36], &[3; 32], &[4; 64]]);
    let expected = json!({"confidential_mint_burn": {
        "confidential_supply": base58(1, 64),
        "decryptable_supply": base58(2, 36),
        "supply_elgamal_pubkey": text_of(3),
        "pending_burn": base58(4, 64),
    }});
    assert_eq!(shown, expected);
    let fee = on_account(17, &[&[5; 64]]);
    assert_eq!(fee, json!({"confidential_transfer_fee_amount": {"withheld_amount": base58(5, 64)}}));
}

#[test]
fn a_confidential_account() {
    let counters: Vec<u8> = [1_u64, 2, 3, 4].iter().flat_map(|counter| counter.to_le_bytes()).collect();
    let balances = [[2; 64], [3; 64], [4; 64]].concat();
    let shown = on_account(5, &[&[1], &[1; 32], &balances, &[5; 36], &[1, 0], &counters]);
    let expected = json!({"confidential_transfer_account": {
        "approved": true,
        "elgamal_pubkey": text_of(1),
        "pending_balance_lo": base58(2, 64),
        "pending_balance_hi": base58(3, 64),
        "available_balance": base58(4, 64),
        "decryptable_available_balance": base58(5, 36),
        "allow_confidential_credits": true,
        "allow_non_confidential_credits": false,
        "pending_balance_credit_counter": 1,
        "maximum_pending_balance_credit_counter": 2,
        "expected_pending_balance_credit_counter": 3,
        "actual_pending_balance_credit_counter": 4,
    }});
    assert_eq!(shown, expected);
}

#[test]
fn no_extensions_are_an_empty_object() {
    assert_eq!(json!(as_mint(&extended(&mint(), 1, &[])).extensions), json!({}));
    assert_eq!(json!(as_mint(&mint()).extensions), Value::Null);
}

/// Every extension beside the others, and each with a byte less and a byte more than its layout: that one is faulty, and
/// the others are as they were.
#[test]
fn a_faulty_extension_spoils_no_other() {
    for (kind, len) in MINT_EXTENSIONS {
        let sizes = [Some(len), len.checked_sub(1), (kind != 19).then_some(len + 1)];
        for size in sizes.into_iter().flatten() {
            let values =
                MINT_EXTENSIONS.map(|(other, len)| (other, vec![0; if other == kind { size } else { len }]));
            let data = extended(&mint(), 1, &values);
            let extensions = as_mint(&data).extensions.unwrap();
            let faulty: Vec<_> =
                extensions.faulty.iter().map(|faulty| (faulty.kind, faulty.value.len())).collect();
            let expected = if size == len { vec![] } else { vec![(kind, size)] };
            assert_eq!(faulty, expected);
            let read = json!(extensions).as_object().unwrap().len();
            assert_eq!(read, MINT_EXTENSIONS.len() - expected.len());
        }
    }
    for (kind, len) in ACCOUNT_EXTENSIONS {
        let values =
            ACCOUNT_EXTENSIONS.map(|(other, len)| (other, vec![0; len + usize::from(other == kind)]));
        let data = extended(&token_account(), 2, &values);
        let extensions = as_token_account(&data).extensions.unwrap();
        let [faulty] = extensions.faulty[..] else { panic!("{:?}", extensions.faulty) };
        assert_eq!((faulty.kind, faulty.value.len()), (kind, len + 1));
        assert!(matches!(faulty.reason, Reason::TooLong { max, .. } if max == len as u64));
        assert_eq!(json!(extensions).as_object().unwrap().len(), ACCOUNT_EXTENSIONS.len() - 1);
    }
}

#[test]
fn a_fault_says_what_and_where() {
    let fault = |kind, value: Vec<u8>| {
        let data = extended(&mint(), 1, &[(9, vec![]), (kind, value)]);
        as_mint(&data).extensions.unwrap().faulty[0].reason
    };
    assert_eq!(fault(6, vec![3]), Reason::BadTag { field: "state", value: 3 });
    // The value starts behind the account type and two heads of four bytes.
    assert_eq!(fault(18, vec![0; 63]), Reason::Truncated { field: "metadata_address", at: 166 + 8 + 32 });
    let too_long = Reason::TooLong { field: "metadata_pointer", len: 65, max: 64 };
    assert_eq!(fault(18, vec![0; 65]), too_long);
    let head = [[1; 32], [9; 32]].concat();
    assert_eq!(fault(19, [&head[..], &[1, 0, 0, 0, 0xff]].concat()), Reason::NotUtf8 { field: "name" });
    let mut many = [&head[..], &text(""), &text(""), &text("")].concat();
    many.extend([2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let reason = Reason::TooLong { field: "additional_metadata", len: 2, max: 1 };
    assert_eq!(fault(19, many), reason);
}
