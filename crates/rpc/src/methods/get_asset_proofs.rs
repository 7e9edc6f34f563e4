//! `getAssetProofs`, also called `getAssetProofBatch`: proofs by the ids of their assets.

use std::time::Instant;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use vitrine_model::Pubkey;
use vitrine_store::Proofs;

use super::proof::Shown;
use super::{get_assets, walk};
use crate::answer::Answer;
use crate::dispatch::Context;
use crate::door::Dialect;
use crate::error::CallError;
use crate::params::args::{Args, Field, field};

/// The fields in positional order.
const FIELDS: [Field; 1] = [field("ids")];

/// Id to proof, or to null where there is none.
struct ById<'p> {
    ids: &'p [Pubkey],
    proofs: &'p Proofs,
    dialect: Dialect,
}

/// Answers the method. An id that stands twice is one member all the same. A proof that does not verify is none, and
/// leaves those of the other ids as they are; where there is no other one, nothing but the fault would be told.
pub(crate) async fn call(context: Context<'_>) -> Result<Answer, CallError> {
    let args = Args::parse(context.params, &FIELDS, context.app.settings.rpc.strict_params)?;
    let mut ids = get_assets::ids(&args)?;
    ids.sort_unstable();
    ids.dedup();
    let asked = Instant::now();
    let proofs = context.app.store.proofs(&ids).await?;
    let db = asked.elapsed();
    if let Some(fault) = proofs.fault() {
        if proofs.proofs.is_empty() {
            return Err(fault.into());
        }
        let unsound = proofs.unsound.len();
        tracing::error!(
            request_id = context.request_id,
            unsound,
            "getAssetProofs has no proof of {unsound} assets: {fault}"
        );
    }
    let rows = u32::try_from(proofs.proofs.len()).unwrap_or(u32::MAX);
    let shown = ById { ids: &ids, proofs: &proofs, dialect: context.dialect };
    Ok(Answer { result: walk::render(&context, &shown)?, rows, db })
}

impl Serialize for ById<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let slot = self.proofs.last_indexed_slot;
        let mut map = serializer.serialize_map(Some(self.ids.len()))?;
        for id in self.ids {
            let proof = self.proofs.proofs.get(id);
            map.serialize_entry(id, &proof.map(|proof| Shown::of(proof, slot, self.dialect)))?;
        }
        map.end()
    }
}
