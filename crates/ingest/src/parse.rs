//! The text of an asset becomes the change that the store writes. Pure.

use vitrine_model::{Asset, Slot};
use vitrine_store::AssetChange;

use crate::source::{BadRecord, Record};

/// An asset, ready to be written.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What to write.
    pub change: AssetChange,
    /// The lowest slot that was stated for it: its own `last_indexed_slot`, that of its response. It bounds the
    /// watermark of an import.
    pub stated: Option<Slot>,
}

/// Reads and renders one asset.
///
/// DAS JSON says nothing certain about slots. What an asset says of itself holds: `slot_updated` and `slot_created` in
/// the object. Where it says nothing, each of the two is the slot as of which the asset was read: its own
/// `last_indexed_slot` (as `getAsset` answers it), else that of the response it stands in, else 0. An asset is thus
/// never newer than what is known of it, and a later reading replaces it.
///
/// The error has the reason and, unchanged, the text.
pub fn parse(record: Record) -> Result<Parsed, BadRecord> {
    let asset = match std::str::from_utf8(&record.text) {
        Ok(text) => Asset::from_das(text).map_err(|error| error.to_string()),
        Err(error) => Err(format!("not UTF-8: byte {} of it is invalid", error.valid_up_to() + 1)),
    };
    let asset = match asset {
        Ok(asset) => asset,
        Err(reason) => return Err(BadRecord { place: record.place, reason, raw: record.text }),
    };
    let as_of = asset.stated_slot.or(record.stated_slot).unwrap_or_default();
    let slot_updated = asset.slot_updated.get().copied().unwrap_or(as_of);
    let change = AssetChange {
        id: asset.id,
        slot_created: asset.slot_created.get().copied().unwrap_or(as_of),
        slot_updated,
        slot_seen: slot_updated,
        facts: asset.facts(),
        rendered: asset.render().pack(),
    };
    let stated = asset.stated_slot.into_iter().chain(record.stated_slot).min();
    Ok(Parsed { change, stated })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::source::Place;

    const ID: &str = "So11111111111111111111111111111111111111112";

    fn record(members: &str, stated: Option<u64>) -> Record {
        let text = format!("{{\"interface\":\"V1_NFT\",\"id\":\"{ID}\"{members}}}").into_bytes();
        Record { place: Place { line: 3, item: None }, text, stated_slot: stated.and_then(Slot::new) }
    }

    #[test]
    fn slots_come_from_the_asset_then_from_its_response() {
        let cases = [
            ("", None, (0, 0, None)),
            ("", Some(7), (7, 7, Some(7))),
            (",\"last_indexed_slot\":5", None, (5, 5, Some(5))),
            (",\"last_indexed_slot\":9", Some(7), (9, 9, Some(7))),
            (",\"slot_updated\":4", Some(7), (7, 4, Some(7))),
            (",\"slot_created\":2", Some(7), (2, 7, Some(7))),
            (",\"slot_created\":2,\"slot_updated\":3,\"last_indexed_slot\":5", None, (2, 3, Some(5))),
        ];
        for (members, stated, expected) in cases {
            let parsed = parse(record(members, stated)).unwrap();
            let change = &parsed.change;
            let slots = (change.slot_created.get(), change.slot_updated.get(), parsed.stated.map(Slot::get));
            assert_eq!(slots, expected, "{members} in a response of {stated:?}");
        }
    }

    #[test]
    fn what_is_no_asset_comes_back_with_its_place_and_text() {
        let place = Place { line: 3, item: None };
        for text in [&b"{\"id\":1}"[..], b"{\"id\":\"", b"\xff{}", b"null", b""] {
            let bad = parse(Record { place, text: text.to_vec(), stated_slot: None }).unwrap_err();
            assert_eq!((bad.place, &bad.raw[..]), (place, text));
            assert!(!bad.reason.is_empty());
        }
    }

    #[test]
    fn a_byte_that_is_not_utf8_is_named() {
        let mut record = record("", None);
        record.text[3] = 0xff;
        assert_eq!(parse(record).unwrap_err().reason, "not UTF-8: byte 4 of it is invalid");
    }
}
