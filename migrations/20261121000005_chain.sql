-- The chain as it was last seen: what assets are made of (docs/decisions/0015-assets-from-sources.md).
--
-- An asset that is indexed from the chain is a pure function of rows here. Each row is the newest of its kind, or one of
-- a set that only grows, so that any order of arrival and any repetition end in the same rows.

-- Accounts, each by the newest update seen of it: by slot, then by write version. A closed account keeps its row, so that
-- a late update does not bring it back.
CREATE TABLE IF NOT EXISTS account (
    address       bytea    NOT NULL PRIMARY KEY CHECK (octet_length(address) = 32),
    -- What it is (vitrine-store, chain.rs: AccountKind); 0 where that is not known, 1 for a token account.
    kind          smallint NOT NULL,
    -- The asset that it is a part of: the mint of a token account. Null where nothing told it yet.
    asset_id      bytea    CHECK (octet_length(asset_id) = 32),
    slot          bigint   NOT NULL CHECK (slot >= 0),
    -- u64 on Solana, checked where it is read.
    write_version bigint   NOT NULL CHECK (write_version >= 0),
    closed        boolean  NOT NULL,
    -- The program that owns it. Null for a closed account, and for one that others only told of.
    program       bytea    CHECK (octet_length(program) = 32),
    -- The bytes, of all kinds but token accounts. Null for a closed account, and for one that others only told of.
    data          bytea,
    -- The columns of a token account; null for all others, and for a closed one.
    token_owner            bytea CHECK (octet_length(token_owner) = 32),
    -- u64: numeric, since bigint ends at 2^63.
    token_amount           numeric(20, 0),
    token_delegate         bytea CHECK (octet_length(token_delegate) = 32),
    token_delegated_amount numeric(20, 0),
    token_frozen           boolean,
    -- JSON as it is answered; null where it has none.
    token_extensions       text,
    -- Of an edition: the account of its master edition, and its number.
    edition_parent         bytea CHECK (octet_length(edition_parent) = 32),
    edition_number         numeric(20, 0)
);

-- Serves: what an asset is made of, but for its token accounts.
CREATE INDEX IF NOT EXISTS account_asset ON account (asset_id) WHERE kind <> 1;

-- Serves: who holds an asset of which there is one (the newest update comes first).
CREATE INDEX IF NOT EXISTS account_holder ON account (asset_id, slot DESC, write_version DESC, address)
    WHERE kind = 1 AND token_amount > 0;

-- Serves: getTokenAccounts by owner, by mint, and by both; with and without those that are empty.
CREATE INDEX IF NOT EXISTS account_token_owner ON account (token_owner, address) INCLUDE (token_amount)
    WHERE kind = 1 AND NOT closed;
CREATE INDEX IF NOT EXISTS account_token_mint ON account (asset_id, address) INCLUDE (token_amount)
    WHERE kind = 1 AND NOT closed;
-- Serves: the tokens that an owner holds, by mint: getTokenAccounts of both, and fungible tokens in lists of owners.
CREATE INDEX IF NOT EXISTS account_token_holding ON account (token_owner, asset_id, address) INCLUDE (token_amount)
    WHERE kind = 1 AND NOT closed;

-- Serves: getNftEditions.
CREATE INDEX IF NOT EXISTS account_edition ON account (edition_parent, edition_number, address)
    WHERE edition_parent IS NOT NULL;

-- Assets that were seen on the chain: the row is locked while an asset is made anew.
CREATE TABLE IF NOT EXISTS chain_asset (
    asset_id     bytea   NOT NULL PRIMARY KEY CHECK (octet_length(asset_id) = 32),
    -- The lowest slot in which anything of it was seen; only ever lowered.
    slot_created bigint  NOT NULL CHECK (slot_created >= 0),
    -- Whether there is one of it at most, so that whoever holds it owns it. Where there are more, its token accounts
    -- change nothing of it.
    single       boolean NOT NULL,
    -- Where its off-chain document is; null where it names none.
    json_uri     text
);
-- Serves: the assets to be made anew when a document has arrived, page by page. By digest: an index entry has a size limit.
CREATE INDEX IF NOT EXISTS chain_asset_json_uri ON chain_asset (md5(json_uri), asset_id) WHERE json_uri IS NOT NULL;
