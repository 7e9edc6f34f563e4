-- no-transaction
-- Serves: searches that no list leads, by updated.
CREATE INDEX CONCURRENTLY IF NOT EXISTS asset_updated ON asset (slot_updated, asset_id);
