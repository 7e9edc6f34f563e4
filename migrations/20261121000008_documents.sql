-- Off-chain documents that assets name, each fetched once for all that name it, and the queue of the fetcher.
CREATE TABLE IF NOT EXISTS document (
    -- SHA-256 of the uri.
    digest     bytea       NOT NULL PRIMARY KEY CHECK (octet_length(digest) = 32),
    uri        text        NOT NULL,
    -- What bounds how many are fetched at once: the host, or the scheme of a uri that names none (ipfs, ar, data).
    host       text        NOT NULL,
    -- The document, a JSON object without whitespace between its parts; null until it arrived.
    body       text,
    fetched_at timestamptz,
    -- How often it was taken from the queue. Who took it writes only while the number is still theirs.
    attempts   integer     NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- When it is due. Without a body it is to be fetched, with one the assets that name it are to be made anew. Who takes
    -- it moves this ahead, so that it is due again where they do not come to an end. Null where nothing is to be done: all is
    -- made, or it was given up.
    next_try   timestamptz,
    -- Why the last try failed.
    reason     text
);
-- Serves: the hosts of the queue, one after the other, and what is due of each.
CREATE INDEX IF NOT EXISTS document_due ON document (host, next_try, digest) WHERE next_try IS NOT NULL;
-- Serves: when something is due next.
CREATE INDEX IF NOT EXISTS document_next_try ON document (next_try) WHERE next_try IS NOT NULL;
