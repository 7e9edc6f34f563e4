//! A stored asset against its own body. Pure.

use std::collections::HashMap;

use vitrine_model::{Asset, Display, splice};
use vitrine_store::StoredAsset;

use super::{Check, Finding};

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
    if asset.id != stored.id {
        findings.push(finding(stored, Check::Columns, "asset_id"));
    }
    let facts = asset.facts();
    let differing = stored.columns.differing(&facts);
    findings.extend(differing.map(|column| finding(stored, Check::Columns, column)));
    if facts.lists != stored.lists {
        let what = format!("{} lists by its body, {} by its row", facts.lists.len(), stored.lists.len());
        findings.push(finding(stored, Check::Lists, &what));
    }
    findings
}

fn read(stored: &StoredAsset) -> Result<Asset, String> {
    // All that display options add of the asset itself. What they add of others is made per call.
    let all = Display { unverified: true, fungible: true, inscription: true, ..Display::default() };
    let mut whole = Vec::with_capacity(stored.body.len() + stored.splices.len());
    splice(&stored.body, &stored.splices, &all, &HashMap::new(), &mut whole)
        .map_err(|error| error.to_string())?;
    let text = str::from_utf8(&whole).map_err(|error| error.to_string())?;
    Asset::from_das(text).map_err(|error| error.to_string())
}

fn finding(stored: &StoredAsset, check: Check, what: &str) -> Finding {
    Finding { check, place: format!("asset {}: {what}", stored.id) }
}
