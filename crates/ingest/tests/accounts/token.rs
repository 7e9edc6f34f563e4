//! Mints and token accounts without regard to what their extensions say.

use proptest::prelude::*;
use serde_json::{Value, json};
use vitrine_ingest::decode::Reason;
use vitrine_ingest::decode::spl_token::{
    Account, AccountState, Mint, Program, TokenAccount, Unknown, decode,
};
use vitrine_model::Pubkey;

use crate::peer;
use crate::samples::{extended, mint, token_account};

const BOTH: [Program; 2] = [Program::Token, Program::Token2022];

pub(crate) fn key(byte: u8) -> Pubkey {
    Pubkey::from_bytes([byte; 32])
}

pub(crate) fn as_mint(data: &[u8]) -> Mint<'_> {
    match decode(Program::Token2022, data) {
        Ok(Account::Mint(mint)) => mint,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn as_token_account(data: &[u8]) -> TokenAccount<'_> {
    match decode(Program::Token2022, data) {
        Ok(Account::TokenAccount(account)) => account,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_mint_is_read() {
    let expected = Mint {
        mint_authority: Some(key(1)),
        supply: 1000,
        decimals: 6,
        freeze_authority: Some(key(2)),
        extensions: None,
    };
    for program in BOTH {
        assert_eq!(decode(program, &mint()), Ok(Account::Mint(expected.clone())));
    }
    let mut fixed = mint();
    (fixed[0], fixed[46]) = (0, 0);
    let read = as_mint(&fixed);
    assert_eq!(
        (read.mint_authority, read.freeze_authority),
        (None, None),
        "what a flag hides is not looked at"
    );
}

#[test]
fn a_token_account_is_read() {
    let expected = TokenAccount {
        mint: key(1),
        owner: key(2),
        amount: 5,
        delegate: Some(key(3)),
        state: AccountState::Frozen,
        is_native: None,
        delegated_amount: 4,
        close_authority: Some(key(4)),
        extensions: None,
    };
    for program in BOTH {
        assert_eq!(decode(program, &token_account()), Ok(Account::TokenAccount(expected.clone())));
    }
    let mut native = token_account();
    native[108] = 1;
    native[109] = 1;
    native[113] = 7;
    let read = as_token_account(&native);
    assert_eq!((read.state, read.is_native), (AccountState::Initialized, Some(7)));
}

#[test]
fn what_is_not_initialised_and_multisigs_are_told_apart() {
    for program in BOTH {
        for len in [0, 82, 165] {
            assert_eq!(decode(program, &vec![0; len]), Ok(Account::Uninitialized), "{len}");
        }
        assert_eq!(decode(program, &[1; 355]), Ok(Account::Multisig));
    }
    let unfinished = extended(&mint(), 0, &[]);
    assert_eq!(decode(Program::Token2022, &unfinished), Ok(Account::Uninitialized));
    let mut no_mint = extended(&mint(), 1, &[]);
    no_mint[45] = 0;
    assert_eq!(decode(Program::Token2022, &no_mint), Ok(Account::Uninitialized));
}

#[test]
fn no_other_length_is_an_account() {
    let wrong = |value| Err(Reason::BadTag { field: "account length", value });
    for len in [1, 81, 83, 164] {
        for program in BOTH {
            assert_eq!(decode(program, &vec![1; len]), wrong(len as u64));
        }
    }
    assert_eq!(decode(Program::Token, &extended(&mint(), 1, &[])), wrong(166), "SPL Token has no extensions");
}

#[test]
fn flags_and_states_have_few_values() {
    let reason = |at: usize, value: u8, mut data: Vec<u8>| {
        data[at] = value;
        decode(Program::Token2022, &data).unwrap_err()
    };
    let bad = |field, value| Reason::BadTag { field, value };
    assert_eq!(reason(0, 2, mint()), bad("mint_authority", 2));
    assert_eq!(reason(49, 1, mint()), bad("freeze_authority", 0x0100_0001));
    assert_eq!(reason(45, 2, mint()), bad("is_initialized", 2));
    assert_eq!(reason(72, 3, token_account()), bad("delegate", 3));
    assert_eq!(reason(108, 3, token_account()), bad("state", 3));
    assert_eq!(reason(109, 5, token_account()), bad("is_native", 5));
    assert_eq!(reason(129, 9, token_account()), bad("close_authority", 9));
    assert_eq!(reason(100, 4, extended(&mint(), 1, &[])), bad("padding", 4));
    assert_eq!(reason(165, 3, extended(&mint(), 1, &[])), bad("account_type", 3));
}

#[test]
fn extensions_end_at_type_0_or_a_single_byte() {
    let mut data = extended(&mint(), 1, &[(9, vec![]), (0, vec![])]);
    data.extend([1, 2, 3, 4, 5]);
    let extensions = as_mint(&data).extensions.unwrap();
    assert!(extensions.non_transferable.is_some());
    assert_eq!((&extensions.unknown[..], &extensions.faulty[..]), (&[][..], &[][..]));

    let mut data = extended(&mint(), 1, &[(9, vec![])]);
    data.push(1);
    assert!(as_mint(&data).extensions.unwrap().non_transferable.is_some());
    data.push(0);
    let truncated = |field, at| Err(Reason::Truncated { field, at });
    assert_eq!(decode(Program::Token2022, &data), truncated("extension length", 172));
    data.extend([3, 0, 7, 7]);
    assert_eq!(decode(Program::Token2022, &data), truncated("extension value", 174));
}

#[test]
fn an_extension_counts_once_and_unknown_ones_are_kept() {
    let list =
        [(500, vec![1]), (3, vec![1; 32]), (3, vec![2; 32]), (8, vec![1]), (500, vec![2]), (29, vec![])];
    let data = extended(&mint(), 1, &list);
    let extensions = as_mint(&data).extensions.unwrap();
    assert_eq!(extensions.mint_close_authority.unwrap().close_authority, Some(key(1)));
    let unknown = |kind, value| Unknown { kind, value };
    let expected = [unknown(500, &[1][..]), unknown(8, &[1]), unknown(500, &[2]), unknown(29, &[])];
    assert_eq!(extensions.unknown, expected, "8 is an extension of token accounts alone");
}

#[test]
fn real_accounts_show_what_another_server_shows() {
    let (mut mints, mut accounts) = (0, 0);
    for (program, at_least) in [(Program::Token, 15), (Program::Token2022, 4)] {
        for case in peer::cases(program.id(), at_least) {
            for account in &case.accounts {
                match decode(program, &account.data) {
                    Ok(Account::Mint(mint)) => mints += usize::from(mint_as_shown(&case, account, &mint)),
                    Ok(Account::TokenAccount(token)) => {
                        accounts += usize::from(token_account_as_shown(&case, account, &token));
                    }
                    other => panic!("{}: {}: {other:?}", case.name, account.address),
                }
            }
        }
    }
    if std::env::var_os("VITRINE_PEER_CASES").is_some() {
        assert!(
            mints >= 5 && accounts >= 3,
            "only {mints} mints and {accounts} token accounts were compared"
        );
    }
}

/// Compares a mint with the asset of its address; false where no result has one with extensions or `token_info`.
fn mint_as_shown(case: &peer::Case, account: &peer::Account, mint: &Mint<'_>) -> bool {
    let shown = case
        .results
        .iter()
        .flat_map(|result| result["items"].as_array().map_or(std::slice::from_ref(result), Vec::as_slice));
    let mut compared = false;
    for asset in shown.filter(|asset| asset["id"] == *account.address) {
        let info = &asset["token_info"];
        if info.is_object() {
            let key = |key: Option<Pubkey>| key.map_or(Value::Null, |key| json!(key));
            assert_eq!(info["supply"], mint.supply);
            assert_eq!(info["decimals"], mint.decimals);
            assert_eq!(info["mint_authority"], key(mint.mint_authority));
            assert_eq!(info["freeze_authority"], key(mint.freeze_authority));
            compared = true;
        }
        if let Some(extensions) = asset.get("mint_extensions") {
            let mut ours = json!(mint.extensions);
            let left_out = ours["metadata_pointer"].as_object_mut().unwrap().remove("authority");
            assert!(left_out.is_some(), "shown here, and left out by that server");
            assert_eq!(&ours, extensions, "{}", case.name);
            compared = true;
        }
    }
    compared
}

/// Compares a token account with the entry of its address; false where no result lists it.
fn token_account_as_shown(case: &peer::Case, account: &peer::Account, token: &TokenAccount<'_>) -> bool {
    let listed = case.results.iter().filter_map(|result| result["token_accounts"].as_array()).flatten();
    let mut compared = false;
    for entry in listed.filter(|entry| entry["address"] == *account.address) {
        let ours = json!({
            "address": account.address,
            "mint": token.mint,
            "owner": token.owner,
            "amount": token.amount,
            "frozen": token.state == AccountState::Frozen,
            "delegate": token.delegate,
            "delegated_amount": token.delegated_amount,
            "close_authority": token.close_authority,
            "extensions": token.extensions,
        });
        assert_eq!(&ours, entry, "{}", case.name);
        compared = true;
    }
    compared
}

proptest! {
    #[test]
    fn any_bytes_are_an_account_or_a_reason(data in prop::collection::vec(any::<u8>(), 0..700)) {
        for program in BOTH {
            let _ = decode(program, &data);
        }
    }

    /// As above, with the lengths and the account type that let more bytes be looked at.
    #[test]
    fn any_extensions_are_an_account_or_a_reason(
        bytes in prop::collection::vec(prop_oneof![0..32_u8, any::<u8>()], 0..400),
        account_type in 1..=2_u8,
    ) {
        let base = if account_type == 1 { mint() } else { token_account() };
        let data = [extended(&base, account_type, &[]), bytes].concat();
        let _ = decode(Program::Token2022, &data);
    }
}
