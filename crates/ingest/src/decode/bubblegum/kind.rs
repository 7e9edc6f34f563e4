//! The names of the program's instructions and of their accounts.

/// An instruction of the program, by its name in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A tree was made.
    CreateTree,
    /// A tree for leaves of version 2 was made.
    CreateTreeV2,
    /// Who may mint to a tree was set.
    SetTreeDelegate,
    /// Whether leaves of a tree may be decompressed was set; the first spelling of the next one.
    SetDecompressableState,
    /// Whether leaves of a tree may be decompressed was set.
    SetDecompressibleState,
    /// A tree that was empty was closed.
    CloseTreeV2,
    /// Fees were paid out.
    CollectV2,
    /// An asset was minted.
    MintV1,
    /// An asset was minted into a collection, which verified it.
    MintToCollectionV1,
    /// An asset of version 2 was minted.
    MintV2,
    /// An asset changed hands.
    Transfer,
    /// An asset of version 2 changed hands.
    TransferV2,
    /// An asset got a delegate.
    Delegate,
    /// An asset of version 2 got a delegate.
    DelegateV2,
    /// An asset of version 2 got a delegate and was frozen.
    DelegateAndFreezeV2,
    /// An asset was burnt.
    Burn,
    /// An asset of version 2 was burnt.
    BurnV2,
    /// A leaf was taken out of its tree, to be decompressed.
    Redeem,
    /// A redeemed leaf was put back.
    CancelRedeem,
    /// A redeemed leaf became a token.
    DecompressV1,
    /// Declared by the program and never implemented. Its accounts are not named.
    Compress,
    /// A creator signed for an asset.
    VerifyCreator,
    /// A creator took back their signature.
    UnverifyCreator,
    /// A creator signed for an asset of version 2.
    VerifyCreatorV2,
    /// A creator took back their signature on an asset of version 2.
    UnverifyCreatorV2,
    /// A collection verified an asset.
    VerifyCollection,
    /// A collection took that back.
    UnverifyCollection,
    /// An asset got a collection, which verified it.
    SetAndVerifyCollection,
    /// An asset of version 2 was put into a collection, moved to another one, or taken out.
    SetCollectionV2,
    /// The metadata of an asset changed.
    UpdateMetadata,
    /// The metadata of an asset of version 2 changed.
    UpdateMetadataV2,
    /// An asset was frozen, by its delegate or by its collection.
    FreezeV2,
    /// An asset was thawed.
    ThawV2,
    /// An asset was thawed and lost its delegate.
    ThawAndRevokeV2,
    /// An asset was bound to its owner for good.
    SetNonTransferableV2,
    /// The data of an asset of version 2 changed.
    UpdateAssetDataV2,
}

/// What an account is to an instruction, by its name in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Account {
    /// The program of associated token accounts.
    AssociatedTokenProgram,
    /// Who asks for it; the payer where it is absent.
    Authority,
    /// The address that Bubblegum signs calls of other programs with.
    BubblegumSigner,
    /// The collection's authority. In `mint_v2` the tree's creator or delegate where it is absent.
    CollectionAuthority,
    /// The record that makes the authority a delegated one.
    CollectionAuthorityRecordPda,
    /// The edition account of the collection.
    CollectionEdition,
    /// The metadata account of the collection.
    CollectionMetadata,
    /// The mint of the collection.
    CollectionMint,
    /// The program that keeps the tree.
    CompressionProgram,
    /// The MPL Core collection that the asset is in.
    CoreCollection,
    /// The creator who signs; the payer where it is absent.
    Creator,
    /// Who fees are paid out to.
    Destination,
    /// Who the fees are paid out to when a tree is closed.
    FeeRecipient,
    /// Who may move the asset besides its owner; the owner where it is absent, the payer in `thaw_and_revoke_v2`.
    LeafDelegate,
    /// The owner of the asset; the payer where it is absent.
    LeafOwner,
    /// The program that events are logged with.
    LogWrapper,
    /// The master edition account of the decompressed asset.
    MasterEdition,
    /// The tree.
    MerkleTree,
    /// The metadata account of the decompressed asset.
    MetadataAccount,
    /// The mint of the decompressed asset, whose address is the asset's id.
    Mint,
    /// The mint authority of the decompressed asset.
    MintAuthority,
    /// The address that Bubblegum signs calls of MPL Core with.
    MplCoreCpiSigner,
    /// MPL Core.
    MplCoreProgram,
    /// The authority of the new collection; the authority where it is absent.
    NewCollectionAuthority,
    /// The MPL Core collection that the asset is put into.
    NewCoreCollection,
    /// Who may move the asset from now on.
    NewLeafDelegate,
    /// The next owner.
    NewLeafOwner,
    /// Who may mint to the tree from now on.
    NewTreeDelegate,
    /// Who pays for it.
    Payer,
    /// Who might move the asset up to now; the owner where it is absent.
    PreviousLeafDelegate,
    /// Who the rent of a closed tree is paid back to.
    Recipient,
    /// The system program.
    SystemProgram,
    /// The rent sysvar.
    SysvarRent,
    /// The token account of the decompressed asset.
    TokenAccount,
    /// Token Metadata.
    TokenMetadataProgram,
    /// The token program.
    TokenProgram,
    /// What Bubblegum keeps of the tree; `tree_authority` at first.
    TreeConfig,
    /// Who made the tree; the payer where it is absent.
    TreeCreator,
    /// Who may mint to the tree; the payer where it is absent.
    TreeCreatorOrDelegate,
    /// The account that stands for a redeemed leaf.
    Voucher,
}
