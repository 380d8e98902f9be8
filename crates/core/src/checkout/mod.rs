//! Placeholder for checkout.
