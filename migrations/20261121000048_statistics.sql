-- What ANALYZE looks at. Plans do not depend on it (docs/decisions/0009-pinned-plans.md), and each import ends with one: of
-- columns that no index leads nothing is counted, and of the others a sample of 3,000 rows is enough, where it would be
-- 30,000, each of them taken apart column by column.
SET LOCAL lock_timeout = '2s';
ALTER TABLE asset
    ALTER COLUMN asset_id             SET STATISTICS 10,
    ALTER COLUMN slot_created         SET STATISTICS 10,
    ALTER COLUMN slot_updated         SET STATISTICS 10,
    ALTER COLUMN change_order         SET STATISTICS 10,
    ALTER COLUMN json_uri_digest      SET STATISTICS 10,
    ALTER COLUMN asset_signer         SET STATISTICS 10,
    ALTER COLUMN slot_seen            SET STATISTICS 0,
    ALTER COLUMN interface            SET STATISTICS 0,
    ALTER COLUMN owner                SET STATISTICS 0,
    ALTER COLUMN delegate             SET STATISTICS 0,
    ALTER COLUMN compressed           SET STATISTICS 0,
    ALTER COLUMN burnt                SET STATISTICS 0,
    ALTER COLUMN frozen               SET STATISTICS 0,
    ALTER COLUMN version              SET STATISTICS 0,
    ALTER COLUMN facts_version        SET STATISTICS 0,
    ALTER COLUMN listed               SET STATISTICS 0,
    ALTER COLUMN token_class          SET STATISTICS 0,
    ALTER COLUMN compressible         SET STATISTICS 0,
    ALTER COLUMN supply               SET STATISTICS 0,
    ALTER COLUMN royalty_model        SET STATISTICS 0,
    ALTER COLUMN royalty_basis_points SET STATISTICS 0,
    ALTER COLUMN name                 SET STATISTICS 0,
    ALTER COLUMN creators_signed      SET STATISTICS 0,
    ALTER COLUMN is_agent             SET STATISTICS 0;
ALTER TABLE list_member ALTER COLUMN version SET STATISTICS 0;
