//! Opening the user's browser.
//!
//! The key is not in the browser's command line, where every user of this computer could read it: the browser is given
//! a file that only its owner may read, which leads on to the address.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::env::{DISPLAY, Env, WAYLAND_DISPLAY};

/// Returns whether there is a screen to open a browser on.
pub fn has_display(env: &Env) -> bool {
    env.get(DISPLAY).is_some() || env.get(WAYLAND_DISPLAY).is_some()
}

/// Opens the address.
pub fn open(env: &Env, url: &str) -> std::io::Result<()> {
    let file = launcher(env, std::process::id());
    let folder = file.parent().unwrap_or(&file);
    std::fs::create_dir_all(folder)?;
    // Made by owner alone, 0600, whatever the mask.
    let mut fresh = tempfile::Builder::new().prefix(".workbench-").tempfile_in(folder)?;
    let page = maud::html! {
        (maud::DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="referrer" content="no-referrer";
                meta http-equiv="refresh" content={ "0;url=" (url) };
                title { "azml Workbench" }
            }
            body { p { a href=(url) { "Open the Workbench" } } }
        }
    };
    fresh.write_all(page.into_string().as_bytes())?;
    fresh.persist(&file).map_err(|error| error.error)?;
    let mut command = Command::new("xdg-open");
    command.arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // A Ctrl-C that ends azml is not meant for the browser.
    command.process_group(0);
    let mut child = command.spawn()?;
    std::thread::spawn(move || child.wait());
    Ok(())
}

/// Removes the file that has led the browser here.
pub fn forget_launcher(env: &Env, process: u32) {
    let file = launcher(env, process);
    if let Err(error) = std::fs::remove_file(&file)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::debug!(%error, file = %file.display(), "the launcher stays");
    }
}

fn launcher(env: &Env, process: u32) -> PathBuf {
    env.state_dir().join(format!("workbench-{process}.html"))
}
