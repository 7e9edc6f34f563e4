//! What goes in: sources, parsing, batches, and the pipeline that hands them to the store.
//!
//! A DAS JSON input takes this way: [`source::Records`] splits it into the texts of single assets, [`parse()`] makes an
//! asset's change of each, a [`Batch`] keeps the last change of each asset, and [`import()`] runs all of that side by
//! side and writes batch after batch.
//!
//! [`decode`] reads what programs write to the chain, and [`normalise`] says what of it is stored and what assets it makes.
//! [`fetch`] gets the documents that assets name. [`verify`] holds a database against itself.

mod batch;
pub mod decode;
pub mod fetch;
mod import;
pub mod normalise;
mod parse;
pub mod source;
pub mod verify;

pub use batch::{Batch, BatchLimits, FullBatch};
pub use import::{Event, ImportError, ImportOptions, Summary, import};
pub use parse::{Parsed, parse};
