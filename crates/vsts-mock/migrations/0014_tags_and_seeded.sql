-- What the makers of resources have noted about them, as a JSON object.
ALTER TABLE resources ADD COLUMN tags TEXT NOT NULL DEFAULT '{}';
-- The tokens and keys that came from the seed once: what was revoked since does not come back with the next start.
CREATE TABLE seeded (
    id TEXT PRIMARY KEY
);
