//! The `vsts-mock` binary: hands the command line to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    vsts_mock::cli::run(std::env::args_os())
}
