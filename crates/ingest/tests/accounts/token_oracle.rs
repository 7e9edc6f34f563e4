//! Token accounts against `spl-token-2022-interface`: the same bytes give the same fields.
//!
//! Where the two differ:
//!
//! | bytes                                              | the interface                | here                           |
//! |----------------------------------------------------|------------------------------|--------------------------------|
//! | none at all                                        | refused                      | uninitialised                  |
//! | 355 bytes                                          | a multisig if it is sound    | a multisig, not looked into    |
//! | account type 0                                     | refused                      | uninitialised                  |
//! | an extension of unknown type                       | its list of types is refused | kept                           |
//! | a default account state that is none               | kept as a number             | a faulty extension             |
//! | extensions that are cut off                        | those in front are found     | refused                        |

use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Map, Value, json};
use spl_token_2022_interface::extension::confidential_mint_burn::ConfidentialMintBurn;
use spl_token_2022_interface::extension::confidential_transfer::{
    ConfidentialTransferAccount, ConfidentialTransferMint,
};
use spl_token_2022_interface::extension::confidential_transfer_fee::{
    ConfidentialTransferFeeAmount, ConfidentialTransferFeeConfig,
};
use spl_token_2022_interface::extension::cpi_guard::CpiGuard;
use spl_token_2022_interface::extension::default_account_state::DefaultAccountState;
use spl_token_2022_interface::extension::group_member_pointer::GroupMemberPointer;
use spl_token_2022_interface::extension::group_pointer::GroupPointer;
use spl_token_2022_interface::extension::immutable_owner::ImmutableOwner;
use spl_token_2022_interface::extension::interest_bearing_mint::InterestBearingConfig;
use spl_token_2022_interface::extension::memo_transfer::MemoTransfer;
use spl_token_2022_interface::extension::metadata_pointer::MetadataPointer;
use spl_token_2022_interface::extension::mint_close_authority::MintCloseAuthority;
use spl_token_2022_interface::extension::non_transferable::{NonTransferable, NonTransferableAccount};
use spl_token_2022_interface::extension::pausable::{PausableAccount, PausableConfig};
use spl_token_2022_interface::extension::permanent_delegate::PermanentDelegate;
use spl_token_2022_interface::extension::permissioned_burn::PermissionedBurnConfig;
use spl_token_2022_interface::extension::scaled_ui_amount::ScaledUiAmountConfig;
use spl_token_2022_interface::extension::transfer_fee::{TransferFeeAmount, TransferFeeConfig};
use spl_token_2022_interface::extension::transfer_hook::{TransferHook, TransferHookAccount};
use spl_token_2022_interface::extension::{BaseStateWithExtensions, StateWithExtensions};
use spl_token_2022_interface::state;
use spl_token_group_interface::state::{TokenGroup, TokenGroupMember};
use spl_token_metadata_interface::state::TokenMetadata;
use vitrine_ingest::decode::Reason;
use vitrine_ingest::decode::spl_token::{Account, Faulty, Mint, Program, TokenAccount, Unknown, decode};

use crate::mutation::{mutated, mutations};
use crate::peer;
use crate::samples::{any_extended, mint, token_account};

type TheirMint<'a> = StateWithExtensions<'a, state::Mint>;
type TheirAccount<'a> = StateWithExtensions<'a, state::Account>;

/// The last type of extension that the interface knows.
const LAST_KIND: u16 = 28;

/// An address, or null.
fn text(address: Option<impl ToString>) -> Value {
    address.map_or(Value::Null, |address| address.to_string().into())
}

/// Bytes as base58.
fn base58(bytes: impl AsRef<[u8]>) -> Value {
    bs58::encode(bytes).into_string().into()
}

/// The interface's own JSON in the words of DAS: its names in snake case, nothing as an empty object.
fn in_das_words(theirs: impl Serialize) -> Value {
    fn renamed(value: Value) -> Value {
        let Value::Object(members) = value else { return value };
        let members = members.into_iter().map(|(name, value)| {
            let parts = name.chars().map(|letter| match letter {
                'A'..='Z' => format!("_{}", letter.to_ascii_lowercase()),
                other => other.to_string(),
            });
            (parts.collect::<String>(), renamed(value))
        });
        members.collect()
    }
    match serde_json::to_value(theirs).unwrap() {
        Value::Null => json!({}),
        value => renamed(value),
    }
}

/// Those of these extensions that `$state` has, by their names in DAS.
macro_rules! found {
    ($state:ident, $($name:literal: $extension:ty,)+) => {{
        let mut members = Map::new();
        $(if let Ok(found) = $state.get_extension::<$extension>() {
            members.insert($name.to_owned(), in_das_words(found));
        })+
        members
    }};
}

fn mint_extensions(theirs: &TheirMint<'_>) -> Map<String, Value> {
    let mut members = found!(
        theirs,
        "transfer_fee_config": TransferFeeConfig,
        "mint_close_authority": MintCloseAuthority,
        "non_transferable": NonTransferable,
        "interest_bearing_config": InterestBearingConfig,
        "permanent_delegate": PermanentDelegate,
        "transfer_hook": TransferHook,
        "metadata_pointer": MetadataPointer,
        "group_pointer": GroupPointer,
        "group_member_pointer": GroupMemberPointer,
        "scaled_ui_amount_config": ScaledUiAmountConfig,
        "pausable_config": PausableConfig,
        "permissioned_burn_config": PermissionedBurnConfig,
    );
    if let Ok(found) = theirs.get_extension::<DefaultAccountState>()
        && let Some(name) = ["uninitialized", "initialized", "frozen"].get(usize::from(found.state))
    {
        members.insert("default_account_state".to_owned(), json!({"state": name}));
    }
    if let Ok(found) = theirs.get_variable_len_extension::<TokenMetadata>() {
        let shown = json!({
            "update_authority": text(found.update_authority.get()),
            "mint": found.mint.to_string(),
            "name": found.name,
            "symbol": found.symbol,
            "uri": found.uri,
            "additional_metadata": found.additional_metadata,
        });
        members.insert("metadata".to_owned(), shown);
    }
    groups(theirs, &mut members);
    confidential_mint(theirs, &mut members);
    members
}

fn groups(theirs: &TheirMint<'_>, members: &mut Map<String, Value>) {
    if let Ok(found) = theirs.get_extension::<TokenGroup>() {
        let shown = json!({
            "update_authority": text(found.update_authority.get()),
            "mint": found.mint.to_string(),
            "size": u64::from(found.size),
            "max_size": u64::from(found.max_size),
        });
        members.insert("token_group".to_owned(), shown);
    }
    if let Ok(found) = theirs.get_extension::<TokenGroupMember>() {
        let shown = json!({
            "mint": found.mint.to_string(),
            "group": found.group.to_string(),
            "member_number": u64::from(found.member_number),
        });
        members.insert("token_group_member".to_owned(), shown);
    }
}

fn confidential_mint(theirs: &TheirMint<'_>, members: &mut Map<String, Value>) {
    if let Ok(found) = theirs.get_extension::<ConfidentialTransferMint>() {
        let auditor = found.auditor_elgamal_pubkey.get().map_or(Value::Null, |key| base58(key.0));
        let shown = json!({
            "authority": text(found.authority.get()),
            "auto_approve_new_accounts": bool::from(found.auto_approve_new_accounts),
            "auditor_elgamal_pubkey": auditor,
        });
        members.insert("confidential_transfer_mint".to_owned(), shown);
    }
    if let Ok(found) = theirs.get_extension::<ConfidentialTransferFeeConfig>() {
        let shown = json!({
            "authority": text(found.authority.get()),
            "withdraw_withheld_authority_elgamal_pubkey":
                base58(found.withdraw_withheld_authority_elgamal_pubkey.0),
            "harvest_to_mint_enabled": bool::from(found.harvest_to_mint_enabled),
            "withheld_amount": base58(found.withheld_amount.0),
        });
        members.insert("confidential_transfer_fee_config".to_owned(), shown);
    }
    if let Ok(found) = theirs.get_extension::<ConfidentialMintBurn>() {
        let shown = json!({
            "confidential_supply": base58(found.confidential_supply.0),
            "decryptable_supply": base58(found.decryptable_supply.0),
            "supply_elgamal_pubkey": base58(found.supply_elgamal_pubkey.0),
            "pending_burn": base58(found.pending_burn.0),
        });
        members.insert("confidential_mint_burn".to_owned(), shown);
    }
}

fn account_extensions(theirs: &TheirAccount<'_>) -> Map<String, Value> {
    let mut members = found!(
        theirs,
        "transfer_fee_amount": TransferFeeAmount,
        "immutable_owner": ImmutableOwner,
        "memo_transfer": MemoTransfer,
        "cpi_guard": CpiGuard,
        "non_transferable_account": NonTransferableAccount,
        "transfer_hook_account": TransferHookAccount,
        "pausable_account": PausableAccount,
    );
    if let Ok(found) = theirs.get_extension::<ConfidentialTransferFeeAmount>() {
        let shown = json!({"withheld_amount": base58(found.withheld_amount.0)});
        members.insert("confidential_transfer_fee_amount".to_owned(), shown);
    }
    if let Ok(found) = theirs.get_extension::<ConfidentialTransferAccount>() {
        let shown = json!({
            "approved": bool::from(found.approved),
            "elgamal_pubkey": base58(found.elgamal_pubkey.0),
            "pending_balance_lo": base58(found.pending_balance_lo.0),
            "pending_balance_hi": base58(found.pending_balance_hi.0),
            "available_balance": base58(found.available_balance.0),
            "decryptable_available_balance": base58(found.decryptable_available_balance.0),
            "allow_confidential_credits": bool::from(found.allow_confidential_credits),
            "allow_non_confidential_credits": bool::from(found.allow_non_confidential_credits),
            "pending_balance_credit_counter": u64::from(found.pending_balance_credit_counter),
            "maximum_pending_balance_credit_counter": u64::from(found.maximum_pending_balance_credit_counter),
            "expected_pending_balance_credit_counter": u64::from(found.expected_pending_balance_credit_counter),
            "actual_pending_balance_credit_counter": u64::from(found.actual_pending_balance_credit_counter),
        });
        members.insert("confidential_transfer_account".to_owned(), shown);
    }
    members
}

/// Whether each extension that the interface lists is here, of whatever kind.
fn check_kinds<E: std::fmt::Debug>(
    theirs: Result<Vec<impl Into<u16>>, E>,
    shown: usize,
    unknown: &[Unknown<'_>],
    faulty: &[Faulty<'_>],
) {
    match theirs {
        Ok(kinds) => {
            let mut kinds: Vec<u16> = kinds.into_iter().map(Into::into).collect();
            kinds.sort_unstable();
            kinds.dedup();
            assert_eq!(kinds.len(), shown + unknown.len() + faulty.len(), "{kinds:?}");
        }
        Err(error) => assert!(unknown.iter().any(|unknown| unknown.kind > LAST_KIND), "{error:?}"),
    }
}

fn check_mint(ours: &Mint<'_>, theirs: &TheirMint<'_>) {
    assert_eq!(json!(ours.mint_authority), text(theirs.base.mint_authority.map_or(None, Some)));
    assert_eq!(json!(ours.freeze_authority), text(theirs.base.freeze_authority.map_or(None, Some)));
    assert_eq!((ours.supply, ours.decimals), (theirs.base.supply, theirs.base.decimals));
    let expected = mint_extensions(theirs);
    if let Some(extensions) = &ours.extensions {
        let (unknown, faulty) = (&extensions.unknown, &extensions.faulty);
        check_kinds(theirs.get_extension_types(), expected.len(), unknown, faulty);
        assert_eq!(json!(extensions), Value::Object(expected));
    } else {
        assert_eq!((expected.len(), theirs.get_tlv_data().len()), (0, 0));
    }
}

fn check_token_account(ours: &TokenAccount<'_>, theirs: &TheirAccount<'_>) {
    let base = &theirs.base;
    assert_eq!(
        (json!(ours.mint), json!(ours.owner)),
        (json!(base.mint.to_string()), json!(base.owner.to_string()))
    );
    assert_eq!(json!(ours.delegate), text(base.delegate.map_or(None, Some)));
    assert_eq!(json!(ours.close_authority), text(base.close_authority.map_or(None, Some)));
    assert_eq!((ours.amount, ours.delegated_amount), (base.amount, base.delegated_amount));
    assert_eq!(ours.state as u8, base.state as u8);
    assert_eq!(ours.is_native, base.is_native.map_or(None, Some));
    let expected = account_extensions(theirs);
    if let Some(extensions) = &ours.extensions {
        let (unknown, faulty) = (&extensions.unknown, &extensions.faulty);
        check_kinds(theirs.get_extension_types(), expected.len(), unknown, faulty);
        assert_eq!(json!(extensions), Value::Object(expected));
    } else {
        assert_eq!((expected.len(), theirs.get_tlv_data().len()), (0, 0));
    }
}

/// Holds the two against each other; true where both have an account.
fn check(program: Program, data: &[u8]) -> bool {
    // The interface of SPL Token is this one without extensions: what is longer is none of its accounts.
    let extensible = program == Program::Token2022;
    let (mint, account) = (TheirMint::unpack(data), TheirAccount::unpack(data));
    let (mint, account) = (
        mint.ok().filter(|_| extensible || data.len() == 82),
        account.ok().filter(|_| extensible || data.len() == 165),
    );
    match (decode(program, data), mint, account) {
        (Ok(Account::Mint(ours)), Some(theirs), None) => check_mint(&ours, &theirs),
        (Ok(Account::TokenAccount(ours)), None, Some(theirs)) => check_token_account(&ours, &theirs),
        (Ok(Account::Uninitialized), None, None) => {
            let why = [TheirMint::unpack(data).err(), TheirAccount::unpack(data).err()];
            let says_so = why.iter().flatten().any(|error| format!("{error:?}") == "UninitializedAccount");
            assert!(says_so || data.is_empty() || data.get(165) == Some(&0), "{why:?}");
            return false;
        }
        (Ok(Account::Multisig), None, None) => {
            assert_eq!(data.len(), 355);
            return false;
        }
        (Err(Reason::Truncated { field: "extension length" | "extension value", .. }), mint, account) => {
            let malformed = mint.is_none_or(|mint| mint.get_extension_types().is_err())
                && account.is_none_or(|account| account.get_extension_types().is_err());
            assert!(malformed, "the interface has no fault to find with these extensions");
            return false;
        }
        (Err(_), None, None) => return false,
        (ours, mint, account) => panic!("{ours:?}; they: {mint:?}, {account:?}"),
    }
    true
}

/// The real accounts of both programs.
fn real() -> Vec<(Program, Vec<u8>)> {
    let of = |program: Program, at_least| {
        let accounts = peer::cases(program.id(), at_least).into_iter().flat_map(|case| case.accounts);
        accounts.map(move |account| (program, account.data))
    };
    of(Program::Token, 15).chain(of(Program::Token2022, 4)).collect()
}

#[test]
fn real_accounts_are_read_alike() {
    for (program, data) in real() {
        assert!(check(program, &data), "{program:?}: {data:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn changed_accounts_are_read_alike(data in any_extended(), mutations in mutations()) {
        check(Program::Token2022, &mutated(data, &mutations));
    }

    #[test]
    fn changed_plain_accounts_are_read_alike(of_mint: bool, extensible: bool, mutations in mutations()) {
        let program = if extensible { Program::Token2022 } else { Program::Token };
        check(program, &mutated(if of_mint { mint() } else { token_account() }, &mutations));
    }

    #[test]
    fn unchanged_accounts_with_extensions_are_accounts_to_both(data in any_extended()) {
        prop_assume!(data.len() != 355);
        prop_assert!(check(Program::Token2022, &data));
    }
}

#[test]
fn changed_real_accounts_are_read_alike() {
    let real = real();
    if real.is_empty() {
        return;
    }
    let config = ProptestConfig::with_cases(3000);
    let strategy = (prop::sample::select(real), mutations());
    proptest!(config, |((program, data) in strategy.0, mutations in strategy.1)| {
        check(program, &mutated(data, &mutations));
    });
}
