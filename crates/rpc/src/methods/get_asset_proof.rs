//! `getAssetProof`: that a compressed asset is a leaf of its tree.

use std::time::Instant;

use super::proof::Shown;
use super::walk;
use crate::answer::Answer;
use crate::dispatch::Context;
use crate::error::CallError;
use crate::params::args::{Args, Field, field};

/// The fields in positional order.
const FIELDS: [Field; 1] = [field("id")];

/// Answers the method. What is no leaf any more (burnt, redeemed) has no proof.
pub(crate) async fn call(context: Context<'_>) -> Result<Answer, CallError> {
    let args = Args::parse(context.params, &FIELDS, context.app.settings.rpc.strict_params)?;
    let id = args.pubkey("id")?;
    let asked = Instant::now();
    let proofs = context.app.store.proofs(&[id]).await?;
    let db = asked.elapsed();
    if let Some(fault) = proofs.fault() {
        return Err(fault.into());
    }
    let proof = proofs.proofs.get(&id).ok_or(CallError::UnknownProof(id))?;
    let shown = Shown::of(proof, proofs.last_indexed_slot, context.dialect);
    Ok(Answer { result: walk::render(&context, &shown)?, rows: 1, db })
}
