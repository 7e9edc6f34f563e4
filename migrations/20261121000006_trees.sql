-- Trees of compressed assets: every change that was seen, and the newest hash of each node.

-- A tree, as its newest change has it: one that is made again at its address may be deeper, or another program's.
CREATE TABLE IF NOT EXISTS tree (
    tree    bytea    NOT NULL PRIMARY KEY CHECK (octet_length(tree) = 32),
    -- The compression program that keeps it.
    program bytea    NOT NULL CHECK (octet_length(program) = 32),
    -- Levels below the root: it has 2^depth leaves.
    depth   smallint NOT NULL CHECK (depth BETWEEN 1 AND 30),
    -- Its newest change.
    slot    bigint   NOT NULL CHECK (slot >= 0),
    seq     bigint   NOT NULL CHECK (seq >= 0)
);

-- The changes of a tree, each by its number (seq), which has no gaps on the chain. A tree that was closed can be made again
-- at its address, with numbers from 0 on: slots tell its lives apart. An asset of a tree is the fold of the events of its
-- leaf in the order of slot and seq. Rows are only added; an event that could not be decoded is filled in later.
CREATE TABLE IF NOT EXISTS tree_change (
    tree        bytea   NOT NULL,
    seq         bigint  NOT NULL CHECK (seq >= 0),
    leaf_index  bigint  NOT NULL CHECK (leaf_index >= 0),
    slot        bigint  NOT NULL CHECK (slot >= 0),
    -- 64 bytes; of the transaction.
    signature   bytea   NOT NULL CHECK (octet_length(signature) = 64),
    -- The asset of the leaf, where the change is one of an asset.
    asset_id    bytea   CHECK (octet_length(asset_id) = 32),
    -- The name of the instruction as getAssetSignatures shows it ("MintToCollectionV1").
    instruction text,
    -- What it did to the asset, as JSON (vitrine-ingest, normalise/leaf.rs).
    event       text,
    -- The collection whose royalties it says that the asset has; null where it has its own, or says nothing of it.
    inherits    bytea   CHECK (octet_length(inherits) = 32),
    PRIMARY KEY (tree, slot, seq)
);
-- Serves: an asset's events, and its leaf, for getAssetProof and getAssetSignatures by id.
CREATE INDEX IF NOT EXISTS tree_change_asset ON tree_change (asset_id, slot, seq) WHERE asset_id IS NOT NULL;
-- Serves: getAssetSignatures, the changes of a leaf.
CREATE INDEX IF NOT EXISTS tree_change_leaf ON tree_change (tree, leaf_index, seq);

-- Serves: the assets that are made anew when the royalties of their collection change.
CREATE INDEX IF NOT EXISTS tree_change_inherits ON tree_change (inherits, asset_id) WHERE inherits IS NOT NULL;

-- Events of compressed assets that change no tree, as decompressions. They are a set, too.
CREATE TABLE IF NOT EXISTS leaf_event (
    asset_id    bytea    NOT NULL CHECK (octet_length(asset_id) = 32),
    slot        bigint   NOT NULL CHECK (slot >= 0),
    signature   bytea    NOT NULL CHECK (octet_length(signature) = 64),
    -- The place of the instruction in its transaction, inner ones counted.
    position    integer  NOT NULL CHECK (position >= 0),
    instruction text     NOT NULL,
    event       text     NOT NULL,
    PRIMARY KEY (asset_id, slot, signature, position)
);

-- The newest hash of each node that a change has touched. Others are those of the empty tree.
CREATE TABLE IF NOT EXISTS tree_node (
    tree       bytea    NOT NULL,
    -- How deep the tree was: lives of another depth have nodes of their own. What is answered is of the tree's depth.
    depth      smallint NOT NULL,
    -- 1 is the root; those below n are 2n and 2n + 1.
    node_index bigint   NOT NULL CHECK (node_index >= 1),
    -- The change that it is of: the newest by slot, then by seq. A tree is closed only when it is empty, so that nodes that
    -- its next life has not touched yet have the hashes of an empty tree.
    slot       bigint   NOT NULL CHECK (slot >= 0),
    seq        bigint   NOT NULL CHECK (seq >= 0),
    hash       bytea    NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (tree, depth, node_index)
);
