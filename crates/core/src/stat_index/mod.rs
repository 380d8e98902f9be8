//! What the project folder looked like at the last snapshot.
