//! A folder with one package of npm's, set up by the first test that needs it and kept for later runs.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder with the package, below `cache`: one for each package, which names its version by `@`.
pub fn with_package(cache: &Path, package: &str) -> PathBuf {
    let folder = cache.join(package.replace('@', "-"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let lock = File::create(folder.join("lock")).expect("a lock's file");
    lock.lock().expect("one test at a time sets it up");
    let ready = folder.join("ready");
    if !ready.exists() {
        let install = ["install", "--silent", "--no-audit", "--no-fund", "--prefix"];
        let mut command = Command::new("npm");
        command.args(install).arg(&folder).arg(package);
        if Path::new("/usr/include/node/node_api.h").exists() {
            // Packages with parts in C++ are built with the headers of this machine's Node.js; npm would look for them at nodejs.org.
            command.env("npm_config_nodedir", "/usr");
        }
        let output = command.output().expect("npm starts");
        assert!(output.status.success(), "{package}: {}", String::from_utf8_lossy(&output.stderr));
        std::fs::write(ready, "").expect("a file");
    }
    folder
}
