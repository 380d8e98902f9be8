//! A Python virtual environment with some packages, set up by the first test that needs it and kept for later runs.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The environment's folder, below `cache`: one for each package, which may name its version by `==`.
pub fn with_package(cache: &Path, package: &str) -> PathBuf {
    with_packages(cache, &[package])
}

/// The folder of an environment with several packages.
pub fn with_packages(cache: &Path, packages: &[&str]) -> PathBuf {
    let folder = cache.join(packages.join("+").replace("==", "-"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (python, ready) = (folder.join("bin/python"), folder.join("ready"));
    let lock = File::create(folder.join("lock")).expect("a lock's file");
    lock.lock().expect("one test at a time sets it up");
    if !ready.exists() {
        let run = |program: &Path, args: &[&str]| {
            let output = Command::new(program).args(args).output().expect("python starts");
            assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        run(Path::new("python3"), &["-m", "venv", folder.to_str().expect("UTF-8")]);
        run(&python, &[&["-m", "pip", "install", "-q", "--disable-pip-version-check"], packages].concat());
        std::fs::write(ready, "").expect("a file");
    }
    folder
}
