//! The member `inscription`.

use serde::Serialize;
use vitrine_model::{Json, Pubkey};

use super::draft::json;
use crate::decode::inscription::Inscription;

/// An inscription as answers have it.
#[derive(Serialize)]
struct Written<'a> {
    authority: Pubkey,
    root: Pubkey,
    inscription_data: Pubkey,
    content: &'a str,
    encoding: &'a str,
    order: u64,
    size: u32,
    validation_hash: Option<&'a str>,
}

/// Writes an inscription.
pub(super) fn written(inscription: &Inscription<'_>) -> Option<Json> {
    json(&Written {
        authority: inscription.authority,
        root: inscription.root,
        inscription_data: inscription.inscription_data,
        content: &inscription.content_type,
        encoding: inscription.encoding,
        order: inscription.order,
        size: inscription.size,
        validation_hash: inscription.validation_hash,
    })
}
