//! The access log: one line a call, with what it cost, and without its key.

use std::time::Duration;

use crate::door::Dialect;
use crate::tiers::Category;

/// The target of the access log's lines, one a call.
pub const ACCESS_LOG: &str = "vitrine::access";

/// A call that has been answered.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) dialect: Dialect,
    /// The method's canonical name; `unknown` for every unknown one and `other` for every other one
    /// that is passed on, so that nobody can write into the log.
    pub(crate) method: &'a str,
    pub(crate) category: Category,
    pub(crate) tier: &'a str,
    /// 0: a caller without a key.
    pub(crate) key_id: i64,
    /// `ok`, or the kind of the error, or how an answer ended that was passed on in pieces.
    pub(crate) outcome: &'a str,
    pub(crate) rows: u32,
    pub(crate) bytes: usize,
    pub(crate) db: Duration,
    pub(crate) total: Duration,
}

impl Line<'_> {
    /// Writes the line.
    pub(crate) fn write(&self) {
        tracing::info!(
            target: ACCESS_LOG,
            request_id = self.request_id,
            dialect = self.dialect.name(),
            method = self.method,
            category = self.category.name(),
            tier = self.tier,
            key_id = self.key_id,
            outcome = self.outcome,
            rows = self.rows,
            bytes = self.bytes,
            db_us = micros(self.db),
            total_us = micros(self.total),
            "{} {}", self.method, self.outcome,
        );
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
