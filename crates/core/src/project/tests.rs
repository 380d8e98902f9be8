//! Tests of project files, names, scopes and folders.
