//! What can go wrong between us and Postgres, in the few kinds that a caller acts on.

/// An error of the store. Its text is for the log, never for a client.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is shutting down, or has no connection free in time.
    #[error("the database is not available: {}", plain(.0))]
    Unavailable(sqlx::Error),
    /// A statement ran into its timeout.
    #[error("a statement ran into its timeout: {}", plain(.0))]
    Deadline(sqlx::Error),
    /// Another transaction came between; the same call may succeed when it is made again.
    #[error("another transaction came between: {}", plain(.0))]
    Conflict(sqlx::Error),
    /// A search ran out of time, and nothing that it asks for leads to fewer assets.
    #[error("nothing leads to what the search is for in time")]
    TooBroad,
    /// Too many searches are under way of which nobody can tell how long they take.
    #[error("too many searches are under way of which nobody can tell how long they take")]
    Crowded,
    /// A page of several lists together lies too far behind their beginning.
    #[error("the page would take more than {max} members of several lists")]
    TooDeep {
        /// The most members that are put in order for a page.
        max: i64,
    },
    /// A search would have to sort more than is sorted.
    #[error("the search would sort more than {max}")]
    TooMany {
        /// The most that are sorted.
        max: i64,
    },
    /// The page would be larger than the caller's cap.
    #[error("the page is larger than {max_bytes} bytes")]
    TooLarge {
        /// The cap, in bytes.
        max_bytes: usize,
    },
    /// The database holds something that this program never writes.
    #[error("{table}.{column} of {key} is not what it must be: {reason}")]
    Inconsistent {
        /// Where: the table.
        table: &'static str,
        /// Where: the column.
        column: &'static str,
        /// Where: the row's key, printable.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Any other error of Postgres or its driver: a fault of ours.
    #[error("database error: {}", plain(.0))]
    Internal(sqlx::Error),
}

impl StoreError {
    /// Whether the same call may succeed a little later without anybody's doing.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Deadline(_) | Self::Conflict(_) | Self::Crowded)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => match sqlstate_kind(database.code().as_deref()) {
                Kind::Unavailable => Self::Unavailable(error),
                Kind::Deadline => Self::Deadline(error),
                Kind::Conflict => Self::Conflict(error),
                Kind::Internal => Self::Internal(error),
            },
            // A connection that breaks in the middle of a message shows as a protocol error.
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            _ => Self::Internal(error),
        }
    }
}

/// Postgres's own sentence and SQLSTATE, without the line of its source that the driver appends.
fn plain(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => match database.code() {
            Some(code) => format!("{} ({code})", database.message()),
            None => database.message().to_owned(),
        },
        other => other.to_string(),
    }
}

enum Kind {
    Unavailable,
    Deadline,
    Conflict,
    Internal,
}

/// The kind of an error by its SQLSTATE (PostgreSQL manual, appendix A).
fn sqlstate_kind(code: Option<&str>) -> Kind {
    match code {
        // query_canceled is what statement_timeout raises.
        Some("57014") => Kind::Deadline,
        // unique_violation, serialization_failure (also "conflict with recovery"), deadlock_detected
        Some("23505" | "40001" | "40P01") => Kind::Conflict,
        // disk_full: nothing that passes by itself
        Some("53100") => Kind::Internal,
        // 08 connection, 53 resources, 57P shutdown and "cannot connect now", 25006 a read-only primary in failover
        Some(code)
            if code.starts_with("08")
                || code.starts_with("53")
                || code.starts_with("57P")
                || code == "25006" =>
        {
            Kind::Unavailable
        }
        _ => Kind::Internal,
    }
}
