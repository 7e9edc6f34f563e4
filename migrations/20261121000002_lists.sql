-- Lists: who is in "the collection X", "the authority Y", "the creator Z", "the owner W".
--
-- One row of asset_list per list, with its total. Verified and unverified members of a group or creator
-- are two lists, so that each page is one exact range of one index; a page with both merges two ranges.
-- A row is made by the first member and never deleted: it tells an emptied list from one that never was.
CREATE TABLE IF NOT EXISTS asset_list (
    list_id  bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- 1 group, 2 authority, 3 creator, 4 owner (vitrine-model, list.rs).
    kind     smallint NOT NULL,
    -- The group key; empty for the other kinds.
    key      text     NOT NULL CHECK (octet_length(key) <= 128),
    -- 32 bytes of a pubkey, or the text of a group value.
    value    bytea    NOT NULL CHECK (octet_length(value) <= 128),
    verified boolean  NOT NULL,
    -- The number of list_member rows of this list, changed in the transaction that changes them.
    total    bigint   NOT NULL DEFAULT 0 CHECK (total >= 0),
    -- Grows with every transaction in which a member enters, leaves, or has its slot_created changed: as long
    -- as it stands, the n-th member by id and by slot_created is the same one. It is the time, in microseconds, or
    -- further than before by chance where the clock is behind: no version comes again, even where a restored database or
    -- another replica has lost some.
    members_version bigint NOT NULL,
    -- Likewise for the order by slot_updated, which any change of a member changes.
    order_version   bigint NOT NULL,
    UNIQUE (kind, key, value, verified)
)
-- Totals change with every batch: with room on its page, a new total needs no new entry in an index.
WITH (fillfactor = 60);

-- The members: what pages are ordered by, and the version of the asset's bytes. Each sort has one index whose
-- columns are exactly (list, sort key, asset), so that a page of keys is one index-only range scan either way.
-- Partitioning: by hash of list_id.
CREATE TABLE IF NOT EXISTS list_member (
    list_id      bigint NOT NULL,
    asset_id     bytea  NOT NULL,
    slot_created bigint NOT NULL,
    slot_updated bigint NOT NULL,
    -- asset.version: in every index, so that a page of keys says which bytes belong to them.
    version      bigint NOT NULL,
    -- Serves: sort by id.
    PRIMARY KEY (list_id, asset_id) INCLUDE (version)
);

-- Serves: sort by created.
CREATE INDEX IF NOT EXISTS list_member_created ON list_member (list_id, slot_created, asset_id) INCLUDE (version);

-- Serves: sort by updated and recent_action.
CREATE INDEX IF NOT EXISTS list_member_updated ON list_member (list_id, slot_updated, asset_id) INCLUDE (version);

-- Index-only scans need the visibility map: have it kept up even where rows are only ever added.
ALTER TABLE list_member SET (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.02);
