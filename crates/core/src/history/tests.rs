//! Tests of the history repository against stock Git.
