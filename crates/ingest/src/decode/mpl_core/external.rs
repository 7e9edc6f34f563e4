//! Adapters: plugins of other programs, which the program keeps the terms of.

use vitrine_model::Pubkey;

use super::PluginAuthority;
use crate::decode::Reason;
use crate::decode::bytes::Cursor;

/// The terms of an external plugin. The number of each is its type, in the registry and in front of its terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adapter<'a> {
    /// 0: a program that is called on events of the asset.
    LifecycleHook(LifecycleHook<'a>),
    /// 1: an account that is asked on events of the asset.
    Oracle {
        /// The account, or the program whose account it is.
        base_address: Pubkey,
        /// How the account's address comes from the base address; none: it is the base address.
        base_address_config: Option<ExtraAccount<'a>>,
        /// Where in the account the answer is.
        results_offset: ValidationResultsOffset,
    },
    /// 2: data that an authority writes.
    AppData {
        /// Who writes.
        data_authority: PluginAuthority,
        /// How what is written is to be read.
        schema: Schema,
    },
    /// 3: on a collection, a program that is called on events of its assets, whose data is on the assets.
    LinkedLifecycleHook(LifecycleHook<'a>),
    /// 4: on a collection, data that an authority writes on its assets.
    LinkedAppData {
        /// Who writes.
        data_authority: PluginAuthority,
        /// How what is written is to be read.
        schema: Schema,
    },
    /// 5: on an asset, the data of a linked adapter of its collection.
    DataSection {
        /// Which adapter.
        parent_key: LinkedDataKey,
        /// How what is written is to be read.
        schema: Schema,
    },
    /// 6: the asset stands for an agent.
    AgentIdentity {
        /// Where the description of the agent is.
        uri: &'a str,
    },
    /// A type that is newer than this version.
    Unknown {
        /// Its number.
        kind: u8,
        /// All bytes of its terms, the number included, its data not.
        config: &'a [u8],
    },
}

/// A program that is called on events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleHook<'a> {
    /// The program.
    pub hooked_program: Pubkey,
    /// What it is given besides.
    pub extra_accounts: Option<Vec<ExtraAccount<'a>>>,
    /// Who writes the data.
    pub data_authority: Option<PluginAuthority>,
    /// How the data is to be read.
    pub schema: Schema,
}

/// How data is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the program's names")]
pub enum Schema {
    Binary,
    Json,
    MsgPack,
}

/// Which adapter of the collection a data section belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkedDataKey {
    /// The linked hook of this program.
    LinkedLifecycleHook(Pubkey),
    /// The linked data of this authority.
    LinkedAppData(PluginAuthority),
}

/// An account besides those that every event has. The address of each preconfigured one is derived from the program and
/// from what it is named after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraAccount<'a> {
    /// Which account.
    pub address: ExtraAddress<'a>,
    /// Whether it has to sign.
    pub is_signer: bool,
    /// Whether it may be written.
    pub is_writable: bool,
}

/// Where an extra account is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the program's names")]
pub enum ExtraAddress<'a> {
    PreconfiguredProgram,
    PreconfiguredCollection,
    PreconfiguredOwner,
    PreconfiguredRecipient,
    PreconfiguredAsset,
    CustomPda { seeds: Vec<Seed<'a>>, custom_program_id: Option<Pubkey> },
    Address(Pubkey),
}

/// A part that a program derived address is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the program's names")]
pub enum Seed<'a> {
    Collection,
    Owner,
    Recipient,
    Asset,
    Address(Pubkey),
    Bytes(&'a [u8]),
}

/// Where in an oracle's account the answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidationResultsOffset {
    /// At its start.
    NoOffset,
    /// Behind an Anchor discriminator, which has 8 bytes.
    Anchor,
    /// At this byte.
    Custom(u64),
}

/// An event and what an external plugin may do on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LifecycleCheck {
    /// The event.
    pub event: HookableEvent,
    /// Bit 0: listen, bit 1: approve, bit 2: reject. The rest has no meaning yet.
    pub flags: u32,
}

/// What happens to an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the program's names")]
pub enum HookableEvent {
    Create,
    Transfer,
    Burn,
    Update,
    Execute,
    /// One that is newer than this version, by its number.
    Unknown(u8),
}

/// The newest type of adapter that is known.
const NEWEST: u8 = 6;

const SCHEMAS: [Schema; 3] = [Schema::Binary, Schema::Json, Schema::MsgPack];

impl<'a> Adapter<'a> {
    /// How the plugin's data is to be read: as bytes where its terms do not say.
    pub const fn schema(&self) -> Schema {
        match self {
            Self::LifecycleHook(hook) | Self::LinkedLifecycleHook(hook) => hook.schema,
            Self::AppData { schema, .. }
            | Self::LinkedAppData { schema, .. }
            | Self::DataSection { schema, .. } => *schema,
            Self::Oracle { .. } | Self::AgentIdentity { .. } | Self::Unknown { .. } => Schema::Binary,
        }
    }

    /// Reads the terms of an adapter of type `kind` from their first byte, which repeats the type.
    pub(super) fn read(kind: u8, cursor: &mut Cursor<'a>) -> Result<Self, Reason> {
        if kind > NEWEST {
            return Ok(Self::Unknown { kind, config: cursor.rest() });
        }
        match cursor.u8("external_plugin")? {
            repeated if repeated == kind => Self::known(kind, cursor),
            other => Err(Reason::BadTag { field: "external_plugin", value: other.into() }),
        }
    }

    fn known(kind: u8, cursor: &mut Cursor<'a>) -> Result<Self, Reason> {
        Ok(match kind {
            0 => Self::LifecycleHook(lifecycle_hook(cursor)?),
            1 => Self::Oracle {
                base_address: cursor.key("oracle.base_address")?,
                base_address_config: cursor.option("oracle.base_address_config", extra_account)?,
                results_offset: results_offset(cursor)?,
            },
            2 => Self::AppData { data_authority: data_authority(cursor)?, schema: schema(cursor)? },
            3 => Self::LinkedLifecycleHook(lifecycle_hook(cursor)?),
            4 => Self::LinkedAppData { data_authority: data_authority(cursor)?, schema: schema(cursor)? },
            5 => Self::DataSection { parent_key: parent_key(cursor)?, schema: schema(cursor)? },
            6 => Self::AgentIdentity { uri: cursor.string("agent_identity.uri")? },
            unknown => return Err(Reason::BadTag { field: "external_plugin", value: unknown.into() }),
        })
    }
}

impl LifecycleCheck {
    /// Whether the plugin is told of the event.
    pub const fn can_listen(&self) -> bool {
        self.flags & 1 != 0
    }

    /// Whether the plugin may force the event through.
    pub const fn can_approve(&self) -> bool {
        self.flags & 2 != 0
    }

    /// Whether the plugin may forbid the event.
    pub const fn can_reject(&self) -> bool {
        self.flags & 4 != 0
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Reason> {
        let event = match cursor.u8("lifecycle_checks.event")? {
            0 => HookableEvent::Create,
            1 => HookableEvent::Transfer,
            2 => HookableEvent::Burn,
            3 => HookableEvent::Update,
            4 => HookableEvent::Execute,
            newer => HookableEvent::Unknown(newer),
        };
        Ok(Self { event, flags: cursor.u32("lifecycle_checks.flags")? })
    }
}

fn lifecycle_hook<'a>(cursor: &mut Cursor<'a>) -> Result<LifecycleHook<'a>, Reason> {
    Ok(LifecycleHook {
        hooked_program: cursor.key("lifecycle_hook.hooked_program")?,
        extra_accounts: cursor.option("lifecycle_hook.extra_accounts", |cursor| {
            cursor.vec("lifecycle_hook.extra_accounts", 3, extra_account)
        })?,
        data_authority: cursor.option("lifecycle_hook.data_authority", data_authority)?,
        schema: schema(cursor)?,
    })
}

fn data_authority(cursor: &mut Cursor<'_>) -> Result<PluginAuthority, Reason> {
    PluginAuthority::read("data_authority", cursor)
}

fn schema(cursor: &mut Cursor<'_>) -> Result<Schema, Reason> {
    cursor.one_of("schema", &SCHEMAS)
}

fn parent_key(cursor: &mut Cursor<'_>) -> Result<LinkedDataKey, Reason> {
    const FIELD: &str = "data_section.parent_key";
    match cursor.u8(FIELD)? {
        0 => cursor.key(FIELD).map(LinkedDataKey::LinkedLifecycleHook),
        1 => PluginAuthority::read(FIELD, cursor).map(LinkedDataKey::LinkedAppData),
        tag => Err(Reason::BadTag { field: FIELD, value: tag.into() }),
    }
}

fn results_offset(cursor: &mut Cursor<'_>) -> Result<ValidationResultsOffset, Reason> {
    const FIELD: &str = "oracle.results_offset";
    match cursor.u8(FIELD)? {
        0 => Ok(ValidationResultsOffset::NoOffset),
        1 => Ok(ValidationResultsOffset::Anchor),
        2 => cursor.u64(FIELD).map(ValidationResultsOffset::Custom),
        tag => Err(Reason::BadTag { field: FIELD, value: tag.into() }),
    }
}

fn extra_account<'a>(cursor: &mut Cursor<'a>) -> Result<ExtraAccount<'a>, Reason> {
    const FIELD: &str = "extra_account";
    let address = match cursor.u8(FIELD)? {
        0 => ExtraAddress::PreconfiguredProgram,
        1 => ExtraAddress::PreconfiguredCollection,
        2 => ExtraAddress::PreconfiguredOwner,
        3 => ExtraAddress::PreconfiguredRecipient,
        4 => ExtraAddress::PreconfiguredAsset,
        5 => ExtraAddress::CustomPda {
            seeds: cursor.vec("extra_account.seeds", 1, seed)?,
            custom_program_id: cursor
                .option("extra_account.custom_program_id", |cursor| cursor.key("custom_program_id"))?,
        },
        6 => ExtraAddress::Address(cursor.key("extra_account.address")?),
        tag => return Err(Reason::BadTag { field: FIELD, value: tag.into() }),
    };
    Ok(ExtraAccount {
        address,
        is_signer: cursor.bool("extra_account.is_signer")?,
        is_writable: cursor.bool("extra_account.is_writable")?,
    })
}

fn seed<'a>(cursor: &mut Cursor<'a>) -> Result<Seed<'a>, Reason> {
    const FIELD: &str = "extra_account.seeds";
    match cursor.u8(FIELD)? {
        0 => Ok(Seed::Collection),
        1 => Ok(Seed::Owner),
        2 => Ok(Seed::Recipient),
        3 => Ok(Seed::Asset),
        4 => cursor.key(FIELD).map(Seed::Address),
        5 => {
            let len = cursor.vec_len(FIELD, 1)?;
            cursor.take(FIELD, len).map(Seed::Bytes)
        }
        tag => Err(Reason::BadTag { field: FIELD, value: tag.into() }),
    }
}
