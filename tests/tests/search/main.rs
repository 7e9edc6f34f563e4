//! Searches: against a plain filter, against their plans, and at their limits.

#![expect(clippy::unwrap_used, reason = "tests")]

mod edges;
mod model;
mod plans;
mod walks;
