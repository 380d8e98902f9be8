//! Finds the built binaries and the machine's own programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, OnceLock};

/// See [`dir`].
static DIR: OnceLock<PathBuf> = OnceLock::new();

/// The folder that holds `azml` and `vsts-mock`: that of [`set_dir`], `AZML_TEST_BIN_DIR`, or what cargo builds now.
pub fn dir() -> &'static Path {
    DIR.get_or_init(|| match std::env::var_os("AZML_TEST_BIN_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => build(),
    })
}

/// Has the binaries of this folder be started, for whoever has built them; the first folder counts.
pub fn set_dir(dir: &Path) {
    DIR.get_or_init(|| dir.to_owned());
}

fn build() -> PathBuf {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "build",
            "-p",
            "azml",
            "-p",
            "vsts-mock",
            "--bins",
            "--message-format=json-render-diagnostics",
        ])
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "the binaries have to build");
    output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok())
        .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?).parent()?.to_path_buf()))
        .expect("cargo names the binaries that it built")
}

/// The real Python 3 interpreter, since a version manager's stand-in needs its user's home folder.
pub fn python() -> &'static Path {
    static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
        let output = Command::new("python3")
            .args(["-c", "import sys; print(sys.executable)"])
            .output()
            .expect("python3 is installed (`cargo xtask e2e` installs it)");
        PathBuf::from(String::from_utf8(output.stdout).expect("a path in UTF-8").trim())
    });
    &PYTHON
}

/// The workspace's root: the example project and the README are there.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is a folder of the workspace")
}
