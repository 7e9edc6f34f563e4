-- What searchAssets asks of an asset (docs/decisions/0017-searches.md): columns that are held against an asset once it was
-- found through a list, and the three orders in which assets are walked where nothing leads to them.
--
-- All columns are functions of the asset. A row from before has facts_version 0: `vitrine migrate` fills it in, and has it
-- enter the lists that came with searches: asset_list.kind 5 tree, 6 delegate, 7 royalty target, 8 agent token, 9 trait.
SET LOCAL lock_timeout = '2s';
ALTER TABLE asset
    -- Which of these facts are stored (vitrine-model, search.rs: FACTS_VERSION).
    ADD COLUMN IF NOT EXISTS facts_version        smallint NOT NULL DEFAULT 0,
    -- Whether lists show it at all.
    ADD COLUMN IF NOT EXISTS listed               boolean  NOT NULL DEFAULT false,
    -- 1 fungible, 2 regular NFT, 3 compressed NFT; 0 where it is not known yet.
    ADD COLUMN IF NOT EXISTS token_class          smallint NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS compressible         boolean  NOT NULL DEFAULT false,
    -- The 64 bits of a u64: compared for equality alone.
    ADD COLUMN IF NOT EXISTS supply               bigint,
    -- 1 creators, 2 fanout, 3 single.
    ADD COLUMN IF NOT EXISTS royalty_model        smallint,
    -- The 64 bits of a u64.
    ADD COLUMN IF NOT EXISTS royalty_basis_points bigint,
    -- The first 16 bytes of the SHA-256 of content.json_uri.
    ADD COLUMN IF NOT EXISTS json_uri_digest      bytea,
    -- UTF-8; bytes, since a name may hold a NUL.
    ADD COLUMN IF NOT EXISTS name                 bytea,
    -- Bit 0: a creator has signed; bit 1: one has not.
    ADD COLUMN IF NOT EXISTS creators_signed      smallint NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS is_agent             boolean  NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS asset_signer         bytea;
