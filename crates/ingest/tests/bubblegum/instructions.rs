//! Every instruction that the client can make: the client names its accounts and reads its arguments as we do, also where
//! bytes of the arguments were changed. There is nothing that one takes and the other does not.

use borsh::BorshDeserialize;
use mpl_bubblegum::instructions as theirs;
use proptest::prelude::*;
use solana_program::instruction::Instruction as TheirInstruction;
use solana_program::pubkey::Pubkey as TheirPubkey;
use vitrine_ingest::decode::bubblegum::{
    AssetData, AssetDataSchema, BUBBLEGUM, Collection, Creator, Instruction, Kind, LeafArgs, Metadata,
    TokenProgramVersion, TokenStandard, UpdateArgs, UseMethod, Uses, V1Members,
};
use vitrine_ingest::decode::transaction;
use vitrine_model::Pubkey;

use crate::client::{Members, Theirs};

/// Gives out accounts, and remembers their names.
struct Numbering {
    accounts: Vec<(&'static str, Option<Pubkey>)>,
    leaves_out: bool,
}

/// An account in the client's structs: an address, with or without whether it signs, possibly left out.
trait Place {
    fn take(key: TheirPubkey) -> Self;
    const IS_OPTIONAL: bool = false;
}

impl Place for TheirPubkey {
    fn take(key: TheirPubkey) -> Self {
        key
    }
}

impl Place for (TheirPubkey, bool) {
    fn take(key: TheirPubkey) -> Self {
        (key, true)
    }
}

impl<P> Place for Option<P>
where
    P: Place,
{
    fn take(key: TheirPubkey) -> Self {
        (key != mpl_bubblegum::ID).then(|| P::take(key))
    }
    const IS_OPTIONAL: bool = true;
}

impl Numbering {
    fn next<P: Place>(&mut self, name: &'static str) -> P {
        let number = u8::try_from(self.accounts.len() + 1).unwrap();
        let key = (!(self.leaves_out && P::IS_OPTIONAL)).then(|| Pubkey::from_bytes([number; 32]));
        self.accounts.push((name, key));
        P::take(key.map_or(mpl_bubblegum::ID, |key| Theirs::theirs(&key)))
    }
}

/// An instruction of the client.
struct Client {
    kind: Kind,
    make: fn(&mut Numbering, &Members<'_>) -> TheirInstruction,
    /// Panics unless the client makes of the arguments, behind the discriminator, what we made of them.
    compare: fn(&[u8], Option<&Members<'_>>),
}

macro_rules! member {
    ($of:ident root) => {
        $of.root.unwrap()
    };
    ($of:ident data_hash) => {
        $of.leaf.unwrap().data_hash.unwrap()
    };
    ($of:ident creator_hash) => {
        $of.leaf.unwrap().creator_hash.unwrap()
    };
    ($of:ident collection_hash) => {
        $of.leaf.unwrap().collection_hash
    };
    ($of:ident asset_data_hash) => {
        $of.leaf.unwrap().asset_data_hash
    };
    ($of:ident previous_asset_data_hash) => {
        $of.leaf.unwrap().asset_data_hash
    };
    ($of:ident flags) => {
        $of.leaf.unwrap().flags
    };
    ($of:ident nonce) => {
        $of.leaf.unwrap().nonce
    };
    ($of:ident index) => {
        $of.leaf.unwrap().index
    };
    ($of:ident metadata) => {
        Theirs::theirs($of.metadata.as_ref().unwrap())
    };
    ($of:ident current_metadata) => {
        Theirs::theirs($of.metadata.as_ref().unwrap())
    };
    ($of:ident update_args) => {
        Theirs::theirs($of.update_args.as_ref().unwrap())
    };
    ($of:ident collection) => {
        Theirs::theirs(&$of.collection.unwrap())
    };
    ($of:ident max_depth) => {
        $of.max_depth.unwrap()
    };
    ($of:ident max_buffer_size) => {
        $of.max_buffer_size.unwrap()
    };
    ($of:ident public) => {
        $of.public
    };
    ($of:ident decompressable_state) => {
        match $of.decompressable_state.unwrap() {
            true => mpl_bubblegum::types::DecompressibleState::Enabled,
            false => mpl_bubblegum::types::DecompressibleState::Disabled,
        }
    };
    ($of:ident asset_data) => {
        $of.asset_data.bytes.map(<[u8]>::to_vec)
    };
    ($of:ident new_asset_data) => {
        $of.asset_data.bytes.map(<[u8]>::to_vec)
    };
    ($of:ident asset_data_schema) => {
        $of.asset_data.schema.map(|schema| Theirs::theirs(&schema))
    };
    ($of:ident new_asset_data_schema) => {
        $of.asset_data.schema.map(|schema| Theirs::theirs(&schema))
    };
}

macro_rules! compare {
    ($bytes:ident $ours:ident) => {
        assert!($ours.is_some(), "nothing to read in {} bytes", $bytes.len())
    };
    ($bytes:ident $ours:ident $args:ident { $($member:ident),* }) => {
        let theirs = theirs::$args::deserialize(&mut &*$bytes).ok();
        let ours = $ours.map(|of| theirs::$args { $($member: member!(of $member)),* });
        assert_eq!(ours, theirs);
    };
}

macro_rules! clients {
    ($($kind:ident: $accounts:ident { $($account:ident),* } $($args:ident { $($member:ident),* })?;)*) => {
        [$(Client {
            kind: Kind::$kind,
            make: |numbers, of| {
                assert!(of.root.is_some());
                let accounts = theirs::$accounts { $($account: numbers.next(stringify!($account))),* };
                accounts.instruction($(theirs::$args { $($member: member!(of $member)),* })?)
            },
            compare: |bytes, ours| {
                compare!(bytes ours $($args { $($member),* })?);
            },
        }),*]
    };
}

/// A name of ours as the client writes it.
fn snake(name: &str) -> String {
    let letters = name.chars().enumerate().flat_map(|(at, letter)| {
        let gap = (at > 0 && letter.is_ascii_uppercase()).then_some('_');
        gap.into_iter().chain([letter.to_ascii_lowercase()])
    });
    letters.collect()
}

fn is_v2(kind: Kind) -> bool {
    format!("{kind:?}").ends_with("V2")
}

/// Arguments that have every member, or as few as may be.
fn members(kind: Kind, is_full: bool) -> Members<'static> {
    let leaf = LeafArgs {
        root: [1; 32],
        data_hash: Some([2; 32]),
        creator_hash: Some([3; 32]),
        collection_hash: is_full.then_some([4; 32]),
        asset_data_hash: is_full.then_some([5; 32]),
        flags: is_full.then_some(6),
        nonce: 0x0706_0504_0302_0100,
        index: 0x0b0a_0908,
    };
    let creator = |byte, verified| Creator { address: Pubkey::from_bytes([byte; 32]), verified, share: byte };
    let v1 = V1Members {
        edition_nonce: is_full.then_some(9),
        uses: is_full.then_some(Uses { use_method: UseMethod::Single, remaining: 1, total: 2 }),
        token_program_version: TokenProgramVersion::Token2022,
    };
    let collection = Collection { verified: true, key: Pubkey::from_bytes([8; 32]) };
    let creators = if is_full { vec![creator(40, true), creator(60, false)] } else { vec![] };
    let metadata = Metadata {
        name: if is_full { "a name, \u{e9}" } else { "" },
        symbol: "S",
        uri: "https://example.com/1.json",
        seller_fee_basis_points: 0x0102,
        primary_sale_happened: true,
        is_mutable: false,
        token_standard: is_full.then_some(TokenStandard::Fungible),
        creators: creators.clone(),
        collection: is_full.then_some(collection),
        v1: (!is_v2(kind)).then_some(v1),
    };
    let update_args = UpdateArgs {
        name: is_full.then_some("new"),
        symbol: is_full.then_some(""),
        uri: is_full.then_some("u"),
        creators: is_full.then_some(creators),
        seller_fee_basis_points: is_full.then_some(5),
        primary_sale_happened: is_full.then_some(false),
        is_mutable: is_full.then_some(true),
    };
    Members {
        root: Some(leaf.root),
        leaf: Some(leaf),
        metadata: Some(metadata),
        update_args: Some(update_args),
        collection: Some(Pubkey::from_bytes([7; 32])),
        asset_data: AssetData {
            bytes: is_full.then_some(b"data"),
            schema: is_full.then_some(AssetDataSchema::MsgPack),
        },
        max_depth: Some(14),
        max_buffer_size: Some(64),
        public: is_full.then_some(true),
        decompressable_state: Some(is_full),
    }
}

/// An instruction of the client as a transaction would have it.
fn ours(theirs: &TheirInstruction) -> transaction::Instruction {
    transaction::Instruction {
        program: Pubkey::from_bytes(theirs.program_id.to_bytes()),
        accounts: theirs.accounts.iter().map(|meta| Pubkey::from_bytes(meta.pubkey.to_bytes())).collect(),
        data: theirs.data.clone(),
        outer: 0,
        height: Some(1),
    }
}

fn make(client: &Client, is_full: bool) -> (transaction::Instruction, Numbering) {
    let mut numbers = Numbering { accounts: Vec::new(), leaves_out: !is_full };
    let theirs = (client.make)(&mut numbers, &members(client.kind, is_full));
    (ours(&theirs), numbers)
}

fn check(client: &Client, instruction: &transaction::Instruction) {
    let read = Instruction::decode(instruction).ok();
    assert!(read.as_ref().is_none_or(|read| read.kind == client.kind));
    let members = read.map(|read| Members::of(&read.args));
    (client.compare)(&instruction.data[8..], members.as_ref());
}

/// A real instruction, each of its arguments' bits the other way round, and each of its lengths. Returns how many of
/// these the client takes.
pub(crate) fn check_real(real: &transaction::Instruction) -> usize {
    let kind = Instruction::decode(real).unwrap().kind;
    let client = CLIENTS.iter().find(|client| client.kind == kind).unwrap();
    check(client, real);
    let mut taken = 0;
    let mut check_changed = |changed: &transaction::Instruction| {
        check(client, changed);
        taken += usize::from(Instruction::decode(changed).is_ok());
    };
    let mut changed = real.clone();
    for bit in 64..real.data.len() * 8 {
        changed.data[bit / 8] ^= 1 << (bit % 8);
        check_changed(&changed);
        changed.data[bit / 8] ^= 1 << (bit % 8);
    }
    for len in 8..real.data.len() {
        changed.data = real.data[..len].to_vec();
        check_changed(&changed);
    }
    taken
}

#[test]
fn the_client_makes_what_we_read() {
    for client in &CLIENTS {
        for is_full in [true, false] {
            let (instruction, numbers) = make(client, is_full);
            assert_eq!(instruction.program, BUBBLEGUM);
            let read = Instruction::decode(&instruction)
                .unwrap_or_else(|error| panic!("{:?}: {error}", client.kind));
            assert_eq!(read.kind, client.kind);
            let accounts: Vec<_> =
                read.accounts.iter().map(|(name, key)| (snake(&format!("{name:?}")), key)).collect();
            let expected: Vec<_> =
                numbers.accounts.iter().map(|&(name, key)| (name.to_owned(), key)).collect();
            assert_eq!(accounts, expected, "{:?}", client.kind);
            check(client, &instruction);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn the_client_takes_what_we_take(
        client in 0..CLIENTS.len(),
        is_full: bool,
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 0_u32..8), 0..4),
        cut in proptest::option::weighted(0.3, any::<prop::sample::Index>()),
        more in proptest::collection::vec(any::<u8>(), 0..6),
    ) {
        let client = &CLIENTS[client];
        let (mut instruction, _) = make(client, is_full);
        let mut args = instruction.data.split_off(8);
        for (at, bit) in flips {
            if !args.is_empty() {
                let at = at.index(args.len());
                args[at] ^= 1 << bit;
            }
        }
        if let Some(cut) = cut {
            args.truncate(cut.index(args.len() + 1));
        }
        args.extend(more);
        instruction.data.extend(args);
        check(client, &instruction);
    }
}

static CLIENTS: [Client; 34] = clients! {
    CreateTree: CreateTreeConfig {
        tree_config, merkle_tree, payer, tree_creator, log_wrapper, compression_program, system_program
    } CreateTreeConfigInstructionArgs {
        max_depth, max_buffer_size, public
    };
    CreateTreeV2: CreateTreeConfigV2 {
        tree_config, merkle_tree, payer, tree_creator, log_wrapper, compression_program, system_program
    } CreateTreeConfigV2InstructionArgs {
        max_depth, max_buffer_size, public
    };
    SetTreeDelegate: SetTreeDelegate {
        tree_config, tree_creator, new_tree_delegate, merkle_tree, system_program
    };
    SetDecompressibleState: SetDecompressibleState {
        tree_config, tree_creator
    } SetDecompressibleStateInstructionArgs {
        decompressable_state
    };
    CloseTreeV2: CloseTreeV2 {
        tree_config, authority, merkle_tree, recipient, fee_recipient, compression_program, log_wrapper,
        system_program
    };
    CollectV2: CollectV2 {
        tree_config, destination
    };
    MintV1: MintV1 {
        tree_config, leaf_owner, leaf_delegate, merkle_tree, payer, tree_creator_or_delegate, log_wrapper,
        compression_program, system_program
    } MintV1InstructionArgs {
        metadata
    };
    MintToCollectionV1: MintToCollectionV1 {
        tree_config, leaf_owner, leaf_delegate, merkle_tree, payer, tree_creator_or_delegate, collection_authority,
        collection_authority_record_pda, collection_mint, collection_metadata, collection_edition, bubblegum_signer,
        log_wrapper, compression_program, token_metadata_program, system_program
    } MintToCollectionV1InstructionArgs {
        metadata
    };
    MintV2: MintV2 {
        tree_config, payer, tree_creator_or_delegate, collection_authority, leaf_owner, leaf_delegate, merkle_tree,
        core_collection, mpl_core_cpi_signer, log_wrapper, compression_program, mpl_core_program, system_program
    } MintV2InstructionArgs {
        metadata, asset_data, asset_data_schema
    };
    Transfer: Transfer {
        tree_config, leaf_owner, leaf_delegate, new_leaf_owner, merkle_tree, log_wrapper, compression_program,
        system_program
    } TransferInstructionArgs {
        root, data_hash, creator_hash, nonce, index
    };
    TransferV2: TransferV2 {
        tree_config, payer, authority, leaf_owner, leaf_delegate, new_leaf_owner, merkle_tree, core_collection,
        log_wrapper, compression_program, system_program
    } TransferV2InstructionArgs {
        root, data_hash, creator_hash, asset_data_hash, flags, nonce, index
    };
    Delegate: Delegate {
        tree_config, leaf_owner, previous_leaf_delegate, new_leaf_delegate, merkle_tree, log_wrapper,
        compression_program, system_program
    } DelegateInstructionArgs {
        root, data_hash, creator_hash, nonce, index
    };
    DelegateV2: DelegateV2 {
        tree_config, payer, leaf_owner, previous_leaf_delegate, new_leaf_delegate, merkle_tree, log_wrapper,
        compression_program, system_program
    } DelegateV2InstructionArgs {
        root, data_hash, creator_hash, collection_hash, asset_data_hash, flags, nonce, index
    };
    DelegateAndFreezeV2: DelegateAndFreezeV2 {
        tree_config, payer, leaf_owner, previous_leaf_delegate, new_leaf_delegate, merkle_tree, log_wrapper,
        compression_program, system_program
    } DelegateAndFreezeV2InstructionArgs {
        root, data_hash, creator_hash, collection_hash, asset_data_hash, flags, nonce, index
    };
    Burn: Burn {
        tree_config, leaf_owner, leaf_delegate, merkle_tree, log_wrapper, compression_program, system_program
    } BurnInstructionArgs {
        root, data_hash, creator_hash, nonce, index
    };
    BurnV2: BurnV2 {
        tree_config, payer, authority, leaf_owner, leaf_delegate, merkle_tree, core_collection, mpl_core_cpi_signer,
        log_wrapper, compression_program, mpl_core_program, system_program
    } BurnV2InstructionArgs {
        root, data_hash, creator_hash, asset_data_hash, flags, nonce, index
    };
    Redeem: Redeem {
        tree_config, leaf_owner, leaf_delegate, merkle_tree, voucher, log_wrapper, compression_program,
        system_program
    } RedeemInstructionArgs {
        root, data_hash, creator_hash, nonce, index
    };
    CancelRedeem: CancelRedeem {
        tree_config, leaf_owner, merkle_tree, voucher, log_wrapper, compression_program, system_program
    } CancelRedeemInstructionArgs {
        root
    };
    DecompressV1: DecompressV1 {
        voucher, leaf_owner, token_account, mint, mint_authority, metadata_account, master_edition, system_program,
        sysvar_rent, token_metadata_program, token_program, associated_token_program, log_wrapper
    } DecompressV1InstructionArgs {
        metadata
    };
    VerifyCreator: VerifyCreator {
        tree_config, leaf_owner, leaf_delegate, merkle_tree, payer, creator, log_wrapper, compression_program,
        system_program
    } VerifyCreatorInstructionArgs {
        root, data_hash, creator_hash, nonce, index, metadata
    };
    UnverifyCreator: UnverifyCreator {
        tree_config, leaf_owner, leaf_delegate, merkle_tree, payer, creator, log_wrapper, compression_program,
        system_program
    } UnverifyCreatorInstructionArgs {
        root, data_hash, creator_hash, nonce, index, metadata
    };
    VerifyCreatorV2: VerifyCreatorV2 {
        tree_config, payer, creator, leaf_owner, leaf_delegate, merkle_tree, log_wrapper, compression_program,
        system_program
    } VerifyCreatorV2InstructionArgs {
        root, asset_data_hash, flags, nonce, index, metadata
    };
    UnverifyCreatorV2: UnverifyCreatorV2 {
        tree_config, payer, creator, leaf_owner, leaf_delegate, merkle_tree, log_wrapper, compression_program,
        system_program
    } UnverifyCreatorV2InstructionArgs {
        root, asset_data_hash, flags, nonce, index, metadata
    };
    VerifyCollection: VerifyCollection {
        tree_config, leaf_owner, leaf_delegate, merkle_tree, payer, tree_creator_or_delegate, collection_authority,
        collection_authority_record_pda, collection_mint, collection_metadata, collection_edition, bubblegum_signer,
        log_wrapper, compression_program, token_metadata_program, system_program
    } VerifyCollectionInstructionArgs {
        root, data_hash, creator_hash, nonce, index, metadata
    };
    UnverifyCollection: UnverifyCollection {
        tree_config, leaf_owner, leaf_delegate, merkle_tree, payer, tree_creator_or_delegate, collection_authority,
        collection_authority_record_pda, collection_mint, collection_metadata, collection_edition, bubblegum_signer,
        log_wrapper, compression_program, token_metadata_program, system_program
    } UnverifyCollectionInstructionArgs {
        root, data_hash, creator_hash, nonce, index, metadata
    };
    SetAndVerifyCollection: SetAndVerifyCollection {
        tree_config, leaf_owner, leaf_delegate, merkle_tree, payer, tree_creator_or_delegate, collection_authority,
        collection_authority_record_pda, collection_mint, collection_metadata, collection_edition, bubblegum_signer,
        log_wrapper, compression_program, token_metadata_program, system_program
    } SetAndVerifyCollectionInstructionArgs {
        root, data_hash, creator_hash, nonce, index, metadata, collection
    };
    SetCollectionV2: SetCollectionV2 {
        tree_config, payer, authority, new_collection_authority, leaf_owner, leaf_delegate, merkle_tree,
        core_collection, new_core_collection, mpl_core_cpi_signer, log_wrapper, compression_program,
        mpl_core_program, system_program
    } SetCollectionV2InstructionArgs {
        root, asset_data_hash, flags, nonce, index, metadata
    };
    UpdateMetadata: UpdateMetadata {
        tree_config, authority, collection_mint, collection_metadata, collection_authority_record_pda, leaf_owner,
        leaf_delegate, payer, merkle_tree, log_wrapper, compression_program, token_metadata_program, system_program
    } UpdateMetadataInstructionArgs {
        root, nonce, index, current_metadata, update_args
    };
    UpdateMetadataV2: UpdateMetadataV2 {
        tree_config, payer, authority, leaf_owner, leaf_delegate, merkle_tree, core_collection, log_wrapper,
        compression_program, system_program
    } UpdateMetadataV2InstructionArgs {
        root, asset_data_hash, flags, nonce, index, current_metadata, update_args
    };
    FreezeV2: FreezeV2 {
        tree_config, payer, authority, leaf_owner, leaf_delegate, merkle_tree, core_collection, log_wrapper,
        compression_program, system_program
    } FreezeV2InstructionArgs {
        root, data_hash, creator_hash, asset_data_hash, flags, nonce, index
    };
    ThawV2: ThawV2 {
        tree_config, payer, authority, leaf_owner, leaf_delegate, merkle_tree, core_collection, log_wrapper,
        compression_program, system_program
    } ThawV2InstructionArgs {
        root, data_hash, creator_hash, asset_data_hash, flags, nonce, index
    };
    ThawAndRevokeV2: ThawAndRevokeV2 {
        tree_config, payer, leaf_delegate, leaf_owner, merkle_tree, log_wrapper, compression_program, system_program
    } ThawAndRevokeV2InstructionArgs {
        root, data_hash, creator_hash, collection_hash, asset_data_hash, flags, nonce, index
    };
    SetNonTransferableV2: SetNonTransferableV2 {
        tree_config, payer, authority, leaf_owner, leaf_delegate, merkle_tree, core_collection, log_wrapper,
        compression_program, system_program
    } SetNonTransferableV2InstructionArgs {
        root, data_hash, creator_hash, asset_data_hash, flags, nonce, index
    };
    UpdateAssetDataV2: UpdateAssetDataV2 {
        tree_config, payer, authority, leaf_owner, leaf_delegate, merkle_tree, core_collection, log_wrapper,
        compression_program, system_program
    } UpdateAssetDataV2InstructionArgs {
        root, data_hash, creator_hash, previous_asset_data_hash, flags, nonce, index, new_asset_data,
        new_asset_data_schema
    };
};
