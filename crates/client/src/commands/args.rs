//! The arguments that several commands share.

use std::path::{Path, PathBuf};

use azml_core::run::RunRecord;

use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::ops::open::open_and_recover;
use crate::ops::runs;
use crate::service::Filter;

/// The project that a command works in.
#[derive(Debug, clap::Args)]
pub struct ProjectArgs {
    /// The project's folder, instead of the current one
    #[arg(long, value_name = "DIR", alias = "project")]
    pub path: Option<PathBuf>,
}

impl ProjectArgs {
    /// Opens the project, and repairs what a killed azml left in it.
    pub fn open(&self, ctx: &Context) -> Result<Opened, CommandError> {
        open_and_recover(ctx, self.path.as_deref())
    }
}

/// The credentials for the project's remote.
#[derive(Debug, clap::Args)]
pub struct RemoteArgs {
    /// A personal access token for the remote
    #[arg(long, value_name = "TOKEN")]
    vststoken: Option<String>,
}

impl RemoteArgs {
    /// The token that was given.
    pub fn token(&self) -> Option<&str> {
        self.vststoken.as_deref()
    }
}

/// The project that a command works in, and the credentials for its remote.
#[derive(Debug, clap::Args)]
pub struct LinkedProjectArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    project: ProjectArgs,
}

impl LinkedProjectArgs {
    /// Opens the project, and repairs what a killed azml left in it.
    pub fn open(&self, ctx: &Context) -> Result<Opened, CommandError> {
        self.project.open(ctx)
    }

    /// The project's folder, if it is not the current one.
    pub fn path(&self) -> Option<&Path> {
        self.project.path.as_deref()
    }

    /// The token that was given.
    pub fn token(&self) -> Option<&str> {
        self.remote.token()
    }
}

/// The run that a command is about.
#[derive(Debug, clap::Args)]
pub struct RunArg {
    /// The run's id, or an unambiguous beginning of it or of its number; or a name of its snapshot, such as HEAD
    #[arg(long, short, value_name = "RUN_ID", alias = "run-id")]
    pub run: String,
}

impl RunArg {
    /// Finds the run's record.
    pub fn resolve(&self, ctx: &Context, opened: &Opened) -> Result<RunRecord, CommandError> {
        Ok(runs::resolve(ctx, opened, &self.run)?)
    }
}

/// The place of a project in the registry, by the flags that the Workbench's commands had.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct RegistryArgs {
    /// The Experimentation account
    #[arg(long, short, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// The account's workspace
    #[arg(long, short, value_name = "WORKSPACE")]
    pub workspace: Option<String>,
    /// The account's resource group
    #[arg(long, short = 'g', value_name = "GROUP")]
    pub resource_group: Option<String>,
    /// The account's subscription
    #[arg(long, value_name = "ID")]
    pub subscription: Option<String>,
}

impl RegistryArgs {
    /// The same for the service.
    pub fn filter(&self) -> Filter {
        Filter {
            account: self.account.clone(),
            workspace: self.workspace.clone(),
            group: self.resource_group.clone(),
            subscription: self.subscription.clone(),
        }
    }
}
