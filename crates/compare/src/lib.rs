//! Two servers of DAS against one another: the same questions to both, and where their answers differ.
//!
//! A crate of its own, because it is a client of servers and nothing else: it has no SQL, stores nothing, serves nothing,
//! and knows no more of Vitrine than any client does. Questions ([`Question`]) are made of what is known of some assets
//! ([`Known`]) and a seed, purely; so is the comparison ([`differences`]). Only [`Endpoint`] speaks to anybody.

mod ask;
mod compare;
mod endpoint;
mod feed;
mod filter;
mod known;
mod page;
mod question;
mod tolerate;

pub use ask::{CompareError, Counts, Finding, Options, Summary, Unknown, compare_servers};
pub use compare::{Difference, differences};
pub use endpoint::{AskError, Endpoint};
pub use known::Known;
pub use page::Walk;
pub use question::{METHODS, Question, Questions};
pub use tolerate::{Tolerances, TolerancesError};
