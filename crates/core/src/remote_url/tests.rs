//! Tests: forms that Git takes, secrets, attacks.
