-- Work items with their earlier revisions and their comments: JSON beside the keys.
CREATE TABLE work_items (
    account_id TEXT NOT NULL,
    id         BIGINT NOT NULL,
    fields     TEXT NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE TABLE work_item_revisions (
    account_id   TEXT NOT NULL,
    work_item_id BIGINT NOT NULL,
    rev          BIGINT NOT NULL,
    fields       TEXT NOT NULL,
    PRIMARY KEY (account_id, work_item_id, rev)
);
CREATE TABLE work_item_comments (
    account_id   TEXT NOT NULL,
    work_item_id BIGINT NOT NULL,
    id           BIGINT NOT NULL,
    fields       TEXT NOT NULL,
    PRIMARY KEY (account_id, work_item_id, id)
);
