-- The chain as it was last seen: what assets are made of (docs/decisions/0015-assets-from-sources.md).
--
-- An asset that is indexed from the chain is a pure function of rows here. Each row is the newest of its kind, or one of
-- a set that only grows, so that any order of arrival and any repetition end in the same rows.

-- Accounts, each by the newest update seen of it: by slot, then by write version. A closed account keeps its row, so that
-- a late update does not bring it back, and its last bytes, so that a burnt asset shows what it was.
CREATE TABLE IF NOT EXISTS account (
    address       bytea    NOT NULL PRIMARY KEY CHECK (octet_length(address) = 32),
    -- What it is (vitrine-store, chain.rs: AccountKind); 0 where that is not known, 1 for a token account.
    kind          smallint NOT NULL,
    -- The asset that it is a part of: the mint of a token account. Null where nothing told it yet.
    asset_id      bytea    CHECK (octet_length(asset_id) = 32),
    -- The newest update. 0 and 0, open and without content: none was seen, others told of it.
    slot          bigint   NOT NULL CHECK (slot >= 0),
    -- u64 on Solana, checked where it is read.
    write_version bigint   NOT NULL CHECK (write_version >= 0),
    closed        boolean  NOT NULL,
    -- The lowest slot in which it was seen with content.
    slot_first    bigint   CHECK (slot_first >= 0),
    -- The newest update that had content: what kind, asset and all that follows are of. Before (slot, write_version)
    -- where the account was closed since; null where no content was seen.
    content_slot          bigint CHECK (content_slot >= 0),
    content_write_version bigint CHECK (content_write_version >= 0),
    -- The program that owns it, or did. Null where no content was seen.
    program       bytea    CHECK (octet_length(program) = 32),
    -- The bytes, of all kinds but token accounts. Null where no content was seen.
    data          bytea,
    -- The columns of a token account; null for all others, and for a closed one.
    token_owner            bytea CHECK (octet_length(token_owner) = 32),
    -- u64: numeric, since bigint ends at 2^63.
    token_amount           numeric(20, 0),
    token_delegate         bytea CHECK (octet_length(token_delegate) = 32),
    token_delegated_amount numeric(20, 0),
    token_frozen           boolean,
    token_close_authority  bytea CHECK (octet_length(token_close_authority) = 32),
    -- JSON as it is answered; null where it has none.
    token_extensions       text,
    -- Of a print: the account of its master edition, and its number. Null for all others, and for a closed one.
    edition_parent         bytea CHECK (octet_length(edition_parent) = 32),
    edition_number         numeric(20, 0),
    -- Of a master edition: how many editions were printed (u64), and how many there may be: null where nothing bounds it.
    -- The first is null for all that is no master edition, and for one that is closed.
    edition_supply         numeric(20, 0),
    edition_max_supply     numeric(20, 0),
    -- Of an asset of MPL Core: the collection that it is in. Null for all others.
    core_collection        bytea CHECK (octet_length(core_collection) = 32),
    -- Of a collection of MPL Core: who may change it and its members. Null for all others.
    core_authority         bytea CHECK (octet_length(core_authority) = 32),
    -- Of a collection of MPL Core: the share of its royalties, in hundredths of a percent, for those who inherit it. Null for
    -- all others, and for one without.
    core_royalty           integer CHECK (core_royalty BETWEEN 0 AND 65535)
);

-- Serves: the members of a collection of MPL Core (each is an asset of its own address), which are made anew when its
-- authority changes.
CREATE INDEX IF NOT EXISTS account_core_collection ON account (core_collection, address)
    WHERE core_collection IS NOT NULL;

-- Serves: what an asset is made of, but for its token accounts; and the master edition of getNftEditions.
CREATE INDEX IF NOT EXISTS account_asset ON account (asset_id) WHERE kind <> 1;

-- Serves: who holds an asset of which there is one (the newest update comes first).
CREATE INDEX IF NOT EXISTS account_holder ON account (asset_id, slot DESC, write_version DESC, address)
    WHERE kind = 1 AND NOT closed AND token_amount > 0;

-- Serves: getTokenAccounts by owner and by mint. Those that hold something, and those that hold nothing (showZeroBalance
-- merges the two), each in one of two indexes: a page of either is one range, and a row costs one entry for each key.
CREATE INDEX IF NOT EXISTS account_token_owner ON account (token_owner, address) WHERE kind = 1 AND token_amount > 0;
CREATE INDEX IF NOT EXISTS account_token_owner_empty ON account (token_owner, address) WHERE kind = 1 AND token_amount = 0;
CREATE INDEX IF NOT EXISTS account_token_mint ON account (asset_id, address) WHERE kind = 1 AND token_amount > 0;
CREATE INDEX IF NOT EXISTS account_token_mint_empty ON account (asset_id, address) WHERE kind = 1 AND token_amount = 0;
-- Serves: the tokens that an owner holds, by mint: getTokenAccounts of both, and fungible tokens in lists of owners.
CREATE INDEX IF NOT EXISTS account_token_holding ON account (token_owner, asset_id, address) INCLUDE (token_amount)
    WHERE kind = 1 AND NOT closed;

-- Serves: getNftEditions. One whose mint nobody has told of yet is not listed.
CREATE INDEX IF NOT EXISTS account_edition ON account (edition_parent, edition_number, address)
    WHERE edition_parent IS NOT NULL AND asset_id IS NOT NULL AND NOT closed;

-- Assets that were seen on the chain: the row is locked while an asset is made anew.
CREATE TABLE IF NOT EXISTS chain_asset (
    asset_id bytea   NOT NULL PRIMARY KEY CHECK (octet_length(asset_id) = 32),
    -- Whether who holds some of it may be its owner: false once its mint is known to have decimals, which it never loses.
    -- Then its token accounts change nothing of it, and updates of them leave this row alone.
    single   boolean NOT NULL,
    -- Where its off-chain document is; null where it names none.
    json_uri text,
    -- asset.version as it was made from here; null where nothing is shown. Where the asset has another one, an import has
    -- written it since, and the newer of the two stays.
    version  bigint
);
-- Serves: the assets to be made anew when a document has arrived, page by page. By digest: an index entry has a size limit.
CREATE INDEX IF NOT EXISTS chain_asset_json_uri ON chain_asset (md5(json_uri), asset_id) WHERE json_uri IS NOT NULL;
