//! Tests of the user repository.
