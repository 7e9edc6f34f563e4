//! What an owner holds of the assets of a page.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use sqlx::Row;
use sqlx::postgres::PgConnection;
use vitrine_model::{Holding, Pubkey, associated_token_addresses};

use super::members::{self, Members};
use super::search_sql;
use crate::StoreError;

/// The most token accounts that are read for what a page's holder holds: 20 for each item of a full page.
const ACCOUNTS_MAX: i64 = 20_000;

/// What an owner holds of a page's assets.
pub(super) async fn holdings(
    connection: &mut PgConnection,
    owner: Pubkey,
    members: &Members,
) -> Result<HashMap<Pubkey, Holding>, StoreError> {
    let ids: Vec<[u8; 32]> = members.bodies().map(|(id, _)| *id.as_bytes()).collect();
    let mut rows = sqlx::query(search_sql::HOLDINGS)
        .bind(*owner.as_bytes())
        .bind(ids)
        .bind(ACCOUNTS_MAX)
        .fetch(connection);
    let mut accounts: HashMap<Pubkey, Vec<(u64, Pubkey)>> = HashMap::new();
    while let Some(row) = rows.try_next().await? {
        let (id, account) = (members::pubkey(row.try_get(0)?)?, members::pubkey(row.try_get(1)?)?);
        let amount: u64 = row.try_get::<&str, _>(2)?.parse().map_err(|error| StoreError::Inconsistent {
            table: "account",
            column: "token_amount",
            key: account.to_string(),
            reason: format!("{error}"),
        })?;
        accounts.entry(id).or_default().push((amount, account));
    }
    Ok(accounts.into_iter().filter_map(|(id, held)| Some((id, holding(owner, id, &held)?))).collect())
}

/// An owner's accounts of one mint, together: `None` where there are none. The one that is named is the associated one; an
/// owner who has not made that has the one with the most named, for an address without an account is of use to nobody.
fn holding(owner: Pubkey, mint: Pubkey, accounts: &[(u64, Pubkey)]) -> Option<Holding> {
    let balance = accounts.iter().fold(0_u64, |sum, (amount, _)| sum.saturating_add(*amount));
    let (_, most) = *accounts.iter().max()?;
    let is_held = |address: &Pubkey| accounts.iter().any(|(_, account)| account == address);
    // Whoever has one account needs no address derived.
    let associated = match accounts {
        [_] => None,
        _ => associated_token_addresses(owner, mint).find(is_held),
    };
    Some(Holding { balance, account: associated.unwrap_or(most) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_associated_account_is_named_before_the_fullest() {
        let [owner, mint, other, another] = [1, 2, 3, 4].map(|byte| Pubkey::from_bytes([byte; 32]));
        let of = |accounts: &[(u64, Pubkey)]| holding(owner, mint, accounts).map(|h| (h.balance, h.account));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(5, other)]), Some((5, other)));
        assert_eq!(of(&[(5, other), (6, another)]), Some((11, another)));
        for associated in associated_token_addresses(owner, mint) {
            assert_eq!(of(&[(5, other), (0, associated), (u64::MAX, another)]), Some((u64::MAX, associated)));
        }
    }
}
