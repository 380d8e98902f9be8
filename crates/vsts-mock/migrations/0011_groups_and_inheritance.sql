-- Groups have names of their own, so that people can make some; a list of entries may cut off what is above it.
ALTER TABLE member_groups ADD COLUMN name TEXT;
ALTER TABLE member_groups ADD COLUMN description TEXT NOT NULL DEFAULT '';
CREATE TABLE cut_off_lists (
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    token      TEXT NOT NULL,
    PRIMARY KEY (account_id, token)
);
