-- Pull requests with what belongs to them, statuses of commits, and the policies of branches: JSON beside the keys.
CREATE TABLE pull_requests (
    account_id TEXT NOT NULL,
    id         BIGINT NOT NULL,
    fields     TEXT NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE TABLE pull_request_iterations (
    account_id      TEXT NOT NULL,
    pull_request_id BIGINT NOT NULL,
    id              BIGINT NOT NULL,
    fields          TEXT NOT NULL,
    PRIMARY KEY (account_id, pull_request_id, id)
);
CREATE TABLE pull_request_threads (
    account_id      TEXT NOT NULL,
    pull_request_id BIGINT NOT NULL,
    id              BIGINT NOT NULL,
    fields          TEXT NOT NULL,
    PRIMARY KEY (account_id, pull_request_id, id)
);
CREATE TABLE pull_request_comments (
    account_id      TEXT NOT NULL,
    pull_request_id BIGINT NOT NULL,
    thread_id       BIGINT NOT NULL,
    id              BIGINT NOT NULL,
    fields          TEXT NOT NULL,
    PRIMARY KEY (account_id, pull_request_id, thread_id, id)
);
CREATE TABLE git_statuses (
    repo_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    id      BIGINT NOT NULL,
    fields  TEXT NOT NULL,
    PRIMARY KEY (repo_id, subject, id)
);
CREATE TABLE policy_configurations (
    account_id TEXT NOT NULL,
    id         BIGINT NOT NULL,
    fields     TEXT NOT NULL,
    PRIMARY KEY (account_id, id)
);
