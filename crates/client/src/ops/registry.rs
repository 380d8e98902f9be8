//! Projects in the registry of the Experimentation service.

use azml_core::project::ProjectName;

use crate::context::Context;
use crate::error::{CommandError, ErrorKind, similar};
use crate::service::{Filter, Found, Named, Service};

/// The one project of that name that the user can see and the flags let through.
pub fn find(service: &Service, name: &str, at: &Filter) -> Result<Found, CommandError> {
    let all = service.projects(at)?;
    let mut named: Vec<&Found> = all.iter().filter(|found| found.name.eq_ignore_ascii_case(name)).collect();
    match named.as_slice() {
        [] => {
            let error = CommandError::not_found(format!(
                "{} has no project `{name}` that you can see",
                service.origin().host()
            ));
            let best = similar(name, all.iter().map(|found| found.name.as_str()))
                .first()
                .map(|best| (*best).to_owned());
            Err(match best {
                Some(best) => error.hint(format!("did you mean {best}?")).hint("{azml} project list"),
                None => error.hint("{azml} project list"),
            })
        }
        [_] => Ok(named.remove(0).clone()),
        several => {
            let places: Vec<String> =
                several.iter().map(|found| format!("-a {} -w {}", found.account, found.workspace)).collect();
            Err(CommandError::usage(format!("there are {} projects `{name}`", places.len()))
                .hint(format!("say which one: {}", places.join(" or "))))
        }
    }
}

/// The one workspace that the flags name.
pub fn workspace(service: &Service, at: &Filter) -> Result<Named, CommandError> {
    let mut all = Vec::new();
    for account in service.accounts(at)? {
        all.extend(service.workspaces(&account, at)?);
    }
    match all.len() {
        1 => Ok(all.remove(0)),
        0 => {
            let wanted: Vec<&str> =
                [&at.account, &at.workspace].into_iter().flatten().map(String::as_str).collect();
            Err(CommandError::not_found(format!(
                "{} has no workspace {} that you can see",
                service.origin().host(),
                wanted.join("/")
            ))
            .hint("what you can see: {azml} account list"))
        }
        _ => {
            let places: Vec<String> =
                all.iter().map(|found| format!("-a {} -w {}", found.account, found.name)).collect();
            Err(CommandError::usage("several workspaces are meant")
                .hint(format!("say which one: {}", places.join(" or "))))
        }
    }
}

/// Registers a new project, and gives what it is known as.
pub fn register(
    service: &Service,
    at: &Filter,
    name: &ProjectName,
    repository: Option<&str>,
) -> Result<Found, CommandError> {
    let workspace = workspace(service, at)?;
    let made = service.register(&workspace, name.as_str(), repository)?;
    made.ok_or_else(|| {
        CommandError::failed(format!(
            "the workspace {}/{} has a project `{name}` already",
            workspace.account, workspace.name
        ))
        .hint(format!(
            "bring it here: {{azml}} project clone {name} -a {} -w {}",
            workspace.account, workspace.name
        ))
    })
}

/// Tells the service which repository a registered project has now. The project is linked whether that works or not.
pub fn set_repository(ctx: &Context, scope: &str, repository: &str) {
    let changed = Service::if_signed_in(ctx).and_then(|service| match service {
        Some(service) => Ok(service.set_repository(scope, repository)?),
        None => Err(CommandError::new(ErrorKind::NotAllowed, "you are not signed in")
            .hint("{azml} login --service URL")),
    });
    if let Err(error) = changed {
        let why = error.chain().join(": ");
        ctx.notices.warning(&format!("the Experimentation service was not told of the repository: {why}"));
        ctx.notices
            .hint(&format!("tell it later with the same command: {{azml}} project update -r {repository}"));
    }
}
