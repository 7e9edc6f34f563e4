//! Assets as they are stored, page by page.

use std::collections::{HashMap, HashSet};
use std::fmt;

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use vitrine_model::{FACTS_VERSION, Facts, ListKey, ListKind, PackedError, Pubkey};

use super::Snapshot;
use crate::StoreError;
use crate::read::members::pubkey;
use crate::stored_body::StoredBody;
use crate::write::{AssetChange, bits, signed};

/// A page of assets. `$1` the id behind which it begins, `$2` how many.
pub(super) const ASSETS: &str = "SELECT asset_id, list_ids, digest, version, splices, body, interface, owner, delegate, compressed, burnt,
       frozen, facts_version, listed, token_class, compressible, supply, royalty_model, royalty_basis_points,
       json_uri_digest, name, creators_signed, is_agent, asset_signer
FROM asset WHERE asset_id > $1 ORDER BY asset_id LIMIT $2";

/// What is stored of assets, but for their slots and lists. `$1` their ids. By `asset_pkey`.
pub(super) const STORED: &str =
    "SELECT asset_id, splices, body, interface, owner, delegate, compressed, burnt,
       frozen, facts_version, listed, token_class, compressible, supply, royalty_model, royalty_basis_points,
       json_uri_digest, name, creators_signed, is_agent, asset_signer
FROM asset WHERE asset_id = ANY($1)";

/// The names of lists. `$1` their ids.
pub(super) const LISTS: &str =
    "SELECT list_id, kind, key, value, verified FROM asset_list WHERE list_id = ANY($1)";

/// A row of `asset`, and the names of the lists that it says it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAsset {
    /// The asset.
    pub id: Pubkey,
    /// The columns that its facts decide.
    pub columns: Columns,
    /// The lists it is in, sorted; one that there is not is left out.
    pub lists: Vec<ListKey>,
    /// Of all that is rendered but the slots.
    pub digest: [u8; 16],
    /// Names the bytes.
    pub version: i64,
    /// What display options add.
    pub splices: Vec<u8>,
    /// The default answer, or why what is stored of it is none.
    pub body: Result<Vec<u8>, PackedError>,
}

/// The columns of an asset that its facts decide, lists left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns([(&'static str, Cell); 18]);

/// The value of a column; numbers of all widths alike.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cell {
    Flag(bool),
    Number(Option<i64>),
    Bytes(Option<Vec<u8>>),
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Number(Some(number)) => write!(f, "{number}"),
            Self::Number(None) | Self::Bytes(None) => f.write_str("null"),
            Self::Bytes(Some(bytes)) => f.write_str(&shown(bytes)),
        }
    }
}

/// Bytes for a person: a key in base58, a text quoted, all else escaped.
fn shown(bytes: &[u8]) -> String {
    match (pubkey(bytes), str::from_utf8(bytes)) {
        (Ok(key), _) => key.to_string(),
        (_, Ok(text)) => format!("{text:?}"),
        _ => bytes.escape_ascii().to_string(),
    }
}

impl Columns {
    /// The columns of an asset with these facts, as a write makes them.
    fn of(facts: &Facts) -> Self {
        let search = &facts.search;
        let key = |key: Option<Pubkey>| Cell::Bytes(key.map(|key| key.as_bytes().to_vec()));
        let number = |number: i16| Cell::Number(Some(number.into()));
        Self([
            ("interface", Cell::Bytes(Some(facts.interface.clone().into_bytes()))),
            ("owner", key(facts.owner)),
            ("delegate", key(facts.delegate)),
            ("compressed", Cell::Flag(facts.compressed)),
            ("burnt", Cell::Flag(facts.burnt)),
            ("frozen", Cell::Flag(facts.frozen)),
            ("facts_version", number(FACTS_VERSION)),
            ("listed", Cell::Flag(facts.listed)),
            ("token_class", number(search.class.code())),
            ("compressible", Cell::Flag(search.compressible)),
            ("supply", Cell::Number(search.supply.map(bits))),
            ("royalty_model", Cell::Number(search.royalty_model.map(|model| model.code().into()))),
            ("royalty_basis_points", Cell::Number(search.royalty_basis_points.map(bits))),
            ("json_uri_digest", Cell::Bytes(search.json_uri.map(|digest| digest.to_vec()))),
            ("name", Cell::Bytes(search.name.clone().map(String::into_bytes))),
            ("creators_signed", number(signed(search))),
            ("is_agent", Cell::Flag(search.is_agent)),
            ("asset_signer", key(search.asset_signer)),
        ])
    }

    fn read(row: &PgRow) -> Result<Self, StoreError> {
        let bytes = |name: &'static str| Ok::<_, StoreError>((name, Cell::Bytes(row.try_get(name)?)));
        let flag = |name: &'static str| Ok::<_, StoreError>((name, Cell::Flag(row.try_get(name)?)));
        let big = |name: &'static str| Ok::<_, StoreError>((name, Cell::Number(row.try_get(name)?)));
        let small = |name: &'static str| {
            let number: Option<i16> = row.try_get(name)?;
            Ok::<_, StoreError>((name, Cell::Number(number.map(i64::from))))
        };
        let interface: String = row.try_get("interface")?;
        Ok(Self([
            ("interface", Cell::Bytes(Some(interface.into_bytes()))),
            bytes("owner")?,
            bytes("delegate")?,
            flag("compressed")?,
            flag("burnt")?,
            flag("frozen")?,
            small("facts_version")?,
            flag("listed")?,
            small("token_class")?,
            flag("compressible")?,
            big("supply")?,
            small("royalty_model")?,
            big("royalty_basis_points")?,
            bytes("json_uri_digest")?,
            bytes("name")?,
            small("creators_signed")?,
            flag("is_agent")?,
            bytes("asset_signer")?,
        ]))
    }

    /// Those that are not as these facts decide: each by its name, with what is stored and what is decided.
    pub fn differing(&self, facts: &Facts) -> impl Iterator<Item = String> {
        let pairs = self.0.clone().into_iter().zip(Self::of(facts).0);
        let differing = pairs.filter(|(stored, decided)| stored != decided);
        differing.map(|((name, stored), (_, decided))| format!("{name} is {stored}, and should be {decided}"))
    }
}

impl Snapshot {
    /// The next `limit` assets behind `after`, in the order of their ids.
    pub async fn assets(
        &mut self,
        after: Option<Pubkey>,
        limit: u32,
    ) -> Result<Vec<StoredAsset>, StoreError> {
        let rows = sqlx::query(ASSETS)
            .bind(after.as_ref().map_or(&[][..], |id| id.as_bytes()))
            .bind(i64::from(limit))
            .fetch_all(&mut self.connection)
            .await?;
        let mut list_ids = Vec::with_capacity(rows.len());
        for row in &rows {
            list_ids.push(row.try_get::<Vec<i64>, _>("list_ids")?);
        }
        let names = self.lists(list_ids.concat()).await?;
        rows.iter().zip(&list_ids).map(|(row, list_ids)| stored(row, list_ids, &names)).collect()
    }

    async fn lists(&mut self, mut list_ids: Vec<i64>) -> Result<HashMap<i64, ListKey>, StoreError> {
        list_ids.sort_unstable();
        list_ids.dedup();
        let rows = sqlx::query(LISTS).bind(list_ids).fetch_all(&mut self.connection).await?;
        rows.iter()
            .map(|row| {
                let list_id: i64 = row.try_get(0)?;
                let kind = ListKind::from_code(row.try_get(1)?).ok_or_else(|| StoreError::Inconsistent {
                    table: "asset_list",
                    column: "kind",
                    key: list_id.to_string(),
                    reason: "no such kind of list".to_owned(),
                })?;
                let key =
                    ListKey { kind, key: row.try_get(2)?, value: row.try_get(3)?, verified: row.try_get(4)? };
                Ok((list_id, key))
            })
            .collect()
    }
}

/// Which of these assets are stored with other bytes or columns than a write of them leaves.
pub(crate) async fn damaged(
    connection: &mut PgConnection,
    changes: &[AssetChange],
) -> Result<HashSet<Pubkey>, StoreError> {
    let written: HashMap<Pubkey, &AssetChange> = changes.iter().map(|change| (change.id, change)).collect();
    let ids: Vec<[u8; 32]> = changes.iter().map(|change| *change.id.as_bytes()).collect();
    let mut damaged = HashSet::new();
    for row in sqlx::query(STORED).bind(ids).fetch_all(connection).await? {
        let id = pubkey(row.try_get("asset_id")?)?;
        let AssetChange { facts, rendered, .. } = written[&id];
        let is_whole = row.try_get::<StoredBody<'_>, _>("body")?.packed().is_same(&rendered.body)
            && row.try_get::<&[u8], _>("splices")? == &rendered.splices[..]
            && Columns::read(&row)?.differing(facts).next().is_none();
        if !is_whole {
            damaged.insert(id);
        }
    }
    Ok(damaged)
}

fn stored(row: &PgRow, list_ids: &[i64], names: &HashMap<i64, ListKey>) -> Result<StoredAsset, StoreError> {
    let mut lists: Vec<ListKey> = list_ids.iter().filter_map(|id| names.get(id).cloned()).collect();
    lists.sort_unstable();
    Ok(StoredAsset {
        id: pubkey(row.try_get("asset_id")?)?,
        columns: Columns::read(row)?,
        lists,
        digest: row.try_get("digest")?,
        version: row.try_get("version")?,
        splices: row.try_get("splices")?,
        body: row.try_get::<StoredBody<'_>, _>("body")?.unpack(),
    })
}
