-- Accounts that others are made of and that have changed: a collection of MPL Core, whose authority is its members'. The
-- row is written in the transaction of the change. Those who share the account are then made anew page by page, each page
-- with the row's new place in one transaction, so that nothing of it is lost or held in memory at once.
CREATE TABLE IF NOT EXISTS remake_due (
    -- The order in which they are worked off.
    remake_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The account.
    source    bytea NOT NULL CHECK (octet_length(source) = 32),
    -- The last asset of it that is made anew already, in the order of ids; empty before the first one.
    after     bytea NOT NULL DEFAULT ''
);
-- Serves: whether an asset is due, for `vitrine verify`; and whether a change of an account needs a row of its own.
CREATE INDEX IF NOT EXISTS remake_due_source ON remake_due (source);
