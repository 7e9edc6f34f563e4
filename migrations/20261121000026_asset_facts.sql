-- no-transaction
-- Serves: filling in the facts of rows from before. It is empty once that is done.
CREATE INDEX CONCURRENTLY IF NOT EXISTS asset_facts ON asset (asset_id) WHERE facts_version < 1;
