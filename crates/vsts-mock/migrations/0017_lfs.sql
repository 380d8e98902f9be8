-- Git LFS: the bytes that an account may keep, the objects that each repository has, and the locks on its paths.
ALTER TABLE accounts ADD COLUMN lfs_quota BIGINT;
CREATE TABLE lfs_objects (
    repo_id    TEXT NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
    oid        TEXT NOT NULL,
    size       BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    used_ms    BIGINT NOT NULL,
    PRIMARY KEY (repo_id, oid)
);
CREATE INDEX lfs_objects_by_oid ON lfs_objects (oid);
CREATE TABLE lfs_locks (
    id        TEXT PRIMARY KEY,
    repo_id   TEXT NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
    path      TEXT NOT NULL,
    user_id   TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    locked_ms BIGINT NOT NULL,
    UNIQUE (repo_id, path)
);
