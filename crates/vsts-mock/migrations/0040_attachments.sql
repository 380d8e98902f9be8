-- Files attached to pull requests: JSON beside the key. Their contents are in the store of large files.
CREATE TABLE pull_request_attachments (
    account_id      TEXT NOT NULL,
    pull_request_id BIGINT NOT NULL,
    id              BIGINT NOT NULL,
    fields          TEXT NOT NULL,
    PRIMARY KEY (account_id, pull_request_id, id)
);
