//! What assets are made of, read by a fixed number of statements whatever the number of assets.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use vitrine_model::{Pubkey, Slot};

use super::accounts::basis_points;
use crate::StoreError;
use crate::chain::{
    AccountKind, AssetSources, Document, Holder, LeafChange, LeafEvent, SourceAccount, TokenAccount,
};

/// The accounts of assets but for token accounts, each with the authority of the collection that it is tied to. `$1` the
/// assets. Index `account_asset`, and the primary key.
const ACCOUNTS: &str = "SELECT account.asset_id, account.address, account.kind, account.slot, account.closed,
    account.slot_first, account.program, account.data, collection.core_authority
FROM account LEFT JOIN account AS collection ON collection.address = account.core_collection
WHERE account.asset_id = ANY($1) AND account.kind <> 1 ORDER BY account.asset_id, account.address";

/// Of each asset the token account that holds some and was updated last. `$1` the assets. Index `account_holder`.
const HOLDERS: &str = "SELECT wanted.asset_id, held.* FROM UNNEST($1::bytea[]) AS wanted (asset_id) CROSS JOIN LATERAL (
    SELECT address, slot, program, token_owner, token_amount::text, token_delegate, token_delegated_amount::text,
           token_frozen, token_close_authority, token_extensions
    FROM account WHERE account.asset_id = wanted.asset_id AND kind = 1 AND NOT closed AND token_amount > 0
    ORDER BY slot DESC, write_version DESC, address LIMIT 1
) AS held";

/// The changes of leaves, each with the share of royalties that it says is inherited. `$1` the assets. Index
/// `tree_change_asset`, and the primary key of `account`.
const CHANGES: &str =
    "SELECT change.asset_id, change.tree, change.seq, change.leaf_index, change.slot, change.instruction,
    change.event, collection.core_royalty
FROM tree_change AS change LEFT JOIN account AS collection ON collection.address = change.inherits
WHERE change.asset_id = ANY($1) ORDER BY change.asset_id, change.slot, change.seq";

/// The events that changed no tree. `$1` the assets. The primary key.
const EVENTS: &str = "SELECT asset_id, slot, instruction, event FROM leaf_event
WHERE asset_id = ANY($1) ORDER BY asset_id, slot, signature, position";

/// Locks the rows of assets in the order of their ids, those that are only held where who holds some may be the owner. `$1` the
/// assets, `$2` those that are not only held. The bytes of a document are known without reading it. The primary keys.
pub(super) const LOCK: &str = "SELECT asset_id, single, json_uri, version,
    (SELECT octet_length(body) FROM document WHERE digest = sha256(convert_to(json_uri, 'UTF8')))
FROM chain_asset WHERE asset_id = ANY($1) AND (single OR asset_id = ANY($2)) ORDER BY asset_id FOR UPDATE";

/// The documents that have arrived. `$1` their uris. The primary key.
const DOCUMENTS: &str = "SELECT uri, body FROM document
WHERE digest IN (SELECT sha256(convert_to(uri, 'UTF8')) FROM UNNEST($1::text[]) AS wanted (uri)) AND body IS NOT NULL";

/// Statements with their names, for the tests that hold them against golden files and plans.
pub(super) fn statements() -> Vec<(String, &'static str)> {
    [
        ("sources_lock", LOCK),
        ("sources_accounts", ACCOUNTS),
        ("sources_holders", HOLDERS),
        ("sources_changes", CHANGES),
        ("sources_events", EVENTS),
        ("sources_documents", DOCUMENTS),
    ]
    .map(|(name, sql)| (name.to_owned(), sql))
    .to_vec()
}

/// What one asset's sources are gathered in.
struct Gathered {
    sources: AssetSources,
    first: Option<Slot>,
}

/// Reads the sources of assets, each with the uri under which its document is looked for. How many bytes of documents that
/// are is the caller's affair ([`super::parts`]).
pub(crate) async fn read(
    connection: &mut PgConnection,
    wanted: &BTreeMap<Pubkey, Option<String>>,
) -> Result<Vec<AssetSources>, StoreError> {
    let ids: Vec<[u8; 32]> = wanted.keys().map(|id| *id.as_bytes()).collect();
    let mut all: BTreeMap<Pubkey, Gathered> = wanted.keys().map(|&id| (id, Gathered::new(id))).collect();
    for (statement, add) in [
        (ACCOUNTS, Gathered::account as Add),
        (HOLDERS, Gathered::holder),
        (CHANGES, Gathered::change),
        (EVENTS, Gathered::event),
    ] {
        let rows = sqlx::query(statement).bind(&ids).fetch_all(&mut *connection).await?;
        for row in &rows {
            if let Some(gathered) = all.get_mut(&Pubkey::from_bytes(row.try_get(0)?)) {
                add(gathered, row)?;
            }
        }
    }
    let uris: BTreeSet<&str> = wanted.values().filter_map(Option::as_deref).collect();
    let documents = documents(connection, &uris.into_iter().collect::<Vec<_>>()).await?;
    let finished = |(id, gathered): (Pubkey, Gathered)| {
        let uri = wanted.get(&id).and_then(Option::as_deref);
        gathered.finish(uri.and_then(|uri| documents.get(uri)).cloned())
    };
    Ok(all.into_iter().map(finished).collect())
}

/// The documents of these uris that have arrived, each once.
pub(super) async fn documents(
    connection: &mut PgConnection,
    uris: &[&str],
) -> Result<HashMap<Arc<str>, Document>, StoreError> {
    if uris.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query(DOCUMENTS).bind(uris).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let uri: Arc<str> = row.try_get::<&str, _>(0)?.into();
            let body = row.try_get::<&str, _>(1)?.into();
            Ok((Arc::clone(&uri), Document { uri, body }))
        })
        .collect()
}

/// Adds a row to what it is a part of.
type Add = fn(&mut Gathered, &PgRow) -> Result<(), StoreError>;

impl Gathered {
    fn new(id: Pubkey) -> Self {
        let sources = AssetSources {
            id,
            slot_created: Slot::default(),
            accounts: Vec::new(),
            holder: None,
            collection_authority: None,
            leaf: Vec::new(),
            events: Vec::new(),
            documents: Vec::new(),
        };
        Self { sources, first: None }
    }

    fn seen(&mut self, slot: Slot) {
        self.first = self.first.into_iter().chain([slot]).min();
    }

    fn account(&mut self, row: &PgRow) -> Result<(), StoreError> {
        let address = Pubkey::from_bytes(row.try_get(1)?);
        let kind: i16 = row.try_get(2)?;
        let kind = AccountKind::from_code(kind).ok_or_else(|| StoreError::Inconsistent {
            table: "account",
            column: "kind",
            key: address.to_string(),
            reason: format!("{kind} is none"),
        })?;
        if let Some(first) = row.try_get::<Option<i64>, _>(5)? {
            self.seen(slot(first, address)?);
        }
        let (program, data): (Option<[u8; 32]>, Option<Vec<u8>>) = (row.try_get(6)?, row.try_get(7)?);
        if let Some(authority) = row.try_get::<Option<[u8; 32]>, _>(8)? {
            self.sources.collection_authority = Some(Pubkey::from_bytes(authority));
        }
        self.sources.accounts.push(SourceAccount {
            address,
            kind,
            slot: slot(row.try_get(3)?, address)?,
            closed: row.try_get(4)?,
            data: program.map(Pubkey::from_bytes).zip(data),
        });
        Ok(())
    }

    fn holder(&mut self, row: &PgRow) -> Result<(), StoreError> {
        let address = Pubkey::from_bytes(row.try_get(1)?);
        let key = |at: usize| row.try_get::<Option<[u8; 32]>, _>(at).map(|key| key.map(Pubkey::from_bytes));
        let number = |at: usize| -> Result<u64, StoreError> {
            let text: String = row.try_get(at)?;
            text.parse().map_err(|_| damaged("account", "token_amount", address, format!("{text} is no u64")))
        };
        self.sources.holder = Some(Holder {
            address,
            slot: slot(row.try_get(2)?, address)?,
            account: TokenAccount {
                program: Pubkey::from_bytes(row.try_get(3)?),
                owner: Pubkey::from_bytes(row.try_get(4)?),
                amount: number(5)?,
                delegate: key(6)?,
                delegated_amount: number(7)?,
                frozen: row.try_get(8)?,
                close_authority: key(9)?,
                extensions: row.try_get(10)?,
            },
        });
        Ok(())
    }

    fn change(&mut self, row: &PgRow) -> Result<(), StoreError> {
        let tree = Pubkey::from_bytes(row.try_get(1)?);
        let at = slot(row.try_get(4)?, tree)?;
        self.seen(at);
        let (instruction, event): (Option<String>, Option<String>) = (row.try_get(5)?, row.try_get(6)?);
        if let (Some(instruction), Some(event)) = (instruction, event) {
            self.sources.leaf.push(LeafChange {
                tree,
                seq: row.try_get::<i64, _>(2)?.cast_unsigned(),
                leaf_index: row.try_get::<i64, _>(3)?.cast_unsigned(),
                slot: at,
                instruction,
                event,
                inherited: basis_points(row.try_get(7)?),
            });
        }
        Ok(())
    }

    fn event(&mut self, row: &PgRow) -> Result<(), StoreError> {
        let at = slot(row.try_get(1)?, self.sources.id)?;
        self.seen(at);
        self.sources.events.push(LeafEvent {
            slot: at,
            instruction: row.try_get(2)?,
            event: row.try_get(3)?,
        });
        Ok(())
    }

    fn finish(mut self, document: Option<Document>) -> AssetSources {
        self.sources.slot_created = self.first.unwrap_or_default();
        self.sources.documents.extend(document);
        self.sources
    }
}

fn slot(value: i64, key: Pubkey) -> Result<Slot, StoreError> {
    Slot::from_i64(value).ok_or_else(|| damaged("account", "slot", key, format!("{value} is negative")))
}

fn damaged(table: &'static str, column: &'static str, key: Pubkey, reason: String) -> StoreError {
    StoreError::Inconsistent { table, column, key: key.to_string(), reason }
}
