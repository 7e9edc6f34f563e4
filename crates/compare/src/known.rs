//! What is known of some assets: enough to ask for them, and for the lists that they stand in. Pure.

use serde_json::Value;

/// Assets that questions are about.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub(crate) assets: Vec<KnownAsset>,
}

/// One of them; what it lacks no question is about.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownAsset {
    pub(crate) id: String,
    pub(crate) interface: Option<String>,
    pub(crate) json_uri: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) compressed: bool,
    pub(crate) burnt: bool,
    pub(crate) owner: Option<String>,
    pub(crate) delegate: Option<String>,
    pub(crate) royalty: Option<u64>,
    pub(crate) authorities: Vec<String>,
    pub(crate) creators: Vec<String>,
    /// Key and value.
    pub(crate) groups: Vec<(String, String)>,
    /// Of a compressed one.
    pub(crate) leaf: Option<(String, u64)>,
}

impl Known {
    /// What DAS assets tell of themselves; whatever has no id is left out.
    pub fn of(assets: &[Value]) -> Self {
        Self { assets: assets.iter().filter_map(KnownAsset::of).collect() }
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.assets.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.assets.is_empty()
    }
}

impl KnownAsset {
    fn of(asset: &Value) -> Option<Self> {
        let text = |pointer: &str| {
            let text = asset.pointer(pointer).and_then(Value::as_str)?;
            (!text.is_empty()).then(|| text.to_owned())
        };
        let flag = |pointer: &str| asset.pointer(pointer).and_then(Value::as_bool).unwrap_or_default();
        let each = |name: &str, member: &'static str| {
            let elements = asset[name].as_array().into_iter().flatten();
            elements.filter_map(move |element| Some(element[member].as_str()?.to_owned()))
        };
        let groups = each("grouping", "group_key").zip(each("grouping", "group_value")).collect();
        let leaf_id = asset.pointer("/compression/leaf_id").and_then(Value::as_u64);
        Some(Self {
            id: text("/id")?,
            interface: text("/interface"),
            json_uri: text("/content/json_uri"),
            name: text("/content/metadata/name"),
            compressed: flag("/compression/compressed"),
            burnt: flag("/burnt"),
            owner: text("/ownership/owner"),
            delegate: text("/ownership/delegate"),
            royalty: asset.pointer("/royalty/basis_points").and_then(Value::as_u64),
            authorities: each("authorities", "address").collect(),
            creators: each("creators", "address").collect(),
            groups,
            leaf: text("/compression/tree").zip(leaf_id),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_asset_lacks_is_not_known() {
        let known = Known::of(&[
            Value::Null,
            json!({ "id": "a" }),
            json!({
                "id": "b", "interface": "V1_NFT", "content": { "json_uri": "" }, "ownership": { "owner": "o" },
                "compression": { "compressed": true, "tree": "t", "leaf_id": 3 },
                "grouping": [{ "group_key": "collection", "group_value": "c" }], "creators": [{ "address": "m" }],
            }),
        ]);
        assert_eq!(known.len(), 2);
        let [bare, full] = known.assets.as_slice() else { panic!("{known:?}") };
        assert_eq!((bare.id.as_str(), &bare.owner, &bare.leaf), ("a", &None, &None));
        assert_eq!(full.leaf, Some(("t".to_owned(), 3)));
        assert_eq!(full.groups, [("collection".to_owned(), "c".to_owned())]);
        assert_eq!((full.json_uri.as_deref(), full.creators.as_slice()), (None, &["m".to_owned()][..]));
    }
}
