//! `cargo xtask deps`: dependencies have licences that fit, come from crates.io, and are there once each, as `deny.toml`
//! says (cargo-deny), and each one that a manifest names is used (cargo-machete). Both read files alone and need no network.

use std::process::Command;

use crate::{Outcome, process, workspace};

/// The versions that are installed if there are none.
const CARGO_DENY: &str = "0.20.2";
const CARGO_MACHETE: &str = "0.9.2";

/// Runs both; the error names the one that complains.
pub(crate) fn run() -> Outcome {
    let deny = workspace::tool("cargo-deny", CARGO_DENY)?;
    let machete = workspace::tool("cargo-machete", CARGO_MACHETE)?;
    process::run(Command::new(deny).current_dir(workspace::root()).args([
        "--offline",
        "--locked",
        "check",
        "bans",
        "licenses",
        "sources",
    ]))?;
    process::run(Command::new(machete).current_dir(workspace::root()))
}
