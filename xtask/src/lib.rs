//! What the tasks share with the package `benches`: programs of the machine, processes, the workspace, and a server.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tasks read the environment and talk to the terminal"
)]

pub mod machine;
pub mod process;
pub mod progress;
pub mod server;
pub mod workspace;

/// What every task returns: nothing, or the reason it failed, for people.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;
