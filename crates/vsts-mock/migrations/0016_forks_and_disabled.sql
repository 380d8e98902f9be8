-- Which repository one was forked from, and whether nobody may use it.
ALTER TABLE repos ADD COLUMN parent_id TEXT;
ALTER TABLE repos ADD COLUMN is_disabled BIGINT NOT NULL DEFAULT 0;
