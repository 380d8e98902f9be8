//! The message of a snapshot's commit.

use crate::{id::RunId, large::TRAILER, user_repo::Base};

/// The message of a snapshot's commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The first line; made of the script and the run when empty.
    pub subject: String,
    /// The run that it was taken for.
    pub run_id: Option<RunId>,
    /// The script that is run.
    pub script: Option<String>,
    /// The compute target.
    pub target: Option<String>,
    /// The user's HEAD.
    pub base: Option<Base>,
    /// Pointers in the tree stand for large files.
    pub has_large: bool,
}

const BASE_FOLDER: &str = "Base-Folder";

/// The folder of a larger repository that a snapshot is of, as its commit's message says it.
pub fn base_folder(message: &str) -> Option<&str> {
    let trailers = message.trim_end().rsplit_once("\n\n")?.1;
    trailers.lines().find_map(|line| line.strip_prefix(BASE_FOLDER)?.strip_prefix(": "))
}

impl Message {
    /// The message as it is stored: subject, empty line, trailers `Run-Id`, `Script`, `Target`, `Base-Commit`, `Base-Branch`,
    /// of a project in a larger repository `Base-Folder`, and of one with large files `Large-Files`.
    pub fn to_text(&self) -> String {
        let line = |text: &str| -> String {
            text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
        };
        let mut subject = line(&self.subject);
        if subject.is_empty() {
            subject = match (&self.script, &self.run_id) {
                (Some(script), Some(run)) => format!("Run {} as {run}", line(script)),
                (None, Some(run)) => format!("Run {run}"),
                _ => "Snapshot".to_owned(),
            };
        }
        let mut text = format!("{subject}\n");
        let commit = self.base.as_ref().map(|base| base.commit.to_string());
        let trailers = [
            ("Run-Id", self.run_id.as_ref().map(RunId::as_str)),
            ("Script", self.script.as_deref()),
            ("Target", self.target.as_deref()),
            ("Base-Commit", commit.as_deref()),
            ("Base-Branch", self.base.as_ref().and_then(|base| base.branch.as_deref())),
            (BASE_FOLDER, self.base.as_ref().and_then(|base| base.folder.as_deref())),
        ];
        let mut first = true;
        for (key, value) in trailers {
            let Some(value) = value.map(line).filter(|value| !value.is_empty()) else { continue };
            if std::mem::take(&mut first) {
                text.push('\n');
            }
            text.extend([key, ": ", &value, "\n"]);
        }
        if self.has_large {
            text.extend([if first { "\n" } else { "" }, TRAILER, "\n"]);
        }
        text
    }
}
