//! The `azml` binary: hands the process's arguments and environment to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    azml::run(std::env::args_os().collect(), azml::env::Env::from_process())
}
