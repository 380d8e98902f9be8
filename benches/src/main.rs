//! `cargo xtask bench` and `cargo xtask soak`: what loads and measures the built binaries. A package of its own, so that the
//! other tasks compile without it.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tasks read the environment and talk to the terminal"
)]

mod bench;
mod soak;
mod usage;

use std::process::ExitCode;

use xtask::{Outcome, machine, process, server, workspace};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.split_first() {
        Some((task, rest)) if task == "bench" => bench::run(rest),
        Some((task, rest)) if task == "soak" => soak::run(rest),
        _ => Err("the tasks here are bench and soak".into()),
    };
    if let Err(error) = outcome {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
