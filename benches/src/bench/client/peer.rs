//! Peers that the bench installs by itself, once, below `target/bench/peers`.

use std::path::{Path, PathBuf};

use crate::{Outcome, workspace};

/// The program at `place` among the peers, installed by `install` if it is not there.
pub(in crate::bench) fn peer(place: &str, install: impl FnOnce(&Path) -> Outcome) -> Outcome<PathBuf> {
    let peers = workspace::root().join("target/bench/peers");
    let program = peers.join(place);
    if !program.exists() {
        eprintln!("installing {place}, once");
        std::fs::create_dir_all(&peers)?;
        install(&peers)?;
    }
    if program.exists() { Ok(program) } else { Err(format!("{place} was not installed").into()) }
}
