//! `rpc.discover`: the OpenRPC document.

use crate::answer::{Answer, Payload};
use crate::dispatch::Context;
use crate::error::CallError;
use crate::pages;

/// Answers the method; parameters are ignored.
#[expect(clippy::unused_async, reason = "every method is called alike")]
pub(crate) async fn call(_: Context<'_>) -> Result<Answer, CallError> {
    Ok(Answer { result: Payload::from(pages::openrpc()), ..Answer::default() })
}
