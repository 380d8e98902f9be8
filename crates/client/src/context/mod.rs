//! The surroundings of an operation: the environment, the settings, and whoever receives its messages.

mod author;
mod remote;

use std::sync::Arc;

use azml_core::history::HistoryRepo;
use azml_core::project::Project;
use azml_core::revision::Clock;

pub use self::remote::NamedBy;
use crate::env::Env;
use crate::invoked::Invoked;
use crate::notices::Notices;
use crate::settings::Settings;

/// The arguments that every operation takes.
pub struct Context {
    /// The environment.
    pub env: Env,
    /// Receives messages and progress.
    pub notices: Arc<dyn Notices>,
    /// The name that azml was started under.
    pub invoked: Invoked,
    /// The user's settings for all commands.
    pub settings: Settings,
}

impl Context {
    /// The clock that names of snapshots are read by.
    pub fn clock(&self) -> Clock {
        Clock { now: self.env.now(), zone: self.env.zone() }
    }
}

/// An open project.
pub struct Opened {
    pub project: Project,
    pub history: HistoryRepo,
}
