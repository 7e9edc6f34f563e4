//! Transactions of writes.

use std::ops::{Deref, DerefMut};

use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnection;

use crate::{Store, StoreError};

/// A transaction. Its session ends with it unless it is committed: a future that is dropped in the middle of a COPY, or between
/// its last byte and its answer, leaves a session whose next answers are those to earlier questions, and which may hold its
/// locks until its statement times out. The pool makes another one.
pub(super) struct Transaction {
    /// Some until it is committed.
    connection: Option<PoolConnection<Postgres>>,
}

impl Store {
    /// Begins a transaction on a connection of the write pool.
    pub(super) async fn begin(&self) -> Result<Transaction, StoreError> {
        let mut transaction = Transaction { connection: Some(self.write.acquire().await?) };
        sqlx::raw_sql("BEGIN").execute(&mut *transaction).await?;
        Ok(transaction)
    }
}

impl Transaction {
    /// Commits it, and gives its session back.
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        sqlx::raw_sql("COMMIT").execute(&mut *self).await?;
        drop(self.connection.take());
        Ok(())
    }
}

impl Deref for Transaction {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect("it is there until it is committed")
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("it is there until it is committed")
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.close_on_drop();
        }
    }
}
