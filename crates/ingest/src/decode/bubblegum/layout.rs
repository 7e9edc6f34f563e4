//! What the program's instructions are told by, and the order of their accounts.

use Account::{
    AssociatedTokenProgram, Authority, BubblegumSigner, CollectionAuthority, CollectionAuthorityRecordPda,
    CollectionEdition, CollectionMetadata, CollectionMint, CompressionProgram, CoreCollection, Creator,
    Destination, FeeRecipient, LeafDelegate, LeafOwner, LogWrapper, MasterEdition, MerkleTree,
    MetadataAccount, Mint, MintAuthority, MplCoreCpiSigner, MplCoreProgram, NewCollectionAuthority,
    NewCoreCollection, NewLeafDelegate, NewLeafOwner, NewTreeDelegate, Payer, PreviousLeafDelegate,
    Recipient, SystemProgram, SysvarRent, TokenAccount, TokenMetadataProgram, TokenProgram, TreeConfig,
    TreeCreator, TreeCreatorOrDelegate, Voucher,
};
use Emits::{ChangeLog, Leaf, Nothing};

use super::super::Reason;
use super::super::bytes::Cursor;
use super::args::{self, Args};
use super::kind::{Account, Kind};

/// What an instruction logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Emits {
    /// No event.
    Nothing,
    /// That a tree changed; no leaf, as far as is known.
    ChangeLog,
    /// A leaf, and that its tree changed.
    Leaf,
}

/// How the arguments of an instruction are read.
type ReadArgs = for<'a> fn(&mut Cursor<'a>) -> Result<Args<'a>, Reason>;

/// What is known of an instruction.
pub(super) struct Layout {
    pub(super) kind: Kind,
    /// The first eight bytes of the SHA-256 of `global:` and the name.
    pub(super) discriminator: [u8; 8],
    /// Those that have to be there, in order. The nodes of a proof may follow.
    pub(super) accounts: &'static [Account],
    pub(super) args: ReadArgs,
    pub(super) emits: Emits,
}

impl Layout {
    const fn new(
        kind: Kind,
        discriminator: [u8; 8],
        accounts: &'static [Account],
        args: ReadArgs,
        emits: Emits,
    ) -> Self {
        Self { kind, discriminator, accounts, args, emits }
    }

    /// The layout of the instruction that data with this discriminator is for.
    pub(super) fn of(discriminator: [u8; 8]) -> Option<&'static Self> {
        LAYOUTS.iter().find(|layout| layout.discriminator == discriminator)
    }
}

const CREATE_TREE: &[Account] =
    &[TreeConfig, MerkleTree, Payer, TreeCreator, LogWrapper, CompressionProgram, SystemProgram];

const DECOMPRESSIBLE_STATE: &[Account] = &[TreeConfig, TreeCreator];

const COLLECTION: &[Account] = &[
    TreeConfig,
    LeafOwner,
    LeafDelegate,
    MerkleTree,
    Payer,
    TreeCreatorOrDelegate,
    CollectionAuthority,
    CollectionAuthorityRecordPda,
    CollectionMint,
    CollectionMetadata,
    CollectionEdition,
    BubblegumSigner,
    LogWrapper,
    CompressionProgram,
    TokenMetadataProgram,
    SystemProgram,
];

const DELEGATE_V2: &[Account] = &[
    TreeConfig,
    Payer,
    LeafOwner,
    PreviousLeafDelegate,
    NewLeafDelegate,
    MerkleTree,
    LogWrapper,
    CompressionProgram,
    SystemProgram,
];

const CREATOR: &[Account] = &[
    TreeConfig,
    LeafOwner,
    LeafDelegate,
    MerkleTree,
    Payer,
    Creator,
    LogWrapper,
    CompressionProgram,
    SystemProgram,
];

const CREATOR_V2: &[Account] = &[
    TreeConfig,
    Payer,
    Creator,
    LeafOwner,
    LeafDelegate,
    MerkleTree,
    LogWrapper,
    CompressionProgram,
    SystemProgram,
];

const LEAF_V2: &[Account] = &[
    TreeConfig,
    Payer,
    Authority,
    LeafOwner,
    LeafDelegate,
    MerkleTree,
    CoreCollection,
    LogWrapper,
    CompressionProgram,
    SystemProgram,
];

/// All instructions.
pub(super) static LAYOUTS: &[Layout] = &[
    Layout::new(
        Kind::CreateTree,
        [165, 83, 136, 142, 89, 202, 47, 220],
        CREATE_TREE,
        args::create_tree,
        ChangeLog,
    ),
    Layout::new(
        Kind::CreateTreeV2,
        [55, 99, 95, 215, 142, 203, 227, 205],
        CREATE_TREE,
        args::create_tree,
        ChangeLog,
    ),
    Layout::new(
        Kind::SetTreeDelegate,
        [253, 118, 66, 37, 190, 49, 154, 102],
        &[TreeConfig, TreeCreator, NewTreeDelegate, MerkleTree, SystemProgram],
        args::none,
        Nothing,
    ),
    Layout::new(
        Kind::SetDecompressableState,
        [18, 135, 238, 168, 246, 195, 61, 115],
        DECOMPRESSIBLE_STATE,
        args::decompressible_state,
        Nothing,
    ),
    Layout::new(
        Kind::SetDecompressibleState,
        [82, 104, 152, 6, 149, 111, 100, 13],
        DECOMPRESSIBLE_STATE,
        args::decompressible_state,
        Nothing,
    ),
    Layout::new(
        Kind::CloseTreeV2,
        [45, 172, 6, 94, 28, 90, 157, 70],
        &[
            TreeConfig,
            Authority,
            MerkleTree,
            Recipient,
            FeeRecipient,
            CompressionProgram,
            LogWrapper,
            SystemProgram,
        ],
        args::none,
        Nothing,
    ),
    Layout::new(
        Kind::CollectV2,
        [21, 11, 159, 47, 4, 195, 106, 56],
        &[TreeConfig, Destination],
        args::none,
        Nothing,
    ),
    Layout::new(
        Kind::MintV1,
        [145, 98, 192, 118, 184, 147, 118, 104],
        &[
            TreeConfig,
            LeafOwner,
            LeafDelegate,
            MerkleTree,
            Payer,
            TreeCreatorOrDelegate,
            LogWrapper,
            CompressionProgram,
            SystemProgram,
        ],
        args::mint_v1,
        Leaf,
    ),
    Layout::new(
        Kind::MintToCollectionV1,
        [153, 18, 178, 47, 197, 158, 86, 15],
        COLLECTION,
        args::mint_v1,
        Leaf,
    ),
    Layout::new(
        Kind::MintV2,
        [120, 121, 23, 146, 173, 110, 199, 205],
        &[
            TreeConfig,
            Payer,
            TreeCreatorOrDelegate,
            CollectionAuthority,
            LeafOwner,
            LeafDelegate,
            MerkleTree,
            CoreCollection,
            MplCoreCpiSigner,
            LogWrapper,
            CompressionProgram,
            MplCoreProgram,
            SystemProgram,
        ],
        args::mint_v2,
        Leaf,
    ),
    Layout::new(
        Kind::Transfer,
        [163, 52, 200, 231, 140, 3, 69, 186],
        &[
            TreeConfig,
            LeafOwner,
            LeafDelegate,
            NewLeafOwner,
            MerkleTree,
            LogWrapper,
            CompressionProgram,
            SystemProgram,
        ],
        args::leaf_v1,
        Leaf,
    ),
    Layout::new(
        Kind::TransferV2,
        [119, 40, 6, 235, 234, 221, 248, 49],
        &[
            TreeConfig,
            Payer,
            Authority,
            LeafOwner,
            LeafDelegate,
            NewLeafOwner,
            MerkleTree,
            CoreCollection,
            LogWrapper,
            CompressionProgram,
            SystemProgram,
        ],
        args::leaf_v2,
        Leaf,
    ),
    Layout::new(
        Kind::Delegate,
        [90, 147, 75, 178, 85, 88, 4, 137],
        &[
            TreeConfig,
            LeafOwner,
            PreviousLeafDelegate,
            NewLeafDelegate,
            MerkleTree,
            LogWrapper,
            CompressionProgram,
            SystemProgram,
        ],
        args::leaf_v1,
        Leaf,
    ),
    Layout::new(
        Kind::DelegateV2,
        [95, 87, 125, 140, 181, 131, 128, 227],
        DELEGATE_V2,
        args::leaf_in_collection,
        Leaf,
    ),
    Layout::new(
        Kind::DelegateAndFreezeV2,
        [17, 229, 35, 218, 190, 241, 250, 123],
        DELEGATE_V2,
        args::leaf_in_collection,
        Leaf,
    ),
    Layout::new(
        Kind::Burn,
        [116, 110, 29, 56, 107, 219, 42, 93],
        &[TreeConfig, LeafOwner, LeafDelegate, MerkleTree, LogWrapper, CompressionProgram, SystemProgram],
        args::leaf_v1,
        ChangeLog,
    ),
    Layout::new(
        Kind::BurnV2,
        [115, 210, 34, 240, 232, 143, 183, 16],
        &[
            TreeConfig,
            Payer,
            Authority,
            LeafOwner,
            LeafDelegate,
            MerkleTree,
            CoreCollection,
            MplCoreCpiSigner,
            LogWrapper,
            CompressionProgram,
            MplCoreProgram,
            SystemProgram,
        ],
        args::leaf_v2,
        ChangeLog,
    ),
    Layout::new(
        Kind::Redeem,
        [184, 12, 86, 149, 70, 196, 97, 225],
        &[
            TreeConfig,
            LeafOwner,
            LeafDelegate,
            MerkleTree,
            Voucher,
            LogWrapper,
            CompressionProgram,
            SystemProgram,
        ],
        args::leaf_v1,
        ChangeLog,
    ),
    Layout::new(
        Kind::CancelRedeem,
        [111, 76, 232, 50, 39, 175, 48, 242],
        &[TreeConfig, LeafOwner, MerkleTree, Voucher, LogWrapper, CompressionProgram, SystemProgram],
        args::cancel_redeem,
        ChangeLog,
    ),
    Layout::new(
        Kind::DecompressV1,
        [54, 85, 76, 70, 228, 250, 164, 81],
        &[
            Voucher,
            LeafOwner,
            TokenAccount,
            Mint,
            MintAuthority,
            MetadataAccount,
            MasterEdition,
            SystemProgram,
            SysvarRent,
            TokenMetadataProgram,
            TokenProgram,
            AssociatedTokenProgram,
            LogWrapper,
        ],
        args::decompress,
        Nothing,
    ),
    Layout::new(Kind::Compress, [82, 193, 176, 117, 176, 21, 115, 253], &[], args::none, Nothing),
    Layout::new(Kind::VerifyCreator, [52, 17, 96, 132, 71, 4, 85, 194], CREATOR, args::metadata_v1, Leaf),
    Layout::new(
        Kind::UnverifyCreator,
        [107, 178, 57, 39, 105, 115, 112, 152],
        CREATOR,
        args::metadata_v1,
        Leaf,
    ),
    Layout::new(
        Kind::VerifyCreatorV2,
        [85, 138, 140, 42, 22, 241, 118, 102],
        CREATOR_V2,
        args::metadata_v2,
        Leaf,
    ),
    Layout::new(
        Kind::UnverifyCreatorV2,
        [174, 112, 29, 142, 230, 100, 239, 7],
        CREATOR_V2,
        args::metadata_v2,
        Leaf,
    ),
    Layout::new(
        Kind::VerifyCollection,
        [56, 113, 101, 253, 79, 55, 122, 169],
        COLLECTION,
        args::metadata_v1,
        Leaf,
    ),
    Layout::new(
        Kind::UnverifyCollection,
        [250, 251, 42, 106, 41, 137, 186, 168],
        COLLECTION,
        args::metadata_v1,
        Leaf,
    ),
    Layout::new(
        Kind::SetAndVerifyCollection,
        [235, 242, 121, 216, 158, 234, 180, 234],
        COLLECTION,
        args::set_and_verify,
        Leaf,
    ),
    Layout::new(
        Kind::SetCollectionV2,
        [229, 35, 61, 91, 15, 14, 99, 160],
        &[
            TreeConfig,
            Payer,
            Authority,
            NewCollectionAuthority,
            LeafOwner,
            LeafDelegate,
            MerkleTree,
            CoreCollection,
            NewCoreCollection,
            MplCoreCpiSigner,
            LogWrapper,
            CompressionProgram,
            MplCoreProgram,
            SystemProgram,
        ],
        args::metadata_v2,
        Leaf,
    ),
    Layout::new(
        Kind::UpdateMetadata,
        [170, 182, 43, 239, 97, 78, 225, 186],
        &[
            TreeConfig,
            Authority,
            CollectionMint,
            CollectionMetadata,
            CollectionAuthorityRecordPda,
            LeafOwner,
            LeafDelegate,
            Payer,
            MerkleTree,
            LogWrapper,
            CompressionProgram,
            TokenMetadataProgram,
            SystemProgram,
        ],
        args::update_v1,
        Leaf,
    ),
    Layout::new(Kind::UpdateMetadataV2, [43, 103, 89, 42, 121, 242, 62, 72], LEAF_V2, args::update_v2, Leaf),
    Layout::new(Kind::FreezeV2, [200, 151, 244, 102, 16, 195, 255, 3], LEAF_V2, args::leaf_v2, Leaf),
    Layout::new(Kind::ThawV2, [96, 133, 101, 93, 82, 220, 146, 191], LEAF_V2, args::leaf_v2, Leaf),
    Layout::new(
        Kind::ThawAndRevokeV2,
        [86, 214, 190, 37, 167, 4, 28, 116],
        &[
            TreeConfig,
            Payer,
            LeafDelegate,
            LeafOwner,
            MerkleTree,
            LogWrapper,
            CompressionProgram,
            SystemProgram,
        ],
        args::leaf_in_collection,
        Leaf,
    ),
    Layout::new(
        Kind::SetNonTransferableV2,
        [181, 141, 206, 58, 242, 199, 152, 168],
        LEAF_V2,
        args::leaf_v2,
        Leaf,
    ),
    Layout::new(Kind::UpdateAssetDataV2, [59, 56, 111, 43, 95, 14, 11, 61], LEAF_V2, args::asset_data, Leaf),
];
