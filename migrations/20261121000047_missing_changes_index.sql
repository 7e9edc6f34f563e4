-- no-transaction
-- Serves: how many changes are missing, in how many trees (/status, the end of an ingest), and of one tree (vitrine verify).
CREATE INDEX CONCURRENTLY IF NOT EXISTS tree_change_missing ON tree_change (tree, slot, seq) INCLUDE (missing) WHERE missing > 0;
