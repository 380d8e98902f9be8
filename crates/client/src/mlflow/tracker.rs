//! The journal, and what answers need beside it: ids, places of files, the time.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::journal::Journal;
use super::refusal::Refusal;
use super::state::{Run, State};
use crate::env::Env;

/// The characters that stay as they are in the path of a URL.
pub const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
/// The folder of nested runs' files, below the outputs.
const RUNS: &str = "runs";
/// The folder of logged models, below the outputs.
const MODELS: &str = "models";

/// The tracking server's knowledge of one azml run.
#[derive(Debug)]
pub struct Tracker {
    pub journal: Journal,
    /// The script's `outputs` folder.
    outputs: PathBuf,
    env: Env,
    /// The millisecond of the last id that was given.
    last: u64,
}

impl Tracker {
    pub fn new(journal: Journal, outputs: &Path, env: &Env) -> Self {
        let last = journal.state().main.rsplit('_').next().and_then(|ms| ms.parse().ok()).unwrap_or(0);
        Self { journal, outputs: outputs.to_owned(), env: env.clone(), last }
    }

    pub fn state(&self) -> &State {
        self.journal.state()
    }

    /// Milliseconds since 1970.
    pub fn now(&self) -> i64 {
        self.env.now().as_millisecond()
    }

    /// An id for a nested run, of the same form as the azml run's.
    pub fn fresh_id(&mut self) -> String {
        self.last = u64::try_from(self.now()).unwrap_or_default().max(self.last + 1);
        let main = &self.state().main;
        let project = main.rsplit_once('_').map_or(main.as_str(), |(project, _)| project);
        format!("{project}_{}", self.last)
    }

    /// The folder of a model's files below the outputs: its name, as far as it is fit for one, and free.
    pub fn model_folder(&self, name: &str, id: &str) -> String {
        let plain: String = name
            .chars()
            .take(64)
            .map(|c| if c.is_alphanumeric() || "-_".contains(c) { c } else { '_' })
            .collect();
        let folder = format!("{MODELS}/{plain}");
        let is_taken = self.state().models.values().any(|model| model.folder == folder);
        if is_taken { format!("{MODELS}/{id}") } else { folder }
    }

    pub fn outputs_uri(&self) -> String {
        format!("file://{}", percent_encode(self.outputs.as_os_str().as_bytes(), PLAIN))
    }

    /// The address of a folder below the outputs.
    pub fn uri_of(&self, folder: &str) -> String {
        format!("{}/{}", self.outputs_uri(), percent_encode(folder.as_bytes(), PLAIN))
    }

    /// The address of the folder for a run's files.
    pub fn artifact_uri(&self, run: &Run) -> String {
        match run.parent {
            None => self.outputs_uri(),
            Some(_) => self.uri_of(&folder_of(&run.id)),
        }
    }
}

/// The folder of a nested run's files below the outputs.
pub fn folder_of(run: &str) -> String {
    format!("{RUNS}/{run}")
}

/// An id for a logged model.
pub fn model_id() -> Result<String, Refusal> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Refusal::invalid(format!("no random id can be made: {error}")))?;
    Ok(format!("m-{}", hex(&bytes)))
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes all text");
        hex
    })
}
