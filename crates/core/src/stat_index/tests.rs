//! Tests of the stat index.
