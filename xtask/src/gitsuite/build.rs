//! Building git, and putting our server programs in the place of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::REV;
use crate::{Outcome, machine, process, workspace};

/// Parts of git that the scripts don't need.
const WITHOUT: [&str; 5] = ["NO_GETTEXT=1", "NO_TCLTK=1", "NO_PYTHON=1", "NO_RUST=1", "CFLAGS=-O1"];
/// The programs that serve.
const SERVERS: [&str; 3] = ["git-upload-pack", "git-receive-pack", "git-http-backend"];
/// The file that a finished build has and nothing else makes.
const LAST: &str = "t/helper/test-tool";

/// Git, built from `source`: a work tree as it is, or `rev` of a repository.
pub(super) fn git(source: &Path, rev: Option<&str>) -> Outcome<PathBuf> {
    let is_tree = rev.is_none() && source.join("t/test-lib.sh").exists();
    let rev = rev.unwrap_or(REV);
    let name = if is_tree { "work-tree" } else { rev };
    let folder = workspace::root().join("target/gitsuite").join(name.replace('/', "-"));
    if folder.join(LAST).exists() {
        return Ok(folder);
    }
    machine::require_git_build()?;
    fs::create_dir_all(&folder)?;
    if is_tree {
        process::run(Command::new("cp").arg("-a").arg(source.join(".")).arg(&folder))?;
    } else {
        extract(source, rev, &folder)?;
        // Else it would be taken for a part of the repository around it.
        fs::write(folder.join("version"), rev)?;
    }
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    process::run(
        Command::new("make").arg(format!("-j{jobs}")).args(WITHOUT).arg("all").current_dir(&folder),
    )?;
    Ok(folder)
}

fn extract(source: &Path, rev: &str, folder: &Path) -> Outcome {
    let mut archive = Command::new("git")
        .arg("-C")
        .arg(source)
        .args(["archive", "--format=tar", rev])
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = archive.stdout.take().ok_or("stdout was asked for as a pipe")?;
    process::run(Command::new("tar").arg("-x").arg("-C").arg(folder).stdin(stdout))?;
    if archive.wait()?.success() {
        return Ok(());
    }
    Err(format!("{} has no revision {rev} of git", source.display()).into())
}

/// Puts git-wire's example in the place of git's programs that serve.
pub(super) fn replace_servers(git: &Path) -> Outcome {
    process::run(workspace::cargo().args(["build", "--workspace", "--example", "git-server"]))?;
    let server = workspace::root().join("target/debug/examples/git-server");
    for name in SERVERS {
        let path = git.join(name);
        // They are hard links to one another.
        if path.exists() {
            fs::remove_file(&path)?;
        }
        fs::copy(&server, &path)?;
    }
    Ok(())
}
