//! What a task needs of the machine and how it gets it: found if there, installed if not.

use std::path::PathBuf;
use std::process::Command;

use crate::{Outcome, process};

/// The real Python 3 interpreter (not a version manager's stand-in), installed by the system's package manager
/// if the machine has none.
pub(crate) fn python() -> Outcome<PathBuf> {
    if let Some(path) = find_python() {
        return Ok(path);
    }
    eprintln!("python3 is missing; trying the system's package manager");
    install("python3");
    find_python()
        .ok_or_else(|| "python3 is needed and could not be installed; install it and try again".into())
}

fn find_python() -> Option<PathBuf> {
    let output = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !path.trim().is_empty()).then(|| PathBuf::from(path.trim()))
}

/// Asks apt-get for a package; whether it worked is for the caller to see.
pub(crate) fn install(package: &str) {
    let apt = |args: &[&str]| {
        process::succeeds(Command::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    let args = ["install", "-y", "--no-install-recommends", package];
    if !apt(&args) && apt(&["update"]) && !apt(&args) {
        eprintln!("apt-get can't install {package}");
    }
}

/// strace, by which the tests kill azml at every step; installed if the machine has none.
pub(crate) fn require_strace() -> Outcome {
    let is_there = || process::succeeds(Command::new("strace").arg("-V"));
    if !is_there() {
        install("strace");
    }
    if is_there() { Ok(()) } else { Err("strace is needed and could not be installed".into()) }
}

/// A session bus and a keyring on it, in which the tests keep a login; installed if the machine has none.
pub(crate) fn require_keyring() -> Outcome {
    let is_there = || {
        process::succeeds(Command::new("dbus-run-session").arg("--version"))
            && process::succeeds(Command::new("gnome-keyring-daemon").arg("--version"))
    };
    if !is_there() {
        install("dbus");
        install("gnome-keyring");
    }
    if is_there() {
        Ok(())
    } else {
        Err("dbus and gnome-keyring are needed and could not be installed".into())
    }
}

/// Chromium and the program that drives it, for the tests of the pages; installed if the machine has none.
pub(crate) fn require_browser() -> Outcome {
    let is_there = || {
        process::succeeds(Command::new("chromium").arg("--version"))
            && process::succeeds(Command::new("chromedriver").arg("--version"))
    };
    if !is_there() {
        install("chromium");
        install("chromium-driver");
    }
    if !process::succeeds(Command::new("npm").arg("--version")) {
        install("npm");
    }
    if is_there() {
        Ok(())
    } else {
        Err("chromium and chromium-driver are needed and could not be installed".into())
    }
}

/// Fails early, and clearly, on a machine without git.
pub(crate) fn require_git() -> Outcome {
    if process::succeeds(Command::new("git").arg("--version")) {
        return Ok(());
    }
    install("git");
    if process::succeeds(Command::new("git").arg("--version")) { Ok(()) } else { Err("git is needed".into()) }
}
