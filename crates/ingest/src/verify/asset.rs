//! A stored asset against its own body. Pure.

use std::collections::HashMap;

use vitrine_model::{Asset, Display, ListKey, Pubkey, splice};
use vitrine_store::StoredAsset;

use super::{Check, Finding};

/// How much is told of bytes that differ.
const EXCERPT_BYTES: usize = 40;

/// What does not fit: the body is read as an import reads it, and rendered again.
pub(super) fn findings(stored: &StoredAsset) -> Vec<Finding> {
    let read = stored.body.as_ref().map_err(ToString::to_string).and_then(|body| {
        let asset = read(body, &stored.splices)?;
        Ok((body, asset))
    });
    let (body, asset) = match read {
        Ok(read) => read,
        Err(reason) => return vec![finding(stored, Check::Body, &reason)],
    };
    let mut findings = Vec::new();
    let rendered = asset.render();
    for difference in [
        bytes("body", body, &rendered.body),
        bytes("splices", &stored.splices, &rendered.splices),
        bytes("digest", &stored.digest, &rendered.digest),
        bytes("version", &stored.version.to_be_bytes(), &rendered.version.to_be_bytes()),
    ] {
        findings.extend(difference.map(|what| finding(stored, Check::Bytes, &what)));
    }
    if asset.id != stored.id {
        findings.push(finding(stored, Check::Columns, &format!("asset_id, and its body is of {}", asset.id)));
    }
    let facts = asset.facts();
    let differing = stored.columns.differing(&facts);
    findings.extend(differing.map(|column| finding(stored, Check::Columns, &column)));
    if facts.lists != stored.lists {
        findings.push(finding(stored, Check::Lists, &differing_lists(&stored.lists, &facts.lists)));
    }
    findings
}

fn read(body: &[u8], splices: &[u8]) -> Result<Asset, String> {
    // All that display options add of the asset itself. What they add of others is made per call.
    let all = Display { unverified: true, fungible: true, inscription: true, ..Display::default() };
    let mut whole = Vec::with_capacity(body.len() + splices.len());
    splice(body, splices, &all, &HashMap::new(), &mut whole).map_err(|error| error.to_string())?;
    let text = str::from_utf8(&whole).map_err(|error| error.to_string())?;
    Asset::from_das(text).map_err(|error| error.to_string())
}

/// Where bytes differ, and what is there, on either side.
fn bytes(what: &str, stored: &[u8], rendered: &[u8]) -> Option<String> {
    let same = stored.iter().zip(rendered).take_while(|(stored, rendered)| stored == rendered).count();
    let from = |bytes: &[u8]| match &bytes[same..bytes.len().min(same + EXCERPT_BYTES)] {
        [] => "its end".to_owned(),
        bytes => format!("\"{}\"", bytes.escape_ascii()),
    };
    (stored != rendered).then(|| {
        format!("{what}: from byte {same} on it is {}, and should be {}", from(stored), from(rendered))
    })
}

/// The lists that only the row or only the body names.
fn differing_lists(row: &[ListKey], body: &[ListKey]) -> String {
    let only = |of: &[ListKey], other: &[ListKey]| {
        let only: Vec<String> = of.iter().filter(|list| !other.contains(list)).map(list).collect();
        if only.is_empty() { "none".to_owned() } else { only.join(", ") }
    };
    format!("lists by its body alone: {}; by its row alone: {}", only(body, row), only(row, body))
}

fn list(list: &ListKey) -> String {
    let ListKey { kind, key, value, verified } = list;
    let verified = if *verified { "" } else { ", unverified" };
    let value = <[u8; 32]>::try_from(value.as_slice())
        .map_or_else(|_| value.escape_ascii().to_string(), |key| Pubkey::from_bytes(key).to_string());
    format!("{kind:?} {key} {value}{verified}")
}

fn finding(stored: &StoredAsset, check: Check, what: &str) -> Finding {
    Finding { check, place: format!("asset {}: {what}", stored.id) }
}
