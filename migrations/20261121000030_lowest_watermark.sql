-- no-transaction
-- Serves: the slot that answers state, the lowest of all sources.
CREATE INDEX CONCURRENTLY IF NOT EXISTS watermark_slot ON watermark (slot);
