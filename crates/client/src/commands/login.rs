//! `azml login`.

use std::io::Read as _;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::context::Context;
use crate::credentials::{Login, Place, Secret, day};
use crate::env::AZML_KEYRING;
use crate::env::host_name;
use crate::error::{CommandError, ErrorKind};
use crate::service::device::Progress;
use crate::service::{Service, ServiceError};
use crate::ui::Output;

/// The longest token that is read from standard input.
const LONGEST_TOKEN: u64 = 64 * 1024;

/// Sign in to an Experimentation service
///
/// Without a token azml shows a code, which you type on the service's page to sign in there. The login is kept in the
/// system keyring where there is one, else in a file that only you can read. azml uses it for the registry of projects
/// and for Git over HTTP at the same host; for plain `git push`, set `credential.helper` to `!azml credential`.
///
/// Example: `azml login --service https://HOST`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The service, for example `https://HOST`; by default the one that you are signed in to
    #[arg(long, value_name = "URL")]
    service: Option<String>,
    /// A personal access token; other users of this computer may see it while the command runs, see --with-token
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["with_token", "device_code"])]
    token: Option<String>,
    /// Read the token from standard input
    #[arg(long, conflicts_with = "device_code")]
    with_token: bool,
    /// Show a code to type on the service's page; this is what happens without a token
    #[arg(long)]
    device_code: bool,
}

/// Signs in, and keeps the login once the service has said whose it is.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let logins = ctx.logins();
    let url = match &args.service {
        Some(url) => url.clone(),
        None => logins.current().map_err(ServiceError::from)?.ok_or_else(|| {
            CommandError::usage("which service? there is none that you are signed in to")
                .hint("{azml} login --service https://HOST")
        })?,
    };
    let service = Service::at(ctx, &url)?;
    let url = service.url().to_owned();
    let (token, life, is_session) = if let Some(token) = given(args)? {
        (token, None, false)
    } else {
        let (token, life) = by_code(ctx, &service)?;
        (token, life, true)
    };
    let expires =
        life.and_then(|seconds| ctx.env.now().saturating_add(SignedDuration::from_secs(seconds)).ok());
    let mut login = Login { user: "azml".to_owned(), token, expires, service: Some(url.clone()), is_session };
    let service = service.signed_in_with(&login);
    let identity = service.identity().map_err(|error| not_accepted(error, is_session))?;
    login.user.clone_from(&identity.name);
    let old = logins.login(service.origin()).ok().flatten();
    let place = logins.keep(service.origin(), &login).map_err(ServiceError::from)?;
    if let Some(old) = old.filter(|old| old.is_session && old.token != login.token)
        && let Err(error) = service.end_session(&old.token)
    {
        tracing::info!(%error, "the session before this one could not be ended");
    }
    let kept = match &place {
        Place::Keyring => "keyring",
        Place::File(why) => {
            if ctx.env.text(AZML_KEYRING).is_none() {
                ctx.notices.warning(&format!(
                    "the token is in the file {}, which only you can read: {why}",
                    logins.path().display()
                ));
            }
            "file"
        }
    };
    ctx.notices.status(&format!("Signed in to {url} as {}", identity.name));
    Ok(Output::Value(json!({
        "service": url,
        "user": identity.name,
        "account": identity.account,
        "expires": login.expires.map_or(Value::Null, |end| day(end).into()),
        "kept_in": kept,
    })))
}

/// The token that was given, if any.
fn given(args: &Args) -> Result<Option<Secret>, CommandError> {
    let text = if args.with_token {
        let mut text = String::new();
        let read = std::io::stdin().take(LONGEST_TOKEN).read_to_string(&mut text);
        read.map_err(|error| CommandError::file("read the token from", "standard input".as_ref(), error))?;
        text
    } else {
        let Some(token) = &args.token else { return Ok(None) };
        token.clone()
    };
    let token = text.trim();
    if token.is_empty() || token.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(CommandError::usage("the token is empty, or not one word")
            .hint("{azml} login --with-token < FILE"));
    }
    Ok(Some(Secret::new(token)))
}

fn by_code(ctx: &Context, service: &Service) -> Result<(Secret, Option<i64>), CommandError> {
    let over = |what: &str| {
        CommandError::new(ErrorKind::NotAllowed, what.to_owned()).hint("for a new code: {azml} login")
    };
    let mut pending = service.begin_sign_in(&host_name()).map_err(|error| match error {
        ServiceError::NotFound { host, .. } => {
            CommandError::failed(format!("{host} offers no sign-in by code"))
                .hint("use a personal access token: {azml} login --service URL --with-token")
        }
        other => other.into(),
    })?;
    ctx.notices.prompt(&format!(
        "To sign in, open {} in a browser and type the code {}",
        pending.page, pending.user_code
    ));
    let progress = ctx.notices.progress("Waiting for the sign-in");
    progress.say("until you have signed in");
    let mut waited = std::time::Duration::ZERO;
    while waited < pending.lifetime {
        std::thread::sleep(pending.interval);
        waited += pending.interval;
        match service.ask_sign_in(&mut pending)? {
            Progress::Waiting => {}
            Progress::Done(token, life) => return Ok((token, life)),
            Progress::Declined => return Err(over("the sign-in was refused on the page")),
            Progress::Expired => break,
        }
    }
    Err(over("the code has expired"))
}

fn not_accepted(error: ServiceError, is_session: bool) -> CommandError {
    match error {
        ServiceError::Unauthorized { host, .. } | ServiceError::Expired { host } if !is_session => {
            CommandError::new(
                ErrorKind::NotAllowed,
                format!("{host} does not accept this token; is it expired or revoked?"),
            )
            .hint("sign in by code: {azml} login --service URL --device-code")
        }
        ServiceError::NotFound { host, .. } => {
            CommandError::not_found(format!("there is no Experimentation service at {host}"))
                .hint("{azml} login --service URL")
        }
        other => other.into(),
    }
}
