-- Up to which slot each source is wholly committed. A row moves only in the transaction that makes it true.
-- 'import': the lowest slot that imported responses stated. 'ingest': the highest slot of the chain's inputs. 'ingest': the highest slot of what was ingested as a whole.
CREATE TABLE IF NOT EXISTS watermark (
    source text   NOT NULL PRIMARY KEY,
    slot   bigint NOT NULL CHECK (slot >= 0)
);
-- Serves: the lowest of all sources, which every answer names.
CREATE INDEX IF NOT EXISTS watermark_slot ON watermark (slot);

-- Counts that are told and not counted. 'assets': the rows of asset.
CREATE TABLE IF NOT EXISTS counter (
    name  text   NOT NULL PRIMARY KEY,
    value bigint NOT NULL CHECK (value >= 0)
);
INSERT INTO counter (name, value) VALUES ('assets', 0) ON CONFLICT DO NOTHING;
