-- Bodies are packed from here on (docs/decisions/0024-bodies-are-packed.md). Rows that are there stay as they are, and are read
-- as they are, until their assets change: a plain body begins with `{`, and a packed one never does.
--
-- How the column is stored stays right. EXTERNAL: what is packed does not become smaller once more, and what is left plain is
-- long and stays so for a reason: Postgres is not to try. toast_tuple_target: a usual row has 1.5 KB instead of 2.8, so that five fill
-- a page and not two; what is larger than a page goes to the TOAST table, and everything else is one fetch from the heap, as
-- before.
SET LOCAL lock_timeout = '2s';
COMMENT ON COLUMN asset.body IS
    'The default answer. It begins with {: it is plain. It begins with the byte 1: it is packed (vitrine-model, packed.rs).';
