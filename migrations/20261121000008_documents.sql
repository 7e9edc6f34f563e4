-- Off-chain documents that assets name, each fetched once for all that name it.
CREATE TABLE IF NOT EXISTS document (
    -- SHA-256 of the uri.
    digest     bytea       NOT NULL PRIMARY KEY CHECK (octet_length(digest) = 32),
    uri        text        NOT NULL,
    -- The host that bounds how many are fetched at once; null for a uri that cannot be fetched.
    host       text,
    -- The document, JSON as it came; null until it arrived.
    body       text,
    fetched_at timestamptz,
    attempts   integer     NOT NULL DEFAULT 0,
    -- When it is tried (again); null where it is not: it arrived, or it was given up.
    next_try   timestamptz,
    -- Why the last try failed.
    reason     text
);
-- Serves: the queue of the fetcher.
CREATE INDEX IF NOT EXISTS document_next_try ON document (next_try) WHERE next_try IS NOT NULL;
