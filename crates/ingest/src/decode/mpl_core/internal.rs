//! The plugins that the program itself has.

use vitrine_model::Pubkey;

use super::base::keys;
use crate::decode::Reason;
use crate::decode::bytes::Cursor;

/// A plugin of the program, with its data. The number of each is its type, in the registry and in front of its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InternalPlugin<'a> {
    /// 0: what creators get of a sale.
    Royalties {
        /// In hundredths of a percent.
        basis_points: u16,
        /// Who shares it.
        creators: Vec<Creator>,
        /// Which programs may transfer.
        rule_set: RuleSet,
    },
    /// 1: its authority may freeze.
    FreezeDelegate {
        /// Whether it is frozen.
        frozen: bool,
    },
    /// 2: its authority may burn.
    BurnDelegate,
    /// 3: its authority may transfer.
    TransferDelegate,
    /// 4: its authority may update.
    UpdateDelegate {
        /// Who else may.
        additional_delegates: Vec<Pubkey>,
    },
    /// 5: its authority may freeze, whoever owns the asset.
    PermanentFreezeDelegate {
        /// Whether it is frozen.
        frozen: bool,
    },
    /// 6: names and values.
    Attributes {
        /// In the order of the account.
        attribute_list: Vec<Attribute<'a>>,
    },
    /// 7: its authority may transfer, whoever owns the asset.
    PermanentTransferDelegate,
    /// 8: its authority may burn, whoever owns the asset.
    PermanentBurnDelegate,
    /// 9: the asset is a print.
    Edition {
        /// The number of the print.
        number: u32,
    },
    /// 10: the collection is one of prints.
    MasterEdition {
        /// How many prints there may be.
        max_supply: Option<u32>,
        /// The name of the prints, where it is not the collection's.
        name: Option<&'a str>,
        /// The URI of the prints, where it is not the collection's.
        uri: Option<&'a str>,
    },
    /// 11: no plugin can be added any more.
    AddBlocker,
    /// 12: name and URI cannot be changed any more.
    ImmutableMetadata,
    /// 13: who says that they made it.
    VerifiedCreators {
        /// In the order of the account.
        signatures: Vec<VerifiedCreator>,
    },
    /// 14: who signed it.
    Autograph {
        /// In the order of the account.
        signatures: Vec<AutographSignature<'a>>,
    },
    /// 15: the collection may have compressed members, of Bubblegum version 2.
    BubblegumV2,
    /// 16: its authority may forbid `execute`.
    FreezeExecute {
        /// Whether it is forbidden.
        frozen: bool,
    },
    /// 17: its authority may forbid `execute`, whoever owns the asset.
    PermanentFreezeExecute {
        /// Whether it is forbidden.
        frozen: bool,
    },
    /// 18: the groups that the asset or collection is in.
    Groups {
        /// In the order of the account.
        groups: Vec<Pubkey>,
    },
    /// A type that is newer than this version.
    Unknown {
        /// Its number.
        kind: u8,
        /// All its bytes, the number included.
        data: &'a [u8],
    },
}

/// Somebody who has a share in the royalties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Creator {
    /// Who.
    pub address: Pubkey,
    /// In percent.
    pub percentage: u8,
}

/// Which programs may transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleSet {
    /// All.
    None,
    /// These alone.
    ProgramAllowList(Vec<Pubkey>),
    /// All but these.
    ProgramDenyList(Vec<Pubkey>),
}

/// A name and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are what they are called")]
pub struct Attribute<'a> {
    pub key: &'a str,
    pub value: &'a str,
}

/// Somebody who is said to have made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedCreator {
    /// Who.
    pub address: Pubkey,
    /// Whether they say so themselves.
    pub verified: bool,
}

/// Somebody who signed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutographSignature<'a> {
    /// Who.
    pub address: Pubkey,
    /// With which words.
    pub message: &'a str,
}

/// The newest type that is known.
const NEWEST: u8 = 18;

impl<'a> InternalPlugin<'a> {
    /// Reads a plugin of type `kind` from its first byte, which repeats the type.
    pub(super) fn read(kind: u8, cursor: &mut Cursor<'a>) -> Result<Self, Reason> {
        if kind > NEWEST {
            return Ok(Self::Unknown { kind, data: cursor.rest() });
        }
        match cursor.u8("plugin")? {
            repeated if repeated == kind => Self::known(kind, cursor),
            other => Err(Reason::BadTag { field: "plugin", value: other.into() }),
        }
    }

    fn known(kind: u8, cursor: &mut Cursor<'a>) -> Result<Self, Reason> {
        Ok(match kind {
            0 => Self::Royalties {
                basis_points: cursor.u16("royalties.basis_points")?,
                creators: cursor.vec("royalties.creators", 33, creator)?,
                rule_set: rule_set(cursor)?,
            },
            1 => Self::FreezeDelegate { frozen: cursor.bool("freeze_delegate.frozen")? },
            2 => Self::BurnDelegate,
            3 => Self::TransferDelegate,
            4 => Self::UpdateDelegate {
                additional_delegates: keys("update_delegate.additional_delegates", cursor)?,
            },
            5 => Self::PermanentFreezeDelegate { frozen: cursor.bool("permanent_freeze_delegate.frozen")? },
            6 => Self::Attributes { attribute_list: cursor.vec("attributes.attribute_list", 8, attribute)? },
            7 => Self::PermanentTransferDelegate,
            8 => Self::PermanentBurnDelegate,
            9 => Self::Edition { number: cursor.u32("edition.number")? },
            10 => Self::MasterEdition {
                max_supply: cursor.option("master_edition.max_supply", |cursor| cursor.u32("max_supply"))?,
                name: cursor.option("master_edition.name", |cursor| cursor.string("name"))?,
                uri: cursor.option("master_edition.uri", |cursor| cursor.string("uri"))?,
            },
            11 => Self::AddBlocker,
            12 => Self::ImmutableMetadata,
            13 => {
                Self::VerifiedCreators { signatures: cursor.vec("verified_creators", 33, verified_creator)? }
            }
            14 => {
                Self::Autograph { signatures: cursor.vec("autograph.signatures", 36, autograph_signature)? }
            }
            15 => Self::BubblegumV2,
            16 => Self::FreezeExecute { frozen: cursor.bool("freeze_execute.frozen")? },
            17 => Self::PermanentFreezeExecute { frozen: cursor.bool("permanent_freeze_execute.frozen")? },
            18 => Self::Groups { groups: keys("groups.groups", cursor)? },
            unknown => return Err(Reason::BadTag { field: "plugin", value: unknown.into() }),
        })
    }
}

fn creator(cursor: &mut Cursor<'_>) -> Result<Creator, Reason> {
    Ok(Creator {
        address: cursor.key("royalties.creators.address")?,
        percentage: cursor.u8("royalties.creators.percentage")?,
    })
}

fn rule_set(cursor: &mut Cursor<'_>) -> Result<RuleSet, Reason> {
    const FIELD: &str = "royalties.rule_set";
    match cursor.u8(FIELD)? {
        0 => Ok(RuleSet::None),
        1 => keys(FIELD, cursor).map(RuleSet::ProgramAllowList),
        2 => keys(FIELD, cursor).map(RuleSet::ProgramDenyList),
        tag => Err(Reason::BadTag { field: FIELD, value: tag.into() }),
    }
}

fn attribute<'a>(cursor: &mut Cursor<'a>) -> Result<Attribute<'a>, Reason> {
    Ok(Attribute { key: cursor.string("attributes.key")?, value: cursor.string("attributes.value")? })
}

fn verified_creator(cursor: &mut Cursor<'_>) -> Result<VerifiedCreator, Reason> {
    Ok(VerifiedCreator {
        address: cursor.key("verified_creators.address")?,
        verified: cursor.bool("verified_creators.verified")?,
    })
}

fn autograph_signature<'a>(cursor: &mut Cursor<'a>) -> Result<AutographSignature<'a>, Reason> {
    Ok(AutographSignature {
        address: cursor.key("autograph.address")?,
        message: cursor.string("autograph.message")?,
    })
}
