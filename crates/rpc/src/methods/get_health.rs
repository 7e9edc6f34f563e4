//! `getHealth`: `"ok"` while the database answers.

use std::time::Instant;

use crate::answer::{Answer, Payload};
use crate::dispatch::Context;
use crate::error::CallError;

/// Answers the method; parameters are ignored.
pub(crate) async fn call(context: Context<'_>) -> Result<Answer, CallError> {
    let asked = Instant::now();
    context.app.store.ping().await?;
    Ok(Answer { result: Payload::from(r#""ok""#), rows: 0, db: asked.elapsed() })
}
