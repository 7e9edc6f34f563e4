//! The registry of an account's plugins, and where each one's bytes are.

use std::ops::Range;

use super::external::LifecycleCheck;
use super::{Adapter, InternalPlugin, PluginAuthority};
use crate::decode::Reason;
use crate::decode::bytes::Cursor;

/// The plugins of an account, internal and external ones apart, each in the order of their bytes.
///
/// Behind the base of an account stands a header that says where the registry is. The registry is the end of the account.
/// It has a record for each plugin: its type, its authority, and the offset of its bytes, which end where those of the
/// next plugin start, or at the registry. An external plugin has its terms there and may have data behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plugins<'a> {
    /// Plugins of the program.
    pub internal: Vec<InternalRecord<'a>>,
    /// Plugins of other programs.
    pub external: Vec<ExternalRecord<'a>>,
}

/// A plugin of the program, as an account has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InternalRecord<'a> {
    /// Its place, from 0, among all plugins of the account in the order of their bytes.
    pub index: usize,
    /// Where its bytes start, from the start of the account.
    pub offset: u64,
    /// Who may change it.
    pub authority: PluginAuthority,
    /// What it is and says.
    pub plugin: InternalPlugin<'a>,
}

/// A plugin of another program, as an account has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalRecord<'a> {
    /// Its place, from 0, among all plugins of the account in the order of their bytes.
    pub index: usize,
    /// Where its terms start, from the start of the account.
    pub offset: u64,
    /// Who may change it.
    pub authority: PluginAuthority,
    /// What it may do on events, in the order of the registry; empty as well where the registry has none.
    pub lifecycle_checks: Vec<LifecycleCheck>,
    /// Its terms.
    pub adapter: Adapter<'a>,
    /// Its data.
    pub data: Option<AttachedData<'a>>,
}

/// The data of an external plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttachedData<'a> {
    /// Where it starts, from the start of the account.
    pub offset: u64,
    /// The data, to be read by [`Adapter::schema`].
    pub bytes: &'a [u8],
}

/// A record of the registry.
struct Record {
    kind: u8,
    authority: PluginAuthority,
    offset: u64,
    /// Of external plugins alone.
    external: Option<ExternalPart>,
}

struct ExternalPart {
    lifecycle_checks: Vec<LifecycleCheck>,
    data_offset: Option<u64>,
    data_len: Option<u64>,
}

/// The keys of the two structures.
const HEADER: u8 = 3;
const REGISTRY: u8 = 4;

/// The least bytes of a record: type, authority without an address, offset; and three options that are none.
const RECORD_LEN: usize = 10;
const EXTERNAL_RECORD_LEN: usize = RECORD_LEN + 3;

/// Event and flags.
const LIFECYCLE_CHECK_LEN: usize = 5;

/// Reads the plugins of the account `data`; `base` stands behind its base. An account that ends there has none.
///
/// The bytes of two plugins never overlap: an account where they do is refused, so that none is decoded over and over.
pub(super) fn plugins<'a>(data: &'a [u8], base: &mut Cursor<'a>) -> Result<Plugins<'a>, Reason> {
    let mut plugins = Plugins::default();
    if base.rest().is_empty() {
        return Ok(plugins);
    }
    key("plugin_header", HEADER, base)?;
    let registry_offset = base.u64("plugin_registry_offset")?;
    let mut records =
        registry(&mut Cursor::between("plugin_registry", data, registry_offset, data.len() as u64)?)?;
    // The order of the registry is that of adding; plugins that start at the same byte keep it.
    records.sort_by_key(|record| record.offset);
    let next =
        records.iter().skip(1).map(|record| record.offset).chain([registry_offset]).collect::<Vec<_>>();
    for (index, (record, end)) in records.into_iter().zip(next).enumerate() {
        let Record { kind, authority, offset, external } = record;
        match external {
            None => {
                let plugin = InternalPlugin::read(kind, &mut Cursor::between("plugin", data, offset, end)?)?;
                plugins.internal.push(InternalRecord { index, offset, authority, plugin });
            }
            Some(part) => {
                let (adapter, attached) = external_plugin(data, kind, offset..end, &part)?;
                let lifecycle_checks = part.lifecycle_checks;
                let record =
                    ExternalRecord { index, offset, authority, lifecycle_checks, adapter, data: attached };
                plugins.external.push(record);
            }
        }
    }
    Ok(plugins)
}

/// The terms and the data of an external plugin that has these bytes of the account. Its terms end where its data starts.
fn external_plugin<'a>(
    data: &'a [u8],
    kind: u8,
    bytes: Range<u64>,
    part: &ExternalPart,
) -> Result<(Adapter<'a>, Option<AttachedData<'a>>), Reason> {
    const CONFIG: &str = "external_plugin";
    const DATA: &str = "external_plugin.data";
    let Range { start, end } = bytes;
    let config_end = part.data_offset.unwrap_or(end);
    if config_end > end {
        let (len, max) = (config_end.saturating_sub(start), end.saturating_sub(start));
        return Err(Reason::TooLong { field: CONFIG, len, max });
    }
    let adapter = Adapter::read(kind, &mut Cursor::between(CONFIG, data, start, config_end)?)?;
    let (Some(offset), Some(len)) = (part.data_offset, part.data_len) else { return Ok((adapter, None)) };
    if len > end - config_end {
        return Err(Reason::TooLong { field: DATA, len, max: end - config_end });
    }
    let bytes = Cursor::between(DATA, data, offset, offset + len)?.rest();
    Ok((adapter, Some(AttachedData { offset, bytes })))
}

fn registry(cursor: &mut Cursor<'_>) -> Result<Vec<Record>, Reason> {
    key("plugin_registry", REGISTRY, cursor)?;
    let mut records = cursor.vec("plugin_registry.registry", RECORD_LEN, record)?;
    records.extend(cursor.vec("plugin_registry.external_registry", EXTERNAL_RECORD_LEN, external_record)?);
    Ok(records)
}

fn record(cursor: &mut Cursor<'_>) -> Result<Record, Reason> {
    Ok(Record {
        kind: cursor.u8("plugin_registry.type")?,
        authority: PluginAuthority::read("plugin_registry.authority", cursor)?,
        offset: cursor.u64("plugin_registry.offset")?,
        external: None,
    })
}

fn external_record(cursor: &mut Cursor<'_>) -> Result<Record, Reason> {
    let kind = cursor.u8("plugin_registry.type")?;
    let authority = PluginAuthority::read("plugin_registry.authority", cursor)?;
    let lifecycle_checks = cursor.option("lifecycle_checks", |cursor| {
        cursor.vec("lifecycle_checks", LIFECYCLE_CHECK_LEN, LifecycleCheck::read)
    })?;
    let offset = cursor.u64("plugin_registry.offset")?;
    let external = ExternalPart {
        lifecycle_checks: lifecycle_checks.unwrap_or_default(),
        data_offset: cursor.option("plugin_registry.data_offset", |cursor| cursor.u64("data_offset"))?,
        data_len: cursor.option("plugin_registry.data_len", |cursor| cursor.u64("data_len"))?,
    };
    Ok(Record { kind, authority, offset, external: Some(external) })
}

fn key(field: &'static str, expected: u8, cursor: &mut Cursor<'_>) -> Result<(), Reason> {
    match cursor.u8(field)? {
        key if key == expected => Ok(()),
        other => Err(Reason::BadTag { field, value: other.into() }),
    }
}
