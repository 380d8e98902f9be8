//! Which files are left out of a snapshot: `.gitignore` as Git reads it, then `.amlignore` on top.
