//! `azml project delete`.

use std::path::PathBuf;

use azml_core::project::Project;
use azml_core::quote::quoted_path;

use super::list::shown;
use crate::commands::args::RegistryArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::registry;
use crate::run::keeping;
use crate::service::{Found, Service};
use crate::ui::Output;

/// Take a project out of the Experimentation service's registry
///
/// Nothing else is deleted: the folder, its run history and the Git repository stay as they are, and azml names them.
///
/// Example: `azml project delete -n iris`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project's name; by default the project of the current folder
    #[arg(long, short, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    at: RegistryArgs,
    /// The project's folder, instead of the current one
    #[arg(long, value_name = "DIR", alias = "project", conflicts_with = "name")]
    path: Option<PathBuf>,
}

/// Removes it, and says what it leaves.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let here = match &args.path {
        Some(path) => Some(Project::open(&ctx.env.cwd.join(path))?),
        None => Project::find(&ctx.env.cwd).ok(),
    };
    let service = Service::signed_in(ctx)?;
    let found = match (&args.name, &here) {
        (Some(name), _) => registry::find(&service, name, &args.at.filter())?,
        (None, Some(project)) => of_folder(&service, project)?,
        (None, None) => {
            return Err(CommandError::usage("which project?").hint("{azml} project delete -n NAME"));
        }
    };
    if !service.unregister(found.scope.as_str())? {
        return Err(CommandError::not_found(format!("the project {} is gone already", found.name)));
    }
    ctx.notices.status(&format!("Took {} out of {}/{}", found.name, found.account, found.workspace));
    if let Some(repository) = &found.repository {
        ctx.notices.status(&format!(
            "Left as it is: the repository {repository} with the branch AzureMLHistory/{}",
            found.project
        ));
    }
    let here = here.filter(|project| *project.id() == found.project);
    let root = here.as_ref().map_or(ctx.env.cwd.as_path(), Project::root);
    let kept = keeping::totals(ctx, root, &found.project)?;
    if kept.runs > 0 {
        ctx.notices.status(&format!(
            "Left as it is: {} that its runs wrote, in {}",
            keeping::counted(kept.files, kept.bytes),
            quoted_path(&kept.folder)
        ));
    }
    if let Some(project) = here {
        ctx.notices.status(&format!(
            "Left as it is: the folder {} with its run history",
            quoted_path(project.root())
        ));
    }
    Ok(Output::Value(shown(&found)))
}

fn of_folder(service: &Service, project: &Project) -> Result<Found, CommandError> {
    let scope = project.scope();
    let unknown = || {
        CommandError::not_found(format!(
            "the project in {} is not in the registry of {}",
            quoted_path(project.root()),
            service.origin().host()
        ))
        .hint("{azml} project list")
    };
    if scope.is_local() || scope.project().is_none() {
        return Err(unknown());
    }
    // Another project may have the name by now.
    service.project(scope.as_str())?.filter(|found| found.project == *project.id()).ok_or_else(unknown)
}
