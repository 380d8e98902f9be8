//! Hosts that did not answer, and are not asked again for a while by commands that ask about all runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use azml_core::small_file;
use jiff::Timestamp;

use crate::context::{Context, Opened};
use crate::engine::Handle;
use crate::limits::UNREACHABLE_REST;
use crate::run::live;

/// The hosts, and when each was asked; kept in a file of the project's state.
pub(super) struct Silent {
    file: PathBuf,
    asked: BTreeMap<String, Timestamp>,
    now: Timestamp,
}

impl Silent {
    /// Reads them. A file that can't be read names none.
    pub(super) fn read(ctx: &Context, opened: &Opened) -> Self {
        let state = ctx.env.state_dir_for(opened.project.root());
        let file = live::project_dir(&state, opened.project.id()).join("unreachable.json");
        let known = small_file::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let (now, mut asked): (_, BTreeMap<String, Timestamp>) = (ctx.env.now(), known.unwrap_or_default());
        // A clock that was set back keeps nobody waiting.
        asked.retain(|_, time| *time <= now && now.duration_since(*time) < UNREACHABLE_REST);
        Self { file, asked, now }
    }

    /// Returns when a host did not answer, if that is not long ago.
    pub(super) fn since(&self, handle: &Handle) -> Option<Timestamp> {
        self.asked.get(handle.place()).copied()
    }

    /// Notes that a host did not answer.
    pub(super) fn misses(&mut self, handle: &Handle) {
        self.asked.insert(handle.place().to_owned(), self.now);
        self.keep();
    }

    /// Notes that a host has answered.
    pub(super) fn hears(mut self, handle: &Handle) {
        if self.asked.remove(handle.place()).is_some() {
            self.keep();
        }
    }

    fn keep(&self) {
        let kept = serde_json::to_vec(&self.asked)
            .map_err(std::io::Error::from)
            .and_then(|bytes| small_file::replace(&self.file, &bytes, false));
        if let Err(error) = kept {
            tracing::debug!(%error, "the hosts that do not answer are not kept");
        }
    }
}
