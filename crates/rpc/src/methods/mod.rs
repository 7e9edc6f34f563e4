//! The methods: one file each, in reading order: params, errors, method, tests.

pub(crate) mod discover;
pub(crate) mod get_assets_by_authority;
pub(crate) mod get_assets_by_group;
pub(crate) mod get_health;
mod list;
