//! `azml ui` as a process.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use crate::Actor;
use crate::usage::Usage;

/// The Workbench of one project; it ends with this.
#[derive(Debug)]
pub struct Ui {
    child: Child,
    /// The address that lets a browser in, with the key of this start.
    pub url: String,
    /// The address of the server alone: `http://127.0.0.1:41234`.
    pub base: String,
}

impl Ui {
    /// Starts it and waits until it says its address.
    #[must_use]
    pub fn start(actor: &Actor<'_>, project: &Path) -> Self {
        Self::start_with(actor, project, &[])
    }

    /// The same for `azml ui --mlflow`, whose address is [`Self::url`].
    #[must_use]
    pub fn start_mlflow(actor: &Actor<'_>, project: &Path) -> Self {
        Self::start_with(actor, project, &["--mlflow"])
    }

    fn start_with(actor: &Actor<'_>, project: &Path, more: &[&str]) -> Self {
        let mut child = actor
            .command(&actor.azml_path(), project)
            .args(["ui", "--no-open", "-o", "json"])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("azml starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut text = String::new();
        let output: serde_json::Value = loop {
            assert_ne!(stdout.read_line(&mut text).expect("azml prints text"), 0, "azml ended: {text}");
            if let Ok(output) = serde_json::from_str(&text) {
                break output;
            }
        };
        let url = output["url"].as_str().expect("an address").to_owned();
        let base = url.split("/?").next().expect("a server").to_owned();
        Self { child, url, base }
    }

    /// Returns the resources of the process at this moment.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage::of(self.child.id())
    }
}

impl Drop for Ui {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("a child process can be ended");
    }
}
