-- no-transaction
-- Serves: assetSigner, of which each agent has its own.
CREATE INDEX CONCURRENTLY IF NOT EXISTS asset_signer ON asset (asset_signer) WHERE asset_signer IS NOT NULL;
