//! What Postgres finds by itself: statements that return the places where the database contradicts itself.

use sqlx::Row;

use super::Snapshot;
use crate::StoreError;
use crate::read::members::pubkey;

/// A kind of contradiction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Contradiction {
    /// A list's total is not the number of its members.
    Total,
    /// A member of no list, of no asset, or of an asset that does not name the list.
    StrayMember,
    /// An asset names a list that has no such member.
    MissingMember,
    /// A member's slots or version are not those of its asset.
    MemberColumns,
    /// The counter of assets is not their number.
    Counter,
    /// A change of a tree whose leaf has no node, or an older one; or a tree whose root is not its newest change's.
    MissingNode,
    /// An asset of a leaf or an account that is not known as one of the chain.
    UnknownChainAsset,
    /// An asset names a document that is not in the queue: nobody would fetch it.
    UnqueuedDocument,
    /// A document or a dead letter is not under the digest of its own.
    Digest,
    /// A change of a tree that does not say how many are missing in front of it.
    Missing,
    /// An index that Postgres has marked as not valid.
    Index,
}

/// Whole tables are read in whatever way is fastest.
const WHOLE_TABLES: &str = "SET LOCAL enable_seqscan = on; SET LOCAL enable_bitmapscan = on;
     SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on";

/// Pages are read by their keys, as in any session that writes.
const BY_KEYS: &str = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;
     SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off";

/// Each kind with the statement that returns its places: a text, and the asset or tree that it ends in. `$1` is how many
/// at most.
pub(super) const STATEMENTS: [(Contradiction, &str); 11] = [
    (
        Contradiction::Total,
        "SELECT format('list %s: total %s, members %s', list_id, total, members), NULL::bytea
         FROM (SELECT list_id, total,
                      (SELECT count(*) FROM list_member WHERE list_member.list_id = asset_list.list_id) AS members
               FROM asset_list) AS counted
         WHERE total <> members LIMIT $1",
    ),
    (
        Contradiction::StrayMember,
        "SELECT format('list %s, asset', member.list_id), member.asset_id
         FROM list_member AS member LEFT JOIN asset_list AS list ON list.list_id = member.list_id
              LEFT JOIN asset ON asset.asset_id = member.asset_id
         WHERE list.list_id IS NULL OR asset.asset_id IS NULL OR NOT member.list_id = ANY(asset.list_ids) LIMIT $1",
    ),
    (
        Contradiction::MissingMember,
        "SELECT format('list %s, asset', named.list_id), asset.asset_id
         FROM asset CROSS JOIN UNNEST(asset.list_ids) AS named (list_id)
              LEFT JOIN list_member AS member ON member.list_id = named.list_id AND member.asset_id = asset.asset_id
         WHERE member.list_id IS NULL LIMIT $1",
    ),
    (
        Contradiction::MemberColumns,
        "SELECT format('list %s: slots and version of the member %s, %s, %s, of the asset %s, %s, %s: asset', member.list_id,
                       member.slot_created, member.slot_updated, member.version,
                       asset.slot_created, asset.slot_updated, asset.version), member.asset_id
         FROM list_member AS member JOIN asset ON asset.asset_id = member.asset_id
         WHERE (member.slot_created, member.slot_updated, member.version)
               IS DISTINCT FROM (asset.slot_created, asset.slot_updated, asset.version) LIMIT $1",
    ),
    (
        Contradiction::Counter,
        "SELECT format('the counter says %s, and there are %s', told.value, counted.value), NULL::bytea
         FROM (SELECT (SELECT value FROM counter WHERE name = 'assets') AS value) AS told,
              (SELECT count(*) AS value FROM asset) AS counted
         WHERE told.value IS DISTINCT FROM counted.value LIMIT $1",
    ),
    (
        Contradiction::MissingNode,
        "SELECT format('change %s of leaf %s, tree', change.seq, change.leaf_index), change.tree
         FROM tree_change AS change LEFT JOIN tree ON tree.tree = change.tree
              LEFT JOIN tree_node AS node
              ON node.tree = change.tree AND node.node_index - (1::bigint << node.depth::int) = change.leaf_index
              AND (node.slot, node.seq) >= (change.slot, change.seq)
         WHERE tree.tree IS NULL OR node.tree IS NULL
         UNION ALL
         SELECT format('change %s, the newest one, tree', tree.seq), tree.tree
         FROM tree LEFT JOIN tree_node AS root
              ON root.tree = tree.tree AND root.depth = tree.depth AND root.node_index = 1
         WHERE (root.slot, root.seq) IS DISTINCT FROM (tree.slot, tree.seq) LIMIT $1",
    ),
    (
        Contradiction::UnknownChainAsset,
        "SELECT 'asset', asset_id
         FROM (SELECT asset_id FROM tree_change WHERE asset_id IS NOT NULL AND event IS NOT NULL
               UNION ALL SELECT asset_id FROM leaf_event
               UNION ALL SELECT asset_id FROM account WHERE asset_id IS NOT NULL AND kind NOT IN (0, 1)) AS seen
         WHERE NOT EXISTS (SELECT FROM chain_asset WHERE chain_asset.asset_id = seen.asset_id) LIMIT $1",
    ),
    (
        Contradiction::UnqueuedDocument,
        "SELECT format('%s, named by asset', json_uri), asset_id FROM chain_asset
         WHERE json_uri IS NOT NULL
           AND NOT EXISTS (SELECT FROM document WHERE digest = sha256(convert_to(json_uri, 'UTF8'))) LIMIT $1",
    ),
    (
        Contradiction::Digest,
        "SELECT format('%s: %s, and should be %s', place, encode(digest, 'hex'), encode(own, 'hex')), NULL::bytea
         FROM (SELECT 'document ' || uri AS place, digest, sha256(convert_to(uri, 'UTF8')) AS own FROM document
               UNION ALL SELECT 'dead letter of slot ' || slot, digest, sha256(convert_to(input, 'UTF8')) FROM dead_letter)
              AS hashed
         WHERE digest <> own LIMIT $1",
    ),
    (
        Contradiction::Missing,
        "SELECT format('change %s in slot %s, missing %s, said %s, tree', seq, slot, found, missing), tree
         FROM (SELECT tree, slot, seq, missing,
                      greatest(seq - 1 - CASE WHEN previous < seq THEN previous ELSE 0 END, 0) AS found
               FROM (SELECT tree, slot, seq, missing, lag(seq) OVER (PARTITION BY tree ORDER BY slot, seq) AS previous
                     FROM tree_change) AS ordered) AS counted
         WHERE missing <> found LIMIT $1",
    ),
    (
        Contradiction::Index,
        "SELECT indexrelid::regclass::text, NULL::bytea FROM pg_index WHERE NOT indisvalid LIMIT $1",
    ),
];

impl Contradiction {
    /// A short name that stays the same.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::StrayMember => "stray_member",
            Self::MissingMember => "missing_member",
            Self::MemberColumns => "member_columns",
            Self::Counter => "counter",
            Self::MissingNode => "missing_node",
            Self::UnknownChainAsset => "unknown_chain_asset",
            Self::UnqueuedDocument => "unqueued_document",
            Self::Digest => "digest",
            Self::Missing => "missing",
            Self::Index => "index",
        }
    }

    /// Every kind, in the order in which they are looked for.
    pub fn all() -> impl Iterator<Item = Self> {
        STATEMENTS.iter().map(|(kind, _)| *kind)
    }
}

impl Snapshot {
    /// The places of one kind, in no order, `limit` at most. It reads whole tables, one row at a time.
    pub async fn contradictions(
        &mut self,
        kind: Contradiction,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        sqlx::raw_sql(WHOLE_TABLES).execute(&mut self.connection).await?;
        let mut places = Vec::new();
        for (_, statement) in STATEMENTS.iter().filter(|(of, _)| *of == kind) {
            let rows = sqlx::query(*statement).bind(i64::from(limit)).fetch_all(&mut self.connection).await?;
            for row in &rows {
                let text: String = row.try_get(0)?;
                let key = row.try_get::<Option<&[u8]>, _>(1)?.map(pubkey).transpose()?;
                places.push(key.map_or_else(|| text.clone(), |key| format!("{text} {key}")));
            }
        }
        sqlx::raw_sql(BY_KEYS).execute(&mut self.connection).await?;
        Ok(places)
    }
}
