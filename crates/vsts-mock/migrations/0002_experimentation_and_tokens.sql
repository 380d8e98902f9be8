-- Tokens may share a name, be good for some accounts alone, and be a login session's; keys may expire.
CREATE TABLE tokens_2 (
    id          TEXT PRIMARY KEY,
    user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    hash        TEXT NOT NULL UNIQUE,
    scopes      TEXT NOT NULL,
    accounts    TEXT NOT NULL,
    is_session  BIGINT NOT NULL,
    created_ms  BIGINT NOT NULL,
    expires_ms  BIGINT
);
INSERT INTO tokens_2 (id, user_id, name, hash, scopes, accounts, is_session, created_ms, expires_ms)
    SELECT id, user_id, name, hash, scopes, '', 0, created_ms, expires_ms FROM tokens;
DROP TABLE tokens;
ALTER TABLE tokens_2 RENAME TO tokens;
ALTER TABLE ssh_keys ADD COLUMN expires_ms BIGINT;

-- The Experimentation service: accounts, workspaces and projects are one kind of row, each below its parent.
-- What 0001 had of it came from the seed, which makes it again.
DROP TABLE workspace_members;
DROP TABLE workspaces;
CREATE TABLE resources (
    id             TEXT PRIMARY KEY,
    parent_id      TEXT NOT NULL,
    level          TEXT NOT NULL,
    name           TEXT NOT NULL,
    name_key       TEXT NOT NULL,
    friendly_name  TEXT NOT NULL,
    description    TEXT NOT NULL,
    resource_group TEXT NOT NULL,
    location       TEXT NOT NULL,
    git_repo       TEXT,
    created_ms     BIGINT NOT NULL,
    UNIQUE (parent_id, name_key)
);
CREATE TABLE role_assignments (
    id          TEXT PRIMARY KEY,
    resource_id TEXT NOT NULL REFERENCES resources (id) ON DELETE CASCADE,
    user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role        TEXT NOT NULL,
    UNIQUE (resource_id, user_id, role)
);
