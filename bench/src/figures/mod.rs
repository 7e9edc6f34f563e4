//! Figures that are no closed loop on a page: one a file.

pub(crate) mod by_id;
pub(crate) mod cold_start;
pub(crate) mod import;
pub(crate) mod ingest;
pub(crate) mod jumps;
pub(crate) mod memory;
pub(crate) mod sizes;
pub(crate) mod trips;
pub(crate) mod walks;
pub(crate) mod writes;
