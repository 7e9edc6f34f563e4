-- Changes of trees that nobody has seen, told where they are missed: at the change behind them. Numbers of changes have no
-- gaps on the chain, so that a change whose predecessor is not stored says how many are missing (vitrine-store, gaps.rs).
SET LOCAL lock_timeout = '2s';

-- How many changes in front of this one were not seen, up to the one in the order of slots before it; a tree's making, change
-- 0, is not missed. A number that does not grow is one of a tree that was made again: it counts from 0 anew.
ALTER TABLE tree_change ADD COLUMN IF NOT EXISTS missing bigint NOT NULL DEFAULT 0 CHECK (missing >= 0);

UPDATE tree_change AS change SET missing = counted.missing
FROM (SELECT tree, slot, seq,
             greatest(seq - 1 - CASE WHEN previous < seq THEN previous ELSE 0 END, 0) AS missing
      FROM (SELECT tree, slot, seq, lag(seq) OVER (PARTITION BY tree ORDER BY slot, seq) AS previous FROM tree_change) AS ordered)
     AS counted
WHERE change.tree = counted.tree AND change.slot = counted.slot AND change.seq = counted.seq AND change.missing <> counted.missing;
