//! Postgres: schema, plans, reads and writes. All the SQL there is.
//!
//! A caller asks the [`Store`] for a result by what it wants ([`ListPlan`]) or hands it what has changed
//! ([`AssetChange`]); text of SQL, pools, transactions and SQLSTATEs stay in here.

mod cache;
mod chain;
mod error;
mod keys;
mod migrate;
mod plan;
mod pool;
mod positions;
mod read;
mod reads;
mod settings;
mod status;
mod write;

pub use chain::{
    AccountContent, AccountKind, AccountSeen, AssetSources, ChainBatch, DeadLetter, Document, Holder,
    LeafChange, LeafEvent, LeafEventSeen, SourceAccount, TokenAccount, TreeChange,
};
pub use error::StoreError;
pub use keys::{KeyRecord, NewKey};
pub use migrate::{MIGRATOR, MigrateError, Pending};
pub use plan::{AssetsPlan, Direction, Display, ListPlan, ListRef, Position, Sort, Start};
pub use pool::{READ_SESSION, Store};
pub use read::assets::{Assets, statements as asset_statements};
pub use read::list::{ListPage, statements};
pub use settings::{CacheSettings, DatabaseSettings};
pub use status::Status;
pub use write::{AssetChange, DueDocument, Kept, Written};
