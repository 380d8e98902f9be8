//! `azml credential …`: a Git credential helper.

use std::io::BufRead;

use crate::context::Context;
use crate::credentials::protocol::{self, Description, ProtocolError};
use crate::credentials::{Login, StoreError};
use crate::error::CommandError;
use crate::ui::Output;

/// Act as a Git credential helper
///
/// With this helper, plain git uses azml's logins. Git writes its question to standard input, as in gitcredentials(7).
/// azml gives a login only to the host that it was made for.
///
/// Example: `git config --global credential.helper '!azml credential'`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Git's operation: `get`, `store` or `erase`; azml ignores others
    #[arg(value_name = "OPERATION")]
    operation: String,
}

/// Hosts where the user name of a URL names an organisation, and any name goes with a token.
const NAMES_ARE_ACCOUNTS: [&str; 2] = ["dev.azure.com", ".visualstudio.com"];

/// Answers Git; to have nothing to say is no failure.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let mut input = std::io::stdin().lock();
    match args.operation.as_str() {
        "get" => get(ctx, &read(&mut input)?),
        "store" => store(ctx, &read(&mut input)?),
        "erase" => erase(ctx, &read(&mut input)?),
        // A newer Git may ask for more; helpers keep silent to that.
        _ => Ok(Output::Nothing),
    }
}

fn read(input: &mut dyn BufRead) -> Result<Description, CommandError> {
    Description::read(input).map_err(|error: ProtocolError| {
        CommandError::failed(error).hint("git config --global credential.helper '!{azml} credential'")
    })
}

fn get(ctx: &Context, asked: &Description) -> Result<Output, CommandError> {
    let Some(origin) = asked.origin() else { return Ok(Output::Nothing) };
    let Some(login) = ctx.logins().login(&origin).map_err(failed)? else { return Ok(Output::Nothing) };
    if login.expires.is_some_and(|end| end <= ctx.env.now()) {
        // Git goes on to its next helper; the user reads why.
        ctx.notices.warning(&format!("the login for {origin} has expired"));
        ctx.notices.hint("{azml} login");
        return Ok(Output::Nothing);
    }
    if !origin.is_protected() {
        ctx.notices.warning(&format!("the login for {origin} is not given out: that is not encrypted"));
        return Ok(Output::Nothing);
    }
    let any_name = NAMES_ARE_ACCOUNTS.iter().any(|host| origin.host().ends_with(host));
    let user = match &asked.username {
        Some(wanted) if any_name || wanted.eq_ignore_ascii_case(&login.user) => wanted.clone(),
        Some(_) => return Ok(Output::Nothing),
        None => login.user.clone(),
    };
    Ok(Output::Raw(protocol::answer(&user, &login.token, login.expires)))
}

/// Keeps what Git was given, unless there is a login of the user's own making.
fn store(ctx: &Context, given: &Description) -> Result<Output, CommandError> {
    let (Some(origin), Some(user), Some(password)) = (given.origin(), &given.username, &given.password)
    else {
        return Ok(Output::Nothing);
    };
    let logins = ctx.logins();
    let own = logins.login(&origin).map_err(failed)?.is_some_and(|login| login.service.is_some());
    if own || given.is_ephemeral || password.is_empty() {
        return Ok(Output::Nothing);
    }
    let login = Login {
        user: user.clone(),
        token: password.clone(),
        expires: given.expires,
        service: None,
        is_session: false,
    };
    logins.keep(&origin, &login).map_err(failed)?;
    Ok(Output::Nothing)
}

/// Forgets what the host refused: exactly that user's, exactly that password.
fn erase(ctx: &Context, given: &Description) -> Result<Output, CommandError> {
    let Some(origin) = given.origin() else { return Ok(Output::Nothing) };
    let logins = ctx.logins();
    let Some(login) = logins.login(&origin).map_err(failed)? else { return Ok(Output::Nothing) };
    let is_that = given.username.as_ref().is_none_or(|user| user.eq_ignore_ascii_case(&login.user))
        && given.password.as_ref().is_none_or(|password| *password == login.token);
    if is_that {
        logins.remove(&origin).map_err(failed)?;
        if login.service.is_some() {
            ctx.notices.warning(&format!("{origin} does not accept the login any more"));
            ctx.notices
                .hint(&format!("{{azml}} login --service {}", login.service.as_deref().unwrap_or_default()));
        }
    }
    Ok(Output::Nothing)
}

fn failed(error: StoreError) -> CommandError {
    crate::service::ServiceError::from(error).into()
}
