//! The end of a large ingest: the planner and index-only scans learn of its rows.

use super::ChainWritten;
use crate::{Store, StoreError};

impl Store {
    /// Ends an ingest that has written this: of the tables of which it has changed `from` rows or more, Postgres takes
    /// stock. Smaller ones are left to autovacuum.
    pub async fn finish_ingest(&self, written: &ChainWritten, from: u64) -> Result<(), StoreError> {
        let [assets, sources] = statements(written, from);
        tokio::try_join!(Box::pin(self.tidy(&assets)), Box::pin(self.tidy(&sources)))?;
        Ok(())
    }
}

/// What is done side by side.
fn statements(written: &ChainWritten, from: u64) -> [Vec<&'static str>; 2] {
    let ChainWritten { accounts, tree_changes, leaf_events, dead_letters, assets, .. } = *written;
    let (mut of_assets, mut of_sources) = (Vec::new(), Vec::new());
    if assets.created + assets.updated + assets.removed >= from {
        of_assets.extend([
            "VACUUM (ANALYZE) asset",
            "VACUUM (ANALYZE) list_member",
            "VACUUM (ANALYZE) asset_list",
            "VACUUM (ANALYZE) chain_asset",
            "VACUUM (ANALYZE) document",
        ]);
    }
    if accounts >= from {
        of_sources.push("VACUUM (ANALYZE) account");
    }
    if tree_changes >= from {
        of_sources.extend([
            "VACUUM (ANALYZE) tree",
            "VACUUM (ANALYZE) tree_change",
            "VACUUM (ANALYZE) tree_node",
        ]);
    }
    if leaf_events >= from {
        of_sources.push("VACUUM (ANALYZE) leaf_event");
    }
    if dead_letters >= from {
        of_sources.push("VACUUM (ANALYZE) dead_letter");
    }
    [of_assets, of_sources]
}

#[cfg(test)]
mod tests {
    use super::super::Written;
    use super::*;

    #[test]
    fn only_what_has_changed_much_is_looked_at() {
        let tables = |written: ChainWritten| {
            let all = statements(&written, 10).concat();
            all.iter().map(|text| text.rsplit(' ').next().unwrap_or_default()).collect::<Vec<_>>()
        };
        let few = ChainWritten { accounts: 9, tree_changes: 9, leaf_events: 9, ..ChainWritten::default() };
        assert!(tables(few).is_empty());
        assert_eq!(tables(ChainWritten { accounts: 10, stale: 99, ..few }), ["account"]);
        assert_eq!(tables(ChainWritten { tree_changes: 10, ..few }), ["tree", "tree_change", "tree_node"]);
        assert_eq!(tables(ChainWritten { leaf_events: 10, ..few }), ["leaf_event"]);
        assert_eq!(tables(ChainWritten { dead_letters: 10, ..few }), ["dead_letter"]);
        let assets = Written { created: 4, updated: 3, removed: 3, ..Written::default() };
        let expected = ["asset", "list_member", "asset_list", "chain_asset", "document"];
        assert_eq!(tables(ChainWritten { assets, ..few }), expected);
        let unchanged = Written { unchanged: 99, stale: 99, ..Written::default() };
        assert!(tables(ChainWritten { assets: unchanged, ..few }).is_empty());
    }
}
