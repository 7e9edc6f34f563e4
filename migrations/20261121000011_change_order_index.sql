-- no-transaction
-- Serves: getAssetChanges. A batch's assets come in order of id behind all others: entries are appended.
CREATE INDEX CONCURRENTLY IF NOT EXISTS asset_change_order ON asset (change_order, asset_id) INCLUDE (slot_updated);
