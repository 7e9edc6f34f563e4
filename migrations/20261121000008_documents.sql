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
    -- How often it was taken from the queue, ever. Who took it writes only while the number is still theirs.
    attempts   integer     NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- How often it was taken since something was last achieved: it arrived, or a page of assets was made. Bounded, so that
    -- what fails every time, or ends who takes it, is given up.
    tries      integer     NOT NULL DEFAULT 0 CHECK (tries >= 0),
    -- When it is due. Without a body, or with a stale one, it is to be fetched, else the assets that name it are to be made
    -- anew. Who takes it moves this ahead, so that it is due again where they do not come to an end. Null where nothing is to
    -- be done: all is made, or it was given up.
    next_try   timestamptz,
    -- It has arrived, and is to be fetched again: until then what has arrived is shown.
    stale      boolean     NOT NULL DEFAULT false,
    -- The assets up to this id are made anew with the body; null where that has not begun, or has ended.
    made_to    bytea       CHECK (octet_length(made_to) = 32),
    -- Why the last try failed; null behind one that did not.
    reason     text
);
-- Serves: the hosts of the queue, one after the other, and what is due of each.
CREATE INDEX IF NOT EXISTS document_due ON document (host, next_try, digest) WHERE next_try IS NOT NULL;
-- Serves: when something is due next.
CREATE INDEX IF NOT EXISTS document_next_try ON document (next_try) WHERE next_try IS NOT NULL;
-- Serves: what arrived long ago and is to be fetched again, the oldest first. The document of a data: uri is in the uri.
CREATE INDEX IF NOT EXISTS document_fetched ON document (fetched_at) WHERE body IS NOT NULL AND next_try IS NULL AND host <> 'data';
