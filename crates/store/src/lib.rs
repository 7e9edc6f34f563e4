//! Postgres: schema, plans, reads and writes. All the SQL there is.
//!
//! A caller asks the [`Store`] for a result by what it wants ([`ListPlan`]) or hands it what has changed
//! ([`AssetChange`]); text of SQL, pools, transactions and SQLSTATEs stay in here.

mod cache;
mod chain;
mod chain_plan;
mod error;
mod keys;
mod migrate;
mod pages;
mod plan;
mod pool;
mod positions;
mod read;
mod reads;
mod search;
mod settings;
mod status;
mod stored_body;
mod verify;
mod write;

pub use chain::{
    AccountContent, AccountKind, AccountSeen, AssetSources, ChainBatch, Compose, Composed, CoreTie,
    DeadLetter, Document, Edition, Holder, LeafChange, LeafEvent, LeafEventSeen, LetterId, SourceAccount,
    TokenAccount, TreeChange,
};
pub use chain_plan::{
    ChangePlace, ChangesPlan, EditionPlace, EditionsPlan, Holding, LeafRef, SignaturesPlan,
    TokenAccountsPlan, Walk,
};
pub use error::StoreError;
pub use keys::{KeyRecord, NewKey};
pub use migrate::{MIGRATOR, MigrateError, Pending};
pub use plan::{AssetsPlan, Direction, Display, ListPlan, ListRef, Position, Sort, Start};
pub use pool::{READ_SESSION, Store, WRITE_SESSION};
pub use read::assets::{Assets, statements as asset_statements};
pub use read::chain_statements;
pub use read::changes::{ChangedAsset, Changes};
pub use read::editions::{EditionRow, Editions, MasterEdition};
pub use read::list::{ListPage, statements};
pub use read::proofs::{Proof, Proofs};
pub use read::sample::statement as sample_statement;
pub use read::search::{statements as search_statements, types as search_types};
pub use read::signatures::{LeafSignature, Signatures};
pub use read::token_accounts::{TokenAccountRow, TokenAccounts};
pub use search::{Conditions, Filter, Holdings, SearchPlan, SlotRange};
pub use settings::{CacheSettings, DatabaseSettings};
pub use status::{COUNTED_MAX, Status};
pub use verify::statements as verify_statements;
pub use verify::{
    Columns, Contradiction, Gap, Snapshot, StoredAsset, StoredChainAsset, StoredNode, StoredTree,
};
pub use write::{
    AssetChange, ChainWritten, DueDocument, GapTotals, Kept, StoredLetter, Written, document_statements,
    host_of, source_statements,
};
