//! The methods: one file each, in reading order: params, errors, method, tests.

mod by_ids;
pub(crate) mod discover;
pub(crate) mod get_asset;
pub(crate) mod get_asset_changes;
pub(crate) mod get_asset_proof;
pub(crate) mod get_asset_proofs;
pub(crate) mod get_asset_signatures;
pub(crate) mod get_assets;
pub(crate) mod get_assets_by_authority;
pub(crate) mod get_assets_by_creator;
pub(crate) mod get_assets_by_group;
pub(crate) mod get_assets_by_owner;
pub(crate) mod get_grouping;
pub(crate) mod get_health;
pub(crate) mod get_nft_editions;
pub(crate) mod get_token_accounts;
mod list;
mod native_balance;
mod proof;
pub(crate) mod search_assets;
mod search_filter;
mod walk;
