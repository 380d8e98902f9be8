//! `azml logout`.

use crate::context::Context;
use crate::error::CommandError;
use crate::service::{Service, ServiceError};
use crate::ui::Output;

/// Sign out of an Experimentation service
///
/// The login is forgotten on this computer, and ended at the service if it was made by signing in there; a personal
/// access token stays valid until you revoke it.
///
/// Example: `azml logout`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The service; by default the one that you signed in to last
    #[arg(long, value_name = "URL")]
    service: Option<String>,
}

/// Forgets the login first: whatever the service says, it is gone here.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let logins = ctx.logins();
    let url = match &args.service {
        Some(url) => Some(url.clone()),
        None => logins.current().map_err(ServiceError::from)?,
    };
    let Some(url) = url else {
        ctx.notices.status("You are not signed in");
        return Ok(Output::Nothing);
    };
    let service = Service::at(ctx, &url)?;
    let login = logins.login(service.origin()).ok().flatten();
    if !logins.remove(service.origin()).map_err(ServiceError::from)? {
        ctx.notices.status(&format!("You are not signed in to {url}"));
        return Ok(Output::Nothing);
    }
    if let Some(login) = login.filter(|login| login.is_session)
        && let Err(error) = service.end_session(&login.token)
    {
        ctx.notices.warning(&format!("the session could not be ended at the service: {error}"));
    }
    ctx.notices.status(&format!("Signed out of {}", service.url()));
    Ok(Output::Nothing)
}
