//! The editions printed of a master edition.

use sqlx::Row;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use vitrine_model::{Pubkey, Slot};

use super::walk;
use crate::chain_plan::{EditionPlace, EditionsPlan};
use crate::plan::Direction;
use crate::{Store, StoreError};

/// More than any number of an edition, in decimal digits.
const BEYOND_NUMBERS: &str = "18446744073709551616";

/// The master edition of a mint, and the editions within bounds. `$1` the mint, `$2` and `$3` less than their numbers and
/// addresses, `$4` and `$5` greater, `$6` the limit, `$7` how many to skip. Kind 4 is `AccountKind::Edition`.
macro_rules! editions {
    ($order:literal) => {
        concat!(
            "SELECT head.slot, master.address, master.edition_supply::text, master.edition_max_supply::text,
       page.asset_id, page.address, page.edition_number::text
FROM (SELECT ",
            watermark!(),
            " AS slot) AS head
LEFT JOIN LATERAL (
    SELECT address, edition_supply, edition_max_supply FROM account
    WHERE asset_id = $1 AND kind = 4 AND edition_supply IS NOT NULL AND NOT closed
    LIMIT 1
) AS master ON true
LEFT JOIN LATERAL (
    SELECT edition.asset_id, edition.address, edition.edition_number
    FROM account AS edition
    WHERE edition.edition_parent = master.address AND edition.asset_id IS NOT NULL AND NOT edition.closed
      AND (edition.edition_number, edition.address) > ($2::text::numeric, $3)
      AND (edition.edition_number, edition.address) < ($4::text::numeric, $5)
    ORDER BY ",
            $order,
            "
    LIMIT $6 OFFSET $7
) AS page ON true"
        )
    };
}

const ASC: &str = editions!("edition.edition_number, edition.address");
const DESC: &str = editions!("edition.edition_number DESC, edition.address DESC");

/// Editions of a master edition, from one snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Editions {
    /// The watermark: up to which slot everything is indexed.
    pub last_indexed_slot: Slot,
    /// None where the mint has no master edition.
    pub master: Option<MasterEdition>,
    /// In the plan's order.
    pub items: Vec<EditionRow>,
}

/// What a master edition says of its editions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MasterEdition {
    /// Its address.
    pub address: Pubkey,
    /// How many were printed.
    pub supply: u64,
    /// How many there may be; none where nothing bounds it.
    pub max_supply: Option<u64>,
}

/// An edition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EditionRow {
    /// Its mint.
    pub mint: Pubkey,
    /// Its number, and the address of its account.
    pub place: EditionPlace,
}

/// Name and text of every statement, for the tests that hold them against golden files and plans.
pub(super) fn statements() -> Vec<(String, &'static str)> {
    vec![("editions_asc".to_owned(), ASC), ("editions_desc".to_owned(), DESC)]
}

impl Store {
    /// The editions of a mint's master edition, in the order of their numbers.
    pub async fn editions(&self, plan: &EditionsPlan) -> Result<Editions, StoreError> {
        self.reading(|| async {
            let mut connection = self.read().await?;
            let rows = query(plan).fetch_all(&mut *connection).await?;
            connection.done();
            let last_indexed_slot = walk::slot(&rows)?;
            let master = walk::items(&rows, 1).next().map(master).transpose()?;
            let items = walk::items(&rows, 4).map(item).collect::<Result<_, _>>()?;
            Ok(Editions { last_indexed_slot, master, items })
        })
        .await
    }
}

fn query(plan: &EditionsPlan) -> Query<'static, sqlx::Postgres, PgArguments> {
    let sql = match plan.walk.direction {
        Direction::Asc => ASC,
        Direction::Desc => DESC,
    };
    let place = |place: EditionPlace| (place.number.to_string(), place.address.as_bytes().to_vec());
    let (after, after_address) = plan.walk.after.map_or(("-1".to_owned(), Vec::new()), place);
    let (before, before_address) = plan.walk.before.map_or((BEYOND_NUMBERS.to_owned(), Vec::new()), place);
    sqlx::query(sql)
        .bind(*plan.mint.as_bytes())
        .bind(after)
        .bind(after_address)
        .bind(before)
        .bind(before_address)
        .bind(i64::from(plan.walk.limit))
        .bind(walk::skip(&plan.walk))
}

fn master(row: &PgRow) -> Result<MasterEdition, StoreError> {
    let bounded = row.try_get::<Option<&str>, _>(3)?.is_some();
    Ok(MasterEdition {
        address: walk::address(row, 1)?,
        supply: walk::whole(row, 2)?,
        max_supply: bounded.then(|| walk::whole(row, 3)).transpose()?,
    })
}

fn item(row: &PgRow) -> Result<EditionRow, StoreError> {
    Ok(EditionRow {
        mint: walk::address(row, 4)?,
        place: EditionPlace { number: walk::whole(row, 6)?, address: walk::address(row, 5)? },
    })
}
