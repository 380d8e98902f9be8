//! SSH keys.

use std::path::Path;
use std::process::{Command, Stdio};

/// Makes a key pair with ssh-keygen in the files `name` and `name.pub` of a folder. `kind` is its arguments for the type.
/// Returns the public half, as one line.
///
/// # Panics
/// If ssh-keygen is missing or refuses.
pub fn make_key(dir: &Path, name: &str, kind: &[&str]) -> String {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-N", "", "-C", name, "-f", name]).args(kind).current_dir(dir).stdin(Stdio::null());
    let output = command.output().expect("ssh-keygen starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    public_key(dir, name)
}

/// Reads the public half of a key pair, as one line.
///
/// # Panics
/// If the file is not there.
pub fn public_key(dir: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(dir.join(name).with_extension("pub")).expect("a key was made");
    text.trim_end().to_owned()
}
