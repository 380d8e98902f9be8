//! A Python virtual environment with some packages, set up by the first test that needs it and kept for later runs.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The environment's folder, below `cache`: one for each package, which may name its version by `==`.
pub fn with_package(cache: &Path, package: &str) -> PathBuf {
    // It takes any SQLAlchemy 2, but imports what 2.1 lacks.
    let older: &[&str] = if package.starts_with("mlflow==2.") { &["sqlalchemy==2.0.44"] } else { &[] };
    with_packages(cache, &[&[package], older].concat())
}

/// The folder of an environment with several packages.
pub fn with_packages(cache: &Path, packages: &[&str]) -> PathBuf {
    make(cache, Path::new("python3"), &[], packages)
}

/// The folder of an environment of the system's own Python with its packages, and these.
pub fn on_system(cache: &Path, packages: &[&str]) -> PathBuf {
    make(&cache.join("on-system"), Path::new("/usr/bin/python3"), &["--system-site-packages"], packages)
}

fn make(cache: &Path, python: &Path, options: &[&str], packages: &[&str]) -> PathBuf {
    let folder = cache.join(packages.join("+").replace("==", "-"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (made, ready) = (folder.join("bin/python"), folder.join("ready"));
    let lock = File::create(folder.join("lock")).expect("a lock's file");
    lock.lock().expect("one test at a time sets it up");
    if !ready.exists() {
        let run = |program: &Path, args: &[&str]| {
            let output = Command::new(program).args(args).output().expect("python starts");
            assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        run(python, &[&["-m", "venv"], options, &[folder.to_str().expect("UTF-8")]].concat());
        let mut install = vec!["-m", "pip", "install", "-q", "--disable-pip-version-check"];
        if packages.iter().any(|package| package.starts_with("pr-agent==")) {
            // It asks for Python 3.12; what the tests use of it runs with 3.11 too.
            install.push("--ignore-requires-python");
        }
        run(&made, &[&install, packages].concat());
        std::fs::write(ready, "").expect("a file");
    }
    folder
}
