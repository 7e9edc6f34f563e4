-- The order of changes, in which getAssetChanges lists assets (docs/decisions/0016-the-order-of-changes.md).

-- What the database has been: it is another one after a restore into another cluster or under another name, and after a
-- recovery or a failover that began another timeline, for then the numbers of transactions may come again. A row is made by
-- the first write.
CREATE TABLE IF NOT EXISTS change_life (
    life   smallint NOT NULL PRIMARY KEY CHECK (life > 0),
    -- change_origin() at that time.
    origin bigint   NOT NULL UNIQUE
);

-- A number for the cluster, its timeline and the database in it. A primary knows the timeline that it writes; a standby the one that it
-- follows.
CREATE OR REPLACE FUNCTION change_origin() RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    timeline text;
BEGIN
    IF pg_is_in_recovery() THEN
        SELECT to_hex(timeline_id) INTO timeline FROM pg_control_checkpoint();
    ELSE
        timeline := ltrim(left(pg_walfile_name(pg_current_wal_lsn()), 8), '0');
    END IF;
    RETURN hashtextextended(concat_ws('/', (SELECT system_identifier FROM pg_control_system()), lower(timeline),
        (SELECT oid FROM pg_database WHERE datname = current_database())), 0);
END
$$;

SET LOCAL lock_timeout = '2s';

-- The place of an asset's last change among all changes: life * 2^48 + the number of the transaction that made it. 0 where
-- nobody counted yet.
ALTER TABLE asset ADD COLUMN IF NOT EXISTS change_order bigint NOT NULL DEFAULT 0;
