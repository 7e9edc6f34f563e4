//! Off-chain documents: taken from the queue in the store, fetched, kept, and the assets that name them made anew.
//!
//! `place` says where a uri leads, `client` fetches from there within bounds, `hosts` says to whom how many speak, `resolver` and `address` keep it from hosts that
//! are not of the Internet, `backoff` says when to try again, and `queue` runs many of that side by side. A crash loses
//! nothing: what was taken is due again when the time of who took it is over, and what has arrived is due until its assets
//! are made.

mod address;
mod backoff;
mod client;
mod hosts;
mod place;
mod queue;
mod resolver;
mod settings;

pub use client::{Client, ClientError, Failure};
pub use queue::{Clock, FetchEnd, FetchError, FetchSummary, Fetcher};
pub use settings::DocumentSettings;
