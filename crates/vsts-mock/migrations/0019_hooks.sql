-- Subscriptions of service hooks: JSON beside the key.
CREATE TABLE hook_subscriptions (
    id     TEXT NOT NULL PRIMARY KEY,
    fields TEXT NOT NULL
);
