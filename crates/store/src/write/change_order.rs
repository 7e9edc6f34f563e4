//! The order of changes: what a transaction stamps the assets with that it changes.
//!
//! Why it is made of the number of the transaction: [decision 16](../../../../docs/decisions/0016-the-order-of-changes.md).

use sqlx::postgres::PgConnection;

use crate::StoreError;

/// The life of the database that it is in, and the number of the transaction below it.
const ORDER: &str = "SELECT (life::bigint << 48) + pg_current_xact_id()::text::bigint FROM change_life
         WHERE origin = change_origin()";

/// `asset.change_order` of all that this transaction changes.
pub(super) async fn of_transaction(connection: &mut PgConnection) -> Result<i64, StoreError> {
    if let Some(order) = sqlx::query_scalar(ORDER).fetch_optional(&mut *connection).await? {
        return Ok(order);
    }
    // The first write to this database since it is what it is. Another one may just have done the same: then this waits for
    // it, and adds nothing.
    sqlx::query(
        "INSERT INTO change_life (life, origin)
         SELECT coalesce(max(life), 0) + 1, change_origin() FROM change_life ON CONFLICT DO NOTHING",
    )
    .execute(&mut *connection)
    .await?;
    Ok(sqlx::query_scalar(ORDER).fetch_one(connection).await?)
}
