-- The asset: what filters and guards need, and the answer's bytes, rendered when the asset changed.
--
-- Read by: every page of a list, by primary key, for `body` (and `splices` where a display option is on).
-- Partitioning: by hash of asset_id; nothing here refers to another asset.
CREATE TABLE IF NOT EXISTS asset (
    asset_id     bytea   NOT NULL CHECK (octet_length(asset_id) = 32),
    -- Slots are u64 on Solana and stay below 2^63 here.
    slot_created bigint  NOT NULL CHECK (slot_created >= 0),
    slot_updated bigint  NOT NULL CHECK (slot_updated >= 0),
    -- The highest slot as of which it was seen just so: an older change comes too late. Not below slot_updated,
    -- and above it where a later look at the asset found nothing changed.
    slot_seen    bigint  NOT NULL CHECK (slot_seen >= slot_updated),
    interface    text    NOT NULL,
    owner        bytea   CHECK (octet_length(owner) = 32),
    delegate     bytea   CHECK (octet_length(delegate) = 32),
    compressed   boolean NOT NULL,
    burnt        boolean NOT NULL,
    frozen       boolean NOT NULL,
    -- The lists this asset stands in, ascending: what a change of it has to leave or enter.
    list_ids     bigint[] NOT NULL,
    -- Digest of all that is rendered but the slots: equal digests mean an unchanged asset.
    digest       bytea   NOT NULL CHECK (octet_length(digest) = 16),
    -- Names `body` and `splices` among all that the asset ever had (vitrine-model, render.rs): a server that has
    -- kept the bytes of an id and a version need not read them again.
    version      bigint  NOT NULL,
    -- Where the display options put their parts into `body` (layout: vitrine-model, splice.rs).
    splices      bytea   NOT NULL,
    body         bytea   NOT NULL,
    -- Serves: bodies by id; with the version, so that a server that has kept the bytes reads no row at all.
    PRIMARY KEY (asset_id) INCLUDE (version)
);

-- Bodies are read far more often than written: never compressed, and kept in the row up to a page's
-- size, so that reading one is one heap fetch and not a walk through the TOAST table.
ALTER TABLE asset ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE asset ALTER COLUMN splices SET STORAGE EXTERNAL;
ALTER TABLE asset SET (toast_tuple_target = 8160);

-- No plan asks how these are distributed, and to find it out takes longer than all the rest of an ANALYZE.
ALTER TABLE asset ALTER COLUMN body SET STATISTICS 0;
ALTER TABLE asset ALTER COLUMN splices SET STATISTICS 0;
ALTER TABLE asset ALTER COLUMN digest SET STATISTICS 0;
ALTER TABLE asset ALTER COLUMN list_ids SET STATISTICS 0;
