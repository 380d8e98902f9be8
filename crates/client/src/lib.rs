//! The azml command line as a library.

pub mod credentials;
pub mod sync;
pub mod transport;
