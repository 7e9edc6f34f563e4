-- API keys. The key itself is nowhere: its SHA-256 finds it, its prefix names it to a person.
CREATE TABLE IF NOT EXISTS api_key (
    key_id     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest     bytea       NOT NULL UNIQUE CHECK (octet_length(digest) = 32),
    prefix     text        NOT NULL,
    tier       text        NOT NULL,
    name       text        NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz
);

-- Every server polls this one row (a few times a second) and reads its known keys again when it moved.
-- A row and not a sequence: it must become visible together with the change that it tells of.
CREATE TABLE IF NOT EXISTS api_key_epoch (
    one   boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (one),
    epoch bigint  NOT NULL
);
INSERT INTO api_key_epoch (epoch) VALUES (1) ON CONFLICT DO NOTHING;

CREATE OR REPLACE FUNCTION api_key_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE api_key_epoch SET epoch = epoch + 1;
    RETURN NULL;
END
$$;

-- A trigger, so that a change made by hand in psql is seen like one made by a command.
CREATE OR REPLACE TRIGGER api_key_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON api_key
    FOR EACH STATEMENT EXECUTE FUNCTION api_key_changed();
