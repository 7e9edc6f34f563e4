//! Assets made to order, and written to a database the way `import` does it.

use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use vitrine_model::{Asset, PackedBody, Pubkey, Slot};
use vitrine_store::{AssetChange, Store};

/// What a test cares about in an asset; the rest is filled in.
#[derive(Debug, Clone)]
pub struct AssetSpec {
    pub id: Pubkey,
    pub slot_created: u64,
    pub slot_updated: u64,
    /// The collection and whether it is verified.
    pub collection: Option<(Pubkey, bool)>,
    pub authority: Option<Pubkey>,
    /// The creator and whether it has signed.
    pub creator: Option<(Pubkey, bool)>,
    /// Absent: the asset owns itself.
    pub owner: Option<Pubkey>,
    pub burnt: bool,
    pub compressed: bool,
    /// Bytes of text in its description, which stands there only if there are any.
    pub described: usize,
}

impl AssetSpec {
    pub fn new(id: Pubkey) -> Self {
        Self {
            id,
            slot_created: 0,
            slot_updated: 0,
            collection: None,
            authority: None,
            creator: None,
            owner: None,
            burnt: false,
            compressed: false,
            described: 0,
        }
    }

    /// The asset as a DAS server would send it.
    pub fn json(&self) -> Value {
        let grouping: Vec<Value> = self
            .collection
            .iter()
            .map(|(id, verified)| json!({ "group_key": "collection", "group_value": id.to_string(), "verified": verified }))
            .collect();
        let authorities: Vec<Value> = self
            .authority
            .iter()
            .map(|id| json!({ "address": id.to_string(), "scopes": ["full"] }))
            .collect();
        let creators: Vec<Value> = self
            .creator
            .iter()
            .map(|(id, verified)| json!({ "address": id.to_string(), "share": 100, "verified": verified }))
            .collect();
        let mut metadata = json!({
            "name": format!("Asset {}", self.id), "symbol": "T", "attributes": [{ "trait_type": "Fur", "value": "Red" }],
        });
        if self.described > 0 {
            metadata["description"] = text(self.described).into();
        }
        json!({
            "interface": "V1_NFT",
            "id": self.id.to_string(),
            "content": {
                "$schema": "https://schema.metaplex.com/nft1.0.json",
                "json_uri": format!("https://assets.test/{}.json", self.id),
                "files": [{ "uri": format!("https://assets.test/{}.png", self.id), "mime": "image/png" }],
                "metadata": metadata,
                "links": { "image": format!("https://assets.test/{}.png", self.id) },
            },
            "authorities": authorities,
            "compression": {
                "eligible": false, "compressed": self.compressed, "data_hash": "", "creator_hash": "",
                "asset_hash": "", "tree": "", "seq": 0, "leaf_id": 0,
            },
            "grouping": grouping,
            "royalty": {
                "royalty_model": "creators", "target": null, "percent": 0.05, "basis_points": 500,
                "primary_sale_happened": true, "locked": false,
            },
            "creators": creators,
            "ownership": {
                "frozen": false, "delegated": false, "delegate": null, "ownership_model": "single",
                "owner": self.owner.unwrap_or(self.id).to_string(),
            },
            "mutable": true,
            "burnt": self.burnt,
        })
    }

    /// The asset as the writer takes it.
    pub fn change(&self) -> AssetChange {
        let asset = Asset::from_das(&self.json().to_string()).unwrap();
        AssetChange {
            id: self.id,
            slot_created: Slot::new(self.slot_created).unwrap(),
            slot_updated: Slot::new(self.slot_updated).unwrap(),
            slot_seen: Slot::new(self.slot_updated).unwrap(),
            facts: asset.facts(),
            rendered: asset.render().pack(),
        }
    }
}

/// So many bytes, neither all alike nor without any repetition.
fn text(bytes: usize) -> String {
    (0_usize..).flat_map(|number| format!("{number:x} ").into_bytes()).take(bytes).map(char::from).collect()
}

/// Writes assets, sorted, each id once.
pub async fn write(store: &Store, specs: &[AssetSpec]) {
    let mut changes: Vec<AssetChange> = specs.iter().map(AssetSpec::change).collect();
    changes.sort_by_key(|change| change.id);
    for batch in changes.chunks(5_000) {
        store.write_assets(batch, None).await.unwrap();
    }
}

/// The body that a row of `asset` has.
pub fn body(stored: &[u8]) -> Vec<u8> {
    PackedBody::stored(stored).unpack().unwrap()
}

/// Stores all bodies plain, as they were before they were packed: for those who write into them by SQL.
pub async fn unpack_bodies(connection: &mut PgConnection) {
    let rows: Vec<(Vec<u8>, Vec<u8>)> =
        sqlx::query_as("SELECT asset_id, body FROM asset").fetch_all(&mut *connection).await.unwrap();
    let (ids, bodies): (Vec<_>, Vec<_>) = rows.into_iter().map(|(id, stored)| (id, body(&stored))).unzip();
    let statement = "UPDATE asset SET body = plain.body
         FROM UNNEST($1::bytea[], $2::bytea[]) AS plain (asset_id, body) WHERE asset.asset_id = plain.asset_id";
    sqlx::query(statement).bind(ids).bind(bodies).execute(connection).await.unwrap();
}

/// A pubkey that stands for a number.
pub fn pubkey(number: u64) -> Pubkey {
    let mut bytes = [0; 32];
    // The first bytes are mixed, so that ids do not come in order of their numbers.
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    bytes[24..].copy_from_slice(&number.to_be_bytes());
    Pubkey::from_bytes(bytes)
}
