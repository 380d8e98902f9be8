//! The plan of a run: its configuration, its program, what its record says of it, and the remote to push to.

use std::collections::BTreeMap;

use azml_core::id::RunId;
use azml_core::run::RunRecord;

use super::program::{Wanted, program};
use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::run::config::RunConfig;
use crate::run::environment;
use crate::run::target::{Program, TargetError};
use crate::run::upload::Limits;
use crate::transport::Remote;

/// A run to submit.
#[derive(Clone)]
pub struct Plan {
    /// The configuration.
    pub config: RunConfig,
    /// The program to run.
    pub program: Program,
    /// Its name, tags and so on.
    pub label: Label,
    /// Run in the project folder itself.
    pub in_place: bool,
    /// Take large files into the snapshot.
    pub allow_large: bool,
    /// The most bytes of outputs and logs to push.
    pub attachments: Limits,
    /// The remote to push to.
    pub remote: Option<Remote>,
}

/// The words by which a user knows a run.
#[derive(Clone, Debug, Default)]
pub struct Label {
    /// Its name.
    pub name: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its parameters, beside those among the program's arguments.
    pub parameters: BTreeMap<String, String>,
    /// The run that it belongs to.
    pub parent: Option<RunId>,
    /// The member of a sweep that it is.
    pub member: Option<Member>,
}

/// The key of a record for its number among the members of a sweep.
const MEMBER: &str = "sweep_member";

/// A member of a sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The sweep.
    pub parent: RunId,
    /// Its number among the members, from 1.
    pub number: u64,
}

impl Member {
    /// Writes it into a run's record.
    pub(super) fn put(self, record: &mut RunRecord) {
        record.parent_run_id = Some(self.parent.to_string());
        record.extra.insert(MEMBER.to_owned(), self.number.into());
    }

    /// The number in a run's record.
    pub fn number_in(record: &RunRecord) -> Option<u64> {
        record.extra.get(MEMBER)?.as_u64()
    }
}

/// The user's request.
#[derive(Debug, Default)]
pub struct Options<'a> {
    /// The name of the run configuration.
    pub configuration: Option<&'a str>,
    /// The program; or a `.runconfig` file that names it, and further arguments.
    pub wanted: Wanted,
    /// Its name, tags and so on.
    pub label: Label,
    /// Variables on top of the configuration's.
    pub environment: BTreeMap<String, String>,
    /// Run in the project folder itself.
    pub in_place: bool,
    /// Take large files into the snapshot.
    pub allow_large: bool,
    /// The bytes of what the run leaves that are pushed, if not as the settings say.
    pub attachments_limit: Option<u64>,
    /// Push no output as a large file.
    pub no_large: bool,
    /// A token for the remote.
    pub token: Option<&'a str>,
}

/// Reads the run configuration, finds the program, and prepares the remote.
pub fn plan(ctx: &Context, opened: &Opened, options: Options<'_>) -> Result<Plan, CommandError> {
    let root = opened.project.root();
    let mut wanted = options.wanted;
    let mut named = options.configuration.unwrap_or("local").to_owned();
    if options.configuration.is_none()
        && let Wanted::Script(words) | Wanted::Command(words) = &mut wanted
        && words.first().is_some_and(|word| word.ends_with(".runconfig"))
    {
        named = words.remove(0);
    }
    let mut config = RunConfig::load(root, &named)?;
    config.environment.extend(options.environment);
    if let Some(wanted) = &config.managed {
        environment::check(root, wanted).map_err(TargetError::from)?;
    }
    let program = program(ctx, root, &config, wanted)?;
    let mut attachments = Limits::of(ctx);
    attachments.in_git = options.attachments_limit.unwrap_or(attachments.in_git);
    if options.no_large {
        attachments.large = 0;
    }
    Ok(Plan {
        program,
        config,
        label: options.label,
        in_place: options.in_place,
        allow_large: options.allow_large,
        attachments,
        remote: ctx.remote(opened, options.token)?,
    })
}
