//! Reads: a plan in, rows out, of one snapshot.

pub(crate) mod body;
pub(crate) mod list;
pub(crate) mod list_sql;
mod members;
pub(crate) mod places;
