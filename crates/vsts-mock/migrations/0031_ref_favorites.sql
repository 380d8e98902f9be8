-- The branches that users have marked as favorites. Each row is one record, with its fields as JSON.
CREATE TABLE ref_favorites (
    account_id TEXT NOT NULL,
    id         BIGINT NOT NULL,
    fields     TEXT NOT NULL,
    PRIMARY KEY (account_id, id)
);
