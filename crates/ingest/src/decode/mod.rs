//! What programs write to the chain, as typed values. Pure and total.
//!
//! Each module knows one program and stays near its layout: any bytes give a value or a [`Reason`], never a panic, and
//! never an allocation that the length of the input does not justify. What the values mean in DAS is not known here.

pub mod agent_identity;
pub(crate) mod base58;
pub mod bubblegum;
pub mod bytes;
pub mod compression;
pub mod inscription;
pub mod mpl_core;
pub(crate) mod named_json;
mod reason;
pub mod spl_token;
pub mod token_metadata;
pub mod transaction;

pub use reason::Reason;
pub use vitrine_model::pda;
