//! What goes in: sources, parsing, batches, and the pipeline that hands them to the store.
//!
//! A DAS JSON input takes this way: [`source::Records`] splits it into the texts of single assets, [`parse()`] makes an
//! asset's change of each, a [`Batch`] keeps the last change of each asset, and [`import()`] runs all of that side by
//! side and writes batch after batch.
//!
//! What the chain said takes another: [`source::ChainLines`] splits it into lines, [`decode`] reads what programs wrote,
//! [`normalise`] says what of it is stored and what assets it makes, and [`ingest()`] hands batches of it to the store.
//! [`fetch`] gets the documents that assets name. [`verify`] holds a database against itself.

mod batch;
mod chain;
pub mod decode;
pub mod fetch;
mod import;
pub mod normalise;
mod parse;
mod reader;
mod rejects;
mod retry;
pub mod source;
pub mod verify;

pub use batch::{Batch, BatchLimits, FullBatch};
pub use chain::{
    IngestError, IngestEvent, IngestOptions, IngestSummary, RemakeError, RemakeSummary, Told, ingest,
    read_line, remake, retry_dead_letters,
};
pub use import::{Event, ImportError, ImportOptions, Summary, import};
pub use parse::{Parsed, parse};
