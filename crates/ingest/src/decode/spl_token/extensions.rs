//! The extensions of Token-2022: type, length and value, one behind the other.
//!
//! What is here serialises as DAS answers carry it, under `mint_extensions` of an asset and `extensions` of a token
//! account. An extension has the name of the program's struct in snake case, but for `metadata`; its members have those
//! of the struct's fields. Addresses, keys and ciphertexts are base58, amounts and times are numbers, none is null, and a
//! state is its name. Extensions that are not there, and those that could not be read, are left out.
//!
//! Real answers show this for the metadata, its pointer, transfer fees, hook, permanent delegate, close authority and the
//! confidential mint and fee; the others follow by that rule. Of the metadata pointer some servers leave out the
//! `authority`. A multiplier that is no finite number is null, since JSON has no word for it.

use serde::Serialize;
use vitrine_model::Pubkey;

use super::AccountState;
use super::layout::{AeCiphertext, ElGamalCiphertext, ElGamalPubkey, Field, layout};
use crate::decode::Reason;
use crate::decode::bytes::Cursor;

/// An extension of a type that this version does not know for such an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown<'a> {
    /// Its type.
    pub kind: u16,
    /// Its value.
    pub value: &'a [u8],
}

/// An extension of a known type whose value does not have the type's layout: written by another version of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faulty<'a> {
    /// Its type.
    pub kind: u16,
    /// Its value.
    pub value: &'a [u8],
    /// Why it could not be read.
    pub reason: Reason,
}

/// An extension as it stands in an account.
struct Entry<'a> {
    kind: u16,
    /// Over the value alone.
    cursor: Cursor<'a>,
}

impl<'a> Entry<'a> {
    /// Its value as that of a known type. The program takes no value that is longer or shorter than the layout.
    fn read<T: Field<'a>>(&self, field: &'static str) -> Result<T, Reason> {
        let mut cursor = self.cursor.clone();
        let value = T::read(&mut cursor, field)?;
        let (len, left) = (self.cursor.rest().len(), cursor.rest().len());
        if left > 0 {
            return Err(Reason::TooLong { field, len: len as u64, max: (len - left) as u64 });
        }
        Ok(value)
    }
}

/// Calls `visit` with the extensions from byte `start` on, of each known type the first: the program reads no other.
fn each<'a>(data: &'a [u8], start: usize, mut visit: impl FnMut(&Entry<'a>)) -> Result<(), Reason> {
    let mut cursor = Cursor::new(data);
    cursor.take("base", start)?;
    let mut seen = 0_u64;
    // A type of 0 ends the list, and so does a single byte that is left.
    while cursor.rest().len() > 1 {
        let kind = cursor.u16("extension type")?;
        if kind == 0 {
            break;
        }
        let len = cursor.u16("extension length")?;
        let at = cursor.at();
        cursor.take("extension value", len.into())?;
        let bit = 1_u64.checked_shl(kind.into()).unwrap_or(0);
        if seen & bit == 0 {
            seen |= bit;
            let cursor = Cursor::between("extension value", data, at as u64, cursor.at() as u64)?;
            visit(&Entry { kind, cursor });
        }
    }
    Ok(())
}

/// A struct with a member for each extension that an account may have: its type, its name in JSON, its layout.
macro_rules! extensions {
    ($(#[$about:meta])* $name:ident<$a:lifetime> {
        $($(#[$doc:meta])* $kind:literal $field:ident: $layout:ty,)+
    }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize)]
        pub struct $name<$a> {
            $(
                $(#[$doc])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $field: Option<$layout>,
            )+
            /// Those of other types, in their order.
            #[serde(skip)]
            pub unknown: Vec<Unknown<$a>>,
            /// Those that could not be read, in their order.
            #[serde(skip)]
            pub faulty: Vec<Faulty<$a>>,
        }

        impl<$a> $name<$a> {
            /// Reads the extensions of `data` from byte `start` on.
            pub(super) fn read(data: &$a [u8], start: usize) -> Result<Self, Reason> {
                let mut all = Self::default();
                each(data, start, |entry| all.insert(entry))?;
                Ok(all)
            }

            fn insert(&mut self, entry: &Entry<$a>) {
                let (kind, value) = (entry.kind, entry.cursor.rest());
                let read = match kind {
                    $($kind => entry.read(stringify!($field)).map(|read| self.$field = Some(read)),)+
                    _ => {
                        self.unknown.push(Unknown { kind, value });
                        Ok(())
                    }
                };
                if let Err(reason) = read {
                    self.faulty.push(Faulty { kind, value, reason });
                }
            }
        }
    };
}

extensions! {
    /// The extensions of a mint.
    MintExtensions<'a> {
        /// Fees on transfers.
        1 transfer_fee_config: TransferFeeConfig,
        /// Who may close the mint.
        3 mint_close_authority: MintCloseAuthority,
        /// Confidential transfers.
        4 confidential_transfer_mint: ConfidentialTransferMint,
        /// The state of new token accounts.
        6 default_account_state: DefaultAccountState,
        /// Tokens cannot be transferred.
        9 non_transferable: Marker,
        /// Amounts are shown with interest.
        10 interest_bearing_config: InterestBearingConfig,
        /// Who may move and burn the tokens of everybody.
        12 permanent_delegate: PermanentDelegate,
        /// A program that is called on each transfer.
        14 transfer_hook: TransferHook,
        /// Fees on confidential transfers.
        16 confidential_transfer_fee_config: ConfidentialTransferFeeConfig,
        /// Where the metadata is.
        18 metadata_pointer: MetadataPointer,
        /// The metadata itself.
        19 metadata: TokenMetadata<'a>,
        /// Where the group is.
        20 group_pointer: GroupPointer,
        /// The group itself: the mint is a collection.
        21 token_group: TokenGroup,
        /// Where the membership is.
        22 group_member_pointer: GroupMemberPointer,
        /// The membership itself: the mint is in a collection.
        23 token_group_member: TokenGroupMember,
        /// Confidential minting and burning.
        24 confidential_mint_burn: ConfidentialMintBurn,
        /// Amounts are shown multiplied.
        25 scaled_ui_amount_config: ScaledUiAmountConfig,
        /// All movements can be paused.
        26 pausable_config: PausableConfig,
        /// Burning takes the signature of an authority.
        28 permissioned_burn_config: PermissionedBurnConfig,
    }
}

extensions! {
    /// The extensions of a token account.
    AccountExtensions<'a> {
        /// Fees withheld.
        2 transfer_fee_amount: TransferFeeAmount,
        /// Confidential balances.
        5 confidential_transfer_account: ConfidentialTransferAccount,
        /// The owner cannot change.
        7 immutable_owner: Marker,
        /// Whether transfers to it need a memo.
        8 memo_transfer: MemoTransfer,
        /// Whether other programs may move its tokens.
        11 cpi_guard: CpiGuard,
        /// The mint's tokens cannot be transferred.
        13 non_transferable_account: Marker,
        /// The mint has a transfer hook.
        15 transfer_hook_account: TransferHookAccount,
        /// Fees withheld of confidential transfers.
        17 confidential_transfer_fee_amount: ConfidentialTransferFeeAmount,
        /// The mint can be paused.
        27 pausable_account: Marker,
    }
}

/// An extension without a value: that it is there is all it says. An empty object in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Marker {}

impl Field<'_> for Marker {
    fn read(_cursor: &mut Cursor<'_>, _field: &'static str) -> Result<Self, Reason> {
        Ok(Self {})
    }
}

/// Metadata in the mint itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TokenMetadata<'a> {
    /// Who may change it.
    pub update_authority: Option<Pubkey>,
    /// The mint it belongs to.
    pub mint: Pubkey,
    /// The name.
    pub name: &'a str,
    /// The symbol.
    pub symbol: &'a str,
    /// Where the off-chain JSON is.
    pub uri: &'a str,
    /// Keys with values, in their order. In JSON each is an array of two.
    pub additional_metadata: Vec<(&'a str, &'a str)>,
}

impl<'a> Field<'a> for TokenMetadata<'a> {
    fn read(cursor: &mut Cursor<'a>, _field: &'static str) -> Result<Self, Reason> {
        let metadata = Self {
            update_authority: Field::read(cursor, "update_authority")?,
            mint: cursor.key("mint")?,
            name: cursor.string("name")?,
            symbol: cursor.string("symbol")?,
            uri: cursor.string("uri")?,
            // A pair takes at least its two lengths.
            additional_metadata: cursor.vec("additional_metadata", 8, |cursor| {
                Ok((cursor.string("additional_metadata key")?, cursor.string("additional_metadata value")?))
            })?,
        };
        // The program takes what is left for room, here alone.
        cursor.take("metadata", cursor.rest().len())?;
        Ok(metadata)
    }
}

layout! {
    /// A fee on transfers, from an epoch on.
    TransferFee {
        /// The first epoch it counts in.
        epoch: u64,
        /// The most that is taken of one transfer, in the smallest unit.
        maximum_fee: u64,
        /// The share that is taken, in hundredths of a per cent.
        transfer_fee_basis_points: u16,
    }

    /// Fees on transfers.
    TransferFeeConfig {
        /// Who may change the fee.
        transfer_fee_config_authority: Option<Pubkey>,
        /// Who may take out what was withheld.
        withdraw_withheld_authority: Option<Pubkey>,
        /// Withheld and collected in the mint, in the smallest unit.
        withheld_amount: u64,
        /// The fee until the epoch of the newer one.
        older_transfer_fee: TransferFee,
        /// The fee from its epoch on.
        newer_transfer_fee: TransferFee,
    }

    /// Fees withheld in a token account.
    TransferFeeAmount {
        /// In the smallest unit.
        withheld_amount: u64,
    }

    /// Who may close a mint.
    MintCloseAuthority {
        /// None: nobody any more.
        close_authority: Option<Pubkey>,
    }

    /// Confidential transfers of a mint.
    ConfidentialTransferMint {
        /// Who may change this and approve accounts.
        authority: Option<Pubkey>,
        /// Whether accounts need no approval.
        auto_approve_new_accounts: bool,
        /// Who can decrypt all amounts.
        auditor_elgamal_pubkey: Option<ElGamalPubkey>,
    }

    /// Confidential balances of a token account.
    ConfidentialTransferAccount {
        /// Whether it may be used.
        approved: bool,
        /// What balances are encrypted under.
        elgamal_pubkey: ElGamalPubkey,
        /// The low bits of what came in and was not applied.
        pending_balance_lo: ElGamalCiphertext,
        /// The high bits of it.
        pending_balance_hi: ElGamalCiphertext,
        /// What can be spent.
        available_balance: ElGamalCiphertext,
        /// What can be spent, for its owner to decrypt.
        decryptable_available_balance: AeCiphertext,
        /// Whether confidential transfers may come in.
        allow_confidential_credits: bool,
        /// Whether other transfers may come in.
        allow_non_confidential_credits: bool,
        /// Credits since the last application.
        pending_balance_credit_counter: u64,
        /// The most credits before the next one.
        maximum_pending_balance_credit_counter: u64,
        /// Credits that the last application expected.
        expected_pending_balance_credit_counter: u64,
        /// Credits that there were.
        actual_pending_balance_credit_counter: u64,
    }

    /// The state of new token accounts.
    DefaultAccountState {
        /// That state.
        state: AccountState,
    }

    /// Whether transfers to an account need a memo.
    MemoTransfer {
        /// Whether they do.
        require_incoming_transfer_memos: bool,
    }

    /// Interest on the amount that is shown.
    InterestBearingConfig {
        /// Who may change the rate.
        rate_authority: Option<Pubkey>,
        /// When interest began, in seconds since 1970.
        initialization_timestamp: i64,
        /// The average rate from then until the last update, in hundredths of a per cent.
        pre_update_average_rate: i16,
        /// When the rate was last updated, in seconds since 1970.
        last_update_timestamp: i64,
        /// The rate since, in hundredths of a per cent.
        current_rate: i16,
    }

    /// Whether other programs may move an account's tokens.
    CpiGuard {
        /// Whether they may not.
        lock_cpi: bool,
    }

    /// Who may move and burn the tokens of everybody.
    PermanentDelegate {
        /// None: nobody any more.
        delegate: Option<Pubkey>,
    }

    /// A program that is called on each transfer.
    TransferHook {
        /// Who may change the program.
        authority: Option<Pubkey>,
        /// The program.
        program_id: Option<Pubkey>,
    }

    /// A token account of a mint with a transfer hook.
    TransferHookAccount {
        /// Whether a transfer is going on.
        transferring: bool,
    }

    /// Fees on confidential transfers of a mint.
    ConfidentialTransferFeeConfig {
        /// Who may change the key.
        authority: Option<Pubkey>,
        /// What withheld fees are encrypted under.
        withdraw_withheld_authority_elgamal_pubkey: ElGamalPubkey,
        /// Whether accounts may send fees to the mint.
        harvest_to_mint_enabled: bool,
        /// Withheld and collected in the mint.
        withheld_amount: ElGamalCiphertext,
    }

    /// Fees withheld of confidential transfers in a token account.
    ConfidentialTransferFeeAmount {
        /// The sum.
        withheld_amount: ElGamalCiphertext,
    }

    /// Where the metadata of a mint is.
    MetadataPointer {
        /// Who may change the pointer.
        authority: Option<Pubkey>,
        /// The account with the metadata, the mint itself for one.
        metadata_address: Option<Pubkey>,
    }

    /// Where the group of a mint is.
    GroupPointer {
        /// Who may change the pointer.
        authority: Option<Pubkey>,
        /// The account with the group.
        group_address: Option<Pubkey>,
    }

    /// A group of mints.
    TokenGroup {
        /// Who may change the group.
        update_authority: Option<Pubkey>,
        /// The mint it belongs to.
        mint: Pubkey,
        /// Members there are.
        size: u64,
        /// Members there may be.
        max_size: u64,
    }

    /// Where the membership of a mint is.
    GroupMemberPointer {
        /// Who may change the pointer.
        authority: Option<Pubkey>,
        /// The account with the membership.
        member_address: Option<Pubkey>,
    }

    /// A membership in a group.
    TokenGroupMember {
        /// The mint that is a member.
        mint: Pubkey,
        /// The group's account.
        group: Pubkey,
        /// Which member it is, from 1 on.
        member_number: u64,
    }

    /// Confidential minting and burning.
    ConfidentialMintBurn {
        /// The supply.
        confidential_supply: ElGamalCiphertext,
        /// The supply, for the authority to decrypt.
        decryptable_supply: AeCiphertext,
        /// What the supply is encrypted under.
        supply_elgamal_pubkey: ElGamalPubkey,
        /// Burnt and not yet taken off the supply.
        pending_burn: ElGamalCiphertext,
    }

    /// A multiplier of the amount that is shown.
    ScaledUiAmountConfig {
        /// Who may change the multiplier.
        authority: Option<Pubkey>,
        /// The multiplier until the new one counts.
        multiplier: f64,
        /// When the new one counts from, in seconds since 1970.
        new_multiplier_effective_timestamp: i64,
        /// The new one.
        new_multiplier: f64,
    }

    /// A mint whose movements can be paused.
    PausableConfig {
        /// Who may pause and resume.
        authority: Option<Pubkey>,
        /// Whether minting, burning and transfers are paused.
        paused: bool,
    }

    /// A mint whose burning takes a signature.
    PermissionedBurnConfig {
        /// Whose.
        authority: Option<Pubkey>,
    }
}
