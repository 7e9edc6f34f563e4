//! A stored asset against its own body. Pure.

use std::collections::HashMap;

use vitrine_model::{Asset, Display, splice};
use vitrine_store::{StoredAsset, StoredFacts};

use super::{Check, Finding};

/// All that display options add of the asset itself. What others add, as the metadata of its collection, is made per
/// call.
const ALL: Display<'_> = Display {
    unverified: true,
    fungible: true,
    inscription: true,
    collection_metadata: false,
    cdn_base: None,
    holding: None,
};

/// What does not fit: the body is read as an import reads it, and rendered again.
pub(super) fn findings(stored: &StoredAsset) -> Vec<Finding> {
    let asset = match read(stored) {
        Ok(asset) => asset,
        Err(reason) => return vec![finding(stored, Check::Body, &reason)],
    };
    let mut findings = Vec::new();
    let rendered = asset.render();
    for (is_same, what) in [
        (rendered.body == stored.body, "body"),
        (rendered.splices == stored.splices, "splices"),
        (rendered.digest == stored.digest, "digest"),
        (rendered.version == stored.version, "version"),
    ] {
        if !is_same {
            findings.push(finding(stored, Check::Bytes, what));
        }
    }
    let facts = asset.facts();
    let StoredFacts { interface, owner, delegate, compressed, burnt, frozen, lists } = &stored.facts;
    for (is_same, what) in [
        (asset.id == stored.id, "asset_id"),
        (facts.interface == *interface, "interface"),
        (facts.owner == *owner, "owner"),
        (facts.delegate == *delegate, "delegate"),
        (facts.compressed == *compressed, "compressed"),
        (facts.burnt == *burnt, "burnt"),
        (facts.frozen == *frozen, "frozen"),
    ] {
        if !is_same {
            findings.push(finding(stored, Check::Columns, what));
        }
    }
    if facts.lists != *lists {
        let what = format!("{} lists by its body, {} by its row", facts.lists.len(), lists.len());
        findings.push(finding(stored, Check::Lists, &what));
    }
    findings
}

fn read(stored: &StoredAsset) -> Result<Asset, String> {
    let mut whole = Vec::with_capacity(stored.body.len() + stored.splices.len());
    splice(&stored.body, &stored.splices, &ALL, &HashMap::new(), &mut whole)
        .map_err(|error| error.to_string())?;
    let text = str::from_utf8(&whole).map_err(|error| error.to_string())?;
    Asset::from_das(text).map_err(|error| error.to_string())
}

fn finding(stored: &StoredAsset, check: Check, what: &str) -> Finding {
    Finding { check, place: format!("asset {}: {what}", stored.id) }
}
