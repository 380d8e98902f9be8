//! Helpers of the tests of several packages. The crate depends on nothing, so that every package and `xtask` can have it.

pub mod http;
pub mod npm;
pub mod seeds;
pub mod ssh;
pub mod steps;
pub mod usage;
pub mod venv;

pub use http::Answer;
pub use steps::Step;
pub use usage::Usage;
