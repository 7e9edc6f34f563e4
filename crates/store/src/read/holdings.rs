//! What an owner holds of the assets of a page.

use std::collections::HashMap;

use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;
use sqlx::{Postgres, Row};
use vitrine_model::{Holding, Pubkey, associated_token_addresses};

use super::members::{self, Members};
use super::search_sql;
use crate::StoreError;

/// For how many mints addresses are derived in a row before others get a turn: about a millisecond's work.
const DERIVED_IN_A_ROW: usize = 16;

/// What an owner holds of a page's assets: over all of the owner's accounts, and one of them by name. That is the associated one; of
/// an owner who has not made that it is the fullest, for an address without an account is of use to nobody.
pub(super) async fn holdings(
    connection: &mut PgConnection,
    owner: Pubkey,
    members: &Members,
) -> Result<HashMap<Pubkey, Holding>, StoreError> {
    let ids: Vec<[u8; 32]> = members.bodies().map(|(id, _)| *id.as_bytes()).collect();
    let rows = sqlx::query(search_sql::HOLDINGS).bind(*owner.as_bytes()).bind(ids);
    let (mut holdings, mut several) = (HashMap::new(), Vec::new());
    for row in rows.fetch_all(&mut *connection).await? {
        let (id, account) = (members::pubkey(row.try_get(0)?)?, members::pubkey(row.try_get(3)?)?);
        let digits: &str = row.try_get(1)?;
        // Digits that are too many are those of a sum beyond a u64.
        let balance = digits.parse().unwrap_or(u64::MAX);
        holdings.insert(id, Holding { balance, account });
        if row.try_get::<i64, _>(2)? > 1 {
            several.push(id);
        }
    }
    if several.is_empty() {
        return Ok(holdings);
    }
    for row in named(owner, &several).await.fetch_all(connection).await? {
        let (id, account) = (members::pubkey(row.try_get(0)?)?, members::pubkey(row.try_get(1)?)?);
        if let Some(holding) = holdings.get_mut(&id) {
            holding.account = account;
        }
    }
    Ok(holdings)
}

/// Which of an owner's several accounts of each mint is named. Whoever has one needs no address derived.
async fn named(owner: Pubkey, mints: &[Pubkey]) -> Query<'static, Postgres, PgArguments> {
    let (mut ids, mut associated) = (Vec::new(), [Vec::new(), Vec::new()]);
    for (place, mint) in mints.iter().enumerate() {
        ids.push(*mint.as_bytes());
        let mut addresses = associated_token_addresses(owner, *mint);
        for of_program in &mut associated {
            of_program.push(addresses.next().map(|address| *address.as_bytes()));
        }
        if place % DERIVED_IN_A_ROW == DERIVED_IN_A_ROW - 1 {
            tokio::task::yield_now().await;
        }
    }
    let [token, token_2022] = associated;
    sqlx::query(search_sql::NAMED).bind(*owner.as_bytes()).bind(ids).bind(token).bind(token_2022)
}
