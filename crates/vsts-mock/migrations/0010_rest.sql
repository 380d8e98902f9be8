-- What the REST API shows: when projects changed, repositories in the recycle bin, and every push.
ALTER TABLE projects ADD COLUMN process TEXT NOT NULL DEFAULT 'agile';
ALTER TABLE projects ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;
ALTER TABLE projects ADD COLUMN updated_ms BIGINT;
ALTER TABLE repos ADD COLUMN deleted_ms BIGINT;
ALTER TABLE repos ADD COLUMN deleted_by TEXT;
CREATE TABLE pushes (
    repo_id    TEXT NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
    push_id    BIGINT NOT NULL,
    user_id    TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (repo_id, push_id)
);
CREATE TABLE push_refs (
    repo_id  TEXT NOT NULL,
    push_id  BIGINT NOT NULL,
    position BIGINT NOT NULL,
    name     TEXT NOT NULL,
    old_id   TEXT,
    new_id   TEXT,
    PRIMARY KEY (repo_id, push_id, position),
    FOREIGN KEY (repo_id, push_id) REFERENCES pushes (repo_id, push_id) ON DELETE CASCADE
);
CREATE INDEX push_refs_by_name ON push_refs (repo_id, name, push_id);
CREATE TABLE ref_locks (
    repo_id TEXT NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
    name    TEXT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (repo_id, name)
);
