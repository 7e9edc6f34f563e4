//! Searches: against a plain filter, against their plans, in crowds, and at their limits.

#![expect(clippy::unwrap_used, reason = "tests")]

mod crowds;
mod edges;
mod model;
mod plans;
mod walks;
