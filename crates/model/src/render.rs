//! The bytes of an asset's default answer, made once when the asset changes.

use sha2::{Digest, Sha256};

use crate::asset::Asset;
use crate::splice::Table;

/// The size of a usual answer: a smaller one wastes a little, a larger one grows once or twice.
const USUAL_BYTES: usize = 3072;

/// An asset as it is stored for reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The asset's default answer: compact JSON.
    pub body: Vec<u8>,
    /// Where display options add to the body, and what: for [`crate::splice()`].
    pub splices: Vec<u8>,
    /// The first 16 bytes of SHA-256 over everything but `slot_created` and `slot_updated`: equal for two inputs
    /// that say the same at different slots.
    pub digest: [u8; 16],
    /// Names body and splices among all that the asset ever had: [`version`].
    pub version: i64,
}

/// What an asset is written to.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) body: Vec<u8>,
    pub(crate) table: Table,
}

impl Asset {
    /// Renders the asset. Equal assets give equal bytes.
    pub fn render(&self) -> Rendered {
        let mut out = Output { body: Vec::with_capacity(USUAL_BYTES), table: Table::default() };
        let without_slots = self.write(&mut out);
        let splices = out.table.into_bytes();
        // Both begin with the same bytes, and these are read once.
        let (content, slots) = out.body.split_at(without_slots);
        let hash = Sha256::new_with_prefix(content);
        let digest = first_bytes(hash.clone(), content.len(), &splices);
        let version = first_bytes(hash.chain_update(slots), out.body.len(), &splices);
        Rendered { body: out.body, splices, digest, version: i64::from_be_bytes(version) }
    }
}

/// The version of a body and its splices: the first 8 bytes of SHA-256 over both. Who has kept the bytes of an
/// id and a version has the bytes that any server on any copy of the database would read.
pub fn version(body: &[u8], splices: &[u8]) -> i64 {
    i64::from_be_bytes(first_bytes(Sha256::new_with_prefix(body), body.len(), splices))
}

/// Ends a hash of so many bytes of a body with its splices; the length keeps the two parts apart.
fn first_bytes<const N: usize>(body: Sha256, length: usize, splices: &[u8]) -> [u8; N] {
    let full = body.chain_update(splices).chain_update(length.to_le_bytes()).finalize();
    std::array::from_fn(|at| full[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADLAD: &str = concat!(
        r#"{"interface":"ProgrammableNFT","id":"JEGruwYE13mhX2wi2MGrPmeLiVyZtbBptmVy9vG3pXRC","content":"#,
        r#"{"$schema":"https://schema.metaplex.com/nft1.0.json","json_uri":"https://m.example/6867.json","#,
        r#""files":[{"uri":"https://m.example/6867.png","mime":"image/png"}],"metadata":{}},"authorities":"#,
        r#"[{"address":"2RtGg6fsFiiF1EQzHqbd66AhW7R5bWeQGpTbv2UMkCdW","scopes":["full"]}],"compression":"#,
        r#"{"eligible":false,"compressed":false,"data_hash":"","creator_hash":"","asset_hash":"","tree":"","#,
        r#""seq":0,"leaf_id":0},"grouping":[{"group_key":"collection","group_value":"#,
        r#""J1S9H3QjnRtBbbuD4HjPV6RpRhwuk4zKbxsnCHuTgh9w"}],"royalty":{"royalty_model":"creators","#,
        r#""target":null,"percent":0.042,"basis_points":420,"primary_sale_happened":true,"locked":false},"#,
        r#""creators":[{"address":"5XvhfmRjwXkGp3jHGmaKpqeerNYjkuZZBYLVQYdeVcRv","share":0,"verified":true}],"#,
        r#""ownership":{"frozen":true,"delegated":false,"delegate":null,"ownership_model":"single","#,
        r#""owner":"3F21SJs4FMpsakrxmd8GjgfQZG6BN6MVsvXcm5Yc6Jcf"},"mutable":true,"burnt":false}"#,
    );

    fn rendered(text: &str) -> Rendered {
        Asset::from_das(text).expect("an asset").render()
    }

    fn body(text: &str) -> String {
        String::from_utf8(rendered(text).body).expect("JSON is UTF-8")
    }

    #[test]
    fn a_documented_answer_is_rendered_as_it_stands() {
        assert_eq!(body(MADLAD), MADLAD);
    }

    #[test]
    fn the_smallest_asset_gets_what_clients_need() {
        let id = "11111111111111111111111111111111";
        let expected = format!(
            "{{\"interface\":\"Custom\",\"id\":\"{id}\",\"content\":{{\"metadata\":{{}}}},\"authorities\":[],{}{}",
            r#""compression":{"eligible":false,"compressed":false,"data_hash":"","creator_hash":"","asset_hash":"","#,
            r#""tree":"","seq":0,"leaf_id":0},"grouping":[],"creators":[],"mutable":true,"burnt":false}"#,
        );
        assert_eq!(body(&format!("{{\"id\":\"{id}\",\"interface\":\"Custom\"}}")), expected);
        let nulls = format!(
            "{{\"id\":\"{id}\",\"interface\":\"Custom\",{}}}",
            r#""content":null,"authorities":null,"compression":null,"grouping":null,"creators":null,"mutable":null,
               "burnt":null,"last_indexed_slot":null"#
        );
        assert_eq!(body(&nulls), expected);
    }

    #[test]
    fn top_level_members_have_one_order() {
        let tail = concat!(
            r#""royalty":null,"creators":[],"ownership":null,"uses":null,"supply":null,"mutable":false,"#,
            r#""burnt":true,"mint_extensions":null,"plugins":{},"unknown_plugins":[],"mpl_core_info":{},"#,
            r#""external_plugins":[],"unknown_external_plugins":null,"is_agent":false,"agent_token":null,"#,
            r#""asset_signer":"s","spl20":{},"zeta":1,"alpha":[null],"slot_created":1,"slot_updated":null}"#,
        );
        let members: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&format!("{{{tail}")).expect("JSON");
        let mut names: Vec<_> =
            members.iter().filter(|(name, _)| !["zeta", "alpha"].contains(&name.as_str())).collect();
        names.reverse();
        let mut text = r#"{"zeta":1,"alpha":[null],"#.to_owned();
        for (name, value) in names {
            text.extend(["\"", name, "\":", &value.to_string(), ","]);
        }
        text.push_str(r#""id":"11111111111111111111111111111111","interface":"Custom"}"#);
        let body = body(&text);
        assert!(body.ends_with(tail), "{body}");
    }

    #[test]
    fn the_digest_leaves_out_the_slots_and_nothing_else() {
        let plain = rendered(MADLAD);
        let with = |member: &str| rendered(&MADLAD.replace("\"burnt\"", &format!("{member},\"burnt\"")));
        let slots = with(r#""slot_created":5,"slot_updated":7,"last_indexed_slot":9"#);
        assert_eq!(plain.digest, slots.digest);
        assert!(slots.body.ends_with(br#","burnt":false,"slot_created":5,"slot_updated":7}"#));
        for member in [r#""x":1"#, r#""token_info":{}"#, r#""inscription":{}"#, r#""is_agent":false"#] {
            assert_ne!(plain.digest, with(member).digest, "{member}");
        }
        let unverified = MADLAD.replace("Tgh9w\"", "Tgh9w\",\"verified\":false");
        assert_ne!(plain.digest, rendered(&unverified).digest);
        let same = MADLAD.replace("Tgh9w\"", "Tgh9w\",\"verified\":true");
        assert_eq!(plain, rendered(&same));
    }
}
