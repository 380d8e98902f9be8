//! Projects in the registry of the Experimentation service.

use azml_core::project::ProjectName;

use crate::context::Context;
use crate::error::{CommandError, similar};
use crate::service::{Filter, Found, Named, Service, ServiceError};

/// A refusal of the registry, or about what it has.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service refuses.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The user sees no project of that name.
    #[error("{host} has no project `{name}` that you can see")]
    NoProject { host: String, name: String, similar: Option<String> },
    /// The name stands for projects in several workspaces, each named by flags.
    #[error("there are {} projects `{name}`", flags.len())]
    SeveralProjects { name: String, flags: Vec<String> },
    /// The user sees no such workspace.
    #[error("{host} has no workspace {name} that you can see")]
    NoWorkspace { host: String, name: String },
    /// The flags fit several workspaces.
    #[error("several workspaces are meant")]
    SeveralWorkspaces { flags: Vec<String> },
    /// The workspace has a project of that name.
    #[error("the workspace {}/{} has a project `{name}` already", workspace.account, workspace.name)]
    Registered { name: String, workspace: Named },
    /// Nobody is signed in.
    #[error("you are not signed in")]
    SignedOut,
}

/// The one project of that name that the user can see and the flags let through.
pub fn find(service: &Service, name: &str, at: &Filter) -> Result<Found, Error> {
    let all = service.projects(at)?;
    let mut named: Vec<&Found> = all.iter().filter(|found| found.name.eq_ignore_ascii_case(name)).collect();
    match named.as_slice() {
        [] => Err(Error::NoProject {
            host: service.origin().host(),
            name: name.to_owned(),
            similar: similar(name, all.iter().map(|found| found.name.as_str()))
                .first()
                .map(|best| (*best).to_owned()),
        }),
        [_] => Ok(named.remove(0).clone()),
        several => Err(Error::SeveralProjects {
            name: name.to_owned(),
            flags: several.iter().map(|found| flags(&found.account, &found.workspace)).collect(),
        }),
    }
}

/// The one workspace that the flags name.
pub fn workspace(service: &Service, at: &Filter) -> Result<Named, Error> {
    let mut all = Vec::new();
    for account in service.accounts(at)? {
        all.extend(service.workspaces(&account, at)?);
    }
    match all.len() {
        1 => Ok(all.remove(0)),
        0 => {
            let wanted: Vec<&str> =
                [&at.account, &at.workspace].into_iter().flatten().map(String::as_str).collect();
            Err(Error::NoWorkspace { host: service.origin().host(), name: wanted.join("/") })
        }
        _ => Err(Error::SeveralWorkspaces {
            flags: all.iter().map(|found| flags(&found.account, &found.name)).collect(),
        }),
    }
}

/// The flags that name a workspace.
fn flags(account: &str, workspace: &str) -> String {
    format!("-a {account} -w {workspace}")
}

/// Registers a new project, and gives what it is known as.
pub fn register(
    service: &Service,
    at: &Filter,
    name: &ProjectName,
    repository: Option<&str>,
) -> Result<Found, Error> {
    let workspace = workspace(service, at)?;
    let made = service.register(&workspace, name.as_str(), repository)?;
    made.ok_or_else(|| Error::Registered { name: name.to_string(), workspace })
}

/// Tells the service which repository a registered project has now. The project is linked whether that works or not.
pub fn set_repository(ctx: &Context, scope: &str, repository: &str) {
    let changed = Service::if_signed_in(ctx).and_then(|service| match service {
        Some(service) => Ok(service.set_repository(scope, repository)?),
        None => Err(CommandError::from(Error::SignedOut)),
    });
    if let Err(error) = changed {
        let why = error.chain().join(": ");
        ctx.notices.warning(&format!("the Experimentation service was not told of the repository: {why}"));
        ctx.notices
            .hint(&format!("tell it later with the same command: {{azml}} project update -r {repository}"));
    }
}
