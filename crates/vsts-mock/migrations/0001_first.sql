-- Everything but the Git data. Types and statements are such that SQLite and PostgreSQL both take them:
-- ids are text, times are milliseconds since 1970, truth is 0 or 1.
CREATE TABLE users (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    name_key      TEXT NOT NULL UNIQUE,
    email         TEXT,
    password_hash TEXT
);
CREATE TABLE tokens (
    id         TEXT PRIMARY KEY,
    user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    hash       TEXT NOT NULL UNIQUE,
    scopes     TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT,
    UNIQUE (user_id, name)
);
CREATE TABLE ssh_keys (
    id          TEXT PRIMARY KEY,
    user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    algorithm   TEXT NOT NULL,
    key_blob    TEXT NOT NULL UNIQUE,
    fingerprint TEXT NOT NULL,
    created_ms  BIGINT NOT NULL
);
CREATE TABLE accounts (
    id       TEXT PRIMARY KEY,
    name     TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,
    owner_id TEXT REFERENCES users (id) ON DELETE SET NULL
);
CREATE TABLE projects (
    id          TEXT PRIMARY KEY,
    account_id  TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    name_key    TEXT NOT NULL,
    description TEXT NOT NULL,
    created_ms  BIGINT NOT NULL,
    UNIQUE (account_id, name_key)
);
CREATE TABLE repos (
    id         TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL,
    is_public  BIGINT NOT NULL,
    UNIQUE (project_id, name_key)
);
CREATE TABLE member_groups (
    id         TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    project_id TEXT REFERENCES projects (id) ON DELETE CASCADE,
    kind       TEXT NOT NULL
);
CREATE TABLE memberships (
    member_id TEXT NOT NULL,
    group_id  TEXT NOT NULL REFERENCES member_groups (id) ON DELETE CASCADE,
    PRIMARY KEY (member_id, group_id)
);
CREATE TABLE access_entries (
    account_id   TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    token        TEXT NOT NULL,
    identity_id  TEXT NOT NULL,
    allow_bits   BIGINT NOT NULL,
    deny_bits    BIGINT NOT NULL,
    is_automatic BIGINT NOT NULL,
    PRIMARY KEY (account_id, token, identity_id)
);
CREATE TABLE workspaces (
    id      TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    name    TEXT NOT NULL
);
CREATE TABLE workspace_members (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    is_owner     BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, user_id, is_owner)
);
