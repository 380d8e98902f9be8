//! MLflow's own pages: the files that come with the package `mlflow`, which the project's Python is asked for.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use azml_core::dir::Dir;
use maud::{Markup, html};

use super::artifacts::checked;
use crate::context::Context;
use crate::env::PATH;
use crate::run::config::RunConfig;
use crate::run::program::interpreter;

/// Prints the folder of the package's pages. Modules of the current folder are none of the environment's.
const ASK: &str = "import importlib.util, os, sys\n\
                   sys.path[:] = [p for p in sys.path if p]\n\
                   found = importlib.util.find_spec('mlflow')\n\
                   print(os.path.join(os.path.dirname(found.origin), 'server', 'js', 'build') if found and found.origin else '')";

/// The pages' files, or the interpreter that does not have them.
#[derive(Debug)]
pub struct Pages {
    folder: Option<PathBuf>,
    python: Option<PathBuf>,
}

impl Pages {
    /// Asks the Python of the project in `root`.
    pub fn find(ctx: &Context, root: &Path) -> Self {
        let named = RunConfig::load(root, "local").ok().and_then(|config| config.python);
        let python = interpreter(root, named.as_deref(), ctx.env.get(PATH));
        let asked = python.as_ref().and_then(|python| {
            let mut command = Command::new(python);
            command.args(["-c", ASK]).current_dir("/").stdin(Stdio::null()).stderr(Stdio::null());
            command.output().ok()
        });
        let folder = asked.and_then(|output| {
            let text = String::from_utf8(output.stdout).ok()?;
            let folder = PathBuf::from(text.lines().next_back()?);
            (folder.is_absolute() && folder.join("index.html").is_file()).then_some(folder)
        });
        Self { folder, python }
    }

    /// Returns whether there are any.
    pub fn are_there(&self) -> bool {
        self.folder.is_some()
    }

    /// One of their files, open, with its length.
    pub fn open(&self, path: &str) -> Option<(File, u64)> {
        let path = checked(path).ok()?;
        let file = Dir::open(self.folder.as_ref()?).ok()?.open_file_below(&path).ok()?;
        let length = file.metadata().ok()?.len();
        Some((file, length))
    }

    /// The page that stands for them: how to get them, and how to use the API without.
    pub fn instead(&self, url: &str, project: &str) -> Markup {
        let python = self.python.as_ref().map_or_else(|| "python3".into(), |python| python.to_string_lossy());
        html! {
            (maud::DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { "MLflow: " (project) }
                }
                body {
                    main {
                        h1 { "The history of " (project) ", by MLflow’s tracking API" }
                        p { "MLflow’s own pages are part of its package, which this Python does not have. Install it, and start "
                            code { "azml ui --mlflow" } " again:" }
                        pre { code { (python) " -m pip install mlflow" } }
                        p { "Clients work without the pages:" }
                        pre { code { "export MLFLOW_TRACKING_URI=" (url) } }
                        p { "The Workbench, azml’s own pages, needs nothing else: " code { "azml ui" } "." }
                    }
                }
            }
        }
    }
}
