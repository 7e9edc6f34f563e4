-- no-transaction
-- Serves: jsonUri. Most uris are of one asset; those of a series of equals share one entry.
CREATE INDEX CONCURRENTLY IF NOT EXISTS asset_json_uri ON asset (json_uri_digest) WHERE json_uri_digest IS NOT NULL;
