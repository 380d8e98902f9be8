//! The part of the tasks that the package `benches` uses too: programs of the machine, processes, the workspace, and a server.

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

/// The result of every task: nothing, or the reason of its failure, for people.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;
