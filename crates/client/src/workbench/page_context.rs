//! The context of one page: the project, opened afresh, and the messages of the operations.

use std::sync::{Arc, Mutex, PoisonError};

use azml_core::run::RunRecord;
use git_wire::Interrupt;

use super::Workbench;
use super::flash::Flash;
use super::format;
use super::reply::Reply;
use super::request::Request;
use crate::context::{Context, Opened};
use crate::error::{CommandError, ErrorKind};
use crate::invoked::Invoked;
use crate::notices::{Level, Notices, Progress, Unwatched};
use crate::ops::listed::Listed;
use crate::ops::open::open_and_recover;
use crate::ops::runs;
use crate::text::guarded;
use crate::text::size;

/// The arguments that every page takes.
pub struct PageContext<'w> {
    /// The Workbench that it is a page of.
    pub workbench: &'w Workbench,
    /// The surroundings of operations.
    pub ctx: Context,
    /// The project.
    pub opened: Opened,
    /// Set when the browser has gone: long work ends then.
    pub interrupt: Interrupt,
    messages: Arc<Messages>,
}

/// The state of the remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncState {
    /// The remote, if there is one.
    pub remote: Option<String>,
    /// The runs, snapshots and large files that it lacks, in words.
    pub unpushed: Vec<String>,
    /// Why the last push failed.
    pub error: Option<String>,
}

impl<'w> PageContext<'w> {
    /// Opens the project, and ends what a killed command left unfinished in it.
    pub fn open(workbench: &'w Workbench, interrupt: &Interrupt) -> Result<Self, CommandError> {
        let messages = Arc::new(Messages { invoked: workbench.invoked, lines: Mutex::default() });
        let ctx = Context {
            env: workbench.env.clone(),
            notices: Arc::clone(&messages) as _,
            invoked: workbench.invoked,
            settings: workbench.settings.clone(),
        };
        let opened = open_and_recover(&ctx, Some(&workbench.root))?;
        Ok(Self { workbench, ctx, opened, interrupt: interrupt.clone(), messages })
    }

    /// The same project for a thread beside the pages.
    pub fn of_thread(&self) -> Result<(Context, Opened), CommandError> {
        let Self { workbench, ctx, .. } = self;
        let ctx = Context {
            env: ctx.env.clone(),
            notices: Arc::clone(&ctx.notices),
            invoked: ctx.invoked,
            settings: ctx.settings.clone(),
        };
        let opened = open_and_recover(&ctx, Some(&workbench.root))?;
        Ok((ctx, opened))
    }

    /// All runs.
    pub fn listed(&self) -> Result<Listed, CommandError> {
        self.workbench.lists.now(&self.ctx, &self.opened)
    }

    /// The record of the run that an address names in full.
    pub fn run(&self, id: &str) -> Result<RunRecord, CommandError> {
        Ok(runs::resolve_current(&self.ctx, &self.opened, id)?)
    }

    /// The messages of the operations so far.
    pub fn messages(&self) -> Vec<String> {
        self.messages.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Redirects to a page that begins with a flash message.
    pub fn see(&self, path: &str, mut flash: Flash) -> Reply {
        flash.lines.extend(self.messages());
        let number = self.workbench.flash.push(flash);
        let joint = if path.contains('?') { '&' } else { '?' };
        Reply::see(&format!("{path}{joint}note={number}"))
    }

    /// The flash message that a request's page begins with.
    pub fn flash(&self, request: &Request) -> Option<Flash> {
        self.workbench.flash.find(request.query.get("note")?.parse().ok()?)
    }

    /// The token for forms.
    pub fn form_token(&self) -> &str {
        self.workbench.guard.form_token()
    }

    /// The state of the remote as of the last sync.
    pub fn sync_state(&self) -> Result<SyncState, CommandError> {
        let history = &self.opened.history;
        let Some(remote) = history.remote_url()? else {
            return Ok(SyncState { remote: None, unpushed: Vec::new(), error: None });
        };
        let in_words = |name: &gix::refs::FullName| {
            if *name == history.history_ref() {
                "snapshots"
            } else if *name == history.runs_ref() {
                "run records"
            } else if *name == history.attachments_ref() {
                "outputs"
            } else {
                "tags"
            }
        };
        let mut unpushed: Vec<_> =
            history.unpushed()?.iter().map(|unpushed| in_words(&unpushed.name).to_owned()).collect();
        unpushed.dedup();
        let large = history.large_unpushed()?;
        if !large.is_empty() {
            let bytes = large.iter().map(|pointer| pointer.size).sum();
            unpushed.push(format!(
                "{} ({})",
                format::count(large.len(), "large file", "large files"),
                size(bytes)
            ));
        }
        let error = if unpushed.is_empty() { None } else { history.push_error().or(history.large_error()) };
        Ok(SyncState { remote: Some(remote.without_secret().to_string()), unpushed, error })
    }
}

/// A page that is not there.
pub fn not_found(what: impl Into<String>) -> CommandError {
    CommandError::new(ErrorKind::NotFound, what.into())
}

/// The messages of operations, as lines of a page.
struct Messages {
    invoked: Invoked,
    lines: Mutex<Vec<String>>,
}

impl Notices for Messages {
    fn message(&self, level: Level, text: &str) {
        let text = match level {
            Level::Status | Level::Prompt => text.to_owned(),
            Level::Warning => format!("warning: {}", guarded(text)),
            Level::Hint => format!("hint: {}", guarded(&text.replace("{azml}", self.invoked.prefix()))),
        };
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.extend(text.lines().map(str::to_owned));
    }

    fn progress(&self, _: &str) -> Box<dyn Progress> {
        Box::new(Unwatched)
    }
}
