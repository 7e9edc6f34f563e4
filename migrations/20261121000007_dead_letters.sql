-- Inputs that could not be decoded, kept with the reason: `vitrine ingest --retry-dead-letters` tries them again.
CREATE TABLE IF NOT EXISTS dead_letter (
    -- SHA-256 of the input: the same one is kept once.
    digest     bytea       NOT NULL PRIMARY KEY CHECK (octet_length(digest) = 32),
    slot       bigint      NOT NULL CHECK (slot >= 0),
    -- 'account' or 'transaction'.
    kind       text        NOT NULL,
    -- The account's address, or the transaction's signature.
    key        bytea       NOT NULL,
    reason     text        NOT NULL,
    -- The input as one line of `vitrine ingest`.
    input      text        NOT NULL,
    first_seen timestamptz NOT NULL,
    attempts   integer     NOT NULL CHECK (attempts >= 1)
);
-- Serves: trying again, the oldest first.
CREATE INDEX IF NOT EXISTS dead_letter_first_seen ON dead_letter (first_seen, digest);
