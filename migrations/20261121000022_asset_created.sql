-- no-transaction
-- Serves: searches that no list leads, by created. By id the primary key serves.
CREATE INDEX CONCURRENTLY IF NOT EXISTS asset_created ON asset (slot_created, asset_id);
